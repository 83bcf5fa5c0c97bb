//! The scenario `outage`: nats-server goes away under forgewire, and comes back.
//!
//! In: a workload. Out: per round the healthy rate, what is accepted while NATS is away, how fast it is published
//! after that, and that nothing was lost. Each round has processes and a directory of its own, so that none
//! inherits memory, files or a server's index from the one before.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::disk::{self, FileSystem};
use crate::figures::Round;
use crate::figures::outage::{Drain, OutageRound, OutageSummary, Peaks};
use crate::load::Plan;
use crate::options::{Options, Workload};
use crate::process;
use crate::run::{load, plan};
use crate::servers::{Nats, Server};

/// What is left out after the outage began.
const FIRST: Duration = Duration::from_secs(1);
/// How long the stream may stay as it is while messages are in the spool.
const STUCK: Duration = Duration::from_secs(15);
/// Between two looks at the stream.
const LOOK: Duration = Duration::from_millis(50);

/// All rounds.
#[derive(Debug, Serialize)]
pub(crate) struct OutageResult {
    pub(crate) workload: Workload,
    pub(crate) file_system: FileSystem,
    pub(crate) summary: Option<OutageSummary>,
    pub(crate) rounds: Vec<OutageRound>,
}

/// Runs every round of `workload` in `directory`.
///
/// # Errors
///
/// When something breaks, or a delivery is answered otherwise than 202, or one is not in the stream at the end.
pub(crate) async fn run(
    options: &Options,
    workload: Workload,
    directory: &Path,
    progress: fn(&str),
) -> Result<OutageResult> {
    let file_system = FileSystem::of(directory);
    let mut rounds = Vec::new();
    for number in 1..=workload.rounds {
        let own = tempfile::Builder::new().prefix("outage-").tempdir_in(directory)?;
        let round = round(options, &workload, own.path()).await?;
        progress(&format!(
            "outage {number}/{}: healthy {:.0} requests/s, away {:.0}, p99 {:.1} ms, drain {:.0} messages/s",
            workload.rounds,
            round.healthy.requests_per_second,
            round.away.requests_per_second,
            round.away.p99_us / 1e3,
            round.drain.rate()
        ));
        rounds.push(round);
    }
    let summary = OutageSummary::of(&rounds);
    Ok(OutageResult { workload, file_system, summary, rounds })
}

async fn round(options: &Options, workload: &Workload, directory: &Path) -> Result<OutageRound> {
    let sync_us = disk::sync_time(directory, workload.body_bytes)?;
    let mut nats = Nats::start(&options.nats_server, directory).await?;
    // However long it is measured, the spool shall not be what ends it.
    let room = [("FORGEWIRE_SPOOL__MAX_BYTES", "17179869184")];
    let mut server = Server::forgewire(&nats, directory, &options.extra_config, &room).await?;

    let healthy = accepted("healthy", &plan(workload, &server), &mut server).await?;
    let stored = server.stored().await?;
    if stored != healthy.accepted {
        bail!("{} deliveries were accepted, the stream holds {stored} messages", healthy.accepted);
    }
    server.empty().await?;
    let peak = |server: &Server| process::memory(server.daemon.pid()).map(|own| own.peak_kib);
    let healthy_peak = peak(&server)?;

    nats.stop().await?;
    let plan = Plan { warm_up: FIRST, ..plan(workload, &server) };
    let away = accepted("outage", &plan, &mut server).await?;
    let away_peak = peak(&server)?;

    nats.start_again()?;
    let drain = drained(&mut server, away.accepted).await?;
    let peaks = Peaks { healthy: healthy_peak, away: away_peak, drained: peak(&server)? };
    Ok(OutageRound { sync_us, healthy, away, drain, peaks })
}

async fn accepted(when: &str, plan: &Plan, server: &mut Server) -> Result<Round> {
    let loaded = load(plan).await;
    server.daemon.check()?;
    let round = loaded?;
    if round.errors > 0 {
        let first = round.first_error.as_deref().unwrap_or("unknown");
        bail!("{when}: {} answers were errors, the first: {first}", round.errors);
    }
    Ok(round)
}

/// Waits until all that was accepted is in the stream.
async fn drained(server: &mut Server, accepted: u64) -> Result<Drain> {
    let (mut before, mut moved) = (0, Instant::now());
    loop {
        server.daemon.check()?;
        // While the server starts and the client connects again there is no answer.
        let state = server.stream.get_info().await.map(|info| info.state);
        let stored = state.as_ref().map_or(before, |state| state.messages);
        if stored > accepted {
            bail!("{accepted} deliveries were accepted, the stream holds {stored} messages");
        }
        if stored == accepted
            && let Ok(state) = state
        {
            let seconds = (state.last_timestamp - state.first_timestamp).as_seconds_f64();
            return Ok(Drain { messages: stored, seconds });
        }
        if stored != before {
            (before, moved) = (stored, Instant::now());
        }
        if moved.elapsed() > STUCK {
            bail!(
                "of {accepted} deliveries the stream holds {stored} after {STUCK:?} without more"
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}
