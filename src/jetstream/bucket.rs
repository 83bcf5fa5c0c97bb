//! The object store for large events: made if it is missing, compared with what it must be.
//!
//! In comes what was found of the stream, out comes a [`Report`] of its own. Below an object store is a stream; it
//! is made as every client of NATS makes one, so that each can read it. Its objects must outlive the events that
//! refer to them, so it keeps them for [`MARGIN`] longer than the stream keeps events.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::JetStream;
use super::api::{ApiError, NOT_FOUND};
use super::objects::stream_of;
use super::stream::{Drift, Look, Outcome, Report, StreamError, info, shown, unnamed};
use crate::config::Config;

/// How much longer an object is kept than an event: as long after it was written a repeat may refer to it.
pub const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Sees to it that the object store is there, and keeps objects for longer than the stream keeps events.
///
/// # Errors
///
/// [`StreamError`] when it is not there afterwards, or nobody knows.
pub async fn ensure(
    jetstream: &JetStream,
    config: &Config,
    stream: &Report,
) -> Result<Report, StreamError> {
    let bucket = config.stream.bucket();
    let name = stream_of(&bucket);
    let age = if stream.max_age.is_zero() { Duration::ZERO } else { stream.max_age + MARGIN };
    let wanted = Wanted { bucket: &bucket, age, replicas: config.stream.replicas };
    let found = match jetstream.ask_of_stream("INFO", &name, &json!({})).await {
        Err(ApiError::Refused { code: NOT_FOUND, .. }) if config.stream.manage => {
            jetstream.ask_of_stream("CREATE", &name, &Value::Object(wanted.fresh(&name))).await?;
            return Ok(Report { created: true, max_age: age, ..Report::default() });
        }
        Err(ApiError::Refused { code: NOT_FOUND, .. }) => {
            return Err(StreamError::Missing(name));
        }
        found => found?,
    };
    let mut settings = found.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let replicas_named = config.was_named("stream.replicas");
    let drift = wanted.compare(&mut settings, config.stream.manage, replicas_named);
    if drift.iter().any(|d| d.outcome == Outcome::Changed) {
        jetstream.ask_of_stream("UPDATE", &name, &Value::Object(settings.clone())).await?;
    }
    let age = settings.get("max_age").and_then(Value::as_u64).unwrap_or_default();
    Ok(Report { drift, max_age: Duration::from_nanos(age), ..Report::default() })
}

/// Compares the object store with what it must be, and changes nothing.
///
/// # Errors
///
/// [`StreamError`] when it is not there, or nobody knows.
pub async fn look(
    jetstream: &JetStream,
    config: &Config,
    stream: &Report,
) -> Result<Look, StreamError> {
    let bucket = config.stream.bucket();
    let age = if stream.max_age.is_zero() { Duration::ZERO } else { stream.max_age + MARGIN };
    let wanted = Wanted { bucket: &bucket, age, replicas: config.stream.replicas };
    let (info, settings) = info(jetstream, &stream_of(&bucket)).await?;
    let replicas_named = config.was_named("stream.replicas");
    let drift = wanted.compare(&mut settings.clone(), config.stream.manage, replicas_named);
    Ok(Look::of(&info, &settings, drift, Duration::ZERO))
}

/// For how long after it was written an object can be relied on by an event that is published now: until it would
/// expire before the event does. `None` for ever.
#[must_use]
pub fn reliable_for(bucket: &Report, stream: &Report) -> Option<Duration> {
    if bucket.max_age.is_zero() {
        return None;
    }
    let longer = bucket.max_age.checked_sub(stream.max_age).filter(|longer| !longer.is_zero());
    // One that keeps objects for too short a time is reported; half of it is better than nothing.
    Some(longer.filter(|_| !stream.max_age.is_zero()).unwrap_or(bucket.max_age / 2))
}

struct Wanted<'a> {
    bucket: &'a str,
    age: Duration,
    replicas: usize,
}

impl Wanted<'_> {
    fn subjects(&self) -> [String; 2] {
        [format!("$O.{}.C.>", self.bucket), format!("$O.{}.M.>", self.bucket)]
    }

    fn age(&self) -> Value {
        json!(u64::try_from(self.age.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The settings of the stream below an object store that is made.
    fn fresh(&self, name: &str) -> Map<String, Value> {
        let mut settings = Map::new();
        let mut set = |name: &str, value| settings.insert(name.to_owned(), value);
        set("name", json!(name));
        set("description", json!("What is too large for a message of forgewire"));
        set("subjects", json!(self.subjects()));
        set("retention", json!("limits"));
        set("storage", json!("file"));
        set("discard", json!("new"));
        set("num_replicas", json!(self.replicas));
        set("max_age", self.age());
        for unlimited in ["max_consumers", "max_msgs", "max_bytes", "max_msg_size"] {
            set(unlimited, json!(-1));
        }
        set("allow_rollup_hdrs", json!(true));
        set("allow_direct", json!(true));
        settings
    }

    /// Compares, and writes into `settings` what may be changed: what else would lose objects, or keep fewer
    /// copies than the configuration names.
    fn compare(
        &self,
        settings: &mut Map<String, Value>,
        manage: bool,
        replicas_named: bool,
    ) -> Vec<Drift> {
        let mut drift = Vec::new();
        let number = |value: Option<&Value>| {
            value.and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok())
        };
        let listed =
            settings.get("subjects").and_then(Value::as_array).cloned().unwrap_or_default();
        let lacking = self.subjects().into_iter().map(|subject| json!(subject));
        let lacking: Vec<_> = lacking.filter(|subject| !listed.contains(subject)).collect();
        let all: Vec<_> = listed.iter().chain(&lacking).cloned().collect();
        let age = number(settings.get("max_age")).unwrap_or_default();
        let too_short = age != 0 && (self.age.is_zero() || u128::from(age) < self.age.as_nanos());
        let copies = number(settings.get("num_replicas")).unwrap_or(1);
        let rollup = settings.get("allow_rollup_hdrs") == Some(&json!(true));
        for (key, good, wanted, may) in [
            ("subjects", lacking.is_empty(), json!(all), true),
            ("allow_rollup_hdrs", rollup, json!(true), true),
            ("max_age", !too_short, self.age(), true),
            ("num_replicas", copies >= self.replicas as u64, json!(self.replicas), replicas_named),
        ] {
            if good {
                continue;
            }
            let outcome = if manage && may { Outcome::Changed } else { Outcome::Left };
            let found = settings.get(key).unwrap_or(&Value::Null);
            drift.push(Drift {
                key,
                wanted: shown(key, &wanted),
                found: shown(key, found),
                outcome,
            });
            if outcome == Outcome::Changed {
                settings.insert(key.to_owned(), wanted);
            }
        }
        let is = |key: &str, value: Value| settings.get(key).is_none_or(|found| *found == value);
        let size = number(settings.get("max_msg_size")).unwrap_or_default();
        for (key, good, wanted) in [
            // These lose objects that events refer to, or take none.
            ("retention", is("retention", json!("limits")), "limits"),
            ("storage", is("storage", json!("file")), "file"),
            ("discard", is("discard", json!("new")), "new"),
            ("no_ack", is("no_ack", json!(false)), "false"),
            ("sealed", is("sealed", json!(false)), "false"),
            ("max_msg_size", size == 0 || size >= 131_072, "at least 131072"),
        ] {
            if !good {
                let found = shown(key, settings.get(key).unwrap_or(&Value::Null));
                drift.push(Drift { key, wanted: wanted.to_owned(), found, outcome: Outcome::Left });
            }
        }
        drift.extend(unnamed::drift(settings, |name| unnamed::OF_OBJECTS.contains(&name)));
        drift
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Changed, Left};
    use super::*;

    fn aged(max_age: u64) -> Report {
        Report { max_age: Duration::from_secs(max_age), ..Report::default() }
    }

    #[test]
    fn an_object_is_relied_on_only_while_it_outlives_an_event_of_now() {
        let day = MARGIN.as_secs();
        assert_eq!(reliable_for(&aged(31 * day), &aged(30 * day)), Some(MARGIN));
        assert_eq!(reliable_for(&aged(0), &aged(30 * day)), None);
        assert_eq!(reliable_for(&aged(10), &aged(0)), Some(Duration::from_secs(5)));
        assert_eq!(reliable_for(&aged(10), &aged(10)), Some(Duration::from_secs(5)));
    }

    #[test]
    fn what_would_lose_objects_is_changed_only_if_it_may_be() {
        let wanted = Wanted { bucket: "B", age: Duration::from_secs(100), replicas: 3 };
        let fresh = wanted.fresh("OBJ_B");
        assert_eq!(wanted.compare(&mut fresh.clone(), true, true), []);
        let mut found = fresh.clone();
        found.insert("max_age".into(), json!(1));
        found.insert("subjects".into(), json!(["$O.B.C.>", "mine"]));
        found.insert("num_replicas".into(), json!(1));
        found.insert("discard".into(), json!("old"));
        let outcomes = |settings: &mut Map<_, _>, manage, named| -> Vec<_> {
            let drift = wanted.compare(settings, manage, named);
            drift.into_iter().map(|drift| (drift.key, drift.outcome)).collect()
        };
        let unmanaged = outcomes(&mut found.clone(), false, true);
        assert!(unmanaged.iter().all(|(_, outcome)| *outcome == Left), "{unmanaged:?}");
        assert_eq!(
            outcomes(&mut found, true, false),
            [
                ("subjects", Changed),
                ("max_age", Changed),
                ("num_replicas", Left),
                ("discard", Left)
            ]
        );
        assert_eq!(found["subjects"], json!(["$O.B.C.>", "mine", "$O.B.M.>"]));
        assert_eq!(found["max_age"], fresh["max_age"]);
        // Longer is good, too.
        found.insert("max_age".into(), json!(0));
        assert_eq!(
            outcomes(&mut found, true, true),
            [("num_replicas", Changed), ("discard", Left)]
        );
    }
}
