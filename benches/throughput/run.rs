//! A whole run: servers up, rounds in turn, every round checked against the stream.
//!
//! In: [`Options`]. Out: [`Results`], with every figure of every round and with what broke.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::figures::outage::OutageSummary;
use crate::figures::{Ratio, Round, Summary, Verdict, verdicts};
use crate::load::Plan;
use crate::machine::Machine;
use crate::options::{Only, Options, Scenario, Workload};
use crate::outage::{self, OutageResult};
use crate::process::{self, Memory};
use crate::servers::{Nats, SECRET, Server};

/// First argument that makes this executable the load generator.
pub(crate) const LOAD: &str = "load";

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) extra_config: String,
    pub(crate) servers: Vec<ServerFacts>,
    pub(crate) scenarios: Vec<ScenarioResult>,
    pub(crate) outage: Option<OutageResult>,
    pub(crate) verdicts: Vec<Verdict>,
    /// What broke: not slow, but wrong.
    pub(crate) problems: Vec<String>,
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
    let mut servers = start(options, &nats, directory.path()).await?;
    let mut scenarios = Vec::new();
    let mut away = None;
    let mut problems = Vec::new();
    for workload in options.workloads() {
        let is_alone = workload.scenario.is_alone();
        if is_alone && (options.self_test || options.only == Some(Only::Yardstick)) {
            continue;
        }
        let outcome = if workload.scenario == Scenario::Outage {
            let result = outage::run(options, workload, directory.path(), progress).await;
            result.map(|result| away = Some(result))
        } else if is_alone {
            let mut alone = [alone(options, &workload, &nats, directory.path()).await?];
            let result = scenario(workload, &mut alone, &mut problems, progress).await;
            result.map(|result| scenarios.push(result))
        } else {
            let result = scenario(workload, &mut servers, &mut problems, progress).await;
            result.map(|result| scenarios.push(result))
        };
        if let Err(error) = outcome {
            problems.push(format!("{error:#}"));
            break;
        }
    }
    let servers: Vec<ServerFacts> = servers.iter().map(facts).collect();
    // A broken run proves no promise: a dead process, for one, has little memory.
    let mut verdicts = Vec::new();
    if problems.is_empty() {
        verdicts.extend(judge(&servers, &scenarios));
        let summary = away.as_ref().and_then(|result| result.summary);
        verdicts.extend(summary.iter().flat_map(OutageSummary::verdicts));
    }
    let extra_config = options.extra_config.clone();
    Ok(Results { machine, extra_config, servers, scenarios, outage: away, verdicts, problems })
}

/// The yardstick refuses such bodies or makes one message of them, and the memory of the others is judged without
/// them: so they go to a forgewire of their own.
async fn alone(
    options: &Options,
    workload: &Workload,
    nats: &Nats,
    directory: &Path,
) -> Result<Server> {
    let own = directory.join(workload.scenario.name());
    std::fs::create_dir(&own).context("cannot make a directory for the scenario")?;
    // By default half of the bodies would be told to come again.
    let room = [("FORGEWIRE_HTTP__MAX_BUFFERED_BYTES", "536870912")];
    let room = if workload.scenario == Scenario::Huge { &room[..] } else { &[] };
    Server::forgewire(nats, &own, &options.extra_config, room).await
}

async fn start(options: &Options, nats: &Nats, directory: &Path) -> Result<Vec<Server>> {
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
        for (server, rounds) in servers.iter_mut().zip(&mut rounds) {
            let round = round(&workload, server).await?;
            progress(&format!(
                "{} {number}/{}: {}, {:.0} requests/s",
                workload.scenario.name(),
                workload.rounds,
                server.name,
                round.requests_per_second
            ));
            if round.errors > 0 {
                let first = round.first_error.as_deref().unwrap_or("unknown");
                problems.push(format!(
                    "{}: {} of {}'s answers were errors, the first: {first}",
                    workload.scenario.name(),
                    round.errors,
                    server.name
                ));
            }
            rounds.push(round);
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
    server.stream.purge().await.context("cannot empty the stream")?;
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
        refs: workload.refs,
        warm_up: workload.warm_up,
        measured: workload.measured,
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

fn judge(servers: &[ServerFacts], scenarios: &[ScenarioResult]) -> Vec<Verdict> {
    let Some(forgewire) = servers.iter().find(|server| server.name == "forgewire") else {
        return Vec::new();
    };
    // Its figures say nothing of memory unless it was the first: what a process held once, it held at most.
    let first = scenarios.first().filter(|result| result.workload.scenario == Scenario::Storm);
    let storm = scenarios.iter().find(|result| result.workload.scenario == Scenario::Storm);
    let ratio = storm.and_then(|result| result.ratio);
    let own =
        first.and_then(|result| result.measurements.iter().find(|own| own.server == "forgewire"));
    let alone = |scenario| {
        let result = scenarios.iter().find(|result| result.workload.scenario == scenario);
        result.and_then(|result| result.measurements.first())
    };
    let (huge, refs) = (alone(Scenario::Huge), alone(Scenario::Refs));
    let refs = refs.and_then(|own| Some((own.memory.peak_kib, own.summary?.p50_us.median)));
    verdicts(
        ratio.map(|ratio| ratio.requests_per_second),
        own.map(|own| own.memory.peak_kib),
        forgewire.end.peak_kib,
        huge.map(|measurement| measurement.memory.peak_kib),
        refs,
    )
}
