//! Sample deliveries: what each kind of forge sends, with invented people and repositories.
//!
//! Owns the table of each kind (a [`Sender`] with its [`Sample`]s) that `forgewire send` and the tests
//! read. A payload is a JSON document with RFC 7396 merge patches on top, in which a text `"@name"` stands
//! for a part that many payloads share; a [`Sample`] goes in, the text that a forge would sign comes out.

mod bitbucket_cloud;
mod bitbucket_dc;
mod forgejo;
mod gitea;
mod gogs;

use std::borrow::Cow;
use std::fmt::Write as _;

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;

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
    /// Exact name of a hook, and what a webhook must be subscribed to for it, as the forge's API names it.
    pub subscriptions: &'static [(&'static str, &'static str)],
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

/// What the headers of one delivery say.
#[derive(Debug)]
pub struct Said<'a> {
    /// The delivery's id.
    pub delivery: &'a str,
    /// The event's name.
    pub event: &'a str,
    /// The exact name of the hook, if the forge sends one.
    pub event_type: Option<&'a str>,
    /// The HMAC-SHA256 of the signed bytes, in lower-case hex.
    pub signature: &'a str,
}

impl HeaderPart {
    /// The header's value; none where there is nothing to say.
    #[must_use]
    pub fn value<'a>(self, said: &Said<'a>) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::Fixed(text) => text.into(),
            Self::Delivery => said.delivery.into(),
            Self::Event => said.event.into(),
            Self::EventType => said.event_type?.into(),
            Self::Signature(prefix) => format!("{prefix}{}", said.signature).into(),
        })
    }
}

/// HMAC-SHA256 in lower-case hex.
///
/// # Errors
///
/// [`InvalidLength`], which this HMAC knows no key for.
pub fn signature(secret: &[u8], signed: &[u8]) -> Result<String, InvalidLength> {
    let mac = Hmac::<Sha256>::new_from_slice(secret)?.chain_update(signed).finalize();
    Ok(mac.into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
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
    /// The event it becomes, for example `push.updated`; of several the first.
    pub makes: &'static str,
    layers: &'static [&'static str],
}

impl Sender {
    /// Every kind's, in the order of [`Kind::ALL`].
    pub const ALL: &'static [&'static Self] = &[
        &gitea::SENDER,
        &forgejo::SENDER,
        &gogs::SENDER,
        &bitbucket_cloud::SENDER,
        &bitbucket_dc::SENDER,
    ];

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

    /// What a webhook must be subscribed to for this sample to be sent, as the forge's API names it; `None`
    /// for a hook that no forge has.
    #[must_use]
    pub fn subscription(&self, sample: &Sample) -> Option<&'static str> {
        let hook = sample.event_type.unwrap_or(sample.event);
        self.subscriptions
            .iter()
            .find(|(name, _)| *name == hook)
            .map(|(_, subscription)| *subscription)
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
    fn the_signature_is_that_of_rfc_4231() {
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?").unwrap(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn every_hook_that_a_sample_names_has_a_subscription() {
        for sender in Sender::ALL {
            let known = |sample: &&Sample| !sample.makes.starts_with("unrecognized.");
            for sample in sender.samples.iter().filter(known) {
                assert!(
                    sender.subscription(sample).is_some(),
                    "{} {}: add its hook to the subscriptions of the sender",
                    sender.kind,
                    sample.name
                );
            }
        }
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
