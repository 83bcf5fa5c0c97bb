//! Settings of a stream that no configuration key names, and that would change what becomes of events.
//!
//! In come the settings that the server tells, out comes each that is not as in a stream that forgewire makes, with what
//! it means. They are reported and never changed. What only forbids more (`deny_delete`), says where messages lie, or
//! how they are packed, is the operator's.

use serde_json::{Map, Value};

use super::{Drift, Outcome, shown};

/// What a setting must be. Absent is as good, whatever it is.
enum Safe {
    Text(&'static str),
    False,
    NoLimit,
    Absent,
}

struct Setting {
    name: &'static str,
    safe: Safe,
    means: &'static str,
}

const fn setting(name: &'static str, safe: Safe, means: &'static str) -> Setting {
    Setting { name, safe, means }
}

const SETTINGS: [Setting; 16] = [
    setting(
        "retention",
        Safe::Text("limits"),
        "acknowledged events go when consumers have had them, or when no consumer waits",
    ),
    setting("storage", Safe::Text("file"), "a restart of the server loses acknowledged events"),
    setting(
        "persist_mode",
        Safe::Text("default"),
        "events are acknowledged before they are written",
    ),
    setting("no_ack", Safe::False, "nothing is acknowledged"),
    setting("sealed", Safe::False, "nothing is taken"),
    setting("mirror", Safe::Absent, "nothing is taken: it copies another stream"),
    setting(
        "sources",
        Safe::Absent,
        "security: it also holds what comes from other streams, which forgewire has not verified",
    ),
    setting(
        "subject_transform",
        Safe::Absent,
        "security: events are under other subjects than rights and filters are made for",
    ),
    setting(
        "republish",
        Safe::Absent,
        "security: every event is also sent to other subjects, past the rights to read the stream",
    ),
    setting(
        "allow_rollup_hdrs",
        Safe::False,
        "security: one message can delete all others of its subject, or of the stream",
    ),
    setting("allow_msg_counter", Safe::False, "messages that are no counts are refused"),
    setting(
        "allow_msg_schedules",
        Safe::False,
        "security: whoever may publish can have messages sent later, under other subjects",
    ),
    setting(
        "max_msgs",
        Safe::NoLimit,
        "it is full before stream.max_age and stream.max_bytes say so",
    ),
    setting("max_msgs_per_subject", Safe::NoLimit, "a subject is full before the stream is"),
    setting("discard_new_per_subject", Safe::False, "a subject that is full refuses events"),
    setting("max_consumers", Safe::NoLimit, "subscribers beyond this number are refused"),
];

/// Those that matter to the object store as well, beside what it checks itself.
pub(in crate::jetstream) const OF_OBJECTS: [&str; 5] =
    ["persist_mode", "mirror", "sources", "subject_transform", "republish"];

/// What it means that a setting differs, for those that no configuration key names.
#[must_use]
pub fn meaning(key: &str) -> Option<&'static str> {
    SETTINGS.iter().find(|setting| setting.name == key).map(|setting| setting.means)
}

/// Every setting that is not as it must be, of those that are `looked_at`.
pub(in crate::jetstream) fn drift(
    settings: &Map<String, Value>,
    looked_at: impl Fn(&str) -> bool,
) -> Vec<Drift> {
    let found = SETTINGS.iter().filter(|setting| looked_at(setting.name)).filter_map(|setting| {
        let found = settings.get(setting.name)?;
        (!setting.safe.is(found)).then(|| Drift {
            key: setting.name,
            wanted: setting.safe.shown().to_owned(),
            found: shown(setting.name, found),
            outcome: Outcome::Left,
        })
    });
    found.collect()
}

impl Safe {
    fn is(&self, found: &Value) -> bool {
        match (self, found) {
            (_, Value::Null) => true,
            (Self::Text(safe), Value::String(found)) => found.is_empty() || found == safe,
            (Self::False, found) => *found == Value::Bool(false),
            (Self::NoLimit, found) => found.as_i64().is_some_and(|limit| limit <= 0),
            (Self::Absent, Value::Array(found)) => found.is_empty(),
            (Self::Absent, Value::Object(found)) => found.is_empty(),
            (Self::Text(_) | Self::Absent, _) => false,
        }
    }

    fn shown(&self) -> &'static str {
        match self {
            Self::Text(text) => text,
            Self::False => "false",
            Self::NoLimit => "-1",
            Self::Absent => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(settings: &Value) -> Vec<&'static str> {
        let settings = settings.as_object().unwrap();
        drift(settings, |_| true).into_iter().map(|drift| drift.key).collect()
    }

    #[test]
    fn what_changes_what_becomes_of_events_is_found_with_its_meaning() {
        for (key, value) in [
            ("retention", json!("interest")),
            ("storage", json!("memory")),
            ("persist_mode", json!("async")),
            ("no_ack", json!(true)),
            ("sealed", json!(true)),
            ("mirror", json!({ "name": "OTHER" })),
            ("sources", json!([{ "name": "OTHER" }])),
            ("subject_transform", json!({ "src": "forge.>", "dest": "x.>" })),
            ("republish", json!({ "src": "forge.>", "dest": "copy.>" })),
            ("allow_rollup_hdrs", json!(true)),
            ("allow_msg_counter", json!(true)),
            ("allow_msg_schedules", json!(true)),
            ("max_msgs", json!(5_000)),
            ("max_msgs_per_subject", json!(1)),
            ("discard_new_per_subject", json!(true)),
            ("max_consumers", json!(3)),
        ] {
            assert_eq!(found(&json!({ key: value })), [key]);
            assert!(meaning(key).is_some(), "{key}");
        }
    }

    #[test]
    fn what_a_server_says_of_a_plain_stream_is_no_difference_and_what_is_the_operators_neither() {
        let plain = json!({
            "retention": "limits", "storage": "file", "persist_mode": "default", "no_ack": false, "sealed": false,
            "mirror": null, "sources": [], "subject_transform": {}, "allow_rollup_hdrs": false, "max_msgs": -1,
            "max_msgs_per_subject": -1, "discard_new_per_subject": false, "max_consumers": -1,
            "deny_delete": true, "deny_purge": true, "allow_direct": true, "compression": "s2", "metadata": { "a": "b" },
        });
        assert_eq!(found(&plain), Vec::<&str>::new());
        assert_eq!(found(&json!({ "persist_mode": "", "max_msgs": 0 })), Vec::<&str>::new());
    }
}
