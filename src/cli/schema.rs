//! `forgewire schema`: the JSON Schema of what is published.

use std::io::Write as _;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser};

use super::Usage;
use crate::event::{Data, schema};

const EXAMPLES: &str = "\
Examples:
  forgewire schema > event-1.json                 every body, for a validator or a code generator
  forgewire schema --event push                   the bodies of one event, with nothing else in it
  forgewire schema | jq '.\"$defs\".Commit'         one type
  forgewire schema --event push | jq '.properties.data'

It is JSON Schema 2020-12; its $id is what the header ce-dataschema of every message says. It stays
open: later versions add members, events, actions and values, so take what you do not know.";

/// Print the JSON Schema of message bodies, of all events or of one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schema {
    /// Only of the bodies of this event.
    #[arg(long, value_name = "NAME", value_parser = names())]
    event: Option<String>,
}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let schema = match &self.event {
            None => schema::whole(),
            Some(name) => schema::of_event(name)
                .ok_or_else(|| Usage(format!("there is no event {name:?}")))?,
        };
        let mut out = std::io::stdout().lock();
        out.write_all(schema::to_text(&schema).as_bytes())?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn names() -> PossibleValuesParser {
    let value = |spec: &crate::event::EventSpec| PossibleValue::new(spec.name).help(spec.doc);
    Data::EVENTS.iter().map(value).collect::<Vec<_>>().into()
}
