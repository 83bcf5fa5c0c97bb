//! What `forgewire send` prints: the list of samples, and answers.

use std::io::{self, Write as _};

use serde::Deserialize;

use super::exchange::Answer;
use crate::samples::Sender;

/// Prints the samples as a table.
pub(super) fn list(senders: &[&Sender]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:8}  {:36}  MAKES", "KIND", "SAMPLE")?;
    for sender in senders {
        for sample in sender.samples {
            writeln!(out, "{:8}  {:36}  {}", sender.kind, sample.name, sample.makes)?;
        }
    }
    out.flush()
}

/// A receipt or a problem, as far as it is printed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    status: serde_json::Value,
    events: Vec<Event>,
    count: usize,
    code: String,
    detail: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    subject: String,
    stream: Option<String>,
    sequence: Option<u64>,
    #[serde(default)]
    duplicate: bool,
}

/// Prints an answer: as it came, or readably.
pub(super) fn answer(answer: &Answer, as_it_came: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_it_came {
        out.write_all(&answer.body)?;
        if !answer.body.ends_with(b"\n") {
            writeln!(out)?;
        }
        return out.flush();
    }
    let said = serde_json::from_slice::<Said>(&answer.body);
    write!(out, "{}", answer.status)?;
    match said {
        Ok(said) if !said.code.is_empty() => {
            writeln!(out, "  {}: {}", plain(&said.code), plain(&said.detail))?;
        }
        Ok(said) => {
            writeln!(out, "  {}", plain(said.status.as_str().unwrap_or_default()))?;
            for event in &said.events {
                writeln!(out, "  {}", line(event))?;
            }
            if said.count > said.events.len() {
                writeln!(out, "  and {} more", said.count - said.events.len())?;
            }
        }
        Err(_not_forgewire) => {
            let text = String::from_utf8_lossy(&answer.body);
            let start: String = text.chars().take(500).collect();
            writeln!(out, "  {}", plain(&start))?;
        }
    }
    out.flush()
}

fn line(event: &Event) -> String {
    let place = match (&event.stream, event.sequence) {
        (Some(stream), Some(sequence)) => format!("  {} {sequence}", plain(stream)),
        _ => String::new(),
    };
    let again = if event.duplicate { " (duplicate)" } else { "" };
    format!("{}{place}{again}  id {}", plain(&event.subject), plain(&event.id))
}

/// Text from the network with its control characters shown, not obeyed.
fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
        shown
    })
}
