//! The figures as tables: for the terminal, for the repository, beside an earlier commit's.
//!
//! In: [`Figures`]. Out: text.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::profile::Cost;
use crate::stages::{NAMES, Row};

/// What one commit takes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) rows: Vec<Row>,
    /// Instructions of the whole daemon per delivery.
    pub(crate) daemon: u64,
}

/// The table of `figures`, in Markdown.
pub(crate) fn render(figures: &Figures) -> String {
    let mut text = format!("| delivery | bytes | {} |\n|---|---|", NAMES.join(" | "));
    text.push_str(&"---|".repeat(NAMES.len()));
    for Row { name, bytes, stages } in &figures.rows {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n| {name} | {bytes} |");
        for Cost { instructions, allocations } in stages {
            let _ = write!(text, " {instructions} ({allocations}) |");
        }
    }
    let _ = write!(text, "\n\nThe whole daemon: {} instructions per delivery.", figures.daemon);
    text
}

/// The file that is committed.
pub(crate) fn document(figures: &Figures) -> String {
    format!(
        "# Instructions and allocations per delivery\n\n\
         Written by `make callgrind ARGS=--write`: instructions as valgrind counts them, allocations in parentheses. valgrind\n\
         has no SHA extensions, so `verify` is what a CPU without them does. `whole` is everything from the request's bytes to\n\
         the messages; the whole daemon adds HTTP, publishing, metrics and the answer, with bodies of 9011 bytes over 32\n\
         connections. What an allocation costs depends on those before it: differences of a few parts per thousand say nothing.\n\n\
         {}\n",
        render(figures)
    )
}

/// Each figure as part of the earlier one.
pub(crate) fn compare(now: &Figures, before: &Figures) -> String {
    let mut text = String::from("As part of the earlier commit's, instructions (allocations):\n");
    if before.rows.is_empty() {
        text.push_str("the earlier commit has no such benchmark: only its daemon was counted\n");
    }
    for row in &now.rows {
        let Some(earlier) = before.rows.iter().find(|earlier| earlier.name == row.name) else {
            continue;
        };
        let _ = write!(text, "{:<40}", row.name);
        for (name, (own, earlier)) in NAMES.iter().zip(row.stages.iter().zip(&earlier.stages)) {
            let instructions = part(own.instructions, earlier.instructions);
            let allocations = part(own.allocations, earlier.allocations);
            let _ = write!(text, "{name:>10} {instructions} ({allocations})");
        }
        text.push('\n');
    }
    let (own, earlier) = (now.daemon, before.daemon);
    let _ = write!(
        text,
        "the whole daemon: {own} instructions per delivery, before {earlier}: {}",
        part(own, earlier)
    );
    text
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark stay far below 2^52")]
fn part(own: u64, earlier: u64) -> String {
    match (own, earlier) {
        (0, 0) => "1.000".to_owned(),
        (_, 0) => "new".to_owned(),
        _ => format!("{:.3}", own as f64 / earlier as f64),
    }
}
