//! The spool: messages that are acknowledged to a forge and not yet by JetStream, kept on the local disk.
//!
//! In come the messages of a delivery, on the disk when [`Spool::put`] returns; out they come by lane and in order,
//! equal to what was put, until [`Spool::done`]. It is a SQLite database with a write-ahead log. Nothing that waits is
//! ever removed by itself, and all files together never take more than `max_bytes`. It knows neither NATS nor HTTP.

mod entry;
mod error;
mod files;
mod open;
mod read;
mod room;
mod schema;
mod status;
mod tables;
#[cfg(test)]
mod tests;
mod work;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use self::entry::{
    Entry, Forgotten, Lane, Page, Put, RowId, State, Status, Stored, Unreadable,
};
pub use self::error::{OpenError, ReadError, WriteError};
use self::files::Files;
use self::open::Place;
use self::read::Readers;
use self::status::Shared;
use self::tables::Fate;
use self::work::{Change, Command, Job, Work};
use self::writer::Writer;

/// A spool that is open. The directory belongs to it until it is closed or dropped.
#[derive(Debug)]
pub struct Spool {
    commands: Sender<Command>,
    readers: Readers,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Also while the thread that writes has failed the directory is nobody else's.
    place: Mutex<Option<Arc<Place>>>,
}

impl Spool {
    /// Opens the spool in `directory`, which is made if it is missing. Its files take at most `max_bytes`; a delivery
    /// takes twice its size for a moment.
    ///
    /// Looks through all of it, which takes about a second per gigabyte: not for a thread that must not wait.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the path and what to do.
    pub fn open(directory: &Path, max_bytes: u64) -> Result<Self, OpenError> {
        let place = Arc::new(Place::take(directory)?);
        let connection = place.writer()?;
        let failed = |error: rusqlite::Error| OpenError::of_sqlite(&place.path, &error);
        let files = Files::new(connection, Arc::clone(&place), max_bytes).map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(files, Arc::clone(&shared)).map_err(failed)?;
        let (commands, told) = channel();
        let thread = std::thread::Builder::new().name("spool".to_owned());
        let thread = thread.spawn(move || writer.run(&told));
        let thread = thread.map_err(|error| OpenError::of_io(directory, error))?;
        Ok(Self {
            commands,
            readers: Readers::new(place.path.clone()),
            shared,
            thread: Some(thread),
            place: Mutex::new(Some(place)),
        })
    }

    /// The database in `directory`, whether there is one or not.
    #[must_use]
    pub fn database(directory: &Path) -> PathBuf {
        open::database(directory)
    }

    /// Keeps all messages of a delivery, or none. They are on the disk when this returns. Whoever stops waiting for
    /// it undoes nothing. Row ids are those of the messages, in their order.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; nothing of the delivery is kept then, except that after [`WriteError::Latched`] it may
    /// be there at the next start.
    pub async fn put(&self, puts: Vec<Put>) -> Result<Vec<RowId>, WriteError> {
        self.work(Work::Put(puts.into_iter().map(|put| (put, Fate::Waiting)).collect())).await
    }

    /// Keeps a message that will not be published by itself, because of `reason`.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    pub async fn put_dead(&self, put: Put, reason: String) -> Result<RowId, WriteError> {
        let rows = self.work(Work::Put(vec![(put, Fate::Dead(reason))])).await?;
        rows.first().copied().ok_or(WriteError::Closed)
    }

    /// Keeps messages that were published, each with its sequence in the stream.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    pub async fn retain(&self, puts: Vec<(Put, u64)>) -> Result<Vec<RowId>, WriteError> {
        let puts = puts.into_iter().map(|(put, sequence)| (put, Fate::Retained(sequence)));
        self.work(Work::Put(puts.collect())).await
    }

    /// These were published, and go. That is on the disk a moment later; what happens before costs a second
    /// publish under the same id.
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`].
    pub fn done(&self, rows: &[RowId]) -> Result<(), WriteError> {
        self.change(rows.iter().map(|row| Change::Done(*row)).collect())
    }

    /// These were published with these sequences in the stream, and are retained. On the disk a moment later.
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`].
    pub fn done_retained(&self, rows: &[(RowId, u64)]) -> Result<(), WriteError> {
        self.change(
            rows.iter().map(|(row, sequence)| Change::DoneRetained(*row, *sequence)).collect(),
        )
    }

    /// These were sent at that time, in Unix milliseconds; what was known before stays. On the disk a moment later.
    ///
    /// # Errors
    ///
    /// [`WriteError::Closed`].
    pub fn mark_sent(&self, rows: &[RowId], at: i64) -> Result<(), WriteError> {
        self.change(rows.iter().map(|row| Change::Sent(*row, at)).collect())
    }

    /// Makes a waiting message a dead letter; false if it does not wait.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; it waits as before.
    pub async fn bury(&self, row: RowId, reason: String) -> Result<bool, WriteError> {
        self.work(Work::Bury(row, reason)).await.map(|rows| !rows.is_empty())
    }

    /// Lets a dead letter wait again, at the end of its lane and with the same event id; its new row id, or none if it
    /// is no dead letter.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; it is dead as before.
    pub async fn dead_retry(&self, row: RowId) -> Result<Option<RowId>, WriteError> {
        self.work(Work::Retry(row)).await.map(|rows| rows.first().copied())
    }

    /// Removes a dead letter; false if it is none.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; it is there as before.
    pub async fn dead_drop(&self, row: RowId) -> Result<bool, WriteError> {
        self.work(Work::Drop(row)).await.map(|rows| !rows.is_empty())
    }

    /// Dead letters after a row, up to so many, in the order of their row ids.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn dead_list(&self, after: RowId, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.readers.run(move |read| read::list(read, State::Dead, after, limit)).await
    }

    /// A dead letter with all that it holds; none if it is no dead letter.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; within, [`Unreadable`].
    pub async fn dead_show(
        &self,
        row: RowId,
    ) -> Result<Option<Result<Stored, Unreadable>>, ReadError> {
        self.readers.run(move |read| read::show(read, row, Some(State::Dead))).await
    }

    /// What waits, by lane; those first whose first message came first.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn lanes(&self) -> Result<Vec<Lane>, ReadError> {
        self.readers.run(read::lanes).await
    }

    /// The waiting messages of a lane after a row, in order: at least one if there is one, else as many as the limits
    /// allow. One that cannot be read stands in its place as [`Unreadable`].
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn next(
        &self,
        lane: &str,
        after: RowId,
        limit_rows: usize,
        limit_bytes: u64,
    ) -> Result<Page, ReadError> {
        let lane = lane.to_owned();
        self.readers.run(move |read| read::next(read, &lane, after, limit_rows, limit_bytes)).await
    }

    /// Waiting messages after a row, up to so many, in the order of their row ids.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn list(&self, after: RowId, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.readers.run(move |read| read::list(read, State::Waiting, after, limit)).await
    }

    /// Waiting messages of one lane after a row, up to so many, in the order of their row ids.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn list_lane(
        &self,
        lane: &str,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        let lane = lane.to_owned();
        self.readers.run(move |read| read::list_lane(read, &lane, after, limit)).await
    }

    /// What is known of a message of any state, also of one that cannot be read.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn entry(&self, row: RowId) -> Result<Option<Entry>, ReadError> {
        self.readers.run(move |read| read::find(read, row)).await
    }

    /// A message of any state with all that it holds.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; within, [`Unreadable`].
    pub async fn show(&self, row: RowId) -> Result<Option<Result<Stored, Unreadable>>, ReadError> {
        self.readers.run(move |read| read::show(read, row, None)).await
    }

    /// Retained messages that may be forgotten; those after a row, in the order of their row ids: at least one if there
    /// is one, else as many as the limits allow.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn retained(
        &self,
        which: Forgotten,
        row: RowId,
        limit_rows: usize,
        limit_bytes: u64,
    ) -> Result<Page, ReadError> {
        self.readers
            .run(move |read| read::retained(read, which, row, limit_rows, limit_bytes))
            .await
    }

    /// Removes retained messages that were acknowledged before that time, in Unix milliseconds; how many. Others write
    /// in between.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; those that were removed before it stay so.
    pub async fn drop_retained_before(&self, time: i64) -> Result<u64, WriteError> {
        let mut dropped = 0;
        loop {
            let rows = self.work(Work::DropRetained(time)).await?;
            if rows.is_empty() {
                return Ok(dropped);
            }
            dropped += rows.len() as u64;
        }
    }

    /// What was kept under a name.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn meta_get(&self, name: &str) -> Result<Option<String>, ReadError> {
        let name = name.to_owned();
        self.readers.run(move |read| read::fact(read, &name)).await
    }

    /// Keeps a small fact under a name.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what was kept before stays.
    pub async fn meta_set(&self, name: &str, value: &str) -> Result<(), WriteError> {
        self.work(Work::SetFact(name.to_owned(), value.to_owned())).await.map(|_| ())
    }

    /// How it is doing; never waits.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status().clone()
    }

    /// Whether the thread that writes has failed: everything that is asked of it is answered
    /// [`WriteError::Closed`] from then on.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.shared.failed()
    }

    /// Commits what was asked for before, closes the files and gives the directory back. What is asked for later is
    /// answered that it is closed.
    pub async fn close(&self) {
        self.readers.close().await;
        let (closed, told) = oneshot::channel();
        if self.commands.send(Command::Close(closed)).is_ok() {
            // Either it says so, or it has failed.
            let _ = told.await;
        }
        self.place().take();
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<Arc<Place>>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(&self, work: Work) -> Result<Vec<RowId>, WriteError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Do(Job { work, reply }));
        sent.map_err(|_ended| WriteError::Closed)?;
        answer.await.map_err(|_ended| WriteError::Closed)?
    }

    fn change(&self, changes: Vec<Change>) -> Result<(), WriteError> {
        self.commands.send(Command::Change(changes)).map_err(|_ended| WriteError::Closed)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.readers.shut();
        let (closed, _nobody) = oneshot::channel();
        // It may be closed already, or have failed.
        let _ = self.commands.send(Command::Close(closed));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
