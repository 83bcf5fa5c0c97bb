//! The door to a spool that a daemon has open: a Unix socket beside it, for operators of the same machine.
//!
//! In come questions ([`Ask`]) of `forgewire spool`, out come answers ([`Answer`]). [`Server`] is the daemon's side,
//! [`Client`] the other one, and [`Desk`] answers, also for a command that has opened the spool itself. Each question
//! and each answer is JSON on a line of its own (`wire`); a connection takes one question after the other. Only the
//! user that the daemon runs as, and root, is answered.

mod client;
mod desk;
mod server;
mod wire;

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::client::{AskError, Client};
pub use self::desk::Desk;
pub use self::server::Server;
use crate::spool::{Entry, RowId, Status};

/// The socket in the spool's directory.
pub const SOCKET: &str = "control.sock";
/// What is spoken: what a daemon of another version says is not guessed at.
const VERSION: u32 = 1;
/// Most bytes of a socket's path, by `sun_path` of the system with its closing zero.
const LONGEST_PATH: usize = 107;

/// A question.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// How the spool is doing; answered by [`Answer::Status`].
    Status,
    /// Some of the waiting messages; answered by [`Answer::Entries`].
    List {
        /// Only of this lane.
        lane: Option<String>,
        /// After this row.
        after: RowId,
        /// At most so many; the answer may have fewer, but none only at the end.
        limit: usize,
    },
    /// Some of the dead letters; answered by [`Answer::Entries`].
    ListDead {
        /// After this row.
        after: RowId,
        /// As in [`Ask::List`].
        limit: usize,
    },
    /// A message of any state; answered by [`Answer::Message`].
    Show(RowId),
    /// Try to publish now, whatever failed before; answered by [`Answer::Status`].
    Hurry,
    /// Let a dead letter wait again; answered by [`Answer::Retried`].
    Retry(RowId),
    /// Remove a dead letter; answered by [`Answer::Dropped`].
    Drop(RowId),
}

/// An answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// How the spool is doing.
    Status(Overview),
    /// Messages by their rows; none when there are no more.
    Entries(Vec<Entry>),
    /// The message; none if there is none of this row.
    Message(Option<Box<Shown>>),
    /// The row under which it waits now; none if it was no dead letter.
    Retried(Option<RowId>),
    /// What was removed; none if it was no dead letter.
    Dropped(Option<Entry>),
    /// Why there is no answer.
    Failed(String),
}

/// A spool, and who has it open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Overview {
    /// The daemon that runs, if one does.
    pub daemon: Option<Running>,
    /// Whether who publishes it is connected to NATS; none where nobody does.
    pub connected: Option<bool>,
    /// How the spool is doing.
    pub spool: Status,
}

/// A daemon that runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

/// A message as it is shown.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Shown {
    /// What is known of it.
    pub entry: Entry,
    /// Headers and body.
    pub content: Content,
}

/// What a message holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// As it is to be published.
    Readable {
        /// Names and values, in their order.
        headers: Vec<(String, String)>,
        /// The body, which is JSON.
        body: String,
        /// What is to be stored before it.
        objects: Vec<StoredObject>,
    },
    /// It cannot be read, for this reason.
    Unreadable(String),
}

/// An object beside a message, without its bytes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StoredObject {
    /// The object store.
    pub bucket: String,
    /// Its name there.
    pub object: String,
    /// Its size.
    pub bytes: u64,
}

/// Where the socket of a directory is bound and found: its path or, where that is too long for a socket, the same
/// place through the open directory.
fn address(directory: &Path, open: &File) -> PathBuf {
    let path = directory.join(SOCKET);
    if path.as_os_str().len() <= LONGEST_PATH {
        return path;
    }
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd()))
}
