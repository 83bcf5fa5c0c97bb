//! Storing the messages of a delivery: nothing is answered 2xx that did not pass here.
//!
//! In come the messages of one delivery, out comes a [`Receipt`] each once all of them are stored: JetStream has
//! acknowledged them, or they are in the spool and on this disk (`spooler`). What is in the spool is published when
//! JetStream takes it (`drain`), in order within each repository (`lanes`). Without a spool an unknown outcome is
//! tried again, and then [`NotStored`].

mod drain;
mod lanes;
mod large;
mod publisher;
mod repeats;
mod resume;
mod retain;
mod spooler;
mod taking;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::jetstream::{Ack, JetStream, Unacknowledged};
use crate::message::{Message, Room};
use crate::metrics::SourceCounts;
use crate::spool::{ReadError, Spool, WriteError};
use drain::Drain;
use lanes::Lanes;
use publisher::{Publisher, Tries};
use repeats::Repeats;
pub use resume::Resume;
pub use retain::Retainer;
use spooler::Spooler;
pub use taking::Taking;

/// Where a message is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Event id.
    pub id: String,
    /// Subject.
    pub subject: String,
    /// Its place in the stream; absent while it is in the spool.
    pub place: Option<Ack>,
}

/// Not every message of the delivery is known to be stored.
#[derive(Debug, thiserror::Error)]
#[error("message {id} is not stored: {reason}")]
pub struct NotStored {
    /// Event id of the first message that is not known to be stored.
    pub id: String,
    /// What the last attempt said.
    pub reason: Why,
}

/// Why a message is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The daemon is about to end.
    #[error("the daemon is ending")]
    Ending,
    /// JetStream did not take it, and there is no spool.
    #[error(transparent)]
    Stream(#[from] Unacknowledged),
    /// JetStream did not take it, and the spool could not.
    #[error("{0}, and JetStream does not take it")]
    Spool(#[from] WriteError),
}

/// The way of messages to the stream, or to the spool.
#[derive(Debug)]
pub struct Outbox {
    publisher: Arc<Publisher>,
    spooler: Option<Spooler>,
    stop: CancellationToken,
}

/// What the tasks that publish what is in the spool are called.
pub const WORKS: [&str; 2] = ["the spool", "retained events"];

/// What publishes the spool, or a part of it.
pub type Work = std::pin::Pin<Box<dyn Future<Output = &'static str> + Send>>;

/// How a spool is used.
#[derive(Clone, Copy, Debug)]
pub struct Spooling {
    /// How long JetStream recognises repeats.
    pub duplicate_window: Duration,
    /// How long what is acknowledged is kept; zero: not at all.
    pub retain: Duration,
}

impl Outbox {
    /// Publishes through `jetstream`, waiting `ack_timeout` for each acknowledgement. Messages are made for `room`.
    #[must_use]
    pub fn new(jetstream: Arc<JetStream>, ack_timeout: Duration, room: Room) -> Self {
        let publisher = Arc::new(Publisher::new(jetstream, ack_timeout, room));
        Self { publisher, spooler: None, stop: CancellationToken::new() }
    }

    /// Puts what JetStream does not take into `spool`, and publishes what is there: that is the work that is given
    /// back, which ends at [`Outbox::stop`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] when it cannot be found out what is in the spool.
    pub async fn with_spool(
        mut self,
        spool: Arc<Spool>,
        how: Spooling,
    ) -> Result<(Self, Vec<Work>), ReadError> {
        let lanes = Arc::new(Lanes::default());
        for lane in spool.lanes().await? {
            lanes.spooled(&lane.key, lane.first_row);
        }
        let silent = Arc::new(AtomicBool::new(false));
        let retainer = if how.retain.is_zero() {
            None
        } else {
            let jetstream = Arc::clone(self.publisher.shared());
            Some(Arc::new(Retainer::new(Arc::clone(&spool), jetstream, how.retain).await?))
        };
        let hurry = Arc::new(Notify::new());
        let jetstream = Arc::clone(self.publisher.shared());
        let repeats = Repeats::new(jetstream, how.duplicate_window);
        let drain = Drain {
            publisher: Arc::clone(&self.publisher),
            spool: Arc::clone(&spool),
            lanes: Arc::clone(&lanes),
            silent: Arc::clone(&silent),
            retainer: retainer.clone(),
            hurry: Arc::clone(&hurry),
            repeats: repeats.clone(),
            stop: self.stop.clone(),
        };
        let mut work: Vec<Work> = vec![Box::pin(drain.run())];
        if let Some(retainer) = &retainer {
            let publisher = Arc::clone(&self.publisher);
            let retaining = Arc::clone(retainer);
            let stop = self.stop.clone();
            work.push(Box::pin(retaining.run(publisher, repeats, stop)));
        }
        self.spooler = Some(Spooler { spool, lanes, silent, retainer, hurry });
        Ok((self, work))
    }

    /// What keeps acknowledged messages, if anything does.
    #[must_use]
    pub fn retainer(&self) -> Option<Arc<Retainer>> {
        self.spooler.as_ref().and_then(|spooler| spooler.retainer.clone())
    }

    /// How large a message may be at the moment, and where goes what does not fit.
    #[must_use]
    pub fn room(&self) -> Room {
        self.publisher.room()
    }

    /// Stores the messages of one delivery, one after the other: sent without waiting, one that JetStream has no
    /// leader for would come after those that follow it.
    ///
    /// With a spool, JetStream has the acknowledgement timeout for each; without one, a message whose fate is unknown
    /// is sent once more, which takes less than twice that. What a message refers to takes at most two seconds
    /// before that. What becomes of them is counted for `source`.
    ///
    /// # Errors
    ///
    /// [`NotStored`] names the first message that is not known to be stored.
    pub async fn store(
        &self,
        source: &Arc<SourceCounts>,
        messages: Vec<Message>,
    ) -> Result<Vec<Receipt>, NotStored> {
        if let Some(spooler) = &self.spooler {
            return spooler.store(&self.publisher, source, messages).await;
        }
        let mut receipts = Vec::with_capacity(messages.len());
        for message in messages {
            let ack = self.publisher.publish(source, &message, Tries::Several).await;
            let ack =
                ack.map_err(|reason| NotStored { id: message.id.clone(), reason: reason.into() })?;
            receipts.push(Receipt::published(message, ack));
        }
        Ok(receipts)
    }

    /// What an operator may do about the spool; none without one.
    #[must_use]
    pub fn resume(&self) -> Option<Resume> {
        self.spooler.as_ref().map(|spooler| Resume::new(spooler, self.publisher.jetstream().link()))
    }

    /// Whether the stream takes messages, or refuses them all.
    #[must_use]
    pub fn taking(&self) -> &Arc<Taking> {
        self.publisher.taking()
    }

    /// Publishes no more of what is in the spool.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The connection that messages go through.
    #[must_use]
    pub fn jetstream(&self) -> &JetStream {
        self.publisher.jetstream()
    }
}

impl Receipt {
    fn published(message: Message, ack: Ack) -> Self {
        Self { id: message.id, subject: message.subject.as_str().to_owned(), place: Some(ack) }
    }

    fn spooled(message: &Message) -> Self {
        Self { id: message.id.clone(), subject: message.subject.as_str().to_owned(), place: None }
    }
}

impl NotStored {
    fn ending(id: &str) -> Self {
        Self { id: id.to_owned(), reason: Why::Ending }
    }
}
