//! The JSON of an event: one document, complete in itself, with the forge's bytes spliced in.
//!
//! [`Event::to_json`] writes `raw` last and untouched (no parsing, no white space changed), so that
//! its digest can be checked by a subscriber; [`Event::from_json`] finds it again.

mod write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::write::Unwritable;
pub(super) use self::write::write;
use super::{Actor, Data, Delivery, Event, RefName, Repository, Time, VERSION};

/// What the forge sent, or where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Raw {
    /// The payload's own text: JSON, white space around it included.
    Inline(bytes::Bytes),
    /// A payload that is no JSON (or nested too deeply), in base64.
    Base64(String),
    /// In the event of this id, the first of the same delivery.
    In(String),
    /// Left out.
    Omitted,
}

/// Why a message body is no event.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// Not JSON of this form.
    #[error("not an event: {0}")]
    Json(#[from] serde_json::Error),
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
    #[serde(default)]
    raw_altered: bool,
}

impl Event<'_> {
    /// Writes the event as one JSON document.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], which these types do not cause.
    pub fn to_json(&self) -> Result<Vec<u8>, Unwritable> {
        let raw_len = match &self.raw {
            Raw::Inline(raw) => raw.len(),
            Raw::Base64(text) => text.len(),
            Raw::In(_) | Raw::Omitted => 0,
        };
        let mut out = Vec::with_capacity(raw_len * 2 + 2048);
        self.write_head(&mut out)?;
        match &self.raw {
            Raw::Inline(raw) => {
                out.extend_from_slice(b",\"raw\":");
                out.extend_from_slice(raw);
            }
            Raw::Base64(text) => write_text(&mut out, b",\"raw_base64\":", text),
            Raw::In(id) => write_text(&mut out, b",\"raw_in\":", id),
            Raw::Omitted => {}
        }
        out.push(b'}');
        Ok(out)
    }

    fn write_head(&self, out: &mut Vec<u8>) -> Result<(), Unwritable> {
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
    /// [`InvalidEvent`] when it is not an event of a version that this library reads.
    pub fn from_json(body: &[u8]) -> Result<Event<'static>, InvalidEvent> {
        let document: Document<'_> = serde_json::from_slice(body)?;
        if document.version != VERSION {
            return Err(InvalidEvent::Version(document.version));
        }
        let raw = match (document.raw, document.raw_base64, document.raw_in) {
            (Some(raw), _, _) => {
                Raw::Inline(bytes::Bytes::copy_from_slice(with_white_space(body, raw)))
            }
            (None, Some(text), _) => Raw::Base64(text),
            (None, None, Some(id)) => Raw::In(id),
            (None, None, None) => Raw::Omitted,
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
