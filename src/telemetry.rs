//! Logs: where they go and how they look.
//!
//! To standard error, since standard output is for data; human on a terminal and JSON otherwise, unless
//! `log.format` says which. `NO_COLOR` is honoured.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::{Log, LogFormat};
use crate::facts;

/// What puts another filter in the place of the one that logging started with.
static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging, for the whole process. A second call changes nothing.
pub fn init(log: &Log) {
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (filter, handle) = reload::Layer::new(filter(&log.filter));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(color);
    let lines = if json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    // Only the first of two subscribers in a process can be set.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Changes what is logged, from now on.
pub fn set_filter(log: &Log) {
    let set = FILTER.get().map(|handle| handle.reload(filter(&log.filter)));
    let Some(Err(error)) = set else { return };
    facts::filter_not_set(&error);
}

/// The configured filter. The client library's own reports are ours to word, unless it is named.
fn filter(directives: &str) -> EnvFilter {
    let named = directives.contains("async_nats");
    let all = if named { directives.to_owned() } else { format!("{directives},async_nats=off") };
    EnvFilter::new(all)
}
