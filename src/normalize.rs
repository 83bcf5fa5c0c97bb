//! From a verified delivery to its events: ids, digest, scope, what happened, and the payload beside it.
//!
//! In comes a [`Delivery<Verified>`] of a source, out come its [`Event`]s in the order of the payload, at
//! least one. Pure: the same delivery gives the same events, but for `received_at`.

use base64::Engine as _;
use bytes::Bytes;

use crate::config::{Dedup, Source};
use crate::delivery::{Delivery, Verified};
use crate::event::{self, Event, Raw, Reason, Time};
use crate::json;
use crate::source::Fact;

/// The delivery speaks of a repository that its source, or the secret it is signed with, is not for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the repository is outside the scope of this source or secret")]
pub struct OutOfScope;

/// Makes the events of a delivery.
///
/// # Errors
///
/// [`OutOfScope`] when one of them is about a repository that `source` may not speak of.
pub fn events(
    delivery: &Delivery<Verified<'_>>,
    source: &Source,
    received_at: Time,
) -> Result<Vec<Event>, OutOfScope> {
    let payload = delivery.payload();
    let screened = json::screen(payload);
    let raw_altered = matches!(screened.bytes, std::borrow::Cow::Owned(_));
    let read = read(delivery, source, &screened);
    let in_scope = |fact: &Fact| {
        let repository = fact.repository.as_ref();
        let (owner, name) = (
            repository.and_then(|r| r.owner.as_deref()),
            repository.and_then(|r| r.name.as_deref()),
        );
        delivery.may_speak_of(source, owner, name)
    };
    if !read.facts.iter().all(in_scope) {
        return Err(OutOfScope);
    }
    let raw = if read.is_json {
        Raw::Inline(match screened.bytes {
            std::borrow::Cow::Borrowed(_) => payload.clone(),
            std::borrow::Cow::Owned(cleaned) => Bytes::from(cleaned),
        })
    } else {
        Raw::Base64(base64::engine::general_purpose::STANDARD.encode(&screened.bytes))
    };
    let about = about(delivery, source);
    let first = format!("{}:{}", source.name, about.id);
    let mut raw = Some(raw);
    let make = |(index, fact): (usize, Fact)| Event {
        id: if index == 0 { first.clone() } else { format!("{first}:{}", index + 1) },
        source: source.name.as_str().to_owned(),
        forge: source.kind.name().to_owned(),
        occurred_at: fact.occurred_at,
        received_at,
        delivery: about.clone(),
        actor: fact.actor,
        repository: fact.repository,
        reference: fact.reference,
        data: fact.data,
        raw: raw.take().unwrap_or_else(|| Raw::In(first.clone())),
        raw_altered: raw_altered && index == 0,
    };
    Ok(read.facts.into_iter().enumerate().map(make).collect())
}

struct Read {
    facts: Vec<Fact>,
    is_json: bool,
}

fn read(delivery: &Delivery<Verified<'_>>, source: &Source, screened: &json::Screened<'_>) -> Read {
    let forge = source.kind.forge();
    let headers = delivery.headers();
    let name = forge.event_name(headers).unwrap_or(event::NO_NAME);
    let text = std::str::from_utf8(&screened.bytes).ok().filter(|_| !screened.too_deep);
    let facts = match text {
        Some(text) => forge.facts(headers, text),
        None if screened.too_deep => Err(Reason::TooDeep),
        None => Err(Reason::NotJson),
    };
    match facts {
        Ok(facts) if !facts.is_empty() => Read { facts, is_json: true },
        other => {
            let reason = other.err().unwrap_or(Reason::NoChanges);
            // A typed event has been parsed whole; here nobody may have looked yet.
            let text =
                text.filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
            let reason =
                if text.is_none() && reason != Reason::TooDeep { Reason::NotJson } else { reason };
            Read { facts: vec![forge.unrecognized(name, reason, text)], is_json: text.is_some() }
        }
    }
}

/// What an event says of its delivery.
fn about(delivery: &Delivery<Verified<'_>>, source: &Source) -> event::Delivery {
    let forge = source.kind.forge();
    let headers = delivery.headers();
    let name = forge.event_name(headers);
    let said = headers.first_said(forge.delivery_headers()).filter(|id| is_usable_id(id));
    let id = match (source.dedup, said) {
        (Dedup::Delivery, Some(id)) => id.to_owned(),
        (Dedup::Delivery, None) => derived_id(&[
            source.name.as_str().as_bytes(),
            name.unwrap_or_default().as_bytes(),
            delivery.payload(),
        ]),
        (Dedup::Digest, _) => derived_id(&[source.name.as_str().as_bytes(), delivery.payload()]),
    };
    event::Delivery {
        id,
        event: name.map(str::to_owned),
        digest: format!("blake3={}", blake3::hash(delivery.payload()).to_hex()),
        authenticated: delivery.authenticated(),
        secret: delivery.secret_id().map(str::to_owned),
        hook: forge.hook(headers).map(str::to_owned),
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
