//! `forgewire dev`: everything in one process and its child, for trying.
//!
//! Options come in. A NATS server of its own (`nats`) in a directory that is this run's alone (`place`), the
//! daemon with a source per kind, `dev.json` for the other commands, and every event on standard output go
//! out. What it started does not outlive it, however it ends (`leash`).

mod banner;
mod leash;
mod nats;
mod place;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub(super) use self::leash::{LEASH, Leash};
use self::nats::Server;
use self::place::Place;
use super::nats_url;
use super::serve::runtime;
use super::signals::Signals;
use crate::config::{Config, Inputs, Nats};
use crate::daemon::Daemon;
use crate::dev_state::{DevSource, DevState};
use crate::jetstream::JetStream;
use crate::listen::socket;
use crate::tail::{self, End, Follow, Start};
use crate::telemetry;

/// How long NATS, and then the stream, may take to be usable.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far back the printed events begin: before the ports were opened, so that none is missed.
const LOOK_BACK: Duration = Duration::from_secs(1);
/// How far apart two signs of one fault may be.
const SAME_MOMENT: Duration = Duration::from_millis(500);
/// How long the last line may take to be written once everything else has ended.
const LONGEST_LINE: Duration = Duration::from_secs(1);

/// Run everything in one, for trying: NATS, the daemon, a source per kind; print what arrives.
///
/// Secrets and events are kept between runs, so a forge that was pointed at it stays valid.
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// Address of the webhook listener; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Address of the operators' listener; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8081")]
    admin_listen: SocketAddr,

    /// Use this NATS server instead of one of its own.
    #[arg(long, value_name = "URL", conflicts_with_all = ["nats_server", "nats_port"])]
    nats: Option<String>,

    /// The nats-server to start; otherwise the one in PATH.
    #[arg(long, value_name = "PROGRAM")]
    nats_server: Option<PathBuf>,

    /// Port of its own NATS server, on 127.0.0.1; otherwise a free one.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    nats_port: Option<u16>,

    /// Keep nothing: events and secrets are gone at the end.
    #[arg(long)]
    ephemeral: bool,

    /// What is logged, for example `info,forgewire=debug`.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log_filter: String,
}

/// Why a run ends.
enum Why {
    /// A signal, or nobody reads standard output any more.
    Asked,
    /// Something that it needs is gone.
    Failed(anyhow::Error),
    /// The daemon ended by itself and says why.
    Daemon,
}

impl Dev {
    /// Runs it from the main thread, which lasts as long as the process: Linux ends the child with the
    /// thread that started it.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let place = Place::take(self.ephemeral)?;
        let server = match self.nats {
            Some(_) => None,
            None => Some(Server::start(self.nats_server.as_deref(), self.nats_port, &place)?),
        };
        let runtime = runtime()?;
        let outcome = runtime.block_on(self.serve(&place, server));
        // A reader that has stopped reading, without going away, must not keep us.
        runtime.shutdown_timeout(LONGEST_LINE);
        outcome?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(&self, place: &Place, mut server: Option<Server>) -> anyhow::Result<()> {
        // Before anything is open: from here on a signal stops us in order.
        let signals = Mutex::new(Signals::take().context("cannot take signals")?);
        let interrupted = async { signals.lock().await.next().await };
        let outcome = tokio::select! {
            ready = self.start(place, server.as_mut()) => ready.map(Some),
            () = interrupted => Ok(None),
        };
        let outcome = match outcome {
            Ok(Some((daemon, state, nats))) => {
                let followed = follow(daemon, (&state, &nats), server.as_mut(), &signals);
                let outcome = Box::pin(followed).await;
                place::withdraw(&state);
                outcome
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Some(server) = server {
            server.stop().await;
        }
        outcome
    }

    /// Starts NATS and daemon, and says so in `dev.json`.
    async fn start(
        &self,
        place: &Place,
        mut server: Option<&mut Server>,
    ) -> anyhow::Result<(Daemon, DevState, Nats)> {
        let nats = match (&self.nats, server.as_deref_mut()) {
            (_, Some(server)) => server.ready(PATIENCE).await?,
            (Some(url), None) => url.clone(),
            (None, None) => return Err(anyhow!("there is no NATS server to use")),
        };
        let sources = place.sources()?;
        let config = self.config(&nats, &sources, &place.path("spool"))?;
        telemetry::init(&config.log);
        socket::raise_file_limit(config.http.max_connections);
        let (stream, subject_prefix) =
            (config.stream.name.clone(), config.stream.subject_prefix.clone());
        let connection = Nats { name: "forgewire dev, printing".to_owned(), ..config.nats.clone() };
        let daemon = Daemon::start(config, false).await?;
        tokio::select! {
            () = daemon.ready() => {}
            error = died(server.as_deref_mut()) => return Err(error),
            () = tokio::time::sleep(PATIENCE) => return Err(self.not_ready(&nats, server.as_deref())),
        }
        let state = DevState {
            pid: std::process::id(),
            hooks: format!("http://{}", reachable(daemon.hooks_addr())),
            admin: format!("http://{}", reachable(daemon.admin_addr())),
            nats,
            stream,
            subject_prefix,
            spool: place.path("spool"),
            sources,
        };
        place.announce(&state)?;
        Ok((daemon, state, connection))
    }

    fn config(&self, nats: &str, sources: &[DevSource], spool: &Path) -> anyhow::Result<Config> {
        let utf8 = |path: &Path| {
            let text = path.to_str().map(str::to_owned);
            text.context("the state directory's path must be UTF-8")
        };
        let mut inputs = Inputs::new()
            .with_flag("http.listen", self.listen.to_string(), "--listen")
            .with_flag("http.drain", "200ms", "dev")
            .with_flag("admin.listen", self.admin_listen.to_string(), "--admin-listen")
            .with_flag("nats.name", "forgewire dev", "dev")
            .with_flag("spool.dir", utf8(spool)?, "dev")
            .with_flag("log.filter", &*self.log_filter, "--log-filter");
        for (key, value) in nats_url::settings(&[nats])? {
            inputs = inputs.with_flag(key, &*value, "--nats");
        }
        for source in sources {
            let key = |name: &str| format!("sources.{}.{name}", source.name);
            inputs = inputs
                .with_flag(&key("kind"), &*source.kind, "dev")
                .with_flag(&key("secret_file"), utf8(&source.secret_file)?, "dev")
                .with_flag(&key("accept_get"), "true", "dev");
        }
        Ok(Config::load(&inputs)?.config)
    }

    fn not_ready(&self, nats: &str, server: Option<&Server>) -> anyhow::Error {
        match (&self.nats, server) {
            (_, Some(server)) => server.failed("JetStream was not usable in time"),
            _ => anyhow!(
                "JetStream at {} was not usable within {} s: is a nats-server with JetStream (-js) there?",
                nats_url::without_user(nats),
                PATIENCE.as_secs()
            ),
        }
    }
}

/// Prints events until something ends the run; then the daemon is stopped in order.
async fn follow(
    daemon: Daemon,
    (state, nats): (&DevState, &Nats),
    mut server: Option<&mut Server>,
    signals: &Mutex<Signals>,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let why = async {
        let why = tokio::select! {
            () = async { signals.lock().await.next().await } => Why::Asked,
            error = died(server.as_deref_mut()) => Why::Failed(error),
            printed = print(state, nats, stop.cancelled()) => match printed {
                Ok(()) => Why::Asked,
                Err(error) => Why::Failed(error),
            },
            () = stop.cancelled() => Why::Daemon,
        };
        let why = match why {
            // A server that ends is first seen as a broken connection.
            Why::Failed(error) => {
                let end = tokio::time::timeout(SAME_MOMENT, died(server)).await;
                Why::Failed(end.unwrap_or(error))
            }
            why => why,
        };
        stop.cancel();
        why
    };
    let run = async {
        // Beside a run that ends for a signal, a second signal is the one that hurries.
        let hurry = async {
            stop.cancelled().await;
            signals.lock().await.next().await;
        };
        let ran = daemon.run(stop.cancelled(), hurry).await;
        stop.cancel();
        ran
    };
    let (why, ran) = tokio::join!(why, run);
    match why {
        Why::Failed(error) => Err(error),
        Why::Asked | Why::Daemon => Ok(ran?),
    }
}

async fn print(
    state: &DevState,
    nats: &Nats,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    match banner::print(state) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        printed => printed.context("cannot write to standard output")?,
    }
    let (jetstream, _acknowledgements) = JetStream::start(nats).await?;
    let follow = Follow {
        api_prefix: nats.api_prefix.clone(),
        stream: state.stream.clone(),
        prefix: state.subject_prefix.clone(),
        subject: format!("{}.>", state.subject_prefix),
        start: Start::Since(LOOK_BACK),
        style: banner::style(),
    };
    let ended = tail::follow(jetstream.client(), &follow, stop).await;
    // Announced like this, the end of the connection is not reported as a loss.
    jetstream.drain().await;
    match ended? {
        End::PipeClosed | End::Stopped => Ok(()),
    }
}

/// Waits for the end of the NATS server, if it is ours.
async fn died(server: Option<&mut Server>) -> anyhow::Error {
    match server {
        Some(server) => server.died().await,
        None => std::future::pending().await,
    }
}

/// Where a listener can be reached from this machine: one that listens everywhere, on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()).to_string(), "127.0.0.1:80");
        assert_eq!(reachable("[::]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(reachable("192.0.2.1:80".parse().unwrap()).to_string(), "192.0.2.1:80");
    }
}
