//! A reader for the JSON of payloads: serde's data model straight from the text, borrowed where it can be.
//!
//! In comes the text of a verified payload, out comes a type of a forge's `wire` module, or
//! [`Unreadable`]. It reads what RFC 8259 calls JSON and nothing else, to the end of the text, also in what
//! it skips: a payload that was read may be spliced into another document. Forges indent their payloads and
//! send ten times what an event needs, so white space and skipped members are what it is quick about.
//!
//! It differs from `serde_json` in one thing: half of a surrogate pair in a text becomes U+FFFD, as in Go's
//! and most other readers, since a spoilt title is no reason not to know the event.

mod access;
mod skip;
mod text;

use std::borrow::Cow;

use serde::de::{self, Deserialize, Visitor};

use self::access::{Items, Members, Verbatim};
use super::MAX_DEPTH;

/// The name that asks for a value's own text; see [`crate::wire::Verbatim`].
pub(crate) const VERBATIM: &str = "forgewire::json::Verbatim";

/// The text is no JSON, or none of the expected form. It says no more: nobody is told, and what cannot be
/// read is published whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not JSON of the expected form")]
pub struct Unreadable;

impl de::Error for Unreadable {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads one JSON object.
///
/// # Errors
///
/// [`Unreadable`] when it is something else, nested deeper than [`MAX_DEPTH`], or does not fit the type.
pub(crate) fn object<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Unreadable> {
    let mut reader = Reader::new(text);
    // The types would also take a list of their fields' values.
    if reader.byte()? != b'{' {
        return Err(Unreadable);
    }
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Whether the text is one JSON value, of any form and nested at most [`MAX_DEPTH`] deep.
pub(crate) fn is_json(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.skip().and_then(|()| reader.end()).is_ok()
}

/// Reads a text in quotes.
pub(super) fn text(quoted: &str) -> Result<Cow<'_, str>> {
    match quoted.get(1..quoted.len().saturating_sub(1)) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => String::deserialize(&mut Reader::new(quoted)).map(Cow::Owned),
    }
}

pub(super) type Result<T, E = Unreadable> = std::result::Result<T, E>;

/// A place in a text: at a value, or behind one.
pub(super) struct Reader<'de> {
    pub(super) text: &'de str,
    pub(super) at: usize,
    /// How many arrays and objects are open.
    depth: usize,
}

impl<'de> Reader<'de> {
    /// At the first value of a text.
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, at: skip::token(text.as_bytes(), 0), depth: 0 }
    }

    #[inline]
    fn bytes(&self) -> &'de [u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn rest(&self) -> &'de [u8] {
        self.bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn byte(&self) -> Result<u8> {
        self.bytes().get(self.at).copied().ok_or(Unreadable)
    }

    /// The next byte that is not white space, which is not taken.
    #[inline]
    pub(super) fn token(&mut self) -> Result<u8> {
        self.at = skip::token(self.bytes(), self.at);
        self.byte()
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.token().is_ok() { Err(Unreadable) } else { Ok(()) }
    }

    #[inline]
    fn open(&mut self) -> Result<()> {
        self.at = skip::next_line(self.bytes(), self.at + 1);
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Unreadable) } else { Ok(()) }
    }

    #[inline]
    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Takes a value of one word.
    #[inline]
    fn word(&mut self, word: &[u8]) -> Result<()> {
        self.at = skip::word(self.bytes(), self.at, word).ok_or(Unreadable)?;
        Ok(())
    }

    /// Takes a number, and returns its text.
    fn number(&mut self) -> Result<&'de str> {
        let start = self.at;
        self.at = skip::number(self.bytes(), start).ok_or(Unreadable)?;
        self.text.get(start..self.at).ok_or(Unreadable)
    }

    /// Takes the colon behind a name.
    #[inline]
    fn colon(&mut self) -> Result<()> {
        self.at = skip::colon(self.bytes(), self.at).ok_or(Unreadable)?;
        Ok(())
    }

    /// Takes the start of an array or object, and the end if nothing is in it: false then.
    pub(super) fn enters(&mut self, end: u8) -> Result<bool> {
        self.open()?;
        if self.byte()? != end {
            return Ok(true);
        }
        self.close();
        Ok(false)
    }

    /// Takes the comma behind an item or member, or the end: false then.
    #[inline]
    pub(super) fn goes_on(&mut self, end: u8) -> Result<bool> {
        let token = self.token()?;
        if token == b',' {
            self.at = skip::next_line(self.bytes(), self.at + 1);
        } else if token == end {
            self.close();
        } else {
            return Err(Unreadable);
        }
        Ok(token == b',')
    }

    /// Takes the name of a member, and the colon after it.
    pub(super) fn name(&mut self) -> Result<Cow<'de, str>> {
        if self.byte()? != b'"' {
            return Err(Unreadable);
        }
        let start = self.at;
        self.at = skip::text(self.bytes(), start + 1).ok_or(Unreadable)?;
        let quoted = self.text.get(start..self.at).ok_or(Unreadable)?;
        self.colon()?;
        text(quoted)
    }

    /// Takes one value of any form without looking at what it says.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.at = skip::value(self.bytes(), self.at, self.depth).ok_or(Unreadable)?;
        Ok(())
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.byte()? {
            b'"' => self.visit_text(visitor),
            b'{' => Members::visit(self, visitor),
            b'[' => Items::visit(self, visitor),
            b't' => self.word(b"true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.word(b"false").and_then(|()| visitor.visit_bool(false)),
            b'n' => self.word(b"null").and_then(|()| visitor.visit_unit()),
            _ => {
                let text = self.number()?;
                if let Ok(number) = text.parse::<u64>() {
                    visitor.visit_u64(number)
                } else if let Ok(number) = text.parse::<i64>() {
                    visitor.visit_i64(number)
                } else {
                    // Rust reads every number that JSON has; what is too large for it is infinite.
                    visitor.visit_f64(text.parse().map_err(|_no_number| Unreadable)?)
                }
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.byte()? == b'n' {
            self.word(b"null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // The name of a member, of which it is known that it is a text.
        self.visit_text(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name != VERBATIM {
            return visitor.visit_newtype_struct(self);
        }
        let start = self.at;
        self.skip()?;
        visitor.visit_newtype_struct(Verbatim(self.text.get(start..self.at).ok_or(Unreadable)?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum
    }
}

#[cfg(test)]
mod tests;
