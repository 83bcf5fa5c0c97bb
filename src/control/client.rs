//! The asking side of the socket.
//!
//! In comes the directory of a spool, out comes a connection to the daemon that has it, if one listens there.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;

use super::wire::{self, WireError};
use super::{Answer, Ask, address};

/// Most bytes of an answer: a message of the largest size that NATS takes, escaped.
const LONGEST_ANSWER: usize = 512 * 1024 * 1024;
/// How long an answer may take: a disk that is busy may need long to write.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a daemon.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// Why a daemon did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the daemon does not answer as it should")]
pub struct AskError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Client {
    /// Connects to the daemon that has the spool in `directory`.
    ///
    /// # Errors
    ///
    /// Those of the system: `NotFound` and `ConnectionRefused` where no daemon listens.
    pub async fn connect(directory: &Path) -> io::Result<Self> {
        let open = File::open(directory)?;
        let stream = UnixStream::connect(address(directory, &open)).await?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer, at most 30 seconds.
    ///
    /// # Errors
    ///
    /// [`AskError`] where there is none, or it is not understood. What was asked for may be done all the same.
    pub async fn ask(&mut self, ask: &Ask) -> Result<Answer, AskError> {
        let failed = |error: WireError| AskError(error.into());
        wire::write(&mut self.stream, ask, PATIENCE).await.map_err(failed)?;
        let answer =
            wire::read(&mut self.stream, LONGEST_ANSWER, PATIENCE).await.map_err(failed)?;
        answer.ok_or_else(|| AskError("it has ended".into()))
    }
}
