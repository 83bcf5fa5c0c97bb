//! Looks after the stream and the object store: at every connection, from time to time, and when one is missed.
//!
//! What it finds goes to [`Health`], to the log when it is news, and to [`JetStream`], which must know how large a
//! message may be and for how long an object can be relied on. It loses no event to a limit: what does not fit
//! the server's goes to the object store, and the log says which setting is wrong.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::facts;
use crate::health::Health;
use crate::jetstream::stream::{self, Report, Seen, StreamError};
use crate::jetstream::{JetStream, Link, Unfit, bucket};
use crate::metrics::Store;
use crate::outbox::{Retainer, Taking};

/// How often the stream is looked at while all is well.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How soon it is looked at again when it was not usable, or refused what was sent.
const LOOK_SOON: Duration = Duration::from_secs(1);
/// How long after it was missed a stream is looked for.
const GONE: Duration = Duration::from_secs(1);

/// The one who looks.
pub(super) struct Keeper {
    pub(super) jetstream: Arc<JetStream>,
    pub(super) config: Arc<Config>,
    pub(super) health: Arc<Health>,
    pub(super) retainer: Option<Arc<Retainer>>,
    pub(super) taking: Arc<Taking>,
    pub(super) allow_shrink: bool,
}

/// What the last look found, so that only what is news is said.
#[derive(Default)]
struct Said {
    stream: Option<Result<Report, String>>,
    bucket: Option<Result<Report, String>>,
    unfit: Vec<Unfit>,
}

impl Keeper {
    pub(super) async fn run(self) -> &'static str {
        let mut said = Said::default();
        let mut link = self.jetstream.link();
        loop {
            let Ok(up) = link.wait_for(|link| *link != Link::Down).await.map(|up| *up) else {
                return "stream";
            };
            let usable = self.look(up, &mut said).await;
            let well = usable && !self.taking.refuses();
            let pause = if well { LOOK_AGAIN } else { LOOK_SOON };
            let missed = async {
                // A cluster that elects its leader is asked no more often.
                tokio::time::sleep(LOOK_SOON).await;
                self.jetstream.stream_is_missing().await;
                // One that is being deleted takes with it what is made under its name before it is gone: nats-server
                // 2.9.10 removes the files of the new one, and what it has acknowledged.
                tokio::time::sleep(GONE).await;
            };
            let change = async {
                tokio::select! {
                    () = missed => {}
                    // There is another connection, or none.
                    _ = link.wait_for(|now| *now != up) => {}
                    // With one that is not ours to make there is no hurry.
                    () = self.jetstream.bucket_is_missing(), if self.config.stream.manage => {}
                }
            };
            let _ = tokio::time::timeout(pause, change).await;
        }
    }

    /// Whether the stream, and what belongs to it, can be used.
    async fn look(&self, up: Link, said: &mut Said) -> bool {
        let (jetstream, config) = (&*self.jetstream, &*self.config);
        let name = config.stream.name.as_str();
        let highest = self.retainer.as_ref().map_or(0, |retainer| retainer.highest());
        let seen = stream::ensure(jetstream, config, self.allow_shrink).await;
        said.news(Store::Stream, name, &seen, |said| &mut said.stream);
        let Ok(report) = seen else {
            self.health.stream_is_usable(up, false);
            return false;
        };
        let Seen { duplicate_window, answered_in, fill, .. } = &report.seen;
        facts::stream_answered(*answered_in);
        self.taking.looked(*fill);
        self.jetstream.recognises_repeats_for(*duplicate_window);
        if let Some(retainer) = &self.retainer {
            retainer.seen(&report.seen, highest);
        }
        let unfit = self.jetstream.fit(config.stream.max_inline_bytes, report.max_msg_size);
        if said.unfit != unfit {
            unfit.iter().for_each(facts::messages_do_not_fit);
            said.unfit = unfit;
        }
        let seen = bucket::ensure(jetstream, config, &report).await;
        let name = format!("OBJ_{}", config.stream.bucket());
        said.news(Store::Objects, &name, &seen, |said| &mut said.bucket);
        if let Ok(bucket) = &seen {
            self.jetstream.objects_last(bucket::reliable_for(bucket, &report));
        }
        // Without the object store everything of the usual size can be stored, so the daemon is ready.
        self.health.stream_is_usable(up, true);
        seen.is_ok() || !config.stream.manage
    }
}

impl Said {
    /// Says it when it is news, not at every look.
    fn news(
        &mut self,
        store: Store,
        name: &str,
        seen: &Result<Report, StreamError>,
        of: impl FnOnce(&mut Self) -> &mut Option<Result<Report, String>>,
    ) {
        let outcome = match seen {
            // How far it got is no news.
            Ok(report) => Ok(Report { seen: Seen::default(), ..report.clone() }),
            Err(error) => Err(error.to_string()),
        };
        let last = of(self);
        if last.as_ref() == Some(&outcome) {
            return;
        }
        match seen {
            Ok(report) => facts::stream_seen(store, name, report),
            Err(error) => facts::stream_unusable(name, error),
        }
        *last = Some(outcome);
    }
}
