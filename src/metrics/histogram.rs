//! How long something took, in few buckets.
//!
//! In comes a time, with two relaxed additions; out come the counts by bucket and the sum.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds, in microseconds. An answer takes milliseconds, JetStream has one second (`publish.ack_timeout`), and
/// Gitea gives up after five.
const BOUNDS: [u64; 11] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 5_000_000,
];

/// Times, by bucket.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// How many ended up to each bound and above the one before it; the last: above all.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What a histogram held at one moment.
pub(super) struct Snapshot {
    /// Upper bound in seconds, and how many times up to it and above the bound before it.
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    /// In seconds.
    pub(super) sum: f64,
}

impl Histogram {
    pub(super) const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// Adds one time.
    pub(crate) fn took(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let above = BOUNDS.iter().take_while(|bound| nanoseconds > **bound * 1000).count();
        if let Some(bucket) = self.buckets.get(above) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let bounds = BOUNDS.iter().map(|micros| Duration::from_micros(*micros).as_secs_f64());
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        Snapshot { buckets, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::new();
        for micros in [0, 1_000, 1_001, 5_000_000, 5_000_001, 3_600_000_000] {
            histogram.took(Duration::from_micros(micros));
        }
        let Snapshot { buckets, count, sum } = histogram.snapshot();
        let counts: Vec<_> = buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((count, sum), (6, 3_610.002_002));
        assert_eq!((buckets[0].0, buckets[9].0, buckets[11].0), (0.001, 2.5, f64::INFINITY));
    }
}
