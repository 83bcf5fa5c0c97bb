//! `forgewire doctor`: what a deployment lacks, found by looking and asking, and what to do about it.
//!
//! In comes a [`Config`], out come [`Finding`]s. It changes nothing that lasts: no stream is made or changed, nothing is stored
//! in one, the spool is not opened, and the listener is sent nothing that it would publish, unless that is asked for.

mod certificates;
mod daemon;
mod http;
mod listener;
mod nats;
mod server;
mod spool;
mod stream;

use serde::Serialize;

use crate::config::Config;

/// How bad a [`Finding`] is; the later, the worse.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing, or not checked.
    Note,
    /// It works, and will not in a case that can be foreseen.
    Warning,
    /// It does not work.
    Error,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Name of the check; it stays the same from version to version.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do; `None` where nothing is to be done.
    pub advice: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Ok, text.into(), None);
    }

    fn note(&mut self, check: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Level::Note, text.into(), Some(advice.into()));
    }

    fn warning(&mut self, check: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Level::Warning, text.into(), Some(advice.into()));
    }

    fn error(&mut self, check: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Level::Error, text.into(), Some(advice.into()));
    }

    fn add(&mut self, check: &'static str, level: Level, text: String, advice: Option<String>) {
        // A server's words go to a terminal.
        let plain = |text: String| text.replace(char::is_control, " ");
        self.0.push(Finding { check, level, text: plain(text), advice: advice.map(plain) });
    }
}

/// Looks at everything. With `send` each source is sent a signed delivery that is published as `unrecognized`.
pub async fn examine(config: &Config, send: bool) -> Vec<Finding> {
    let mut found = Findings::default();
    certificates::check(config, &mut found);
    nats::check(config, &mut found).await;
    let running = daemon::check(config, &mut found).await;
    spool::check(config, running, &mut found).await;
    if running {
        listener::check(config, send, &mut found).await;
    } else {
        found.note("listener", "not checked: no daemon runs", "start it, and ask again");
    }
    found.0
}

/// The worst of all; [`Level::Ok`] if there is none.
#[must_use]
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}
