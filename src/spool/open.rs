//! Opening a spool: the directory, its lock, and connections to the database in it.
//!
//! In comes a directory, out comes a [`Place`] that nobody else has, with the connection that writes.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;
use super::schema;

/// The database in the directory.
const DATABASE: &str = "spool.db";
/// The lock in the directory.
const LOCK: &str = "lock";
/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;
/// How long a checkpoint waits for readers, which take a few rows each.
const PATIENCE: Duration = Duration::from_secs(2);

/// A spool's directory, held by this process alone.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) path: PathBuf,
    /// The database again. Closing any descriptor of it would drop the locks that SQLite holds on it, so that it stays
    /// open longer than every connection.
    pub(super) database: File,
    #[expect(dead_code, reason = "held until the end")]
    pub(super) lock: File,
}

impl Place {
    /// Makes the directory if it is missing, and takes its lock.
    pub(super) fn take(directory: &Path) -> Result<Self, OpenError> {
        make(directory)?;
        let lock = lock(directory)?;
        let path = database(directory);
        let database = private(&path)?;
        Ok(Self { directory: directory.to_owned(), path, database, lock })
    }

    /// The connection that writes, to tables of this version.
    pub(super) fn writer(&self) -> Result<Connection, OpenError> {
        let failed = |error: rusqlite::Error| OpenError::of_sqlite(&self.path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        connection
            .execute_batch(
                "PRAGMA page_size = 4096; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
                 PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;",
            )
            .map_err(failed)?;
        schema::prepare(&mut connection, &self.path)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }
}

/// The database in the directory.
pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;")?;
    Ok(connection)
}

fn make(directory: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::of_io(directory, error);
    match std::fs::metadata(directory) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(OpenError::NotADirectory(directory.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
            // What the directory stands in has to know of it after a power cut, too.
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = File::open(parent.unwrap_or(Path::new("."))).map_err(failed)?;
            parent.sync_all().map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

fn private(path: &Path) -> Result<File, OpenError> {
    let options = OpenOptions::new().read(true).write(true).create(true).mode(0o600).clone();
    options.open(path).map_err(|error| OpenError::of_io(path, error))
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK);
    let mut file = private(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it is a courtesy.
            let _ = file.read_to_string(&mut holder);
            let pid = holder.trim().parse().ok();
            return Err(OpenError::Locked { path: directory.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(OpenError::of_io(&path, error)),
    }
    let told =
        file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    told.map_err(|error| OpenError::of_io(&path, error))?;
    Ok(file)
}
