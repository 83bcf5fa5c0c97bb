//! The texts of JSON: borrowed as they stand, or a copy where they have escapes.

use serde::de::Visitor;

use super::{Reader, Result, Unreadable};
use crate::scan;

/// What stands in for half of a surrogate pair.
const REPLACEMENT: char = '\u{FFFD}';

impl<'de> Reader<'de> {
    /// Takes the text whose opening quote is next.
    #[inline]
    pub(super) fn visit_text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let plain = self.plain()?;
        if self.byte() == Ok(b'"') {
            self.at += 1;
            return visitor.visit_borrowed_str(plain);
        }
        let text = self.unescaped(plain)?;
        visitor.visit_string(text)
    }

    /// Takes the opening quote, or an escape's last byte, and what is plain after it.
    #[inline]
    fn plain(&mut self) -> Result<&'de str> {
        let start = self.at + 1;
        self.at = start;
        self.at += scan::plain_prefix(self.rest());
        self.text.get(start..self.at).ok_or(Unreadable)
    }

    /// The rest of a text that has an escape, after a part that is plain.
    fn unescaped(&mut self, plain: &str) -> Result<String> {
        let mut text = String::with_capacity(plain.len() + 256);
        text.push_str(plain);
        loop {
            match self.byte() {
                Ok(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Ok(b'\\') => text.push(self.escape()?),
                // A control character, or the end.
                _ => return Err(Unreadable),
            }
            text.push_str(self.plain()?);
        }
    }

    /// Takes an escape but for its last byte.
    fn escape(&mut self) -> Result<char> {
        self.at += 1;
        Ok(match self.byte()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Unreadable),
        })
    }

    fn unicode(&mut self) -> Result<char> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Ok(char::from_u32(high).unwrap_or(REPLACEMENT));
        }
        // The first half of a pair; its second half must follow, or it means nothing.
        let before = self.at;
        if self.rest().get(1..3) == Some(br"\u") {
            self.at += 2;
            let low = self.four_digits()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
                return Ok(char::from_u32(code).unwrap_or(REPLACEMENT));
            }
        }
        self.at = before;
        Ok(REPLACEMENT)
    }

    /// Takes the digits after the `u` that is next, but for the last one.
    fn four_digits(&mut self) -> Result<u32> {
        let digits = self.rest().get(1..5).ok_or(Unreadable)?;
        let digit = |value: u32, byte: &u8| Some(value << 4 | char::from(*byte).to_digit(16)?);
        let value = digits.iter().try_fold(0, digit).ok_or(Unreadable)?;
        self.at += 4;
        Ok(value)
    }
}
