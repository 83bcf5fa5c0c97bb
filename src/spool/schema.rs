//! The tables of a spool, version by version.
//!
//! In comes a connection to a file of any version, out comes one whose tables are those of this version, or the
//! reason why not. What a released version wrote is read by all later ones: a step is added, none is changed.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;

/// `application_id` of the file: `fgsp`.
pub(super) const APPLICATION_ID: i32 = 0x6667_7370;

/// What makes version n + 1 of version n; version 0 is an empty file.
const STEPS: [&str; 1] = [VERSION_1];

/// A message without its body is short, so that its state changes at little cost. Identifiers rise and are never
/// used again: within a lane they are the order.
const VERSION_1: &str = "
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'dead', 'retained')),
    lane TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    source TEXT NOT NULL,
    delivery TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    sent_at INTEGER,
    payload_hash TEXT,
    payload_bucket TEXT,
    whole_hash TEXT,
    whole_bucket TEXT,
    reason TEXT,
    died_at INTEGER,
    sequence INTEGER,
    acknowledged_at INTEGER
) STRICT;
CREATE INDEX message_by_state ON message (state);
CREATE INDEX message_by_lane ON message (lane) WHERE state = 'waiting';
CREATE INDEX message_by_sequence ON message (sequence) WHERE state = 'retained';
CREATE INDEX message_by_acknowledgement ON message (acknowledged_at) WHERE state = 'retained';
CREATE INDEX message_by_payload ON message (payload_hash) WHERE payload_hash IS NOT NULL;
CREATE INDEX message_by_whole ON message (whole_hash) WHERE whole_hash IS NOT NULL;
CREATE TABLE body (message INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE object (
    hash TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// The version that this program writes.
pub(super) fn known() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// Brings the tables of `path` up to this version.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let version = version(connection, path)?;
    let failed = |error: rusqlite::Error| OpenError::of_sqlite(path, &error);
    if version == 0 {
        // In a file that has been begun this takes effect only when it is written anew.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM").map_err(failed)?;
    } else {
        check(connection, path)?;
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let reason = format!("SQLite keeps no write-ahead log there, but \"{mode}\"");
        return Err(OpenError::Io { path: path.to_owned(), reason });
    }
    migrate(connection, version).map_err(failed)
}

fn version(connection: &Connection, path: &Path) -> Result<i32, OpenError> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i32>(0));
    let failed = |error: rusqlite::Error| OpenError::of_sqlite(path, &error);
    let application_id = number("PRAGMA application_id").map_err(failed)?;
    let found = number("PRAGMA user_version").map_err(failed)?;
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    let path = path.to_owned();
    match (application_id, found) {
        // A first start that was cut short left a file without tables.
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, 1..) if found <= known() => Ok(found),
        (APPLICATION_ID, 1..) => Err(OpenError::Newer { path, found, known: known() }),
        _ => Err(OpenError::Foreign { path, application_id }),
    }
}

fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match verdict.map_err(|error| OpenError::of_sqlite(path, &error))? {
        verdict if verdict == "ok" => Ok(()),
        reason => Err(OpenError::Corrupt { path: path.to_owned(), reason }),
    }
}

fn migrate(connection: &mut Connection, version: i32) -> rusqlite::Result<()> {
    if version == known() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or_default()) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known())?;
    transaction.commit()
}
