//! The messages of a stream, in order and each once, however often the connection breaks.
//!
//! Owns the position: the sequence after the last message handed out. The ordered consumer of the client
//! library repairs most faults by itself, but begins with the whole stream if it must do so before its
//! first message, and notices the loss of a server only after half a minute; so it is replaced here
//! whenever the connection was made anew, and when it hands out what is not wanted.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, ErrorCode};
use futures_util::StreamExt as _;
use tracing::{debug, warn};

use super::{Entry, Follow, TailError, start};

/// How long a request to the JetStream API may take.
const API_TIMEOUT: Duration = Duration::from_secs(5);
/// Most messages that wait in memory: bodies can have a megabyte.
const BATCH: i64 = 64;
/// How often it is looked whether the connection is still the same.
const LOOK_AT_CONNECTION: Duration = Duration::from_millis(100);
/// Longest pause between two attempts to read again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Reads the messages of one stream that one filter lets through.
pub(super) struct Reader {
    client: async_nats::Client,
    context: Context,
    stream: String,
    subject: String,
    /// Sequence of the next message to hand out, at least.
    next: u64,
    /// When the stream was made: another time is another stream, with sequences of its own.
    created: async_nats::datetime::DateTime,
    /// `None` while there is nothing to read from.
    messages: Option<Ordered>,
    /// Which connection `messages` was made on.
    connection: u64,
}

impl Reader {
    /// Finds the stream and where to begin in it.
    pub(super) async fn open(
        client: &async_nats::Client,
        follow: &Follow,
    ) -> Result<Self, TailError> {
        let mut context = async_nats::jetstream::with_prefix(client.clone(), &follow.api_prefix);
        context.set_timeout(API_TIMEOUT);
        let subject = match follow.subject.as_str() {
            "" => format!("{}.>", follow.prefix),
            subject => subject.to_owned(),
        };
        let connection = connects(client);
        let stream = find(&context, &follow.stream).await?;
        let next = start::sequence(&stream, &subject, follow.start).await?;
        let messages = ordered(&stream, &subject, next).await?;
        Ok(Self {
            client: client.clone(),
            context,
            stream: follow.stream.clone(),
            subject,
            next,
            created: stream.cached_info().created,
            messages: Some(messages),
            connection,
        })
    }

    /// What it reads with.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// The next message; waits for it as long as it takes.
    pub(super) async fn next(&mut self) -> Entry {
        loop {
            let Some(messages) = &mut self.messages else {
                self.reopen().await;
                continue;
            };
            let received = tokio::select! {
                received = messages.next() => received,
                () = reconnected(&self.client, self.connection) => None,
            };
            let wanted = match received {
                Some(Ok(message)) => entry(message).filter(|entry| entry.sequence >= self.next),
                Some(Err(error)) => {
                    debug!(%error, "Reading the stream was interrupted.");
                    None
                }
                None => None,
            };
            if let Some(entry) = wanted {
                self.next = entry.sequence + 1;
                return entry;
            }
            self.messages = None;
            // A server that refuses each time must not be asked without a pause.
            tokio::time::sleep(LOOK_AT_CONNECTION).await;
        }
    }

    /// Goes on reading at `next` as soon as that is possible.
    async fn reopen(&mut self) {
        let mut pause = LOOK_AT_CONNECTION;
        loop {
            self.connection = connects(&self.client);
            if self.client.connection_state() == State::Connected {
                match self.try_reopen().await {
                    Ok(messages) => {
                        self.messages = Some(messages);
                        return;
                    }
                    Err(error) => debug!(%error, "Cannot read the stream yet."),
                }
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_reopen(&mut self) -> Result<Ordered, TailError> {
        let stream = find(&self.context, &self.stream).await?;
        let created = stream.cached_info().created;
        if created != self.created {
            warn!(stream = %self.stream, "The stream was made anew; reading it from its beginning.");
            self.created = created;
            self.next = 1;
        }
        ordered(&stream, &self.subject, self.next).await
    }
}

async fn find(context: &Context, name: &str) -> Result<Stream, TailError> {
    context.get_stream(name).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(refusal)
            if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND =>
        {
            TailError::NoStream(name.to_owned())
        }
        _ => TailError::Stream { stream: name.to_owned(), reason: error.to_string() },
    })
}

async fn ordered(stream: &Stream, subject: &str, next: u64) -> Result<Ordered, TailError> {
    let refused = |reason: String| TailError::Consumer {
        subject: subject.to_owned(),
        stream: stream.cached_info().config.name.clone(),
        reason,
    };
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next },
        description: Some("forgewire tail".to_owned()),
        filter_subject: subject.to_owned(),
        max_batch: BATCH,
        ..OrderedConfig::default()
    };
    let consumer =
        stream.create_consumer(config).await.map_err(|error| refused(error.to_string()))?;
    consumer.messages().await.map_err(|error| refused(error.to_string()))
}

fn entry(message: async_nats::jetstream::Message) -> Option<Entry> {
    let (sequence, stored_at) = {
        let info = message.info().ok()?;
        (info.stream_sequence, info.published.into())
    };
    let (message, _acker) = message.split();
    Some(Entry {
        subject: message.subject.into_string(),
        sequence,
        stored_at,
        headers: message.headers.unwrap_or_default(),
        body: message.payload,
    })
}

/// How many connections there have been.
fn connects(client: &async_nats::Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

/// Completes when the connection is another one than the `known`.
async fn reconnected(client: &async_nats::Client, known: u64) {
    let mut pause = tokio::time::interval(LOOK_AT_CONNECTION);
    while connects(client) == known {
        pause.tick().await;
    }
}
