//! What a running `dev` prints before the first event.

use std::io::{self, IsTerminal as _, Write as _};

use super::super::nats_url::without_user;
use crate::dev_state::DevState;
use crate::tail::Style;

/// Prints where each source listens, with its secret, and what to try.
pub(super) fn print(state: &DevState) -> io::Result<()> {
    let mut text = Vec::new();
    let names = state.sources.iter().map(|source| source.name.len());
    let width = names.max().unwrap_or_default().max(8);
    for source in &state.sources {
        let secret = std::fs::read_to_string(&source.secret_file)?;
        writeln!(text, "{:width$} {}/hooks/{}", source.name, state.hooks, source.name)?;
        writeln!(text, "{:width$} secret {}", "", secret.trim_end())?;
    }
    writeln!(text, "{:width$} {}  stream {}", "nats", without_user(&state.nats), state.stream)?;
    writeln!(text, "{:width$} {}/readyz", "probes", state.admin)?;
    if let Some(source) = state.sources.first() {
        writeln!(text, "\ntry it:  forgewire send {} push\n", source.name)?;
    }
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

/// Coloured on a terminal, unless `NO_COLOR` says otherwise.
pub(super) fn style() -> Style {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style::Human { color: io::stdout().is_terminal() && !plain }
}
