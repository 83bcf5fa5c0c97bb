//! Whether the server lets us do what the daemon needs, tried so that nothing comes of it.
//!
//! Out come [`Probe`]s: requests that JetStream refuses for what they say once the server has let them pass. An event is
//! tried with `Nats-Expected-Stream` of a stream that is not there, so it is stored nowhere; who subscribes to its subject without
//! JetStream sees a message without headers of ours and without a body.

use std::time::Duration;

use async_nats::HeaderMap;
use serde_json::json;

use super::acks::Unacknowledged;
use super::{JetStream, objects};
use crate::config::Config;

/// How long a refusal may take to come.
const TIMEOUT: Duration = Duration::from_secs(3);
/// A name that no stream of anybody has.
const NOBODY: &str = "forgewire-doctor-expects-no-such-stream";

/// One thing to try.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The subject to publish to.
    pub subject: String,
    /// What it is needed to do.
    pub why: &'static str,
    body: Vec<u8>,
}

/// What a daemon of this configuration needs, as far as it can be tried.
#[must_use]
pub fn probes(config: &Config, api_prefix: &str) -> Vec<Probe> {
    let (stream, bucket) = (config.stream.name.as_str(), config.stream.bucket());
    let below = objects::stream_of(&bucket);
    let probe = |subject: String, why, body: serde_json::Value| Probe {
        subject,
        why,
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    };
    let nothing = serde_json::Value::Null;
    let mut all = Vec::new();
    for source in config.sources.keys() {
        let subject = format!("{}.{source}.doctor", config.stream.subject_prefix);
        all.push(probe(subject, "publish events", nothing.clone()));
    }
    for part in ["C", "M"] {
        all.push(probe(
            format!("$O.{bucket}.{part}.doctor"),
            "store what is too large",
            nothing.clone(),
        ));
    }
    for name in [stream, &below] {
        all.push(probe(
            format!("{api_prefix}.STREAM.INFO.{name}"),
            "look at the stream",
            nothing.clone(),
        ));
        if config.stream.manage {
            // The name in the body is not that of the subject.
            for verb in ["CREATE", "UPDATE"] {
                let subject = format!("{api_prefix}.STREAM.{verb}.{name}");
                all.push(probe(subject, "make and keep the stream", json!({ "name": NOBODY })));
            }
        }
    }
    // Of no object.
    let filter = format!("$O.{bucket}.C.{NOBODY}");
    all.push(probe(
        format!("{api_prefix}.STREAM.PURGE.{below}"),
        "remove what an upload left",
        json!({ "filter": filter }),
    ));
    all.push(probe(
        format!("{api_prefix}.STREAM.MSG.GET.{below}"),
        "look at an object",
        json!({ "last_by_subj": filter }),
    ));
    all
}

impl JetStream {
    /// Tries, and says why it is not allowed; whatever else the server says to it is as good as yes.
    ///
    /// # Errors
    ///
    /// The permission that is missing, or that there is no connection any more.
    pub async fn probe(&self, probe: Probe) -> Result<(), Unacknowledged> {
        self.acks.hears()?;
        let waiting = self.acks.expect(probe.subject.as_str().into());
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", NOBODY);
        let reply = waiting.reply_subject();
        let sent = if probe.body.is_empty() {
            let body = probe.body.into();
            self.client.publish_with_reply_and_headers(probe.subject, reply, headers, body).await
        } else {
            self.client.publish_with_reply(probe.subject, reply, probe.body.into()).await
        };
        sent.map_err(|error| Unacknowledged::from_client(&error))?;
        match tokio::time::timeout(TIMEOUT, waiting.reply()).await {
            Ok(Err(
                error
                @ (Unacknowledged::Denied(_) | Unacknowledged::Deaf(_) | Unacknowledged::Away),
            )) => Err(error),
            _ => Ok(()),
        }
    }
}
