//! The scenario `soak`: half of what forgewire can take, for long.
//!
//! In: a workload, and for how many minutes. Out: leg by leg the latencies and the memory. After each leg the stream is
//! compared with what was promised, and emptied: a disk would not hold half an hour of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::figures::soak::{Leg, SoakSummary};
use crate::options::Workload;
use crate::process;
use crate::run::{World, noted};

/// Part of the highest rate that is sent.
const PART: f64 = 0.5;
/// One leg.
const LEG: Duration = Duration::from_secs(10);
/// Legs of which only one in so many is told.
const TOLD: usize = 6;

/// The whole of it.
#[derive(Debug, Serialize)]
pub(crate) struct SoakResult {
    pub(crate) workload: Workload,
    /// Requests per second of the same process before, as fast as they were answered.
    pub(crate) highest_rate: f64,
    pub(crate) minutes: u32,
    pub(crate) summary: Option<SoakSummary>,
    pub(crate) legs: Vec<Leg>,
}

/// Finds the highest rate in one round of `workload`, and then sends half of it.
///
/// # Errors
///
/// When something breaks. Answers other than 202 are among the `problems`.
pub(crate) async fn run(
    world: &World<'_>,
    workload: Workload,
    problems: &mut Vec<String>,
) -> Result<SoakResult> {
    let mut server = world.forgewire("soak", "", &[]).await?;
    let highest = noted("soak, before", &workload, &mut server, problems, world.progress).await?;
    let highest_rate = highest.requests_per_second;
    let rate = Some(highest_rate * PART);
    let workload = Workload { rate, measured: LEG, ..workload };
    let minutes = world.options.minutes;
    let end = Instant::now() + Duration::from_secs(u64::from(minutes) * 60);
    let mut legs: Vec<Leg> = Vec::new();
    while Instant::now() < end {
        let quiet: fn(&str) = |_| {};
        let progress = if legs.len().is_multiple_of(TOLD) { world.progress } else { quiet };
        let at = format!("soak, leg {}", legs.len() + 1);
        let round = noted(&at, &workload, &mut server, problems, progress).await?;
        let resident_kib = process::memory(server.daemon.pid())?.resident_kib;
        legs.push(Leg { round, resident_kib });
    }
    let summary = SoakSummary::of(&legs);
    Ok(SoakResult { workload, highest_rate, minutes, summary, legs })
}
