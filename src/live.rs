//! What may change while the daemon runs: the sources, what is counted for them, and which of their secrets were used
//! when.
//!
//! In come a checked configuration and, at a reload, a newer one; out comes [`Live`], which a request takes once and
//! keeps to its end, so that a reload never shows it two configurations. What a reload cannot change stays that of
//! the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{Config, NamedSecret, Source};
use crate::facts;
use crate::metrics::{self, SourceCounts, Sources};
use crate::source::SourceName;

/// How often it is said, at most, that a secret is used: often enough to see that an old one is not any more.
const SAY_AGAIN: u64 = 60;

/// The configuration as it is now.
#[derive(Debug)]
pub struct Live {
    config: Config,
    uses: BTreeMap<SourceName, Vec<Use>>,
    counts: Arc<Sources>,
}

/// When a secret last signed a delivery.
#[derive(Debug)]
struct Use {
    id: Box<str>,
    at: Arc<Moments>,
}

/// Seconds since 1970; zero is never.
#[derive(Debug, Default)]
struct Moments {
    used: AtomicU64,
    said: AtomicU64,
}

impl Live {
    /// The configuration of the start.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let uses = uses(&config, |_, _| Arc::default());
        let counts = Arc::new(metrics::sources(config.sources.keys(), &Sources::new()));
        Self { config, uses, counts }
    }

    /// The same with the sources and the log filter of `newer`. A source that stays keeps its counts, and a secret that
    /// stays, by id and text, the time of its last use.
    #[must_use]
    pub fn with(&self, newer: &Config) -> Self {
        let mut config = self.config.clone();
        config.sources.clone_from(&newer.sources);
        config.log.filter.clone_from(&newer.log.filter);
        let uses = uses(&config, |source, secret| {
            self.known(source, secret).map_or_else(Arc::default, |moments| Arc::clone(&moments))
        });
        let counts = Arc::new(metrics::sources(config.sources.keys(), &self.counts));
        Self { config, uses, counts }
    }

    /// All of it.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The source of that name.
    #[must_use]
    pub fn source(&self, name: &SourceName) -> Option<&Source> {
        self.config.sources.get(name)
    }

    /// What is counted for the source of that name.
    #[must_use]
    pub fn counts_of(&self, name: &SourceName) -> Option<&Arc<SourceCounts>> {
        self.counts.get(name)
    }

    /// What is counted for every source.
    #[must_use]
    pub fn counts(&self) -> &Arc<Sources> {
        &self.counts
    }

    /// Notes that a secret signed a delivery. Where a source has several, the log says it once a minute of each:
    /// one that is not named any more may go.
    pub fn secret_used(&self, source: &SourceName, id: &str) {
        let Some(uses) = self.uses.get(source) else { return };
        let Some(Use { at, .. }) = uses.iter().find(|known| &*known.id == id) else { return };
        let now = now();
        at.used.store(now, Ordering::Relaxed);
        let said = at.said.load(Ordering::Relaxed);
        if uses.len() > 1
            && now.saturating_sub(said) >= SAY_AGAIN
            && at.said.compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            facts::secret_used(source.as_str(), id);
        }
    }

    /// Every secret with the time of its last use, in seconds since 1970; none if it was not used since the start,
    /// or since it came.
    pub fn secrets(&self) -> impl Iterator<Item = (&SourceName, &str, Option<u64>)> {
        self.uses.iter().flat_map(|(source, uses)| {
            uses.iter().map(move |Use { id, at }| {
                let used = at.used.load(Ordering::Relaxed);
                (source, &**id, (used != 0).then_some(used))
            })
        })
    }

    fn known(&self, source: &SourceName, secret: &NamedSecret) -> Option<Arc<Moments>> {
        let before = self.source(source)?.secrets.iter().find(|old| old.id == secret.id)?;
        let same = before.secret.eq_ct(secret.secret.expose());
        let uses = self.uses.get(source).filter(|_| same)?;
        uses.iter().find(|known| known.id == secret.id).map(|known| Arc::clone(&known.at))
    }
}

fn uses(
    config: &Config,
    moments: impl Fn(&SourceName, &NamedSecret) -> Arc<Moments>,
) -> BTreeMap<SourceName, Vec<Use>> {
    let of = |name: &SourceName, source: &Source| {
        let one = |secret: &NamedSecret| Use { id: secret.id.clone(), at: moments(name, secret) };
        source.secrets.iter().map(one).collect()
    };
    config.sources.iter().map(|(name, source)| (name.clone(), of(name, source))).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;

    fn config(secrets: &str) -> Config {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("forgewire.toml");
        let text = format!("[sources.gitea]\nkind = \"gitea\"\nsecrets = [{secrets}]\n");
        std::fs::write(&path, text).unwrap();
        Config::load(&Inputs::new().with_file(path)).unwrap().config
    }

    fn used(live: &Live, id: &str) -> bool {
        live.secrets().any(|(_, known, used)| known == id && used.is_some())
    }

    #[test]
    fn a_secret_that_stays_keeps_its_last_use_and_one_with_another_text_does_not() {
        let old = r#"{ id = "old", text = "0123456789abcdef" }"#;
        let live =
            Live::new(config(&format!("{old}, {{ id = \"b\", text = \"bbbbbbbbbbbbbbbb\" }}")));
        let gitea = SourceName::new("gitea").unwrap();
        live.secret_used(&gitea, "old");
        live.secret_used(&gitea, "b");
        live.secret_used(&gitea, "nobody's");
        let newer = config(&format!("{old}, {{ id = \"b\", text = \"another text for b\" }}"));
        let live = live.with(&newer);
        assert!(used(&live, "old"));
        assert!(!used(&live, "b"));
        let live = live.with(&config(r#"{ id = "b", text = "another text for b" }"#));
        assert_eq!(live.secrets().count(), 1);
    }
}
