//! What the thread that writes is asked to do, and what each asks of the disk.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::entry::{Put, RowId, State};
use super::error::WriteError;
use super::tables::{Fate, Tables};

/// Pages that a change of one message touches at most: its row, its body, and its place in each index.
const TOUCHED_BY_CHANGE: u64 = 8;

/// Whom to tell.
pub(super) type Reply = oneshot::Sender<Result<Vec<RowId>, WriteError>>;

/// What to do in one piece. It answers with the rows that it made or changed.
#[derive(Debug)]
pub(super) enum Work {
    /// Keep all of these.
    Put(Vec<(Put, Fate)>),
    /// Make a waiting message a dead letter.
    Bury(RowId, String),
    /// Let a dead letter wait again.
    Retry(RowId),
    /// Remove a dead letter.
    Drop(RowId),
    /// Remove some of what was acknowledged before, in Unix milliseconds.
    DropRetained(i64),
    /// Keep a fact under a name.
    SetFact(String, String),
}

impl Work {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Put(puts) => puts.len(),
            _ => 1,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Put(puts) => puts.iter().map(|(put, _)| put.bytes()).sum(),
            _ => 0,
        }
    }

    /// Pages that it adds to the database at most; none if it only changes or removes something.
    pub(super) fn adds(&self, connection: &Connection) -> rusqlite::Result<u64> {
        match self {
            Self::Put(puts) => Ok(puts.iter().map(|(put, _)| put.pages()).sum()),
            Self::Retry(row) => {
                let mut statement = connection.prepare_cached(
                    "SELECT coalesce(sum(length(content)), 0) FROM body WHERE message = ?",
                )?;
                let bytes: u64 = statement.query_row([row.get()], |row| row.get(0))?;
                Ok(bytes / 4000 + 2 * TOUCHED_BY_CHANGE)
            }
            // Facts are few and small, and have to be kept also by a full spool.
            Self::Bury(..) | Self::Drop(_) | Self::DropRetained(_) | Self::SetFact(..) => Ok(0),
        }
    }

    /// Pages that it touches at most where it adds none; `rows` is how many are removed in one go.
    pub(super) fn touches(&self, rows: u32) -> u64 {
        match self {
            Self::DropRetained(_) => u64::from(rows) * TOUCHED_BY_CHANGE,
            _ => TOUCHED_BY_CHANGE,
        }
    }

    pub(super) fn run(&self, tables: &mut Tables<'_>, rows: u32) -> rusqlite::Result<Vec<RowId>> {
        let if_done = |row: &RowId, done: bool| if done { vec![*row] } else { Vec::new() };
        match self {
            Self::Put(puts) => puts.iter().map(|(put, fate)| tables.insert(put, fate)).collect(),
            Self::Bury(row, reason) => tables.bury(*row, reason).map(|done| if_done(row, done)),
            Self::Retry(row) => tables.retry(*row).map(|made| made.into_iter().collect()),
            Self::Drop(row) => tables.remove(*row, State::Dead).map(|done| if_done(row, done)),
            Self::DropRetained(before) => tables.drop_retained(*before, rows),
            Self::SetFact(name, value) => tables.set_fact(name, value).map(|()| Vec::new()),
        }
    }
}

/// Work, and whom to tell once it is on the disk.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: Reply,
}

impl Job {
    pub(super) fn answer(self, answer: Result<Vec<RowId>, WriteError>) {
        // Whoever asked may have gone; what was done stays.
        let _ = self.reply.send(answer);
    }
}

/// A change that nobody waits for: if it is lost, a message is published once more.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// It was published.
    Done(RowId),
    /// It was published under this sequence, and is kept.
    DoneRetained(RowId, u64),
    /// It was sent, in Unix milliseconds.
    Sent(RowId, i64),
}

impl Change {
    /// Pages that so many touch at most.
    pub(super) fn touches(count: usize) -> u64 {
        count as u64 * TOUCHED_BY_CHANGE
    }

    pub(super) fn run(self, tables: &mut Tables<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Done(row) => tables.remove(row, State::Waiting).map(|_| ()),
            Self::DoneRetained(row, sequence) => tables.retain(row, sequence),
            Self::Sent(row, at) => tables.mark_sent(row, at),
        }
    }
}

/// What is said to the thread that writes.
#[derive(Debug)]
pub(super) enum Command {
    Do(Job),
    Change(Vec<Change>),
    /// Commit what was said before, close the database, then tell.
    Close(oneshot::Sender<()>),
    /// Panic, so that it can be seen what becomes of the others.
    #[cfg(test)]
    Panic,
}
