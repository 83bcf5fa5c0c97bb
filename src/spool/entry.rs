//! What goes into a spool and what comes out of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::message::{Message, Object};

/// What a message in a spool is known by. They rise in the order in which messages were put, and none is used twice.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RowId(i64);

impl RowId {
    /// Before every message.
    pub const START: Self = Self(0);

    pub(super) fn new(id: i64) -> Self {
        Self(id)
    }

    /// After every message.
    pub const END: Self = Self(i64::MAX);

    /// The one before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RowId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A message to keep.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Put {
    /// Key of the repository, or of the source, within which order holds.
    pub lane: String,
    /// What is to be published.
    pub message: Message,
    /// Configured name of the source, for display.
    pub source: String,
    /// Delivery id, for display.
    pub delivery: String,
    /// When it was first sent, in Unix milliseconds; absent if surely never.
    pub sent_at: Option<i64>,
}

impl Put {
    /// What it counts: headers, body and objects, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let objects: usize = self.message.objects().map(|object| object.content.len()).sum();
        (self.message.headers.wire_len() + self.message.body.len() + objects) as u64
    }

    /// No fewer pages than its rows take or touch: what is longer than a page goes on in pages of its own, and each of
    /// its rows and index entries may split a page.
    pub(super) fn pages(&self) -> u64 {
        let of = |bytes: usize| bytes as u64 / 4000 + 2;
        let message = &self.message;
        let texts = self.lane.len() + self.source.len() + self.delivery.len() + message.id.len();
        let head = texts + message.subject.as_str().len() + message.headers.wire_len();
        let object = |object: &Object| of(object.content.len()) + 2;
        of(head) + of(message.body.len()) + 3 + message.objects().map(object).sum::<u64>()
    }
}

/// What becomes of a message in a spool.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is to be published.
    Waiting,
    /// It will never be published by itself: a dead letter.
    Dead,
    /// It was published, and is kept in case the server forgets it.
    Retained,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Retained => "retained",
        }
    }

    pub(super) fn of(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Dead, Self::Retained].into_iter().find(|state| state.as_str() == text)
    }
}

/// What is known of a message in a spool. Times are Unix milliseconds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// What it is known by.
    pub row: RowId,
    /// What becomes of it.
    pub state: State,
    /// Within which order holds.
    pub lane: String,
    /// Event id.
    pub event: String,
    /// Where to.
    pub subject: String,
    /// Configured name of the source.
    pub source: String,
    /// Delivery id.
    pub delivery: String,
    /// Headers, body and objects, in bytes.
    pub bytes: u64,
    /// When it was put; for one that waits again, since then.
    pub stored_at: i64,
    /// When it was first sent; absent if surely never.
    pub sent_at: Option<i64>,
    /// Why it is a dead letter.
    pub reason: Option<String>,
    /// Since when it is one.
    pub died_at: Option<i64>,
    /// Its sequence in the stream, where it is retained.
    pub sequence: Option<u64>,
}

/// A message in a spool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// What is known of it.
    pub entry: Entry,
    /// What is to be published: as it was put.
    pub message: Message,
}

/// A message that is in the spool and cannot be published as it stands there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("message {row} of the spool cannot be read: {reason}")]
pub struct Unreadable {
    /// Which one.
    pub row: RowId,
    /// What is wrong with it.
    pub reason: String,
}

/// Which retained messages are looked for: those that a server may have forgotten.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forgotten {
    /// Those with a later sequence than this,
    pub after: u64,
    /// and those of any sequence that were stored at this time or later, in Unix milliseconds;
    pub since: i64,
    /// in both cases stored no later than this.
    pub until: i64,
}

/// Messages that were read at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// They, in order. One that cannot be read stands in its place.
    pub messages: Vec<Result<Stored, Unreadable>>,
    /// Whether there were more of them than were read.
    pub more: bool,
}

/// What waits of one lane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lane {
    /// Key of the repository or source.
    pub key: String,
    /// The message that is to be published first.
    pub first_row: RowId,
    /// How many messages wait.
    pub count: u64,
}

/// How a spool is doing. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    /// Messages that are to be published.
    pub waiting: u64,
    /// Their headers, bodies and objects, in bytes.
    pub waiting_bytes: u64,
    /// Dead letters.
    pub dead: u64,
    /// Messages that were published and are kept.
    pub retained: u64,
    /// What all its files take.
    pub disk_bytes: u64,
    /// What they may take.
    pub max_bytes: u64,
    /// Since when the first of the waiting messages waits.
    pub oldest_stored_at: Option<i64>,
    /// Since when the last of them waits.
    pub newest_stored_at: Option<i64>,
    /// Whether the last delivery that did not fit would not fit now.
    pub full: bool,
    /// Whether the disk had no room for the last write, and has none now.
    pub disk_full: bool,
    /// Why nothing is written any more until the process starts again.
    pub latched: Option<String>,
}
