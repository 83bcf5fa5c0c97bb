//! The faults: what can be done to the daemon, to NATS and to what is between them.
//!
//! Each is a type of its own that begins and ends; [`Kind`] lists them, and says what each needs.

mod cluster;
mod daemon;
mod disk;
mod link;
mod mixed;
mod restart;
mod server;
mod stream;

use anyhow::Result;
use clap::ValueEnum;

use crate::daemon::Way;
use crate::driver::Load;
use crate::random::Random;
use crate::scrape::Sign;
use crate::setup::{Setup, Spool};
use crate::tools::Tools;
use crate::world::World;

/// Something that goes wrong, and is put right again.
pub(crate) trait Fault {
    fn begin(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<()>;
    fn end(&mut self, world: &mut World<'_>) -> Result<()>;
}

/// The name of a fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// kill -9 of the daemon
    DaemonKill,
    /// SIGTERM to the daemon
    DaemonTerm,
    /// SIGTERM to the daemon and a start at once, on a socket that stays open: nobody may notice
    Restart,
    /// Two daemons behind a TCP balancer are started again, one after the other: nobody may notice
    Roll,
    /// The program of --previous fills its spool, and after SIGTERM this one goes on with it
    Upgrade,
    /// The same after kill -9
    UpgradeKill,
    /// kill -9 of nats-server
    NatsKill,
    /// nats-server is stopped (SIGSTOP) and goes on
    NatsStop,
    /// nats-server is killed, and takes long to start
    NatsSlowStart,
    /// Connections to NATS are cut, and new ones closed
    Cut,
    /// Everything between the daemon and NATS arrives later
    Delay,
    /// Connections to NATS are closed in one direction
    HalfClose,
    /// What NATS says is lost, acknowledgements too, and then the connection
    SwallowAcks,
    /// NATS is away, and the spool's disk is full
    DiskFull,
    /// NATS is away, and fsync fails with EIO, until the daemon is started again
    FsyncEio,
    /// The daemon's clock jumps
    Clock,
    /// The permission to publish is taken away
    Permission,
    /// The stream is made too small
    StreamFull,
    /// The stream is deleted, and made again
    StreamRecreated,
    /// The server's store is put back to an older copy; without a spool the loss is only counted
    Rollback,
    /// kill -9 of the leader of the stream, one of three servers
    ClusterLeader,
    /// Three servers are started again, one after the other
    ClusterRolling,
    /// Two or three of the faults above at once
    Mixed,
}

/// What a fault changes; two that change the same cannot be mixed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Daemon,
    Clock,
    Link,
    Server,
    /// The stream or the rights, which only a running server changes.
    Stream,
    /// Nothing else can be mixed with it.
    Alone,
}

impl Kind {
    /// As it is written after `--faults`.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().unwrap().get_name().to_owned()
    }

    pub(crate) fn place(self) -> Place {
        match self {
            Self::DaemonKill | Self::DaemonTerm => Place::Daemon,
            Self::NatsKill | Self::NatsStop | Self::NatsSlowStart => Place::Server,
            Self::Cut | Self::Delay | Self::HalfClose | Self::SwallowAcks => Place::Link,
            Self::Permission | Self::StreamFull | Self::StreamRecreated => Place::Stream,
            Self::Clock => Place::Clock,
            Self::DiskFull
            | Self::FsyncEio
            | Self::Rollback
            | Self::ClusterLeader
            | Self::ClusterRolling
            | Self::Restart
            | Self::Roll
            | Self::Upgrade
            | Self::UpgradeKill
            | Self::Mixed => Place::Alone,
        }
    }

    /// Whether it is in the short run.
    pub(crate) fn is_quick(self) -> bool {
        !matches!(
            self,
            Self::Delay
                | Self::HalfClose
                | Self::NatsSlowStart
                | Self::ClusterLeader
                | Self::Upgrade
                | Self::UpgradeKill
        )
    }

    /// Why it cannot be made here, and whether a tool is missing that could be installed.
    pub(crate) fn obstacle(self, tools: &Tools) -> Option<(&'static str, bool)> {
        let spool = || tools.spool.err().map(|why| (why, false));
        match self {
            Self::DiskFull => spool().or_else(|| tools.mount.err().map(|why| (why, false))),
            Self::FsyncEio => spool().or_else(|| tools.strace.err().map(|why| (why, true))),
            Self::Upgrade | Self::UpgradeKill => {
                spool().or_else(|| tools.previous.as_ref().err().map(|why| (*why, false)))
            }
            Self::Clock => tools.faketime.as_ref().err().map(|why| (*why, true)),
            _ => None,
        }
    }

    /// What its phase is started with.
    pub(crate) fn setup(self, tools: &Tools) -> Setup {
        let clock = matches!(self, Self::Clock | Self::Mixed);
        let small_disk = self == Self::DiskFull;
        let max_bytes = match self {
            // Less than the small disk has, so that only the fault fills that.
            Self::DiskFull => 128 << 20,
            // It is to be full soon: the least that may be configured.
            _ if self.upgrades() => 96 << 20,
            _ => 1 << 30,
        };
        let spool = Spool { small_disk, max_bytes, retain: self == Self::Rollback };
        Setup {
            cluster: matches!(self, Self::ClusterLeader | Self::ClusterRolling),
            spool: tools.spool.is_ok().then_some(spool),
            clock: tools.faketime.clone().ok().filter(|_| clock),
            pair: self == Self::Roll,
            way: self.way(tools),
        }
    }

    fn way(self, tools: &Tools) -> Way {
        let program = tools.previous.clone().ok().filter(|_| self.upgrades());
        let activated = self == Self::Restart || self.upgrades();
        // As long as connections are used again by, with this load.
        Way { activated, program, drain: (activated || self == Self::Roll).then_some("1s") }
    }

    fn upgrades(self) -> bool {
        matches!(self, Self::Upgrade | Self::UpgradeKill)
    }

    /// What its phase sends, where the load is usually this.
    pub(crate) fn load(self, load: Load) -> Load {
        // A spool is to be full soon.
        if self.upgrades() { Load { size: 64 << 10, ..load } } else { load }
    }

    /// How often it can be made in one phase, if so many are asked for.
    pub(crate) fn cycles(self, cycles: u32) -> u32 {
        // There is no way back to the program of before.
        if self.upgrades() { cycles.min(1) } else { cycles }
    }

    /// What the metrics must show while it lasts.
    pub(crate) fn signs(self) -> &'static [Sign] {
        match self {
            Self::NatsKill | Self::NatsSlowStart | Self::Cut => &[Sign::Disconnected],
            Self::DiskFull => &[Sign::Disconnected, Sign::Full],
            Self::FsyncEio => &[Sign::Disconnected, Sign::Broken],
            _ => &[],
        }
    }

    /// Whether the metrics may show this because of it.
    pub(crate) fn may_show(self, sign: Sign) -> bool {
        match sign {
            Sign::Disconnected => !self.keeps_connection(),
            Sign::Full => self == Self::DiskFull || self.upgrades(),
            Sign::Broken => self == Self::FsyncEio,
        }
    }

    /// Whether the daemon, as long as it runs, stays connected to NATS.
    fn keeps_connection(self) -> bool {
        matches!(
            self,
            Self::DaemonKill
                | Self::DaemonTerm
                | Self::Restart
                | Self::Roll
                | Self::Clock
                | Self::NatsStop
                | Self::StreamFull
                | Self::StreamRecreated
        )
    }

    /// How often a process must have been connected again after so many cycles, at least and at most.
    pub(crate) fn reconnects(self, cycles: u32) -> (u64, u64) {
        match self {
            Self::NatsKill
            | Self::NatsSlowStart
            | Self::Cut
            | Self::SwallowAcks
            | Self::DiskFull
            | Self::Rollback
            | Self::ClusterRolling => (cycles.into(), u64::MAX),
            // It is started again before NATS is back.
            Self::FsyncEio => (0, 0),
            _ if self.keeps_connection() => (0, 0),
            _ => (0, u64::MAX),
        }
    }

    pub(crate) fn make(self) -> Box<dyn Fault> {
        match self {
            Self::DaemonKill => Box::new(daemon::Kill),
            Self::DaemonTerm => Box::new(daemon::Term),
            Self::Restart => Box::new(restart::Restart),
            Self::Roll => Box::new(restart::Roll),
            Self::Upgrade => Box::new(restart::Upgrade::new(false)),
            Self::UpgradeKill => Box::new(restart::Upgrade::new(true)),
            Self::Clock => Box::new(daemon::Clock),
            Self::NatsKill => Box::new(server::Kill),
            Self::NatsStop => Box::new(server::Stop),
            Self::NatsSlowStart => Box::new(server::SlowStart::default()),
            Self::Rollback => Box::new(server::Rollback::default()),
            Self::Cut => Box::new(link::Cut),
            Self::Delay => Box::new(link::Delay),
            Self::HalfClose => Box::new(link::HalfClose),
            Self::SwallowAcks => Box::new(link::SwallowAcks),
            Self::DiskFull => Box::new(disk::Full::default()),
            Self::FsyncEio => Box::new(disk::Eio::default()),
            Self::Permission => Box::new(stream::Permission),
            Self::StreamFull => Box::new(stream::Full::default()),
            Self::StreamRecreated => Box::new(stream::Recreated::default()),
            Self::ClusterLeader => Box::new(cluster::Leader::default()),
            Self::ClusterRolling => Box::new(cluster::Rolling),
            Self::Mixed => Box::new(mixed::Mixed::default()),
        }
    }
}
