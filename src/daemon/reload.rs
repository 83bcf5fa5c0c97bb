//! A newer configuration for the running daemon: asked for by SIGHUP, or because a file that it names has changed.
//!
//! The layers are read again as at the start: the file anew, environment and flags as they were. What comes out is
//! all of it or nothing: a configuration that is not sound is refused with its reasons, and the old one stays.
//! Requests that have begun keep the configuration that they began with.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::{Config, ConfigError, Inputs, Loaded, NamedFile};
use crate::facts;
use crate::ingress::App;
use crate::listen::tls::Tls;
use crate::metrics;
use crate::systemd::Manager;
use crate::telemetry;

/// Keeps the daemon's configuration up to date.
pub(super) struct Reloader {
    app: Arc<App>,
    inputs: Inputs,
    manager: Manager,
    tls: Option<Arc<Tls>>,
    watched: Watched,
}

impl Reloader {
    pub(super) fn new(
        app: Arc<App>,
        tls: Option<Arc<Tls>>,
        inputs: Inputs,
        manager: Manager,
    ) -> Self {
        let watched = Watched::new(app.live.load().config().files());
        Self { app, inputs, manager, tls, watched }
    }

    /// Reloads at every `hangup`, and when files have changed. Never ends by itself.
    pub(super) async fn run(mut self, mut hangup: Signal) -> &'static str {
        let poll = self.app.live.load().config().reload.poll;
        // Of a clock that nobody looks at, any period will do.
        let every = if poll.is_zero() { Duration::from_secs(3600) } else { poll };
        let mut clock = interval_at(Instant::now() + every, every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                signal = hangup.recv() => match signal {
                    Some(()) => self.reload("SIGHUP").await,
                    None => return "SIGHUP",
                },
                _ = clock.tick(), if !poll.is_zero() => {
                    if self.watched.look().await {
                        self.reload("a file has changed").await;
                    }
                }
            }
        }
    }

    async fn reload(&mut self, why: &'static str) {
        facts::reloading(why);
        self.manager.reloading();
        // Before the files are read: what changes meanwhile is tried again.
        let before = self.watched.now().await;
        let inputs = self.inputs.clone();
        match tokio::task::spawn_blocking(move || load(&inputs)).await {
            Ok(Ok(Loaded { config, warnings })) => {
                self.watched = Watched::new(config.files());
                warnings.iter().for_each(facts::configuration_warning);
                self.swap(&config);
            }
            Ok(Err(error)) => {
                self.watched = Watched::new(&before);
                facts::reload_refused(&error);
            }
            // It panicked, and that was logged.
            Err(_gone) => {}
        }
        self.manager.ready();
    }

    fn swap(&self, newer: &Config) {
        let live = self.app.live.load();
        let mut kept = live.config().keys_that_differ(newer);
        if let (Some(tls), Some(identity)) = (&self.tls, &newer.tls) {
            tls.replace(identity.clone());
            // A listener that speaks TLS goes on with other files.
            kept.retain(|key| !key.starts_with("http.tls_"));
        }
        let next = live.with(newer);
        telemetry::set_filter(&next.config().log);
        let (sources, secrets) = (next.config().sources.len(), next.secrets().count());
        metrics::set_sources(next.counts());
        self.app.live.store(Arc::new(next));
        facts::reloaded(sources, secrets);
        if !kept.is_empty() {
            facts::needs_a_restart(&kept);
        }
    }
}

fn load(inputs: &Inputs) -> Result<Loaded, ConfigError> {
    let loaded = Config::load(inputs)?;
    loaded.config.require_source()?;
    Ok(loaded)
}

/// The files that the configuration names, as they were when it was read and at the last look.
struct Watched {
    read: Vec<NamedFile>,
    last: Vec<NamedFile>,
}

impl Watched {
    fn new(read: &[NamedFile]) -> Self {
        Self { read: read.to_vec(), last: read.to_vec() }
    }

    async fn now(&self) -> Vec<NamedFile> {
        let files = self.last.clone();
        let now = tokio::task::spawn_blocking(move || files.iter().map(NamedFile::now).collect());
        now.await.unwrap_or_else(|_gone| self.last.clone())
    }

    /// Whether the files are others than those that were read. Only once they have stayed the same from one look to
    /// the next: somebody may be in the middle of writing them.
    async fn look(&mut self) -> bool {
        let now = self.now().await;
        let settled = now == self.last;
        self.last = now;
        settled && self.last != self.read
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn watched(path: &Path) -> Watched {
        let text = format!("[sources.a]\nkind = \"gitea\"\nsecret_file = \"{}\"", path.display());
        let config = path.with_extension("toml");
        std::fs::write(&config, text).unwrap();
        Watched::new(load(&Inputs::new().with_file(config)).unwrap().config.files())
    }

    #[tokio::test]
    async fn a_change_counts_once_it_has_settled_and_only_once_if_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "0123456789abcdef").unwrap();
        let mut watched = watched(&path);
        assert!(!watched.look().await);
        std::fs::write(&path, "fedcba987654321").unwrap();
        assert!(!watched.look().await, "it may still be written");
        assert!(watched.look().await);
        watched = Watched::new(&watched.now().await);
        assert!(!watched.look().await);
        std::fs::remove_file(&path).unwrap();
        assert!(!watched.look().await);
        assert!(watched.look().await, "a file that is gone is a change");
    }

    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new, link] = ["old", "new", "link"].map(|name| dir.path().join(name));
        std::fs::write(&old, "0123456789abcdef").unwrap();
        std::fs::write(&new, "fedcba9876543210").unwrap();
        std::os::unix::fs::symlink(&old, &link).unwrap();
        let mut watched = watched(&link);
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&new, &link).unwrap();
        assert!(!watched.look().await);
        assert!(watched.look().await);
    }
}
