//! Permissions that the server denies us: read from its words, said once, told to who waits for it.
//!
//! The server says so once for each attempt, to nobody in particular, and sends no reply to what it concerns.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::facts;

/// Distinct permissions that are said for one connection: each repository has a subject of its own.
const MOST_SAID: usize = 32;

/// What we may not do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// Publish, and so ask.
    Publish,
    /// Subscribe, and so hear.
    Subscribe,
}

/// A permission that the server denies us.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Denial {
    /// What we may not do.
    pub operation: Operation,
    /// To which subject.
    pub subject: String,
}

impl Operation {
    /// The word of the server's configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

impl Denial {
    /// Reads the server's words: `Permissions Violation for Publish to "forge.gitea.a"`, or `for Subscription to "a.*"`,
    /// perhaps with ` using queue "q"` after it. From 2.9 to 2.15 they are the same.
    pub(super) fn parse(words: &str) -> Option<Self> {
        let begin = "permissions violation for ";
        let (start, rest) = words.split_at_checked(begin.len())?;
        let (operation, rest) =
            start.eq_ignore_ascii_case(begin).then(|| rest.split_once(" to \""))??;
        let operation = match operation {
            _ if operation.eq_ignore_ascii_case("publish") => Operation::Publish,
            _ if operation.eq_ignore_ascii_case("subscription") => Operation::Subscribe,
            _ => return None,
        };
        let subject = rest.split('"').next()?;
        Some(Self { operation, subject: subject.to_owned() })
    }
}

/// What was denied on this connection.
#[derive(Debug)]
pub(super) struct Permissions {
    said: Mutex<HashSet<Denial>>,
    denials: broadcast::Sender<Denial>,
}

impl Default for Permissions {
    fn default() -> Self {
        Self { said: Mutex::default(), denials: broadcast::Sender::new(MOST_SAID) }
    }
}

impl Permissions {
    /// There is another connection, perhaps to a server that allows more.
    pub(super) fn may_have_changed(&self) {
        self.said().clear();
    }

    pub(super) fn deny(&self, denial: Denial) {
        let news = {
            let mut said = self.said();
            said.len() < MOST_SAID && said.insert(denial.clone())
        };
        if news {
            facts::permission_is_missing(&denial);
        }
        // Mostly nobody waits.
        let _ = self.denials.send(denial);
    }

    /// Completes with the next one that concerns somebody.
    pub(super) async fn denied(&self, concerns: impl Fn(&Denial) -> bool) -> Denial {
        let mut denials = self.denials.subscribe();
        loop {
            // The sender is our own: what fails is only the reading of one that was overwritten.
            if let Ok(denial) = denials.recv().await
                && concerns(&denial)
            {
                return denial;
            }
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, HashSet<Denial>> {
        // A set has no state that a panic could leave half changed.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_name_operation_and_subject() {
        let parsed = |words| Denial::parse(words).map(|denial| (denial.operation, denial.subject));
        assert_eq!(
            parsed("Permissions Violation for Publish to \"$JS.API.STREAM.INFO.FORGE\""),
            Some((Operation::Publish, "$JS.API.STREAM.INFO.FORGE".to_owned()))
        );
        assert_eq!(
            parsed("permissions violation for subscription to \"_INBOX.a.*\" using queue \"q\""),
            Some((Operation::Subscribe, "_INBOX.a.*".to_owned()))
        );
        for other in ["", "Permissions Violation", "Permissions Violation for Flying to \"a\"", "é"]
        {
            assert_eq!(parsed(other), None, "{other}");
        }
    }
}
