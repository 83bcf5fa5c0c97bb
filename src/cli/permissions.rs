//! `forgewire permissions`: the rights of the daemon and of subscribers, for whoever configures the NATS server.
//!
//! The names of the daemon's configuration come in, text for a server or for `nsc` goes out. Nothing is connected to, and
//! no secret is read.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Usage;
use crate::config::{Config, Inputs, Names};
use crate::permissions::{ConsumerName, Identity, InvalidName, Place, Rights, nsc, server};
use crate::subject::Filter;

const EXAMPLES: &str = "\
Examples:
  forgewire permissions bridge --config /etc/forgewire/forgewire.toml
  forgewire permissions bridge --account FORGE            the whole accounts { … }
  forgewire permissions subscriber --filter 'forge.gitea.acme.widgets.push.*.main' --bind ci
  forgewire permissions subscriber --filter 'forge.gitea.>' --bind audit --large --format nsc

The text is an item of `users = [ … ]` in the configuration of nats-server; with --account it is the
whole `accounts { … }`. The password is a variable of the server, which does not start without it.
The same rights for `nsc` are a comment below it, or stand alone with --format nsc.";

/// Print the rights that the daemon and subscribers need at a NATS server, and no others.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Permissions {
    /// Print those of the daemon: publish, look after its stream and object store, hear replies.
    #[command(after_help = EXAMPLES)]
    Bridge(Bridge),
    /// Print those of a subscriber: read and acknowledge by one consumer that an administrator made.
    #[command(after_help = EXAMPLES)]
    Subscriber(Subscriber),
}

/// Print the rights of the daemon.
#[derive(Debug, clap::Args)]
pub(super) struct Bridge {
    #[command(flatten)]
    form: Form,
}

/// Print the rights of a subscriber.
///
/// They name no subject of events: messages come by the consumer, and its filter decides which. Who may make
/// consumers may read everything, so a subscriber may not.
#[derive(Debug, clap::Args)]
pub(super) struct Subscriber {
    /// What it shall read: a filter with the prefix, as `forgewire subject encode --filter` prints it.
    #[arg(long, value_name = "FILTER")]
    filter: String,

    /// Name of the consumer that it reads by; else one that is made of the filter.
    #[arg(long, value_name = "NAME", value_parser = ConsumerName::parse)]
    bind: Option<ConsumerName>,

    /// Also let it read events that are too large for a message: that is every object of the object
    /// store, whatever the filter.
    #[arg(long)]
    large: bool,

    #[command(flatten)]
    form: Form,
}

/// What is printed, and of which configuration.
#[derive(Debug, clap::Args)]
struct Form {
    /// Which text; both if nothing is said.
    #[arg(long, value_name = "FORM", value_enum)]
    format: Option<Format>,

    /// The whole account of this name around the user.
    #[arg(long, value_name = "NAME", value_parser = ConsumerName::parse)]
    account: Option<ConsumerName>,

    /// Name of the user; else the configuration's, `forgewire`, or the consumer's.
    #[arg(long, value_name = "NAME", value_parser = user)]
    user: Option<String>,

    /// Public key (U…) of the user's nkey, instead of a password.
    #[arg(long, value_name = "KEY")]
    nkey: Option<String>,

    /// Configuration file (TOML) of the daemon; without one the environment and the defaults count.
    #[arg(short, long, value_name = "FILE", env = "FORGEWIRE_CONFIG")]
    config: Option<PathBuf>,

    /// One setting above file and environment, for example `--set stream.name=CI`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// The configuration of nats-server.
    Server,
    /// A command line of nsc.
    Nsc,
}

impl Permissions {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Bridge(bridge) => bridge.run(),
            Self::Subscriber(subscriber) => subscriber.run(),
        }
    }
}

impl Bridge {
    fn run(self) -> anyhow::Result<ExitCode> {
        let names = self.form.names()?;
        let inbox = &names.inbox_prefix;
        let rights = place(&names)?.bridge(names.stream.manage, inbox).map_err(Usage::from)?;
        let notes = vec![
            "All that forgewire needs as it is configured, and no more.".to_owned(),
            format!("Replies to it come by nats.inbox_prefix = \"{inbox}\"."),
        ];
        if inbox == "_INBOX" {
            writeln!(
                std::io::stderr(),
                "warning: with nats.inbox_prefix = \"_INBOX\", which is what every client uses, it may hear \
                 the replies to others, and they to it: set one of its own, such as \"_INBOX_forgewire\""
            )?;
        }
        let user = names.user.as_deref().unwrap_or("forgewire");
        self.form.print(&rights, user, &notes)
    }
}

impl Subscriber {
    fn run(self) -> anyhow::Result<ExitCode> {
        let names = self.form.names()?;
        let filter = filter(&names.stream.subject_prefix, &self.filter)?;
        let name = self.bind.unwrap_or_else(|| ConsumerName::of(&filter));
        let rights = place(&names)?.subscriber(&name, self.large);
        let mut notes = vec![
            format!("Reads {filter} by the consumer {name}, which an administrator makes first:"),
            format!("  forgewire consumer add {name} --filter '{filter}'"),
            format!(
                "Its client must be told to hear replies by the inbox prefix {}.",
                name.inbox()
            ),
        ];
        if self.large {
            notes.push(
                "It may read every object of the object store, of other repositories too.".into(),
            );
        }
        self.form.print(&rights, name.as_str(), &notes)
    }
}

impl Form {
    fn names(&self) -> anyhow::Result<Names> {
        let mut inputs = Inputs::new().with_env(std::env::vars_os());
        if let Some(path) = &self.config {
            inputs = inputs.with_file(path);
        }
        let inputs = self.sets.iter().fold(inputs, |inputs, set| inputs.with_set(set));
        Ok(Config::names(&inputs)?)
    }

    fn print(&self, rights: &Rights, user: &str, notes: &[String]) -> anyhow::Result<ExitCode> {
        let user = self.user.as_deref().unwrap_or(user);
        let named = Identity::user(user)
            .map_err(|error| Usage(format!("user {user:?}: {error}; name another by --user")))?;
        // Not by clap, which would repeat what may be a seed.
        let nkey = self.nkey.as_deref().map(Identity::nkey).transpose();
        let nkey = nkey.map_err(|error| Usage(format!("--nkey {error}")))?;
        let identity = nkey.as_ref().unwrap_or(&named);
        let account = self.account.as_ref().map(ConsumerName::as_str);
        let nsc = nsc(rights, user, identity, account);
        let mut out = std::io::stdout().lock();
        if self.format == Some(Format::Nsc) {
            writeln!(out, "{nsc}")?;
            return Ok(ExitCode::SUCCESS);
        }
        for note in notes {
            writeln!(out, "# {note}")?;
        }
        write!(out, "{}", server(rights, identity, account))?;
        if self.format.is_none() {
            writeln!(out, "# The same where accounts are kept by nsc:\n# {nsc}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Takes a filter for what is published below this prefix.
pub(super) fn filter(prefix: &str, text: &str) -> Result<Filter, Usage> {
    Filter::parse(prefix, text).map_err(|error| Usage(format!("--filter {text:?}: {error}")))
}

fn place(names: &Names) -> Result<Place, Usage> {
    let Names { api_prefix, stream, .. } = names;
    let bucket = stream.bucket();
    Place::new(api_prefix, &stream.name, &stream.subject_prefix, &bucket).map_err(Usage::from)
}

impl From<InvalidName> for Usage {
    fn from(error: InvalidName) -> Self {
        Self(error.to_string())
    }
}

fn user(text: &str) -> Result<String, String> {
    Identity::user(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
