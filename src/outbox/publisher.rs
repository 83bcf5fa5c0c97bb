//! One message on its way to the stream: what it refers to first, then itself.
//!
//! In comes a message, out comes JetStream's acknowledgement or why there is none. A message that turns out to be
//! too large for server or stream is made a reference. It knows neither order nor spool.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::large::{Alone, Large};
use super::taking::Taking;
use crate::facts;
use crate::jetstream::{Ack, JetStream, Link, Unacknowledged};
use crate::message::{Message, Object, Room};
use crate::metrics::SourceCounts;
use crate::spans;

/// Pause before a message is sent again to a server that answered but could not take it.
const PAUSE: Duration = Duration::from_millis(100);
/// How long it may take to store what a message refers to. With twice the acknowledgement timeout after it the answer
/// still comes before Gitea gives up, which it does after 5 seconds.
const OBJECTS: Duration = Duration::from_secs(2);

/// How often a message is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tries {
    /// Once: who asks has a place for what is not taken.
    One,
    /// Until it is taken, can no longer be, or twice the acknowledgement timeout is nearly over.
    Several,
}

/// The way of single messages to the stream.
#[derive(Debug)]
pub(super) struct Publisher {
    jetstream: Arc<JetStream>,
    ack_timeout: Duration,
    room: Room,
    large: Large,
    taking: Arc<Taking>,
}

impl Publisher {
    pub(super) fn new(jetstream: Arc<JetStream>, ack_timeout: Duration, room: Room) -> Self {
        let (large, taking) = (Large::default(), Arc::default());
        Self { jetstream, ack_timeout, room, large, taking }
    }

    pub(super) fn jetstream(&self) -> &JetStream {
        &self.jetstream
    }

    pub(super) fn shared(&self) -> &Arc<JetStream> {
        &self.jetstream
    }

    pub(super) fn taking(&self) -> &Arc<Taking> {
        &self.taking
    }

    pub(super) fn room(&self) -> Room {
        let max_bytes = self.room.max_bytes.min(self.jetstream.largest());
        Room { max_bytes, bucket: Arc::clone(&self.room.bucket) }
    }

    /// Stores a message. What it refers to takes at most two seconds, and itself after that the acknowledgement
    /// timeout, or nearly twice that with several tries.
    pub(super) async fn publish(
        &self,
        source: &SourceCounts,
        message: &Message,
        tries: Tries,
    ) -> Result<Ack, Unacknowledged> {
        let publishing = spans::publish(message);
        let Some(trace) = publishing.context() else {
            return self.publish_or_refer(source, message, tries).await;
        };
        // A future is as large as the largest of its ways, and there is one for each delivery: what is rare is put aside.
        let traced = Box::new(message.clone().in_trace(trace));
        let stored = self.publish_or_refer(source, &traced, tries).await;
        publishing.published(&stored);
        stored
    }

    async fn publish_or_refer(
        &self,
        source: &SourceCounts,
        message: &Message,
        tries: Tries,
    ) -> Result<Ack, Unacknowledged> {
        match self.publish_as_it_is(source, message, tries).await {
            // Server or stream take less than they did when the message was made.
            Err(reason) if is_too_large(&reason) && message.whole.is_none() => {
                let reference = Box::new(message.clone().by_reference(&self.room.bucket));
                self.publish_as_it_is(source, &reference, tries).await
            }
            stored => stored,
        }
    }

    async fn publish_as_it_is(
        &self,
        source: &SourceCounts,
        message: &Message,
        tries: Tries,
    ) -> Result<Ack, Unacknowledged> {
        let stored = match message.objects().next() {
            Some(_) => Some(Box::pin(self.with_objects(message, tries)).await?),
            None => None,
        };
        let instead = stored.as_ref().and_then(|(_alone, instead)| instead.as_deref());
        let message = instead.unwrap_or(message);
        let now = Instant::now();
        let deadline = now + self.ack_timeout.mul_f64(1.8);
        let publish = async |now: Instant| {
            let answer =
                self.jetstream.publish(message, deadline.min(now + self.ack_timeout)).await;
            if self.taking.heard(&answer, size(message)) {
                // The look that may end it comes soon then.
                self.jetstream.look_at_stream();
            }
            let ack = answer?;
            facts::event_acknowledged(source, &message.id, &ack, now.elapsed());
            Ok(ack)
        };
        self.until(tries, now, deadline, publish).await
    }

    /// Stores everything that the message refers to, while nobody else does. Gives the message to publish in its place,
    /// if that is another.
    async fn with_objects(
        &self,
        message: &Message,
        tries: Tries,
    ) -> Result<(Alone, Option<Box<Message>>), Unacknowledged> {
        let deadline = Instant::now() + OBJECTS;
        let alone = tokio::time::timeout_at(deadline, self.large.alone(message)).await;
        let alone = alone.map_err(|_busy| Unacknowledged::TimedOut)?;
        if let Some(payload) = &message.payload {
            self.keep(payload, tries, deadline).await?;
        }
        let Some(whole) = &message.whole else { return Ok((alone, None)) };
        if let Some(before) = self.large.published(message)
            && let Some(whole) = &before.whole
            && self
                .until(tries, Instant::now(), deadline, |_| self.jetstream.has(whole, deadline))
                .await?
        {
            return Ok((alone, Some(Box::new(before))));
        }
        self.keep(whole, tries, deadline).await?;
        self.large.remember(message);
        Ok((alone, None))
    }

    async fn keep(
        &self,
        object: &Object,
        tries: Tries,
        deadline: Instant,
    ) -> Result<(), Unacknowledged> {
        let keep = |now| {
            let patience = self.ack_timeout.min(deadline.saturating_duration_since(now));
            self.jetstream.keep(object, patience, deadline)
        };
        self.until(tries, Instant::now(), deadline, keep).await
    }

    /// Tries until it succeeds, can no longer succeed, or the deadline has come. Each attempt hears when it begins, which
    /// is `now` for the first.
    async fn until<T, F: Future<Output = Result<T, Unacknowledged>>>(
        &self,
        tries: Tries,
        mut now: Instant,
        deadline: Instant,
        attempt: impl Fn(Instant) -> F,
    ) -> Result<T, Unacknowledged> {
        loop {
            let outcome = attempt(now).await;
            let Err(reason) = outcome else { return outcome };
            if tries == Tries::One {
                return Err(reason);
            }
            if is_hopeless(&reason) || !self.ready_again(&reason, deadline).await {
                return Err(reason);
            }
            now = Instant::now();
        }
    }

    /// Waits until another attempt makes sense; false when the deadline comes first.
    async fn ready_again(&self, reason: &Unacknowledged, deadline: Instant) -> bool {
        match reason {
            Unacknowledged::Away | Unacknowledged::Disconnected => {
                let mut link = self.jetstream.link();
                let up = link.wait_for(|link| *link != Link::Down);
                tokio::time::timeout_at(deadline, up).await.is_ok_and(|up| up.is_ok())
            }
            Unacknowledged::TimedOut => Instant::now() < deadline,
            Unacknowledged::Closed => false,
            _ => {
                let again = Instant::now() + PAUSE;
                if again < deadline {
                    tokio::time::sleep_until(again).await;
                }
                again < deadline
            }
        }
    }
}

/// Whether the same event would be taken in a smaller message. 10054 is JetStream's "message too large".
fn is_too_large(reason: &Unacknowledged) -> bool {
    matches!(reason, Unacknowledged::TooLarge | Unacknowledged::Refused { code: 10_054, .. })
}

/// Whether the same message will not be taken later either.
pub(super) fn is_hopeless(reason: &Unacknowledged) -> bool {
    match reason {
        Unacknowledged::Away
        | Unacknowledged::Deaf(_)
        | Unacknowledged::Denied(_)
        | Unacknowledged::Disconnected
        | Unacknowledged::NoBucket(_)
        | Unacknowledged::NoStream
        | Unacknowledged::TimedOut
        | Unacknowledged::Unreadable
        // The client has ended, and the daemon with it: the next one may store it.
        | Unacknowledged::Closed => false,
        // 10054 message too large, 10060 another stream, 10097 headers too large: never. 10158: the id is
        // in process, so it will be there.
        Unacknowledged::Refused { code, .. } => matches!(code, 10_054 | 10_060 | 10_097),
        Unacknowledged::Header(_) | Unacknowledged::TooLarge => true,
    }
}

/// Subject, headers and body, in bytes.
fn size(message: &Message) -> usize {
    message.subject.as_str().len() + message.headers.wire_len() + message.body.len()
}

/// Whether the message may be in the stream for all that is known.
pub(super) fn may_be_stored(reason: &Unacknowledged) -> bool {
    matches!(
        reason,
        Unacknowledged::Closed
            | Unacknowledged::Deaf(_)
            | Unacknowledged::Disconnected
            | Unacknowledged::TimedOut
            | Unacknowledged::Unreadable
            // The same id is in process: somebody sends it, or sent it.
            | Unacknowledged::Refused { code: 10_158, .. }
    )
}
