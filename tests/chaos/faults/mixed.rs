//! Several faults at once.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum as _;

use super::{Fault, Kind, Place};
use crate::random::Random;
use crate::world::World;

/// Two or three faults, one beginning after the other, ending in the opposite order.
#[derive(Default)]
pub(super) struct Mixed {
    begun: Vec<Box<dyn Fault>>,
    pauses: Vec<Duration>,
}

impl Fault for Mixed {
    fn begin(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<()> {
        let mut kinds = Kind::value_variants().to_vec();
        kinds.retain(|kind| match kind.place() {
            Place::Alone => false,
            Place::Clock => world.has_clock(),
            _ => true,
        });
        random.shuffle(&mut kinds);
        let mut chosen: Vec<Kind> = Vec::new();
        let count = if random.below(2) == 0 { 2 } else { 3 };
        for kind in kinds {
            if chosen.len() < count && chosen.iter().all(|other| other.place() != kind.place()) {
                chosen.push(kind);
            }
        }
        // A server that is down cannot be told anything: such faults begin first, and end last.
        chosen.sort_by_key(|kind| kind.place() != Place::Stream);
        let names: Vec<_> = chosen.iter().map(|kind| kind.name()).collect();
        world.say(&names.join(" + "));
        for kind in chosen {
            let mut fault = kind.make();
            fault.begin(world, random)?;
            self.begun.push(fault);
            let pause = random.between(Duration::ZERO, world.lasts / 2);
            world.hold(pause)?;
            self.pauses.push(random.between(Duration::ZERO, world.lasts / 2));
        }
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        while let Some(mut fault) = self.begun.pop() {
            fault.end(world)?;
            if !self.begun.is_empty() {
                world.hold(self.pauses.pop().unwrap_or_default())?;
            }
        }
        self.pauses.clear();
        Ok(())
    }
}
