//! Follows the references of an event that was too large for a message.
//!
//! In comes an [`Entry`], out comes the same with its body in the place of `body_ref` and, for programs, with the payload
//! in the place of `raw_ref`. What cannot be read, or is not what the reference says, stays a reference, and a note
//! says why.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use futures_util::StreamExt as _;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::{Entry, json, visible};
use crate::event::{Event, InvalidEvent, ObjectRef};

/// How long it may take until the next part of an object comes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest object that is read, in bytes: whoever may publish an event may claim any size.
const LARGEST: u64 = 1 << 30;

/// Reads what an entry refers to: its body, and the payload if that is wanted.
pub(super) async fn follow(context: &Context, mut entry: Entry, payload: bool) -> Entry {
    if memmem::find(&entry.body, b"\"body_ref\"").is_some()
        && let Err(InvalidEvent::Elsewhere(elsewhere)) = Event::from_json(&entry.body)
    {
        match read(context, &elsewhere.body_ref).await {
            Ok(body) => entry.body = body,
            Err(why) => return unread(entry, &why),
        }
    }
    if payload && memmem::find(&entry.body, b"\"raw_ref\"").is_some() {
        match with_payload(context, &entry.body).await {
            Ok(Some(body)) => entry.body = body,
            Ok(None) => {}
            Err(why) => return unread(entry, &why),
        }
    }
    entry
}

fn unread(entry: Entry, why: &str) -> Entry {
    let (subject, sequence) = (visible::text(&entry.subject), entry.sequence);
    let why = visible::text(why);
    warn!(%subject, sequence, "Cannot read what a message refers to: {why}");
    entry
}

#[derive(Deserialize)]
struct Referring<'a> {
    #[serde(borrow)]
    raw_ref: &'a RawValue,
}

/// The body with the payload in the place of the reference to it; `None` if it has none of our form.
async fn with_payload(context: &Context, body: &[u8]) -> Result<Option<Bytes>, String> {
    let Ok(text) = std::str::from_utf8(body) else { return Ok(None) };
    let Ok(Referring { raw_ref }) = serde_json::from_str(text) else { return Ok(None) };
    let Ok(reference) = serde_json::from_str::<ObjectRef>(raw_ref.get()) else { return Ok(None) };
    // The value is borrowed from the text, so it tells where it stands.
    let start = (raw_ref.get().as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let parts = text.get(..start).zip(text.get(start + raw_ref.get().len()..));
    let Some((before, after)) = parts else { return Ok(None) };
    let name = before.trim_end().strip_suffix(':').map(str::trim_end);
    let Some(before) = name.and_then(|before| before.strip_suffix("\"raw_ref\"")) else {
        return Ok(None);
    };
    let whole = read(context, &reference).await?;
    let mut out = Vec::with_capacity(whole.len() + text.len());
    out.extend_from_slice(before.as_bytes());
    if json::text(&whole).is_some() {
        out.extend_from_slice(b"\"raw\":");
        out.extend_from_slice(&whole);
    } else {
        out.extend_from_slice(b"\"raw_base64\":\"");
        out.extend_from_slice(STANDARD.encode(&whole).as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(after.as_bytes());
    Ok(Some(out.into()))
}

/// What other clients write of an object beside its chunks.
#[derive(Deserialize)]
struct Meta {
    nuid: String,
    #[serde(default)]
    chunks: usize,
    #[serde(default)]
    deleted: bool,
}

/// Reads an object, and compares it with its reference.
async fn read(context: &Context, reference: &ObjectRef) -> Result<Bytes, String> {
    let ObjectRef { bucket, object, bytes, .. } = reference;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !bucket.bytes().all(plain) || *bytes > LARGEST {
        return Err(format!("no object store is named {bucket:?}, or its object is too large"));
    }
    let fault = |error: &dyn std::fmt::Display| format!("object {object} of {bucket}: {error}");
    let stream = context.get_stream(format!("OBJ_{bucket}")).await.map_err(|e| fault(&e))?;
    let meta_subject = format!("$O.{bucket}.M.{}", URL_SAFE.encode(object));
    let meta =
        stream.get_last_raw_message_by_subject(&meta_subject).await.map_err(|e| fault(&e))?;
    let meta: Meta = serde_json::from_slice(&meta.payload).map_err(|e| fault(&e))?;
    if meta.deleted || !meta.nuid.bytes().all(plain) {
        return Err(fault(&"it is deleted"));
    }
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        description: Some("forgewire tail: an object".to_owned()),
        filter_subject: format!("$O.{bucket}.C.{}", meta.nuid),
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|e| fault(&e))?;
    let mut messages = consumer.messages().await.map_err(|e| fault(&e))?;
    let mut whole = Vec::new();
    for _ in 0..meta.chunks {
        let next = tokio::time::timeout(PATIENCE, messages.next()).await;
        let chunk = next.ok().flatten().ok_or_else(|| fault(&"a part of it did not come"))?;
        whole.extend_from_slice(&chunk.map_err(|e| fault(&e))?.payload);
        if whole.len() as u64 > *bytes {
            break;
        }
    }
    reference.check(&whole).map_err(|error| fault(&error))?;
    Ok(whole.into())
}
