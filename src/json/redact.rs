//! Values that an operator does not want to leave: replaced where JSON pointers name them.
//!
//! In come JSON and a [`Redaction`], out comes the same text with [`REDACTED`] in the place of those values, and every
//! other byte as it was. `*` in a pointer is any member or item. Into a text that is a document of its own (see
//! [`super::screen`]) a pointer goes on as if it stood there itself.

use std::ops::Range;

use super::read::{self, Reader, Unreadable};

/// What stands in the place of a value.
pub const REDACTED: &str = "[redacted]";
/// The same as JSON.
const QUOTED: &[u8] = b"\"[redacted]\"";
/// Most pointers of one [`Redaction`].
pub const MAX_POINTERS: usize = 64;
/// Longest pointer, in bytes.
const MAX_LENGTH: usize = 512;
/// Most steps of a pointer.
const MAX_STEPS: usize = 32;

/// A JSON pointer (RFC 6901) to values below the whole document. A member named `*` has none of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer(Vec<Step>);

/// A step of a [`Pointer`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Any member or item.
    Any,
    /// The member of this name, or the item of this number.
    Name(Box<str>),
}

impl Step {
    /// Whether it leads to the member of this name.
    #[must_use]
    pub fn leads_to(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(own) => **own == *name,
        }
    }
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    ///
    /// Says what a pointer must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "must be a JSON pointer such as /pusher/email or /commits/*/author/email: at most 512 bytes and 32 \
                            steps, ~1 for a slash and ~0 for a tilde in a name";
        let rest = text.strip_prefix('/').filter(|_| text.len() <= MAX_LENGTH).ok_or(RULE)?;
        let steps: Option<Vec<_>> = rest.split('/').map(step).collect();
        steps.filter(|steps| steps.len() <= MAX_STEPS).map(Self).ok_or(RULE)
    }

    /// Its steps, at least one.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

fn step(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::Any);
    }
    let mut parts = text.split('~');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (letter, rest) = (part.get(..1)?, part.get(1..)?);
        name.push(match letter {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        name.push_str(rest);
    }
    Some(Step::Name(name.into()))
}

/// Which values are replaced.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Redaction(Vec<Pointer>);

impl Redaction {
    /// Takes pointers.
    ///
    /// # Errors
    ///
    /// Says what a pointer must be, or that there are more than [`MAX_POINTERS`].
    pub fn parse<S: AsRef<str>>(pointers: &[S]) -> Result<Self, &'static str> {
        if pointers.len() > MAX_POINTERS {
            return Err("must have at most 64 pointers");
        }
        pointers
            .iter()
            .map(|text| Pointer::parse(text.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether nothing is replaced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces what the pointers name; `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] when the text is no JSON, or nested too deeply.
    pub fn apply(&self, json: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        if self.is_empty() {
            return Ok(None);
        }
        let all = (0..self.0.len()).fold(0, |mask, index| mask | 1 << index);
        self.document(json, all, 0)
    }

    fn document(&self, json: &str, mask: u64, level: usize) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut pass = Pass { redaction: self, reader: Reader::new(json), cuts: Vec::new() };
        pass.value(mask, level, false)?;
        pass.reader.end()?;
        if pass.cuts.is_empty() {
            return Ok(None);
        }
        let (mut out, mut from) = (Vec::with_capacity(json.len()), 0);
        for (range, instead) in pass.cuts {
            out.extend_from_slice(json.as_bytes().get(from..range.start).unwrap_or_default());
            match instead {
                Some(text) => out.extend_from_slice(&text),
                None => out.extend_from_slice(QUOTED),
            }
            from = range.end;
        }
        out.extend_from_slice(json.as_bytes().get(from..).unwrap_or_default());
        Ok(Some(out))
    }
}

struct Pass<'a> {
    redaction: &'a Redaction,
    reader: Reader<'a>,
    /// What goes, and what comes instead if that is not [`REDACTED`].
    cuts: Vec<(Range<usize>, Option<Vec<u8>>)>,
}

impl Pass<'_> {
    /// Takes a value that `level` steps of each pointer in the `mask` have led to.
    fn value(&mut self, mask: u64, level: usize, embedded: bool) -> Result<(), Unreadable> {
        let token = self.reader.token()?;
        let start = self.reader.at;
        if self.pointers(mask).any(|(_, pointer)| pointer.0.len() == level) {
            self.reader.skip()?;
            self.cuts.push((start..self.reader.at, None));
            return Ok(());
        }
        match token {
            b'{' => self.members(mask, level),
            b'[' => self.items(mask, level),
            b'"' if embedded => self.inner(mask, level),
            _ => self.reader.skip(),
        }
    }

    fn members(&mut self, mask: u64, level: usize) -> Result<(), Unreadable> {
        let mut more = self.reader.enters(b'}')?;
        while more {
            let name = self.reader.name()?;
            let embedded = name.as_bytes() == super::EMBEDDED;
            self.below(mask, level, &name, embedded)?;
            more = self.reader.goes_on(b'}')?;
        }
        Ok(())
    }

    fn items(&mut self, mask: u64, level: usize) -> Result<(), Unreadable> {
        let mut more = self.reader.enters(b']')?;
        // Numbers are written only for pointers that name one.
        let numbered =
            self.pointers(mask).any(|(_, it)| matches!(it.0.get(level), Some(Step::Name(_))));
        let mut index = 0_usize;
        while more {
            let name = if numbered { index.to_string() } else { String::new() };
            self.below(mask, level, &name, false)?;
            more = self.reader.goes_on(b']')?;
            index += 1;
        }
        Ok(())
    }

    fn below(
        &mut self,
        mask: u64,
        level: usize,
        name: &str,
        embedded: bool,
    ) -> Result<(), Unreadable> {
        let leads = |it: &Pointer| it.0.get(level).is_some_and(|step| step.leads_to(name));
        let leading = self.pointers(mask).filter(|(_, it)| leads(it));
        let mask = leading.fold(0, |mask, (index, _)| mask | 1 << index);
        if mask == 0 { self.reader.skip() } else { self.value(mask, level + 1, embedded) }
    }

    /// A text that is a document itself. One that cannot be read goes as a whole.
    fn inner(&mut self, mask: u64, level: usize) -> Result<(), Unreadable> {
        let start = self.reader.at;
        self.reader.skip()?;
        let range = start..self.reader.at;
        let text = read::text(self.reader.text.get(range.clone()).unwrap_or_default())?;
        match self.redaction.document(&text, mask, level) {
            Ok(None) => {}
            Ok(Some(inner)) => {
                let instead = serde_json::to_vec(&String::from_utf8_lossy(&inner)).ok();
                self.cuts.push((range, instead));
            }
            Err(Unreadable) => self.cuts.push((range, None)),
        }
        Ok(())
    }

    fn pointers(&self, mask: u64) -> impl Iterator<Item = (usize, &Pointer)> {
        let all = self.redaction.0.iter().enumerate();
        all.filter(move |(index, _)| mask & (1 << index) != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn redacted(pointers: &[&str], json: &str) -> String {
        let redaction = Redaction::parse(pointers).unwrap();
        let out = redaction.apply(json).unwrap();
        out.map_or_else(|| json.to_owned(), |out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_a_pointer_names_is_replaced_and_every_other_byte_stays() {
        for (pointers, text, expected) in [
            (
                &["/a"][..],
                r#" { "a" : 1.50 , "b" : 1e400 } "#,
                r#" { "a" : "[redacted]" , "b" : 1e400 } "#,
            ),
            (
                &["/a/b"],
                r#"{"a":{"b":[1,{"c":2}],"c":3},"b":4}"#,
                r#"{"a":{"b":"[redacted]","c":3},"b":4}"#,
            ),
            (
                &["/*/b"],
                r#"{"x":{"b":1},"y":[{"b":2}],"b":3}"#,
                r#"{"x":{"b":"[redacted]"},"y":[{"b":2}],"b":3}"#,
            ),
            (
                &["/a/*/b"],
                r#"{"a":[{"b":1},{"c":2},{"b":null}]}"#,
                r#"{"a":[{"b":"[redacted]"},{"c":2},{"b":"[redacted]"}]}"#,
            ),
            (&["/a/1"], r#"{"a":[1,2,3]}"#, r#"{"a":[1,"[redacted]",3]}"#),
            (&["/a/1"], r#"{"a":{"1":"x"}}"#, r#"{"a":{"1":"[redacted]"}}"#),
            (&["/a~1b/~0"], r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":"[redacted]"}}"#),
            (&["/a"], r#"{"\u0061":1,"a":2}"#, r#"{"\u0061":"[redacted]","a":"[redacted]"}"#),
            (&["/a/b", "/a"], r#"{"a":{"b":1}}"#, r#"{"a":"[redacted]"}"#),
            (&["/"], r#"{"":1,"a":2}"#, r#"{"":"[redacted]","a":2}"#),
            (&["/a/b"], r#"{"a":"{\"b\":1}"}"#, r#"{"a":"{\"b\":1}"}"#),
            (&["/a"], "[1]", "[1]"),
        ] {
            assert_eq!(redacted(pointers, text), expected, "{pointers:?} {text}");
        }
    }

    #[test]
    fn a_pointer_goes_into_a_document_inside_a_document() {
        let outer = |inner: &str| json!({ "run": { "event_payload": inner, "id": 1 } }).to_string();
        let pointer = ["/run/event_payload/pusher/email"];
        for (inner, expected) in [
            (r#"{"pusher":{"email":"x","id":1}}"#, r#"{"pusher":{"email":"[redacted]","id":1}}"#),
            (r#"{"pusher":{"id":1}}"#, r#"{"pusher":{"id":1}}"#),
            // What nobody can look through does not leave.
            (r#"{"pusher":{"email":"x""#, REDACTED),
            ("x", REDACTED),
        ] {
            assert_eq!(redacted(&pointer, &outer(inner)), outer(expected), "{inner}");
        }
        assert_eq!(redacted(&["/run/event_payload"], &outer("{}")), outer(REDACTED));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        let (long, deep) = (format!("/{}", "a".repeat(512)), "/a".repeat(33));
        for bad in ["", "a", "a/b", "/a~", "/a~2", "/~é", "#/a", &*long, &*deep] {
            assert!(Pointer::parse(bad).is_err(), "{bad}");
        }
        assert!(Pointer::parse(&"/a".repeat(32)).is_ok());
        assert!(Redaction::parse(&vec!["/a"; MAX_POINTERS]).is_ok());
        assert!(Redaction::parse(&vec!["/a"; MAX_POINTERS + 1]).is_err());
    }

    #[test]
    fn what_is_no_json_is_not_half_redacted() {
        let redaction = Redaction::parse(&["/a"]).unwrap();
        for bad in [r#"{"a":1"#, r#"{"a":1} x"#, "", r#"{"a" 1}"#, &"[".repeat(101)] {
            assert_eq!(redaction.apply(bad), Err(Unreadable), "{bad}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let name =
            prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("0".to_owned()), ".{0,3}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(name.clone(), inner, 0..5).prop_map(Value::from_iter),
            ]
        })
    }

    /// What redaction means, on the parsed value.
    fn reference(value: &mut Value, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else {
            *value = REDACTED.into();
            return;
        };
        match value {
            Value::Object(members) => {
                members
                    .iter_mut()
                    .filter(|(name, _)| step.leads_to(name))
                    .for_each(|(_, it)| reference(it, rest));
            }
            Value::Array(items) => {
                let items = items.iter_mut().enumerate();
                items
                    .filter(|(n, _)| step.leads_to(&n.to_string()))
                    .for_each(|(_, it)| reference(it, rest));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn redacting_is_parsing_replacing_and_writing(
            value in json(),
            pointers in prop::collection::vec("(/(a|b|0|\\*)){1,4}", 0..5),
            pretty: bool,
        ) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let redaction = Redaction::parse(&pointers).unwrap();
            let mut expected = value;
            // A longer pointer finds nothing below a value that a shorter one replaced.
            for pointer in &redaction.0 {
                reference(&mut expected, pointer.steps());
            }
            let out = redaction.apply(&text).unwrap().map_or(text, |out| String::from_utf8(out).unwrap());
            prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
        }

        #[test]
        fn any_text_is_survived(text in "[\\[\\]{}\",:\\\\ ab0]{0,60}") {
            let _ = Redaction::parse(&["/a/*", "/*/0", "/b"]).unwrap().apply(&text);
        }
    }
}
