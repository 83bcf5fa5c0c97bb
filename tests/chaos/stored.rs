//! Reading a stream from end to end, in bounded memory, and holding each message against what was sent.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Message, consumer::PullConsumer};
use futures_util::StreamExt as _;
use serde_json::value::RawValue;

use crate::payload;
use crate::verdict::Stored;

/// Messages that are asked for at once.
const BATCH: usize = 1000;
/// How long a batch may take before it is asked for again.
const EXPIRES: Duration = Duration::from_secs(5);
/// Batches in a row without a message after which the rest is given up.
const VAIN: u32 = 6;

/// Reads everything after sequence `after` up to what is the last one now; gives that one.
pub(crate) async fn read(
    stream: &Stream,
    after: u64,
    mut each: impl FnMut(&Message, u64),
) -> Result<u64> {
    let last = stream.get_info().await?.state.last_sequence;
    let (mut position, mut vain) = (after, 0);
    while position < last {
        let came = match consumer(stream, position + 1).await {
            Ok(consumer) => read_some(&consumer, &mut position, last, &mut each).await,
            Err(_busy) => Ok(false),
        };
        vain = if came.unwrap_or(false) { 0 } else { vain + 1 };
        ensure!(vain < VAIN, "the stream gives nothing after sequence {position} of {last}");
    }
    Ok(position.max(last))
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
    each: &mut impl FnMut(&Message, u64),
) -> Result<bool> {
    let mut any = false;
    while *position < last {
        let batch = consumer.batch().max_messages(BATCH).expires(EXPIRES);
        let mut batch = batch.messages().await?;
        let mut came = false;
        while *position < last {
            let Some(message) = batch.next().await else { break };
            let message = message.map_err(|error| anyhow::anyhow!(error))?;
            let info = message.info().map_err(|error| anyhow::anyhow!(error))?;
            if info.stream_sequence <= *position {
                continue;
            }
            *position = info.stream_sequence;
            each(&message, *position);
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
pub(crate) fn number(run: u32, message: &Message) -> Option<u64> {
    let headers = message.headers.as_ref()?;
    payload::number_of(run, headers.get("Nats-Msg-Id")?.as_str())
}

/// What the verdict must know of a message; `repository` says whose a delivery is.
pub(crate) fn examine(
    run: u32,
    message: &Message,
    sequence: u64,
    repository: impl Fn(u64) -> Option<u16>,
) -> Stored {
    let number = number(run, message);
    let sent = number.and_then(|number| Some(payload::body(number, repository(number)?)));
    let header = |name| message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
    let at = message.info().map(|info| info.published.unix_timestamp_nanos()).unwrap_or_default();
    let intact = sent
        .is_some_and(|sent| is_intact(&message.payload, header("Forgewire-Digest"), &sent).is_ok());
    Stored {
        number,
        sequence,
        at: Duration::from_nanos(u64::try_from(at).unwrap_or_default()),
        resent: header("Forgewire-Resent") == Some("1"),
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
