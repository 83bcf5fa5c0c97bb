//! Storms: many deliveries as fast as they are answered, with NATS healthy, slow and absent.
//!
//! In come a number of deliveries and the state of NATS, out comes a [`Storm`]: how fast they were taken and
//! published, the daemon's memory at its peak, and the verdict. None may be refused, for the spool has room for all.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::driver::Load;
use crate::measure::Measured;
use crate::random::Random;
use crate::run::{agreed, guarded};
use crate::setup::{Setup, Spool};
use crate::verdict::Verdict;
use crate::world::{Bench, World};

/// Bytes of a body.
const SIZE: usize = 4096;
/// Deliveries at once.
const SENDERS: u16 = 64;
/// What an acknowledgement takes where NATS is slow.
const SLOW: Duration = Duration::from_millis(20);
/// What the daemon's memory must stay below, in bytes.
const MOST_MEMORY: u64 = 256 << 20;
/// What the spool may take: more than all of it.
const MAX_BYTES: u64 = 4 << 30;
/// How long a storm may take, and what it leaves behind in the spool.
const LIMIT: Duration = Duration::from_secs(900);

/// What is the matter with NATS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Nats {
    Healthy,
    /// Every acknowledgement takes 20 ms.
    Slow,
    /// It is down, and is started when everything has been sent.
    Absent,
}

/// What became of a storm.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Storm {
    pub(crate) nats: String,
    /// Until all were answered.
    pub(crate) taken_in: f64,
    /// Until all were published, from the beginning; where NATS was absent, from its start.
    pub(crate) published_in: f64,
    /// The most memory that the daemon had in use, in bytes.
    pub(crate) peak_memory: u64,
    /// Absent where it did not get that far.
    pub(crate) verdict: Option<Verdict>,
    /// Absent where it did not get that far.
    pub(crate) metrics: Option<Measured>,
    /// Why it failed.
    pub(crate) failed: Option<String>,
}

/// So many deliveries to a daemon with a spool.
pub(crate) fn storm(bench: &Bench<'_>, nats: Nats, count: u32, seed: u64) -> Storm {
    let name = nats.to_possible_value().unwrap().get_name().to_owned();
    (bench.say)(&format!("storm: {count} deliveries, NATS {name}"));
    let load = Load {
        senders: SENDERS,
        rate: None,
        most_idle: SENDERS.into(),
        size: SIZE,
        count: Some(count.into()),
        ..bench.load
    };
    let bench = Bench { load, ..*bench };
    let mut storm = Storm { nats: name, ..Storm::default() };
    storm.failed = guarded(|| run(&bench, nats, count, seed, &mut storm));
    (bench.say)(&format!(
        "storm, NATS {}: {}",
        storm.nats,
        storm.failed.as_deref().unwrap_or("passed")
    ));
    storm
}

fn run(bench: &Bench<'_>, nats: Nats, count: u32, seed: u64, storm: &mut Storm) -> Result<()> {
    let run = u32::try_from(Random::new(seed ^ (nats as u64 + 1) << 48).below(u32::MAX.into()))?;
    let spool = Spool { small_disk: false, max_bytes: MAX_BYTES, retain: false };
    let setup = Setup { spool: Some(spool), ..Setup::default() };
    let mut world = World::prepare(bench, setup, run)?;
    match nats {
        Nats::Healthy => {}
        Nats::Slow => world.proxy.change(|weather| weather.delay = SLOW / 2),
        Nats::Absent => {
            world.servers[0].kill();
            world.until("the daemon notices", |world| {
                world.daemon.spool().is_ok_and(|spool| spool["connected"] == false)
            })?;
        }
    }
    let began = world.ledger.now();
    world.send();
    world.sent(LIMIT)?;
    storm.taken_in = world.ledger.now().saturating_sub(began).as_secs_f64();
    let began = match nats {
        Nats::Absent => {
            world.start_server()?;
            world.ledger.now()
        }
        _ => began,
    };
    world.emptied(LIMIT)?;
    storm.published_in = world.ledger.now().saturating_sub(began).as_secs_f64();
    storm.peak_memory = world.daemon.peak_memory()?;
    let verdict = world.judge()?;
    let back = u64::from(nats == Nats::Absent);
    let measured = world.measure(&verdict, (back, if back == 0 { 0 } else { u64::MAX }));
    let verdict = storm.verdict.insert(verdict);
    ensure!(verdict.is_good(), "a promise was broken");
    storm.metrics = measured?;
    agreed(&world, storm.metrics.as_ref())?;
    let (kept, count) = (verdict.kept, u64::from(count));
    ensure!(kept == count, "{kept} of {count} were kept");
    ensure!(storm.peak_memory < MOST_MEMORY, "the daemon needed {} bytes", storm.peak_memory);
    Ok(())
}
