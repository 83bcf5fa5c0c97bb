//! Sample deliveries: what each kind of forge sends, with invented people and repositories.
//!
//! Owns the table of each kind (a [`Sender`] with its [`Sample`]s) that `forgewire send` and the tests
//! read. A payload is a JSON document with RFC 7396 merge patches on top, in which a text `"@name"` stands
//! for a part that many payloads share; a [`Sample`] goes in, the text that a forge would sign comes out.

mod forgejo;
mod gitea;
mod gogs;

use serde_json::{Map, Value};

use crate::source::Kind;

/// How a kind of forge sends, and what it can send.
#[derive(Debug)]
pub struct Sender {
    /// Name of the kind.
    pub kind: &'static str,
    /// Its `User-Agent`.
    pub user_agent: &'static str,
    /// Its own headers, in the order in which it sends them.
    pub headers: &'static [(&'static str, HeaderPart)],
    /// What it can send, in the order of documentation.
    pub samples: &'static [Sample],
    parts: &'static [&'static str],
}

/// What a forge writes into a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderPart {
    /// Always this text.
    Fixed(&'static str),
    /// The delivery's id.
    Delivery,
    /// The event's name.
    Event,
    /// The exact name of the hook, where the event's name folds several into one.
    EventType,
    /// The HMAC-SHA256 of the signed bytes in hex, with this before it.
    Signature(&'static str),
}

/// One delivery that a forge can make.
#[derive(Debug)]
pub struct Sample {
    /// Name on the command line.
    pub name: &'static str,
    /// The forge's event name.
    pub event: &'static str,
    /// The forge's exact name, where it sends one.
    pub event_type: Option<&'static str>,
    /// The event it becomes, for example `push.updated`.
    pub makes: &'static str,
    layers: &'static [&'static str],
}

impl Sender {
    /// Every kind's, in the order of [`Kind::ALL`].
    pub const ALL: &'static [&'static Self] = &[&gitea::SENDER, &forgejo::SENDER, &gogs::SENDER];

    /// The sender of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Option<&'static Self> {
        Self::ALL.iter().copied().find(|sender| sender.kind == kind.name())
    }

    /// The sample of that name.
    #[must_use]
    pub fn sample(&self, name: &str) -> Option<&'static Sample> {
        self.samples.iter().find(|sample| sample.name == name)
    }

    /// The payload of a sample of this kind, indented as forges send it.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`, which the samples here do not cause.
    pub fn payload(&self, sample: &Sample) -> serde_json::Result<String> {
        let parts = layered(self.parts)?;
        let parts = parts.as_object().cloned().unwrap_or_default();
        serde_json::to_string_pretty(&with_parts(layered(sample.layers)?, &parts))
    }
}

/// The first layer as it stands, with its nulls, and the others as patches on it.
fn layered(layers: &[&str]) -> serde_json::Result<Value> {
    let Some((base, patches)) = layers.split_first() else { return Ok(Value::Null) };
    let mut document = serde_json::from_str(base)?;
    for patch in patches {
        merge(&mut document, serde_json::from_str(patch)?);
    }
    Ok(document)
}

/// Applies a merge patch (RFC 7396).
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Puts the parts where their names stand; also `"@null"`, since a merge patch cannot say null.
fn with_parts(value: Value, parts: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('@').and_then(|name| parts.get(name)) {
            Some(part) => with_parts(part.clone(), parts),
            None => Value::String(text),
        },
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| with_parts(item, parts)).collect())
        }
        Value::Object(members) => {
            let inside = |(name, member)| (name, with_parts(member, parts));
            Value::Object(members.into_iter().map(inside).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_does_what_its_rfc_shows() {
        let mut document = json!({"a": "b", "c": {"d": "e", "f": "g"}, "h": [1]});
        merge(&mut document, json!({"a": "z", "c": {"f": null, "i": {"j": null}}, "h": [2, null]}));
        assert_eq!(document, json!({"a": "z", "c": {"d": "e", "i": {}}, "h": [2, null]}));
    }

    #[test]
    fn every_kind_has_a_sender_in_its_order() {
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let senders: Vec<_> = Sender::ALL.iter().map(|sender| sender.kind).collect();
        assert_eq!(senders, kinds);
    }

    #[test]
    fn no_part_is_left_unnamed_and_no_name_is_there_twice() {
        for sender in Sender::ALL {
            for (index, sample) in sender.samples.iter().enumerate() {
                let payload = sender.payload(sample).unwrap();
                assert!(
                    !payload.contains("\"@") && payload != "null",
                    "{} {}",
                    sender.kind,
                    sample.name
                );
                let others = &sender.samples[..index];
                assert!(others.iter().all(|other| other.name != sample.name), "{}", sample.name);
            }
        }
    }
}
