//! The scenarios `sizes`, `sources` and `repositories`: the same work with more of one thing.
//!
//! In: a workload. Out: per amount the cost and the memory of a forgewire that has met nothing else.

use anyhow::Result;
use serde::Serialize;

use crate::figures::aims::Verdict;
use crate::figures::scaling::{self, Point};
use crate::figures::{Round, Summary};
use crate::options::{Scenario, Workload};
use crate::process;
use crate::run::{MUCH_ROOM, World, noted};
use crate::servers::{SECRET, Server};

/// Bodies, in bytes: each four times as large as the one before.
const SIZES: [usize; 8] = [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24];
const SOURCES: [usize; 2] = [1, 100];
const REPOSITORIES: [usize; 2] = [1, 100_000];

/// One of these scenarios.
#[derive(Debug, Serialize)]
pub(crate) struct ScalingResult {
    pub(crate) workload: Workload,
    pub(crate) points: Vec<Point>,
}

impl ScalingResult {
    /// Judges the medians.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        scaling::verdicts(self.workload.scenario, &self.points)
    }
}

/// Runs every round of `workload` with every amount in turn.
///
/// # Errors
///
/// When something breaks. Answers other than 202 are among the `problems`.
pub(crate) async fn run(
    world: &World<'_>,
    workload: Workload,
    problems: &mut Vec<String>,
) -> Result<ScalingResult> {
    let name = workload.scenario.name();
    let mut measured = Vec::new();
    for (amount, workload) in amounts(&workload) {
        let folder = format!("{name}-{amount}");
        let server = world.forgewire(&folder, &more_sources(workload.sources), MUCH_ROOM).await?;
        measured.push((amount, workload, server, Vec::new()));
    }
    for number in 1..=workload.rounds {
        for (amount, own, server, rounds) in &mut measured {
            let at = format!("{name} {amount} {number}/{}", own.rounds);
            rounds.push(noted(&at, own, server, problems, world.progress).await?);
        }
    }
    let points = measured
        .into_iter()
        .map(|(amount, own, server, rounds)| point(amount, own.body_bytes, &server, rounds));
    let points = points.collect::<Result<_>>()?;
    Ok(ScalingResult { workload, points })
}

fn point(amount: usize, body_bytes: usize, server: &Server, rounds: Vec<Round>) -> Result<Point> {
    Ok(Point {
        amount,
        body_bytes,
        summary: Summary::of(&rounds),
        memory: process::memory(server.daemon.pid())?,
        idle: server.idle,
        rounds,
    })
}

/// The amounts of a scenario, each with its workload.
pub(crate) fn amounts(workload: &Workload) -> Vec<(usize, Workload)> {
    let own = |amount: &usize| {
        let workload = workload.clone();
        let workload = match workload.scenario {
            Scenario::Sizes => Workload { body_bytes: *amount, ..workload },
            Scenario::Sources => Workload { sources: *amount, ..workload },
            _ => Workload { repositories: *amount, ..workload },
        };
        (*amount, workload)
    };
    let amounts = match workload.scenario {
        Scenario::Sizes => &SIZES[..],
        Scenario::Sources => &SOURCES,
        _ => &REPOSITORIES,
    };
    amounts.iter().map(own).collect()
}

/// Configuration of all sources but the first, which is always there.
fn more_sources(sources: usize) -> String {
    let one =
        |number| format!("[sources.gitea-{number}]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n");
    (2..=sources).map(one).collect()
}
