//! The stages of a delivery, as `ingress` calls them.
//!
//! In: a [`Case`]. Out: what each stage makes of it. There is no I/O, and no task: publishing is measured from outside
//! the process, by `make bench`.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use forgewire::delivery::{Delivery, Unverified, Verified};
use forgewire::event::{Event, Time};
use forgewire::message::{self, Message, Room};
use forgewire::normalize::{self, Payload};
use forgewire::subject::Subject;
use forgewire::trace::TraceContext;

use crate::cases::Case;

const PREFIX: &str = "forge";
/// What nats-server takes by default.
const MAX_BYTES: usize = 1024 * 1024;

/// A delivery as a request brings it.
pub(crate) fn unverified(case: &Case) -> Delivery<Unverified> {
    Delivery::new(case.headers.clone(), case.body.clone())
}

/// HMAC-SHA-256 of the body, compared with the header.
pub(crate) fn verify(
    case: &Case,
    delivery: Delivery<Unverified>,
) -> Result<Delivery<Verified<'_>>> {
    delivery.verify(&case.source).with_context(|| case.name.clone())
}

/// Credentials looked for, payload read, events made; says how many.
pub(crate) fn normalize(case: &Case, delivery: &Delivery<Verified<'_>>) -> Result<usize> {
    let payload = Payload::of(delivery);
    Ok(black_box(events(case, delivery, &payload)?).len())
}

fn events<'a>(
    case: &'a Case,
    delivery: &'a Delivery<Verified<'_>>,
    payload: &'a Payload,
) -> Result<Vec<Event<'a>>> {
    let received_at = Time::from_unix_ms(1_764_000_000_000).context("no time")?;
    let events = normalize::events(delivery, payload, &case.source, received_at)?;
    Ok(events)
}

/// Subjects of the events.
pub(crate) fn subjects(events: &[Event<'_>]) {
    for event in events {
        black_box(Subject::new(PREFIX, &message::address(event)));
    }
}

/// Where messages are made for.
pub(crate) fn room() -> Room {
    Room { max_bytes: MAX_BYTES, bucket: Arc::from("FORGE_LARGE") }
}

/// Messages of the events: subject, headers and body.
pub(crate) fn encode(case: &Case, room: &Room, events: &[Event<'_>]) -> Result<Vec<Message>> {
    let trace = TraceContext::new(1, 1, false);
    let message = |event| Message::fitting(event, PREFIX, trace, room, &case.source.redact_data);
    events.iter().map(|event| Ok(message(event)?)).collect()
}

/// From the request's bytes to the messages.
pub(crate) fn whole(
    case: &Case,
    room: &Room,
    delivery: Delivery<Unverified>,
) -> Result<Vec<Message>> {
    let delivery = verify(case, delivery)?;
    let payload = Payload::of(&delivery);
    encode(case, room, &events(case, &delivery, &payload)?)
}

/// Gives the events of a case to `look`, for the stages that come after them.
pub(crate) fn with_events<T>(
    case: &Case,
    look: impl FnOnce(&[Event<'_>]) -> Result<T>,
) -> Result<T> {
    let delivery = verify(case, unverified(case))?;
    let payload = Payload::of(&delivery);
    look(&events(case, &delivery, &payload)?)
}
