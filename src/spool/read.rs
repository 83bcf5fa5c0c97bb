//! Reading a spool: on connections of its own, so that no reader waits for a commit.
//!
//! In come lanes and row ids, out come messages as they were put. A row that makes no message is told as
//! [`Unreadable`], and the rows after it are read all the same.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row, params};
use tokio::sync::Semaphore;

use super::entry::{Entry, Forgotten, Lane, Page, RowId, State, Stored, Unreadable};
use super::error::ReadError;
use super::open;
use crate::event::ObjectRef;
use crate::message::{Headers, Message, Object};
use crate::subject::Subject;

/// How many read at the same time.
const READERS: u32 = 2;
/// What an [`Entry`] is made of.
const ENTRY: &str = "id, state, lane, event, subject, source, delivery, bytes, stored_at, sent_at, reason, died_at, sequence";

/// The connections that only read.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        let permits = Arc::new(Semaphore::new(READERS as usize));
        Self { path, permits, idle: Arc::default() }
    }

    /// Runs `read` in one transaction, on a thread that may wait.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| ReadError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let path = self.path.clone();
        let task = tokio::task::spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| open::reader(&path), Ok)?;
            let transaction = connection.unchecked_transaction()?;
            let answer = read(&transaction)?;
            transaction.finish()?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            Ok(answer)
        });
        task.await.map_err(|ended| ReadError::Io(ended.to_string()))?
    }

    /// Waits until nobody reads, and lets nobody read any more.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(READERS).await;
        self.shut();
        drop(all);
    }

    /// Lets nobody read any more.
    pub(super) fn shut(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What waits, by lane; those first whose first message came first.
pub(super) fn lanes(connection: &Connection) -> rusqlite::Result<Vec<Lane>> {
    let mut statement = connection.prepare_cached(
        "SELECT lane, min(id), count(*) FROM message WHERE state = 'waiting' GROUP BY lane ORDER BY 2",
    )?;
    let lane = |row: &Row<'_>| {
        Ok(Lane { key: row.get(0)?, first_row: RowId::new(row.get(1)?), count: row.get(2)? })
    };
    statement.query_map([], lane)?.collect()
}

/// The next waiting messages of a lane; at least one, if there is one.
pub(super) fn next(
    connection: &Connection,
    lane: &str,
    after: RowId,
    limit_rows: usize,
    limit_bytes: u64,
) -> rusqlite::Result<Page> {
    let sql = format!(
        "SELECT {ENTRY} FROM message WHERE state = 'waiting' AND lane = ? AND id > ? ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    up_to(connection, &mut statement, params![lane, after.get()], limit_rows, limit_bytes)
}

/// The next retained messages that may be forgotten; at least one, if there is one.
pub(super) fn retained(
    connection: &Connection,
    which: Forgotten,
    row: RowId,
    limit_rows: usize,
    limit_bytes: u64,
) -> rusqlite::Result<Page> {
    // Within a state the index has the order of the rows: the sequence must not be looked up in its own.
    let sql = format!(
        "SELECT {ENTRY} FROM message
         WHERE state = 'retained' AND id > ? AND (+sequence > ? OR stored_at >= ?) AND stored_at <= ?
         ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let params = params![row.get(), which.after, which.since, which.until];
    up_to(connection, &mut statement, params, limit_rows, limit_bytes)
}

fn up_to(
    connection: &Connection,
    statement: &mut CachedStatement<'_>,
    params: impl Params,
    limit_rows: usize,
    limit_bytes: u64,
) -> rusqlite::Result<Page> {
    let mut messages = Vec::new();
    let mut bytes = 0;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        bytes += entry.bytes;
        if messages.len() >= limit_rows.max(1) || (bytes > limit_bytes && !messages.is_empty()) {
            return Ok(Page { messages, more: true });
        }
        messages.push(stored(connection, entry)?);
    }
    Ok(Page { messages, more: false })
}

/// What is known of the messages of a state after a row, in order.
pub(super) fn list(
    connection: &Connection,
    state: State,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!("SELECT {ENTRY} FROM message WHERE state = ? AND id > ? ORDER BY id LIMIT ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.query_map(params![state.as_str(), after.get(), limit], entry)?.collect()
}

/// What is known of the waiting messages of a lane after a row, in order.
pub(super) fn list_lane(
    connection: &Connection,
    lane: &str,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT {ENTRY} FROM message WHERE state = 'waiting' AND lane = ? AND id > ? ORDER BY id LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.query_map(params![lane, after.get(), limit], entry)?.collect()
}

/// What is known of one message.
pub(super) fn find(connection: &Connection, row: RowId) -> rusqlite::Result<Option<Entry>> {
    let sql = format!("SELECT {ENTRY} FROM message WHERE id = ?");
    connection.prepare_cached(&sql)?.query_row([row.get()], entry).optional()
}

/// One message, if it has that state.
pub(super) fn show(
    connection: &Connection,
    row: RowId,
    state: Option<State>,
) -> rusqlite::Result<Option<Result<Stored, Unreadable>>> {
    let entry = find(connection, row)?;
    let entry = entry.filter(|entry| state.is_none_or(|state| state == entry.state));
    entry.map(|entry| stored(connection, entry)).transpose()
}

pub(super) fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM fact WHERE name = ?")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let state: String = row.get(1)?;
    Ok(Entry {
        row: RowId::new(row.get(0)?),
        // The table takes no other.
        state: State::of(&state).unwrap_or(State::Dead),
        lane: row.get(2)?,
        event: row.get(3)?,
        subject: row.get(4)?,
        source: row.get(5)?,
        delivery: row.get(6)?,
        bytes: row.get(7)?,
        stored_at: row.get(8)?,
        sent_at: row.get(9)?,
        reason: row.get(10)?,
        died_at: row.get(11)?,
        sequence: row.get(12)?,
    })
}

/// The headers and the body of a message, and where its objects are: bucket and hash.
struct Parts {
    headers: String,
    body: Option<Vec<u8>>,
    payload: Option<(String, String)>,
    whole: Option<(String, String)>,
}

fn stored(connection: &Connection, entry: Entry) -> rusqlite::Result<Result<Stored, Unreadable>> {
    let mut statement = connection.prepare_cached(
        "SELECT headers, content, payload_bucket, payload_hash, whole_bucket, whole_hash
         FROM message LEFT JOIN body ON body.message = message.id WHERE message.id = ?",
    )?;
    let pair = |row: &Row<'_>, at: usize| -> rusqlite::Result<Option<(String, String)>> {
        let (bucket, hash): (Option<_>, Option<_>) = (row.get(at)?, row.get(at + 1)?);
        Ok(bucket.zip(hash))
    };
    let parts = statement.query_row([entry.row.get()], |row| {
        Ok(Parts {
            headers: row.get(0)?,
            body: row.get(1)?,
            payload: pair(row, 2)?,
            whole: pair(row, 4)?,
        })
    })?;
    let message = message(connection, &entry, parts)?;
    Ok(match message {
        Ok(message) => Ok(Stored { entry, message }),
        Err(reason) => Err(Unreadable { row: entry.row, reason }),
    })
}

fn message(
    connection: &Connection,
    entry: &Entry,
    parts: Parts,
) -> rusqlite::Result<Result<Message, String>> {
    let Some(body) = parts.body else { return Ok(Err("its body is gone".to_owned())) };
    let headers = match Headers::from_lines(&parts.headers) {
        Ok(headers) => headers,
        Err(unknown) => return Ok(Err(unknown.to_string())),
    };
    let mut objects = [None, None];
    for (object, place) in objects.iter_mut().zip([parts.payload, parts.whole]) {
        let Some((bucket, hash)) = place else { continue };
        *object = read_object(connection, bucket, hash)?;
        if object.is_none() {
            return Ok(Err("an object that it refers to is gone".to_owned()));
        }
    }
    let [payload, whole] = objects;
    Ok(Ok(Message {
        id: entry.event.clone(),
        subject: Subject::from_store(entry.subject.clone()),
        headers,
        body: Bytes::from(body),
        payload,
        whole,
    }))
}

fn read_object(
    connection: &Connection,
    bucket: String,
    hash: String,
) -> rusqlite::Result<Option<Object>> {
    let mut statement =
        connection.prepare_cached("SELECT digest, sha256, content FROM object WHERE hash = ?")?;
    let parts = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?));
    let found = statement.query_row([&hash], parts).optional()?;
    Ok(found.map(|(digest, sha256, content)| Object {
        reference: ObjectRef { bucket, object: hash, bytes: content.len() as u64, digest },
        content: Bytes::from(content),
        sha256,
    }))
}
