//! The thread that writes: many callers share a commit.
//!
//! In come commands in the order in which they were given, out go answers once what they ask for is on the disk.
//! While one commit runs the next ones gather. When nothing is to be done the thread gives room back to the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

use super::entry::RowId;
use super::error::WriteError;
use super::files::Files;
use super::status::Shared;
use super::tables::{Counts, Tables};
use super::work::{Change, Command, Job};

/// Most rows of a commit; a delivery with more has one of its own.
const BATCH_ROWS: usize = 256;
/// Most bytes of messages in a commit; a delivery with more has one of its own.
const BATCH_BYTES: u64 = 8 * 1024 * 1024;
/// How long a change that nobody waits for waits for a commit that it can share.
const LAZY: Duration = Duration::from_millis(50);
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long nothing is asked for before room is given back.
const IDLE: Duration = Duration::from_millis(500);
/// Between two steps of giving room back.
const STEP: Duration = Duration::from_millis(2);
/// Longer than anything.
const LONG: Duration = Duration::from_secs(3600);

/// Unix milliseconds.
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Says so if the thread ends without being told to.
struct Watch {
    shared: Arc<Shared>,
    ended_well: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended_well {
            self.shared.fail();
        }
    }
}

/// What each job answers, and how much there is then.
type Transacted = Result<(Vec<Vec<RowId>>, Counts), WriteError>;

/// The thread.
pub(super) struct Writer {
    files: Files,
    shared: Arc<Shared>,
    counts: Counts,
    jobs: VecDeque<Job>,
    changes: VecDeque<Change>,
    /// When changes are committed even alone.
    due: Option<Instant>,
    /// When room may be given back.
    tidy_at: Option<Instant>,
    /// Pages of the delivery that last did not fit.
    refused: Option<u64>,
    /// Pages that the disk last had no room for.
    no_room: Option<u64>,
}

impl Writer {
    pub(super) fn new(files: Files, shared: Arc<Shared>) -> rusqlite::Result<Self> {
        let counts = Counts::of(&files.connection)?;
        let mut writer = Self {
            files,
            shared,
            counts,
            jobs: VecDeque::new(),
            changes: VecDeque::new(),
            due: None,
            tidy_at: Some(Instant::now()),
            refused: None,
            no_room: None,
        };
        writer.tell()?;
        Ok(writer)
    }

    /// Does what it is told until it is told to close, or nobody is left to tell it anything.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut watch = Watch { shared: Arc::clone(&self.shared), ended_well: false };
        let closed = loop {
            let closed = match commands.recv_timeout(self.patience()) {
                Ok(command) => self.take(command).or_else(|| self.gather(commands)),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break None,
            };
            if closed.is_some() {
                break closed;
            }
            self.step();
        };
        self.finish();
        watch.ended_well = true;
        if let Some(closed) = closed {
            // Whoever closed it need not wait for it.
            let _ = closed.send(());
        }
    }

    /// How long there is nothing to do but to wait for a command.
    fn patience(&self) -> Duration {
        if !self.jobs.is_empty() {
            return Duration::ZERO;
        }
        let full =
            (self.refused.is_some() || self.no_room.is_some()).then(|| Instant::now() + AGAIN);
        let next = [self.due, self.tidy_at, full].into_iter().flatten().min();
        next.map_or(LONG, |next| next.saturating_duration_since(Instant::now()))
    }

    /// Takes in what else was asked for until then, as much as a commit holds.
    fn gather(&mut self, commands: &Receiver<Command>) -> Option<oneshot::Sender<()>> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            let Ok(command) = commands.try_recv() else { break };
            if let Command::Do(job) = &command {
                rows += job.work.rows();
                bytes += job.work.bytes();
            }
            if let Some(closed) = self.take(command) {
                return Some(closed);
            }
        }
        None
    }

    fn take(&mut self, command: Command) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Do(job) => self.jobs.push_back(job),
            Command::Change(changes) => {
                self.changes.extend(changes);
                self.due.get_or_insert_with(|| Instant::now() + LAZY);
            }
            Command::Close(closed) => return Some(closed),
            #[cfg(test)]
            Command::Panic => panic!("as was asked for"),
        }
        None
    }

    fn step(&mut self) {
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
        if !self.jobs.is_empty() || is_past(self.due) {
            self.commit();
            self.tidy_at = Some(Instant::now() + IDLE);
        } else if is_past(self.tidy_at) {
            let more = self.files.tidy(self.counts.waiting > 0);
            self.tidy_at = more.then(|| Instant::now() + STEP);
            self.told();
        } else {
            self.told();
        }
    }

    /// Commits a batch of what was asked for.
    fn commit(&mut self) {
        let (jobs, pages) = self.batch();
        let most = self.files.room.removed_at_once() as usize;
        let changes: Vec<Change> = self.changes.drain(..most.min(self.changes.len())).collect();
        self.due = (!self.changes.is_empty()).then(Instant::now);
        if jobs.is_empty() && changes.is_empty() {
            return self.told();
        }
        let done = match self.transact(&jobs, &changes) {
            // Within the blocks that the log has it may fit.
            Err(WriteError::DiskFull) => self.transact_anew(&jobs, &changes, pages),
            done => done,
        };
        match done {
            Ok((answers, counts)) => {
                self.counts = counts;
                self.no_room = None;
                self.told();
                for (job, answer) in jobs.into_iter().zip(answers) {
                    job.answer(Ok(answer));
                }
                self.files.shorten_log();
            }
            Err(error) => {
                if error == WriteError::DiskFull {
                    self.lack(pages);
                }
                self.put_back(changes);
                self.told();
                for job in jobs {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Changes that could not be written are written later.
    fn put_back(&mut self, changes: Vec<Change>) {
        if self.files.latched.is_some() {
            // They never will; after the restart their messages are published once more.
            self.changes.clear();
            self.due = None;
            return;
        }
        for change in changes.into_iter().rev() {
            self.changes.push_front(change);
        }
        self.due = (!self.changes.is_empty()).then(|| Instant::now() + AGAIN);
    }

    /// The jobs of the next commit, for which there is room, with the pages that they add. Those for which there is none are told so.
    fn batch(&mut self) -> (Vec<Job>, u64) {
        let (mut batch, mut rows, mut bytes, mut pages) = (Vec::new(), 0, 0, 0);
        while let Some(job) = self.jobs.pop_front() {
            rows += job.work.rows();
            bytes += job.work.bytes();
            if !batch.is_empty() && (rows > BATCH_ROWS || bytes > BATCH_BYTES) {
                self.jobs.push_front(job);
                break;
            }
            match self.make_room(&job, pages) {
                Ok(adds) => {
                    pages += adds;
                    batch.push(job);
                }
                Err(error) => {
                    rows -= job.work.rows();
                    bytes -= job.work.bytes();
                    job.answer(Err(error));
                }
            }
        }
        (batch, pages)
    }

    /// Makes room for a job beside those that add `pages`; how many it adds.
    fn make_room(&mut self, job: &Job, pages: u64) -> Result<u64, WriteError> {
        let adds = job.work.adds(&self.files.connection);
        let adds = adds.map_err(|error| self.files.judge(&error))?;
        if adds == 0 {
            return Ok(0);
        }
        let result = self.files.make_room(pages + adds);
        match result {
            Ok(()) => self.refused = self.refused.filter(|refused| *refused > adds),
            Err(WriteError::Full) => self.refused = Some(adds),
            Err(WriteError::DiskFull) => self.lack(adds),
            Err(_) => {}
        }
        if result.is_err() {
            // Whoever is refused sees the reason in the status.
            self.told();
        }
        result.map(|()| adds)
    }

    fn lack(&mut self, pages: u64) {
        self.no_room = Some(pages.max(1));
    }

    fn transact_anew(&mut self, jobs: &[Job], changes: &[Change], pages: u64) -> Transacted {
        self.files.rewind_log();
        if pages > 0 {
            self.files.make_room(pages)?;
        }
        self.transact(jobs, changes)
    }

    fn transact(&mut self, jobs: &[Job], changes: &[Change]) -> Transacted {
        let rows = self.files.room.removed_at_once();
        let touched = jobs.iter().map(|job| job.work.touches(rows)).sum::<u64>();
        self.files.make_removal_room(touched + Change::touches(changes.len()))?;
        let counts = self.counts;
        let done = self.files.transaction(|connection| {
            let mut tables = Tables { connection, counts, now: now() };
            for change in changes {
                change.run(&mut tables)?;
            }
            let answers = jobs.iter().map(|job| job.work.run(&mut tables, rows));
            Ok((answers.collect::<rusqlite::Result<Vec<_>>>()?, tables.counts))
        });
        done.map_err(|error| self.files.judge(&error))
    }

    /// Tells everybody how things are; what cannot be read is told the next time.
    fn told(&mut self) {
        if let Err(error) = self.tell() {
            self.files.judge(&error);
            self.shared.status().latched.clone_from(&self.files.latched);
        }
    }

    fn tell(&mut self) -> rusqlite::Result<()> {
        self.files.measure()?;
        let room = &self.files.room;
        self.refused = self.refused.filter(|pages| !room.could_take(*pages));
        self.no_room = self.no_room.filter(|pages| !room.disk_has(*pages));
        let oldest = waiting_since(&self.files.connection, "ASC")?;
        let newest = waiting_since(&self.files.connection, "DESC")?;
        let mut status = self.shared.status();
        status.waiting = self.counts.waiting;
        status.waiting_bytes = self.counts.waiting_bytes;
        status.dead = self.counts.dead;
        status.retained = self.counts.retained;
        status.disk_bytes = room.disk_bytes();
        status.max_bytes = room.max_bytes();
        status.oldest_stored_at = oldest;
        status.newest_stored_at = newest;
        status.full = self.refused.is_some();
        status.disk_full = self.no_room.is_some();
        status.latched.clone_from(&self.files.latched);
        Ok(())
    }

    /// Commits what is left, and closes the database.
    fn finish(mut self) {
        while !self.jobs.is_empty() || !self.changes.is_empty() {
            let left = self.changes.len();
            self.commit();
            if self.jobs.is_empty() && self.changes.len() == left {
                break;
            }
        }
    }
}

fn waiting_since(connection: &Connection, order: &str) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT stored_at FROM message WHERE state = 'waiting' ORDER BY id {order} LIMIT 1"
    );
    connection.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()
}
