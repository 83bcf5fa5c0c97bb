//! What can go wrong with a spool, and what of it is for ever.
//!
//! In come the result codes of SQLite and the errors of the file system, out come errors that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

/// Why a spool cannot be opened. Each names the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something else has the directory's name.
    #[error("{} is not a directory: move it away, or name another directory for the spool", .0.display())]
    NotADirectory(PathBuf),
    /// Directory or file cannot be made or written to.
    #[error("{} cannot be written to: {reason}; give it to the user that runs this, on a disk that is mounted writable", .path.display())]
    NotPermitted {
        /// Directory or file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use{}: one daemon per spool directory; stop the other one, or name another directory", .path.display(), by(*.pid))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who holds it, if that is known.
        pid: Option<u32>,
    },
    /// There is no room to open it.
    #[error("no room on the disk of {}: make room there and start again", .0.display())]
    DiskFull(PathBuf),
    /// The file is a database, but no spool.
    #[error("{} is a database of another program (application_id {application_id:#x}): move it away, or name another directory for the spool", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it says that it is.
        application_id: i32,
    },
    /// It was written by a later version.
    #[error("{} has the format {found}, and this version knows formats up to {known}: run the version that wrote it, and once `forgewire spool drain` has emptied it move the directory away: an empty one keeps its format", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The latest format that this version knows.
        known: i32,
    },
    /// It is damaged.
    #[error("{} is damaged ({reason}): copy the directory, try `sqlite3 {} .recover` on the copy, and start with an empty directory", .path.display(), .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        reason: String,
    },
    /// The system refuses in another way.
    #[error("{} cannot be opened: {reason}; check the disk, then start again", .path.display())]
    Io {
        /// Directory or file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}

impl OpenError {
    pub(super) fn of_io(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::NotADirectory => Self::NotADirectory(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { path, reason }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            _ => Self::Io { path, reason: reason.to_string() },
        }
    }

    pub(super) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(ffi::SQLITE_IOERR_SHMSIZE) => Self::DiskFull(path),
            Some(code) => match code & 0xff {
                ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Self::Corrupt { path, reason },
                ffi::SQLITE_FULL => Self::DiskFull(path),
                ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_CANTOPEN => {
                    Self::NotPermitted { path, reason: io::Error::other(reason) }
                }
                ffi::SQLITE_BUSY => Self::Locked { path, pid: None },
                _ => Self::Io { path, reason },
            },
            None => Self::Io { path, reason },
        }
    }
}

/// Why something is not in the spool, or not known to be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// It would take more than `max_bytes` on disk. There is room again once something was published.
    #[error("the spool has no room left")]
    Full,
    /// The disk is full. It is tried again with the next write.
    #[error("the disk of the spool is full")]
    DiskFull,
    /// The disk failed to write what it was given, now or before. Nothing is written any more until the process
    /// starts again: what the system still shows of the files need not be on the disk.
    #[error("the disk of the spool failed: {0}; check it, then restart")]
    Latched(String),
    /// The spool is closed, or the thread that writes ended.
    #[error("the spool is closed")]
    Closed,
    /// Anything else; the next write may succeed.
    #[error("the spool cannot be written to: {0}")]
    Io(String),
}

/// Why something cannot be read from the spool.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
    /// What SQLite said.
    #[error("the spool cannot be read: {0}")]
    Io(String),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// What a failed write means for the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Room is short: try again when there is some.
    DiskFull,
    /// What was written may be lost although the system shows it: write nothing any more.
    Latch,
    /// Nothing happened to what is stored.
    Passing,
}

/// The verdict of an extended result code of SQLite.
///
/// A failed fsync is never repeated: the kernel reports it once and then counts the lost pages as written. The
/// shared memory beside the log is made anew at every start, so that one that cannot grow only lacks room.
pub(super) fn verdict(extended_code: i32) -> Verdict {
    match extended_code {
        ffi::SQLITE_IOERR_SHMSIZE => Verdict::DiskFull,
        ffi::SQLITE_IOERR_NOMEM => Verdict::Passing,
        code => match code & 0xff {
            ffi::SQLITE_FULL => Verdict::DiskFull,
            ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_READONLY => {
                Verdict::Latch
            }
            _ => Verdict::Passing,
        },
    }
}

/// The verdict of an error of rusqlite; one that is not SQLite's own is passing.
pub(super) fn verdict_of(error: &rusqlite::Error) -> Verdict {
    error.sqlite_error().map_or(Verdict::Passing, |error| verdict(error.extended_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_fsync_error_latches_and_a_full_disk_does_not() {
        for (code, meant) in [
            (ffi::SQLITE_IOERR_FSYNC, Verdict::Latch),
            (ffi::SQLITE_IOERR_DIR_FSYNC, Verdict::Latch),
            (ffi::SQLITE_IOERR_WRITE, Verdict::Latch),
            (ffi::SQLITE_IOERR_TRUNCATE, Verdict::Latch),
            (ffi::SQLITE_IOERR, Verdict::Latch),
            (ffi::SQLITE_CORRUPT, Verdict::Latch),
            (ffi::SQLITE_READONLY_DBMOVED, Verdict::Latch),
            (ffi::SQLITE_FULL, Verdict::DiskFull),
            (ffi::SQLITE_IOERR_SHMSIZE, Verdict::DiskFull),
            (ffi::SQLITE_IOERR_NOMEM, Verdict::Passing),
            (ffi::SQLITE_BUSY, Verdict::Passing),
            (ffi::SQLITE_BUSY_SNAPSHOT, Verdict::Passing),
        ] {
            assert_eq!(verdict(code), meant, "{code}");
        }
    }

    #[test]
    fn every_reason_not_to_open_names_the_path() {
        let path = Path::new("/spool/place");
        let of = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_READONLY,
        ] {
            let error = OpenError::of_sqlite(path, &of(code)).to_string();
            assert!(error.contains("/spool/place"), "{code}: {error}");
        }
        let locked = OpenError::Locked { path: path.to_owned(), pid: Some(7) }.to_string();
        assert!(locked.contains("/spool/place is in use by process 7"), "{locked}");
    }
}
