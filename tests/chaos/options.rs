//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::driver::Load;
use crate::faults::Kind;

/// Deliveries of a storm in the short run.
const SMALL_STORM: u32 = 2_000;
/// Go keeps a few connections; more would hide what becomes of the others.
const MOST_IDLE: usize = 8;

/// Makes faults under load, and compares what was acknowledged with what is stored.
///
/// Every fault has a phase with servers of its own, and so has a mix of several faults at once. Without
/// options it is the long run.
#[derive(Clone, Debug, Parser)]
#[command(name = "chaos")]
pub(crate) struct Options {
    /// Times that a fault is made and ended, in all [default: 276, with --short one each]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) cycles: Option<u32>,
    /// Seconds that a fault lasts, about [default: 3, with --short 1]
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// The same seed makes the same faults in the same order [default: of the clock]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Faults to make, in this order [default: all, with --short the quick ones]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) faults: Vec<Kind>,
    /// A fixed list of fault cycles, and small storms, that take about a minute
    #[arg(long)]
    pub(crate) short: bool,
    /// No faults, but so many deliveries of 4 KiB as fast as they are answered: with NATS healthy, slow and absent
    #[arg(long, value_name = "DELIVERIES", conflicts_with_all = ["faults", "short", "cycles"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) storm: Option<u32>,
    /// The NATS server to run [default: nats-server]
    #[arg(long, value_name = "PATH", env = "FORGEWIRE_NATS_SERVER")]
    pub(crate) nats_server: Option<PathBuf>,
    /// A forgewire of before, for the upgrades
    #[arg(long, value_name = "PATH")]
    pub(crate) previous: Option<PathBuf>,
    /// Whether the daemon is given a spool; auto asks it whether it has one
    #[arg(long, value_enum, default_value_t = Spool::Auto)]
    pub(crate) spool: Spool,
    /// Deliveries per second, about, and some in bursts [default: 800, with --short 400]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: Option<u32>,
    /// Deliveries at once, at most
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) senders: u16,
    /// Different repositories; half of all deliveries are for four of them
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) repositories: u16,
    /// Phases at once, each with servers of its own; what they wait for is mostly time [default: 1, with --short 4]
    #[arg(long, value_name = "PHASES", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) jobs: Option<u8>,
    /// Also write every figure to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Whether the daemon is given a spool.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Spool {
    Auto,
    On,
    Off,
}

impl Options {
    /// The faults to make, and how often each.
    pub(crate) fn plan(&self) -> Vec<(Kind, u32)> {
        if self.storm.is_some() {
            return Vec::new();
        }
        let all = Kind::value_variants().to_vec();
        let quick = || all.iter().copied().filter(|kind| kind.is_quick()).collect();
        let kinds = match &*self.faults {
            [] if self.short => quick(),
            [] => all,
            named => named.to_vec(),
        };
        let count = u32::try_from(kinds.len()).unwrap();
        let cycles = self.cycles.unwrap_or(if self.short { count } else { 12 * count });
        let each = |index: u32| cycles / count + u32::from(index < cycles % count);
        kinds.into_iter().zip((0..).map(each)).filter(|(_, cycles)| *cycles > 0).collect()
    }

    /// How many deliveries make a storm, if there is to be any.
    pub(crate) fn storms(&self) -> Option<u32> {
        self.storm.or_else(|| (self.short && self.faults.is_empty()).then_some(SMALL_STORM))
    }

    /// How many phases run at once.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.unwrap_or(if self.short { 4 } else { 1 }).into()
    }

    /// How long a fault lasts, about.
    pub(crate) fn lasts(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.short { 1.0 } else { 3.0 }))
    }

    pub(crate) fn load(&self) -> Load {
        let rate = self.rate.unwrap_or(if self.short { 400 } else { 800 });
        Load {
            senders: self.senders,
            rate: Some(rate),
            repositories: self.repositories,
            most_idle: MOST_IDLE,
            size: 0,
            count: None,
        }
    }
}
