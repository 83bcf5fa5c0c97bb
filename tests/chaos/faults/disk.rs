//! Faults of the spool's disk. While NATS is there the spool has nothing to do, so NATS is away too.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Fault;
use crate::ledger::Outcome;
use crate::random::Random;
use crate::tools::{Strace, fill};
use crate::world::World;

/// So much is spooled before the disk makes trouble, and after it has stopped to.
const SPOOLING: Duration = Duration::from_millis(500);

/// The disk is full: what comes then is refused, and kept again by itself once there is room.
#[derive(Default)]
pub(super) struct Full {
    since: Duration,
}

impl Fault for Full {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.close_proxy();
        world.hold(SPOOLING)?;
        self.since = world.ledger.now();
        fill(&world.disk().join("filler"))
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        ensure!(
            world.ledger.rejected_after(self.since).is_some(),
            "nothing was refused: this fault was none"
        );
        std::fs::remove_file(world.disk().join("filler"))?;
        world.had_no_room(self.since);
        let free = world.ledger.now();
        world.until("something is kept again", |world| {
            world.ledger.count_after(free, Outcome::is_kept) > 0
        })?;
        world.hold(SPOOLING)?;
        world.proxy.change(|weather| weather.closed = false);
        Ok(())
    }
}

/// An fsync fails: nothing is kept from then on, until the daemon is started again.
#[derive(Default)]
pub(super) struct Eio {
    strace: Option<Strace>,
    since: Duration,
}

impl Fault for Eio {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.close_proxy();
        world.hold(SPOOLING)?;
        let pid = world.daemon.pid().context("the daemon does not run")?;
        self.since = world.ledger.now();
        self.strace = Some(Strace::attach(pid, &world.dir().join("strace.log"))?);
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        self.strace = None;
        let failures = Strace::failures(&world.dir().join("strace.log"));
        ensure!(failures > 0, "the daemon called no fsync: this fault was none");
        // It would succeed now, and would say nothing of what was lost.
        world.hold(SPOOLING)?;
        let latched = world.ledger.rejected_after(self.since).context("nothing was refused")?;
        let kept = world.ledger.count_after(latched, Outcome::is_kept);
        ensure!(kept == 0, "{kept} were kept after a failed fsync");
        world.daemon.stop()?;
        world.had_no_room(self.since);
        world.daemon.start()?;
        world.proxy.change(|weather| weather.closed = false);
        Ok(())
    }
}
