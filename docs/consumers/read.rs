//! What a message says: its `CloudEvents` attributes and its event, also one that was too large for a message.
//!
//! In comes a message, out comes what it says, or why it cannot be read: never, or not now. What comes from an
//! object store is compared with its reference, since others may be allowed to write there.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use async_nats::header::{HeaderMap, HeaderValue};
use async_nats::jetstream::{self, Message};
use forgewire::event::{Event, EventRef, InvalidEvent, ObjectRef, Raw};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

/// An event, or where it is.
pub(super) enum Body {
    Here(Box<Event<'static>>),
    Elsewhere(Box<EventRef>),
}

/// Why something cannot be read.
pub(super) enum Fault {
    /// It never will.
    Unreadable(String),
    /// The object store did not give it.
    Away(anyhow::Error),
}

impl Body {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Here(event) => &event.id,
            Self::Elsewhere(reference) => &reference.id,
        }
    }

    /// The event, wherever it is.
    pub(super) async fn event(self, store: &jetstream::Context) -> Result<Event<'static>, Fault> {
        let reference = match self {
            Self::Here(event) => return Ok(*event),
            Self::Elsewhere(reference) => reference,
        };
        let body = object(store, &reference.body_ref).await?;
        match Event::from_json(&body) {
            Ok(event) if event.id == reference.id => Ok(event),
            Ok(_) => Err(Fault::Unreadable("another event's body".to_owned())),
            Err(error) => Err(Fault::Unreadable(error.to_string())),
        }
    }
}

/// The forge's payload of an event, wherever it is; `None` where there is none, or it is no JSON.
pub(super) async fn payload(
    event: Option<&Event<'_>>,
    store: &jetstream::Context,
) -> Result<Option<Value>, Fault> {
    let Some(event) = event else { return Ok(None) };
    match &event.raw {
        Raw::Inline(raw) => Ok(serde_json::from_slice(raw).ok()),
        Raw::Ref(reference) => Ok(serde_json::from_slice(&object(store, reference).await?).ok()),
        Raw::Binary(_) | Raw::In(_) | Raw::Omitted => Ok(None),
    }
}

async fn object(store: &jetstream::Context, reference: &ObjectRef) -> Result<Vec<u8>, Fault> {
    let bytes = bytes_of(store, reference).await.map_err(Fault::Away)?;
    reference.check(&bytes).map_err(|other| Fault::Unreadable(other.to_string()))?;
    Ok(bytes)
}

async fn bytes_of(store: &jetstream::Context, reference: &ObjectRef) -> anyhow::Result<Vec<u8>> {
    let bucket = store.get_object_store(&reference.bucket).await?;
    let object = bucket.get(&reference.object).await?;
    let mut bytes = Vec::new();
    // One byte more than it should have is enough to know that it is another object.
    object.take(reference.bytes + 1).read_to_end(&mut bytes).await.context("reading an object")?;
    Ok(bytes)
}

/// The attributes of a message, and its body.
pub(super) fn message(message: &Message) -> anyhow::Result<(BTreeMap<String, String>, Body)> {
    let headers = message.headers.iter().flat_map(HeaderMap::iter);
    let headers: BTreeMap<_, _> = headers
        .filter_map(|(name, values)| Some((name.to_string().to_ascii_lowercase(), values.first()?)))
        .collect();
    let media_type = headers.get("content-type").map_or("", |value| value.as_str());
    ensure!(media_type.eq_ignore_ascii_case("application/json"), "content-type {media_type:?}");
    let ce = |(name, value): (&String, &&HeaderValue)| {
        Some((name.strip_prefix("ce-")?.to_owned(), decoded(value.as_str())))
    };
    let attributes: BTreeMap<_, _> = headers.iter().filter_map(ce).collect();
    let attribute = |name: &str| attributes.get(name).map_or("", String::as_str);
    ensure!(attribute("specversion") == "1.0", "specversion {:?}", attribute("specversion"));
    let body = match Event::from_json(&message.payload) {
        Err(InvalidEvent::Elsewhere(reference)) => Body::Elsewhere(reference),
        event => Body::Here(Box::new(event?)),
    };
    // One id for the server, for CloudEvents and for the body, or somebody else wrote this.
    ensure!(attribute("id") == body.id(), "ce-id {:?}, body {:?}", attribute("id"), body.id());
    // It becomes a line of a file.
    let visible = body.id().bytes().all(|byte| byte.is_ascii_graphic()) && !body.id().is_empty();
    ensure!(visible, "id {:?}", body.id());
    Ok((attributes, body))
}

/// Decodes a header value, once: `%2525` is `%25`.
fn decoded(value: &str) -> String {
    let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let [first, after @ ..] = rest {
        let escape =
            if let [b'%', high, low, ..] = rest { hex(*high).zip(hex(*low)) } else { None };
        bytes.push(escape.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    // A value of a kibibyte can end inside a character.
    String::from_utf8_lossy(&bytes).into_owned()
}
