//! The load generator, a process of its own so that its CPU time is nobody else's.
//!
//! In: a [`Plan`] as JSON in its argument. Out: a [`Round`] as JSON on standard output. Every
//! connection stays open and sends its next delivery when the last one was answered, or at a given
//! rate when its turn comes; what was answered within the measured time counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer;
use crate::figures::{Round, as_f64, percentile};
use crate::process::cpu_time;
use crate::request::{Requests, Target};

/// An answer that takes longer is an error.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// After so many failures of one connection the rest would say nothing new.
const MAX_ERRORS: u64 = 20;

/// What to send where, and for how long.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) secret: String,
    pub(crate) server_pid: u32,
    pub(crate) connections: usize,
    pub(crate) bytes: usize,
    pub(crate) repositories: usize,
    pub(crate) sources: usize,
    /// How many refs each push changes; more than one are pushed as Bitbucket Data Center does it.
    pub(crate) refs: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Deliveries per second of all connections together; none: as fast as they are answered.
    pub(crate) rate: Option<f64>,
}

/// What all connections share.
struct Shared {
    requests: Requests,
    address: SocketAddr,
    from: Instant,
    to: Instant,
    /// Failures so far; the first one is kept in the tally of its connection.
    errors: AtomicU64,
}

#[derive(Default)]
struct Tally {
    accepted: u64,
    latencies_ns: Vec<u64>,
    first_error: Option<String>,
}

/// Runs the plan in `json` and returns the round as JSON.
pub(crate) fn run(json: &str) -> Result<String> {
    let plan: Plan = serde_json::from_str(json).context("the load's plan is not readable")?;
    // One thread: the generator shall take as little of a small machine as it can.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let round = runtime.block_on(drive(&plan))?;
    Ok(serde_json::to_string(&round)?)
}

async fn drive(plan: &Plan) -> Result<Round> {
    let host = plan.address.to_string();
    let target =
        Target { host: &host, path: &plan.path, sources: plan.sources, secret: &plan.secret };
    let requests = Requests::prepare(&target, plan.repositories, plan.bytes, plan.refs)?;
    let begun = Instant::now();
    let from = begun + plan.warm_up;
    let to = from + plan.measured;
    let shared =
        Arc::new(Shared { requests, address: plan.address, from, to, errors: AtomicU64::new(0) });
    let mut connections = JoinSet::new();
    for number in 0..plan.connections {
        let turns = Turns::of(plan, number, begun);
        connections.spawn(connection(Arc::clone(&shared), turns));
    }
    let before = used(plan.server_pid, from).await?;
    let after = used(plan.server_pid, to).await?;
    let tallies = connections.join_all().await;

    let errors = shared.errors.load(Ordering::Relaxed);
    Ok(figures(plan, tallies, errors, &before, &after))
}

fn figures(plan: &Plan, tallies: Vec<Tally>, errors: u64, before: &Used, after: &Used) -> Round {
    let mut accepted = 0;
    let mut first_error = None;
    let mut latencies = Vec::new();
    for tally in tallies {
        accepted += tally.accepted;
        first_error = first_error.or(tally.first_error);
        latencies.extend(tally.latencies_ns);
    }
    latencies.sort_unstable();
    let measured = latencies.len() as u64;
    let server = after.server.saturating_sub(before.server).as_secs_f64();
    let generator = after.generator.saturating_sub(before.generator).as_secs_f64();
    Round {
        accepted,
        errors,
        first_error,
        measured,
        requests_per_second: as_f64(measured) / plan.measured.as_secs_f64(),
        p50_us: percentile(&latencies, 50),
        p99_us: percentile(&latencies, 99),
        max_us: percentile(&latencies, 100),
        server_cpu_us: server * 1e6 / as_f64(measured.max(1)),
        load_cores: generator / (after.at - before.at).as_secs_f64(),
    }
}

/// CPU time used up to an instant.
struct Used {
    at: Instant,
    server: Duration,
    generator: Duration,
}

async fn used(server_pid: u32, when: Instant) -> Result<Used> {
    tokio::time::sleep_until(when.into()).await;
    Ok(Used {
        at: Instant::now(),
        server: cpu_time(server_pid)?,
        generator: cpu_time(std::process::id())?,
    })
}

/// When one connection may send, where the rate is given.
struct Turns {
    next: Instant,
    /// From one turn to the next one; none: whenever the last delivery was answered.
    period: Option<Duration>,
}

impl Turns {
    /// The turns of all connections are spread evenly.
    fn of(plan: &Plan, number: usize, begun: Instant) -> Self {
        let each = plan.rate.map(|rate| Duration::from_secs_f64(1.0 / rate.max(1.0)));
        let times = |count: usize| each.map(|each| each * u32::try_from(count).unwrap_or(u32::MAX));
        Self { next: begun + times(number).unwrap_or_default(), period: times(plan.connections) }
    }

    /// Waits for the turn, and says from when on the delivery is under way: from its turn, if the connection was
    /// busy then. A server that stands still so meets everything that it kept waiting.
    async fn take(&mut self) -> Instant {
        let Some(period) = self.period else { return Instant::now() };
        let turn = self.next;
        self.next += period;
        if Instant::now() >= turn {
            return turn;
        }
        tokio::time::sleep_until(turn.into()).await;
        Instant::now()
    }
}

async fn connection(shared: Arc<Shared>, mut turns: Turns) -> Tally {
    let mut tally = Tally::default();
    let mut stream = None;
    let mut buffer = Vec::new();
    let mut failures = 0;
    while Instant::now() < shared.to && failures < MAX_ERRORS {
        shared.requests.write_next(&mut buffer);
        let started = turns.take().await;
        let outcome = deliver(&mut stream, shared.address, &mut buffer);
        let outcome = tokio::time::timeout(ANSWER_TIMEOUT, outcome)
            .await
            .unwrap_or_else(|_| Err(anyhow!("no answer within {ANSWER_TIMEOUT:?}")));
        if let Err(error) = outcome {
            // An unfinished answer must not be taken for that of the next request.
            stream = None;
            failures += 1;
            shared.errors.fetch_add(1, Ordering::Relaxed);
            tally.first_error.get_or_insert_with(|| format!("{error:#}"));
            continue;
        }
        tally.accepted += 1;
        let ended = Instant::now();
        if ended >= shared.from && ended < shared.to {
            let latency = ended - started;
            tally.latencies_ns.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    tally
}

/// Sends the request in `buffer`, reads its answer into `buffer`, wants 202.
async fn deliver(
    stream: &mut Option<TcpStream>,
    address: SocketAddr,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    if stream.is_none() {
        let new = TcpStream::connect(address).await.context("cannot connect")?;
        new.set_nodelay(true)?;
        *stream = Some(new);
    }
    let open = stream.as_mut().context("not connected")?;
    open.write_all(buffer).await.context("cannot send")?;
    buffer.clear();
    loop {
        if open.read_buf(buffer).await.context("cannot read the answer")? == 0 {
            bail!("the server closed the connection instead of answering");
        }
        if let Some(status) = answer::status(buffer)? {
            if status == 202 {
                return Ok(());
            }
            let answer: String = String::from_utf8_lossy(buffer).chars().take(400).collect();
            bail!("not 202 but: {answer}");
        }
    }
}
