//! `forgewire spool drain`: publish what waits, and wait until nothing does.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::time::Instant;

use super::door::{Door, Where, unexpected};
use super::print::messages;
use crate::cli::signals::Signals;
use crate::cli::{REFUSED, UNFINISHED};
use crate::control::{Answer, Ask, Desk, Overview};
use crate::daemon::Drainer;
use crate::spool::Status;

/// How often it is looked how far it has come.
const LOOK: Duration = Duration::from_millis(100);
/// How often that is said, at most.
const SAY: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
A running daemon is told to try now, whatever failed before. Where none runs, this connects to NATS
by the configuration (--config, or --set nats.servers=URL), publishes, and ends; stream and object
store are left as they are. How far it has come goes to standard error.

Exit codes:
  0   nothing waits any more
  1   nothing waits any more, but JetStream will never take some of it: `forgewire spool dead list`
  75  something still waits";

/// Publish what waits now, and wait until nothing does.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Drain {
    /// How long to wait, for example `30s` or `5m`; without it, as long as it takes.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,

    /// Print an object at the end.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// What is asked how far it has come.
enum Publishing {
    Daemon(Door),
    Here(Desk),
}

impl Publishing {
    async fn status(&mut self, ask: Ask) -> anyhow::Result<Overview> {
        let answer = match self {
            Self::Daemon(door) => door.ask(ask).await?,
            Self::Here(desk) => desk.answer(ask).await,
        };
        match answer {
            Answer::Status(overview) => Ok(overview),
            _ => Err(unexpected()),
        }
    }
}

impl Drain {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.load()?;
        let mut signals = Signals::take().context("cannot take signals")?;
        let outcome = match Door::open(&config).await? {
            Door::Directory(spool) => {
                // Before anything is tried, and could be refused.
                let dead_before = spool.status().dead;
                let drainer = Drainer::start(config, &spool).await?;
                let Some(resume) = drainer.resume() else { bail!("nothing publishes the spool") };
                let desk = Desk::publishing(Arc::clone(&spool), resume);
                let outcome =
                    self.watch(&mut Publishing::Here(desk), dead_before, &mut signals).await;
                drainer.stop().await;
                spool.close().await;
                outcome?
            }
            door @ Door::Daemon(_) => {
                let mut daemon = Publishing::Daemon(door);
                let dead_before = daemon.status(Ask::Status).await?.spool.dead;
                self.watch(&mut daemon, dead_before, &mut signals).await?
            }
        };
        self.say(&outcome)
    }

    /// Asks for it, and waits until nothing waits, or for as long as is wanted.
    async fn watch(
        &self,
        publishing: &mut Publishing,
        dead_before: u64,
        signals: &mut Signals,
    ) -> anyhow::Result<Outcome> {
        let timeout = async {
            match self.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let mut outcome = Outcome { dead_before, now: publishing.status(Ask::Hurry).await? };
        tokio::select! {
            drained = outcome.follow(publishing) => drained?,
            () = timeout => {}
            () = signals.next() => {}
        }
        Ok(outcome)
    }

    fn say(&self, outcome: &Outcome) -> anyhow::Result<ExitCode> {
        let Status { waiting, dead, .. } = outcome.now.spool;
        let set_aside = dead.saturating_sub(outcome.dead_before);
        if self.json {
            let ended = json!({ "waiting": waiting, "set_aside": set_aside, "dead": dead });
            writeln!(io::stdout(), "{ended}")?;
        }
        let mut err = io::stderr().lock();
        if set_aside > 0 {
            writeln!(
                err,
                "JetStream refused {} for ever: see `forgewire spool dead list`.",
                messages(set_aside)
            )?;
        }
        if waiting > 0 {
            let why = match outcome.now.connected {
                Some(true) => "",
                _ => ", and NATS is not connected (nats.servers)",
            };
            writeln!(err, "forgewire: not all is published: {} left{why}", messages(waiting))?;
            return Ok(ExitCode::from(UNFINISHED));
        }
        writeln!(err, "Nothing waits in the spool any more.")?;
        Ok(if set_aside > 0 { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    }
}

/// How far it has come.
struct Outcome {
    dead_before: u64,
    now: Overview,
}

impl Outcome {
    /// Waits until nothing waits, and says now and then how much does.
    async fn follow(&mut self, publishing: &mut Publishing) -> anyhow::Result<()> {
        let (mut said, mut said_at) = (None, Instant::now());
        let mut look = tokio::time::interval(LOOK);
        while self.now.spool.waiting > 0 {
            let waiting = self.now.spool.waiting;
            if said.is_none_or(|said| said != waiting && said_at.elapsed() >= SAY) {
                writeln!(io::stderr(), "waiting: {}", messages(waiting))?;
                (said, said_at) = (Some(waiting), Instant::now());
            }
            look.tick().await;
            self.now = publishing.status(Ask::Status).await?;
        }
        Ok(())
    }
}
