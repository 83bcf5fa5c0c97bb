//! `forgewire doctor`: what a deployment lacks, found by looking and asking, and what to do about it.
//!
//! In comes a [`Config`], out come [`Finding`]s. It changes nothing that lasts: no stream is made or changed, nothing is stored
//! in one, the spool is not opened, and the listener is sent nothing that it would publish, unless that is asked for.

mod certificates;
mod daemon;
mod http;
mod listener;
mod nats;
mod pinned;
mod server;
mod spool;
mod stream;

use std::time::Duration;

use serde::Serialize;

use crate::config::Config;

/// How long all checks may take together. Each has a limit of its own, which is less.
const LONGEST: Duration = Duration::from_secs(30);

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
    /// What to do; `None` where nothing is to be done, which is so of [`Level::Ok`] alone.
    pub advice: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// As it should be.
    pub fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Ok, text.into(), None);
    }

    /// Worth knowing, or not checked.
    pub fn note(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Level::Note, text.into(), Some(advice.into()));
    }

    /// It works, and will not in a case that can be foreseen.
    pub fn warning(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Level::Warning, text.into(), Some(advice.into()));
    }

    /// It does not work.
    pub fn error(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Level::Error, text.into(), Some(advice.into()));
    }

    fn add(&mut self, check: &'static str, level: Level, text: String, advice: Option<String>) {
        // A server's words go to a terminal.
        let plain = |text: String| text.replace(char::is_control, " ");
        self.0.push(Finding { check, level, text: plain(text), advice: advice.map(plain) });
    }

    /// All of them, in the order in which they were found.
    #[must_use]
    pub fn all(&self) -> &[Finding] {
        &self.0
    }

    /// The worst level; [`Level::Ok`] if there is nothing.
    #[must_use]
    pub fn worst(&self) -> Level {
        self.0.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }
}

/// Looks at everything, in at most 30 seconds. With `send` each secret signs a delivery that is published as `unrecognized`.
pub async fn examine(config: &Config, send: bool, found: &mut Findings) {
    certificates::check(config, found);
    let (mut away, mut here) = (Findings::default(), Findings::default());
    tokio::join!(
        within("nats", &mut away, async |found| nats::check(config, found).await),
        within("daemon", &mut here, async |found| this_machine(config, send, found).await),
    );
    found.0.extend(away.0.into_iter().chain(here.0));
}

async fn this_machine(config: &Config, send: bool, found: &mut Findings) {
    let running = daemon::check(config, found).await;
    spool::check(config, running, found).await;
    if running {
        listener::check(config, send, found).await;
    } else {
        found.note("listener", "not checked: no daemon runs", "start it, and ask again");
    }
}

/// Does this for as long as there is; what was found until then stays.
async fn within(check: &'static str, found: &mut Findings, work: impl AsyncFnOnce(&mut Findings)) {
    if tokio::time::timeout(LONGEST, work(found)).await.is_err() {
        let text = format!("not everything was checked within {} s", LONGEST.as_secs());
        found.error(check, text, "see what the last findings were about: that does not answer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_counts_and_nothing_is_well() {
        let mut found = Findings::default();
        assert_eq!(found.worst(), Level::Ok);
        found.error("a", "b", "c");
        found.note("a", "b", "c");
        assert_eq!(found.worst(), Level::Error);
    }

    #[test]
    fn what_a_server_says_moves_no_cursor() {
        let mut found = Findings::default();
        found.note("a", "\u{1b}[2Jb\n", "c\r");
        assert_eq!(
            (found.0[0].text.as_str(), found.0[0].advice.as_deref()),
            (" [2Jb ", Some("c "))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_said_and_what_was_found_stays() {
        let mut found = Findings::default();
        within("nats", &mut found, async |found| {
            found.ok("nats", "connected");
            std::future::pending::<()>().await;
        })
        .await;
        assert_eq!((found.0.len(), found.worst()), (2, Level::Error));
    }
}
