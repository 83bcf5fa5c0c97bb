//! Logs: where they go and how they look.
//!
//! To standard error, since standard output is for data; human on a terminal and JSON otherwise, unless
//! `log.format` says which. `NO_COLOR` is honoured.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging, for the whole process. A second call changes nothing.
pub fn init(log: &Log) {
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter(&log.filter))
        .with_ansi(color);
    // Only the first of two subscribers in a process can be set.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
}

/// The configured filter. The client library's own reports are ours to word, unless it is named.
fn filter(directives: &str) -> EnvFilter {
    let named = directives.contains("async_nats");
    let all = if named { directives.to_owned() } else { format!("{directives},async_nats=error") };
    EnvFilter::new(all)
}
