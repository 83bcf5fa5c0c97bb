//! What JetStream acknowledged, kept for a while: a server that was restarted or restored can have forgotten it.
//!
//! In come acknowledgements, each with the highest sequence that was known when its message was sent, and what is
//! seen of the stream. A sequence that is not above that shows that the same stream went backwards; what came after
//! its present end is published again, under the same ids, so that what is still there stays single. A stream that
//! was made anew is an operator's doing and is only reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::publisher::{Publisher, Tries, is_hopeless};
use super::repeats::Repeats;
use super::spooler::put;
use crate::event::Time;
use crate::facts;
use crate::jetstream::{Ack, JetStream, Link};
use crate::message::Message;
use crate::spool::{RowId, Spool, Stored};

/// Names under which the spool keeps what was known of the stream.
const CREATED: &str = "stream.created";
const HIGHEST: &str = "stream.highest";
/// How often what is old goes, and what is known is written down.
const TIDY: Duration = Duration::from_secs(1);
/// Messages that are read at once, and where reading stops, in bytes.
const PAGE: (usize, u64) = (64, 1024 * 1024);

/// The memory of what was acknowledged.
#[derive(Debug)]
pub struct Retainer {
    spool: Arc<Spool>,
    jetstream: Arc<JetStream>,
    keep_for: Duration,
    /// Highest sequence that was acknowledged.
    highest: AtomicU64,
    known: Mutex<Known>,
    lost: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// When the stream was made, in the server's words.
    created: Option<String>,
    /// What came after this sequence is lost, as far as it was acknowledged before that time.
    lost: Option<Lost>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Lost {
    after: u64,
    before: i64,
}

impl Retainer {
    /// Keeps what is acknowledged for so long.
    pub(super) async fn new(
        spool: Arc<Spool>,
        jetstream: Arc<JetStream>,
        keep_for: Duration,
    ) -> Result<Self, crate::spool::ReadError> {
        let created = spool.meta_get(CREATED).await?;
        let highest = spool.meta_get(HIGHEST).await?.and_then(|text| text.parse().ok());
        let known = Mutex::new(Known { created, lost: None });
        let highest = AtomicU64::new(highest.unwrap_or_default());
        Ok(Self { spool, jetstream, keep_for, highest, known, lost: Notify::new() })
    }

    /// The highest sequence so far: what is sent from now on gets a higher one, unless the stream goes backwards.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest.load(Ordering::SeqCst)
    }

    /// Takes note of an acknowledgement of what was sent when `highest` was known.
    pub(super) fn acknowledged(&self, highest: u64, ack: &Ack) {
        if ack.duplicate {
            return;
        }
        if ack.sequence <= highest {
            self.went_back_to(ack.sequence - 1, ack.sequence);
        } else {
            self.highest.fetch_max(ack.sequence, Ordering::SeqCst);
        }
    }

    /// Keeps a message that was published directly.
    pub(super) async fn keep(&self, message: &Message, ack: &Ack) {
        let kept = vec![(put(message.clone(), Some(Time::now())), ack.sequence)];
        if let Err(error) = self.spool.retain(kept).await {
            facts::not_retained(&message.id, &error);
        }
    }

    /// Takes note of what the server says of the stream: when it was made, and its last sequence. `highest` was known
    /// before the server was asked.
    pub fn seen(&self, created: &str, last: u64, highest: u64) {
        let recreated = {
            let mut known = self.known();
            let before = known.created.replace(created.to_owned());
            before.is_some_and(|before| before != created)
        };
        if recreated {
            facts::stream_was_recreated(created);
            self.highest.store(last, Ordering::SeqCst);
        } else if last < highest {
            self.went_back_to(last, last);
        }
    }

    fn went_back_to(&self, last: u64, highest: u64) {
        facts::stream_went_back(last);
        self.highest.store(highest, Ordering::SeqCst);
        {
            let mut known = self.known();
            let after = known.lost.map_or(last, |lost| lost.after.min(last));
            known.lost = Some(Lost { after, before: Time::now().unix_ms() });
        }
        self.lost.notify_one();
    }

    /// Publishes what turns out to be lost, and lets go of what is old enough.
    pub(super) async fn run(
        self: Arc<Self>,
        publisher: Arc<Publisher>,
        repeats: Repeats,
        stop: CancellationToken,
    ) -> &'static str {
        let mut written = (None, 0);
        while !stop.is_cancelled() {
            tokio::select! {
                _ = timeout(TIDY, self.lost.notified()) => {}
                () = stop.cancelled() => {}
            }
            self.write_down(&mut written).await;
            let now = Time::now().unix_ms();
            let age = i64::try_from(self.keep_for.as_millis()).unwrap_or(i64::MAX);
            // Where it cannot be written now, it is tried again.
            let dropped = self.spool.drop_retained_before(now.saturating_sub(age)).await;
            if let Ok(dropped) = dropped
                && dropped > 0
            {
                facts::retained_events_are_gone(dropped);
            }
            let lost = self.known().lost;
            if let Some(lost) = lost
                && *self.jetstream.link().borrow() != Link::Down
                && self.replay(&publisher, &repeats, lost).await
            {
                let mut known = self.known();
                if known.lost == Some(lost) {
                    known.lost = None;
                }
            }
        }
        super::WORKS[1]
    }

    async fn write_down(&self, written: &mut (Option<String>, u64)) {
        let now = (self.known().created.clone(), self.highest());
        if let Some(created) = &now.0
            && now != *written
            && self.spool.meta_set(CREATED, created).await.is_ok()
            && self.spool.meta_set(HIGHEST, &now.1.to_string()).await.is_ok()
        {
            facts::stream_is_known(now.1);
            *written = now;
        }
    }

    /// Publishes what is retained from beyond a sequence; false when that could not be finished.
    async fn replay(&self, publisher: &Publisher, repeats: &Repeats, lost: Lost) -> bool {
        let (mut after, mut again) = (lost.after, 0_u64);
        loop {
            let Ok(page) = self.spool.retained_after(after, PAGE.0, PAGE.1).await else {
                return false;
            };
            if page.is_empty() {
                facts::published_again(again);
                return true;
            }
            for stored in page {
                let Ok(stored) = stored else { continue };
                after = stored.entry.sequence.unwrap_or(after);
                if stored.entry.stored_at > lost.before {
                    continue;
                }
                match self.publish(publisher, repeats, stored).await {
                    Ok(was_lost) => again += u64::from(was_lost),
                    Err(()) => return false,
                }
            }
        }
    }

    /// Whether the server had forgotten it.
    async fn publish(
        &self,
        publisher: &Publisher,
        repeats: &Repeats,
        stored: Stored,
    ) -> Result<bool, ()> {
        let (row, message) = (stored.entry.row, repeats.marked(stored));
        match publisher.publish(&message, Tries::One).await {
            Ok(ack) => {
                self.highest.fetch_max(ack.sequence, Ordering::SeqCst);
                let rows: [(RowId, u64); 1] = [(row, ack.sequence)];
                let _ = self.spool.done_retained(&rows);
                Ok(!ack.duplicate)
            }
            // It was taken once, so that somebody made the limits smaller.
            Err(reason) if is_hopeless(&reason) => {
                facts::message_is_dead(&message.id, &reason.to_string());
                Ok(false)
            }
            Err(_) => Err(()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Two facts, each replaced whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
