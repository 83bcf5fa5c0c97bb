//! The verdict: what was answered compared with what is stored.
//!
//! In come the deliveries and, one after the other, the messages of the stream as it is read; what it holds of a
//! message is a few bytes per delivery. Out comes a [`Verdict`].

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use crate::ledger::{Delivery, Outcome};

/// Most examples of a kind of fault that a verdict names.
const EXAMPLES: usize = 5;

/// A message that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// The delivery that it is of, if it is one of ours.
    pub(crate) number: Option<u64>,
    pub(crate) sequence: u64,
    /// The server's time of storing, since the epoch.
    pub(crate) at: Duration,
    /// Whether it is marked as sent again after the duplicate window.
    pub(crate) resent: bool,
    /// Whether body and digest are what was sent.
    pub(crate) intact: bool,
}

/// Evidence that a server forgot: after it came back, its stream ended before sequences that it had acknowledged.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Regress {
    /// Its last sequence when it was back.
    pub(crate) last: u64,
    /// The highest that it had acknowledged.
    pub(crate) acknowledged: u64,
    /// Since when sequences were counted as they were then, on the ledger's clock.
    pub(crate) since: Duration,
    /// When the server was back.
    pub(crate) back: Duration,
}

impl Regress {
    fn covers(&self, delivery: &Delivery) -> bool {
        match delivery.outcome {
            Outcome::Published(sequence) => {
                (self.last + 1..=self.acknowledged).contains(&sequence)
                    && delivery.ended > self.since
                    && delivery.ended < self.back
            }
            _ => false,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) deliveries: u64,
    pub(crate) kept: u64,
    /// Of these: those that were answered as spooled.
    pub(crate) spooled: u64,
    pub(crate) other: u64,
    /// Of these: those that came while the spool, if there is one, could have taken them.
    pub(crate) rejected: u64,
    pub(crate) refused: u64,
    /// Of these: those that came while somebody should have listened.
    pub(crate) turned_away: u64,
    pub(crate) unanswered: u64,
    /// Of these: those that were not under way while the daemon was killed.
    pub(crate) unexcused: u64,
    /// 2xx and not stored.
    pub(crate) missing: u64,
    /// 2xx and not stored, and the server is known to have forgotten it.
    pub(crate) forgotten: u64,
    /// Stored again in the same stream, and not marked as sent again.
    pub(crate) doubled: u64,
    /// Stored again and marked, or in a stream that was made anew: allowed.
    pub(crate) repeated: u64,
    /// Stored late because the server had forgotten it: allowed.
    pub(crate) late: u64,
    /// Stored after one that began later than its 2xx, in the same repository.
    pub(crate) reordered: u64,
    /// Another body or digest than was sent.
    pub(crate) altered: u64,
    /// Of no delivery of ours.
    pub(crate) foreign: u64,
    /// Stored, and not answered 2xx: allowed.
    pub(crate) unpromised: u64,
    /// The longest time until an answer, in seconds.
    pub(crate) slowest: f64,
    /// Statuses other than 2xx.
    pub(crate) statuses: std::collections::BTreeMap<u16, u64>,
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    /// Whether every promise was kept.
    pub(crate) fn is_good(&self) -> bool {
        let stored = self.missing + self.doubled + self.reordered + self.altered + self.foreign;
        stored + self.unexcused + self.rejected + self.turned_away == 0
    }

    fn example(&mut self, kind: &str, what: std::fmt::Arguments<'_>) {
        let have = self.examples.iter().filter(|example| example.starts_with(kind)).count();
        if have < EXAMPLES {
            self.examples.push(format!("{kind}: {what}"));
        }
    }
}

/// Where and when a delivery was first read.
#[derive(Clone, Copy)]
struct Found {
    epoch: u32,
    sequence: u64,
}

/// What is known to have happened to servers and daemon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) regresses: Vec<Regress>,
    /// Deliveries that a server held and is known to have forgotten.
    pub(crate) forgotten: HashSet<u64>,
    /// Messages that it held and forgot: of a delivery that was published again, each time.
    pub(crate) forgotten_messages: u64,
    /// When the daemon was killed, and was dead, on the ledger's clock.
    pub(crate) kills: Vec<(Duration, Duration)>,
    /// When nothing could be kept, by full or broken disks, on the ledger's clock. All the time without a spool.
    pub(crate) roomless: Vec<(Duration, Duration)>,
    /// Somebody listened all the time.
    pub(crate) always_listens: bool,
    /// There were several daemons, none of which knows what is in another's spool: a delivery that was spooled has
    /// no place in the order then.
    pub(crate) several: bool,
}

impl Evidence {
    fn blames_server(&self, number: u64, delivery: &Delivery) -> bool {
        self.forgotten.contains(&number)
            || self.regresses.iter().any(|regress| regress.covers(delivery))
    }

    fn excuses_silence(&self, delivery: &Delivery) -> bool {
        meets(&self.kills, delivery)
    }

    fn excuses_rejection(&self, delivery: &Delivery) -> bool {
        meets(&self.roomless, delivery)
    }
}

/// Whether a delivery was under way in any of these times.
fn meets(times: &[(Duration, Duration)], delivery: &Delivery) -> bool {
    times.iter().any(|(from, to)| delivery.began <= *to && delivery.ended >= *from)
}

/// Reads the messages in their order.
pub(crate) struct Judge<'a> {
    deliveries: &'a [Delivery],
    evidence: &'a Evidence,
    found: Vec<Option<Found>>,
    epoch: u32,
    /// Of each repository, the delivery that began last of those that were read.
    newest: HashMap<u16, u64>,
    verdict: Verdict,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(deliveries: &'a [Delivery], evidence: &'a Evidence) -> Self {
        let found = vec![None; deliveries.len()];
        let (newest, verdict) = (HashMap::new(), Verdict::default());
        Self { deliveries, evidence, found, epoch: 0, newest, verdict }
    }

    /// What follows is in a stream that was made anew and knows nothing of what came before.
    pub(crate) fn next_stream(&mut self) {
        self.epoch += 1;
    }

    pub(crate) fn take(&mut self, stored: &Stored) {
        let known = stored.number.and_then(|number| {
            let index = usize::try_from(number).ok()?;
            Some((number, index, *self.deliveries.get(index)?))
        });
        let Some((number, index, delivery)) = known else {
            self.verdict.foreign += 1;
            self.verdict.example("foreign", format_args!("sequence {}", stored.sequence));
            return;
        };
        if !stored.intact {
            self.verdict.altered += 1;
            self.verdict.example("altered", format_args!("{number} at {}", stored.sequence));
        }
        match self.found[index] {
            None => {
                self.found[index] = Some(Found { epoch: self.epoch, sequence: stored.sequence });
                self.first(number, &delivery, stored);
            }
            Some(first) if stored.resent || first.epoch != self.epoch => self.verdict.repeated += 1,
            Some(first) => {
                self.verdict.doubled += 1;
                let (one, two) = (first.sequence, stored.sequence);
                let at = stored.at.as_secs_f64();
                self.verdict
                    .example("doubled", format_args!("{number} at {one} and {two} ({at:.3})"));
            }
        }
    }

    /// Judges the place of a delivery that was not read before.
    fn first(&mut self, number: u64, delivery: &Delivery, stored: &Stored) {
        let forgotten = self.evidence.blames_server(number, delivery);
        let elsewhere = delivery.outcome != Outcome::Published(stored.sequence);
        if stored.resent || (forgotten && elsewhere) {
            self.verdict.late += 1;
            return;
        }
        let newest = self.newest.entry(delivery.repository).or_insert(number);
        let before = self.deliveries[usize::try_from(*newest).unwrap()];
        let ordered = delivery.outcome.is_kept()
            && !(self.evidence.several && delivery.outcome == Outcome::Spooled);
        if ordered && before.began > delivery.ended {
            let (repository, newest) = (delivery.repository, *newest);
            self.verdict.reordered += 1;
            self.verdict.example(
                "reordered",
                format_args!(
                    "{number} at {} after {newest}, repository {repository}",
                    stored.sequence
                ),
            );
        }
        if delivery.began > before.began {
            self.newest.insert(delivery.repository, number);
        }
    }

    /// Adds what was not read. With `retain` the daemon must make up for what a server forgot.
    pub(crate) fn finish(mut self, retain: bool) -> Verdict {
        self.verdict.deliveries = self.deliveries.len() as u64;
        for (number, delivery) in self.deliveries.iter().enumerate() {
            if delivery.outcome.is_answer() {
                let took = delivery.ended.saturating_sub(delivery.began).as_secs_f64();
                self.verdict.slowest = self.verdict.slowest.max(took);
            }
            match delivery.outcome {
                Outcome::Published(_) => self.verdict.kept += 1,
                Outcome::Spooled => {
                    self.verdict.kept += 1;
                    self.verdict.spooled += 1;
                }
                Outcome::Other(status) => self.other(number, delivery, status),
                Outcome::Refused => self.refused(number, delivery),
                // The bench waits for every answer: one that is pending will never come.
                Outcome::Unanswered | Outcome::Pending => self.unanswered(number, delivery),
            }
            match (delivery.outcome.is_kept(), self.found[number].is_some()) {
                (true, false) => self.absent(number as u64, delivery, retain),
                (false, true) => self.verdict.unpromised += 1,
                _ => {}
            }
        }
        self.verdict
    }

    fn other(&mut self, number: usize, delivery: &Delivery, status: u16) {
        self.verdict.other += 1;
        *self.verdict.statuses.entry(status).or_default() += 1;
        if !self.evidence.excuses_rejection(delivery) {
            let Delivery { began, ended, .. } = delivery;
            self.verdict.rejected += 1;
            self.verdict.example(
                "rejected",
                format_args!("{number} with {status}, from {began:.3?} to {ended:.3?}"),
            );
        }
    }

    fn refused(&mut self, number: usize, delivery: &Delivery) {
        self.verdict.refused += 1;
        if self.evidence.always_listens {
            self.verdict.turned_away += 1;
            let began = delivery.began;
            self.verdict.example("refused", format_args!("{number}, at {began:.3?}"));
        }
    }

    fn unanswered(&mut self, number: usize, delivery: &Delivery) {
        self.verdict.unanswered += 1;
        if !self.evidence.excuses_silence(delivery) {
            let Delivery { began, ended, .. } = delivery;
            self.verdict.unexcused += 1;
            self.verdict
                .example("unanswered", format_args!("{number}, from {began:.3?} to {ended:.3?}"));
        }
    }

    fn absent(&mut self, number: u64, delivery: &Delivery, retain: bool) {
        let forgotten = self.evidence.blames_server(number, delivery);
        if forgotten && !retain {
            self.verdict.forgotten += 1;
            return;
        }
        self.verdict.missing += 1;
        let Delivery { outcome, repository, ended, .. } = delivery;
        self.verdict.example(
            "missing",
            format_args!("{number}, {outcome:?} at {ended:.3?}, repository {repository}"),
        );
    }
}
