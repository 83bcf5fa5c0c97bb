//! Figures of what must not depend on how much there is: the cost of a KiB, of a source, of a repository.
//!
//! In: per amount the rounds and the memory. Out: the cost of each, neighbours compared, verdicts.

use serde::Serialize;

use super::aims::Verdict;
use super::{Round, Spread, Summary, as_f64, mebibytes};
use crate::options::Scenario;
use crate::process::Memory;

/// Above this size a KiB costs as much as one of a smaller body: the rest of the work is little, in bytes.
const LINEAR_FROM: usize = 64 * 1024;
/// A KiB of a body four times as large may cost at most so many times as much.
const MAX_GROWTH: f64 = 1.1;
/// A delivery to one of many may cost at most so many times as much as one to the only one.
const MAX_OF_MANY: f64 = 1.1;

/// One amount: a size, a number of sources, a number of repositories.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) amount: usize,
    pub(crate) body_bytes: usize,
    pub(crate) summary: Option<Summary>,
    /// After the last round.
    pub(crate) memory: Memory,
    pub(crate) idle: Memory,
    pub(crate) rounds: Vec<Round>,
}

impl Point {
    /// CPU time of the process per KiB of body, in microseconds.
    pub(crate) fn cpu_us_per_kib(&self) -> Option<Spread> {
        let kib = as_f64(self.body_bytes as u64) / 1024.0;
        let Spread { median, min, max } = self.summary?.server_cpu_us;
        Some(Spread { median: median / kib, min: min / kib, max: max / kib })
    }
}

/// Whether a body of this size is in the part that must be linear.
pub(crate) const fn is_linear(body_bytes: usize) -> bool {
    body_bytes > LINEAR_FROM
}

/// The cost of a KiB as part of that of the amount before: none for the first one.
pub(crate) fn growth(points: &[Point]) -> Vec<Option<f64>> {
    let costs: Vec<_> = points.iter().map(|point| Some(point.cpu_us_per_kib()?.median)).collect();
    let before = std::iter::once(None).chain(costs.iter().copied());
    before.zip(&costs).map(|(before, own)| Some((*own)? / before?)).collect()
}

/// The CPU time of a delivery as part of that of the first amount.
pub(crate) fn of_first(points: &[Point]) -> Vec<Option<f64>> {
    let cost = |point: &Point| Some(point.summary?.server_cpu_us.median);
    let first = points.first().and_then(cost);
    points.iter().map(|point| Some(cost(point)? / first?)).collect()
}

/// Judges the medians.
pub(crate) fn verdicts(scenario: Scenario, points: &[Point]) -> Vec<Verdict> {
    let name = scenario.name();
    if scenario == Scenario::Sizes {
        let grown = points
            .iter()
            .zip(growth(points))
            .skip(1)
            .filter_map(|(point, growth)| is_linear(point.body_bytes).then_some(growth?));
        let worst = grown.reduce(f64::max);
        let what =
            "sizes: CPU per KiB as part of that of the next smaller body, at worst above 64 KiB";
        return worst.map(|worst| Verdict::at_most(what, MAX_GROWTH, worst)).into_iter().collect();
    }
    let last = points.last().zip(of_first(points).last().copied().flatten());
    let cost = last.map(|(point, ratio)| {
        let what = format!("{name}: CPU per delivery with {} as part of that with 1", point.amount);
        Verdict::at_most(what, MAX_OF_MANY, ratio)
    });
    let memory = points.first().zip(points.last()).map(|(first, last)| {
        let what =
            format!("{name}: highest resident memory with {} as part of that with 1", last.amount);
        let ratio = mebibytes(last.memory.peak_kib) / mebibytes(first.memory.peak_kib.max(1));
        Verdict::at_most(what, MAX_OF_MANY, ratio)
    });
    cost.into_iter().chain(memory).collect()
}
