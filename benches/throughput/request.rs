//! Prepared requests: everything but the delivery id is computed before the clock starts.
//!
//! In: what the load shall consist of. Out: complete HTTP/1.1 requests, each with a delivery id
//! of its own, with the headers that Gitea sends and in the order in which Go writes them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{payload, refs};

/// Stands where the delivery id goes; no header and no payload contains it.
const DELIVERY: char = '\u{1}';

/// All bodies together stay below this, in bytes.
const MAX_PREPARED: usize = 1 << 30;

/// Where and what to send.
pub(crate) struct Target<'t> {
    pub(crate) host: &'t str,
    pub(crate) path: &'t str,
    /// How many sources the repositories are dealt out to: the first is at `path`, the second at `path` with `-2`
    /// behind it.
    pub(crate) sources: usize,
    pub(crate) secret: &'t str,
}

/// One prepared push per repository, handed out in turn.
pub(crate) struct Requests {
    prepared: Vec<Prepared>,
    given: AtomicU64,
    /// Which of them is the first, so that a short run does not always show the same ones.
    first: usize,
    /// Different in every process, so that a delivery id never comes twice on one server.
    run: u64,
}

struct Prepared {
    /// The head, cut wherever the delivery id goes.
    head: Vec<String>,
    body: String,
}

impl Requests {
    /// Writes and signs one push of `bytes` bytes for each of `repositories` repositories. One that changes
    /// more than one of the `refs` comes from Bitbucket Data Center, and its size is given by their number.
    ///
    /// # Errors
    ///
    /// When no push fits into `bytes`, when all of them exceed 1 GiB, when there is no
    /// randomness.
    pub(crate) fn prepare(
        target: &Target<'_>,
        repositories: usize,
        bytes: usize,
        refs: usize,
    ) -> Result<Self> {
        if repositories == 0 || repositories.saturating_mul(bytes) > MAX_PREPARED {
            bail!("{repositories} repositories of {bytes} bytes: the bodies must fit into 1 GiB");
        }
        let prepared = (0..repositories)
            .map(|repository| {
                let (body, named) = if refs > 1 {
                    (refs::push(repository, refs), of_bitbucket_dc as fn(&str) -> String)
                } else {
                    (payload::push(repository, bytes)?, of_gitea as fn(&str) -> String)
                };
                if body.len() != bytes {
                    bail!("a push of {refs} refs has {} bytes, not {bytes}", body.len());
                }
                let path = path(target, repository);
                let head = head(target, &path, &body, named)?;
                Ok(Prepared { head, body })
            })
            .collect::<Result<_>>()?;
        let run = getrandom::u64()?;
        let first = usize::try_from(run % repositories as u64)?;
        Ok(Self { prepared, given: AtomicU64::new(0), first, run })
    }

    /// Replaces the content of `buffer` with the next request.
    pub(crate) fn write_next(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let place = (number + self.first as u64) % self.prepared.len() as u64;
        let Some(request) = usize::try_from(place).ok().and_then(|at| self.prepared.get(at)) else {
            return;
        };
        let delivery = delivery_id(self.run, number);
        for (nth, piece) in request.head.iter().enumerate() {
            if nth > 0 {
                buffer.extend_from_slice(delivery.as_bytes());
            }
            buffer.extend_from_slice(piece.as_bytes());
        }
        buffer.extend_from_slice(request.body.as_bytes());
    }
}

/// Where the pushes of this repository go.
fn path(target: &Target<'_>, repository: usize) -> String {
    match repository % target.sources.max(1) {
        0 => target.path.to_owned(),
        source => format!("{}-{}", target.path, source + 1),
    }
}

fn head(
    target: &Target<'_>,
    path: &str,
    body: &str,
    named: fn(&str) -> String,
) -> Result<Vec<String>> {
    let Target { host, secret, .. } = target;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(body.as_bytes());
    let mut sha256 = String::new();
    for byte in mac.finalize().into_bytes() {
        write!(sha256, "{byte:02x}")?;
    }
    let (length, named) = (body.len(), named(&sha256));
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{named}\r\n");
    Ok(head.split(DELIVERY).map(str::to_owned).collect())
}

/// The headers of Gitea.
fn of_gitea(sha256: &str) -> String {
    // Nobody on either side reads the SHA-1 signature: only its length matters here.
    let sha1: String = sha256.chars().take(40).collect();
    format!(
        "User-Agent: Go-http-client/1.1\r\nContent-Type: application/json\r\n\
         X-GitHub-Delivery: {DELIVERY}\r\nX-GitHub-Event: push\r\nX-GitHub-Event-Type: push\r\n\
         X-GitHub-Hook-Installation-Target-Type: repository\r\n\
         X-Gitea-Delivery: {DELIVERY}\r\nX-Gitea-Event: push\r\nX-Gitea-Event-Type: push\r\n\
         X-Gitea-Hook-Installation-Target-Type: repository\r\nX-Gitea-Signature: {sha256}\r\n\
         X-Gogs-Delivery: {DELIVERY}\r\nX-Gogs-Event: push\r\nX-Gogs-Event-Type: push\r\n\
         X-Gogs-Signature: {sha256}\r\nX-Hub-Signature: sha1={sha1}\r\n\
         X-Hub-Signature-256: sha256={sha256}\r\nAccept-Encoding: gzip\r\n"
    )
}

/// Those of Bitbucket Data Center.
fn of_bitbucket_dc(sha256: &str) -> String {
    format!(
        "User-Agent: Atlassian HttpClient 3.0.4 / Bitbucket-9.4.2 (9004002) / Default\r\n\
         Content-Type: application/json; charset=utf-8\r\nX-Event-Key: repo:refs_changed\r\n\
         X-Request-Id: {DELIVERY}\r\nX-Hub-Signature: sha256={sha256}\r\n"
    )
}

/// A version 4 UUID whose random part is the run and whose end counts.
fn delivery_id(run: u64, number: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        run >> 32,
        (run >> 16) & 0xffff,
        (run >> 4) & 0xfff,
        run & 0xfff,
        number & 0xffff_ffff_ffff
    )
}
