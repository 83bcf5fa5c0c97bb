//! Faults between the daemon and NATS.

use std::time::Duration;

use anyhow::Result;

use super::Fault;
use crate::random::Random;
use crate::world::World;

/// All connections are cut, and new ones closed.
pub(super) struct Cut;

impl Fault for Cut {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.close_proxy();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.proxy.change(|weather| weather.closed = false);
        Ok(())
    }
}

/// Everything arrives later.
pub(super) struct Delay;

impl Fault for Delay {
    fn begin(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<()> {
        let delay = random.between(Duration::from_millis(10), Duration::from_millis(900));
        world.say(&format!("a delay of {delay:?} each way"));
        world.proxy.change(|weather| weather.delay = delay);
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.proxy.change(|weather| weather.delay = Duration::ZERO);
        Ok(())
    }
}

/// The daemon's direction is closed on every connection, at the beginning and at the end.
pub(super) struct HalfClose;

impl Fault for HalfClose {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.proxy.half_close();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.proxy.half_close();
        Ok(())
    }
}

/// Nothing that the server says arrives; then the connections are cut, for the rest would make no sense.
pub(super) struct SwallowAcks;

impl Fault for SwallowAcks {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.proxy.change(|weather| weather.swallow = true);
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.close_proxy();
        world.proxy.change(|weather| (weather.closed, weather.swallow) = (false, false));
        Ok(())
    }
}
