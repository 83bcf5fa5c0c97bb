//! The run: a phase for each fault, with a world of its own, and the verdict on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::ValueEnum as _;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::faults::Kind;
use crate::measure::Measured;
use crate::options::Options;
use crate::random::Random;
use crate::storm::{Nats, Storm, storm};
use crate::tools::Tools;
use crate::verdict::Verdict;
use crate::world::{Bench, World};

/// How long all is well between two cycles, in terms of how long a fault lasts.
const REST: f64 = 0.4;

/// What became of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) server: String,
    pub(crate) spool: bool,
    pub(crate) seconds: f64,
    pub(crate) phases: Vec<Phase>,
    pub(crate) storms: Vec<Storm>,
}

/// What became of a phase.
#[derive(Debug, Serialize)]
pub(crate) struct Phase {
    pub(crate) fault: String,
    pub(crate) cycles: u32,
    pub(crate) longest_recovery: f64,
    /// Absent where the phase did not get that far.
    pub(crate) verdict: Option<Verdict>,
    /// Absent where that was not compared.
    pub(crate) metrics: Option<Measured>,
    /// Why it did not run, which is no failure of the daemon.
    pub(crate) skipped: Option<String>,
    /// Why it failed.
    pub(crate) failed: Option<String>,
}

impl Outcome {
    pub(crate) fn passed(&self) -> bool {
        self.phases.iter().all(|phase| phase.failed.is_none())
            && self.storms.iter().all(|storm| storm.failed.is_none())
    }
}

pub(crate) fn run(options: &Options, say: impl Fn(&str) + Sync) -> Result<Outcome> {
    let began = Instant::now();
    let seed = options.seed.map_or_else(seed_of_the_clock, Ok)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // The NATS client and signals start their tasks from here.
    let _inside = runtime.enter();
    let interrupted = Arc::new(AtomicBool::new(false));
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let interrupted = Arc::clone(&interrupted);
        let mut signal = signal(kind)?;
        runtime.spawn(async move {
            signal.recv().await;
            interrupted.store(true, Ordering::Relaxed);
        });
    }
    let tools = Tools::find(options.spool, options.previous.clone());
    let server = server_version()?;
    say(&format!(
        "seed {seed}, {server}, {} spool",
        if tools.spool.is_ok() { "with" } else { "without" }
    ));
    let bench = Bench {
        runtime: runtime.handle(),
        load: options.load(),
        lasts: options.lasts(),
        say: &say,
        interrupted: &interrupted,
    };
    let phases = phases(&bench, &tools, &options.plan(), options.jobs(), seed)?;
    let mut storms = Vec::new();
    for (nats, count) in options
        .storms()
        .into_iter()
        .flat_map(|count| Nats::value_variants().iter().map(move |nats| (*nats, count)))
    {
        storms.push(storm(&bench, nats, count, seed));
        ensure!(!interrupted.load(Ordering::Relaxed), "interrupted; the seed was {seed}");
    }
    let (spool, seconds) = (tools.spool.is_ok(), began.elapsed().as_secs_f64());
    Ok(Outcome { seed, server, spool, seconds, phases, storms })
}

/// All phases, so many at a time, in the order of the plan.
fn phases(
    bench: &Bench<'_>,
    tools: &Tools,
    plan: &[(Kind, u32)],
    jobs: usize,
    seed: u64,
) -> Result<Vec<Phase>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(plan.len()));
    let work = || {
        let _inside = bench.runtime.enter();
        while !bench.interrupted.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(kind, cycles)) = plan.get(index) else { break };
            let name = kind.name();
            // Among others, a line must say which phase it is of.
            let say = |text: &str| match jobs {
                1 => (bench.say)(text),
                _ => (bench.say)(&format!("{name:20} {}", text.trim_start())),
            };
            let phase = phase(&Bench { say: &say, ..*bench }, tools, kind, cycles, seed);
            (bench.say)(&format!("{name}: {}", phase.summary()));
            done.lock().unwrap().push((index, phase));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    ensure!(!bench.interrupted.load(Ordering::Relaxed), "interrupted; the seed was {seed}");
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, phase)| phase).collect())
}

fn seed_of_the_clock() -> Result<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20) & 0xffff_ffff)
}

fn server_version() -> Result<String> {
    let program = std::env::var_os("FORGEWIRE_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
    let output = std::process::Command::new(&program).arg("--version").output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn phase(bench: &Bench<'_>, tools: &Tools, kind: Kind, cycles: u32, seed: u64) -> Phase {
    let fault = kind.name();
    let mut phase = Phase {
        fault,
        cycles: 0,
        longest_recovery: 0.0,
        verdict: None,
        metrics: None,
        skipped: None,
        failed: None,
    };
    if let Some((why, installable)) = kind.obstacle(tools) {
        let must = installable && std::env::var_os("CI").is_some();
        let place = if must { &mut phase.failed } else { &mut phase.skipped };
        *place = Some(format!("did not run: {why}"));
        return phase;
    }
    let cycles = kind.cycles(cycles);
    (bench.say)(&format!("{cycles} cycles of {}", phase.fault));
    phase.failed = guarded(|| cycles_of(bench, tools, kind, cycles, seed, &mut phase));
    phase
}

/// Why something failed. What the bench stands on panics where it cannot go on; the other phases can.
pub(crate) fn guarded(made: impl FnOnce() -> Result<()>) -> Option<String> {
    let made = catch_unwind(AssertUnwindSafe(made)).unwrap_or_else(|panic| {
        let text = panic.downcast::<String>().map_or_else(|_| "a panic".to_owned(), |text| *text);
        Err(anyhow!("{text}"))
    });
    made.err().map(|error| format!("{error:#}"))
}

fn cycles_of(
    bench: &Bench<'_>,
    tools: &Tools,
    kind: Kind,
    cycles: u32,
    seed: u64,
    phase: &mut Phase,
) -> Result<()> {
    // Each phase has the same faults whichever others run.
    let mut random = Random::new(seed ^ (kind as u64) << 32);
    let run = u32::try_from(random.below(u32::MAX.into()))?;
    let bench = Bench { load: kind.load(bench.load), ..*bench };
    let mut world = World::start(&bench, kind.setup(tools), run)?;
    let made = make(&mut world, kind, cycles, &mut random, phase);
    // A phase that broke off has something to say all the same.
    let judged = world.judge().and_then(|verdict| {
        let good = verdict.is_good();
        let measured = world.measure(&verdict, kind.reconnects(phase.cycles));
        phase.verdict = Some(verdict);
        ensure!(good, "a promise was broken");
        phase.metrics = measured?;
        agreed(&world, phase.metrics.as_ref())
    });
    made.and(judged).map_err(|error| match keep_log(&world, phase) {
        Ok(kept) => error.context(kept),
        Err(_lost) => error,
    })
}

/// Says what was compared, and fails where a metric is not what happened.
pub(crate) fn agreed(world: &World<'_>, measured: Option<&Measured>) -> Result<()> {
    let Some(measured) = measured else { return Ok(()) };
    world.say(&measured.to_string());
    let wrong = measured.wrong();
    ensure!(wrong.is_empty(), "metrics do not agree: {}", wrong.join("; "));
    Ok(())
}

fn make(
    world: &mut World<'_>,
    kind: Kind,
    cycles: u32,
    random: &mut Random,
    phase: &mut Phase,
) -> Result<()> {
    for cycle in 1..=cycles {
        let named = || format!("cycle {cycle}");
        let mut fault = kind.make();
        world.take_signs();
        fault.begin(world, random).with_context(named)?;
        let lasts = random.around(world.lasts);
        world.hold(lasts).with_context(named)?;
        let mut shown = world.take_signs();
        world.until_shown(kind.signs(), &mut shown).with_context(named)?;
        fault.end(world).with_context(named)?;
        let ended = world.ledger.now();
        let took = world.recovered(ended).with_context(named)?.as_secs_f64();
        phase.longest_recovery = phase.longest_recovery.max(took);
        phase.cycles = cycle;
        world.say(&format!("cycle {cycle}: {lasts:.1?}, recovered after {took:.3} s"));
        world.until_well().with_context(named)?;
        shown.extend(world.take_signs());
        for sign in shown {
            ensure!(
                kind.may_show(sign),
                "{}: {} shows a fault that was none",
                named(),
                sign.metric()
            );
        }
        world.hold(world.lasts.mul_f64(REST))?;
    }
    Ok(())
}

/// Keeps the logs of a phase that failed: where they are.
fn keep_log(world: &World<'_>, phase: &Phase) -> Result<String> {
    // Another run at the same time keeps its own.
    let run = format!("chaos-{}", std::process::id());
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(run).join(&phase.fault);
    std::fs::create_dir_all(&dir)?;
    for log in world.logs() {
        std::fs::copy(log, dir.join(log.file_name().context("a log has a name")?))?;
    }
    for (number, server) in world.servers.iter().enumerate() {
        std::fs::write(dir.join(format!("nats-{number}.log")), server.log())?;
    }
    Ok(format!("logs in {}", dir.display()))
}

impl Phase {
    fn summary(&self) -> String {
        let fate = self.failed.as_ref().map(|why| format!("FAILED, {why}"));
        fate.or_else(|| self.skipped.clone()).unwrap_or_else(|| "passed".to_owned())
    }
}
