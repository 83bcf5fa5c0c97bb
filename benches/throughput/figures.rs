//! Figures: what one round measured, what the rounds say together, what was promised.
//!
//! In: latencies and rounds. Out: percentiles, medians with their spread, ratios to the
//! yardstick, and by [`aims`] verdicts.

pub(crate) mod aims;
pub(crate) mod outage;
pub(crate) mod scaling;
pub(crate) mod soak;

use serde::{Deserialize, Serialize};

/// What one load run against one server measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Round {
    /// Answers 202 in all, warm-up and the last ones after the end included.
    pub(crate) accepted: u64,
    /// Everything that was not answered 202.
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    /// Answers 202 within the measured time.
    pub(crate) measured: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// User and system time of the server per measured request.
    pub(crate) server_cpu_us: f64,
    /// Part of one core that the load generator itself used; near 1.0 it was the limit.
    pub(crate) load_cores: f64,
}

/// The median of several rounds, and the noise around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` without values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// All rounds of one server in one scenario.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) p99_us: Spread,
    pub(crate) server_cpu_us: Spread,
}

impl Summary {
    /// `None` without rounds.
    pub(crate) fn of(rounds: &[Round]) -> Option<Self> {
        let spread = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
        Some(Self {
            requests_per_second: spread(|round| round.requests_per_second)?,
            p50_us: spread(|round| round.p50_us)?,
            p99_us: spread(|round| round.p99_us)?,
            server_cpu_us: spread(|round| round.server_cpu_us)?,
        })
    }

    /// These medians as parts of `yardstick`'s.
    pub(crate) fn ratio_to(&self, yardstick: &Self) -> Ratio {
        let part = |value: fn(&Self) -> Spread| value(self).median / value(yardstick).median;
        Ratio {
            requests_per_second: part(|summary| summary.requests_per_second),
            p50: part(|summary| summary.p50_us),
            p99: part(|summary| summary.p99_us),
            server_cpu: part(|summary| summary.server_cpu_us),
        }
    }
}

/// A server's medians divided by the yardstick's.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) requests_per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) server_cpu: f64,
}

/// KiB in MiB.
pub(crate) fn mebibytes(kib: u64) -> f64 {
    as_f64(kib) / 1024.0
}

/// The value below which `percent` of the sorted values lie (nearest rank); 0 without values.
pub(crate) fn percentile(sorted_ns: &[u64], percent: usize) -> f64 {
    let rank = (sorted_ns.len() * percent).div_ceil(100);
    let nanoseconds = sorted_ns.get(rank.saturating_sub(1)).copied().unwrap_or(0);
    as_f64(nanoseconds) / 1000.0
}

/// Counts as they enter a division.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark stay far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
