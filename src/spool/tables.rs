//! What is written to the tables, each within the transaction of whoever calls.
//!
//! In come messages and row ids, out come row ids; [`Counts`] follows.

use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use super::entry::{Put, RowId, State};
use crate::message::Object;

/// How much there is of each state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    pub(super) waiting: u64,
    pub(super) waiting_bytes: u64,
    pub(super) dead: u64,
    pub(super) retained: u64,
}

impl Counts {
    /// Counts what is there.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut counts = Self::default();
        let mut statement =
            connection.prepare("SELECT state, count(*), sum(bytes) FROM message GROUP BY state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (state, count, bytes): (String, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match State::of(&state) {
                Some(State::Waiting) => (counts.waiting, counts.waiting_bytes) = (count, bytes),
                Some(State::Dead) => counts.dead = count,
                Some(State::Retained) => counts.retained = count,
                None => {}
            }
        }
        Ok(counts)
    }

    fn more(&mut self, state: State, bytes: u64) {
        match state {
            State::Waiting => {
                self.waiting += 1;
                self.waiting_bytes += bytes;
            }
            State::Dead => self.dead += 1,
            State::Retained => self.retained += 1,
        }
    }

    fn less(&mut self, state: State, bytes: u64) {
        match state {
            State::Waiting => {
                self.waiting = self.waiting.saturating_sub(1);
                self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
            }
            State::Dead => self.dead = self.dead.saturating_sub(1),
            State::Retained => self.retained = self.retained.saturating_sub(1),
        }
    }
}

/// What a new row is, beside the message.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Waiting,
    Dead(String),
    Retained(u64),
}

/// The tables, within a transaction.
pub(super) struct Tables<'c> {
    pub(super) connection: &'c Connection,
    pub(super) counts: Counts,
    /// Unix milliseconds.
    pub(super) now: i64,
}

impl Tables<'_> {
    pub(super) fn insert(&mut self, put: &Put, fate: &Fate) -> rusqlite::Result<RowId> {
        let message = &put.message;
        let (state, reason, sequence) = match fate {
            Fate::Waiting => (State::Waiting, None, None),
            Fate::Dead(reason) => (State::Dead, Some(reason), None),
            Fate::Retained(sequence) => (State::Retained, None, Some(*sequence)),
        };
        for object in message.objects() {
            self.insert_object(object)?;
        }
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO message (state, lane, event, subject, headers, source, delivery, bytes, stored_at, sent_at,
                 payload_hash, payload_bucket, whole_hash, whole_bucket, reason, died_at, sequence, acknowledged_at)
             VALUES (:state, :lane, :event, :subject, :headers, :source, :delivery, :bytes, :now, :sent_at,
                 :payload_hash, :payload_bucket, :whole_hash, :whole_bucket, :reason, :died_at, :sequence,
                 :acknowledged_at)",
        )?;
        let (payload, whole) = (message.payload.as_ref(), message.whole.as_ref());
        let bytes = put.bytes();
        let id = statement.insert(named_params! {
            ":state": state.as_str(),
            ":lane": put.lane,
            ":event": message.id,
            ":subject": message.subject.as_str(),
            ":headers": message.headers.to_lines(),
            ":source": put.source,
            ":delivery": put.delivery,
            ":bytes": bytes,
            ":now": self.now,
            ":sent_at": put.sent_at,
            ":payload_hash": payload.map(|object| &object.reference.object),
            ":payload_bucket": payload.map(|object| &object.reference.bucket),
            ":whole_hash": whole.map(|object| &object.reference.object),
            ":whole_bucket": whole.map(|object| &object.reference.bucket),
            ":reason": reason,
            ":died_at": reason.map(|_| self.now),
            ":sequence": sequence,
            ":acknowledged_at": sequence.map(|_| self.now),
        })?;
        let mut statement =
            self.connection.prepare_cached("INSERT INTO body (message, content) VALUES (?, ?)")?;
        statement.execute(params![id, &*message.body])?;
        self.counts.more(state, bytes);
        Ok(RowId::new(id))
    }

    fn insert_object(&self, object: &Object) -> rusqlite::Result<()> {
        let hash = &object.reference.object;
        let mut statement =
            self.connection.prepare_cached("SELECT 1 FROM object WHERE hash = ?")?;
        if statement.exists([hash])? {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO object (hash, digest, sha256, content) VALUES (?, ?, ?, ?)",
        )?;
        statement.execute(params![
            hash,
            object.reference.digest,
            object.sha256,
            &*object.content
        ])?;
        Ok(())
    }

    /// Removes a message of this state with what only it needs; false if there is none.
    pub(super) fn remove(&mut self, row: RowId, state: State) -> rusqlite::Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM message WHERE id = ? AND state = ? RETURNING bytes, payload_hash, whole_hash",
        )?;
        let parts = |row: &Row<'_>| Ok((row.get(0)?, [row.get(1)?, row.get(2)?]));
        let removed = statement.query_row(params![row.get(), state.as_str()], parts).optional()?;
        let Some((bytes, hashes)) = removed else { return Ok(false) };
        let hashes: [Option<String>; 2] = hashes;
        let mut statement = self.connection.prepare_cached("DELETE FROM body WHERE message = ?")?;
        statement.execute([row.get()])?;
        for hash in hashes.into_iter().flatten() {
            let mut statement = self.connection.prepare_cached(
                "DELETE FROM object WHERE hash = ?1
                 AND NOT EXISTS (SELECT 1 FROM message WHERE payload_hash = ?1)
                 AND NOT EXISTS (SELECT 1 FROM message WHERE whole_hash = ?1)",
            )?;
            statement.execute([hash])?;
        }
        self.counts.less(state, bytes);
        Ok(true)
    }

    /// Makes a waiting message a dead letter; false if it does not wait.
    pub(super) fn bury(&mut self, row: RowId, reason: &str) -> rusqlite::Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE message SET state = 'dead', reason = ?2, died_at = ?3 WHERE id = ?1 AND state = 'waiting'
             RETURNING bytes",
        )?;
        let bytes = statement.query_row(params![row.get(), reason, self.now], |row| row.get(0));
        let Some(bytes) = bytes.optional()? else { return Ok(false) };
        self.counts.less(State::Waiting, bytes);
        self.counts.more(State::Dead, bytes);
        Ok(true)
    }

    /// Makes a published message a retained one; one that is retained and was published again begins anew.
    pub(super) fn retain(&mut self, row: RowId, sequence: u64) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE message SET state = 'retained', sequence = ?2, acknowledged_at = ?3
             WHERE id = ?1 AND state = 'waiting' RETURNING bytes",
        )?;
        let bytes = statement.query_row(params![row.get(), sequence, self.now], |row| row.get(0));
        if let Some(bytes) = bytes.optional()? {
            self.counts.less(State::Waiting, bytes);
            self.counts.more(State::Retained, bytes);
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(
            "UPDATE message SET sequence = ?2, acknowledged_at = ?3 WHERE id = ?1 AND state = 'retained'",
        )?;
        statement.execute(params![row.get(), sequence, self.now])?;
        Ok(())
    }

    /// Puts a dead letter at the end of its lane, under a new row id; none if it is not dead.
    pub(super) fn retry(&mut self, row: RowId) -> rusqlite::Result<Option<RowId>> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO message (state, lane, event, subject, headers, source, delivery, bytes, stored_at, sent_at,
                 payload_hash, payload_bucket, whole_hash, whole_bucket)
             SELECT 'waiting', lane, event, subject, headers, source, delivery, bytes, ?2, sent_at,
                 payload_hash, payload_bucket, whole_hash, whole_bucket
             FROM message WHERE id = ?1 AND state = 'dead' RETURNING id, bytes",
        )?;
        let parts = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let made = statement.query_row(params![row.get(), self.now], parts).optional()?;
        let Some((id, bytes)) = made else { return Ok(None) };
        let mut statement =
            self.connection.prepare_cached("UPDATE body SET message = ?2 WHERE message = ?1")?;
        statement.execute(params![row.get(), id])?;
        self.counts.more(State::Waiting, bytes);
        self.remove(row, State::Dead)?;
        Ok(Some(RowId::new(id)))
    }

    pub(super) fn mark_sent(&self, row: RowId, at: i64) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE message SET sent_at = ?2 WHERE id = ?1 AND state = 'waiting' AND sent_at IS NULL",
        )?;
        statement.execute(params![row.get(), at])?;
        Ok(())
    }

    /// Removes up to `limit` messages that were acknowledged before.
    pub(super) fn drop_retained(
        &mut self,
        before: i64,
        limit: u32,
    ) -> rusqlite::Result<Vec<RowId>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM message WHERE state = 'retained' AND acknowledged_at < ? ORDER BY acknowledged_at LIMIT ?",
        )?;
        let rows = statement.query_map(params![before, limit], |row| row.get(0).map(RowId::new))?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        for row in &rows {
            self.remove(*row, State::Retained)?;
        }
        Ok(rows)
    }

    pub(super) fn set_fact(&self, name: &str, value: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
        )?;
        statement.execute([name, value])?;
        Ok(())
    }
}
