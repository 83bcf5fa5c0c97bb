//! Storing the messages of a delivery: nothing is answered 2xx that did not pass here.
//!
//! In come the messages of one delivery, out comes a [`Receipt`] each once JetStream has acknowledged
//! all of them, in order; or [`NotStored`], and then some may be in the stream all the same. An unknown
//! outcome is tried again under the same id, so that a repeat is recognised. What a message refers to is stored
//! before it; a message that turns out to be too large for server or stream is made a reference itself.

mod large;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::jetstream::{Ack, JetStream, Link, Unacknowledged};
use crate::message::{Message, Object, Room};
use large::Large;

/// Pause before a message is sent again to a server that answered but could not take it.
const PAUSE: Duration = Duration::from_millis(100);
/// How long it may take to store what a message refers to. With twice the acknowledgement timeout after it the answer
/// still comes before Gitea gives up, which it does after 5 seconds.
const OBJECTS: Duration = Duration::from_secs(2);

/// Where a message is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Event id.
    pub id: String,
    /// Subject.
    pub subject: String,
    /// Stream that has it.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// Whether the stream had it already.
    pub duplicate: bool,
}

/// Not every message of the delivery is known to be stored.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("message {id} is not stored: {reason}")]
pub struct NotStored {
    /// Event id of the first message that is not known to be stored.
    pub id: String,
    /// What the last attempt said.
    pub reason: Unacknowledged,
}

/// The way of messages to the stream.
#[derive(Debug)]
pub struct Outbox {
    jetstream: Arc<JetStream>,
    ack_timeout: Duration,
    room: Room,
    large: Large,
}

impl Outbox {
    /// Publishes through `jetstream`, waiting `ack_timeout` for each acknowledgement. Messages are made for `room`.
    #[must_use]
    pub fn new(jetstream: Arc<JetStream>, ack_timeout: Duration, room: Room) -> Self {
        Self { jetstream, ack_timeout, room, large: Large::default() }
    }

    /// How large a message may be at the moment, and where goes what does not fit.
    #[must_use]
    pub fn room(&self) -> Room {
        let max_bytes = self.room.max_bytes.min(self.jetstream.largest());
        Room { max_bytes, bucket: Arc::clone(&self.room.bucket) }
    }

    /// Stores the messages of one delivery, one after the other: sent without waiting, one that JetStream has no
    /// leader for would come after those that follow it.
    ///
    /// A message whose fate is unknown is sent once more; in all one takes less than twice the
    /// acknowledgement timeout, and what it refers to at most two seconds before that.
    ///
    /// # Errors
    ///
    /// [`NotStored`] names the first message that is not known to be stored; those after it were not sent.
    pub async fn store(&self, messages: &[Message]) -> Result<Vec<Receipt>, NotStored> {
        let mut receipts = Vec::with_capacity(messages.len());
        for message in messages {
            let ack = self.store_one(message).await;
            let ack = ack.map_err(|reason| NotStored { id: message.id.clone(), reason })?;
            receipts.push(Receipt {
                id: message.id.clone(),
                subject: message.subject.as_str().to_owned(),
                stream: ack.stream,
                sequence: ack.sequence,
                duplicate: ack.duplicate,
            });
        }
        Ok(receipts)
    }

    async fn store_one(&self, message: &Message) -> Result<Ack, Unacknowledged> {
        match self.store_as_it_is(message).await {
            // Server or stream take less than they did when the message was made.
            Err(reason) if is_too_large(&reason) && message.whole.is_none() => {
                let reference = message.clone().by_reference(&self.room.bucket);
                self.store_as_it_is(&reference).await
            }
            stored => stored,
        }
    }

    async fn store_as_it_is(&self, message: &Message) -> Result<Ack, Unacknowledged> {
        let deadline = Instant::now() + OBJECTS;
        let alone = tokio::time::timeout_at(deadline, self.large.alone(message)).await;
        let _alone = alone.map_err(|_busy| Unacknowledged::TimedOut)?;
        let message = self.with_objects(message, deadline).await?;
        let deadline = Instant::now() + self.ack_timeout.mul_f64(1.8);
        let message = &*message;
        self.until(deadline, |left| self.jetstream.publish(message, self.ack_timeout.min(left)))
            .await
    }

    /// The message, once everything that it refers to is stored.
    async fn with_objects<'m>(
        &self,
        message: &'m Message,
        deadline: Instant,
    ) -> Result<Cow<'m, Message>, Unacknowledged> {
        if let Some(payload) = &message.payload {
            self.keep(payload, deadline).await?;
        }
        let Some(whole) = &message.whole else { return Ok(Cow::Borrowed(message)) };
        if let Some(before) = self.large.published(message)
            && let Some(whole) = &before.whole
            && self.until(deadline, |_| self.jetstream.has(whole, deadline)).await?
        {
            return Ok(Cow::Owned(before));
        }
        self.keep(whole, deadline).await?;
        self.large.remember(message);
        Ok(Cow::Borrowed(message))
    }

    async fn keep(&self, object: &Object, deadline: Instant) -> Result<(), Unacknowledged> {
        let keep = |left| self.jetstream.keep(object, self.ack_timeout.min(left), deadline);
        self.until(deadline, keep).await
    }

    /// Tries until it succeeds, can no longer succeed, or the deadline has come. Each attempt hears how long
    /// that is from now.
    async fn until<T, F: Future<Output = Result<T, Unacknowledged>>>(
        &self,
        deadline: Instant,
        attempt: impl Fn(Duration) -> F,
    ) -> Result<T, Unacknowledged> {
        loop {
            let outcome = attempt(deadline.saturating_duration_since(Instant::now())).await;
            let Err(reason) = outcome else { return outcome };
            if !may_succeed_later(&reason) || !self.ready_again(&reason, deadline).await {
                return Err(reason);
            }
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
            _ => {
                let again = Instant::now() + PAUSE;
                if again < deadline {
                    tokio::time::sleep_until(again).await;
                }
                again < deadline
            }
        }
    }

    /// The connection that messages go through.
    #[must_use]
    pub fn jetstream(&self) -> &JetStream {
        &self.jetstream
    }
}

/// Whether the same event would be taken in a smaller message. 10054 is JetStream's "message too large".
fn is_too_large(reason: &Unacknowledged) -> bool {
    matches!(reason, Unacknowledged::TooLarge | Unacknowledged::Refused { code: 10_054, .. })
}

/// Whether the same message may be taken a moment later.
fn may_succeed_later(reason: &Unacknowledged) -> bool {
    match reason {
        Unacknowledged::Away
        | Unacknowledged::Disconnected
        | Unacknowledged::NoBucket(_)
        | Unacknowledged::NoStream
        | Unacknowledged::TimedOut
        | Unacknowledged::Unreadable => true,
        // 10054 message too large, 10060 another stream, 10097 headers too large: never. 10158: the id is
        // in process, so it will be there.
        Unacknowledged::Refused { code, .. } => !matches!(code, 10_054 | 10_060 | 10_097),
        Unacknowledged::Closed | Unacknowledged::Header(_) | Unacknowledged::TooLarge => false,
    }
}
