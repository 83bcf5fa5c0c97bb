//! `forgewire spool`: what is acknowledged to forges and not yet by JetStream.
//!
//! Each command asks through the same door (`door`): the running daemon, or the directory where none runs.

mod dead;
mod door;
mod drain;
mod print;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::bail;

use self::door::{Door, Where, unexpected};
use super::serve::runtime;
use crate::config::{Config, Log, LogFormat};
use crate::control::{Answer, Ask};
use crate::otlp::{self, Traces};
use crate::spool::RowId;
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  forgewire spool status                    how much waits, since when, on how much disk
  forgewire spool list --limit 20           the 20 that are published next, by row
  forgewire spool list --lane gitea:42      those of one repository, in order
  forgewire spool show 17                   one message: headers, subject, body
  forgewire spool drain --timeout 1m        publish now, and wait until nothing waits any more
  forgewire spool dead list                 what JetStream will never take as it is, with the reason
  forgewire spool dead retry --all          publish it all the same, once the reason is gone

While a daemon runs it is asked, through control.sock in the spool's directory: as its user, or as
root. Where none runs the directory itself is opened, and no daemon can start until the command has
ended. Without --dir, --config and --set the directory is that of the running `forgewire dev`; if
none runs, that of the configuration.";

/// Look into the spool: what forges were told is kept, and JetStream has not acknowledged yet.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Spool {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print how the spool is doing: what waits, since when, and how much disk it takes.
    Status(Status),
    /// Print the messages that wait, by row.
    List(List),
    /// Print one message: what is known of it, its headers, its body.
    Show(Show),
    /// Publish what waits now, and wait until nothing does.
    Drain(drain::Drain),
    /// Dead letters: what JetStream will never take as it is.
    #[command(subcommand)]
    Dead(dead::Dead),
}

/// Print how the spool is doing: what waits, since when, and how much disk it takes.
#[derive(Debug, clap::Args)]
struct Status {
    /// Print an object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// Print the messages that wait, by row.
///
/// Within a lane (a repository, or a source where a message is of none) rows are the order in which they are
/// published; lanes do not wait for each other. Control characters are shown, not obeyed.
#[derive(Debug, clap::Args)]
struct List {
    /// Only of this lane, for example `gitea:42`.
    #[arg(long, value_name = "LANE")]
    lane: Option<String>,

    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Print an array of objects.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// Print one message: what is known of it, its headers, its body.
///
/// Control characters are shown, not obeyed; with --json everything is as it is published.
#[derive(Debug, clap::Args)]
struct Show {
    /// Its row, as `list` prints it.
    row: RowId,

    /// Print an object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

impl Spool {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::init(&Log { format: LogFormat::Human, filter: "warn".to_owned() });
        let outcome = runtime()?.block_on(async {
            match self.command {
                Command::Status(status) => status.run().await,
                Command::List(list) => list.run().await,
                Command::Show(show) => show.run(false).await,
                Command::Drain(drain) => {
                    let traces = otlp::env::of_process()?;
                    Traces::during(traces.as_ref(), Box::pin(drain.run())).await
                }
                Command::Dead(dead) => dead.run().await,
            }
        });
        match outcome {
            // Whoever reads has enough.
            Err(error) if is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
            outcome => outcome,
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl Status {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.load()?;
        with_door(&config, async |door| {
            let Answer::Status(overview) = door.ask(Ask::Status).await? else {
                return Err(unexpected());
            };
            let text = if self.json {
                print::status_json(&config.spool.dir, &overview)?
            } else {
                print::status(&config.spool.dir, &overview)
            };
            Ok(writeln!(io::stdout(), "{text}")?)
        })
        .await
    }
}

impl List {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let lane = self.lane;
        let ask = |after, limit| Ask::List { lane: lane.clone(), after, limit };
        list(&self.place, self.limit, self.json, ask).await
    }
}

impl Show {
    async fn run(self, only_dead: bool) -> anyhow::Result<ExitCode> {
        let config = self.place.load()?;
        with_door(&config, async |door| {
            let Answer::Message(found) = door.ask(Ask::Show(self.row)).await? else {
                return Err(unexpected());
            };
            let Some(shown) = found else { bail!("there is no message {} in the spool", self.row) };
            if only_dead {
                dead::must_be_dead(&shown.entry)?;
            }
            let text =
                if self.json { print::message_json(&shown)? } else { print::message(&shown) };
            Ok(writeln!(io::stdout(), "{text}")?)
        })
        .await
    }
}

/// Does something with the spool of a configuration, and leaves it closed.
async fn with_door(
    config: &Config,
    work: impl AsyncFnOnce(&mut Door) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut door = Door::open(config).await?;
    let outcome = work(&mut door).await;
    door.close().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Prints the messages that a question gives, page by page.
async fn list(
    place: &Where,
    limit: Option<u64>,
    json: bool,
    ask: impl Fn(RowId, usize) -> Ask,
) -> anyhow::Result<ExitCode> {
    let config = place.load()?;
    with_door(&config, async |door| {
        let mut table = print::Table::new(json);
        let mut after = RowId::START;
        let mut left = limit.unwrap_or(u64::MAX);
        let mut out = io::BufWriter::new(io::stdout());
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let Answer::Entries(entries) = door.ask(ask(after, most)).await? else {
                return Err(unexpected());
            };
            let Some(last) = entries.last() else { break };
            after = last.row;
            left = left.saturating_sub(entries.len() as u64);
            for entry in &entries {
                table.write(&mut out, entry)?;
            }
        }
        table.end(&mut out)?;
        Ok(out.flush()?)
    })
    .await
}
