//! Figures: what one round measured, what the rounds say together, what was promised.
//!
//! In: latencies and rounds. Out: percentiles, medians with their spread, ratios to the
//! yardstick, verdicts.

pub(crate) mod outage;

use serde::{Deserialize, Serialize};

/// The receiver must reach at least this part of the yardstick's requests per second.
pub(crate) const MIN_RATE_RATIO: f64 = 0.75;
/// The receiver's resident memory must stay under this, in KiB.
pub(crate) const MAX_PEAK_KIB: u64 = 40 * 1024;
/// Highest resident memory while bodies of 20 MiB come from 8 connections, in KiB.
const MAX_HUGE_PEAK_KIB: u64 = 600 * 1024;
/// Highest resident memory while pushes change 10,000 refs each, in KiB.
const MAX_REFS_PEAK_KIB: u64 = 160 * 1024;
/// Half of what the least patient kind of Bitbucket waits for an answer, in seconds.
const MAX_REFS_SECONDS: f64 = 5.0;

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

/// One promise and what became of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: &'static str,
    pub(crate) wanted: String,
    pub(crate) found: String,
    pub(crate) met: bool,
}

/// Judges the main scenario's ratio, and the highest resident memory: up to the end of the main scenario, which
/// runs first, of the whole run, and under bodies of 20 MiB. Of pushes that change 10,000 refs, peak and median
/// answer time in microseconds.
pub(crate) fn verdicts(
    rate_ratio: Option<f64>,
    storm_peak_kib: Option<u64>,
    peak_kib: u64,
    huge_peak_kib: Option<u64>,
    refs: Option<(u64, f64)>,
) -> Vec<Verdict> {
    let rate = rate_ratio.map(|ratio| Verdict {
        what: "requests/s as part of the yardstick's",
        wanted: format!("at least {MIN_RATE_RATIO:.2}"),
        found: format!("{ratio:.2}"),
        met: ratio >= MIN_RATE_RATIO,
    });
    let storm =
        storm_peak_kib.map(|peak| memory("highest resident memory in storm", peak, MAX_PEAK_KIB));
    let whole = memory("highest resident memory of the whole run", peak_kib, MAX_PEAK_KIB);
    let huge =
        huge_peak_kib.map(|peak| memory("the same with bodies of 20 MiB", peak, MAX_HUGE_PEAK_KIB));
    let refs = refs.into_iter().flat_map(|(peak, median_us)| {
        let seconds = median_us / 1e6;
        let time = Verdict {
            what: "answer to a push of 10,000 refs",
            wanted: format!("within {MAX_REFS_SECONDS:.0} s"),
            found: format!("{seconds:.2} s"),
            met: seconds < MAX_REFS_SECONDS,
        };
        [time, memory("highest resident memory under such pushes", peak, MAX_REFS_PEAK_KIB)]
    });
    rate.into_iter().chain(storm).chain([whole]).chain(huge).chain(refs).collect()
}

fn memory(what: &'static str, peak_kib: u64, most: u64) -> Verdict {
    Verdict {
        what,
        wanted: format!("under {} MiB", most / 1024),
        found: format!("{:.1} MiB", mebibytes(peak_kib)),
        met: peak_kib < most,
    }
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
