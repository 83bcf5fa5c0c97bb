//! The ledger: every delivery that was sent, when, and what was answered.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Not known yet.
    Pending,
    /// 2xx, in the stream by its receipt: its sequence there.
    Published(u64),
    /// 2xx, in the spool by its receipt.
    Spooled,
    /// Any other status.
    Other(u16),
    /// Nobody listened: nothing was sent.
    Refused,
    /// It was sent, and no whole answer came.
    Unanswered,
}

impl Outcome {
    /// Whether somebody promised to keep it.
    pub(crate) fn is_kept(self) -> bool {
        matches!(self, Self::Published(_) | Self::Spooled)
    }

    /// Whether a whole answer came.
    pub(crate) fn is_answer(self) -> bool {
        self.is_kept() || matches!(self, Self::Other(_))
    }
}

/// One delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) repository: u16,
    /// When its request began, since the ledger was opened; not after it really did.
    pub(crate) began: Duration,
    /// When its answer was complete; not before it really was.
    pub(crate) ended: Duration,
    pub(crate) outcome: Outcome,
}

/// All deliveries of a phase; the index is the number.
#[derive(Debug)]
pub(crate) struct Ledger {
    opened: Instant,
    deliveries: Mutex<Vec<Delivery>>,
}

impl Ledger {
    pub(crate) fn open() -> Self {
        Self { opened: Instant::now(), deliveries: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries.lock().unwrap()
    }

    /// When its clock began.
    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// The time on the ledger's clock.
    pub(crate) fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Enters a delivery, and gives its number.
    pub(crate) fn enter(&self, repository: u16) -> u64 {
        let now = self.now();
        let delivery = Delivery { repository, began: now, ended: now, outcome: Outcome::Pending };
        let mut all = self.all();
        all.push(delivery);
        all.len() as u64 - 1
    }

    /// Its request begins now.
    pub(crate) fn began(&self, number: u64) {
        let now = self.now();
        self.all()[usize::try_from(number).unwrap()].began = now;
    }

    /// It has ended now.
    pub(crate) fn ended(&self, number: u64, outcome: Outcome) {
        let now = self.now();
        let delivery = &mut self.all()[usize::try_from(number).unwrap()];
        delivery.ended = now;
        delivery.outcome = outcome;
    }

    /// All of them as they are now.
    pub(crate) fn snapshot(&self) -> Vec<Delivery> {
        self.all().clone()
    }

    /// The repository of a delivery.
    pub(crate) fn repository(&self, number: u64) -> Option<u16> {
        self.all().get(usize::try_from(number).ok()?).map(|delivery| delivery.repository)
    }

    /// When the first delivery that began after `when` was answered as published.
    pub(crate) fn published_after(&self, when: Duration) -> Option<Duration> {
        let all = self.all();
        // Numbers are given just before requests begin, so older ones cannot follow for long.
        let recent = all.iter().rev().take_while(|d| d.began + Duration::from_secs(10) > when);
        let published =
            recent.filter(|d| d.began > when && matches!(d.outcome, Outcome::Published(_)));
        published.map(|d| d.ended).min()
    }

    /// How many of those that began after `when` have an answer that `is` so.
    pub(crate) fn count_after(&self, when: Duration, is: impl Fn(Outcome) -> bool) -> usize {
        self.all().iter().filter(|d| d.began > when && is(d.outcome)).count()
    }

    /// When the first answer other than 2xx came to a delivery that began after `when`.
    pub(crate) fn rejected_after(&self, when: Duration) -> Option<Duration> {
        let all = self.all();
        let rejected =
            all.iter().filter(|d| d.began > when && matches!(d.outcome, Outcome::Other(_)));
        rejected.map(|d| d.ended).min()
    }

    /// The highest sequence of any receipt that came after `since`.
    pub(crate) fn highest_sequence(&self, since: Duration) -> u64 {
        let sequence = |delivery: &Delivery| match delivery.outcome {
            Outcome::Published(sequence) if delivery.ended > since => sequence,
            _ => 0,
        };
        self.all().iter().map(sequence).max().unwrap_or(0)
    }
}
