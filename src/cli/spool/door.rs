//! Where the spool is, and the way to it: through the daemon that has it open, or by opening it.
//!
//! In come the options, out comes a [`Door`] that answers questions.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::time::Instant;

use crate::config::{Config, Inputs};
use crate::control::{Answer, Ask, Client, Desk, SOCKET};
use crate::dev_state::DevState;
use crate::spool::{OpenError, Spool};

/// How long a daemon may have the directory without answering: it does while it starts and when it ends.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Where the spool is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where it is")]
pub(super) struct Where {
    /// Directory of the spool (spool.dir).
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Configuration file (TOML) of the daemon, whose `[spool]` to use.
    #[arg(short, long, value_name = "FILE", env = "FORGEWIRE_CONFIG")]
    config: Option<PathBuf>,

    /// One setting above file and environment, for example `--set spool.dir=/srv/forgewire`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

impl Where {
    /// The configuration of the daemon whose spool it is. Without any option it is that of a running
    /// `forgewire dev`, as far as it is needed here.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let is_said = self.dir.is_some() || self.config.is_some() || !self.sets.is_empty();
        let dev = if is_said { None } else { DevState::running() };
        if let Some(dev) = dev.filter(|dev| !dev.spool.as_os_str().is_empty()) {
            let mut config = Config::load(&Inputs::new())?.config;
            config.spool.dir = dev.spool;
            return Ok(config);
        }
        let mut inputs = Inputs::new().with_env(std::env::vars_os());
        if let Some(path) = &self.config {
            inputs = inputs.with_file(path);
        }
        let inputs = self.sets.iter().fold(inputs, |inputs, set| inputs.with_set(set));
        let mut config = Config::load(&inputs)?.config;
        match &self.dir {
            Some(dir) => config.spool.dir.clone_from(dir),
            None if !config.spool.enabled => {
                bail!(
                    "this configuration has no spool (spool.enabled = false): name one with --dir"
                )
            }
            None => {}
        }
        Ok(config)
    }
}

/// The way to a spool.
pub(super) enum Door {
    /// Through the daemon.
    Daemon(Client),
    /// No daemon has it.
    Directory(Arc<Spool>),
}

impl Door {
    /// Finds the way to the spool of a configuration. Nothing is made where there is none.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let dir = &config.spool.dir;
        let is_there = Spool::database(dir).try_exists();
        if !is_there.with_context(|| format!("cannot look into {}", dir.display()))? {
            bail!("there is no spool in {}: say where it is with --dir or --config", dir.display());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Client::connect(dir).await {
                Ok(client) => return Ok(Self::Daemon(client)),
                // Nobody listens, or a daemon that was killed did.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::NotFound | ErrorKind::ConnectionRefused
                    ) => {}
                Err(error) => {
                    let socket = dir.join(SOCKET);
                    return Err(error)
                        .with_context(|| format!("cannot connect to {}", socket.display()));
                }
            }
            match open(dir, config.spool.max_bytes).await? {
                Ok(spool) => return Ok(Self::Directory(Arc::new(spool))),
                Err(OpenError::Locked { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(OpenError::Locked { path, pid }) => return Err(locked(&path, pid)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&mut self, ask: Ask) -> anyhow::Result<Answer> {
        let answer = match self {
            Self::Daemon(client) => client.ask(&ask).await?,
            Self::Directory(spool) => Desk::new(Arc::clone(spool)).answer(ask).await,
        };
        match answer {
            Answer::Failed(reason) => bail!("{reason}"),
            answer => Ok(answer),
        }
    }

    /// Closes what was opened.
    pub(super) async fn close(self) {
        if let Self::Directory(spool) = self {
            spool.close().await;
        }
    }
}

/// An answer to another question.
pub(super) fn unexpected() -> anyhow::Error {
    anyhow!("the daemon answers something else than it was asked: use the forgewire that it runs")
}

async fn open(dir: &Path, max_bytes: u64) -> anyhow::Result<Result<Spool, OpenError>> {
    let dir = dir.to_owned();
    // All of it is looked through.
    let opened = tokio::task::spawn_blocking(move || Spool::open(&dir, max_bytes)).await;
    opened.context("opening the spool failed")
}

fn locked(path: &Path, pid: Option<u32>) -> anyhow::Error {
    let by = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    anyhow!(
        "{} is in use by {by}, and nobody answers at its {SOCKET}: if that is a daemon which starts, stops or has \
         much to look through, or another `forgewire spool`, try again later; else see its log for why it has \
         no control socket, or stop it",
        path.display()
    )
}
