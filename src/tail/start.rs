//! Where to begin: turns a [`Start`] into a sequence of the stream.
//!
//! Reads no message for it. It asks the server what a consumer from some sequence on would have to
//! deliver, which the server knows by filter; the consumers made for that are deleted at once.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;

use super::{Start, TailError};

/// After that long the server drops a probe by itself, should deleting it fail.
const PROBE_LIFE: Duration = Duration::from_secs(5);

/// The sequence of the first message to print, or one before it that the filter does not let through.
pub(super) async fn sequence(
    stream: &Stream,
    subject: &str,
    start: Start,
) -> Result<u64, TailError> {
    let state = &stream.cached_info().state;
    let (first, end) = (state.first_sequence.max(1), state.last_sequence + 1);
    let probes = Probes { stream, subject };
    match start {
        Start::All => Ok(first),
        Start::New => Ok(end),
        Start::Last(count) => probes.last(count, first, end).await,
        Start::Since(age) => match since(age) {
            Some(start_time) => {
                let policy = DeliverPolicy::ByStartTime { start_time: start_time.into() };
                Ok(probes.probe(policy).await?.begins)
            }
            None => Ok(first),
        },
    }
}

/// The instant that long ago; `None` if that is before every message.
fn since(age: Duration) -> Option<SystemTime> {
    SystemTime::now().checked_sub(age).filter(|time| *time > SystemTime::UNIX_EPOCH)
}

struct Probes<'a> {
    stream: &'a Stream,
    subject: &'a str,
}

/// What a consumer would deliver.
struct Probe {
    /// Sequence that it would begin to look at.
    begins: u64,
    /// How many messages.
    pending: u64,
}

impl Probes<'_> {
    /// Where `count` messages are still to come, between `first` and `end`, the sequence of the next
    /// message of the stream. Strides backwards until they are enough, then halves the last stride.
    async fn last(&self, count: u64, first: u64, end: u64) -> Result<u64, TailError> {
        let (mut stride, mut too_late) = (count, end);
        let mut too_early = loop {
            let at = end.saturating_sub(stride).max(first);
            if at >= end {
                return Ok(end);
            }
            match self.pending(at).await?.cmp(&count) {
                Ordering::Equal => return Ok(at),
                Ordering::Greater => break at,
                Ordering::Less if at == first => return Ok(at),
                Ordering::Less => too_late = at,
            }
            stride = stride.saturating_mul(4);
        };
        while too_late - too_early > 1 {
            let middle = too_early + (too_late - too_early) / 2;
            match self.pending(middle).await?.cmp(&count) {
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => too_early = middle,
                Ordering::Less => too_late = middle,
            }
        }
        // Only if messages came or went meanwhile: rather some more than too few.
        Ok(too_early)
    }

    async fn pending(&self, start_sequence: u64) -> Result<u64, TailError> {
        let policy = DeliverPolicy::ByStartSequence { start_sequence };
        Ok(self.probe(policy).await?.pending)
    }

    async fn probe(&self, deliver_policy: DeliverPolicy) -> Result<Probe, TailError> {
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            deliver_policy,
            description: Some("forgewire tail: where to begin".to_owned()),
            filter_subject: self.subject.to_owned(),
            inactive_threshold: PROBE_LIFE,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self.stream.create_consumer(config).await.map_err(|error| {
            let stream = self.stream.cached_info().config.name.clone();
            TailError::Consumer {
                subject: self.subject.to_owned(),
                stream,
                reason: error.to_string(),
            }
        })?;
        let info = consumer.cached_info();
        let (stream, name) = (self.stream.clone(), info.name.clone());
        tokio::spawn(async move {
            // The server drops it by itself, only later. Who may not delete it has no answer, which nobody waits for.
            let _ = stream.delete_consumer(&name).await;
        });
        Ok(Probe { begins: info.delivered.stream_sequence + 1, pending: info.num_pending })
    }
}
