//! The object store for what is too large for a message: looked into, and written to.
//!
//! In comes an [`Object`], out comes the certainty that it is there, whole, and will be for as long as an event
//! that is published now. It is written as every client of NATS writes objects: chunks on a subject of their own, then
//! one message that names them. An object that is there is left alone; one that would expire too early is written
//! again beside its old chunks, which nobody takes from under a reader: they expire by themselves.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::acks::Expected;
use super::api::{ApiError, NOT_FOUND};
use super::{Ack, JetStream, Unacknowledged};
use crate::event::Time;
use crate::message::Object;

/// What other clients write, too; small enough for every server.
const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that are on their way at once: the server can write while the next ones travel.
const IN_FLIGHT: usize = 16;
/// JetStream's "no message found".
const NO_MESSAGE: u64 = 10_037;
/// JetStream's "wrong last sequence".
const WRONG_LAST_SEQUENCE: u64 = 10_071;
/// JetStream's "expected stream does not match".
const ANOTHER_STREAM: u64 = 10_060;

/// What is known of the object store.
#[derive(Debug)]
pub(super) struct Store {
    /// Objects that have been there for longer are written again, in milliseconds.
    lasts: AtomicU64,
    /// Somebody should make the object store.
    missing: Notify,
}

impl Default for Store {
    fn default() -> Self {
        Self { lasts: AtomicU64::new(0), missing: Notify::new() }
    }
}

/// The message that makes chunks an object, as all clients write it (ADR-20).
#[derive(Debug, Deserialize, Serialize)]
struct Meta {
    name: String,
    #[serde(default)]
    options: Options,
    bucket: String,
    #[serde(default)]
    nuid: String,
    #[serde(default)]
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<String>,
    #[serde(default)]
    chunks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Options {
    max_chunk_size: u64,
}

/// What a look found.
enum Found {
    /// The object, whole, and young enough.
    Object,
    /// Nothing that can be used; the last message of that name is this one, 0 if there is none.
    Nothing { last: u64 },
}

impl JetStream {
    /// Says for how long an object can be relied on, counted from when it was written; `None` for ever.
    pub fn objects_last(&self, age: Option<Duration>) {
        let millis = age.map_or(u64::MAX, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        self.store.lasts.store(millis, Ordering::Relaxed);
    }

    /// Completes when something found the object store missing.
    pub async fn bucket_is_missing(&self) {
        self.store.missing.notified().await;
    }

    /// Sees to it that an object is in its object store, by `deadline`, and waits at most `patience` for a
    /// single acknowledgement.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged`]: it may be there all the same.
    pub async fn keep(
        &self,
        object: &Object,
        patience: Duration,
        deadline: Instant,
    ) -> Result<(), Unacknowledged> {
        loop {
            let Found::Nothing { last } = self.look(object, deadline).await? else { return Ok(()) };
            match self.write(object, last, patience, deadline).await {
                // Somebody else was quicker. What is there now is as good.
                Err(Unacknowledged::Refused { code: WRONG_LAST_SEQUENCE, .. }) => {}
                written => return written,
            }
        }
    }

    /// Whether an object is there, whole, and young enough.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged`] when that could not be found out.
    pub async fn has(&self, object: &Object, deadline: Instant) -> Result<bool, Unacknowledged> {
        Ok(matches!(self.look(object, deadline).await?, Found::Object))
    }

    async fn look(&self, object: &Object, deadline: Instant) -> Result<Found, Unacknowledged> {
        let reference = &object.reference;
        let body = json!({ "last_by_subj": meta_subject(object) });
        let answer = match self.ask_of_bucket("MSG.GET", &reference.bucket, &body, deadline).await {
            Err(Unacknowledged::Refused { code: NO_MESSAGE, .. }) => {
                return Ok(Found::Nothing { last: 0 });
            }
            answer => answer?,
        };
        let message = answer.get("message").ok_or(Unacknowledged::Unreadable)?;
        let last = message.get("seq").and_then(Value::as_u64).ok_or(Unacknowledged::Unreadable)?;
        let Some(meta) = meta_in(message).filter(|meta| meta.speaks_of(object)) else {
            return Ok(Found::Nothing { last });
        };
        let chunks = chunk_subject(&reference.bucket, &meta.nuid);
        if !self.is_young(message) || self.count(object, &chunks, deadline).await? != meta.chunks {
            return Ok(Found::Nothing { last });
        }
        Ok(Found::Object)
    }

    fn is_young(&self, message: &Value) -> bool {
        let lasts = self.store.lasts.load(Ordering::Relaxed);
        let written = message.get("time").and_then(Value::as_str).and_then(Time::parse);
        let age = written.map(|written| Time::now().unix_ms().saturating_sub(written.unix_ms()));
        age.is_some_and(|age| u64::try_from(age).unwrap_or(0) <= lasts)
    }

    /// How many messages a subject of the object store has.
    async fn count(
        &self,
        object: &Object,
        subject: &str,
        deadline: Instant,
    ) -> Result<u64, Unacknowledged> {
        let body = json!({ "subjects_filter": subject });
        let info = self.ask_of_bucket("INFO", &object.reference.bucket, &body, deadline).await?;
        let subjects = info.pointer("/state/subjects").and_then(Value::as_object);
        let count = subjects.and_then(|subjects| subjects.get(subject)).and_then(Value::as_u64);
        Ok(count.unwrap_or(0))
    }

    async fn ask_of_bucket(
        &self,
        verb: &str,
        bucket: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Value, Unacknowledged> {
        let stream = stream_of(bucket);
        let asked = self.ask_of_stream(verb, &stream, body);
        let answer = timeout_at(deadline, asked).await.map_err(|_late| Unacknowledged::TimedOut)?;
        answer.map_err(|error| match error {
            ApiError::Refused { code: NOT_FOUND, .. } => {
                self.store.missing.notify_one();
                Unacknowledged::NoBucket(bucket.to_owned())
            }
            ApiError::Refused { code, description, .. } => {
                Unacknowledged::Refused { code, description }
            }
            ApiError::Denied(denied) => denied,
            ApiError::NoAnswer { .. } => Unacknowledged::TimedOut,
        })
    }

    /// Writes an object, unless another message of that name came after the `last` one.
    async fn write(
        &self,
        object: &Object,
        last: u64,
        patience: Duration,
        deadline: Instant,
    ) -> Result<(), Unacknowledged> {
        let bucket = object.reference.bucket.as_str();
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_no_randomness| Unacknowledged::Closed)?;
        let nuid = format!("{:032x}", u128::from_ne_bytes(random));
        let subject = chunk_subject(bucket, &nuid);
        let step = CHUNK_BYTES.min(self.client.max_payload()).max(1);
        let sent = self.write_chunks(object, &subject, step, patience, deadline).await;
        let chunks = match sent {
            Ok(chunks) => chunks,
            Err(reason) => {
                self.forget(bucket, &subject).await;
                return Err(reason);
            }
        };
        let meta = Meta {
            name: object.reference.object.clone(),
            options: Options { max_chunk_size: step as u64 },
            bucket: bucket.to_owned(),
            nuid,
            size: object.reference.bytes,
            mtime: Some(Time::now().to_string()),
            chunks,
            digest: Some(object.sha256.clone()),
            deleted: false,
        };
        let outcome = self.write_meta(object, &meta, last, patience, deadline).await;
        // Only of a refusal it is sure that no object has these chunks.
        if matches!(outcome, Err(Unacknowledged::Refused { .. })) {
            self.forget(bucket, &subject).await;
        }
        outcome
    }

    async fn write_chunks(
        &self,
        object: &Object,
        subject: &str,
        step: usize,
        patience: Duration,
        deadline: Instant,
    ) -> Result<u64, Unacknowledged> {
        let stream = stream_of(&object.reference.bucket);
        let mut waiting: VecDeque<Expected<'_>> = VecDeque::with_capacity(IN_FLIGHT);
        let (mut rest, mut count) = (object.content.clone(), 0);
        loop {
            let more = !rest.is_empty();
            if waiting.len() == IN_FLIGHT || !more {
                let Some(oldest) = waiting.pop_front() else { return Ok(count) };
                stored(oldest, &stream, patience, deadline).await?;
                continue;
            }
            let chunk = rest.split_to(step.min(rest.len()));
            let expected = self.acks.expect(subject.into());
            let reply = expected.reply_subject();
            let sent = self.client.publish_with_reply(subject.to_owned(), reply, chunk);
            let sent =
                timeout_at(deadline, sent).await.map_err(|_late| Unacknowledged::TimedOut)?;
            sent.map_err(|error| Unacknowledged::from_client(&error))?;
            waiting.push_back(expected);
            count += 1;
        }
    }

    async fn write_meta(
        &self,
        object: &Object,
        meta: &Meta,
        last: u64,
        patience: Duration,
        deadline: Instant,
    ) -> Result<(), Unacknowledged> {
        let mut headers = HeaderMap::new();
        let mut put = |name, value| headers.append(HeaderName::from_static(name), value);
        put("Nats-Rollup", HeaderValue::from("sub"));
        put("Nats-Expected-Last-Subject-Sequence", HeaderValue::from(last));
        let body = serde_json::to_vec(meta).map_err(|_impossible| Unacknowledged::Closed)?;
        let subject = meta_subject(object);
        let expected = self.acks.expect(subject.as_str().into());
        let reply = expected.reply_subject();
        let sent =
            self.client.publish_with_reply_and_headers(subject, reply, headers, Bytes::from(body));
        let sent = timeout_at(deadline, sent).await.map_err(|_late| Unacknowledged::TimedOut)?;
        sent.map_err(|error| Unacknowledged::from_client(&error))?;
        stored(expected, &stream_of(&object.reference.bucket), patience, deadline).await
    }

    /// Takes chunks away that belong to no object. Nobody waits for it, and what stays expires.
    async fn forget(&self, bucket: &str, subject: &str) {
        let request = self.request("PURGE", &stream_of(bucket));
        let filter = json!({ "filter": subject }).to_string();
        let sent = self.client.publish(request, filter.into());
        if tokio::time::timeout(Duration::from_millis(100), sent).await.is_err() {
            debug!(bucket, "Chunks of an unfinished object stay until they expire.");
        }
    }
}

impl Meta {
    fn speaks_of(&self, object: &Object) -> bool {
        !self.deleted
            && self.size == object.reference.bytes
            && self.digest.as_deref() == Some(&object.sha256)
            && !self.nuid.is_empty()
    }
}

/// The stream below an object store.
pub(super) fn stream_of(bucket: &str) -> String {
    format!("OBJ_{bucket}")
}

fn chunk_subject(bucket: &str, nuid: &str) -> String {
    format!("$O.{bucket}.C.{nuid}")
}

fn meta_subject(object: &Object) -> String {
    let name = URL_SAFE.encode(&object.reference.object);
    format!("$O.{}.M.{name}", object.reference.bucket)
}

fn meta_in(message: &Value) -> Option<Meta> {
    let data = message.get("data").and_then(Value::as_str)?;
    serde_json::from_slice(&STANDARD.decode(data).ok()?).ok()
}

/// Waits for the acknowledgement of a part of an object.
async fn stored(
    expected: Expected<'_>,
    stream: &str,
    patience: Duration,
    deadline: Instant,
) -> Result<(), Unacknowledged> {
    let until = deadline.min(Instant::now() + patience);
    let Ack { stream: other, .. } =
        timeout_at(until, expected.answer()).await.unwrap_or(Err(Unacknowledged::TimedOut))?;
    if other == stream {
        return Ok(());
    }
    let description = format!("stream {other} took a part of an object");
    Err(Unacknowledged::Refused { code: ANOTHER_STREAM, description })
}
