//! Whether the server lets us do what the daemon needs, tried so that nothing comes of it.
//!
//! In comes a configuration, out come [`Probe`]s: requests that JetStream refuses for what they say once the server has let
//! them pass. An event, or part of an object, is published with `Nats-Expected-Stream` of a stream that is not there, so it is
//! stored nowhere; who subscribes to its subject without JetStream sees an empty message. A stream is made or changed under another
//! name in the subject than in the body. Nothing is purged, not even of a subject that nothing has.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_STREAM;
use futures_util::future::join_all;
use serde_json::json;

use super::acks::Unacknowledged;
use super::{JetStream, objects};
use crate::config::Config;

/// How long a refusal may take to come.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A name that no stream of anybody has.
const NOBODY: &str = "forgewire-doctor-expects-no-such-stream";

/// One thing to try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Probe {
    /// The subject to publish to.
    pub subject: String,
    /// What it is needed to do; reads on after "to".
    pub why: &'static str,
    /// Of a request; none: this is a message that expects to be stored nowhere.
    request: Option<String>,
}

/// What the server says to a [`Probe`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probed {
    /// It let it pass.
    Allowed,
    /// It does not let us publish there.
    Denied,
    /// It does not let us hear replies by this inbox, so nothing can be tried.
    Deaf(String),
    /// Nothing, for this reason.
    Unknown(String),
}

/// What a daemon of this configuration needs, as far as it can be tried.
#[must_use]
pub fn probes(config: &Config, api_prefix: &str) -> Vec<Probe> {
    let (stream, bucket) = (config.stream.name.as_str(), config.stream.bucket());
    let below = objects::stream_of(&bucket);
    let message = |subject, why| Probe { subject, why, request: None };
    let request = |subject, why, request: String| Probe { subject, why, request: Some(request) };
    let mut all = Vec::new();
    for source in config.sources.keys() {
        let prefix = &config.stream.subject_prefix;
        all.push(message(format!("{prefix}.{source}.-.-.unrecognized.-.-"), "publish events"));
    }
    for part in ["C", "M"] {
        all.push(message(format!("$O.{bucket}.{part}.doctor"), "store what is too large"));
    }
    for name in [stream, &below] {
        let of = |verb: &str| format!("{api_prefix}.STREAM.{verb}.{name}");
        all.push(request(of("INFO"), "see whether it is there", String::new()));
        if config.stream.manage {
            let other = json!({ "name": NOBODY }).to_string();
            all.push(request(of("CREATE"), "make it (stream.manage)", other.clone()));
            all.push(request(of("UPDATE"), "keep it as configured (stream.manage)", other));
        }
    }
    let nothing = json!({ "last_by_subj": format!("$O.{bucket}.M.{NOBODY}") }).to_string();
    let get = format!("{api_prefix}.STREAM.MSG.GET.{below}");
    all.push(request(get, "see whether an object is there", nothing));
    all
}

impl JetStream {
    /// Tries all of them at once, in at most five seconds.
    pub async fn probe(&self, probes: Vec<Probe>) -> Vec<(Probe, Probed)> {
        let tried = probes.into_iter().map(async |probe| {
            let outcome = match tokio::time::timeout(TIMEOUT, self.tried(&probe)).await {
                Ok(outcome) => outcome,
                Err(_elapsed) => Err(Unacknowledged::TimedOut),
            };
            (probe, read(outcome))
        });
        join_all(tried).await
    }

    async fn tried(&self, probe: &Probe) -> Result<(), Unacknowledged> {
        self.acks.hears()?;
        let waiting = self.acks.expect(probe.subject.as_str().into());
        let (subject, reply) = (probe.subject.clone(), waiting.reply_subject());
        let (client, body) = (&self.client, probe.request.clone().unwrap_or_default().into());
        let sent = if probe.request.is_some() {
            client.publish_with_reply(subject, reply, body).await
        } else {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_STREAM, NOBODY);
            client.publish_with_reply_and_headers(subject, reply, headers, body).await
        };
        sent.map_err(|error| Unacknowledged::from_client(&error))?;
        waiting.reply().await.map(drop)
    }
}

fn read(outcome: Result<(), Unacknowledged>) -> Probed {
    match outcome {
        // Where no stream takes it, or JetStream is not there, the server has let it pass.
        Ok(()) | Err(Unacknowledged::NoStream) => Probed::Allowed,
        Err(Unacknowledged::Denied(_)) => Probed::Denied,
        Err(Unacknowledged::Deaf(inbox)) => Probed::Deaf(inbox),
        Err(error) => Probed::Unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;
    use crate::permissions::Place;

    fn config(manage: &str) -> Config {
        let inputs = Inputs::new()
            .with_set("sources.forge.kind=gitea")
            .with_set("sources.forge.danger_accept_unsigned=true")
            .with_set(&format!("stream.manage={manage}"));
        Config::load(&inputs).unwrap().config
    }

    #[test]
    fn every_right_that_is_printed_is_tried_but_one() {
        for manage in [true, false] {
            let config = config(&manage.to_string());
            let tried = probes(&config, "$JS.API");
            let place = Place::new("$JS.API", "FORGE", "forge", &config.stream.bucket()).unwrap();
            let rights = place.bridge(manage, "_INBOX").unwrap().publish;
            let covers = |right: &str, subject: &str| {
                let (right, subject) = (right.split('.'), subject.split('.'));
                right.clone().count() == subject.clone().count()
                    && right.zip(subject).all(|(a, b)| a == "*" || a == b)
            };
            let untried = rights
                .iter()
                .filter(|right| !tried.iter().any(|probe| covers(right, &probe.subject)));
            assert_eq!(untried.collect::<Vec<_>>(), ["$JS.API.STREAM.PURGE.OBJ_FORGE_LARGE"]);
            let more = tried
                .iter()
                .filter(|probe| !rights.iter().any(|right| covers(right, &probe.subject)));
            assert_eq!(more.count(), 0, "more than is printed is asked for");
        }
    }
}
