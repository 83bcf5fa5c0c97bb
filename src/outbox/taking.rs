//! Whether the stream takes messages, or refuses them all.
//!
//! In comes what it answers to each message, and what a look at it finds; out comes a yes or no. One message that is
//! taken ends a refusal. Where none is sent any more, because nobody comes to a daemon that is not ready, the look ends
//! it: of a stream that was full once there is room, of any other refusal after a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::jetstream::stream::Fill;
use crate::jetstream::{Ack, Unacknowledged};

/// JetStream's code for a message that could not be stored.
const NOT_STORED: u64 = 10_077;
/// What it says of a stream that is full.
const FULL: [&str; 2] = ["maximum messages exceeded", "maximum bytes exceeded"];
/// What it says of a subject that is full.
const SUBJECT_FULL: &str = "maximum messages per subject exceeded";
/// For how long a refusal counts whose end no look can tell.
const COUNTS_FOR: Duration = Duration::from_secs(30);

/// What the stream made of the last message.
#[derive(Debug, Default)]
pub struct Taking {
    /// Whether there is a refusal: to be looked at without a lock.
    refuses: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// Whether the stream is full, which a look can tell.
    full: bool,
    /// Subject, headers and body of the message.
    bytes: usize,
    at: Instant,
}

impl Taking {
    /// Takes note of an answer to a message of so many bytes. Whether it is the first refusal after something was taken.
    pub fn heard(&self, answer: &Result<Ack, Unacknowledged>, bytes: usize) -> bool {
        match answer {
            // Of what it had already it needs to take nothing.
            Ok(ack) if ack.duplicate => false,
            Ok(_) => {
                if self.refuses.load(Ordering::Relaxed) {
                    self.end(&mut self.refusal());
                }
                false
            }
            Err(Unacknowledged::Refused { code, description })
                if concerns_all(*code, description) =>
            {
                let full = *code == NOT_STORED && FULL.iter().any(|why| description.contains(why));
                let mut refusal = self.refusal();
                *refusal = Some(Refusal { full, bytes, at: Instant::now() });
                !self.refuses.swap(true, Ordering::Relaxed)
            }
            // What nobody answered says nothing, and what one message is refused for says nothing of the others.
            Err(_) => false,
        }
    }

    /// Takes note of what a look at the stream has found.
    pub fn looked(&self, fill: Fill) {
        let mut refusal = self.refusal();
        let Some(Refusal { full, bytes, at }) = *refusal else { return };
        let goes_on = if full { !fill.has_room_for(bytes) } else { at.elapsed() < COUNTS_FOR };
        if !goes_on {
            self.end(&mut refusal);
        }
    }

    /// Whether the stream refused the last message, and would refuse another one as far as that is known.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    fn end(&self, refusal: &mut Option<Refusal>) {
        *refusal = None;
        self.refuses.store(false, Ordering::Relaxed);
    }

    fn refusal(&self) -> MutexGuard<'_, Option<Refusal>> {
        // Replaced whole.
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a stream that refuses a message for this would refuse any other. 10054 message too large, 10060 another
/// stream expected, 10097 headers too large, 10158 the id is in process: these are the message's own.
fn concerns_all(code: u64, description: &str) -> bool {
    !matches!(code, 10_054 | 10_060 | 10_097 | 10_158) && !description.contains(SUBJECT_FULL)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(code: u64, description: &str) -> Result<Ack, Unacknowledged> {
        Err(Unacknowledged::Refused { code, description: description.to_owned() })
    }

    fn full() -> Result<Ack, Unacknowledged> {
        refused(NOT_STORED, FULL[1])
    }

    fn taken(duplicate: bool) -> Ack {
        Ack { stream: "FORGE".into(), sequence: 1, duplicate }
    }

    fn fill(discard: &str, messages: u64, bytes: u64) -> Fill {
        Fill::of(&json!({
            "config": { "discard": discard, "max_msgs": 10, "max_bytes": 1_000 },
            "state": { "messages": messages, "bytes": bytes },
        }))
    }

    #[test]
    fn one_message_that_is_taken_ends_it() {
        let taking = Taking::default();
        assert!(taking.heard(&full(), 100) && taking.refuses());
        assert!(!taking.heard(&full(), 100), "it is no news");
        taking.heard(&Ok(taken(true)), 100);
        assert!(taking.refuses(), "a full stream acknowledges repeats");
        taking.heard(&Ok(taken(false)), 100);
        assert!(!taking.refuses());
        assert!(taking.heard(&full(), 100), "it is news again");
    }

    #[test]
    fn what_concerns_one_message_or_is_no_answer_says_nothing_of_the_stream() {
        let taking = Taking::default();
        for answer in [10_054, 10_060, 10_097, 10_158].map(|code| refused(code, "")) {
            taking.heard(&answer, 100);
        }
        taking.heard(&refused(NOT_STORED, SUBJECT_FULL), 100);
        taking.heard(&Err(Unacknowledged::TimedOut), 100);
        taking.heard(&Err(Unacknowledged::Denied("forge.a".into())), 100);
        assert!(!taking.refuses());
        taking.heard(&full(), 100);
        taking.heard(&Err(Unacknowledged::TimedOut), 100);
        assert!(taking.refuses(), "silence does not end it");
    }

    #[test]
    fn a_full_stream_refuses_until_the_message_has_room_by_number_and_by_size() {
        let ends = |fill: Fill| {
            let taking = Taking::default();
            taking.heard(&full(), 100);
            taking.looked(fill);
            !taking.refuses()
        };
        assert!(!ends(fill("new", 10, 0)));
        assert!(!ends(fill("new", 1, 900)));
        assert!(ends(fill("new", 9, 800)));
        assert!(ends(fill("old", 10, 1_000)), "old messages make room");
        assert!(ends(Fill::default()), "there is no limit any more");
    }

    #[test]
    fn a_refusal_that_no_look_explains_counts_for_a_while() {
        for answer in [refused(10_023, "insufficient resources"), refused(NOT_STORED, "I/O error")]
        {
            let taking = Taking::default();
            taking.heard(&answer, 100);
            taking.looked(Fill::default());
            assert!(taking.refuses());
            if let Some(refusal) = &mut *taking.refusal() {
                refusal.at = refusal.at.checked_sub(COUNTS_FOR).unwrap();
            }
            taking.looked(Fill::default());
            assert!(!taking.refuses());
        }
    }
}
