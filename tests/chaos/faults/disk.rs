//! Faults of the spool's disk. While NATS is there the spool has nothing to do, so NATS is away too.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Fault;
use crate::random::Random;
use crate::tools::{Strace, fill};
use crate::world::World;

/// So much is spooled before the disk makes trouble, and after it has stopped to.
const SPOOLING: Duration = Duration::from_millis(500);

/// The disk is full.
pub(super) struct Full;

impl Fault for Full {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.close_proxy();
        world.hold(SPOOLING)?;
        fill(&world.disk().join("filler"))
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        std::fs::remove_file(world.disk().join("filler"))?;
        world.hold(SPOOLING)?;
        world.proxy.change(|weather| weather.closed = false);
        Ok(())
    }
}

/// An fsync fails; then the daemon is started again, which it may ask for.
#[derive(Default)]
pub(super) struct Eio {
    strace: Option<Strace>,
}

impl Fault for Eio {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.close_proxy();
        world.hold(SPOOLING)?;
        let pid = world.daemon.pid().context("the daemon does not run")?;
        self.strace = Some(Strace::attach(pid, &world.dir().join("strace.log"))?);
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.kill_daemon();
        self.strace = None;
        let failures = Strace::failures(&world.dir().join("strace.log"));
        ensure!(failures > 0, "the daemon called no fsync: this fault was none");
        world.daemon.start()?;
        world.proxy.change(|weather| weather.closed = false);
        Ok(())
    }
}
