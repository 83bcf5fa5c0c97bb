//! From a verified delivery to its events: ids, digest, scope, what happened, and the payload beside it.
//!
//! In comes a [`Delivery<Verified>`] of a source, out come its [`Event`]s in the order of the payload, at
//! least one. Pure: the same delivery gives the same events, but for `received_at`.

use std::borrow::Cow;

use bytes::Bytes;

use crate::config::{Dedup, RawPolicy, Source};
use crate::delivery::{Delivery, Verified};
use crate::event::{self, Event, Raw, Reason, Time};
use crate::json;
use crate::source::{Fact, UnsignedHeaders};

/// The delivery speaks of a repository that its source, or the secret it is signed with, is not for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the repository is outside the scope of this source or secret")]
pub struct OutOfScope;

/// The payload of a verified delivery, without the credentials that it may hold.
#[derive(Debug)]
pub struct Payload {
    bytes: Bytes,
    altered: bool,
    /// Whether it was nested too deeply before something was taken out. Where nothing was, the reader finds out.
    too_deep: bool,
}

impl Payload {
    /// Looks through the payload of a delivery, which is not copied unless something is taken out.
    #[must_use]
    pub fn of(delivery: &Delivery<Verified<'_>>) -> Self {
        let payload = delivery.payload();
        match json::screen(payload) {
            Cow::Borrowed(_) => Self { bytes: payload.clone(), altered: false, too_deep: false },
            Cow::Owned(cleaned) => Self {
                bytes: Bytes::from(cleaned),
                altered: true,
                too_deep: json::is_too_deep(payload),
            },
        }
    }
}

/// Makes the events of a delivery, which borrow from it and its payload.
///
/// # Errors
///
/// [`OutOfScope`] when one of them is about a repository that `source` may not speak of.
pub fn events<'a>(
    delivery: &'a Delivery<Verified<'_>>,
    payload: &'a Payload,
    source: &'a Source,
    received_at: Time,
) -> Result<Vec<Event<'a>>, OutOfScope> {
    let Read { facts, is_json } = read(delivery, payload, source);
    let in_scope = |fact: &Fact<'_>| {
        let repository = fact.repository.as_ref();
        let (owner, name) = (
            repository.and_then(|r| r.owner.as_deref()),
            repository.and_then(|r| r.name.as_deref()),
        );
        delivery.may_speak_of(source, owner, name)
    };
    if !facts.iter().all(in_scope) {
        return Err(OutOfScope);
    }
    let (raw, raw_altered) = raw(payload, is_json, source);
    let about = about(delivery, source);
    let first = [source.name.as_str(), ":", &about.id].concat();
    let (omitted, mut raw) = (raw == Raw::Omitted, Some(raw));
    let rest = || if omitted { Raw::Omitted } else { Raw::In(first.clone()) };
    let make = |(index, (fact, delivery)): (usize, (Fact<'a>, event::Delivery<'a>))| Event {
        id: if index == 0 { first.clone() } else { format!("{first}:{}", index + 1) },
        source: Cow::Borrowed(source.name.as_str()),
        forge: Cow::Borrowed(source.kind.name()),
        occurred_at: fact.occurred_at,
        received_at,
        delivery,
        actor: fact.actor,
        repository: fact.repository,
        reference: fact.reference,
        data: fact.data,
        raw: raw.take().unwrap_or_else(rest),
        raw_altered: raw_altered && index == 0,
    };
    let about = std::iter::repeat_n(about, facts.len());
    Ok(facts.into_iter().zip(about).enumerate().map(make).collect())
}

/// The delivery id that a request claims, if it is one. Nobody has checked that it is signed.
#[must_use]
pub fn claimed_id<'h>(source: &Source, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
    source.kind.forge().delivery_id(headers).filter(|id| is_usable_id(id))
}

/// What events show of the payload, and whether that is something else than the forge's bytes.
fn raw(payload: &Payload, is_json: bool, source: &Source) -> (Raw, bool) {
    if source.raw == RawPolicy::Omit {
        return (Raw::Omitted, false);
    }
    if source.redact.is_empty() {
        let bytes = payload.bytes.clone();
        let raw = if is_json { Raw::Inline(bytes) } else { Raw::Binary(bytes) };
        return (raw, payload.altered);
    }
    let text = std::str::from_utf8(&payload.bytes).ok().filter(|_| is_json);
    match text.map(|text| source.redact.apply(text)) {
        Some(Ok(Some(redacted))) => (Raw::Inline(redacted.into()), true),
        Some(Ok(None)) => (Raw::Inline(payload.bytes.clone()), payload.altered),
        // Where nobody can look, there may be what must not leave.
        Some(Err(_)) | None => (Raw::Omitted, true),
    }
}

struct Read<'a> {
    facts: Vec<Fact<'a>>,
    is_json: bool,
}

fn read<'a>(
    delivery: &Delivery<Verified<'_>>,
    payload: &'a Payload,
    source: &'a Source,
) -> Read<'a> {
    let forge = source.kind.forge();
    let headers = delivery.headers();
    let name = forge.event_name(headers).unwrap_or(event::NO_NAME);
    let text = std::str::from_utf8(&payload.bytes).ok().filter(|_| !payload.too_deep);
    let facts = match text {
        Some(text) => forge.facts(headers, text, source.base_url.as_deref()),
        None => Err(Reason::NotJson),
    };
    match facts {
        Ok(facts) if !facts.is_empty() => Read { facts, is_json: true },
        other => {
            let reason = other.err().unwrap_or(Reason::NoChanges);
            // A typed event has been parsed whole; here nobody may have looked yet.
            let text = text.filter(|text| json::read::is_json(text));
            let reason = match text {
                Some(_) => reason,
                None if payload.too_deep || json::is_too_deep(&payload.bytes) => Reason::TooDeep,
                None => Reason::NotJson,
            };
            Read { facts: vec![forge.unrecognized(name, reason, text)], is_json: text.is_some() }
        }
    }
}

/// What an event says of its delivery.
fn about<'a>(delivery: &'a Delivery<Verified<'_>>, source: &Source) -> event::Delivery<'a> {
    let forge = source.kind.forge();
    let headers = delivery.headers();
    let name = forge.event_name(headers);
    let said = claimed_id(source, headers);
    let id = match (source.dedup, said) {
        (Dedup::Delivery, Some(id)) => Cow::Borrowed(id),
        (Dedup::Delivery, None) => Cow::Owned(derived_id(&[
            source.name.as_str().as_bytes(),
            name.unwrap_or_default().as_bytes(),
            delivery.payload(),
        ])),
        (Dedup::Digest, _) => {
            Cow::Owned(derived_id(&[source.name.as_str().as_bytes(), delivery.payload()]))
        }
    };
    let digest = blake3::hash(delivery.payload()).to_hex();
    event::Delivery {
        id,
        event: name.map(Cow::Borrowed),
        digest: Cow::Owned(["blake3=", digest.as_str()].concat()),
        authenticated: delivery.authenticated(),
        secret: delivery.secret_id().map(Cow::Borrowed),
        hook: forge.hook(headers).map(Cow::Borrowed),
        attempt: forge.attempt(headers),
    }
}

/// What a delivery id may look like to be taken as one: `[A-Za-z0-9._-]{1,100}`.
fn is_usable_id(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// An id made of what the delivery says. Each part goes in with its length before it, so that no two
/// lists of parts read alike.
fn derived_id(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut id = String::from("blake3-");
    id.extend(hasher.finalize().to_hex().chars().take(32));
    id
}
