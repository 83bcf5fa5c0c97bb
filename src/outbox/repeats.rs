//! Whether JetStream still recognises a repeat: what is sent again so late that it may not says so.
//!
//! In comes a message of the spool, out comes the same as it is sent.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Time;
use crate::jetstream::JetStream;
use crate::message::Message;
use crate::spool::{Entry, Stored};

/// How much earlier a repeat is no longer relied on to be recognised: the server stored a message before we knew.
const MARGIN: Duration = Duration::from_secs(10);

/// For how long JetStream recognises repeats, and since when we would know of a first copy.
#[derive(Clone, Debug)]
pub(super) struct Repeats {
    jetstream: Arc<JetStream>,
    /// What the configuration says; the stream may have been left with less.
    window: Duration,
    /// What was spooled before was spooled by another run, which may have sent it and not have written that down.
    began: i64,
}

impl Repeats {
    pub(super) fn new(jetstream: Arc<JetStream>, window: Duration) -> Self {
        Self { jetstream, window, began: Time::now().unix_ms() }
    }

    /// Since when the stream surely recognises a repeat of what was stored then, in Unix milliseconds.
    pub(super) fn recognised_since(&self) -> i64 {
        let window = self.window.min(self.jetstream.duplicate_window()).saturating_sub(MARGIN);
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        Time::now().unix_ms().saturating_sub(window)
    }

    /// The message as it is sent now.
    pub(super) fn marked(&self, stored: Stored) -> Message {
        let window = self.window.min(self.jetstream.duplicate_window());
        let Stored { entry, message } = stored;
        if is_late(&entry, self.began, Time::now().unix_ms(), window) {
            message.resent()
        } else {
            message
        }
    }
}

fn is_late(entry: &Entry, began: i64, now: i64, window: Duration) -> bool {
    let perhaps = (entry.stored_at < began).then_some(entry.stored_at);
    entry.sent_at.or(perhaps).is_some_and(|sent| {
        let age = now.saturating_sub(sent);
        u128::try_from(age).is_ok_and(|age| age >= window.as_millis())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{RowId, State};

    fn entry(stored_at: i64, sent_at: Option<i64>) -> Entry {
        Entry {
            row: RowId::START,
            state: State::Waiting,
            lane: String::new(),
            event: String::new(),
            subject: String::new(),
            source: String::new(),
            delivery: String::new(),
            bytes: 0,
            stored_at,
            sent_at,
            reason: None,
            died_at: None,
            sequence: None,
        }
    }

    #[test]
    fn a_first_copy_is_late_once_the_window_has_passed_since_it_may_have_been_sent() {
        let late = |entry, now| is_late(&entry, 1_000, now, Duration::from_millis(500));
        assert!(!late(entry(2_000, None), 9_000), "it was never sent");
        assert!(!late(entry(2_000, Some(2_000)), 2_499));
        assert!(late(entry(2_000, Some(2_000)), 2_500));
        assert!(late(entry(900, None), 1_400), "another run may have sent it");
        assert!(!late(entry(900, None), 1_399));
        assert!(!late(entry(2_000, Some(2_000)), 0), "the clock was set back");
    }
}
