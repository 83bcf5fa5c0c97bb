//! `forgewire serve`: the daemon.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use super::Settings;
use super::signals::Signals;
use crate::config::Loaded;
use crate::daemon::Daemon;
use crate::facts;
use crate::listen::socket;
use crate::otlp::{self, Traces};
use crate::systemd::{Manager, Sockets};
use crate::telemetry;

/// Run the daemon until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reads the configuration anew.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: Settings,

    /// Let the configuration make the stream smaller than it is (ages, sizes, replicas).
    #[arg(long)]
    allow_shrink: bool,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let spared = spare_memory();
        let loaded = self.settings.load()?;
        let traces = otlp::env::of_process()?;
        telemetry::init(&loaded.config.log);
        if let Err(error) = spared {
            debug!(%error, "Cannot do without huge pages; more memory is taken than needed.");
        }
        // Before there is a second thread.
        let sockets = Sockets::of_environment()?;
        runtime()?.block_on(Traces::during(traces.as_ref(), self.serve(loaded, sockets)))
    }

    async fn serve(self, loaded: Loaded, sockets: Sockets) -> anyhow::Result<ExitCode> {
        let manager = Manager::of_environment().context("cannot start a thread")?;
        let Loaded { config, warnings } = loaded;
        // Before the ports are open: a signal that comes from then on stops us in order.
        let signals = Mutex::new(Signals::take().context("cannot take signals")?);
        let hangup = Signals::hangup().context("cannot take signals")?;
        warnings.iter().for_each(facts::configuration_warning);
        socket::raise_file_limit(config.http.max_connections);
        for source in config.sources.values() {
            info!(source = %source.name, kind = %source.kind, path = format!("/hooks/{}", source.name), "Source.");
            if source.danger_accept_unsigned {
                warn!(source = %source.name, "This source publishes deliveries that nobody signed (danger_accept_unsigned).");
            }
        }
        let starting = manager.starting();
        let mut daemon = Daemon::start_on(sockets, config, self.allow_shrink).await?;
        drop(starting);
        info!(hooks = %daemon.hooks_addr(), admin = %daemon.admin_addr(), "Listening.");
        manager.ready();
        let _following = manager.follow(daemon.health());
        daemon.reload_from(self.settings.inputs(), hangup, &manager);
        let mut stopping = None;
        let stop = async {
            signals.lock().await.next().await;
            stopping = Some(manager.stopping());
        };
        let hurry = async { signals.lock().await.next().await };
        daemon.run(stop, hurry).await?;
        info!("Stopped.");
        Ok(ExitCode::SUCCESS)
    }
}

/// Takes memory by the page, and not by two megabytes of which a kilobyte is used: with huge pages a daemon that has
/// nothing to do takes eight megabytes more, and is not faster under load.
fn spare_memory() -> rustix::io::Result<()> {
    rustix::thread::disable_transparent_huge_pages(true)
}

/// The runtime of the daemon. Work beside it (large bodies) gets as many threads as there are cores, so
/// that it cannot crowd out the rest.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(cores.max(2))
        .build()
        .context("cannot start the runtime")
}
