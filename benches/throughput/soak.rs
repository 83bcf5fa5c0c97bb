//! The scenario `soak`: half of what forgewire can take, for long.
//!
//! In: a workload, and for how many minutes. Out: leg by leg the latencies and the memory. After each leg the stream is
//! compared with what was promised, and emptied: a disk would not hold half an hour of it. Where both servers are
//! measured the yardstick has every other leg, at half of its own rate: what it shows as well is not forgewire's doing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::figures::soak::{Leg, SoakSummary};
use crate::options::Workload;
use crate::process;
use crate::run::{World, noted};
use crate::servers::Server;

/// Part of the highest rate that is sent.
const PART: f64 = 0.5;
/// One leg.
const LEG: Duration = Duration::from_secs(10);
/// Legs of which only one in so many is told.
const TOLD: usize = 6;

/// The whole of it.
#[derive(Debug, Serialize)]
pub(crate) struct SoakResult {
    pub(crate) minutes: u32,
    pub(crate) forgewire: Course,
    /// The yardstick, where it took turns.
    pub(crate) yardstick: Option<Course>,
}

/// What one server showed.
#[derive(Debug, Serialize)]
pub(crate) struct Course {
    pub(crate) workload: Workload,
    /// Requests per second of the same process before, as fast as they were answered.
    pub(crate) highest_rate: f64,
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
    let mut servers = vec![world.forgewire("soak", "", &[]).await?];
    if world.options.only.is_none() {
        servers.push(Server::yardstick("soaked yardstick", world.nats, world.directory).await?);
    }
    let mut courses = Vec::new();
    for server in &mut servers {
        let highest = noted("soak, before", &workload, server, problems, world.progress).await?;
        let highest_rate = highest.requests_per_second;
        let workload = Workload { rate: Some(highest_rate * PART), measured: LEG, ..workload };
        courses.push(Course { workload, highest_rate, summary: None, legs: Vec::new() });
    }
    let minutes = world.options.minutes;
    let end = Instant::now() + Duration::from_secs(u64::from(minutes) * 60);
    while Instant::now() < end {
        for (server, course) in servers.iter_mut().zip(&mut courses) {
            let quiet: fn(&str) = |_| {};
            let told = course.legs.len().is_multiple_of(TOLD);
            let progress = if told { world.progress } else { quiet };
            let at = format!("soak, leg {}", course.legs.len() + 1);
            let round = noted(&at, &course.workload, server, problems, progress).await?;
            let resident_kib = process::memory(server.daemon.pid())?.resident_kib;
            course.legs.push(Leg { round, resident_kib });
        }
    }
    for course in &mut courses {
        course.summary = SoakSummary::of(&course.legs);
    }
    let mut courses = courses.into_iter();
    let forgewire = courses.next().context("forgewire is always there")?;
    Ok(SoakResult { minutes, forgewire, yardstick: courses.next() })
}
