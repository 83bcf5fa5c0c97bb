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
mod text;

use std::borrow::Cow;

use serde::de::{self, Deserialize, Visitor};

use self::access::{Items, Members, Verbatim};
use super::MAX_DEPTH;
use crate::scan;

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
    if reader.token()? != b'{' {
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

/// A place in a text.
pub(super) struct Reader<'de> {
    pub(super) text: &'de str,
    pub(super) at: usize,
    /// How many arrays and objects are open.
    depth: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The sixteen bytes from a place on, unless the text ends before.
    #[inline]
    fn chunk(&self, at: usize) -> Option<&'de [u8; 16]> {
        self.text.as_bytes().get(at..)?.first_chunk()
    }

    /// The next byte that is not white space, which is not taken.
    #[inline]
    pub(super) fn token(&mut self) -> Result<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => return Ok(byte),
            // What stands between a name and its value in an indented text.
            Some(b' ') => {
                if let Some(&byte) = self.text.as_bytes().get(self.at + 1)
                    && byte > b' '
                {
                    self.at += 1;
                    return Ok(byte);
                }
            }
            _ => {}
        }
        self.skip_white_space().ok_or(Unreadable)
    }

    /// The same where a line may have ended: mostly an indentation follows, and is all of it.
    #[inline]
    pub(super) fn token_of_next_line(&mut self) -> Result<u8> {
        if let Some(chunk) = self.chunk(self.at) {
            self.at += scan::indentation(chunk);
            if let Some(byte) = self.byte()
                && byte > b' '
            {
                return Ok(byte);
            }
        }
        self.skip_white_space().ok_or(Unreadable)
    }

    fn skip_white_space(&mut self) -> Option<u8> {
        loop {
            // Mostly it is a line break and an indentation, and this is all of it.
            if let Some(chunk) = self.chunk(self.at) {
                self.at += scan::indentation(chunk);
            }
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Takes a byte that must be the next token.
    #[inline]
    fn take(&mut self, expected: u8) -> Result<()> {
        if self.token()? != expected {
            return Err(Unreadable);
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.skip_white_space().is_some() { Err(Unreadable) } else { Ok(()) }
    }

    fn open(&mut self) -> Result<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Unreadable) } else { Ok(()) }
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Unreadable);
        }
        self.at += word.len();
        Ok(())
    }

    /// Takes a number, and returns its text.
    fn number(&mut self) -> Result<&'de str> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits()?;
        // A number does not start with a zero, unless that is all of it.
        if whole > 1 && self.text.as_bytes().get(self.at - whole) == Some(&b'0') {
            return Err(Unreadable);
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.at).ok_or(Unreadable)
    }

    /// Takes digits, and returns how many; at least one.
    fn digits(&mut self) -> Result<usize> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(Unreadable) } else { Ok(self.at - start) }
    }

    fn skip_scalar(&mut self, token: u8) -> Result<()> {
        match token {
            b'"' => self.skip_text(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(|_text| ()),
        }
    }

    /// Takes the start of an array or object, and the end if nothing is in it: false then.
    pub(super) fn enters(&mut self, end: u8) -> Result<bool> {
        self.open()?;
        if self.token_of_next_line()? != end {
            return Ok(true);
        }
        self.close();
        Ok(false)
    }

    /// Takes the comma after an item or member, or the end: false then.
    pub(super) fn goes_on(&mut self, end: u8) -> Result<bool> {
        let token = self.token()?;
        if token == end {
            self.close();
        } else if token == b',' {
            self.at += 1;
        } else {
            return Err(Unreadable);
        }
        Ok(token == b',')
    }

    /// Takes the name of a member, and the colon after it.
    pub(super) fn name(&mut self) -> Result<Cow<'de, str>> {
        self.token()?;
        let start = self.at;
        self.skip_name()?;
        let taken = self.text.get(start..self.at).ok_or(Unreadable)?;
        let quoted = taken.get(..taken.rfind('"').ok_or(Unreadable)? + 1).ok_or(Unreadable)?;
        text(quoted)
    }

    #[inline]
    fn skip_name(&mut self) -> Result<()> {
        if self.byte() != Some(b'"') {
            return Err(Unreadable);
        }
        self.skip_text()?;
        self.take(b':')
    }

    /// Takes one value of any form without looking at what it says.
    pub(super) fn skip(&mut self) -> Result<()> {
        let outside = self.depth;
        // One bit for each level that was opened here: set for an object.
        let mut objects: u128 = 0;
        loop {
            match self.token()? {
                open @ (b'{' | b'[') => {
                    self.open()?;
                    let object = open == b'{';
                    if self.token_of_next_line()? == (if object { b'}' } else { b']' }) {
                        self.close();
                    } else {
                        objects = objects << 1 | u128::from(object);
                        if object {
                            self.skip_name()?;
                        }
                        continue;
                    }
                }
                scalar => self.skip_scalar(scalar)?,
            }
            // A value has ended: close what ends with it, up to one that goes on.
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match self.token()? {
                    b',' => {
                        self.at += 1;
                        self.token_of_next_line()?;
                        if object {
                            self.skip_name()?;
                        }
                        break;
                    }
                    b'}' if object => self.close(),
                    b']' if !object => self.close(),
                    _ => return Err(Unreadable),
                }
                objects >>= 1;
            }
        }
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.token()? {
            b'"' => self.visit_text(visitor),
            b'{' => Members::visit(self, visitor),
            b'[' => Items::visit(self, visitor),
            b't' => self.word("true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.word("false").and_then(|()| visitor.visit_bool(false)),
            b'n' => self.word("null").and_then(|()| visitor.visit_unit()),
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
        if self.token()? == b'n' {
            self.word("null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name != VERBATIM {
            return visitor.visit_newtype_struct(self);
        }
        self.token()?;
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
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

#[cfg(test)]
mod tests;
