//! Faults of the daemon's own process.

use anyhow::Result;

use super::Fault;
use crate::random::Random;
use crate::world::World;

/// Killed, and started again.
pub(super) struct Kill;

impl Fault for Kill {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.kill_daemon();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.daemon.start()
    }
}

/// Asked to stop, and started again.
pub(super) struct Term;

impl Fault for Term {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.daemon.stop()
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.daemon.start()
    }
}

/// Its wall clock jumps, and jumps back.
pub(super) struct Clock;

impl Fault for Clock {
    fn begin(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<()> {
        let jumps = ["+3s", "-3s", "+61m", "-61m", "+400d", "-400d"];
        let jump = jumps[usize::try_from(random.below(jumps.len() as u64))?];
        world.say(&format!("the clock jumps by {jump}"));
        world.set_clock(jump)
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.set_clock("+0")
    }
}
