//! A writer of compact JSON for the event types: what `serde_json` writes, byte for byte, in less time.
//!
//! In come values of serde's data model, out comes text at the end of a buffer. Names of members are our
//! own and need no escaping, and texts are looked through sixteen bytes at a time. Maps with anything but
//! texts for names, and enums with content, are no part of the event types: [`Unwritable`]. Receipts are written by it, too.

use serde::Serialize;
use serde::ser;

use crate::scan;

/// A value that events do not consist of.
#[derive(Debug, thiserror::Error)]
#[error("cannot be written as part of an event: {0}")]
pub struct Unwritable(String);

impl ser::Error for Unwritable {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Writes `value` at the end of `out`.
pub(crate) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Unwritable> {
    value.serialize(Writer { out })
}

/// Writes a text in quotes.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    content(out, text);
    out.push(b'"');
}

fn content(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    if scan::is_plain(rest) {
        out.extend_from_slice(rest);
        return;
    }
    loop {
        let (plain, special) = rest.split_at(scan::plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { return };
        escape(out, byte);
        rest = after;
    }
}

/// What is formatted into it stands inside a text.
struct Content<'o>(&'o mut Vec<u8>);

impl std::fmt::Write for Content<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        content(self.0, text);
        Ok(())
    }
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    fn display(self, value: impl std::fmt::Display) {
        // Writing to memory cannot fail.
        let _ = std::io::Write::write_fmt(self.out, format_args!("{value}"));
    }
}

/// An array or object that is being written.
pub(super) struct Compound<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
    end: u8,
}

impl<'o> Compound<'o> {
    fn open(out: &'o mut Vec<u8>, begin: u8, end: u8) -> Self {
        out.push(begin);
        Self { out, first: true, end }
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(Writer { out: self.out })
    }

    fn close(self) {
        self.out.push(self.end);
    }
}

fn no<T>(what: &str) -> Result<T, Unwritable> {
    Err(Unwritable(what.to_owned()))
}

impl<'o> ser::Serializer for Writer<'o> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Compound<'o>;
    type SerializeTuple = Compound<'o>;
    type SerializeTupleStruct = Compound<'o>;
    type SerializeTupleVariant = ser::Impossible<(), Unwritable>;
    type SerializeMap = Compound<'o>;
    type SerializeStruct = Compound<'o>;
    type SerializeStructVariant = ser::Impossible<(), Unwritable>;

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unwritable> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unwritable> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unwritable> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unwritable> {
        self.display(value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unwritable> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unwritable> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unwritable> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unwritable> {
        self.display(value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        serde_json::to_writer(self.out, &value).map_err(ser::Error::custom)
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        text(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritable> {
        no("bytes")
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unwritable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        no("an enum with content")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'o>, Unwritable> {
        Ok(Compound::open(self.out, b'[', b']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'o>, Unwritable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'o>, Unwritable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        no("an enum with content")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'o>, Unwritable> {
        Ok(Compound::open(self.out, b'{', b'}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'o>, Unwritable> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        no("an enum with content")
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        self.out.push(b'"');
        // Writing to memory cannot fail; if the value does, it says less.
        let _ = std::fmt::Write::write_fmt(&mut Content(self.out), format_args!("{value}"));
        self.out.push(b'"');
        Ok(())
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.separate();
        self.value(value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.separate();
        let start = self.out.len();
        self.value(key)?;
        if self.out.get(start) == Some(&b'"') { Ok(()) } else { no("a name that is no text") }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.out.push(b':');
        self.value(value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = ();
    type Error = Unwritable;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.value(value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written<T: Serialize>(value: &T) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Form {
        Plain,
        #[serde(untagged)]
        Other(String),
    }

    #[derive(Serialize)]
    struct Forms {
        list: Vec<Form>,
        pair: (i8, f64),
        none: Option<u8>,
        names: BTreeMap<&'static str, char>,
        unit: (),
    }

    #[test]
    fn every_form_is_written_as_serde_json_writes_it() {
        let forms = Forms {
            list: vec![
                Form::Plain,
                Form::Other("x\u{1}\u{7f}\u{2028}\"\\/\r\n\t\u{8}\u{c}é".into()),
            ],
            pair: (-3, 0.5),
            none: None,
            names: [("a", '"'), ("b", '€')].into(),
            unit: (),
        };
        assert_eq!(written(&forms), serde_json::to_string(&forms).unwrap());
        let value = json!([{}, [], "", -1, 1.0e300, null]);
        assert_eq!(written(&value), value.to_string());
    }

    #[test]
    fn what_no_event_consists_of_is_refused() {
        #[derive(Serialize)]
        enum Content {
            Of(u8),
        }
        let mut out = Vec::new();
        assert!(write(&mut out, &Content::Of(1)).is_err());
        assert!(write(&mut out, &BTreeMap::from([(1, 2)])).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_writes_it(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            prop_assert_eq!(written(&json!({text.clone(): [text.clone()]})), json!({text.clone(): [text]}).to_string());
        }

        #[test]
        fn any_number_is_written_as_serde_json_writes_it(a: i64, b: u64, c: f64) {
            let value: Value = json!([a, b, c]);
            prop_assert_eq!(written(&value), value.to_string());
        }
    }
}
