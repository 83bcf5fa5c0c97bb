//! The running daemon: what it is made of, and the order in which it starts and stops.
//!
//! In comes a [`Config`], out comes a [`Daemon`] whose ports are open; NATS may still be away. Every task
//! belongs to it: if one ends early, the daemon ends, and says so.

mod keeper;
mod reload;
mod sending;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::Signal;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::{Config, Http, Inputs};
use crate::control::{self, Desk};
use crate::facts;
use crate::health::Health;
use crate::ingress::{self, App, Gate};
use crate::jetstream::ConnectError;
use crate::listen::Limits;
use crate::listen::server::{Outcome, ServeError, Server};
use crate::listen::socket::{self, BindError, Listener};
use crate::listen::tls::Tls;
use crate::live::Live;
use crate::metrics;
use crate::spool::{OpenError, ReadError, Spool};
use crate::systemd::{Manager, Sockets};
use reload::Reloader;
pub use sending::Drainer;
use sending::Sending;

/// How long a request may take that is still being sent at the end of the drain, when others wait for our
/// successor: forges wait five seconds for an answer. What has been sent is answered sooner.
const SUCCESSOR_WAITS: Duration = Duration::from_secs(3);

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The NATS client could not be started.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The spool could not be opened.
    #[error("spool: {0}")]
    Spool(#[from] OpenError),
    /// What is in the spool could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Opening the spool ended by itself.
    #[error("opening the spool failed; this is a fault of forgewire")]
    Gone,
}

/// Why the daemon ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener ended by itself.
    #[error(transparent)]
    Listener(#[from] ServeError),
    /// A task ended by itself.
    #[error("the task for {0} ended by itself; this is a fault of forgewire")]
    Task(&'static str),
    /// The stop took too long, or was hurried.
    #[error("stopped with {connections} connections still open")]
    Unfinished {
        /// How many were cut.
        connections: usize,
    },
}

/// A running daemon. Dropping it ends everything at once.
pub struct Daemon {
    app: Arc<App>,
    hooks: Server,
    tls: Option<Arc<Tls>>,
    admin: Server,
    tasks: JoinSet<&'static str>,
    spool: Option<Arc<Spool>>,
    /// How many tasks publish what is in the spool.
    publishing: usize,
    /// The socket for webhooks was given to us, and who connects after us is served by our successor.
    activated: bool,
}

impl Daemon {
    /// Opens the ports and starts connecting to NATS.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the step and its operand, for example the address that is taken.
    pub async fn start(config: Config, allow_shrink: bool) -> Result<Self, StartError> {
        Self::start_on(Sockets::default(), config, allow_shrink).await
    }

    /// As [`Daemon::start`], on the sockets that there are already.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the step and its operand, for example the address that is taken.
    pub async fn start_on(
        sockets: Sockets,
        config: Config,
        allow_shrink: bool,
    ) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let activated = sockets.hooks.is_some();
        let hooks = open_port(sockets.hooks, "http.listen", config.http.listen)?;
        let admin = open_port(sockets.admin, "admin.listen", config.admin.listen)?;
        let spool = open_spool(&config).await?;
        let live = Live::new(Config::clone(&config));
        // Before anything of an earlier run is published.
        metrics::set_sources(live.counts());
        let Sending { outbox, health, mut tasks, publishing } =
            Sending::start(&config, spool.as_ref(), allow_shrink).await?;
        if let (Some(spool), Some(resume)) = (&spool, outbox.resume()) {
            open_control(&config, Desk::of_daemon(Arc::clone(spool), resume), &mut tasks);
        }
        let limits = limits(&config.http);
        let gate = Gate::new(&config.http);
        let tls = config.tls.clone().map(|identity| Arc::new(Tls::new(identity)));
        let live = ArcSwap::from_pointee(live);
        let app = Arc::new(App {
            live,
            gate,
            outbox,
            health: Arc::clone(&health),
            work: TaskTracker::new(),
        });
        tasks.spawn(beat(health));
        let service = ingress::Hooks(Arc::clone(&app));
        let hooks = match &tls {
            Some(tls) => Server::spawn_secured(hooks, Arc::clone(tls), service, limits),
            None => Server::spawn(hooks, service, limits),
        };
        let probes =
            ingress::Admin { app: Arc::clone(&app), refusals: hooks.refusals(), tls: tls.clone() };
        let admin = Server::spawn(admin, ingress::admin(probes), Limits::default());
        Ok(Self { app, hooks, tls, admin, tasks, spool, publishing, activated })
    }

    /// Address of the webhook listener, with the real port.
    #[must_use]
    pub fn hooks_addr(&self) -> SocketAddr {
        self.hooks.local_addr()
    }

    /// Address of the operators' listener, with the real port.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.local_addr()
    }

    /// From now on takes a newer configuration from `inputs` at every `hangup`, and when a file has changed that it
    /// names; `manager` hears of it.
    pub fn reload_from(&mut self, inputs: Inputs, hangup: Signal, manager: &Manager) {
        let (app, tls) = (Arc::clone(&self.app), self.tls.clone());
        let reloader = Reloader::new(app, tls, inputs, manager.clone());
        self.tasks.spawn(reloader.run(hangup));
    }

    /// Whether it can store.
    #[must_use]
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.app.health)
    }

    /// Waits until the stream has been seen to be usable.
    pub async fn ready(&self) {
        self.app.health.ready().await;
    }

    /// Runs until `stop` completes, then stops without losing a request; when `hurry` completes too, ends at
    /// once.
    ///
    /// # Errors
    ///
    /// [`RunError`] when something ended by itself, or the stop could not be finished.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let died = tokio::select! {
            () = stop => None,
            ended = self.hooks.join() => Some(ended.err().map_or(RunError::Task("webhooks"), RunError::from)),
            ended = self.admin.join() => Some(ended.err().map_or(RunError::Task("probes"), RunError::from)),
            ended = self.tasks.join_next() => Some(RunError::Task(name_of(ended.as_ref()))),
        };
        if died.is_none() {
            info!("Stopping: finishing what has been sent.");
        }
        let stopped = self.stop(hurry).await;
        match died {
            Some(error) => Err(error),
            None => stopped,
        }
    }

    async fn stop(mut self, hurry: impl Future<Output = ()>) -> Result<(), RunError> {
        let Http { drain, stop_timeout, .. } = self.app.live.load().config().http;
        self.app.health.stopping();
        let hard = self.hooks.hard_stop();
        let deadline = if self.activated {
            stop_timeout.min(drain.saturating_add(SUCCESSOR_WAITS))
        } else {
            stop_timeout
        };
        let shutdown = self.hooks.shutdown(drain, deadline);
        tokio::pin!(shutdown);
        let outcome = tokio::select! {
            outcome = &mut shutdown => outcome,
            () = hurry => {
                warn!("Stopping at once.");
                hard.cancel();
                shutdown.await
            }
        };
        // A listener that is dead already has nothing to finish.
        let connections = match outcome {
            Ok(Outcome::Aborted { connections }) => connections,
            Ok(Outcome::Finished) | Err(_) => 0,
        };
        if connections == 0 {
            self.app.work.close();
            // The connections are gone within the deadline, and what they left behind gets no longer.
            if tokio::time::timeout(stop_timeout, self.app.work.wait()).await.is_err() {
                warn!("Deliveries whose senders had left were not finished.");
            }
            self.app.outbox.stop();
            let published = sending::published(&mut self.tasks, self.publishing);
            // What is on its way is answered or not within the acknowledgement timeout.
            if tokio::time::timeout(stop_timeout, published).await.is_err() {
                warn!(
                    "What was being published from the spool is published again after the start."
                );
            }
            self.app.outbox.jetstream().drain().await;
        }
        // Who asks about the spool is answered until it is closed, and whoever comes then finds nobody.
        self.tasks.shutdown().await;
        if let Some(spool) = &self.spool {
            spool.close().await;
        }
        self.admin.abort();
        match connections {
            0 => Ok(()),
            connections => Err(RunError::Unfinished { connections }),
        }
    }
}

fn name_of(ended: Option<&Result<&'static str, tokio::task::JoinError>>) -> &'static str {
    match ended {
        Some(Ok(name)) => name,
        // A panic has been logged where it happened.
        Some(Err(_)) | None => "NATS",
    }
}

/// The socket that was given to us, or else a new one at the address of this key.
fn open_port(
    given: Option<std::net::TcpListener>,
    key: &'static str,
    addr: SocketAddr,
) -> Result<Listener, BindError> {
    let Some(given) = given else { return socket::bind(addr) };
    let listener = socket::adopt(given)?;
    facts::socket_taken_over(key, listener.local_addr());
    Ok(listener)
}

/// Shows `/livez` that the runtime works.
async fn beat(health: Arc<Health>) -> &'static str {
    health.pulse().keep().await;
    "liveness"
}

async fn open_spool(config: &Config) -> Result<Option<Arc<Spool>>, StartError> {
    if !config.spool.enabled {
        return Ok(None);
    }
    let (dir, max_bytes) = (config.spool.dir.clone(), config.spool.max_bytes);
    // All of it is looked through.
    let opened = tokio::task::spawn_blocking(move || Spool::open(&dir, max_bytes)).await;
    let opened = opened.map_err(|_panicked| StartError::Gone)?;
    Ok(Some(Arc::new(opened?)))
}

/// Opens the door for `forgewire spool`. Without it the daemon does its work all the same.
fn open_control(config: &Config, desk: Desk, tasks: &mut JoinSet<&'static str>) {
    match control::Server::bind(&config.spool.dir) {
        Ok(server) => drop(tasks.spawn(server.run(desk))),
        Err(error) => facts::no_control_socket(&config.spool.dir, &error),
    }
}

fn limits(http: &Http) -> Limits {
    Limits {
        max_header_bytes: http.max_header_bytes,
        header_timeout: http.header_timeout,
        body_timeout: http.body_timeout,
        idle_timeout: http.idle_timeout,
        max_body_bytes: http.max_body_bytes as u64,
        max_connections: http.max_connections,
        max_connections_per_client: http.max_connections_per_client,
        proxies: http.trusted_proxies.clone(),
        max_buffered_bytes: http.max_buffered_bytes,
    }
}
