//! The scenario `start`: from the start of a process to its being ready, and what it holds before anything comes.
//!
//! In: a workload, of which only the rounds count. Out: per server the times and the memory. NATS is up.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::figures::aims::{self, Verdict};
use crate::figures::{Spread, as_f64};
use crate::options::{Only, Workload};
use crate::process;
use crate::run::World;
use crate::servers::Server;

/// What a process may still do after it has become ready, before its memory is looked at.
const SETTLE: Duration = Duration::from_millis(200);

/// All starts.
#[derive(Debug, Serialize)]
pub(crate) struct StartResult {
    pub(crate) workload: Workload,
    pub(crate) servers: Vec<Started>,
}

/// All starts of one server.
#[derive(Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) server: &'static str,
    pub(crate) ready_ms: Spread,
    pub(crate) idle_kib: Spread,
}

impl StartResult {
    /// Judges forgewire's medians.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let own = self.servers.iter().find(|started| started.server == "forgewire");
        own.map(|own| aims::start(own.ready_ms.median, own.idle_kib.median))
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Starts and ends every server in turn.
///
/// # Errors
///
/// When one does not become ready.
pub(crate) async fn run(world: &World<'_>, workload: Workload) -> Result<StartResult> {
    let mut yardstick = Vec::new();
    let mut forgewire = Vec::new();
    for number in 1..=workload.rounds {
        if world.options.only != Some(Only::Forgewire) {
            let name = "yardstick started";
            let folder = world.directory.join(format!("{name}-{number}"));
            std::fs::create_dir(&folder).context("cannot make a directory for a start")?;
            yardstick.push(look(Server::yardstick(name, world.nats, &folder).await?).await?);
        }
        if world.options.only != Some(Only::Yardstick) && !world.options.self_test {
            let server = world.forgewire(&format!("start-{number}"), "", &[]).await?;
            forgewire.push(look(server).await?);
        }
        (world.progress)(&format!("start {number}/{}", workload.rounds));
    }
    let servers = [("yardstick", yardstick), ("forgewire", forgewire)];
    let servers = servers.into_iter().filter_map(|(server, looks)| Started::of(server, &looks));
    Ok(StartResult { workload, servers: servers.collect() })
}

struct Look {
    ready_ms: f64,
    idle_kib: f64,
}

async fn look(mut server: Server) -> Result<Look> {
    tokio::time::sleep(SETTLE).await;
    let memory = process::memory(server.daemon.pid())?;
    server.daemon.stop().await?;
    Ok(Look { ready_ms: server.ready.as_secs_f64() * 1e3, idle_kib: as_f64(memory.resident_kib) })
}

impl Started {
    fn of(server: &'static str, looks: &[Look]) -> Option<Self> {
        let ready_ms = Spread::of(looks.iter().map(|look| look.ready_ms))?;
        let idle_kib = Spread::of(looks.iter().map(|look| look.idle_kib))?;
        Some(Self { server, ready_ms, idle_kib })
    }
}
