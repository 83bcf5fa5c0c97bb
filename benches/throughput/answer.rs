//! Answers to the load: read no further than their status and their end.
//!
//! In: the bytes that have come so far. Out: the status, once all have come.

use anyhow::{Context as _, Result, bail};

/// An answer's head and body are smaller than this, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// The status of the answer in `bytes`, or `None` while it is not complete.
///
/// # Errors
///
/// When it is no HTTP/1.1 answer with a length, or longer than 64 KiB.
pub(crate) fn status(bytes: &[u8]) -> Result<Option<u16>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        if bytes.len() > MAX_ANSWER {
            bail!("the answer's head exceeds 64 KiB");
        }
        return Ok(None);
    };
    let (head, rest) = bytes.split_at(end);
    let head = std::str::from_utf8(head).context("the answer's head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .context("the answer does not begin with an HTTP/1.1 status")?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .context("the answer has no content-length")?;
    if length > MAX_ANSWER {
        bail!("the answer's body exceeds 64 KiB");
    }
    Ok((rest.len() >= length + 4).then_some(status))
}
