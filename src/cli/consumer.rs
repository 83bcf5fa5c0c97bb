//! `forgewire consumer`: the consumers that an administrator makes, so that subscribers need not be allowed to.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;

use super::REFUSED;
use super::nats_access::Access;
use super::permissions::filter;
use super::reach::{Place, connect, denied};
use super::serve::runtime;
use crate::config::{Config, Log, LogFormat};
use crate::jetstream::consumer::{Deliver, Made, Wanted, ensure};
use crate::permissions::ConsumerName;
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  forgewire consumer add ci --filter 'forge.gitea.acme.widgets.push.*.main'
  forgewire consumer add audit --filter 'forge.gitea.>' --deliver all --max-ack-pending 1 \\
          --nats tls://nats.example.com --creds admin.creds
  forgewire permissions subscriber --filter 'forge.gitea.>' --bind audit      what its user may then do

Without --nats and --stream it is made where the running `forgewire dev` has its stream; if none
runs, where the configuration says. Exit code 1: one of that name is there and differs; it is left
as it is, and each difference is said.";

/// Make the consumer that a subscriber reads by, as its administrator.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Consumer {
    /// Make a durable pull consumer; one that is there as it should be is left alone.
    Add(Box<Add>),
}

/// Make a durable pull consumer with explicit acknowledgements.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Add {
    /// Its name, 1 to 200 of A-Z a-z 0-9 _ -.
    #[arg(value_name = "NAME", value_parser = ConsumerName::parse)]
    name: ConsumerName,

    /// What it lets through: a filter with the prefix, as `forgewire subject encode --filter` prints it.
    #[arg(long, value_name = "FILTER")]
    filter: String,

    /// Where it begins.
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Begin::New)]
    deliver: Begin,

    /// After so long without a word from the subscriber a message is delivered again.
    #[arg(long, value_name = "AGE", default_value = "1m", value_parser = ack_wait)]
    ack_wait: Duration,

    /// Deliver a message at most so often.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max_deliver: u32,

    /// So many messages may be unacknowledged at once; 1 keeps strict order.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    max_ack_pending: u32,

    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    access: Access,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Begin {
    /// With what comes from now on.
    New,
    /// With the newest event of each subject.
    LastPerSubject,
    /// With everything that the stream holds.
    All,
}

impl From<Begin> for Deliver {
    fn from(begin: Begin) -> Self {
        match begin {
            Begin::New => Self::New,
            Begin::LastPerSubject => Self::LastPerSubject,
            Begin::All => Self::All,
        }
    }
}

impl Consumer {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add(add) => add.run(),
        }
    }
}

impl Add {
    fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.load(&self.access, "forgewire consumer")?;
        let wanted = Wanted {
            filter: filter(&config.stream.subject_prefix, &self.filter)?,
            name: self.name,
            deliver: self.deliver.into(),
            ack_wait: self.ack_wait,
            max_deliver: self.max_deliver,
            max_ack_pending: self.max_ack_pending,
        };
        telemetry::init(&Log { format: LogFormat::Human, filter: "warn".to_owned() });
        let made = runtime()?.block_on(make(&config, &wanted))?;
        let (name, stream) = (&wanted.name, &config.stream.name);
        match made {
            Made::Created => {
                writeln!(std::io::stdout(), "Consumer {name} of {stream} is made.")?;
            }
            Made::Already => {
                writeln!(
                    std::io::stdout(),
                    "Consumer {name} of {stream} is there already, as it should be."
                )?;
            }
            Made::Differs(differences) => {
                let mut err = std::io::stderr().lock();
                writeln!(
                    err,
                    "forgewire: consumer {name} of {stream} is another, and is left as it is:"
                )?;
                for one in differences {
                    writeln!(err, "  {} is {}, not {}", one.setting, one.found, one.wanted)?;
                }
                return Ok(ExitCode::from(REFUSED));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn make(config: &Config, wanted: &Wanted) -> anyhow::Result<Made> {
    let (jetstream, replies) = connect(config).await?;
    let made = tokio::select! {
        biased;
        denial = jetstream.denied(|_| true) => Err(denial),
        made = ensure(&jetstream, &config.stream.name, wanted) => Ok(made),
        () = replies => bail!("the connection ended"),
    };
    jetstream.drain().await;
    match made {
        Ok(made) => Ok(made?),
        Err(denial) => bail!(denied(&denial)),
    }
}

/// JetStream counts it in whole nanoseconds; zero would be the server's own default.
fn ack_wait(text: &str) -> Result<Duration, String> {
    let wait = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let good = (Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60)).contains(&wait);
    good.then_some(wait).ok_or_else(|| "must be from 1s to 1day".to_owned())
}
