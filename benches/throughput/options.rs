//! The command line, and the scenarios that it chooses from.
//!
//! In: arguments. Out: [`Options`], and per scenario a [`Workload`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::{Serialize, Serializer};

use crate::refs;

/// Refs of a push in the scenario `refs`.
const MANY_REFS: usize = 10_000;
/// Starts of each server in the scenario `start`.
const STARTS: u32 = 9;

/// Measures forgewire beside a frozen yardstick, in one run on one machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "throughput")]
pub(crate) struct Options {
    /// Open connections of the scenarios `storm`, `single`, `outage` and `soak`
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub(crate) connections: u16,
    /// Bytes of one body in the same scenarios and in `serial`
    #[arg(long, default_value_t = 9011, value_parser = clap::value_parser!(u32).range(1..=33_554_432))]
    pub(crate) bytes: u32,
    /// Different repositories of all scenarios that do not say how many
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) repositories: u32,
    /// Measured seconds of a round of `storm`; the other scenarios take half of it
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Rounds of `storm` per server; the other scenarios take at most three, `huge` and `refs` one
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Scenarios to run, in this order [default: all but `soak`]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) scenario: Vec<Scenario>,
    /// How long `soak` lasts
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub(crate) minutes: u32,
    /// Measure one server alone
    #[arg(long, value_enum, conflicts_with = "self_test")]
    pub(crate) only: Option<Only>,
    /// Measure the yardstick against itself: what differs then is noise
    #[arg(long)]
    pub(crate) self_test: bool,
    /// Also write every figure of every round to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The NATS server to run
    #[arg(long, value_name = "PROGRAM", default_value = "nats-server")]
    pub(crate) nats_server: PathBuf,
    /// TOML that is appended to forgewire's configuration
    #[arg(long, value_name = "TOML", default_value = "")]
    pub(crate) extra_config: String,
    /// What `cargo bench` adds to every command line
    #[arg(long, hide = true)]
    bench: bool,
}

/// A server that can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Only {
    Forgewire,
    Yardstick,
}

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// Many connections and repositories: the figure that is promised
    Storm,
    /// As `storm`, all deliveries for one repository
    Single,
    /// One connection: latency without queueing
    Serial,
    /// 100 connections, bodies of 20 KiB
    Large,
    /// 512 connections, bodies of 2 KiB
    Many,
    /// No load: from the start of a process to its being ready, nine times, and its memory then
    Start,
    /// 8 connections, bodies of 20 MiB: forgewire alone, in a process of its own
    Huge,
    /// 1 connection, pushes that change 10,000 refs each: forgewire alone, in a process of its own
    Refs,
    /// 2 connections, bodies of 1 KiB to 16 MiB: what a KiB costs forgewire, in a process per size
    Sizes,
    /// As `storm`, for 1 source and for 100: forgewire alone, in a process each
    Sources,
    /// Bodies of 2 KiB for 1 repository and for 100,000: forgewire alone, in a process each
    Repositories,
    /// As `storm`, then with nats-server away, then with it back: forgewire alone, in a process of its own
    Outage,
    /// Half the rate of `storm` for `--minutes`, in a process of its own, in turns with the yardstick at half of its rate or
    /// alone with `--only forgewire`; only if it is named
    Soak,
}

impl Scenario {
    /// Whether it is about forgewire alone.
    pub(crate) const fn is_alone(self) -> bool {
        !matches!(
            self,
            Self::Storm | Self::Single | Self::Serial | Self::Large | Self::Many | Self::Start
        )
    }

    /// As it is written after `--scenario`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Storm => "storm",
            Self::Single => "single",
            Self::Serial => "serial",
            Self::Large => "large",
            Self::Many => "many",
            Self::Start => "start",
            Self::Huge => "huge",
            Self::Refs => "refs",
            Self::Sizes => "sizes",
            Self::Sources => "sources",
            Self::Repositories => "repositories",
            Self::Outage => "outage",
            Self::Soak => "soak",
        }
    }
}

/// One scenario in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Workload {
    pub(crate) scenario: Scenario,
    pub(crate) connections: usize,
    pub(crate) body_bytes: usize,
    pub(crate) repositories: usize,
    /// Sources that the repositories are dealt out to.
    pub(crate) sources: usize,
    /// How many refs each push changes, and so how many events it makes.
    pub(crate) refs: usize,
    pub(crate) rounds: u32,
    #[serde(rename = "warm_up_seconds", serialize_with = "seconds")]
    pub(crate) warm_up: Duration,
    #[serde(rename = "measured_seconds", serialize_with = "seconds")]
    pub(crate) measured: Duration,
    /// Deliveries per second of all connections together; none: as fast as they are answered.
    pub(crate) rate: Option<f64>,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Options {
    /// The chosen scenarios, in order.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let all = Scenario::value_variants().iter().filter(|scenario| **scenario != Scenario::Soak);
        let chosen: Vec<Scenario> =
            if self.scenario.is_empty() { all.copied().collect() } else { self.scenario.clone() };
        chosen.into_iter().map(|scenario| self.workload(scenario)).collect()
    }

    fn workload(&self, scenario: Scenario) -> Workload {
        let main = Workload {
            scenario,
            connections: usize::from(self.connections),
            body_bytes: self.bytes as usize,
            repositories: self.repositories as usize,
            sources: 1,
            refs: 1,
            rounds: self.rounds,
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(self.seconds.into()),
            rate: None,
        };
        let short = Workload {
            rounds: self.rounds.min(3),
            warm_up: main.warm_up / 2,
            measured: main.measured / 2,
            ..main.clone()
        };
        match scenario {
            Scenario::Storm | Scenario::Soak => main,
            Scenario::Outage | Scenario::Sources => short,
            Scenario::Single => Workload { repositories: 1, ..short },
            Scenario::Serial => Workload { connections: 1, ..short },
            Scenario::Large => Workload { connections: 100, body_bytes: 20 * 1024, ..short },
            Scenario::Many => Workload { connections: 512, body_bytes: 2 * 1024, ..short },
            Scenario::Start => Workload { connections: 0, rounds: STARTS, ..short },
            Scenario::Sizes => Workload { connections: 2, repositories: 1, ..short },
            // Long enough for most of the repositories to be seen in every round.
            Scenario::Repositories => {
                Workload { body_bytes: 2 * 1024, measured: main.measured, ..short }
            }
            // Each connection has a repository of its own, and so a payload of its own.
            Scenario::Huge => Workload {
                connections: 8,
                body_bytes: 20 * 1024 * 1024,
                repositories: 8,
                rounds: 1,
                ..short
            },
            Scenario::Refs => Workload {
                connections: 1,
                body_bytes: refs::push(0, MANY_REFS).len(),
                repositories: 1,
                refs: MANY_REFS,
                rounds: 1,
                ..short
            },
        }
    }
}
