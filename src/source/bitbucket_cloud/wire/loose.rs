//! A value that is a text in some payloads and an object with a name in others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::Text;

/// Members that can stand for an object, the best first.
const NAMES: [&str; 8] =
    ["slug", "username", "nickname", "raw", "uuid", "account_id", "name", "display_name"];

/// The text, or the best name of the object; nothing of anything else.
#[derive(Debug, Default)]
pub(crate) struct Loose<'a>(Option<Cow<'a, str>>);

impl<'a> Loose<'a> {
    /// The text, if there is one.
    pub(crate) fn said(&self) -> Option<Cow<'a, str>> {
        self.0.clone()
    }

    /// The text, if there is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor).map(Self)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an object or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut best: Option<(usize, Cow<'de, str>)> = None;
        while let Some(name) = members.next_key::<Text<'de>>()? {
            let rank = NAMES.iter().position(|known| name.as_str() == Some(known));
            let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|(best, _)| rank < best))
            else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if let Loose(Some(text)) = members.next_value()? {
                best = Some((rank, text));
            }
        }
        Ok(best.map(|(_, text)| text))
    }
}
