//! What becomes of an event that is too large for a message: parts of it become objects.
//!
//! In comes an event with the [`Room`] that a message may take, out comes a message that fits, and the objects
//! that its body refers to. First the payload moves, then the whole body. Nothing is copied but what is
//! written anew.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::ser::Error as _;

use super::Message;
use crate::event::{Event, EventRef, ObjectRef, Raw, Unwritable};
use crate::json::Redaction;
use crate::trace::TraceContext;

/// Most that a thread keeps to write events in, in bytes.
const DESK_BYTES: usize = 64 * 1024;

thread_local! {
    /// Where a thread writes an event before it is known how large its body is.
    static DESK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How large a message may be, and where goes what does not fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Room {
    /// Headers and body together, in bytes.
    pub max_bytes: usize,
    /// Name of the object store.
    pub bucket: Arc<str>,
}

/// Something that is too large for a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    /// What stands in its place.
    pub reference: ObjectRef,
    /// Its bytes.
    pub content: Bytes,
    /// `SHA-256=<base64>` of them, the digest that object stores are read by.
    pub sha256: String,
}

impl Object {
    fn new(reference: ObjectRef, content: Bytes) -> Self {
        let sha256 = ["SHA-256=", &URL_SAFE.encode(digest(&SHA256, &content))].concat();
        Self { reference, content, sha256 }
    }
}

impl Message {
    /// Writes an event as a message below the subject `prefix` that takes no more than `room`, with the
    /// objects that make it so. What `redaction` names of the body goes before anything else is done with it.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], which the event types do not cause.
    pub fn fitting(
        event: &Event<'_>,
        prefix: &str,
        trace: TraceContext,
        room: &Room,
        redaction: &Redaction,
    ) -> Result<Self, Unwritable> {
        let mut message = Self::without_body(event, prefix, trace);
        let left = room.max_bytes.saturating_sub(message.headers.wire_len());
        let payload = event.raw.json_len();
        let mut head = DESK.take();
        head.clear();
        // Mostly it takes half of its payload. A large one that grew would be there twice meanwhile, and what it is given
        // and does not touch is no memory yet.
        head.reserve(if payload < DESK_BYTES { payload / 2 } else { payload } + 2048);
        event.begin_json(&mut head)?;
        let head = redacted(head, redaction)?;
        let mut raw = Cow::Borrowed(&event.raw);
        if head.len() + payload > left
            && let Raw::Inline(content) | Raw::Binary(content) = &event.raw
        {
            let reference = reference(event, content, &room.bucket);
            message.payload = Some(Object::new(reference.clone(), content.clone()));
            raw = Cow::Owned(Raw::Ref(reference));
        }
        message.body = whole(head, &raw)?;
        if message.body.len() > left {
            let reference = EventRef::to_body_of(event, &room.bucket, &message.body);
            message.point_to(reference);
        }
        Ok(message)
    }

    /// The same event with nothing but a reference to its body, which becomes an object itself. A message that
    /// is such a reference already stays as it is.
    #[must_use]
    pub fn by_reference(mut self, bucket: &str) -> Self {
        if self.whole.is_none()
            && let Some(reference) = EventRef::to(bucket, &self.body)
        {
            self.point_to(reference);
        }
        self
    }

    fn point_to(&mut self, reference: EventRef) {
        let whole = std::mem::replace(&mut self.body, Bytes::from(reference.to_json()));
        self.whole = Some(Object::new(reference.body_ref, whole));
    }

    /// What the body refers to, in the order in which it is stored: before the message.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.payload.iter().chain(&self.whole)
    }
}

/// The body that begins with `head`. It waits for its acknowledgement, with many others: so it gets what it needs, and no
/// more, and where the head was written is free again. A large one stays where it is, if it fills half of that.
fn whole(mut head: Vec<u8>, raw: &Raw) -> Result<Bytes, Unwritable> {
    let rest = raw.json_len();
    let size = head.len() + rest;
    if head.capacity() > DESK_BYTES && (size..=size * 2).contains(&head.capacity()) {
        raw.finish(&mut head)?;
        return Ok(Bytes::from(head));
    }
    let mut body = Vec::with_capacity(size);
    body.extend_from_slice(&head);
    raw.finish(&mut body)?;
    if head.capacity() <= DESK_BYTES {
        DESK.set(head);
    }
    Ok(Bytes::from(body))
}

/// Replaces what is named in a body that ends before its payload and its brace.
fn redacted(mut body: Vec<u8>, redaction: &Redaction) -> Result<Vec<u8>, Unwritable> {
    if redaction.is_empty() {
        return Ok(body);
    }
    body.push(b'}');
    let text = std::str::from_utf8(&body).map_err(Unwritable::custom)?;
    // What cannot be looked through does not leave.
    if let Some(redacted) = redaction.apply(text).map_err(Unwritable::custom)? {
        body = redacted;
    }
    body.pop();
    Ok(body)
}

/// The reference to a payload. Its hash is known where it is what was signed.
fn reference(event: &Event<'_>, content: &Bytes, bucket: &str) -> ObjectRef {
    let hash = event.delivery.digest.strip_prefix("blake3=").filter(|_| !event.raw_altered);
    match hash {
        Some(hash) => ObjectRef {
            bucket: bucket.to_owned(),
            object: hash.to_owned(),
            bytes: content.len() as u64,
            digest: event.delivery.digest.clone().into_owned(),
        },
        None => ObjectRef::to(bucket, content),
    }
}
