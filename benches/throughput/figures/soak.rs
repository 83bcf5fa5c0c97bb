//! Figures of a long run: whether it ends as it began.
//!
//! In: legs, each with its latencies and the memory after it. Out: the first tenth of them beside the last one, verdicts.

use serde::Serialize;

use super::aims::Verdict;
use super::{Round, Spread, as_f64};

/// Memory and 99th percentile at the end may be at most so many times those at the beginning.
const MAX_GROWTH: f64 = 1.1;

/// A part of the run, after which the stream was emptied.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Leg {
    pub(crate) round: Round,
    pub(crate) resident_kib: u64,
}

/// Some legs together.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) p99_us: Spread,
    pub(crate) server_cpu_us: Spread,
    pub(crate) resident_kib: Spread,
}

impl Part {
    fn of(legs: &[Leg]) -> Option<Self> {
        let spread = |value: fn(&Leg) -> f64| Spread::of(legs.iter().map(value));
        Some(Self {
            requests_per_second: spread(|leg| leg.round.requests_per_second)?,
            p50_us: spread(|leg| leg.round.p50_us)?,
            p99_us: spread(|leg| leg.round.p99_us)?,
            server_cpu_us: spread(|leg| leg.round.server_cpu_us)?,
            resident_kib: spread(|leg| as_f64(leg.resident_kib))?,
        })
    }
}

/// Beginning and end.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct SoakSummary {
    pub(crate) beginning: Part,
    pub(crate) end: Part,
}

impl SoakSummary {
    /// The first and the last tenth of the legs, at least one each; `None` for fewer than two.
    pub(crate) fn of(legs: &[Leg]) -> Option<Self> {
        if legs.len() < 2 {
            return None;
        }
        let tenth = legs.len().div_ceil(10);
        let beginning = Part::of(legs.get(..tenth)?)?;
        let end = Part::of(legs.get(legs.len() - tenth..)?)?;
        Some(Self { beginning, end })
    }

    /// Resident memory at the end as part of that at the beginning.
    pub(crate) fn memory_ratio(&self) -> f64 {
        self.end.resident_kib.median / self.beginning.resident_kib.median
    }

    /// The same of the 99th percentile.
    pub(crate) fn p99_ratio(&self) -> f64 {
        self.end.p99_us.median / self.beginning.p99_us.median
    }

    /// Judges both.
    pub(crate) fn verdicts(&self) -> [Verdict; 2] {
        [
            Verdict::at_most(
                "soak: resident memory at the end as part of that at the beginning",
                MAX_GROWTH,
                self.memory_ratio(),
            ),
            Verdict::at_most(
                "soak: 99th percentile at the end as part of that at the beginning",
                MAX_GROWTH,
                self.p99_ratio(),
            ),
        ]
    }
}
