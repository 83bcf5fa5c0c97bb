//! Publishing what is in the spool, once JetStream takes it again.
//!
//! In come lanes that have something in the spool, out go their messages in order: each lane one at a time, several
//! lanes at once. It begins with one lane when JetStream is in trouble, so that what is tried is little, and takes
//! more as they succeed. A message that JetStream will never take is set aside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lanes::Lanes;
use super::publisher::{Publisher, Tries, is_hopeless, may_be_stored};
use super::repeats::Repeats;
use super::retain::Retainer;
use crate::event::Time;
use crate::facts;
use crate::jetstream::{Link, Unacknowledged};
use crate::message::Message;
use crate::metrics::{self, SourceCounts};
use crate::spool::{RowId, Spool, Stored, Unreadable};

/// Most lanes at once: with so many messages on their way NATS has no time to spare.
const MOST_LANES: usize = 64;
/// Messages of one lane that are read at once, if they are not large.
const ROWS: usize = 16;
/// Where reading stops, in bytes; the first message is read in any case.
const BYTES: u64 = 256 * 1024;
/// Pauses after a failure that concerns everybody, doubling.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// How long a lane waits that failed for a reason of its own.
const LANE_PAUSE: Duration = Duration::from_secs(1);

/// The one who publishes what is spooled.
pub(super) struct Drain {
    pub(super) publisher: Arc<Publisher>,
    pub(super) spool: Arc<Spool>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) silent: Arc<AtomicBool>,
    pub(super) retainer: Option<Arc<Retainer>>,
    /// Somebody asks to try now, without pauses.
    pub(super) hurry: Arc<Notify>,
    pub(super) repeats: Repeats,
    /// Ends it, once what is on its way has been answered.
    pub(super) stop: CancellationToken,
}

/// How one turn of a lane ended.
enum Turn {
    /// Its messages are published, as many as were read.
    Through {
        /// Whether there are more.
        more: bool,
    },
    /// JetStream does not take its next message now.
    Stuck(Unacknowledged),
    /// The spool cannot be read.
    Unreadable,
}

/// How much may be tried at the moment.
struct Pace {
    lanes: usize,
    pause: Duration,
    until: Option<Instant>,
}

impl Drain {
    /// Publishes what is spooled, until it is stopped.
    pub(super) async fn run(self) -> &'static str {
        let mut pace = Pace { lanes: 1, pause: Duration::ZERO, until: None };
        let mut link = self.publisher.jetstream().link();
        let mut running = FuturesUnordered::new();
        loop {
            let stopping = self.stop.is_cancelled();
            if stopping && running.is_empty() {
                return super::WORKS[0];
            }
            let up = *link.borrow_and_update() != Link::Down;
            let paused = pace.until.filter(|until| *until > Instant::now());
            while up && !stopping && paused.is_none() && running.len() < pace.lanes {
                let Some((lane, after)) = self.lanes.take() else { break };
                running.push(self.turn(lane, after));
            }
            let room = up && paused.is_none() && running.len() < pace.lanes;
            tokio::select! {
                Some((lane, turn)) = running.next(), if !running.is_empty() => {
                    self.ended(lane, turn, &mut pace);
                }
                () = self.lanes.changed(), if room && !stopping => {}
                () = until(paused), if paused.is_some() && !stopping => {}
                () = self.hurry.notified() => pace.until = None,
                changed = link.changed() => match changed {
                    // There is a connection again, or none: nothing that was seen before holds.
                    Ok(()) => pace.until = None,
                    Err(_ended) => return super::WORKS[0],
                },
                () = self.stop.cancelled(), if !stopping => {}
            }
        }
    }

    fn ended(&self, lane: Arc<str>, turn: Turn, pace: &mut Pace) {
        let (more, not_before) = match turn {
            Turn::Through { more } => {
                pace.succeeded();
                (more, None)
            }
            Turn::Stuck(reason) => {
                let its_own = is_its_own(&reason);
                if !its_own {
                    pace.failed();
                }
                (true, its_own.then(|| Instant::now() + LANE_PAUSE))
            }
            Turn::Unreadable => (true, Some(Instant::now() + LANE_PAUSE)),
        };
        self.lanes.put_back(lane, more, not_before);
        if !self.lanes.any() {
            facts::spool_is_empty();
        }
    }

    /// Publishes the next messages of a lane.
    async fn turn(&self, lane: Arc<str>, after: RowId) -> (Arc<str>, Turn) {
        let page = match self.spool.next(&lane, after, ROWS, BYTES).await {
            Ok(page) => page,
            Err(error) => {
                facts::spool_cannot_be_read(&error);
                return (lane, Turn::Unreadable);
            }
        };
        let mut done = Vec::with_capacity(page.messages.len());
        let mut turn = Turn::Through { more: page.more };
        for stored in page.messages {
            let row = match &stored {
                Ok(stored) => stored.entry.row,
                Err(unreadable) => unreadable.row,
            };
            if self.lanes.has_left(&lane, row) {
                self.lanes.left(&lane, row);
                continue;
            }
            match self.settle(row, stored).await {
                Ok(sequence) => done.extend(sequence.map(|sequence| (row, sequence))),
                Err(reason) => {
                    turn = Turn::Stuck(reason);
                    break;
                }
            }
            self.lanes.left(&lane, row);
        }
        // Where it cannot be told, they are published again under the same ids.
        let _ = match &self.retainer {
            Some(_) => self.spool.done_retained(&done),
            None => self.spool.done(&done.iter().map(|(row, _)| *row).collect::<Vec<_>>()),
        };
        (lane, turn)
    }

    /// Publishes a message, or sets it aside if nobody ever will; its sequence if it is published.
    async fn settle(
        &self,
        row: RowId,
        stored: Result<Stored, Unreadable>,
    ) -> Result<Option<u64>, Unacknowledged> {
        let (source, message, reason) = match stored {
            Ok(stored) => {
                let source = metrics::source(&stored.entry.source);
                let message = self.repeats.marked(stored);
                match self.publish(&source, &message).await {
                    Ok(sequence) => return Ok(Some(sequence)),
                    Err(reason) if is_hopeless(&reason) => {
                        (source, Some(message), reason.to_string())
                    }
                    Err(reason) => {
                        facts::spool_is_stuck(&message, &reason);
                        if may_be_stored(&reason) {
                            let _ = self.spool.mark_sent(&[row], Time::now().unix_ms());
                        }
                        return Err(reason);
                    }
                }
            }
            Err(unreadable) => {
                // Whose it is can be read all the same.
                let entry = self.spool.entry(row).await.ok().flatten();
                let source = entry.map(|entry| entry.source).unwrap_or_default();
                (metrics::source(&source), None, unreadable.to_string())
            }
        };
        facts::message_is_dead(&source, message.as_ref(), &reason);
        // Where that cannot be written down now, it is found to be hopeless again.
        let _ = self.spool.bury(row, reason).await;
        Ok(None)
    }

    async fn publish(
        &self,
        source: &SourceCounts,
        message: &Message,
    ) -> Result<u64, Unacknowledged> {
        let highest = self.retainer.as_ref().map_or(0, |retainer| retainer.highest());
        let ack = self.publisher.publish(source, message, Tries::One).await?;
        if message.is_resent() {
            facts::event_resent(source, &message.id);
        }
        self.silent.store(false, Ordering::Relaxed);
        if let Some(retainer) = &self.retainer {
            retainer.acknowledged(highest, &ack);
        }
        Ok(ack.sequence)
    }
}

/// Whether a reason concerns the subject alone, and others may well be taken.
fn is_its_own(reason: &Unacknowledged) -> bool {
    matches!(reason, Unacknowledged::Denied(_) | Unacknowledged::NoBucket(_))
}

impl Pace {
    fn succeeded(&mut self) {
        self.lanes = (self.lanes * 2).min(MOST_LANES);
        self.pause = Duration::ZERO;
        self.until = None;
    }

    fn failed(&mut self) {
        let now = Instant::now();
        self.lanes = 1;
        // Those that were on their way together failed together.
        if self.until.is_none_or(|until| until <= now) {
            self.pause = (self.pause * 2).clamp(PAUSES.0, PAUSES.1);
            self.until = Some(now + self.pause);
        }
    }
}

async fn until(instant: Option<Instant>) {
    if let Some(instant) = instant {
        tokio::time::sleep_until(instant).await;
    }
}
