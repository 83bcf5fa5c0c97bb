//! Faults of a cluster of three servers, the stream on all of them.

use anyhow::Result;

use super::Fault;
use crate::random::Random;
use crate::world::World;

/// The server that leads the stream is killed, and started again.
#[derive(Default)]
pub(super) struct Leader {
    killed: usize,
}

impl Fault for Leader {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        self.killed = world.leader()?;
        world.say(&format!("server {} leads, and is killed", self.killed));
        world.servers[self.killed].kill();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.servers[self.killed].restart();
        world.all_current()
    }
}

/// All are started again, one after the other, as an administrator upgrades them.
pub(super) struct Rolling;

impl Fault for Rolling {
    fn begin(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<()> {
        let mut order: Vec<_> = (0..world.servers.len()).collect();
        random.shuffle(&mut order);
        for server in order {
            world.servers[server].restart();
            world.all_current()?;
        }
        Ok(())
    }

    fn end(&mut self, _world: &mut World<'_>) -> Result<()> {
        Ok(())
    }
}
