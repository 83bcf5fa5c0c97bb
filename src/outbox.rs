//! Storing the messages of a delivery: nothing is answered 2xx that did not pass here.
//!
//! In come the messages of one delivery, out comes a [`Receipt`] each once JetStream has acknowledged
//! all of them, in order; or [`NotStored`], and then some may be in the stream all the same. An unknown
//! outcome is tried again under the same id, so that a repeat is recognised.

use std::time::Duration;

use tokio::time::Instant;

use crate::jetstream::{JetStream, Link, Unacknowledged};
use crate::message::Message;

/// Pause before a message is sent again to a server that answered but could not take it.
const PAUSE: Duration = Duration::from_millis(100);

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
    jetstream: JetStream,
    ack_timeout: Duration,
}

impl Outbox {
    /// Publishes through `jetstream`, waiting `ack_timeout` for each acknowledgement.
    #[must_use]
    pub fn new(jetstream: JetStream, ack_timeout: Duration) -> Self {
        Self { jetstream, ack_timeout }
    }

    /// Stores the messages of one delivery, one after the other.
    ///
    /// A message whose fate is unknown is sent once more; in all one takes less than twice the
    /// acknowledgement timeout.
    ///
    /// # Errors
    ///
    /// [`NotStored`] names the first message that is not known to be stored; those after it were not sent.
    pub async fn store(&self, messages: &[Message]) -> Result<Vec<Receipt>, NotStored> {
        let mut receipts = Vec::with_capacity(messages.len());
        for message in messages {
            let deadline = Instant::now() + self.ack_timeout.mul_f64(1.8);
            let ack = self.publish(message, deadline).await;
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

    async fn publish(
        &self,
        message: &Message,
        deadline: Instant,
    ) -> Result<crate::jetstream::Ack, Unacknowledged> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let outcome = self.jetstream.publish(message, self.ack_timeout.min(left)).await;
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

/// Whether the same message may be taken a moment later.
fn may_succeed_later(reason: &Unacknowledged) -> bool {
    match reason {
        Unacknowledged::Away
        | Unacknowledged::Disconnected
        | Unacknowledged::NoStream
        | Unacknowledged::TimedOut
        | Unacknowledged::Unreadable => true,
        // 10054 message too large, 10060 another stream, 10097 headers too large: never. 10158: the id is
        // in process, so it will be there.
        Unacknowledged::Refused { code, .. } => !matches!(code, 10_054 | 10_060 | 10_097),
        Unacknowledged::Closed | Unacknowledged::Header(_) | Unacknowledged::TooLarge => false,
    }
}
