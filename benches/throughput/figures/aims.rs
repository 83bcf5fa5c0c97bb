//! What was promised, and the words for whether it was kept.
//!
//! In: ratios to the yardstick, memory, times. Out: [`Verdict`]s; nothing fails by them.

use serde::Serialize;

use super::{Ratio, mebibytes};
use crate::options::Scenario;

/// Requests per second under `storm`, as part of the yardstick's, at least.
const STORM_RATE: f64 = 1.0;
/// The 99th percentile of the same, at most.
const STORM_P99: f64 = 1.0;
/// CPU time per request of the same, at most.
const STORM_CPU: f64 = 1.1;
/// Median latency of one connection, as part of the yardstick's, at most.
const SERIAL_P50: f64 = 1.2;
/// Requests per second of many connections and of larger bodies, as part of the yardstick's, at least.
const WIDE_RATE: f64 = 0.95;
/// Resident memory under the load that is shared with the yardstick stays under this, in KiB.
const MAX_PEAK_KIB: u64 = 40 * 1024;
/// The same without any load, in KiB.
const MAX_IDLE_KIB: f64 = 20.0 * 1024.0;
/// From the start of the process to its being ready, with NATS up, in milliseconds.
const MAX_READY_MS: f64 = 100.0;
/// Highest resident memory while bodies of 20 MiB come from 8 connections, in KiB.
const MAX_HUGE_PEAK_KIB: u64 = 600 * 1024;
/// Highest resident memory while pushes change 10,000 refs each, in KiB.
const MAX_REFS_PEAK_KIB: u64 = 160 * 1024;
/// Half of what the least patient kind of Bitbucket waits for an answer, in seconds.
const MAX_REFS_SECONDS: f64 = 5.0;

/// One promise and what became of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) wanted: String,
    pub(crate) found: String,
    pub(crate) met: bool,
}

impl Verdict {
    /// A ratio that must not be smaller.
    pub(crate) fn at_least(what: impl Into<String>, least: f64, found: f64) -> Self {
        Self {
            what: what.into(),
            wanted: format!("at least {least:.2}"),
            found: format!("{found:.2}"),
            met: found >= least,
        }
    }

    /// A ratio that must not be greater.
    pub(crate) fn at_most(what: impl Into<String>, most: f64, found: f64) -> Self {
        Self {
            what: what.into(),
            wanted: format!("at most {most:.2}"),
            found: format!("{found:.2}"),
            met: found <= most,
        }
    }

    /// Something with a unit that must stay below a limit.
    pub(crate) fn under(what: impl Into<String>, unit: &str, limit: f64, found: f64) -> Self {
        Self {
            what: what.into(),
            wanted: format!("under {limit:.0} {unit}"),
            found: format!("{found:.1} {unit}"),
            met: found < limit,
        }
    }
}

/// Judges what one scenario shows beside the yardstick.
pub(crate) fn beside(scenario: Scenario, ratio: &Ratio) -> Vec<Verdict> {
    let name = scenario.name();
    let what = |figure: &str| format!("{name}: {figure} as part of the yardstick's");
    match scenario {
        Scenario::Storm => vec![
            Verdict::at_least(what("requests/s"), STORM_RATE, ratio.requests_per_second),
            Verdict::at_most(what("99th percentile"), STORM_P99, ratio.p99),
            Verdict::at_most(what("CPU per request"), STORM_CPU, ratio.server_cpu),
        ],
        Scenario::Serial => vec![Verdict::at_most(what("median latency"), SERIAL_P50, ratio.p50)],
        Scenario::Large | Scenario::Many => {
            vec![Verdict::at_least(what("requests/s"), WIDE_RATE, ratio.requests_per_second)]
        }
        _ => Vec::new(),
    }
}

/// Judges the highest resident memory up to the end of a scenario that was measured beside the yardstick. What a
/// process held once, it held at most: one scenario over the limit has the ones after it with it.
pub(crate) fn peak(scenario: Scenario, peak_kib: u64) -> Verdict {
    memory(
        format!("{}: highest resident memory until its end", scenario.name()),
        peak_kib,
        MAX_PEAK_KIB,
    )
}

/// Judges the median start, in milliseconds, and the median of what is resident without load, in KiB.
pub(crate) fn start(ready_ms: f64, idle_kib: f64) -> [Verdict; 2] {
    [
        Verdict::under("start: ready with NATS up after", "ms", MAX_READY_MS, ready_ms),
        Verdict::under(
            "start: resident memory before the first delivery",
            "MiB",
            MAX_IDLE_KIB / 1024.0,
            idle_kib / 1024.0,
        ),
    ]
}

/// Judges bodies of 20 MiB.
pub(crate) fn huge(peak_kib: u64) -> Verdict {
    memory("huge: highest resident memory", peak_kib, MAX_HUGE_PEAK_KIB)
}

/// Judges pushes that change 10,000 refs: peak, and median answer time in microseconds.
pub(crate) fn refs(peak_kib: u64, median_us: f64) -> [Verdict; 2] {
    let seconds = median_us / 1e6;
    [
        Verdict::under("refs: answer to a push of 10,000 refs", "s", MAX_REFS_SECONDS, seconds),
        memory("refs: highest resident memory", peak_kib, MAX_REFS_PEAK_KIB),
    ]
}

fn memory(what: impl Into<String>, peak_kib: u64, most: u64) -> Verdict {
    Verdict {
        met: peak_kib < most,
        ..Verdict::under(what, "MiB", mebibytes(most), mebibytes(peak_kib))
    }
}
