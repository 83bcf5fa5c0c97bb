//! What a spool takes on disk, and what it may take.
//!
//! In come the pages that somebody wants to write, out comes whether they fit: database, write-ahead log and shared
//! memory together never take more than `max_bytes`. For that each is bounded before it is written: the log is
//! checkpointed while it is short, the database has its blocks before the log promises them, and a part is kept
//! back in which messages can always be removed.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::open::{PAGE, Place};

/// A page in the log, with its header.
const FRAME: u64 = PAGE + 24;
/// The shared memory grows by this much for as many frames.
const SHARED: (u64, u64) = (32 * 1024, 4062);
/// How long the log may get before it is copied into the database, in bytes.
const LONGEST_LOG: u64 = 16 * 1024 * 1024;
/// What is kept back for removing messages, at most, in bytes.
const MOST_RESERVED: u64 = 4 * 1024 * 1024;
/// Pages that a commit touches whatever it does: the roots of tables and indexes, the free list, the sequence.
const TOUCHED: u64 = 32;
/// The database gets its blocks in steps of so many bytes.
const STEP: u64 = 256 * 1024;

/// What the files take.
#[derive(Debug)]
pub(super) struct Room {
    directory: PathBuf,
    files: [PathBuf; 3],
    max_bytes: u64,
    /// Pages of the database, also those that are still in the log.
    pages: u64,
    /// Of those, how many hold nothing.
    free: u64,
    /// Pages in the log.
    frames: u64,
    /// Bytes of the log's file, which does not get shorter by itself.
    log_bytes: u64,
    database_bytes: u64,
    shared_bytes: u64,
    /// Up to where the database is known to have blocks.
    allocated: u64,
}

impl Room {
    pub(super) fn new(place: &Place, max_bytes: u64) -> Self {
        let beside = |suffix: &str| {
            let mut path = place.path.clone().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        Self {
            directory: place.directory.clone(),
            files: [beside(""), beside("-wal"), beside("-shm")],
            max_bytes,
            pages: 0,
            free: 0,
            frames: 0,
            log_bytes: 0,
            database_bytes: 0,
            shared_bytes: 0,
            allocated: 0,
        }
    }

    /// Looks at what there is.
    pub(super) fn measure(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let number = |sql, column| {
            connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(column))
        };
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        self.pages = count(number("PRAGMA page_count", 0)?);
        self.free = count(number("PRAGMA freelist_count", 0)?);
        // Looks only; the second column is the number of pages in the log.
        self.frames = count(number("PRAGMA wal_checkpoint(NOOP)", 1)?);
        let bytes = self.files.each_ref().map(|file| length(file));
        [self.database_bytes, self.log_bytes, self.shared_bytes] = bytes;
        Ok(())
    }

    /// What all files take, in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.database_bytes.max(self.allocated) + self.log_bytes + self.shared_bytes
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Pages of the database that hold nothing.
    pub(super) fn free_pages(&self) -> u64 {
        self.free
    }

    /// How long the log may get before it is copied, in bytes.
    pub(super) fn longest_log(&self) -> u64 {
        LONGEST_LOG.min(self.max_bytes / 8)
    }

    /// Whether the log is long enough to be copied.
    pub(super) fn log_is_long(&self) -> bool {
        self.frames * FRAME > self.longest_log()
    }

    /// Whether the log has anything in it.
    pub(super) fn log_is_used(&self) -> bool {
        self.frames > 0
    }

    /// Whether the log has a file that is longer than it needs to be.
    pub(super) fn log_has_bytes(&self) -> bool {
        self.log_bytes > 0
    }

    /// Whether `pages` more fit, if the log goes on from where it is, or begins anew.
    pub(super) fn takes(&self, pages: u64, log: Log) -> bool {
        self.after(pages, log) + self.reserved() <= self.max_bytes
    }

    /// Whether `pages` more fit once the log is copied.
    pub(super) fn could_take(&self, pages: u64) -> bool {
        [Log::GoesOn, Log::BeginsAnew, Log::IsCut].into_iter().any(|log| self.takes(pages, log))
    }

    /// How many messages may be removed in one commit within what is kept back for it.
    pub(super) fn removed_at_once(&self) -> u32 {
        let rows = (self.reserved() / FRAME).saturating_sub(TOUCHED) / 8;
        u32::try_from(rows.clamp(1, 256)).unwrap_or(1)
    }

    /// Whether so many pages may be touched in removing messages.
    pub(super) fn takes_removal(&self, pages: u64, log: Log) -> bool {
        self.after_log(self.database_bytes.max(self.allocated), pages, log) <= self.max_bytes
    }

    fn reserved(&self) -> u64 {
        MOST_RESERVED.min(self.max_bytes / 16)
    }

    /// What all files would take.
    fn after(&self, pages: u64, log: Log) -> u64 {
        let database = self.database_after(pages).max(self.database_bytes).max(self.allocated);
        self.after_log(database, pages, log)
    }

    fn after_log(&self, database: u64, pages: u64, log: Log) -> u64 {
        let (kept, frames) = match log {
            Log::GoesOn => (self.log_bytes, self.frames),
            Log::BeginsAnew => (self.log_bytes, 0),
            Log::IsCut => (0, 0),
        };
        let frames = frames + pages + TOUCHED;
        let shared = (frames / SHARED.1 + 1) * SHARED.0;
        database + kept.max(frames * FRAME) + shared.max(self.shared_bytes)
    }

    fn database_after(&self, pages: u64) -> u64 {
        let used = self.pages.saturating_sub(self.free) + pages + TOUCHED;
        // Every so many pages, one says where the others belong.
        (used + pages / 800 + 1).max(self.pages) * PAGE
    }

    /// Gives the database the blocks that `pages` more need, so that what is in the log can always be copied. Where a
    /// file system cannot do that, copying may find the disk full, which then waits for room.
    pub(super) fn allocate(&mut self, database: &File, pages: u64) -> rustix::io::Result<()> {
        let needed = self.database_after(pages);
        let from = self.allocated.max(self.database_bytes);
        if needed <= from {
            return Ok(());
        }
        let kept = self.log_bytes + self.shared_bytes + self.reserved();
        let most = self.max_bytes.saturating_sub(kept).max(needed);
        let to = needed.next_multiple_of(STEP).min(most);
        let allocate =
            |to| rustix::fs::fallocate(database, FallocateFlags::KEEP_SIZE, from, to - from);
        match allocate(to).map(|()| to).or_else(|_no_step| allocate(needed).map(|()| needed)) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error),
            Ok(to) => {
                self.allocated = to;
                Ok(())
            }
        }
    }

    /// All of the log is in the database, which has no blocks behind its end then.
    pub(super) fn forget_allocated(&mut self) {
        self.allocated = 0;
    }

    /// Whether the disk has so many pages twice, for the log and the database.
    pub(super) fn disk_has(&self, pages: u64) -> bool {
        rustix::fs::statvfs(&self.directory)
            .is_ok_and(|disk| disk.f_bavail * disk.f_frsize >= (pages + TOUCHED) * (PAGE + FRAME))
    }
}

/// Where the log would go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Log {
    /// Behind what is in it.
    GoesOn,
    /// From its beginning, all of it being in the database; its file stays.
    BeginsAnew,
    /// In an empty file.
    IsCut,
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
