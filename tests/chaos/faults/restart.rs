//! No faults at all: restarts as an operator makes them, of which no sender may notice anything.

use std::time::Duration;

use anyhow::Result;

use super::Fault;
use crate::random::Random;
use crate::world::World;

/// Stopped and started again at once, on a socket that stays open: `systemctl restart`.
pub(super) struct Restart;

impl Fault for Restart {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.daemon.stop()?;
        world.daemon.start()
    }

    fn end(&mut self, _world: &mut World<'_>) -> Result<()> {
        Ok(())
    }
}

/// Each daemon behind the balancer is stopped and started again, one after the other.
pub(super) struct Roll;

impl Fault for Roll {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        for daemon in world.daemons() {
            daemon.stop()?;
            daemon.start()?;
        }
        Ok(())
    }

    fn end(&mut self, _world: &mut World<'_>) -> Result<()> {
        Ok(())
    }
}

/// The program of before fills its spool, and its successor is another program.
pub(super) struct Upgrade {
    killed: bool,
    since: Duration,
}

impl Upgrade {
    pub(super) fn new(killed: bool) -> Self {
        Self { killed, since: Duration::ZERO }
    }
}

impl Fault for Upgrade {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        self.since = world.ledger.now();
        world.servers[0].kill();
        let since = self.since;
        world.until("the spool is full", |world| world.ledger.rejected_after(since).is_some())?;
        if self.killed {
            world.kill_daemon();
        } else {
            world.daemon.stop()?;
        }
        world.daemon.becomes_this_one();
        world.daemon.start()
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.start_server()?;
        // Once the first are published there is room again.
        world.emptied_soon()?;
        world.had_no_room(self.since);
        Ok(())
    }
}
