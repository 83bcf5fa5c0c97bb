//! W3C trace context: one trace can be followed from forge to subscriber.
//!
//! In comes a request's `traceparent`, if it has a valid one, out comes the context that the messages
//! of its events carry; where spans are made ([`crate::spans`]), it is that of the span which published the message.
//! The header is unsigned: it says which trace a delivery belongs to and whether that is recorded, and nothing else
//! is decided by it.

use std::fmt;

use crate::source::UnsignedHeaders;

/// A span's place in a trace, as the header `traceparent` writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// A span of a trace; neither id may be 0.
    #[must_use]
    pub fn new(trace: u128, span: u64, is_sampled: bool) -> Self {
        Self { trace, span, flags: is_sampled.into() }
    }

    /// Goes on with the sender's trace, or begins one.
    #[must_use]
    pub fn of(headers: UnsignedHeaders<'_>) -> Self {
        match Self::sent(headers) {
            Some(parent) => Self { span: random_not_zero(), ..parent },
            None => Self {
                trace: (u128::from(random_not_zero()) << 64) | u128::from(random_not_zero()),
                span: random_not_zero(),
                flags: 0,
            },
        }
    }

    /// What the sender says, if that is a trace context.
    #[must_use]
    pub fn sent(headers: UnsignedHeaders<'_>) -> Option<Self> {
        headers.said("traceparent").and_then(Self::parse)
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace(self) -> u128 {
        self.trace
    }

    /// The id of the span.
    #[must_use]
    pub fn span(self) -> u64 {
        self.span
    }

    /// Whether somebody upstream records this trace.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }

    /// Reads a `traceparent`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        // Version 00 has nothing more; later ones may, and ff is none.
        let ends = version != 0 || parts.next().is_none();
        (version != 0xff && trace != 0 && span != 0 && ends).then_some(Self {
            trace,
            span,
            flags: flags & 1,
        })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// Ids need to be different, not secret: a generator per process, seeded by the system, is enough.
fn random_not_zero() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The top bit makes the id never zero, which is the invalid one.
    KEYS.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)) | 1 << 63
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::HeaderMap;

    fn of(traceparent: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", traceparent.parse().unwrap());
        TraceContext::of(UnsignedHeaders::new(&headers)).to_string()
    }

    #[test]
    fn the_senders_trace_goes_on_with_a_span_of_our_own() {
        let context = of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert!(context.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{context}");
        assert!(context.ends_with("-01") && !context.contains("00f067aa0ba902b7"), "{context}");
    }

    #[test]
    fn what_is_no_trace_context_begins_a_new_trace() {
        for bad in [
            "",
            "x",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let (one, two) = (of(bad), of(bad));
            assert_ne!(one, two);
            assert!(TraceContext::parse(&one).is_some(), "{one}");
        }
    }
}
