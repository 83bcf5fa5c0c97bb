//! The half of a daemon that looks towards NATS: connection, stream, and the spool that is published.
//!
//! In comes a [`Config`], out comes an [`Outbox`] with the tasks that work for it. A daemon has it beside its
//! listeners; `forgewire spool drain` has it alone ([`Drainer`]).

use std::sync::Arc;

use tokio::task::JoinSet;

use super::StartError;
use super::keeper::Keeper;
use super::watch;
use crate::config::Config;
use crate::health::Health;
use crate::jetstream::JetStream;
use crate::message::Room;
use crate::outbox::{self, Outbox, Resume, Spooling};
use crate::spool::Spool;

/// An outbox, and what works for it.
pub(super) struct Sending {
    pub(super) outbox: Outbox,
    pub(super) health: Arc<Health>,
    pub(super) tasks: JoinSet<&'static str>,
    /// How many of them publish what is in the spool.
    pub(super) publishing: usize,
}

impl Sending {
    pub(super) async fn start(
        config: &Arc<Config>,
        spool: Option<&Arc<Spool>>,
        allow_shrink: bool,
    ) -> Result<Self, StartError> {
        let (jetstream, replies) = JetStream::start(&config.nats).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async {
            replies.await;
            "acknowledgements"
        });
        let jetstream = Arc::new(jetstream);
        let room = Room {
            max_bytes: config.stream.max_inline_bytes,
            bucket: config.stream.bucket().into(),
        };
        let outbox = Outbox::new(Arc::clone(&jetstream), config.publish.ack_timeout, room);
        let (outbox, works) = match spool {
            Some(spool) => outbox.with_spool(Arc::clone(spool), spooling(config)).await?,
            None => (outbox, Vec::new()),
        };
        let health = Health::new(jetstream.link()).with_taking(Arc::clone(outbox.taking()));
        let health = Arc::new(match spool {
            Some(spool) => health.with_spool(Arc::clone(spool)),
            None => health,
        });
        let publishing = works.len();
        for work in works {
            tasks.spawn(work);
        }
        if let Some(spool) = spool {
            tasks.spawn(watch::run(Arc::clone(spool), config.spool.alarm_age));
        }
        let keeper = Keeper {
            jetstream,
            config: Arc::clone(config),
            health: Arc::clone(&health),
            retainer: outbox.retainer(),
            taking: Arc::clone(outbox.taking()),
            allow_shrink,
        };
        tasks.spawn(keeper.run());
        Ok(Self { outbox, health, tasks, publishing })
    }
}

fn spooling(config: &Config) -> Spooling {
    Spooling { duplicate_window: config.stream.duplicate_window, retain: config.spool.retain }
}

/// Waits until that many tasks have ended that publish what is in the spool.
pub(super) async fn published(tasks: &mut JoinSet<&'static str>, mut publishing: usize) {
    while publishing > 0
        && let Some(ended) = tasks.join_next().await
    {
        publishing -= usize::from(ended.is_ok_and(|name| outbox::WORKS.contains(&name)));
    }
}

/// What publishes a spool where no daemon runs.
pub struct Drainer {
    sending: Sending,
}

impl Drainer {
    /// Starts to publish what is in `spool`. The stream is left as it is.
    ///
    /// # Errors
    ///
    /// [`StartError`]; never because no server answers.
    pub async fn start(mut config: Config, spool: &Arc<Spool>) -> Result<Self, StartError> {
        // Making or changing it is the daemon's.
        config.stream.manage = false;
        let sending = Sending::start(&Arc::new(config), Some(spool), false).await?;
        Ok(Self { sending })
    }

    /// The hold on the spool.
    #[must_use]
    pub fn resume(&self) -> Option<Resume> {
        self.sending.outbox.resume()
    }

    /// Publishes no more, once what is on its way is answered.
    pub async fn stop(mut self) {
        self.sending.outbox.stop();
        published(&mut self.sending.tasks, self.sending.publishing).await;
        self.sending.outbox.jetstream().drain().await;
        self.sending.tasks.shutdown().await;
    }
}
