//! The processes of a run: one nats-server for all, the yardstick, forgewire.
//!
//! In: options and a directory. Out: running servers, each with its webhook address and its
//! stream. Everything listens on loopback and ends with the values here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use async_nats::jetstream::{self, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{self, Daemon, Memory};

/// First argument that makes this executable the yardstick.
pub(crate) const YARDSTICK: &str = "yardstick";
/// The secret of both servers; a constant, since nothing but loopback ever sees it.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) const FORGEWIRE: &str = env!("CARGO_BIN_EXE_forgewire");
const STREAM: &str = "BENCH";
/// Under valgrind a start takes long.
const START_LIMIT: Duration = Duration::from_secs(60);
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Forgewire's default.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// nats-server with JetStream on disk, and a connection to it.
pub(crate) struct Nats {
    pub(crate) url: String,
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    program: PathBuf,
    directory: PathBuf,
    address: SocketAddr,
    daemon: Daemon,
}

impl Nats {
    /// Starts `program` with its store in `directory`.
    pub(crate) async fn start(program: &Path, directory: &Path) -> Result<Self> {
        let [address] = process::free_addresses()?;
        let mut daemon = nats_server(program, directory, address)?;
        let url = format!("nats://{address}");
        let begun = Instant::now();
        let client = loop {
            match async_nats::connect(&url).await {
                Ok(client) => break client,
                Err(error) if begun.elapsed() > START_LIMIT => {
                    return Err(error).context("nats-server does not take connections");
                }
                Err(_) => daemon.check()?,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let jetstream = jetstream::new(client.clone());
        let (program, directory) = (program.to_owned(), directory.to_owned());
        Ok(Self { url, client, jetstream, program, directory, address, daemon })
    }

    /// Ends the process; what it stored stays.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.daemon.stop().await
    }

    /// Starts it where it was, with what it stored. Clients find it by themselves.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.daemon = nats_server(&self.program, &self.directory, self.address)?;
        Ok(())
    }
}

fn nats_server(program: &Path, directory: &Path, address: SocketAddr) -> Result<Daemon> {
    let mut command = process::leashed(program)?;
    command.args(["-js", "-a", "127.0.0.1", "-p"]).arg(address.port().to_string());
    command.arg("-sd").arg(directory.join("jetstream"));
    Daemon::start("nats-server", command, directory)
}

/// A server that takes webhooks, ready for load.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) stream: stream::Stream,
    jetstream: jetstream::Context,
    /// From the start of the process until `/readyz` said 200.
    pub(crate) ready: Duration,
    /// Before the first delivery.
    pub(crate) idle: Memory,
    pub(crate) daemon: Daemon,
}

impl Server {
    /// Starts a yardstick with a stream of its own, both named after `name`.
    pub(crate) async fn yardstick(
        name: &'static str,
        nats: &Nats,
        directory: &Path,
    ) -> Result<Self> {
        let prefix = name.replace(' ', "-");
        let stream = nats
            .jetstream
            .create_stream(stream::Config {
                name: prefix.to_uppercase(),
                subjects: vec![format!("{prefix}.>")],
                storage: stream::StorageType::File,
                duplicate_window: DUPLICATE_WINDOW,
                max_age: MAX_AGE,
                ..stream::Config::default()
            })
            .await
            .context("cannot create the yardstick's stream")?;
        let [address] = process::free_addresses()?;
        let own = std::env::current_exe()?;
        let mut command = process::leashed(&own)?;
        command.args([YARDSTICK, &address.to_string(), &nats.url, &format!("{prefix}.push")]);
        let begun = Instant::now();
        let mut daemon = Daemon::start(name, command, directory)?;
        let ready = wait_ready(&mut daemon, address, begun).await?;
        let idle = process::memory(daemon.pid())?;
        let jetstream = nats.jetstream.clone();
        Ok(Self { name, address, stream, jetstream, ready, idle, daemon })
    }

    /// Starts forgewire; it creates its stream itself. `settings` are given by its environment.
    pub(crate) async fn forgewire(
        nats: &Nats,
        directory: &Path,
        extra: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let command = process::leashed(Path::new(FORGEWIRE))?;
        Self::forgewire_by(command, nats, directory, extra, settings).await
    }

    /// The same by a command of one's own, to which its arguments are added.
    pub(crate) async fn forgewire_by(
        mut command: Command,
        nats: &Nats,
        directory: &Path,
        extra: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let name = "forgewire";
        let [address, admin] = process::free_addresses()?;
        let config = directory.join("forgewire.toml");
        let text = format!(
            "[http]\nlisten = \"{address}\"\n[admin]\nlisten = \"{admin}\"\n\
             [nats]\nservers = [\"{}\"]\n\
             [spool]\ndir = \"{}\"\n\
             [stream]\nname = \"{STREAM}\"\nsubject_prefix = \"bench\"\nduplicate_window = \"{}s\"\n\
             [sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n\
             [sources.bitbucket-dc]\nkind = \"bitbucket-dc\"\nsecret = \"{SECRET}\"\n{extra}\n",
            nats.url,
            directory.join("spool").display(),
            DUPLICATE_WINDOW.as_secs()
        );
        std::fs::write(&config, text)?;
        command.args(["serve", "--config"]).arg(&config);
        // What it keeps on disk stays within the run; what the caller's shell sets stays out.
        command.env("HOME", directory).env("XDG_STATE_HOME", directory);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("FORGEWIRE_") {
                command.env_remove(variable);
            }
        }
        command.envs(settings.iter().copied());
        let begun = Instant::now();
        let mut daemon = Daemon::start(name, command, directory)?;
        let ready = wait_ready(&mut daemon, admin, begun).await?;
        let idle = process::memory(daemon.pid())?;
        let stream = nats
            .jetstream
            .get_stream(STREAM)
            .await
            .context("forgewire is ready, but its stream is not there")?;
        require_equal_stream(&stream.cached_info().config)?;
        let jetstream = nats.jetstream.clone();
        Ok(Self { name, address, stream, jetstream, ready, idle, daemon })
    }

    /// Messages that the stream holds now.
    pub(crate) async fn stored(&self) -> Result<u64> {
        Ok(self.stream.get_info().await?.state.messages)
    }

    /// Takes everything out of the stream, and out of the bucket of what is too large for it.
    pub(crate) async fn empty(&self) -> Result<()> {
        self.stream.purge().await.context("cannot empty the stream")?;
        let name = &self.stream.cached_info().config.name;
        // The yardstick has none.
        if let Ok(bucket) = self.jetstream.get_stream(format!("OBJ_{name}_LARGE")).await {
            bucket.purge().await.context("cannot empty the bucket")?;
        }
        Ok(())
    }
}

/// A stream that promises less than the yardstick's would make the figures unfair.
fn require_equal_stream(config: &stream::Config) -> Result<()> {
    let same = config.storage == stream::StorageType::File
        && config.retention == stream::RetentionPolicy::Limits
        && config.num_replicas <= 1
        && !config.no_ack
        && config.max_age == MAX_AGE
        && config.duplicate_window == DUPLICATE_WINDOW;
    if !same {
        bail!("forgewire's stream differs from the yardstick's: {config:?}");
    }
    Ok(())
}

async fn wait_ready(daemon: &mut Daemon, address: SocketAddr, begun: Instant) -> Result<Duration> {
    while !is_ready(address).await.unwrap_or(false) {
        daemon.check()?;
        if begun.elapsed() > START_LIMIT {
            bail!("no 200 from http://{address}/readyz within {START_LIMIT:?}");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(begun.elapsed())
}

async fn is_ready(address: SocketAddr) -> Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(2), stream.read_to_string(&mut answer)).await??;
    // forgewire is ready before that, too, and stores in its spool then.
    Ok(answer.starts_with("HTTP/1.1 200") && !answer.contains("spool"))
}
