//! The stream: made if it is missing, compared with the configuration, changed only where that names it.
//!
//! Sends back to the JetStream API the configuration it was given with nothing but
//! the named settings changed: a newer server's settings, which the client library's types do not know,
//! stay as they are.

mod fill;
pub(super) mod unnamed;

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

pub use self::fill::Fill;
pub use self::unnamed::meaning;
use super::JetStream;
use super::api::{ApiError, NOT_FOUND};
use crate::config::{Config, Discard, Stream};
use crate::event::Time;

/// By how much the clocks of a cluster's servers may differ, in milliseconds: one makes the stream, and another one may
/// take its first message.
const SKEW_MS: i64 = 5_000;

/// Why the stream is not as it must be to publish to it.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The JetStream API did not do what was asked.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The stream is missing and forgewire is told to leave it alone.
    #[error(
        "stream {0} does not exist and stream.manage is false: create it, or set stream.manage = true"
    )]
    Missing(String),
}

/// A setting of the stream that is not as configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drift {
    /// The configuration key.
    pub key: &'static str,
    /// What the configuration says.
    pub wanted: String,
    /// What the stream has.
    pub found: String,
    /// What was done about it.
    pub outcome: Outcome,
}

/// What was done about a [`Drift`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The stream was changed.
    Changed,
    /// Left alone: the configuration does not name this key, or forgewire does not manage the stream.
    Left,
    /// Left alone: it would shrink the stream, and that needs `--allow-shrink`.
    WouldShrink,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Left => "left as it is",
            Self::WouldShrink => "left as it is: shrinking needs --allow-shrink",
        })
    }
}

/// What [`ensure`] found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Whether the stream was made just now.
    pub created: bool,
    /// Every setting that differed.
    pub drift: Vec<Drift>,
    /// How long it keeps messages now; zero is for ever.
    pub max_age: Duration,
    /// Largest message that it takes, headers included; `None`: any.
    pub max_msg_size: Option<usize>,
    /// What changes from look to look.
    pub seen: Seen,
}

/// Which stream it is, and how far it got.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// When it was made, in the server's words.
    pub created: String,
    /// Whether it holds what is older than itself, so that it was not made anew but restored.
    pub restored: bool,
    /// Its last sequence.
    pub last_sequence: u64,
    /// For how long it recognises repeats; zero if it does not say so.
    pub duplicate_window: Duration,
    /// How long the server took to say so.
    pub answered_in: Duration,
    /// How much is in it.
    pub fill: Fill,
}

impl Seen {
    fn of(info: &Value, answered_in: Duration) -> Self {
        let created = info.get("created").and_then(Value::as_str).unwrap_or_default();
        let last = info.pointer("/state/last_seq").and_then(Value::as_u64);
        let window = info.pointer("/config/duplicate_window").and_then(Value::as_u64);
        Self {
            created: created.to_owned(),
            restored: is_restored(info, created),
            last_sequence: last.unwrap_or_default(),
            duplicate_window: Duration::from_nanos(window.unwrap_or_default()),
            answered_in,
            fill: Fill::of(info),
        }
    }
}

/// Whether the first message is older than the stream. Servers give a message the time at which they take it, and newer
/// ones a restored stream the time at which it was restored.
fn is_restored(info: &Value, created: &str) -> bool {
    let state = info.get("state");
    let holds = state.and_then(|state| state.get("messages")).and_then(Value::as_u64) > Some(0);
    let first = state.and_then(|state| state.get("first_ts")).and_then(Value::as_str);
    match (first.and_then(Time::parse), Time::parse(created)) {
        (Some(first), Some(created)) => {
            holds && created.unix_ms().saturating_sub(first.unix_ms()) > SKEW_MS
        }
        _ => false,
    }
}

/// Sees to it that the stream is there and takes our subjects.
///
/// # Errors
///
/// [`StreamError`] when it is not there afterwards, or nobody knows.
pub async fn ensure(
    jetstream: &JetStream,
    config: &Config,
    allow_shrink: bool,
) -> Result<Report, StreamError> {
    let wanted = &config.stream;
    let began = Instant::now();
    let answer = jetstream.ask_of_stream("INFO", &wanted.name, &json!({})).await;
    let answered_in = began.elapsed();
    let found = match answer {
        Ok(info) => info,
        Err(ApiError::Refused { code: NOT_FOUND, .. }) if wanted.manage => {
            let made = jetstream
                .ask_of_stream("CREATE", &wanted.name, &Value::Object(fresh(wanted)))
                .await?;
            let (max_age, seen) = (wanted.max_age, Seen::of(&made, answered_in));
            return Ok(Report { created: true, max_age, seen, ..Report::default() });
        }
        Err(ApiError::Refused { code: NOT_FOUND, .. }) => {
            return Err(StreamError::Missing(wanted.name.clone()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut settings = found.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let named = |key: &str| wanted.manage && config.was_named(key);
    let drift = compare(&mut settings, wanted, &named, allow_shrink);
    if drift.iter().any(|d| d.outcome == Outcome::Changed) {
        jetstream.ask_of_stream("UPDATE", &wanted.name, &Value::Object(settings.clone())).await?;
    }
    let number = |name| settings.get(name).and_then(Value::as_u64);
    let max_age = Duration::from_nanos(number("max_age").unwrap_or_default());
    let max_msg_size = number("max_msg_size").and_then(|size| usize::try_from(size).ok());
    Ok(Report {
        created: false,
        drift,
        max_age,
        max_msg_size: max_msg_size.filter(|size| *size > 0),
        seen: Seen::of(&found, answered_in),
    })
}

/// What [`look`] saw.
#[derive(Clone, Debug)]
pub struct Look {
    /// As [`ensure`] reports it; what says [`Outcome::Changed`] would be changed.
    pub report: Report,
    /// The server's time; `None` of one before 2.10.
    pub answered_at: Option<Time>,
    /// Copies in the cluster.
    pub replicas: u64,
    /// Whether its size is limited.
    pub max_bytes: bool,
}

/// Compares the stream with the configuration, and changes nothing.
///
/// # Errors
///
/// [`StreamError`] when it is not there, or nobody knows.
pub async fn look(jetstream: &JetStream, config: &Config) -> Result<Look, StreamError> {
    let wanted = &config.stream;
    let began = Instant::now();
    let (info, settings) = info(jetstream, &wanted.name).await?;
    let answered_in = began.elapsed();
    let named = |key: &str| wanted.manage && config.was_named(key);
    let drift = compare(&mut settings.clone(), wanted, &named, false);
    Ok(Look::of(&info, &settings, drift, answered_in))
}

/// Information about a stream, and its settings.
pub(super) async fn info(
    jetstream: &JetStream,
    name: &str,
) -> Result<(Value, Map<String, Value>), StreamError> {
    let info = match jetstream.ask_of_stream("INFO", name, &json!({})).await {
        Err(ApiError::Refused { code: NOT_FOUND, .. }) => {
            return Err(StreamError::Missing(name.to_owned()));
        }
        info => info?,
    };
    let settings = info.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    Ok((info, settings))
}

impl Look {
    pub(super) fn of(
        info: &Value,
        settings: &Map<String, Value>,
        drift: Vec<Drift>,
        answered_in: Duration,
    ) -> Self {
        let number = |name| settings.get(name).and_then(Value::as_u64);
        let max_msg_size = number("max_msg_size").and_then(|size| usize::try_from(size).ok());
        let report = Report {
            created: false,
            drift,
            max_age: Duration::from_nanos(number("max_age").unwrap_or_default()),
            max_msg_size: max_msg_size.filter(|size| *size > 0),
            seen: Seen::of(info, answered_in),
        };
        Self {
            report,
            answered_at: info.get("ts").and_then(Value::as_str).and_then(Time::parse),
            replicas: number("num_replicas").unwrap_or(1),
            max_bytes: number("max_bytes").is_some_and(|bytes| bytes > 0),
        }
    }
}

/// The settings of a stream that is made.
fn fresh(wanted: &Stream) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("name".into(), json!(wanted.name));
    settings.insert("subjects".into(), json!([subjects(wanted)]));
    settings.insert("retention".into(), json!("limits"));
    settings.insert("storage".into(), json!("file"));
    settings.insert("max_consumers".into(), json!(-1));
    settings.insert("max_msgs".into(), json!(-1));
    settings.insert("max_msg_size".into(), json!(-1));
    for setting in comparable(wanted) {
        settings.insert(setting.name.into(), setting.wanted);
    }
    settings
}

fn subjects(wanted: &Stream) -> String {
    format!("{}.>", wanted.subject_prefix)
}

/// One setting that configuration and stream both have.
struct Setting {
    key: &'static str,
    name: &'static str,
    wanted: Value,
    /// Whether a smaller number keeps less. For ages and sizes "no limit" is the largest.
    sized: bool,
}

fn comparable(wanted: &Stream) -> Vec<Setting> {
    let nanoseconds = |age: Duration| json!(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
    let max_bytes = wanted.max_bytes.map_or(json!(-1), |bytes| json!(bytes));
    let discard = match wanted.discard {
        Discard::New => "new",
        Discard::Old => "old",
    };
    let setting = |key, name, wanted, sized| Setting { key, name, wanted, sized };
    vec![
        setting("stream.max_age", "max_age", nanoseconds(wanted.max_age), true),
        setting(
            "stream.duplicate_window",
            "duplicate_window",
            nanoseconds(wanted.duplicate_window),
            true,
        ),
        setting("stream.discard", "discard", json!(discard), false),
        setting("stream.replicas", "num_replicas", json!(wanted.replicas), true),
        setting("stream.max_bytes", "max_bytes", max_bytes, true),
    ]
}

/// Compares, and writes into `settings` what may be changed.
fn compare(
    settings: &mut Map<String, Value>,
    wanted: &Stream,
    named: &dyn Fn(&str) -> bool,
    allow_shrink: bool,
) -> Vec<Drift> {
    let mut drift = Vec::new();
    let mut note = |key, wanted: &Value, found: &Value, outcome| {
        drift.push(Drift { key, wanted: shown(key, wanted), found: shown(key, found), outcome });
    };
    for setting in comparable(wanted) {
        let found = settings.get(setting.name).cloned().unwrap_or(Value::Null);
        if same(&found, &setting.wanted) {
            continue;
        }
        let outcome = if !named(setting.key) {
            Outcome::Left
        } else if setting.sized && size(&setting.wanted) < size(&found) && !allow_shrink {
            Outcome::WouldShrink
        } else {
            settings.insert(setting.name.into(), setting.wanted.clone());
            Outcome::Changed
        };
        note(setting.key, &setting.wanted, &found, outcome);
    }
    let ours = json!(subjects(wanted));
    let found = settings.get("subjects").cloned().unwrap_or(Value::Null);
    let listed = found.as_array().cloned().unwrap_or_default();
    if !covered(&wanted.subject_prefix, &listed) {
        // Without our subjects nothing can be published: this one is added unless the stream is not ours.
        let outcome = if wanted.manage { Outcome::Changed } else { Outcome::Left };
        if wanted.manage {
            let all: Vec<Value> = listed.into_iter().chain([ours.clone()]).collect();
            settings.insert("subjects".into(), Value::Array(all));
        }
        note("stream.subject_prefix", &ours, &found, outcome);
    }
    drift.extend(unnamed::drift(settings, |_| true));
    drift
}

fn same(found: &Value, wanted: &Value) -> bool {
    found == wanted || (found.is_null() && matches!(wanted.as_i64(), Some(0 | -1)))
}

/// A number by which more keeps more; no limit (0 or less) is the most.
fn size(value: &Value) -> u64 {
    value.as_u64().filter(|&n| n > 0).unwrap_or(u64::MAX)
}

/// Whether one of the stream's subjects takes everything below the prefix.
fn covered(prefix: &str, subjects: &[Value]) -> bool {
    subjects.iter().filter_map(Value::as_str).any(|subject| {
        let mut wanted = prefix.split('.');
        for token in subject.split('.') {
            match token {
                ">" => return true,
                "*" if wanted.next().is_some() => {}
                _ if wanted.next() == Some(token) => {}
                _ => return false,
            }
        }
        false
    })
}

/// A value as an operator would write it.
pub(super) fn shown(key: &str, value: &Value) -> String {
    match value {
        Value::Number(n)
            if matches!(key, "stream.max_age" | "stream.duplicate_window" | "max_age") =>
        {
            let age = Duration::from_nanos(n.as_u64().unwrap_or_default());
            humantime::format_duration(age).to_string()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
