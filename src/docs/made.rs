//! What the samples become: each one signed, verified, normalized and addressed as a delivery is.

use anyhow::Context as _;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use serde_json::Value;

use crate::config::{Dedup, NamedSecret, RawPolicy, Source};
use crate::delivery::Delivery;
use crate::event::Time;
use crate::json::Redaction;
use crate::message::Message;
use crate::normalize;
use crate::samples::{Said, Sample, Sender, signature};
use crate::secret::Secret;
use crate::source::{Kind, SourceName};
use crate::subject::Subject;
use crate::trace::TraceContext;

/// Any will do: it is in no event.
const SECRET: &[u8] = b"a secret of enough bytes";
const DELIVERY: &str = "5b2f1c0e-8d34-4a6b-9e57-0c1d2e3f4a5b";
const RECEIVED_AT: &str = "2026-11-22T12:00:00Z";

/// An event that a sample became.
pub(super) struct Made {
    /// Name of the kind of forge.
    pub(super) kind: &'static str,
    /// Name of the sample.
    pub(super) sample: &'static str,
    /// What the hook must be subscribed to.
    pub(super) subscription: Option<&'static str>,
    pub(super) subject: Subject,
    pub(super) body: Value,
}

impl Made {
    /// The text at a place of the body.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

/// The events of every sample of every kind, in the order of the tables.
pub(super) fn all() -> anyhow::Result<Vec<Made>> {
    let mut all = Vec::new();
    for sender in Sender::ALL {
        let source = source(sender)?;
        for sample in sender.samples {
            let made = of(sender, sample, &source);
            all.extend(made.with_context(|| format!("sample {} of {}", sample.name, sender.kind))?);
        }
    }
    Ok(all)
}

fn source(sender: &Sender) -> anyhow::Result<Source> {
    let secret = Secret::new(SECRET.to_vec());
    Ok(Source {
        name: SourceName::new(sender.kind)?,
        kind: Kind::from_name(sender.kind).context("no such kind")?,
        secrets: vec![NamedSecret { id: "default".into(), secret, repositories: None }],
        repositories: None,
        clients: None,
        authorization: None,
        base_url: None,
        accept_get: false,
        dedup: Dedup::Delivery,
        raw: RawPolicy::Keep,
        redact: Redaction::default(),
        redact_data: Redaction::default(),
        danger_accept_unsigned: false,
    })
}

fn of(
    sender: &'static Sender,
    sample: &'static Sample,
    source: &Source,
) -> anyhow::Result<Vec<Made>> {
    let payload = Bytes::from(sender.payload(sample)?);
    let delivery = Delivery::new(headers(sender, sample, &payload)?, payload).verify(source)?;
    let received_at = Time::parse(RECEIVED_AT).context("no time")?;
    let payload = normalize::Payload::of(&delivery);
    let events = normalize::events(&delivery, &payload, source, received_at)?;
    let made = |event| {
        let message = Message::of(&event, "forge", TraceContext::of(delivery.headers()))?;
        Ok(Made {
            kind: sender.kind,
            sample: sample.name,
            subscription: sender.subscription(sample),
            subject: message.subject,
            body: serde_json::from_slice(&message.body)?,
        })
    };
    events.into_iter().map(made).collect()
}

fn headers(sender: &Sender, sample: &Sample, payload: &[u8]) -> anyhow::Result<HeaderMap> {
    let signature = signature(SECRET, payload)?;
    let said = Said {
        delivery: DELIVERY,
        event: sample.event,
        event_type: sample.event_type,
        signature: &signature,
    };
    let mut headers = HeaderMap::new();
    for &(name, part) in sender.headers {
        if let Some(value) = part.value(&said) {
            headers.insert(name, HeaderValue::from_str(&value)?);
        }
    }
    Ok(headers)
}
