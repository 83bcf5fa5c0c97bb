//! Consumers that an administrator makes for subscribers: made if missing, compared if not, never changed.
//!
//! In comes what is [`Wanted`], out comes what was [`Made`]. A consumer of that name that differs in anything that
//! decides what is read, or how often, is left alone and described: somebody may be reading by it.

use std::time::Duration;

use serde_json::{Value, json};

use super::JetStream;
use super::api::{ApiError, NOT_FOUND};
use crate::permissions::ConsumerName;
use crate::subject::Filter;

/// JetStream's "consumer not found".
const NO_CONSUMER: u64 = 10_014;

/// Settings that ours leave out, and that would change what a subscriber gets.
const ABSENT: [&str; 11] = [
    "deliver_subject",
    "deliver_group",
    "filter_subjects",
    "headers_only",
    "backoff",
    "inactive_threshold",
    "opt_start_seq",
    "opt_start_time",
    "rate_limit_bps",
    "priority_groups",
    "pause_until",
];

/// A durable pull consumer with explicit acknowledgements.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: ConsumerName,
    /// What it lets through.
    pub filter: Filter,
    /// Where it begins.
    pub deliver: Deliver,
    /// How long a message may go without a word before it is delivered again.
    pub ack_wait: Duration,
    /// How often a message is delivered at most.
    pub max_deliver: u32,
    /// How many messages may be unacknowledged at once.
    pub max_ack_pending: u32,
}

/// Where a new consumer begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deliver {
    /// With what comes from now on.
    New,
    /// With the newest event of each subject.
    LastPerSubject,
    /// With everything that the stream holds.
    All,
}

/// What was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Made {
    /// It was made.
    Created,
    /// It was there, as wanted.
    Already,
    /// One of that name was there, and differs; it is left as it is.
    Differs(Vec<Difference>),
}

/// A setting of a consumer that is not as wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// JetStream's name of the setting.
    pub setting: &'static str,
    /// What is wanted, as JSON.
    pub wanted: String,
    /// What it has, as JSON; `absent` where it has none.
    pub found: String,
}

/// Why there is no such consumer, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The JetStream API did not do what was asked.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// There is no stream to consume.
    #[error("stream {0} does not exist: start the daemon once, or name yours with --stream")]
    NoStream(String),
}

impl Deliver {
    /// JetStream's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::LastPerSubject => "last_per_subject",
            Self::All => "all",
        }
    }
}

impl Wanted {
    fn settings(&self) -> [(&'static str, Value); 9] {
        let ack_wait = u64::try_from(self.ack_wait.as_nanos()).unwrap_or(u64::MAX);
        let name = self.name.as_str();
        [
            ("name", json!(name)),
            ("durable_name", json!(name)),
            ("filter_subject", json!(self.filter.as_str())),
            ("deliver_policy", json!(self.deliver.as_str())),
            ("ack_policy", json!("explicit")),
            ("ack_wait", json!(ack_wait)),
            ("max_deliver", json!(self.max_deliver)),
            ("max_ack_pending", json!(self.max_ack_pending)),
            ("replay_policy", json!("instant")),
        ]
    }

    fn compare(&self, info: &Value) -> Vec<Difference> {
        let found = |setting| info.pointer("/config").and_then(|config| config.get(setting));
        let mut differences = Vec::new();
        for (setting, wanted) in self.settings() {
            // Servers need not repeat the name beside the durable's.
            let value = found(setting);
            if value != Some(&wanted) && !(setting == "name" && value.is_none()) {
                differences.push(Difference {
                    setting,
                    wanted: wanted.to_string(),
                    found: value.map_or_else(|| "absent".to_owned(), Value::to_string),
                });
            }
        }
        for setting in ABSENT {
            if let Some(value) = found(setting).filter(|value| says_something(value)) {
                let (wanted, found) = ("absent".to_owned(), value.to_string());
                differences.push(Difference { setting, wanted, found });
            }
        }
        differences
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_u64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// Sees to it that a stream has this consumer.
///
/// # Errors
///
/// [`ConsumerError`] when nobody knows, or the stream is not there.
pub async fn ensure(
    jetstream: &JetStream,
    stream: &str,
    wanted: &Wanted,
) -> Result<Made, ConsumerError> {
    let name = wanted.name.as_str();
    let api = &jetstream.api_prefix;
    let info = jetstream.ask(format!("{api}.CONSUMER.INFO.{stream}.{name}"), &json!({})).await;
    let (made, info) = match info {
        Ok(info) => (Made::Already, info),
        Err(ApiError::Refused { code: NO_CONSUMER, .. }) => {
            // Name and filter are in the subject: so a right to make consumers can be one to make this one.
            let request = format!("{api}.CONSUMER.CREATE.{stream}.{name}.{}", wanted.filter);
            let config: serde_json::Map<_, _> =
                wanted.settings().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            // Servers before 2.10 know no action, and would change one that somebody made meanwhile.
            let body = json!({ "stream_name": stream, "config": config, "action": "create" });
            (Made::Created, jetstream.ask(request, &body).await.map_err(|error| of(error, stream))?)
        }
        Err(error) => return Err(of(error, stream)),
    };
    let differences = wanted.compare(&info);
    Ok(if differences.is_empty() { made } else { Made::Differs(differences) })
}

fn of(error: ApiError, stream: &str) -> ConsumerError {
    match error {
        ApiError::Refused { code: NOT_FOUND, .. } => ConsumerError::NoStream(stream.to_owned()),
        error => error.into(),
    }
}
