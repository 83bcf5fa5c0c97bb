//! The JSON of an event: one document, complete in itself, with the forge's bytes spliced in.
//!
//! [`Event::to_json`] writes `raw` last and untouched (no parsing, no white space changed), so that
//! its digest can be checked by a subscriber; [`Event::from_json`] finds it again.

mod write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::write::Unwritable;
pub(crate) use self::write::write;
use super::{
    Actor, Data, Delivery, Event, EventRef, ObjectRef, RefName, Repository, Time, VERSION,
};

/// What the forge sent, or where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Raw {
    /// The payload's own text: JSON, white space around it included.
    Inline(bytes::Bytes),
    /// A payload that is no JSON (or nested too deeply). The body holds it in base64.
    Binary(bytes::Bytes),
    /// In the event of this id, the first of the same delivery.
    In(String),
    /// In an object store: with it the message would be too large. Whether it is JSON shows when it is read.
    Ref(ObjectRef),
    /// Left out.
    Omitted,
}

/// Why a message body is no event.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// Not JSON of this form.
    #[error("not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// The text in the place of a payload is no base64.
    #[error("not an event: raw_base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The event is too large for a message: its body is in an object store, and can be read from there.
    #[error("the body of event {} is in the object store {}: object {}", .0.id, .0.body_ref.bucket, .0.body_ref.object)]
    Elsewhere(Box<EventRef>),
    /// A version that may mean something else.
    #[error("version {0} of the contract; this library reads version {VERSION}")]
    Version(u32),
}

/// Everything that stands before `data`. The comments are what the schema says of each.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    /// The version of the contract that this body follows.
    version: u32,
    /// `<source>:<delivery>` for the first event of a delivery, then `…:2`, `…:3`. A repeat has the same.
    id: &'a str,
    /// Configured name of the webhook endpoint that took the delivery: the trust domain.
    source: &'a str,
    /// Kind of forge, for example `gitea`.
    forge: &'a str,
    /// What happened, as a noun. A later version may know more of them.
    event: &'a str,
    /// What happened to it, as a verb in the past tense. A later version may know more of them.
    action: &'a str,
    /// The forge's time of this event; absent where it said none (as most pushes).
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Time>,
    /// When forgewire had read the delivery.
    received_at: Time,
    /// The delivery that this event came in.
    delivery: &'a Delivery<'a>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a Actor<'a>>,
    /// The repository it happened in; of a pull request the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a Repository<'a>>,
    /// The branch or tag that the event is about; of a pull request the target branch.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a RefName<'a>>,
}

#[derive(Deserialize)]
struct Document<'a> {
    version: u32,
    id: String,
    source: String,
    forge: String,
    event: String,
    action: String,
    occurred_at: Option<Time>,
    received_at: Time,
    delivery: Delivery<'static>,
    actor: Option<Actor<'static>>,
    repository: Option<Repository<'static>>,
    #[serde(rename = "ref")]
    reference: Option<RefName<'static>>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "present")]
    raw: Option<&'a RawValue>,
    raw_base64: Option<String>,
    raw_in: Option<String>,
    raw_ref: Option<ObjectRef>,
    #[serde(default)]
    raw_altered: bool,
}

/// What of a body says that the rest is elsewhere.
#[derive(Deserialize)]
struct Pointer<'a> {
    #[serde(borrow)]
    body_ref: Option<&'a RawValue>,
}

impl Raw {
    /// How many bytes [`Raw::finish`] writes.
    pub(crate) fn json_len(&self) -> usize {
        // Names, quotes, commas and the closing brace; an id has no escapes.
        let (names, value) = match self {
            Self::Inline(raw) => (",\"raw\":}".len(), raw.len()),
            Self::Binary(raw) => (",\"raw_base64\":\"\"}".len(), raw.len().div_ceil(3) * 4),
            Self::In(id) => (",\"raw_in\":\"\"}".len(), id.len()),
            Self::Ref(object) => {
                let texts = object.bucket.len() + object.object.len() + object.digest.len();
                let names =
                    ",\"raw_ref\":{\"bucket\":\"\",\"object\":\"\",\"bytes\":,\"digest\":\"\"}}";
                (names.len(), texts + object.bytes.to_string().len())
            }
            Self::Omitted => ("}".len(), 0),
        };
        names + value
    }

    /// Ends a body that [`Event::begin_json`] has begun: everything but `data` and what stands before it.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], which these types do not cause.
    pub(crate) fn finish(&self, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        match self {
            Self::Inline(raw) => {
                out.extend_from_slice(b",\"raw\":");
                out.extend_from_slice(raw);
            }
            Self::Binary(raw) => {
                out.extend_from_slice(b",\"raw_base64\":\"");
                write_base64(out, raw);
                out.push(b'"');
            }
            Self::In(id) => write_text(out, b",\"raw_in\":", id),
            Self::Ref(object) => {
                out.extend_from_slice(b",\"raw_ref\":");
                write(out, object)?;
            }
            Self::Omitted => {}
        }
        out.push(b'}');
        Ok(())
    }
}

impl Event<'_> {
    /// Writes the event as one JSON document.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], which these types do not cause.
    pub fn to_json(&self) -> Result<Vec<u8>, Unwritable> {
        let mut out = Vec::with_capacity(self.raw.json_len() * 2 + 2048);
        self.begin_json(&mut out)?;
        self.raw.finish(&mut out)?;
        Ok(out)
    }

    /// Writes everything that stands before the payload. [`Raw::finish`] ends it.
    pub(crate) fn begin_json(&self, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        let head = Head {
            version: VERSION,
            id: &self.id,
            source: &self.source,
            forge: &self.forge,
            event: self.event(),
            action: self.action(),
            occurred_at: self.occurred_at,
            received_at: self.received_at,
            delivery: &self.delivery,
            actor: self.actor.as_ref(),
            repository: self.repository.as_ref(),
            reference: self.reference.as_ref(),
        };
        write(out, &head)?;
        // The closing brace comes off again: what follows belongs to the same object.
        out.pop();
        out.extend_from_slice(b",\"data\":");
        self.data.write(out)?;
        if self.raw_altered {
            out.extend_from_slice(b",\"raw_altered\":true");
        }
        Ok(())
    }

    /// Reads the body of a message.
    ///
    /// Fields, events, actions and values that this version does not know are accepted and, where they
    /// are events or values, kept.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent`] when it is not an event of a version that this library reads. Where the event itself is in
    /// an object store, that is [`InvalidEvent::Elsewhere`]: read the object that it names, compare it with
    /// [`ObjectRef::check`], and call this again with its bytes.
    pub fn from_json(body: &[u8]) -> Result<Event<'static>, InvalidEvent> {
        let document: Document<'_> = match serde_json::from_slice(body) {
            Ok(document) => document,
            Err(error) => return Err(elsewhere(body).unwrap_or(InvalidEvent::Json(error))),
        };
        if document.version != VERSION {
            return Err(InvalidEvent::Version(document.version));
        }
        let raw = match (document.raw, document.raw_base64, document.raw_in, document.raw_ref) {
            (Some(raw), ..) => {
                Raw::Inline(bytes::Bytes::copy_from_slice(with_white_space(body, raw)))
            }
            (None, Some(text), ..) => Raw::Binary(STANDARD.decode(text)?.into()),
            (None, None, Some(id), _) => Raw::In(id),
            (None, None, None, Some(object)) => Raw::Ref(object),
            (None, None, None, None) => Raw::Omitted,
        };
        Ok(Event {
            data: Data::read(&document.event, &document.action, document.data)?,
            id: document.id,
            source: document.source.into(),
            forge: document.forge.into(),
            occurred_at: document.occurred_at,
            received_at: document.received_at,
            delivery: document.delivery,
            actor: document.actor,
            repository: document.repository,
            reference: document.reference,
            raw,
            raw_altered: document.raw_altered,
        })
    }
}

/// What to say of a body that lacks what an event has, if it points to another.
fn elsewhere(body: &[u8]) -> Option<InvalidEvent> {
    let pointer: Pointer<'_> = serde_json::from_slice(body).ok()?;
    pointer.body_ref?;
    let reference: EventRef = match serde_json::from_slice(body) {
        Ok(reference) => reference,
        Err(error) => return Some(InvalidEvent::Json(error)),
    };
    Some(match reference.version {
        VERSION => InvalidEvent::Elsewhere(Box::new(reference)),
        other => InvalidEvent::Version(other),
    })
}

/// A payload that is `null` is there all the same.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn write_text(out: &mut Vec<u8>, key: &[u8], text: &str) {
    out.extend_from_slice(key);
    write::text(out, text);
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut encoder = base64::write::EncoderWriter::new(out, &STANDARD);
    // Into memory: there is nothing that could fail.
    let _ = std::io::Write::write_all(&mut encoder, bytes);
    let _ = encoder.finish();
}

/// The raw value with the white space that the forge sent around it, which JSON parsers drop.
fn with_white_space<'a>(body: &'a [u8], raw: &'a RawValue) -> &'a [u8] {
    let value = raw.get().as_bytes();
    let start = (value.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    let blank = |b: &&u8| matches!(**b, b' ' | b'\t' | b'\n' | b'\r');
    let before = body.get(..start).map_or(0, |head| head.iter().rev().take_while(blank).count());
    let end = start.saturating_add(value.len());
    let after = body.get(end..).map_or(0, |tail| tail.iter().take_while(blank).count());
    start
        .checked_sub(before)
        .and_then(|from| body.get(from..end.saturating_add(after)))
        .unwrap_or(value)
}
