//! `forgewire spool dead`: what JetStream will never take as it is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};

use super::door::{Door, Where, unexpected};
use super::{Show, list, print, with_door};
use crate::control::{Answer, Ask};
use crate::spool::{Entry, RowId, State};

/// Messages that are asked for at once.
const PAGE: usize = 500;

const EXAMPLES: &str = "\
Examples:
  forgewire spool dead list
  forgewire spool dead show 17
  forgewire spool dead retry 17      once what refused it was changed, such as the stream's max_msg_size
  forgewire spool dead retry --all
  forgewire spool dead drop 17       its event is lost then; what it was is printed";

/// Dead letters: what JetStream will never take as it is.
///
/// They hold nobody up, and stay until they are tried again or dropped.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Dead {
    /// Print the dead letters by row, each with its reason.
    List(List),
    /// Print one: what is known of it, its headers, its body.
    Show(Show),
    /// Let one, or all, wait again: at the end of its lane, under the same event id.
    Retry(Retry),
    /// Remove one for ever, and print what it was.
    Drop(Drop),
}

/// Print the dead letters by row, each with its reason.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Print an array of objects.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// Let one, or all, wait again: at the end of its lane, under the same event id.
///
/// A running daemon publishes it at once. If JetStream refuses it again it is a dead letter again, under its new row.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Retry {
    /// Its row, as `dead list` prints it.
    #[arg(group = "which")]
    row: Option<RowId>,

    /// All that are there now.
    #[arg(long, group = "which")]
    all: bool,

    /// Print an array of objects with `row` and `new_row`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// Remove one for ever, and print what it was.
#[derive(Debug, clap::Args)]
pub(super) struct Drop {
    /// Its row, as `dead list` prints it.
    row: RowId,

    /// Print an object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

impl Dead {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(List { limit, json, place }) => {
                list(&place, limit, json, |after, limit| Ask::ListDead { after, limit }).await
            }
            Self::Show(show) => show.run(true).await,
            Self::Retry(retry) => retry.run().await,
            Self::Drop(drop) => drop.run().await,
        }
    }
}

/// An error unless it is a dead letter.
pub(super) fn must_be_dead(entry: &Entry) -> anyhow::Result<()> {
    if entry.state != State::Dead {
        bail!("message {} is no dead letter: see `forgewire spool show {0}`", entry.row);
    }
    Ok(())
}

impl Retry {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.load()?;
        with_door(&config, async |door| {
            let rows = match self.row {
                Some(row) => vec![row],
                // Before the first is tried: one that is refused again comes back under another row.
                None => all(door).await?,
            };
            let mut retried = Vec::with_capacity(rows.len());
            for row in rows {
                let Answer::Retried(new) = door.ask(Ask::Retry(row)).await? else {
                    return Err(unexpected());
                };
                match new {
                    Some(new) => retried.push((row, new)),
                    None if self.all => {}
                    None => bail!("there is no dead letter {row}"),
                }
            }
            self.say(&retried, matches!(door, Door::Daemon(_)))
        })
        .await
    }

    fn say(&self, retried: &[(RowId, RowId)], has_daemon: bool) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            let rows = retried.iter().map(|(row, new)| json!({ "row": row, "new_row": new }));
            writeln!(out, "{}", Value::Array(rows.collect()))?;
            return Ok(());
        }
        for (row, new) in retried {
            writeln!(out, "{row} waits again, as {new}.")?;
        }
        match (retried.is_empty(), has_daemon) {
            (true, _) => writeln!(io::stderr(), "There are no dead letters.")?,
            (false, true) => {}
            (false, false) => writeln!(
                io::stderr(),
                "No daemon runs: the next one publishes it, or `forgewire spool drain`."
            )?,
        }
        Ok(())
    }
}

async fn all(door: &mut Door) -> anyhow::Result<Vec<RowId>> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().copied().unwrap_or(RowId::START);
        let Answer::Entries(entries) = door.ask(Ask::ListDead { after, limit: PAGE }).await? else {
            return Err(unexpected());
        };
        if entries.is_empty() {
            return Ok(rows);
        }
        rows.extend(entries.iter().map(|entry| entry.row));
    }
}

impl Drop {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.load()?;
        with_door(&config, async |door| {
            let Answer::Dropped(dropped) = door.ask(Ask::Drop(self.row)).await? else {
                return Err(unexpected());
            };
            let Some(entry) = dropped else { bail!("there is no dead letter {}", self.row) };
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{}", Value::Object(print::members(&entry)))?;
            } else {
                writeln!(out, "dropped {}", print::line(&entry).trim_start())?;
            }
            Ok(())
        })
        .await
    }
}
