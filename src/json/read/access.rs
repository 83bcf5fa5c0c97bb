//! Arrays, objects and verbatim values, as serde asks for them one by one.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{Reader, Result, Unreadable};

/// The items of an array.
pub(super) struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
    ended: bool,
}

impl<'r, 'de> Items<'r, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(
        reader: &'r mut Reader<'de>,
        visitor: V,
    ) -> Result<V::Value> {
        let ended = !reader.enters(b']')?;
        let mut items = Self { reader, first: true, ended };
        let value = visitor.visit_seq(&mut items)?;
        // Who wants a pair does not ask whether there is a third.
        if !items.ended && (items.first || items.reader.goes_on(b']')?) {
            return Err(Unreadable);
        }
        Ok(value)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unreadable;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !std::mem::replace(&mut self.first, false) && !self.ended {
            self.ended = !self.reader.goes_on(b']')?;
        }
        if self.ended {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of an object.
pub(super) struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
    ended: bool,
}

impl<'r, 'de> Members<'r, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(
        reader: &'r mut Reader<'de>,
        visitor: V,
    ) -> Result<V::Value> {
        let ended = !reader.enters(b'}')?;
        let mut members = Self { reader, first: true, ended };
        let value = visitor.visit_map(&mut members)?;
        if members.ended { Ok(value) } else { Err(Unreadable) }
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = Unreadable;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !std::mem::replace(&mut self.first, false) && !self.ended {
            self.ended = !self.reader.goes_on(b'}')?;
        }
        if self.ended {
            return Ok(None);
        }
        if self.reader.byte()? != b'"' {
            return Err(Unreadable);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        self.reader.colon()?;
        seed.deserialize(&mut *self.reader)
    }
}

/// The text of one value.
pub(super) struct Verbatim<'de>(pub(super) &'de str);

impl<'de> de::Deserializer<'de> for Verbatim<'de> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
