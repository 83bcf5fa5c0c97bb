//! Questions and answers as lines of JSON, each with the version of what is spoken.
//!
//! In come bytes of a peer, no more than a limit and in a given time; out come values, or why there is none.

use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};

use super::VERSION;

/// A line with its version.
#[derive(Deserialize, Serialize)]
struct Line<T> {
    version: u32,
    say: T,
}

/// The version of a line, whatever else it says.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Why a line says nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nothing came, or nothing was taken, for so long.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Slow(Duration),
    /// The line is longer than it may be.
    #[error("a line of more than {0} bytes")]
    TooLong(usize),
    /// Another version is spoken there.
    #[error(
        "version {0} of the control protocol is spoken there, and {VERSION} here: use the forgewire that the daemon runs"
    )]
    OtherVersion(u32),
    /// It is none of the values.
    #[error("not understood: {0}")]
    Unknown(#[from] serde_json::Error),
}

/// Reads a value; none at the end of the connection.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    most: usize,
    patience: Duration,
) -> Result<Option<T>, WireError> {
    let mut line = Vec::new();
    let mut limited = from.take(most as u64 + 1);
    let reading = limited.read_until(b'\n', &mut line);
    tokio::time::timeout(patience, reading)
        .await
        .map_err(|_elapsed| WireError::Slow(patience))??;
    if line.len() > most {
        return Err(WireError::TooLong(most));
    }
    if line.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice::<Version>(&line)?.version {
        VERSION => Ok(Some(serde_json::from_slice::<Line<T>>(&line)?.say)),
        other => Err(WireError::OtherVersion(other)),
    }
}

/// Writes a value.
pub(super) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    say: &impl Serialize,
    patience: Duration,
) -> Result<(), WireError> {
    let mut line = serde_json::to_vec(&Line { version: VERSION, say })?;
    line.push(b'\n');
    let writing = to.write_all(&line);
    Ok(tokio::time::timeout(patience, writing)
        .await
        .map_err(|_elapsed| WireError::Slow(patience))??)
}
