//! Pieces of foreign JSON that every forge has: texts, ids and lists that may be null or empty.
//!
//! In come values as a parser meets them, borrowed from the payload where they can be; out comes
//! "said" or "not said". An empty text, a null and the id 0 all say nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::event::{self, ObjectHash, Time};
use crate::json::read::VERBATIM;

/// A text of a payload, or nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// The text, if there is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, still borrowed from the payload unless it had escapes.
    pub(crate) fn said(&self) -> Option<Cow<'a, str>> {
        self.0.clone()
    }

    /// Like [`Text::said`], without copying where it had escapes.
    pub(crate) fn into_said(self) -> Option<Cow<'a, str>> {
        self.0
    }

    /// The instant that the text names, unless it is one that means "never".
    pub(crate) fn time(&self) -> Option<Time> {
        self.as_str().and_then(Time::parse)
    }

    /// The hash that the text is, unless it consists of zeros.
    pub(crate) fn said_hash(&self) -> Option<ObjectHash<'a>> {
        self.said().filter(|hash| !is_zero_hash(hash)).map(ObjectHash)
    }
}

/// Whether a hash means "nothing": zeros only, whether 40 (SHA-1) or 64 (SHA-256) of them.
pub(crate) fn is_zero_hash(hash: &str) -> bool {
    hash.bytes().all(|b| b == b'0')
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or null")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text((!text.is_empty()).then_some(Cow::Borrowed(text))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// An id of a payload, number or text, or nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Id {
    #[default]
    Nothing,
    Negative(i64),
    Number(u64),
    Text(Box<str>),
}

impl Id {
    /// The id as a text, if there is one.
    pub(crate) fn said(&self) -> Option<event::Id<'static>> {
        let id = match self {
            Self::Nothing => return None,
            Self::Negative(id) => id.to_string(),
            Self::Number(id) => id.to_string(),
            Self::Text(id) => id.to_string(),
        };
        Some(event::Id(Cow::Owned(id)))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, a text or null")
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
                Ok(Id::Negative(id))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
                Ok(if id == 0 { Id::Nothing } else { Id::Number(id) })
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
                Ok(if id.is_empty() { Id::Nothing } else { Id::Text(id.into()) })
            }

            fn visit_unit<E: Error>(self) -> Result<Id, E> {
                Ok(Id::Nothing)
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// A list, where null is an empty one.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Whether a member is there and is not null; its value is skipped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<serde::de::IgnoredAny>::deserialize(deserializer)
            .map(|value| Self(value.is_some()))
    }
}

/// The text of a member's value, for one that is read later, if at all. Only [`crate::json::read`] has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verbatim<'a>(pub(crate) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Verbatim<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VerbatimVisitor;
        impl<'de> Visitor<'de> for VerbatimVisitor {
            type Value = Verbatim<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                <&'de str>::deserialize(deserializer).map(Verbatim)
            }
        }
        deserializer.deserialize_newtype_struct(VERBATIM, VerbatimVisitor)
    }
}
