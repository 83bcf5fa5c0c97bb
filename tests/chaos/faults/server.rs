//! Faults of a single nats-server.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Fault;
use crate::random::Random;
use crate::world::World;

/// Killed, and started again.
pub(super) struct Kill;

impl Fault for Kill {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.servers[0].kill();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.start_server()
    }
}

/// Stopped: connections stay open, and nothing answers.
pub(super) struct Stop;

impl Fault for Stop {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.servers[0].freeze();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.servers[0].thaw();
        Ok(())
    }
}

/// Killed, and then so slow that it takes seconds to start.
#[derive(Default)]
pub(super) struct SlowStart {
    lasts: Duration,
}

impl Fault for SlowStart {
    fn begin(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<()> {
        self.lasts = random.around(world.lasts);
        world.servers[0].kill();
        Ok(())
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        let server = &mut world.servers[0];
        server.launch();
        let began = Instant::now();
        // A tenth of a processor.
        while began.elapsed() < self.lasts {
            std::thread::sleep(Duration::from_millis(10));
            server.freeze();
            std::thread::sleep(Duration::from_millis(90));
            server.thaw();
        }
        server.wait();
        Ok(())
    }
}

/// Its store is put back to what it was when the fault began: the server forgets what came since.
#[derive(Default)]
pub(super) struct Rollback {
    last: u64,
}

impl Fault for Rollback {
    fn begin(&mut self, world: &mut World<'_>, _random: &mut Random) -> Result<()> {
        world.close_proxy();
        self.last = world.last_sequence()?;
        world.servers[0].stop();
        let dir = world.servers[0].dir.path().to_owned();
        copy(&dir.join("store"), &dir.join("older"))?;
        world.start_server()
    }

    fn end(&mut self, world: &mut World<'_>) -> Result<()> {
        world.close_proxy();
        world.forget_after(self.last)?;
        world.servers[0].stop();
        let dir = world.servers[0].dir.path().to_owned();
        std::fs::remove_dir_all(dir.join("store"))?;
        std::fs::rename(dir.join("older"), dir.join("store"))?;
        world.start_server()
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(status.success(), "cannot copy the server's store");
    Ok(())
}
