//! The decision between stream and spool, and the order that it must keep.
//!
//! In come the messages of a delivery. They go to the stream one after the other; what JetStream does not take, and
//! all that comes after it in the delivery, goes to the spool, and so does whatever comes while something of the
//! same repository is there. Out comes a [`Receipt`] each once they are stored in one place or the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::lanes::{Claim, Lanes};
use super::publisher::{Publisher, Tries, is_hopeless, may_be_stored};
use super::retain::Retainer;
use super::{NotStored, Receipt, Why};
use crate::event::Time;
use crate::jetstream::Unacknowledged;
use crate::message::Message;
use crate::metrics::SourceCounts;
use crate::spool::{Put, Spool};
use crate::{facts, spans};

/// Messages of one delivery that are retained together, with one sync of the disk.
const RETAINED: usize = 256;

/// Where messages go that JetStream does not take.
#[derive(Debug)]
pub(super) struct Spooler {
    pub(super) spool: Arc<Spool>,
    pub(super) lanes: Arc<Lanes>,
    /// Whether the server is silent: it takes what is sent, and answers nothing. Whoever comes then does not wait
    /// for it, as long as there is something spooled to try it with.
    pub(super) silent: Arc<AtomicBool>,
    /// What keeps acknowledged messages, if anything does.
    pub(super) retainer: Option<Arc<Retainer>>,
    /// Tells the drain to wait for nothing.
    pub(super) hurry: Arc<Notify>,
}

impl Spooler {
    /// Stores the messages of one delivery.
    pub(super) async fn store(
        &self,
        publisher: &Publisher,
        source: &Arc<SourceCounts>,
        messages: Vec<Message>,
    ) -> Result<Vec<Receipt>, NotStored> {
        let mut receipts = Vec::with_capacity(messages.len());
        let silent = self.silent.load(Ordering::Relaxed) && self.lanes.any();
        if let Some(claim) = self.lanes.claim(messages.iter(), silent) {
            Box::pin(self.keep(source, claim, messages, None, &mut receipts)).await?;
            return Ok(receipts);
        }
        let mut acknowledged = Vec::new();
        let stored =
            self.publish(publisher, source, messages, &mut receipts, &mut acknowledged).await;
        if let Some(retainer) = &self.retainer {
            retainer.keep(acknowledged).await;
        }
        stored.map(|()| receipts)
    }

    /// Publishes messages as long as JetStream takes them, and spools the others. What is to be retained is added to
    /// `acknowledged`, with its sequence.
    async fn publish(
        &self,
        publisher: &Publisher,
        source: &Arc<SourceCounts>,
        messages: Vec<Message>,
        receipts: &mut Vec<Receipt>,
        acknowledged: &mut Vec<(Put, u64)>,
    ) -> Result<(), NotStored> {
        let mut rest = messages.into_iter();
        while let Some(message) = rest.next() {
            let began = Time::now();
            let heard = publisher.jetstream().heard();
            let highest = self.retainer.as_ref().map_or(0, |retainer| retainer.highest());
            let reason = match publisher.publish(source, &message, Tries::One).await {
                Ok(ack) => {
                    if let Some(retainer) = &self.retainer {
                        retainer.acknowledged(highest, &ack);
                        acknowledged.push((put(message.clone(), Some(Time::now())), ack.sequence));
                        if acknowledged.len() >= RETAINED {
                            retainer.keep(std::mem::take(acknowledged)).await;
                        }
                    }
                    receipts.push(Receipt::published(message, ack));
                    continue;
                }
                Err(reason) => reason,
            };
            if is_hopeless(&reason) {
                receipts.push(Box::pin(self.bury(source, message, &reason)).await?);
                continue;
            }
            if reason == Unacknowledged::TimedOut && publisher.jetstream().heard() == heard {
                self.silent.store(true, Ordering::Relaxed);
            }
            let sent = may_be_stored(&reason).then_some(began);
            let remaining: Vec<_> = std::iter::once(message).chain(rest).collect();
            let is_first = !self.lanes.any();
            if let Some(claim) = self.lanes.claim(remaining.iter(), true) {
                if is_first {
                    remaining.iter().take(1).for_each(|first| facts::spooling(first, &reason));
                }
                Box::pin(self.keep(source, claim, remaining, sent, receipts)).await?;
            }
            break;
        }
        Ok(())
    }

    /// Puts messages into the spool; the first of them may have been sent at a time.
    async fn keep(
        &self,
        source: &Arc<SourceCounts>,
        claim: Claim,
        messages: Vec<Message>,
        first_sent: Option<Time>,
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), NotStored> {
        let first = messages.first().map(|message| message.id.clone()).unwrap_or_default();
        let mut sent = first_sent;
        receipts.extend(messages.iter().map(Receipt::spooled));
        let spooling = spans::spool(&messages);
        let puts = messages.into_iter().map(|message| put(message, sent.take())).collect();
        let (spool, source) = (Arc::clone(&self.spool), Arc::clone(source));
        // A client that leaves takes nothing with it: what is in the spool must also be known to be there.
        let kept = tokio::spawn(async move {
            let kept = spool.put(puts).await;
            spooling.spooled(&kept);
            if let Ok(rows) = &kept {
                claim.spooled(rows);
                facts::events_spooled(&source, rows.len());
            }
            kept
        });
        let kept = kept.await.map_err(|_gone| NotStored::ending(&first))?;
        kept.map(drop).map_err(|error| NotStored { id: first, reason: Why::Spool(error) })
    }

    /// Sets a message aside that JetStream will never take.
    async fn bury(
        &self,
        source: &SourceCounts,
        message: Message,
        reason: &Unacknowledged,
    ) -> Result<Receipt, NotStored> {
        let receipt = Receipt::spooled(&message);
        let spooling = spans::spool(std::slice::from_ref(&message));
        let dead = self.spool.put_dead(put(message.clone(), None), reason.to_string()).await;
        spooling.spooled(&dead);
        dead.map_err(|error| NotStored { id: receipt.id.clone(), reason: Why::Spool(error) })?;
        facts::message_is_dead(source, Some(&message), &reason.to_string());
        Ok(receipt)
    }
}

/// A message as the spool keeps it.
fn put(message: Message, sent: Option<Time>) -> Put {
    Put {
        lane: message.lane().to_owned(),
        source: message.source().to_owned(),
        delivery: message.delivery().to_owned(),
        sent_at: sent.map(Time::unix_ms),
        message,
    }
}
