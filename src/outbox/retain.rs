//! What JetStream acknowledged, kept for a while: a server that was restarted or restored can have forgotten it.
//!
//! In come acknowledgements, each with the highest sequence that was known when its message was sent, and what is
//! seen of the stream. A sequence that is not above that shows that the stream went backwards, or is another one: the
//! next look tells. If it is the same, what came after its end is published again under the same ids, so that what is
//! still there stays single. Where exactly it ended nobody can say: others may have published since. So all that
//! the stream recognises as a repeat goes along. A stream that was made anew is an operator's doing and only reported,
//! unless it holds what is older than itself: that one was restored from a backup.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::publisher::{Publisher, Tries, is_hopeless};
use super::repeats::Repeats;
use crate::event::Time;
use crate::facts;
use crate::jetstream::stream::Seen;
use crate::jetstream::{Ack, JetStream, Link};
use crate::metrics;
use crate::spool::{Forgotten, Put, RowId, Spool, Stored};

/// Names under which the spool keeps what was known of the stream.
const CREATED: &str = "stream.created";
const HIGHEST: &str = "stream.highest";
const LOST: &str = "stream.lost";
/// How long after a loss was noticed what was acknowledged before is on the disk for certain, in milliseconds.
const SETTLED: i64 = 1_000;
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
    /// What came after about this sequence is lost, as far as it was acknowledged before that time.
    lost: Option<Lost>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Lost {
    after: u64,
    before: i64,
    /// Whether the stream was restored from a backup: it may not recognise repeats of what came by that (nats-server
    /// 2.15.1 does not), so that nothing else than what is lost goes along.
    restored: bool,
    /// Whether it was seen since that the stream is the same. Until then nothing is published again.
    same: bool,
}

/// What the spool knows of the stream.
#[derive(Debug, Default)]
struct Written {
    stream: (Option<String>, u64),
    lost: Option<Lost>,
}

impl Known {
    /// Takes note that the stream ended there, if it is the same one.
    fn suspect(&mut self, last: u64) {
        let after = self.lost.map_or(last, |lost| lost.after.min(last));
        let restored = self.lost.is_some_and(|lost| lost.restored);
        self.lost = Some(Lost { after, before: Time::now().unix_ms(), restored, same: false });
    }
}

impl Lost {
    fn write(self) -> String {
        let restored = if self.restored { " restored" } else { "" };
        format!("{} {}{restored}", self.after, self.before)
    }

    /// After a restart the first look tells whether the stream is the same.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (after, before) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { after, before, restored: words.next().is_some(), same: false })
    }
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
        let lost = spool.meta_get(LOST).await?.and_then(|text| Lost::read(&text));
        let known = Mutex::new(Known { created, lost });
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
        // A loss that was noticed since it was sent has lowered what is known: this shows the same one.
        if ack.sequence <= highest.min(self.highest()) {
            self.highest.store(ack.sequence, Ordering::SeqCst);
            self.known().suspect(ack.sequence - 1);
            self.jetstream.look_at_stream();
        } else {
            self.highest.fetch_max(ack.sequence, Ordering::SeqCst);
        }
    }

    /// Keeps messages of one delivery that were published directly, each with its sequence.
    pub(super) async fn keep(&self, acknowledged: Vec<(Put, u64)>) {
        let Some((first, _)) = acknowledged.first() else { return };
        let (delivery, id) = (first.delivery.clone(), first.message.id.clone());
        let count = acknowledged.len();
        if let Err(error) = self.spool.retain(acknowledged).await {
            facts::not_retained(&delivery, &id, count, &error);
        }
    }

    /// Takes note of what the server says of the stream. `highest` was known before the server was asked.
    pub fn seen(&self, stream: &Seen, highest: u64) {
        let Seen { created, restored, last_sequence: last, .. } = stream;
        let last = *last;
        let mut known = self.known();
        let before = known.created.replace(created.clone());
        let is_another = before.is_some_and(|before| before != *created);
        if is_another && !restored {
            known.lost = None;
            self.highest.store(last, Ordering::SeqCst);
            return facts::stream_was_recreated(created);
        }
        // Of a backup it cannot be told by its end that it lacks something: others may have published since.
        if is_another || last < highest.min(self.highest()) {
            self.highest.store(last, Ordering::SeqCst);
            known.suspect(last);
        }
        if let Some(lost) = &mut known.lost {
            lost.restored |= is_another;
            if !std::mem::replace(&mut lost.same, true) {
                facts::stream_went_back(lost.after);
                self.lost.notify_one();
            }
        }
    }

    /// Publishes what turns out to be lost, and lets go of what is old enough.
    pub(super) async fn run(
        self: Arc<Self>,
        publisher: Arc<Publisher>,
        repeats: Repeats,
        stop: CancellationToken,
    ) -> &'static str {
        let mut written = Written::default();
        while !stop.is_cancelled() {
            tokio::select! {
                _ = timeout(TIDY, self.lost.notified()) => {}
                () = stop.cancelled() => {}
            }
            self.write_down(&mut written).await;
            let lost = self.known().lost;
            let Some(lost) = lost else {
                self.drop_old().await;
                continue;
            };
            let settled = Time::now().unix_ms() >= lost.before.saturating_add(SETTLED);
            if lost.same
                && settled
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

    async fn drop_old(&self) {
        let now = Time::now().unix_ms();
        let age = i64::try_from(self.keep_for.as_millis()).unwrap_or(i64::MAX);
        // Where it cannot be written now, it is tried again.
        let dropped = self.spool.drop_retained_before(now.saturating_sub(age)).await;
        if let Ok(dropped) = dropped
            && dropped > 0
        {
            facts::retained_events_are_gone(dropped);
        }
    }

    async fn write_down(&self, written: &mut Written) {
        let (created, lost) = {
            let known = self.known();
            (known.created.clone(), known.lost)
        };
        // First of all: a daemon that ends in between must publish it all the same.
        if lost != written.lost {
            let text = lost.map(Lost::write).unwrap_or_default();
            if self.spool.meta_set(LOST, &text).await.is_err() {
                return;
            }
            written.lost = lost;
        }
        let now = (created, self.highest());
        if let Some(created) = &now.0
            && now != written.stream
            && self.spool.meta_set(CREATED, created).await.is_ok()
            && self.spool.meta_set(HIGHEST, &now.1.to_string()).await.is_ok()
        {
            facts::stream_is_known(now.1);
            written.stream = now;
        }
    }

    /// Publishes what is retained from beyond a sequence; false when that could not be finished. It goes by rows, not
    /// by sequences: what was stored since the server forgot has those of what is lost, and what is published
    /// again gets another one.
    async fn replay(&self, publisher: &Publisher, repeats: &Repeats, lost: Lost) -> bool {
        let (mut row, mut again) = (RowId::START, 0_u64);
        let which = Forgotten {
            after: lost.after,
            since: if lost.restored { i64::MAX } else { repeats.recognised_since() },
            until: Time::now().unix_ms(),
        };
        loop {
            let page = self.spool.retained(which, row, PAGE.0, PAGE.1).await;
            let Ok(page) = page else { return false };
            let mut lanes: HashMap<String, Vec<Stored>> = HashMap::new();
            let mut any = false;
            for stored in page.messages {
                any = true;
                match stored {
                    Ok(stored) => {
                        row = stored.entry.row;
                        lanes.entry(stored.entry.lane.clone()).or_default().push(stored);
                    }
                    Err(unreadable) => row = unreadable.row,
                }
            }
            if !any {
                facts::published_again(again);
                return true;
            }
            let lanes = lanes.into_values().map(|lane| self.publish_all(publisher, repeats, lane));
            for published in join_all(lanes).await {
                match published {
                    Ok(lost) => again += lost,
                    Err(()) => return false,
                }
            }
        }
    }

    /// How many of these the server had forgotten. They are published one after the other.
    async fn publish_all(
        &self,
        publisher: &Publisher,
        repeats: &Repeats,
        all: Vec<Stored>,
    ) -> Result<u64, ()> {
        let mut lost = 0;
        for stored in all {
            lost += u64::from(self.publish(publisher, repeats, stored).await?);
        }
        Ok(lost)
    }

    /// Whether the server had forgotten it.
    async fn publish(
        &self,
        publisher: &Publisher,
        repeats: &Repeats,
        stored: Stored,
    ) -> Result<bool, ()> {
        let source = metrics::source(&stored.entry.source);
        let (row, message) = (stored.entry.row, repeats.marked(stored));
        match publisher.publish(&source, &message, Tries::One).await {
            Ok(ack) => {
                if message.is_resent() {
                    facts::event_resent(&source, &message.id);
                }
                self.highest.fetch_max(ack.sequence, Ordering::SeqCst);
                let rows: [(RowId, u64); 1] = [(row, ack.sequence)];
                let _ = self.spool.done_retained(&rows);
                Ok(!ack.duplicate)
            }
            // It was taken once, so that somebody made the limits smaller.
            Err(reason) if is_hopeless(&reason) => {
                facts::message_is_dead(&source, Some(&message), &reason.to_string());
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
