//! The connection to NATS: everything that names the client library.
//!
//! Owns the one connection ([`connect`]), the replies to what is published ([`acks`]) and asked ([`api`]), the stream ([`stream`]) and its
//! consumers ([`consumer`]), and the object store ([`bucket`], [`objects`]). In come messages, out come acknowledgements or the exact reason why there is none. It decides nothing:
//! whether to try again, and what to tell a forge, is for the [`crate::outbox`].

mod acks;
pub mod api;
pub mod bucket;
mod connect;
pub mod consumer;
mod objects;
mod permissions;
pub mod probe;
mod queue;
pub mod stream;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::{Event, HeaderMap, HeaderName, HeaderValue, ServerAddr, Subject};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as Unread;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::config::Nats;
use crate::facts;
use crate::message::Message;
use acks::Acks;
pub use acks::{Ack, Unacknowledged};
pub use connect::Trouble;
use connect::Troubles;
use permissions::Permissions;
pub use permissions::{Denial, Operation};
use queue::{Outgoing, Queue};

/// Whether NATS can be reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Link {
    /// Not connected: not yet, or not any more.
    Down,
    /// Connected, for the how-many-th time.
    Up(u64),
}

/// Why there is no connection to begin with.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A server's address cannot be used.
    #[error("nats.servers: {0}")]
    Address(#[source] std::io::Error),
    /// The client refused its options.
    #[error("cannot start the NATS client: {0}")]
    Client(#[from] async_nats::ConnectError),
    /// The inbox for replies could not be subscribed to.
    #[error("cannot subscribe to the inbox for acknowledgements: {0}")]
    Inbox(#[from] async_nats::SubscribeError),
}

/// A client that is connected, or will be: it goes on trying for ever.
#[derive(Debug)]
pub struct JetStream {
    client: async_nats::Client,
    /// First tokens of every request to the JetStream API.
    api_prefix: Box<str>,
    permissions: Arc<Permissions>,
    troubles: Troubles,
    acks: Arc<Acks>,
    queue: Arc<Queue>,
    link: watch::Receiver<Link>,
    store: objects::Store,
    /// Largest message that server and stream take, headers included, as far as that is known.
    largest: AtomicUsize,
    /// Somebody should look whether the stream is there.
    missing: Notify,
    /// For how long the stream recognises repeats, in milliseconds, as far as that is known.
    duplicate_window: AtomicU64,
}

/// A limit of the server or stream that is smaller than what a message may have by the configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unfit {
    /// `max_payload` of the server, or `max_msg_size` of the stream.
    pub limit: &'static str,
    /// That limit, in bytes.
    pub bytes: usize,
    /// What the configuration says, in bytes.
    pub wanted: usize,
}

impl JetStream {
    /// Starts the client. It returns at once, connected or not, and with the work of hearing
    /// acknowledgements: nothing is acknowledged unless that is run, and it never ends by itself.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the options cannot be used; never because no server answers.
    pub async fn start(
        options: &Nats,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), ConnectError> {
        let addresses: Result<Vec<ServerAddr>, _> =
            options.servers.iter().map(|server| server.parse()).collect();
        let nats = Arc::new(options.clone());
        let (state, link) = watch::channel(Link::Down);
        let (permissions, troubles) = (Arc::<Permissions>::default(), Troubles::new(&nats));
        // The inbox is known once there is a client, and what the server denies is heard by the client.
        let acks: Arc<OnceLock<Arc<Acks>>> = Arc::default();
        let ears = Ears {
            state,
            acks: Arc::clone(&acks),
            permissions: Arc::clone(&permissions),
            troubles: troubles.clone(),
        };
        let client = connect::options(&nats, &troubles)
            .event_callback(move |event| {
                ears.hear(&event);
                std::future::ready(())
            })
            .connect(addresses.map_err(ConnectError::Address)?)
            .await?;
        let acks = Arc::clone(acks.get_or_init(|| Arc::new(Acks::new(client.new_inbox()))));
        let subscriber = client.subscribe(acks.inbox()).await?;
        let queue = Arc::new(Queue::default());
        let replies = Arc::clone(&acks).receive(client.clone(), subscriber, link.clone());
        let sending = Arc::clone(&queue).send(client.clone(), Arc::clone(&acks));
        // Both go on for ever; when the client ends, so does the one that hears from it.
        let work = async move {
            tokio::select! {
                () = replies => {}
                () = sending => {}
            }
        };
        let store = objects::Store::default();
        let largest = AtomicUsize::new(usize::MAX);
        let missing = Notify::new();
        let duplicate_window = AtomicU64::new(u64::MAX);
        let api_prefix = options.api_prefix.as_str().into();
        let jetstream = Self {
            client,
            api_prefix,
            permissions,
            troubles,
            acks,
            queue,
            link,
            store,
            largest,
            missing,
            duplicate_window,
        };
        Ok((jetstream, work))
    }

    /// Publishes one message and waits for its acknowledgement, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`Unacknowledged`]; the message may be in the stream all the same.
    pub async fn publish(
        &self,
        message: &Message,
        deadline: Instant,
    ) -> Result<Ack, Unacknowledged> {
        if *self.link.borrow() == Link::Down {
            return Err(Unacknowledged::Away);
        }
        self.acks.hears()?;
        let subject: Subject = message.subject.as_str().into();
        let waiting = self.acks.expect(subject.clone());
        let place = self.queue.put(Outgoing {
            token: waiting.token(),
            subject,
            reply: waiting.reply_subject(),
            headers: headers(message)?,
            body: message.body.clone(),
        });
        let answer = tokio::time::timeout_at(deadline, waiting.answer()).await;
        let answer = answer.unwrap_or(Err(Unacknowledged::TimedOut));
        if answer.is_ok() {
            place.left();
        }
        if matches!(answer, Err(Unacknowledged::NoStream)) {
            self.missing.notify_one();
        }
        answer
    }

    /// Says for how long the stream recognises repeats.
    pub fn recognises_repeats_for(&self, window: Duration) {
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        self.duplicate_window.store(millis, Ordering::Relaxed);
    }

    /// For how long the stream recognises repeats; for ever, as long as nobody has looked.
    #[must_use]
    pub fn duplicate_window(&self) -> Duration {
        Duration::from_millis(self.duplicate_window.load(Ordering::Relaxed))
    }

    /// Asks for a look at the stream: it may be another one than before.
    pub fn look_at_stream(&self) {
        self.missing.notify_one();
    }

    /// Completes when something was published that no stream took, or a look was asked for.
    pub async fn stream_is_missing(&self) {
        self.missing.notified().await;
    }

    /// Compares how large messages may be by the configuration with what server and stream take. From now on
    /// [`JetStream::largest`] says what fits all of them.
    pub fn fit(&self, wanted: usize, max_msg_size: Option<usize>) -> Vec<Unfit> {
        let limits =
            [("max_payload", Some(self.client.max_payload())), ("max_msg_size", max_msg_size)];
        let unfit = limits.into_iter().filter_map(|(limit, bytes)| {
            let bytes = bytes.filter(|bytes| *bytes < wanted)?;
            Some(Unfit { limit, bytes, wanted })
        });
        let unfit: Vec<_> = unfit.collect();
        let smallest = unfit.iter().map(|unfit| unfit.bytes).min();
        self.largest.store(smallest.unwrap_or(usize::MAX), Ordering::Relaxed);
        unfit
    }

    /// Largest message that server and stream take, headers included, in bytes, where that is less than the
    /// configuration says; else any number above it.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.largest.load(Ordering::Relaxed)
    }

    /// How many replies have come so far. A number that stays the same while somebody waits shows a server that is
    /// silent.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.acks.heard()
    }

    /// The state of the connection, and every change of it.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Completes with the next permission that the server denies us, if that concerns us.
    pub async fn denied(&self, concerns: impl Fn(&Denial) -> bool) -> Denial {
        self.permissions.denied(concerns).await
    }

    /// Why the last attempt to connect failed, if one did.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.troubles.last()
    }

    /// Version of the server, and its `max_payload` in bytes.
    #[must_use]
    pub fn server(&self) -> (String, usize) {
        let info = self.client.server_info();
        (info.version, info.max_payload)
    }

    /// First tokens of every request to the JetStream API.
    #[must_use]
    pub fn api_prefix(&self) -> &str {
        &self.api_prefix
    }

    /// The client, for what is not published.
    #[must_use]
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    /// Sends what is still buffered and closes the connection, in at most two seconds.
    pub async fn drain(&self) {
        let drained = async {
            if self.client.flush().await.is_ok() && self.client.drain().await.is_ok() {
                debug!("NATS connection drained.");
            }
        };
        if *self.link.borrow() != Link::Down {
            let _ = tokio::time::timeout(Duration::from_secs(2), drained).await;
        }
    }
}

/// The headers of a message as the client takes them: the first one by its name, all others as lines of its value.
///
/// A map of fifteen headers is some thirty allocations, which another thread gives back. The client refuses line
/// breaks wherever it makes a value, but reads one as it was written; should it no longer, each header gets an entry
/// of its own. The names are our own, and there is no line break in what a message says.
fn headers(message: &Message) -> Result<HeaderMap, Unacknowledged> {
    if let Some(name) = message.headers.broken() {
        return Err(Unacknowledged::Header(name));
    }
    let mut all = message.headers.iter();
    let mut headers = HeaderMap::new();
    let Some((first, value)) = all.next() else { return Ok(headers) };
    let mut lines = String::with_capacity(message.headers.wire_len());
    lines.push_str(value);
    for (name, value) in all {
        for part in ["\r\n", name, ": ", value] {
            lines.push_str(part);
        }
    }
    match HeaderValue::deserialize(lines.into_deserializer()) {
        Ok(lines) => headers.insert(HeaderName::from_static(first), lines),
        Err::<_, Unread>(_refused) => {
            for (name, value) in message.headers.iter() {
                headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
            }
        }
    }
    Ok(headers)
}

/// Who hears what the client reports.
struct Ears {
    state: watch::Sender<Link>,
    acks: Arc<OnceLock<Arc<Acks>>>,
    permissions: Arc<Permissions>,
    troubles: Troubles,
}

impl Ears {
    /// Keeps account of what the client reports. Must be quick: reports that wait are dropped.
    fn hear(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.permissions.may_have_changed();
                self.troubles.are_over();
                self.state.send_modify(|link| {
                    *link = match *link {
                        Link::Down => Link::Up(next_connection()),
                        up @ Link::Up(_) => up,
                    };
                });
                facts::nats_connected();
            }
            Event::Disconnected | Event::Closed => {
                if self.state.send_replace(Link::Down) != Link::Down {
                    warn!("Connection to NATS lost; trying to connect again for ever.");
                }
            }
            Event::SlowConsumer(_) => {
                warn!("NATS sends acknowledgements faster than they are read.");
            }
            Event::ServerError(error) => self.refused(error),
            Event::ClientError(error) => debug!(%error, "NATS client reports an error."),
            Event::LameDuckMode => {
                info!("The NATS server is about to stop; moving to another one when it does.");
            }
            // Our own doing: the end of the connection that follows is no loss.
            Event::Draining => {
                self.state.send_replace(Link::Down);
            }
        }
    }

    fn refused(&self, error: &async_nats::ServerError) {
        let words = match error {
            async_nats::ServerError::Other(words) => words,
            _ => "",
        };
        let Some(denial) = Denial::parse(words) else {
            warn!(%error, "NATS refused something.");
            return;
        };
        if let Some(acks) = self.acks.get() {
            match denial.operation {
                Operation::Publish => acks.deny(&denial.subject),
                Operation::Subscribe if denial.subject == acks.inbox() => acks.deny_inbox(),
                Operation::Subscribe => {}
            }
        }
        self.permissions.deny(denial);
    }
}

fn next_connection() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_still_takes_all_headers_as_lines_of_one() {
        let lines = "x\r\nce-id: y".to_owned();
        let value: Result<HeaderValue, Unread> =
            HeaderValue::deserialize(lines.into_deserializer());
        assert_eq!(value.unwrap().as_str(), "x\r\nce-id: y");
    }
}
