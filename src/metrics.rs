//! What is counted: facts that happened, and how long things took.
//!
//! In comes one fact at a time, from [`crate::facts`] alone; out they all go when somebody scrapes ([`scrape`]). Like
//! the log, counts are those of the process. A count is a relaxed addition or two: no lock, no search for a label, and no
//! text before the scrape. Label values come from the configuration and from closed lists, never from a sender, so
//! there are no more series than the configuration makes.

mod histogram;
mod process;
pub mod scrape;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use self::histogram::Histogram;
use crate::event::Data;
use crate::source::SourceName;

/// Codes of refusals that a source can be named for. Each is there from the start, at zero.
pub const DELIVERY_CODES: [&str; 13] = [
    "body_aborted",
    "body_timeout",
    "body_too_large",
    "client_not_allowed",
    "compressed",
    "method_not_allowed",
    "no_payload",
    "not_authenticated",
    "not_stored",
    "out_of_scope",
    "overloaded",
    "too_many_refused",
    "uri_too_long",
];
/// Codes of refusals before the source is known, except those of the connection server.
pub const REQUEST_CODES: [&str; 3] = ["no_such_source", "not_found", "too_many_refused"];

/// What belongs to no source.
pub static TOTALS: Totals = Totals::new();

/// The sources as they are configured now, for those who have only a name.
static SOURCES: LazyLock<ArcSwap<Sources>> = LazyLock::new(ArcSwap::default);

/// Every source with what is counted for it.
pub type Sources = BTreeMap<SourceName, Arc<SourceCounts>>;

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

/// What is counted for one source. A request finds it once and takes it along.
#[derive(Debug)]
pub struct SourceCounts {
    name: Box<str>,
    pub(crate) received: Count,
    pub(crate) published: Count,
    pub(crate) duplicate: Count,
    pub(crate) spooled: Count,
    pub(crate) dead: Count,
    pub(crate) resent: Count,
    refused: [Count; DELIVERY_CODES.len()],
}

/// What is counted for the process.
#[derive(Debug)]
pub struct Totals {
    requests_refused: [Count; REQUEST_CODES.len()],
    events: [Count; Data::EVENTS.len()],
    pub(crate) request_time: Histogram,
    pub(crate) publish_time: Histogram,
    /// How often NATS was connected.
    pub(crate) connects: Count,
    /// How long JetStream last took to say how the stream does, in nanoseconds; zero: it never did.
    pub(crate) round_trip: Level,
    drift: [Level; Store::ALL.len()],
    pub(crate) stream_losses: Count,
    pub(crate) published_again: Count,
    pub(crate) reloads: Count,
    pub(crate) reloads_refused: Count,
    /// One while the last reload was refused.
    pub(crate) reload_is_refused: Level,
    pub(crate) spans_lost: Count,
}

/// What is kept in NATS and looked after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Store {
    /// The stream.
    Stream,
    /// The object store for large events.
    Objects,
}

impl Count {
    /// At zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Adds so many.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Level {
    /// At zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// From now on it is this.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// As it is now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl SourceCounts {
    /// Nothing so far.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            received: Count::new(),
            published: Count::new(),
            duplicate: Count::new(),
            spooled: Count::new(),
            dead: Count::new(),
            resent: Count::new(),
            refused: [const { Count::new() }; DELIVERY_CODES.len()],
        }
    }

    /// Name of the source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn refused(&self, code: &str) {
        count(&DELIVERY_CODES, &self.refused, code);
    }
}

impl Totals {
    const fn new() -> Self {
        Self {
            requests_refused: [const { Count::new() }; REQUEST_CODES.len()],
            events: [const { Count::new() }; Data::EVENTS.len()],
            request_time: Histogram::new(),
            publish_time: Histogram::new(),
            connects: Count::new(),
            round_trip: Level::new(),
            drift: [const { Level::new() }; Store::ALL.len()],
            stream_losses: Count::new(),
            published_again: Count::new(),
            reloads: Count::new(),
            reloads_refused: Count::new(),
            reload_is_refused: Level::new(),
            spans_lost: Count::new(),
        }
    }

    pub(crate) fn request_refused(&self, code: &str) {
        count(&REQUEST_CODES, &self.requests_refused, code);
    }

    pub(crate) fn event(&self, data: &Data<'_>) {
        // An event without a number is one that this version reads and never makes.
        let known = data.number().and_then(|number| self.events.get(number));
        known.into_iter().for_each(Count::one);
    }

    pub(crate) fn drift(&self, store: Store) -> &Level {
        let [stream, objects] = &self.drift;
        match store {
            Store::Stream => stream,
            Store::Objects => objects,
        }
    }
}

impl Store {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stream, Self::Objects];

    fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Objects => "objects",
        }
    }
}

/// Adds one to the count of that code. Refusals are rare enough to look for it.
fn count(codes: &[&str], counts: &[Count], code: &str) {
    let place = codes.iter().position(|known| *known == code);
    place.and_then(|place| counts.get(place)).into_iter().for_each(Count::one);
}

/// The sources with these names. One that was there before keeps what is counted for it.
#[must_use]
pub fn sources<'a>(names: impl Iterator<Item = &'a SourceName>, before: &Sources) -> Sources {
    let of = |name: &SourceName| before.get(name).map(Arc::clone);
    let fresh = |name: &SourceName| Arc::new(SourceCounts::new(name.as_str()));
    names.map(|name| (name.clone(), of(name).unwrap_or_else(|| fresh(name)))).collect()
}

/// From now on these are the sources that [`source`] finds.
pub fn set_sources(sources: &Arc<Sources>) {
    SOURCES.store(Arc::clone(sources));
}

/// What is counted for the source of that name, for messages that wait since another request or run. What is
/// counted for one that is not configured any more is seen by nobody.
#[must_use]
pub fn source(name: &str) -> Arc<SourceCounts> {
    let sources = SOURCES.load();
    let known = SourceName::new(name).ok().and_then(|name| sources.get(&name).map(Arc::clone));
    known.unwrap_or_else(|| Arc::new(SourceCounts::new(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_stays_keeps_its_counts_and_one_that_comes_again_begins_anew() {
        let [a, b] = ["a", "b"].map(|name| SourceName::new(name).unwrap());
        let first = sources([&a, &b].into_iter(), &Sources::new());
        first[&a].received.one();
        first[&b].received.one();
        let second = sources([&a].into_iter(), &first);
        let third = sources([&a, &b].into_iter(), &second);
        assert_eq!((third[&a].received.get(), third[&b].received.get()), (1, 0));
    }

    #[test]
    fn a_code_that_is_none_is_counted_nowhere() {
        let counts = SourceCounts::new("a");
        counts.refused("made up");
        counts.refused("not_stored");
        let counted: Vec<_> = counts.refused.iter().map(Count::get).collect();
        assert_eq!(counted, [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
}
