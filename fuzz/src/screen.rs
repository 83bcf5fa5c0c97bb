//! The screening of payloads: no credential is left in what is JSON, and nothing else is changed.
//!
//! It is compared with what screening means on the parsed document, told here a second time.

use std::fmt;

use forgewire::json::{is_too_deep, screen};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A user name of so many ASCII letters is taken for a token.
const TOKEN_LENGTH: usize = 20;

/// Holds it for one payload.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(payload: &[u8]) {
    let bytes = screen(payload);
    assert!(bytes.len() <= payload.len(), "screening makes nothing longer");
    let Ok(Document(before)) = serde_json::from_slice(payload) else { return };
    if is_too_deep(payload) {
        return;
    }
    let Document(after) = serde_json::from_slice(&bytes).expect("what was JSON still is");
    let expected = without_credentials(before.clone());
    assert_eq!(after, expected, "the same without the credentials");
    assert_eq!(before == expected, payload == &*bytes, "changed only where there is a credential");
}

/// A document as it is written: members in their order, also repeated ones, numbers as texts.
pub(crate) struct Document(pub(crate) Node);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Other(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

fn without_credentials(node: Node) -> Node {
    match node {
        Node::Other(_) => node,
        Node::Text(text) => Node::Text(without_password(text)),
        Node::Array(items) => Node::Array(items.into_iter().map(without_credentials).collect()),
        Node::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| name != "secret");
            let clean = |(name, inner)| (without_password(name), without_credentials(inner));
            Node::Object(kept.map(clean).collect())
        }
    }
}

fn without_password(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !(1..=20).contains(&scheme.len()) || !scheme.bytes().all(plain) {
        return text;
    }
    let ends = |c: char| c <= ' ' || matches!(c, '/' | '?' | '#' | '\\');
    let (authority, path) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else { return text };
    let is_short = |name: &str| name.chars().filter(char::is_ascii).count() < TOKEN_LENGTH;
    let web = scheme.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http"));
    match user.split_once(':') {
        Some((name, _)) if !name.is_empty() && is_short(name) => {
            format!("{scheme}://{name}@{host}{path}")
        }
        None if !web || is_short(user) => text,
        Some(_) | None => format!("{scheme}://{host}{path}"),
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        node(raw).map(Self).map_err(D::Error::custom)
    }
}

fn node(raw: &RawValue) -> serde_json::Result<Node> {
    Ok(match raw.get().as_bytes().first() {
        Some(b'"') => Node::Text(serde_json::from_str(raw.get())?),
        Some(b'[') => {
            let items: Items<'_> = serde_json::from_str(raw.get())?;
            Node::Array(items.0.into_iter().map(node).collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let members: Members<'_> = serde_json::from_str(raw.get())?;
            let inside = |(name, raw)| node(raw).map(|node| (name, node));
            Node::Object(members.0.into_iter().map(inside).collect::<Result<_, _>>()?)
        }
        _ => Node::Other(raw.get().to_owned()),
    })
}

struct Items<'a>(Vec<&'a RawValue>);
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfItems;
        impl<'de> Visitor<'de> for OfItems {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(item) = items.next_element()? {
                    found.push(item);
                }
                Ok(Items(found))
            }
        }
        deserializer.deserialize_seq(OfItems)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMembers;
        impl<'de> Visitor<'de> for OfMembers {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(member) = members.next_entry()? {
                    found.push(member);
                }
                Ok(Members(found))
            }
        }
        deserializer.deserialize_map(OfMembers)
    }
}
