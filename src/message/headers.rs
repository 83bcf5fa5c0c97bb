//! The headers of a message: names with their values, encoded as they may stand on the wire.
//!
//! In come texts of any content, out come values of visible ASCII, none longer than 1 KiB. All values share one
//! buffer, since a message has fifteen of them and mostly lives for a millisecond.

use std::fmt::{Display, Write as _};

/// Longest header value, in bytes.
const MAX_VALUE: usize = 1024;
/// What the values of most messages need.
const USUAL_BYTES: usize = 640;

/// A stored line that is none of our headers.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is none of the headers that a message can have")]
pub(crate) struct NoHeader(String);

/// Names with their values; all visible ASCII, none longer than 1 KiB.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Headers {
    values: String,
    /// Each name with where its value ends.
    ends: Vec<(&'static str, usize)>,
}

impl Headers {
    pub(super) fn new() -> Self {
        Self {
            values: String::with_capacity(USUAL_BYTES),
            ends: Vec::with_capacity(super::HEADERS.len()),
        }
    }

    /// Names and values, in the order in which they were put.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name, end)| {
            let value = self.values.get(start..end).unwrap_or_default();
            start = end;
            (name, value)
        })
    }

    /// How many bytes they take on the wire: a version line, each as `name: value`, an empty line.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        let names: usize = self.ends.iter().map(|(name, _)| name.len()).sum();
        "NATS/1.0\r\n\r\n".len() + names + self.values.len() + self.ends.len() * ": \r\n".len()
    }

    /// The first header, if there is one, whose value has a line break. None has, unless a store gave it one: what stood
    /// behind the break would be a header of its own.
    #[must_use]
    pub fn broken(&self) -> Option<&'static str> {
        memchr::memchr2(b'\r', b'\n', self.values.as_bytes())?;
        self.iter().find(|(_, value)| value.contains(['\r', '\n'])).map(|(name, _)| name)
    }

    /// Them as lines, `name:value`, for our own store. [`Self::from_lines`] reads it.
    pub(crate) fn to_lines(&self) -> String {
        let mut lines = String::with_capacity(self.wire_len());
        for (name, value) in self.iter() {
            for part in [name, ":", value, "\n"] {
                lines.push_str(part);
            }
        }
        lines
    }

    /// Reads what [`Self::to_lines`] wrote.
    pub(crate) fn from_lines(lines: &str) -> Result<Self, NoHeader> {
        let mut headers = Self::new();
        for line in lines.split_terminator('\n') {
            let (name, value) = line.split_once(':').ok_or_else(|| NoHeader(line.to_owned()))?;
            let known = super::HEADERS.into_iter().find(|known| *known == name);
            let name = known.ok_or_else(|| NoHeader(name.to_owned()))?;
            headers.values.push_str(value);
            headers.ends.push((name, headers.values.len()));
        }
        Ok(headers)
    }

    /// Adds a header whose value is the parts in a row, encoded as the `CloudEvents` NATS binding says: space, `"`,
    /// `%` and everything outside U+0021–U+007E becomes `%XX` of its UTF-8. Cut at 1 KiB, never inside an
    /// escape.
    pub(super) fn put(&mut self, name: &'static str, parts: &[&str]) {
        let mut room = MAX_VALUE;
        for part in parts {
            room = self.encode(part, room);
        }
        self.ends.push((name, self.values.len()));
    }

    /// Adds a header whose value is visible ASCII by its nature, such as a time.
    pub(super) fn put_display(&mut self, name: &'static str, value: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.values, "{value}");
        self.ends.push((name, self.values.len()));
    }

    /// Gives a header another value, if it is there. The value must be visible ASCII and short.
    pub(super) fn replace(&mut self, name: &str, value: &str) {
        let Some(index) = self.ends.iter().position(|(known, _)| *known == name) else { return };
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |(_, end)| *end);
        let Some(&(_, end)) = self.ends.get(index) else { return };
        self.values.replace_range(start..end, value);
        for (_, end_of_later) in self.ends.iter_mut().skip(index) {
            *end_of_later = *end_of_later - (end - start) + value.len();
        }
    }

    /// Returns how much room is left; none behind a cut.
    fn encode(&mut self, part: &str, room: usize) -> usize {
        // Without a way out of the loop it is done many bytes at a time.
        let plain = |part: &str| part.bytes().fold(true, |all, byte| all & stands_for_itself(byte));
        if part.len() <= room && plain(part) {
            self.values.push_str(part);
            return room - part.len();
        }
        let mut room = room;
        for byte in part.bytes() {
            let width = if stands_for_itself(byte) { 1 } else { 3 };
            if width > room {
                return 0;
            }
            if width == 1 {
                self.values.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(self.values, "%{byte:02X}");
            }
            room -= width;
        }
        room
    }
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stored_name_that_is_no_header_is_an_error() {
        for lines in ["Nats-Rollup:all\n", "ce-id\n", "\n", "ce-id :x\n"] {
            assert!(Headers::from_lines(lines).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn a_line_break_in_a_stored_value_is_found_by_the_name_of_its_header() {
        let sound = Headers::from_lines("ce-id:x\nce-time:y\n").unwrap();
        assert_eq!(sound.broken(), None);
        let broken = Headers::from_lines("ce-id:x\nce-time:y\rNats-Rollup: all\n").unwrap();
        assert_eq!(broken.broken(), Some("ce-time"));
    }

    #[test]
    fn a_replaced_value_leaves_the_others_as_they_are() {
        for (name, value) in [("ce-id", "longer than before"), ("ce-time", "x"), ("ce-type", "")] {
            let mut headers = Headers::new();
            for known in ["ce-id", "ce-time", "ce-type"] {
                headers.put(known, &["value"]);
            }
            headers.replace(name, value);
            headers.replace("ce-subject", "is not there");
            let all: Vec<_> = headers.iter().collect();
            let now = |known| (known, if known == name { value } else { "value" });
            assert_eq!(all, ["ce-id", "ce-time", "ce-type"].map(now));
        }
    }

    proptest! {
        #[test]
        fn headers_come_back_from_their_lines_as_they_were(
            put in prop::collection::vec((0..super::super::HEADERS.len(), any::<String>()), 0..20),
        ) {
            let mut headers = Headers::new();
            for (name, value) in &put {
                headers.put(super::super::HEADERS[*name], &[value]);
            }
            prop_assert_eq!(Headers::from_lines(&headers.to_lines()), Ok(headers));
        }
    }
}
