//! Reading a stream from end to end, in bounded memory, and holding each message against what was sent.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Message, consumer::PullConsumer};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::value::RawValue;

use crate::payload;
use crate::verdict::Stored;

/// Messages that are asked for at once.
const BATCH: usize = 1000;
/// How long a batch may take before it is asked for again.
const EXPIRES: Duration = Duration::from_secs(5);
/// Attempts in a row without a message after which the rest is given up.
const VAIN: u32 = 30;
/// Pause after one.
const AGAIN: Duration = Duration::from_secs(1);

/// A message as the stream holds it.
pub(crate) struct Kept {
    pub(crate) sequence: u64,
    headers: HeaderMap,
    body: Bytes,
    /// The server's time of storing, since the epoch.
    at: Duration,
}

impl Kept {
    fn delivered(message: Message) -> Result<Self> {
        let info = message.info().map_err(|error| anyhow!(error))?;
        let (sequence, at) =
            (info.stream_sequence, since_epoch(info.published.unix_timestamp_nanos()));
        let Message { message, .. } = message;
        Ok(Self {
            sequence,
            headers: message.headers.unwrap_or_default(),
            body: message.payload,
            at,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(async_nats::HeaderValue::as_str)
    }
}

fn since_epoch(nanoseconds: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default())
}

/// Reads everything after sequence `after` up to what is the last one now.
pub(crate) async fn read(stream: &Stream, after: u64, mut each: impl FnMut(&Kept)) -> Result<()> {
    let info = stream.get_info().await?;
    let (last, replicas) = (info.state.last_sequence, info.config.num_replicas);
    let (mut position, mut vain) = (after, 0);
    while position < last {
        let came = if replicas > 1 {
            // A consumer reads the copy of any server: with 2.9.10 one was seen to differ from the leader's.
            read_singly(stream, &mut position, last, &mut each).await
        } else {
            match consumer(stream, position + 1).await {
                Ok(consumer) => read_some(&consumer, &mut position, last, &mut each).await,
                Err(busy) => Err(busy),
            }
        };
        if matches!(came, Ok(true)) {
            vain = 0;
            continue;
        }
        vain += 1;
        ensure!(
            vain < VAIN,
            "the stream gives nothing after sequence {position} of {last}: {}",
            came.err().map_or_else(|| "no message".to_owned(), |error| format!("{error:#}"))
        );
        // A cluster may be busy with an election.
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

/// Asks for one message after the other.
async fn read_singly(
    stream: &Stream,
    position: &mut u64,
    last: u64,
    each: &mut impl FnMut(&Kept),
) -> Result<bool> {
    while *position < last {
        let message = stream.get_raw_message(*position + 1).await?;
        let StreamMessage { sequence, headers, payload, time, .. } = message;
        *position = sequence;
        each(&Kept {
            sequence,
            headers,
            body: payload,
            at: since_epoch(time.unix_timestamp_nanos()),
        });
    }
    Ok(true)
}

async fn consumer(stream: &Stream, from: u64) -> Result<PullConsumer> {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
        ack_policy: AckPolicy::None,
        replay_policy: ReplayPolicy::Instant,
        inactive_threshold: Duration::from_secs(30),
        ..pull::Config::default()
    };
    Ok(stream.create_consumer(config).await?)
}

/// Whether anything came. Ends at the first thing that is odd: a new consumer goes on from there.
async fn read_some(
    consumer: &PullConsumer,
    position: &mut u64,
    last: u64,
    each: &mut impl FnMut(&Kept),
) -> Result<bool> {
    let mut any = false;
    while *position < last {
        let batch = consumer.batch().max_messages(BATCH).expires(EXPIRES);
        let mut batch = batch.messages().await?;
        let mut came = false;
        while *position < last {
            let Some(message) = batch.next().await else { break };
            let kept = Kept::delivered(message.map_err(|error| anyhow!(error))?)?;
            if kept.sequence <= *position {
                continue;
            }
            *position = kept.sequence;
            each(&kept);
            came = true;
        }
        any |= came;
        if !came {
            break;
        }
    }
    Ok(any)
}

/// The delivery that a message is of.
pub(crate) fn number(run: u32, message: &Kept) -> Option<u64> {
    payload::number_of(run, message.header("Nats-Msg-Id")?)
}

/// What the verdict must know of a message; `sent` says what the body of a delivery was.
pub(crate) fn examine(run: u32, message: &Kept, sent: impl Fn(u64) -> Option<Vec<u8>>) -> Stored {
    let number = number(run, message);
    let sent = number.and_then(sent);
    let digest = message.header("Forgewire-Digest");
    let intact = sent.is_some_and(|sent| is_intact(&message.body, digest, &sent).is_ok());
    Stored {
        number,
        sequence: message.sequence,
        at: message.at,
        resent: message.header("Forgewire-Resent") == Some("1"),
        intact,
    }
}

/// Whether a message carries the bytes that were sent, and their digest, in body and header.
pub(crate) fn is_intact(body: &[u8], digest_header: Option<&str>, sent: &[u8]) -> Result<()> {
    let members: HashMap<&str, &RawValue> = serde_json::from_slice(body)?;
    let raw = members.get("raw").context("no raw")?;
    ensure!(raw.get().as_bytes() == sent, "another raw");
    let delivery: serde_json::Value =
        serde_json::from_str(members.get("delivery").context("no delivery")?.get())?;
    let digest = format!("blake3={}", blake3::hash(sent).to_hex());
    ensure!(delivery["digest"] == *digest, "another digest");
    ensure!(digest_header == Some(&*digest), "another digest in the header");
    Ok(())
}
