//! The database of a spool with its log, as one thing that has room, or fails.
//!
//! In come pages that are to be written and transactions, out comes what became of them. Owns the connection that
//! writes, and the verdict that nothing is written any more.

use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rustix::io::Errno;

use super::error::{Verdict, WriteError, verdict_of};
use super::open::Place;
use super::room::{Log, Room};

/// Pages of a step of giving room back.
const VACUUMED: u64 = 256;
/// Free pages that stay in the file.
const KEPT: u64 = 64;

/// Database and log.
pub(super) struct Files {
    pub(super) connection: Connection,
    pub(super) room: Room,
    /// Why nothing is written any more.
    pub(super) latched: Option<String>,
    /// Stays open longer than the connection.
    place: Arc<Place>,
}

impl Files {
    pub(super) fn new(
        connection: Connection,
        place: Arc<Place>,
        max_bytes: u64,
    ) -> rusqlite::Result<Self> {
        let mut room = Room::new(&place, max_bytes);
        connection.pragma_update(None, "journal_size_limit", room.longest_log())?;
        room.measure(&connection)?;
        Ok(Self { connection, room, latched: None, place })
    }

    pub(super) fn measure(&mut self) -> rusqlite::Result<()> {
        self.room.measure(&self.connection)
    }

    /// Runs `work` in a transaction that is on the disk when this returns.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let transaction = self.connection.unchecked_transaction()?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// What an error means for whoever asked and for everybody after.
    pub(super) fn judge(&mut self, error: &rusqlite::Error) -> WriteError {
        match verdict_of(error) {
            Verdict::DiskFull => WriteError::DiskFull,
            Verdict::Passing => WriteError::Io(error.to_string()),
            Verdict::Latch => self.latch(error.to_string()),
        }
    }

    fn latch(&mut self, reason: String) -> WriteError {
        // Closing would copy the log into the database, as if all of it were on the disk.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        WriteError::Latched(self.latched.get_or_insert(reason).clone())
    }

    fn refuse_if_latched(&self) -> Result<(), WriteError> {
        self.latched.clone().map_or(Ok(()), |reason| Err(WriteError::Latched(reason)))
    }

    /// Makes room for so many pages of new rows.
    pub(super) fn make_room(&mut self, pages: u64) -> Result<(), WriteError> {
        self.refuse_if_latched()?;
        if !self.room.could_take(pages) {
            // What the database was given in advance comes back once the log is copied.
            self.checkpoint("RESTART")?;
        }
        if !self.room.could_take(pages) {
            return Err(WriteError::Full);
        }
        self.shorten_until(|room| room.takes(pages, Log::GoesOn))?;
        if !self.room.takes(pages, Log::GoesOn) {
            return Err(WriteError::Full);
        }
        let allocated = self.room.allocate(&self.place.database, pages).or_else(|_no_room| {
            // Copying the log gives back what was allocated and not needed.
            self.rewind_log();
            self.room.allocate(&self.place.database, pages)
        });
        match allocated {
            Ok(()) => Ok(()),
            Err(Errno::NOSPC | Errno::DQUOT) => Err(WriteError::DiskFull),
            Err(Errno::IO) => Err(self.latch("no blocks for the database".to_owned())),
            Err(error) => Err(WriteError::Io(error.to_string())),
        }
    }

    /// Makes room for touching so many pages, as far as that is possible: removing is never refused for want of it.
    pub(super) fn make_removal_room(&mut self, pages: u64) -> Result<(), WriteError> {
        self.refuse_if_latched()?;
        self.shorten_until(|room| room.takes_removal(pages, Log::GoesOn))
    }

    fn shorten_until(&mut self, enough: impl Fn(&Room) -> bool) -> Result<(), WriteError> {
        for mode in ["RESTART", "TRUNCATE"] {
            if !enough(&self.room) {
                self.checkpoint(mode)?;
            }
        }
        Ok(())
    }

    /// Copies the log into the database if it is long.
    pub(super) fn shorten_log(&mut self) {
        if self.room.log_is_long() && self.latched.is_none() {
            // It is tried again after the next commit.
            let _ = self.checkpoint("RESTART");
        }
    }

    /// Lets the log begin anew within the blocks that it has.
    pub(super) fn rewind_log(&mut self) {
        if self.latched.is_none() {
            let _ = self.checkpoint("RESTART");
        }
    }

    fn checkpoint(&mut self, mode: &str) -> Result<(), WriteError> {
        let copied =
            self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
            });
        let measured = copied.and_then(|copied| {
            if copied && self.room.log_is_used() {
                self.room.forget_allocated();
            }
            self.room.measure(&self.connection)
        });
        measured.map_err(|error| self.judge(&error))
    }

    /// Gives some room back to the disk; whether there is more of it. While messages wait the log keeps its blocks,
    /// so that they can be removed also when the disk is full.
    pub(super) fn tidy(&mut self, is_waiting: bool) -> bool {
        self.latched.is_none() && self.try_tidy(is_waiting).unwrap_or(false)
    }

    fn try_tidy(&mut self, is_waiting: bool) -> Result<bool, WriteError> {
        if self.room.free_pages() > KEPT {
            let before = self.room.free_pages();
            // Each page that moves takes the place of another, and two more say where it belongs.
            self.make_removal_room(4 * VACUUMED)?;
            let pages = VACUUMED.min(before - KEPT);
            self.vacuum(pages).map_err(|error| self.judge(&error))?;
            self.shorten_log();
            return Ok(self.room.free_pages() < before);
        }
        if is_waiting && self.room.log_is_used() {
            self.checkpoint("RESTART")?;
        } else if !is_waiting && self.room.log_has_bytes() {
            self.checkpoint("TRUNCATE")?;
        }
        Ok(false)
    }

    fn vacuum(&mut self, pages: u64) -> rusqlite::Result<()> {
        // It goes on for as long as it is asked for the next row.
        let mut statement =
            self.connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
        drop(statement);
        self.room.measure(&self.connection)
    }
}
