//! A whole run: servers up, rounds in turn, every round checked against the stream.
//!
//! In: [`Options`]. Out: [`Results`], with every figure of every round and with what broke.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::figures::aims::{self, Verdict};
use crate::figures::outage::OutageSummary;
use crate::figures::soak::SoakSummary;
use crate::figures::{Ratio, Round, Summary};
use crate::load::Plan;
use crate::machine::Machine;
use crate::options::{Only, Options, Scenario, Workload};
use crate::outage::{self, OutageResult};
use crate::process::{self, Memory};
use crate::scaling::{self, ScalingResult};
use crate::servers::{Nats, SECRET, Server};
use crate::soak::{self, SoakResult};
use crate::starts::{self, StartResult};

/// First argument that makes this executable the load generator.
pub(crate) const LOAD: &str = "load";

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) extra_config: String,
    pub(crate) servers: Vec<ServerFacts>,
    #[serde(flatten)]
    pub(crate) found: Found,
    pub(crate) verdicts: Vec<Verdict>,
    /// What broke: not slow, but wrong.
    pub(crate) problems: Vec<String>,
}

/// What the scenarios found, by kind.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Found {
    pub(crate) scenarios: Vec<ScenarioResult>,
    pub(crate) starts: Option<StartResult>,
    pub(crate) scaling: Vec<ScalingResult>,
    pub(crate) outage: Option<OutageResult>,
    pub(crate) soak: Option<SoakResult>,
}

/// What one server showed over the whole run.
#[derive(Debug, Serialize)]
pub(crate) struct ServerFacts {
    pub(crate) name: &'static str,
    pub(crate) ready_ms: f64,
    pub(crate) idle: Memory,
    pub(crate) end: Memory,
}

/// One scenario; the measurements stand in the order of the servers.
#[derive(Debug, Serialize)]
pub(crate) struct ScenarioResult {
    pub(crate) workload: Workload,
    pub(crate) measurements: Vec<Measurement>,
    /// The last server's medians as parts of the first one's.
    pub(crate) ratio: Option<Ratio>,
}

/// One server in one scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Measurement {
    pub(crate) server: &'static str,
    pub(crate) summary: Option<Summary>,
    /// After the last round; the peak is that of the whole life of the process.
    pub(crate) memory: Memory,
    pub(crate) rounds: Vec<Round>,
}

/// What every scenario runs in.
pub(crate) struct World<'w> {
    pub(crate) options: &'w Options,
    pub(crate) nats: &'w Nats,
    pub(crate) directory: &'w Path,
    /// Gets a line per round.
    pub(crate) progress: fn(&str),
}

impl World<'_> {
    /// A forgewire beside the others, with a directory of its own.
    pub(crate) async fn forgewire(
        &self,
        name: &str,
        extra: &str,
        settings: &[(&str, &str)],
    ) -> Result<Server> {
        let own = self.directory.join(name);
        std::fs::create_dir(&own)
            .with_context(|| format!("cannot make the directory {}", own.display()))?;
        let extra = format!("{}\n{extra}", self.options.extra_config);
        Server::forgewire(self.nats, &own, &extra, settings).await
    }
}

/// By default half of the largest bodies would be told to come again.
pub(crate) const MUCH_ROOM: &[(&str, &str)] =
    &[("FORGEWIRE_HTTP__MAX_BUFFERED_BYTES", "536870912")];

/// Runs all that `options` ask for. `progress` gets a line per round.
///
/// # Errors
///
/// When the servers do not start. What breaks later is among the problems of the results.
pub(crate) async fn run(options: &Options, progress: fn(&str)) -> Result<Results> {
    // Beside the build: a real disk, where the temporary directory may be memory.
    let directory = tempfile::Builder::new()
        .prefix("throughput-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .context("cannot make a directory for the run")?;
    let nats = Nats::start(&options.nats_server, directory.path()).await?;
    let machine = Machine::look(nats.client.server_info().version);
    let world = World { options, nats: &nats, directory: directory.path(), progress };
    let mut servers = start(&world).await?;
    let mut found = Found::default();
    let mut problems = Vec::new();
    for workload in options.workloads() {
        let only_yardstick = options.self_test || options.only == Some(Only::Yardstick);
        if workload.scenario.is_alone() && only_yardstick {
            continue;
        }
        if let Err(error) = one(&world, workload, &mut servers, &mut found, &mut problems).await {
            problems.push(format!("{error:#}"));
            break;
        }
    }
    let servers = servers.iter().map(facts).collect();
    // A broken run proves no promise: a dead process, for one, has little memory.
    let verdicts = if problems.is_empty() { judge(&found) } else { Vec::new() };
    let extra_config = options.extra_config.clone();
    Ok(Results { machine, extra_config, servers, found, verdicts, problems })
}

/// Runs one scenario and notes what it found.
async fn one(
    world: &World<'_>,
    workload: Workload,
    servers: &mut [Server],
    found: &mut Found,
    problems: &mut Vec<String>,
) -> Result<()> {
    match workload.scenario {
        Scenario::Start => found.starts = Some(starts::run(world, workload).await?),
        Scenario::Sizes | Scenario::Sources | Scenario::Repositories => {
            found.scaling.push(scaling::run(world, workload, problems).await?);
        }
        Scenario::Outage => {
            let result = outage::run(world.options, workload, world.directory, world.progress);
            found.outage = Some(result.await?);
        }
        Scenario::Soak => found.soak = Some(soak::run(world, workload, problems).await?),
        Scenario::Huge | Scenario::Refs => {
            // The yardstick refuses such bodies or makes one message of them, and the memory of the others is
            // judged without them: so they go to a forgewire of their own.
            let room = if workload.scenario == Scenario::Huge { MUCH_ROOM } else { &[] };
            let own = world.forgewire(workload.scenario.name(), "", room).await?;
            let result = scenario(workload, &mut [own], problems, world.progress).await?;
            found.scenarios.push(result);
        }
        Scenario::Storm
        | Scenario::Single
        | Scenario::Serial
        | Scenario::Large
        | Scenario::Many => {
            let result = scenario(workload, servers, problems, world.progress).await?;
            found.scenarios.push(result);
        }
    }
    Ok(())
}

async fn start(world: &World<'_>) -> Result<Vec<Server>> {
    let World { options, nats, directory, .. } = *world;
    let mut servers = Vec::new();
    if options.only != Some(Only::Forgewire) {
        servers.push(Server::yardstick("yardstick", nats, directory).await?);
    }
    if options.self_test {
        servers.push(Server::yardstick("yardstick again", nats, directory).await?);
    } else if options.only != Some(Only::Yardstick) {
        servers.push(Server::forgewire(nats, directory, &options.extra_config, &[]).await?);
    }
    Ok(servers)
}

async fn scenario(
    workload: Workload,
    servers: &mut [Server],
    problems: &mut Vec<String>,
    progress: fn(&str),
) -> Result<ScenarioResult> {
    let mut rounds: Vec<Vec<Round>> = servers.iter().map(|_| Vec::new()).collect();
    for number in 1..=workload.rounds {
        let mut both: Vec<_> = servers.iter_mut().zip(&mut rounds).collect();
        // Each goes first as often as the other: a machine that gets slower or faster meets both.
        if number % 2 == 0 {
            both.reverse();
        }
        for (server, rounds) in both {
            let at = format!("{} {number}/{}", workload.scenario.name(), workload.rounds);
            rounds.push(noted(&at, &workload, server, problems, progress).await?);
        }
    }
    let measurements: Vec<Measurement> = servers
        .iter()
        .zip(rounds)
        .map(|(server, rounds)| Measurement {
            server: server.name,
            summary: Summary::of(&rounds),
            memory: process::memory(server.daemon.pid()).unwrap_or_default(),
            rounds,
        })
        .collect();
    let ratio = match measurements.as_slice() {
        [first, last] => first.summary.zip(last.summary).map(|(yard, own)| own.ratio_to(&yard)),
        _ => None,
    };
    Ok(ScenarioResult { workload, measurements, ratio })
}

/// One round, with a line of progress, and with its errors among the problems.
pub(crate) async fn noted(
    at: &str,
    workload: &Workload,
    server: &mut Server,
    problems: &mut Vec<String>,
    progress: fn(&str),
) -> Result<Round> {
    let round = round(workload, server).await?;
    progress(&format!("{at}: {}, {:.0} requests/s", server.name, round.requests_per_second));
    if round.errors > 0 {
        let first = round.first_error.as_deref().unwrap_or("unknown");
        problems.push(format!(
            "{at}: {} of {}'s answers were errors, the first: {first}",
            round.errors, server.name
        ));
    }
    Ok(round)
}

/// Loads `server` once, compares what it promised with what was stored, empties the stream.
async fn round(workload: &Workload, server: &mut Server) -> Result<Round> {
    let loaded = load(&plan(workload, server)).await;
    server.daemon.check()?;
    let round = loaded?;
    let stored = server.stored().await?;
    // What was not answered 202 may have been stored all the same, but only that.
    let events = workload.refs as u64;
    let allowed = round.accepted * events..=(round.accepted + round.errors) * events;
    if !allowed.contains(&stored) {
        bail!(
            "{} answered 202 to {} deliveries of {events} events, its stream holds {stored} messages",
            server.name,
            round.accepted
        );
    }
    server.empty().await?;
    Ok(round)
}

/// What `workload` sends to `server`.
pub(crate) fn plan(workload: &Workload, server: &Server) -> Plan {
    Plan {
        address: server.address,
        path: if workload.refs > 1 { "/hooks/bitbucket-dc" } else { "/hooks/gitea" }.to_owned(),
        secret: SECRET.to_owned(),
        server_pid: server.daemon.pid(),
        connections: workload.connections,
        bytes: workload.body_bytes,
        repositories: workload.repositories,
        sources: workload.sources,
        refs: workload.refs,
        warm_up: workload.warm_up,
        measured: workload.measured,
        rate: workload.rate,
    }
}

/// Runs `plan` in a process of its own.
pub(crate) async fn load(plan: &Plan) -> Result<Round> {
    let own = std::env::current_exe()?;
    let mut command = process::leashed(&own)?;
    command.arg(LOAD).arg(serde_json::to_string(plan)?);
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
    if !output.status.success() {
        bail!("the load generator failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("the load generator's figures are unreadable")
}

fn facts(server: &Server) -> ServerFacts {
    ServerFacts {
        name: server.name,
        ready_ms: server.ready.as_secs_f64() * 1e3,
        idle: server.idle,
        end: process::memory(server.daemon.pid()).unwrap_or_default(),
    }
}

fn judge(found: &Found) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for result in &found.scenarios {
        let scenario = result.workload.scenario;
        verdicts.extend(result.ratio.iter().flat_map(|ratio| aims::beside(scenario, ratio)));
        let own = result.measurements.iter().find(|own| own.server == "forgewire");
        let Some(Measurement { memory, summary: Some(summary), .. }) = own else { continue };
        match scenario {
            Scenario::Huge => verdicts.push(aims::huge(memory.peak_kib)),
            Scenario::Refs => verdicts.extend(aims::refs(memory.peak_kib, summary.p50_us.median)),
            _ => verdicts.push(aims::peak(scenario, memory.peak_kib)),
        }
    }
    verdicts.extend(found.starts.iter().flat_map(StartResult::verdicts));
    verdicts.extend(found.scaling.iter().flat_map(ScalingResult::verdicts));
    let outage = found.outage.as_ref().and_then(|result| result.summary);
    verdicts.extend(outage.iter().flat_map(OutageSummary::verdicts));
    let soak = found.soak.as_ref().and_then(|result| result.forgewire.summary);
    verdicts.extend(soak.iter().flat_map(SoakSummary::verdicts));
    verdicts
}
