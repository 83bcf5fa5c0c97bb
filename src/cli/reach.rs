//! Where the events are, for a command that connects to NATS: flags, a running `forgewire dev`, or the daemon's configuration.
//!
//! In come flags and the environment, out come a [`Config`] and the connection that it describes, or why there is none.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use super::nats_access::Access;
use crate::config::{Config, Inputs};
use crate::dev_state::DevState;
use crate::jetstream::{Denial, JetStream, Link, Operation};

/// How long to wait for the first connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the events are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where they are")]
pub(super) struct Place {
    /// URL of a NATS server; repeat it for the servers of a cluster.
    #[arg(long = "nats", value_name = "URL")]
    servers: Vec<String>,

    /// Stream that holds the events.
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,

    /// First tokens of every subject.
    #[arg(long, value_name = "TOKENS")]
    prefix: Option<String>,

    /// Configuration file (TOML) of the daemon, whose `[nats]` and `[stream]` to use.
    #[arg(short, long, value_name = "FILE", env = "FORGEWIRE_CONFIG")]
    config: Option<PathBuf>,
}

/// Connects, and gives up when nothing answers: here somebody waits for the first line. Why nothing does is logged.
/// Beside the connection comes the work of hearing replies, which whoever asks something must run.
pub(super) async fn connect(
    config: &Config,
) -> anyhow::Result<(JetStream, impl Future<Output = ()> + Send + use<>)> {
    let (jetstream, replies) = JetStream::start(&config.nats).await?;
    let mut link = jetstream.link();
    let up = link.wait_for(|link| matches!(link, Link::Up(_)));
    if !matches!(tokio::time::timeout(PATIENCE, up).await, Ok(Ok(_))) {
        bail!(
            "no NATS server took us within {} at {}: start `forgewire dev`, or name yours with --nats or --config, and who you are with --creds",
            humantime::format_duration(PATIENCE),
            config.nats.servers.join(", "),
        );
    }
    Ok((jetstream, replies))
}

impl Place {
    /// Flags go above a running `forgewire dev`, unless a configuration file is named, and that above
    /// file and environment. The variables of the `nats` command count where neither says where NATS is.
    /// `name` is what the server shows for the connection.
    pub(super) fn load(&self, access: &Access, name: &'static str) -> anyhow::Result<Config> {
        let dev = if self.config.is_none() { DevState::running() } else { None };
        let mut inputs = Inputs::new();
        if dev.is_none() {
            inputs = inputs.with_env(std::env::vars_os());
        }
        if let Some(path) = &self.config {
            inputs = inputs.with_file(path);
        }
        let (nats, stream, prefix) = match dev {
            Some(dev) => (vec![dev.nats], Some(dev.stream), Some(dev.subject_prefix)),
            None => (Vec::new(), None, None),
        };
        let of_dev = self.servers.is_empty() && !nats.is_empty();
        let urls = if self.servers.is_empty() { &nats } else { &self.servers };
        let ours = |(name, _): (std::ffi::OsString, _)| {
            name.to_str().is_some_and(|name| name.starts_with("FORGEWIRE_NATS__"))
        };
        let said = of_dev || self.config.is_some() || std::env::vars_os().any(ours);
        inputs = access.onto(inputs, urls, !said)?;
        for (key, value, flag) in [
            ("stream.name", self.stream.clone().or(stream), "--stream"),
            ("stream.subject_prefix", self.prefix.clone().or(prefix), "--prefix"),
        ] {
            if let Some(value) = value {
                inputs = inputs.with_flag(key, value, flag);
            }
        }
        Ok(Config::load(&inputs.with_flag("nats.name", name, "the command"))?.config)
    }
}

/// What to do about a permission that the server denies.
pub(super) fn denied(Denial { operation, subject }: &Denial) -> String {
    let (to, or) = match operation {
        Operation::Publish => ("publish to", ""),
        Operation::Subscribe => ("subscribe to", ", or name what it may by --inbox-prefix"),
    };
    format!("NATS denies the permission to {to} {subject}: allow it to your user{or}")
}
