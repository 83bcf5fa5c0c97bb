//! Replies to what was published: which acknowledgement belongs to which message.
//!
//! One subscription hears them all, answers of the JetStream API too; each message has a reply subject of its own below it. Unlike the
//! client library's own bookkeeping, an entry goes when nobody waits for it any more (nats.rs issue
//! 1617), and a lost connection is known at once by everybody who waits.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Subject;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::{Notify, oneshot, watch};

use super::Link;

/// How long after the server denied the subscription it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How soon after it was asked for the server has surely denied it, if it does.
const SURE: Duration = Duration::from_millis(100);

/// JetStream has the message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ack {
    /// Stream that has it.
    pub stream: String,
    /// Its sequence there; of a duplicate that of the first copy.
    pub sequence: u64,
    /// Whether it was there already, by its id.
    pub duplicate: bool,
}

/// JetStream did not say that it has the message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unacknowledged {
    /// There is no connection.
    #[error("NATS is not connected")]
    Away,
    /// The server does not let us subscribe to this inbox, so no acknowledgement can be heard.
    #[error(
        "NATS denies the permission to subscribe to {0}, where acknowledgements come: allow it, or set nats.inbox_prefix to what is allowed"
    )]
    Deaf(String),
    /// The server does not let us publish to this subject.
    #[error("NATS denies the permission to publish to {0}")]
    Denied(String),
    /// The client has ended.
    #[error("the NATS client has ended")]
    Closed,
    /// The connection was lost while waiting.
    #[error("the connection to NATS was lost before the acknowledgement came")]
    Disconnected,
    /// A header's value cannot be sent. Ours never are of that kind.
    #[error("header {0} cannot be sent")]
    Header(&'static str),
    /// The object store for large events is not there.
    #[error("the object store {0} for large events does not exist")]
    NoBucket(String),
    /// No stream takes the subject, or it has no leader at the moment.
    #[error("no stream takes this subject, or JetStream has no leader")]
    NoStream,
    /// JetStream refused it.
    #[error("JetStream refused the message: {description} (error {code})")]
    Refused {
        /// JetStream's error code, for example 10077.
        code: u64,
        /// JetStream's own words.
        description: String,
    },
    /// No answer in time.
    #[error("no acknowledgement in time")]
    TimedOut,
    /// Larger than the server takes in one message.
    #[error("the message is larger than the server's max_payload")]
    TooLarge,
    /// An answer that is no acknowledgement.
    #[error("the answer is no acknowledgement")]
    Unreadable,
}

impl Unacknowledged {
    pub(super) fn from_client(error: &async_nats::PublishError) -> Self {
        match error.kind() {
            async_nats::client::PublishErrorKind::MaxPayloadExceeded => Self::TooLarge,
            _ => Self::Closed,
        }
    }
}

type Answer = Result<async_nats::Message, Unacknowledged>;
type Waiting = HashMap<u64, Waiter, BuildHasherDefault<Spread>>;

/// Who waits for the acknowledgement of what was published to a subject.
#[derive(Debug)]
struct Waiter {
    subject: Subject,
    answer: oneshot::Sender<Answer>,
}

/// Hashes our own count of messages, which no sender can choose: one multiplication spreads it.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Who waits for which acknowledgement.
#[derive(Debug)]
pub(super) struct Acks {
    inbox: String,
    next: AtomicU64,
    /// How many replies have come.
    heard: AtomicU64,
    waiting: Mutex<Waiting>,
    /// Whether the server denies the subscription.
    deaf: AtomicBool,
    denied: Notify,
}

/// The right to one acknowledgement. Dropping it gives it up.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    acks: &'a Acks,
    token: u64,
    answer: oneshot::Receiver<Answer>,
    answered: bool,
}

impl Acks {
    pub(super) fn new(inbox: String) -> Self {
        Self {
            inbox,
            next: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            waiting: Mutex::default(),
            deaf: AtomicBool::new(false),
            denied: Notify::new(),
        }
    }

    /// What is subscribed to.
    pub(super) fn inbox(&self) -> String {
        format!("{}.*", self.inbox)
    }

    /// Whether replies can be heard; the reason if the server denies it.
    pub(super) fn hears(&self) -> Result<(), Unacknowledged> {
        if self.deaf.load(Ordering::Relaxed) {
            return Err(Unacknowledged::Deaf(self.inbox()));
        }
        Ok(())
    }

    /// Makes a place for the acknowledgement of one message to `subject`.
    pub(super) fn expect(&self, subject: Subject) -> Expected<'_> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(token, Waiter { subject, answer: sender });
        Expected { acks: self, token, answer, answered: false }
    }

    /// How many replies have come so far: a number that stays the same shows a server that is silent.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Subscribes, hands out what comes in, and tells everybody when the connection is lost. A server that denies the
    /// subscription is asked again from time to time: it never says that it would allow it now.
    pub(super) async fn receive(
        self: Arc<Self>,
        client: async_nats::Client,
        mut replies: async_nats::Subscriber,
        mut link: watch::Receiver<Link>,
    ) {
        loop {
            tokio::select! {
                reply = replies.next() => match reply {
                    Some(reply) => self.hand_out(reply),
                    None => return,
                },
                changed = link.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if *link.borrow_and_update() == Link::Down {
                        self.fail_all(&Unacknowledged::Disconnected);
                    }
                }
                () = self.denied.notified() => {
                    tokio::time::sleep(TRY_AGAIN).await;
                    let Ok(again) = client.subscribe(self.inbox()).await else { return };
                    replies = again;
                    if tokio::time::timeout(SURE, self.denied.notified()).await.is_ok() {
                        self.denied.notify_one();
                    } else {
                        self.deaf.store(false, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    fn hand_out(&self, reply: async_nats::Message) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let token = reply.subject.rsplit_once('.').and_then(|(_, token)| token.parse().ok());
        if let Some(token) = token {
            self.answer(token, Ok(reply));
        }
    }

    /// Tells who waits for it what came back for a message.
    pub(super) fn answer(&self, token: u64, answer: Answer) {
        let waiting = self.waiting().remove(&token);
        if let Some(waiting) = waiting {
            // Who gave up in this moment does not want it any more.
            let _ = waiting.answer.send(answer);
        }
    }

    /// Tells who published to `subject` that the server does not let us: it says so once, to nobody in particular,
    /// and sends no reply.
    pub(super) fn deny(&self, subject: &str) {
        let denied: Vec<Waiter> = {
            let mut waiting = self.waiting();
            let tokens: Vec<u64> = waiting
                .iter()
                .filter(|(_, waiter)| waiter.subject.as_str() == subject)
                .map(|(token, _)| *token)
                .collect();
            tokens.iter().filter_map(|token| waiting.remove(token)).collect()
        };
        for waiter in denied {
            let _ = waiter.answer.send(Err(Unacknowledged::Denied(subject.to_owned())));
        }
    }

    /// The server does not let us hear replies: so nobody waits for any.
    pub(super) fn deny_inbox(&self) {
        self.deaf.store(true, Ordering::Relaxed);
        self.fail_all(&Unacknowledged::Deaf(self.inbox()));
        self.denied.notify_one();
    }

    fn fail_all(&self, reason: &Unacknowledged) {
        let waiting = std::mem::take(&mut *self.waiting());
        for (_, waiting) in waiting {
            let _ = waiting.answer.send(Err(reason.clone()));
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A map of senders has no state that a panic could leave half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected<'_> {
    pub(super) fn token(&self) -> u64 {
        self.token
    }

    pub(super) fn reply_subject(&self) -> Subject {
        Subject::from([&*self.acks.inbox, ".", &self.token.to_string()].concat())
    }

    /// The acknowledgement.
    pub(super) async fn answer(self) -> Result<Ack, Unacknowledged> {
        read(&self.reply().await?)
    }

    /// The reply, whatever it says.
    pub(super) async fn reply(mut self) -> Answer {
        let answer = (&mut self.answer).await.unwrap_or(Err(Unacknowledged::Closed));
        // Whoever answers has taken the entry out.
        self.answered = true;
        match answer {
            Ok(reply) if reply.status == Some(async_nats::StatusCode::NO_RESPONDERS) => {
                Err(Unacknowledged::NoStream)
            }
            answer => answer,
        }
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.acks.waiting().remove(&self.token);
        }
    }
}

#[derive(Deserialize)]
struct PubAck {
    stream: Option<String>,
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

fn read(reply: &async_nats::Message) -> Result<Ack, Unacknowledged> {
    let ack: PubAck =
        serde_json::from_slice(&reply.payload).map_err(|_not_an_ack| Unacknowledged::Unreadable)?;
    match ack {
        PubAck { error: Some(error), .. } => {
            Err(Unacknowledged::Refused { code: error.err_code, description: error.description })
        }
        PubAck { stream: Some(stream), seq: Some(sequence), duplicate, .. } => {
            Ok(Ack { stream, sequence, duplicate })
        }
        _ => Err(Unacknowledged::Unreadable),
    }
}
