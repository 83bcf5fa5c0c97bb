//! What is looked for in a payload's text before anything else reads it: credentials that must not leave.
//!
//! In come the bytes of a verified payload, out come the same bytes, or the bytes
//! without the members and passwords that were cut. It trusts nothing: whether they are JSON is found
//! out by the parser afterwards, and where they are not, what looks like a credential goes all the same.

pub(crate) mod read;
mod redact;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

pub use self::redact::{MAX_POINTERS, Pointer, REDACTED, Redaction, Step};
use memchr::memmem::Finder;
use memchr::{memchr, memchr2, memchr2_iter};

/// Deepest nesting that is read as JSON.
pub const MAX_DEPTH: usize = 100;

/// A user name in a URL of at least so many ASCII letters is taken for a token.
const TOKEN_LENGTH: usize = 20;
/// Longest scheme of a URL that is looked at.
const LONGEST_SCHEME: usize = 20;

/// Members whose text is a JSON document of its own, and is looked through like the one around it. Forgejo
/// sends what started a run this way (`ActionRun` in `modules/structs/action.go`).
const EMBEDDED: &[u8] = b"event_payload";

/// Looks through a payload, and takes out members named `secret` and the passwords in URLs: the payload itself, or a
/// copy without them. Those below [`MAX_DEPTH`] are not seen.
#[must_use]
pub fn screen(payload: &[u8]) -> Cow<'_, [u8]> {
    if is_plainly_harmless(payload) {
        return Cow::Borrowed(payload);
    }
    screen_thoroughly(payload).bytes
}

/// Whether a payload, JSON or not, is nested deeper than [`MAX_DEPTH`]. What can be read as JSON is not.
#[must_use]
pub fn is_too_deep(payload: &[u8]) -> bool {
    screen_thoroughly(payload).too_deep
}

/// What the long way makes of a payload.
struct Screened<'a> {
    /// The payload itself, or a copy without the credentials.
    bytes: Cow<'a, [u8]>,
    /// Whether it is nested deeper than [`MAX_DEPTH`].
    too_deep: bool,
}

/// Whether a few quick searches already show that there is nothing to take out: the
/// case of nearly every payload. It may say no to a harmless one, never yes to another.
fn is_plainly_harmless(payload: &[u8]) -> bool {
    static SECRET: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"secret\""));
    static INNER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(EMBEDDED));
    SECRET.find(payload).is_none() && INNER.find(payload).is_none() && is_plainly_spelt(payload)
}

/// Whether no name or URL is spelt with escapes, and nothing before an `@` may be a URL up to its host, with more
/// than a short user name.
fn is_plainly_spelt(payload: &[u8]) -> bool {
    let ends = |b: &u8| matches!(b, b'/' | b'"' | b'?' | b'#' | b'\\' | b' ');
    // Where the user name would begin, and whether a colon has come since. Each byte is looked at once, however many
    // an `@` is behind the other.
    let (mut begin, mut colon, mut seen) = (0, false, 0);
    memchr2_iter(b'\\', b'@', payload).all(|at| {
        if payload.get(at) == Some(&b'\\') {
            return !matches!(payload.get(at + 1), Some(b'u' | b'/'));
        }
        let new = payload.get(seen..at).unwrap_or_default();
        let end = new.iter().rposition(ends);
        if let Some(end) = end {
            begin = seen + end + 1;
        }
        let since = new.get(end.map_or(0, |end| end + 1)..).unwrap_or_default();
        colon = (colon && end.is_none()) || since.contains(&b':');
        seen = at + 1;
        match payload.get(..begin) {
            // What an escape stands for is found out the long way.
            Some([.., b'\\'] | [.., b'\\', _]) => false,
            Some([.., b':', b'/', b'/']) => !colon && at - begin < TOKEN_LENGTH,
            _ => true,
        }
    })
}

fn screen_thoroughly(payload: &[u8]) -> Screened<'_> {
    let mut pass = Pass {
        bytes: payload,
        levels: Vec::with_capacity(16),
        below: 0,
        too_deep: false,
        embedded: None,
        cuts: Vec::new(),
    };
    pass.run();
    let Pass { cuts, too_deep, .. } = pass;
    if cuts.is_empty() {
        return Screened { bytes: Cow::Borrowed(payload), too_deep };
    }
    let mut out = Vec::with_capacity(payload.len());
    let mut from = 0;
    for Cut { range, instead } in cuts {
        out.extend_from_slice(payload.get(from..range.start).unwrap_or_default());
        out.extend_from_slice(&instead);
        from = from.max(range.end);
    }
    out.extend_from_slice(payload.get(from..).unwrap_or_default());
    Screened { bytes: Cow::Owned(out), too_deep }
}

/// What is known of one array or object that is open at the moment.
#[derive(Default)]
struct Level {
    /// Where the member before the current one ends, if it is still there.
    comma: Option<usize>,
    /// Where the current member starts, if it is one to be cut.
    cut_from: Option<usize>,
}

/// A part that goes.
struct Cut {
    range: Range<usize>,
    /// What stands there afterwards.
    instead: Vec<u8>,
}

impl Cut {
    fn out(range: Range<usize>) -> Self {
        Self { range, instead: Vec::new() }
    }
}

struct Pass<'a> {
    bytes: &'a [u8],
    levels: Vec<Level>,
    /// How many levels are open below the deepest that is kept account of.
    below: usize,
    too_deep: bool,
    /// Where a text starts that is a document of its own, if one follows.
    embedded: Option<usize>,
    /// In ascending order, disjoint.
    cuts: Vec<Cut>,
}

impl Pass<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'"' => {
                    at = self.string(at);
                    continue;
                }
                b'{' | b'[' => self.opens(),
                b',' if self.below == 0 => self.member_ends(at, true),
                b'}' | b']' => self.closes(at),
                _ => {}
            }
            at += 1;
        }
    }

    fn opens(&mut self) {
        if self.levels.len() < MAX_DEPTH {
            self.levels.push(Level::default());
        } else {
            self.too_deep = true;
            self.below += 1;
        }
    }

    fn closes(&mut self, at: usize) {
        if self.below > 0 {
            self.below -= 1;
        } else {
            self.member_ends(at, false);
            self.levels.pop();
        }
    }

    /// Handles the string that starts at `start`, and returns where to go on.
    fn string(&mut self, start: usize) -> usize {
        let bytes = self.bytes;
        let mut end = start + 1;
        let mut escaped = false;
        loop {
            let Some(found) = bytes.get(end..).and_then(|rest| memchr2(b'"', b'\\', rest)) else {
                return bytes.len();
            };
            end += found;
            if bytes.get(end) == Some(&b'"') {
                break;
            }
            escaped = true;
            end += 2;
        }
        let content = bytes.get(start + 1..end).unwrap_or_default();
        if is_spelt(b"secret", content, escaped) && self.value_of(end + 1).is_some() {
            self.secret_starts(start);
        } else if self.levels.iter().any(|level| level.cut_from.is_some()) {
            // It goes anyway.
        } else if self.embedded == Some(start) {
            self.document(start..end + 1);
        } else if (escaped || memchr(b'@', content).is_some())
            && let Some(password) = url_password(content)
        {
            self.cuts.push(Cut::out(start + 1 + password.start..start + 1 + password.end));
        }
        if is_spelt(EMBEDDED, content, escaped) {
            self.embedded = self.value_of(end + 1);
        }
        end + 1
    }

    /// Handles a text, quotes included, that is a document of its own. One that cannot be looked through
    /// leaves an empty text.
    fn document(&mut self, range: Range<usize>) {
        let text = std::str::from_utf8(self.bytes.get(range.clone()).unwrap_or_default()).ok();
        let inner = text.and_then(|text| serde_json::from_str::<String>(text).ok());
        let screened = inner.as_ref().map(|inner| screen_thoroughly(inner.as_bytes()));
        let instead = match screened {
            Some(Screened { bytes: Cow::Borrowed(_), too_deep: false }) => return,
            Some(Screened { bytes, too_deep: false }) => {
                serde_json::to_vec(&String::from_utf8_lossy(&bytes)).ok()
            }
            _ => None,
        };
        self.cuts.push(Cut { range, instead: instead.unwrap_or_else(|| b"\"\"".to_vec()) });
    }

    /// Where the value starts of the member whose name ends before `after`; `None` if it is no name.
    fn value_of(&self, after: usize) -> Option<usize> {
        let blank = |from: usize| {
            let rest = self.bytes.get(from..)?;
            rest.iter().position(|b| !b.is_ascii_whitespace()).map(|at| from + at)
        };
        let colon = blank(after).filter(|at| self.bytes.get(*at) == Some(&b':'))?;
        blank(colon + 1)
    }

    fn secret_starts(&mut self, start: usize) {
        // Inside a member that is cut anyway nothing more is cut.
        if self.below > 0 || self.levels.iter().any(|level| level.cut_from.is_some()) {
            return;
        }
        if let Some(level) = self.levels.last_mut() {
            level.cut_from = Some(level.comma.unwrap_or(start));
        }
    }

    fn member_ends(&mut self, at: usize, more: bool) {
        let Some(level) = self.levels.last_mut() else { return };
        let Some(from) = level.cut_from.take() else {
            level.comma = Some(at);
            return;
        };
        // With a member before it the cut takes the comma before it, else the one that follows.
        let had_comma = level.comma.is_some();
        let end = if more && !had_comma { at + 1 } else { at };
        level.comma = (more && had_comma).then_some(at);
        self.cuts.push(Cut::out(from..end));
    }
}

/// Whether the text of a string is `name`, however it is spelt.
fn is_spelt(name: &[u8], content: &[u8], escaped: bool) -> bool {
    if !escaped {
        return content == name;
    }
    // A character has at most six bytes.
    content.len() <= name.len() * 6
        && std::str::from_utf8(content)
            .ok()
            .and_then(|text| serde_json::from_str::<String>(&format!("\"{text}\"")).ok())
            .is_some_and(|text| text.as_bytes() == name)
}

/// The part of a URL that must not leave, separator included, if the whole string is a URL with one.
///
/// The URL is read as JSON spells it (`\/` is a slash, `\u0026` an ampersand); the range is one of
/// `content` as it stands.
fn url_password(content: &[u8]) -> Option<Range<usize>> {
    let mut letters = Letters { content, at: 0 };
    let is_web = read_scheme(&mut letters)?;
    let ends = |b: u8| b <= b' ' || matches!(b, b'/' | b'?' | b'#' | b'\\');
    let authority: Vec<_> = letters.take_while(|&(_, byte)| !ends(byte)).collect();
    let at = authority.iter().rposition(|&(_, byte)| byte == b'@')?;
    let user = authority.get(..at)?;
    let (start, end) = (authority.first()?.0.start, authority.get(at)?.0.clone());
    let is_short =
        |name: &[Letter]| name.iter().filter(|(_, byte)| byte.is_ascii()).count() < TOKEN_LENGTH;
    match user.iter().position(|&(_, byte)| byte == b':').map(|colon| user.split_at(colon)) {
        // `user:password@` becomes `user@`, `:password@` and a token go with the `@`.
        Some((name, [(colon, _), ..])) if !name.is_empty() && is_short(name) => {
            Some(colon.start..end.start)
        }
        None if !is_web || is_short(user) => None,
        _ => Some(start..end.end),
    }
}

/// Reads `scheme://`, and tells whether it is one of the web; `None` if there is none.
fn read_scheme(letters: &mut Letters<'_>) -> Option<bool> {
    let mut scheme = Vec::with_capacity(LONGEST_SCHEME);
    loop {
        match letters.next()?.1 {
            b':' => break,
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') => {
                scheme.push(byte);
            }
            _ => return None,
        }
        if scheme.len() > LONGEST_SCHEME {
            return None;
        }
    }
    let slashes = [letters.next()?.1, letters.next()?.1];
    let web = scheme.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http"));
    (!scheme.is_empty() && slashes == *b"//").then_some(web)
}

/// A byte of a string's text, and where that stands.
type Letter = (Range<usize>, u8);

/// The text of a JSON string: what is not ASCII comes as bytes over 127, of an escape as one.
struct Letters<'a> {
    content: &'a [u8],
    at: usize,
}

impl Iterator for Letters<'_> {
    type Item = Letter;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.content.get(self.at..)?;
        let (width, byte) = match rest {
            [b'\\', b'u', digits @ ..] => {
                let code = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
                let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                (6, code.unwrap_or(u8::MAX))
            }
            [b'\\', b'b' | b'f' | b'n' | b'r' | b't', ..] => (2, b'\n'),
            [b'\\', byte, ..] => (2, *byte),
            [byte, ..] => (1, *byte),
            [] => return None,
        };
        let start = self.at;
        self.at += width.min(rest.len());
        Some((start..self.at, byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn screened(text: &str) -> String {
        String::from_utf8(screen(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn a_member_named_secret_is_taken_out_wherever_it_stands() {
        for (text, expected) in [
            (r#"{"secret":"x","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"secret":"x"}"#, r#"{"a":1}"#),
            (r#"{"a":1,"secret":{"b":[1,"secret"]},"c":2}"#, r#"{"a":1,"c":2}"#),
            (r#"{"secret":"x"}"#, r"{}"),
            (r#"{"secret":"x","secret":"y"}"#, r"{}"),
            (r#"{"a":1,"secret":"x","secret":"y"}"#, r#"{"a":1}"#),
            (r#"{"secret":"x","secret":"y","b":{"secret" : 7, "c":[]}}"#, r#"{"b":{ "c":[]}}"#),
            (r#"{"\u0073ecret":"x","a":1}"#, r#"{"a":1}"#),
            (r#"{"a":"secret","b":["secret"]}"#, r#"{"a":"secret","b":["secret"]}"#),
        ] {
            assert_eq!(screened(text), expected, "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_taken_out_and_a_user_name_stays() {
        for (text, expected) in [
            (r#"["https://u:p@h/r.git"]"#, r#"["https://u@h/r.git"]"#),
            (r#"["https://:p@h/r.git"]"#, r#"["https://h/r.git"]"#),
            (r#"["https://u:p%40@x@h/r"]"#, r#"["https://u@h/r"]"#),
            (r#"["https://0123456789abcdef0123456789@h/r"]"#, r#"["https://h/r"]"#),
            (r#"["ssh://git@h:22/r.git"]"#, r#"["ssh://git@h:22/r.git"]"#),
            (r#"["https://h/r?mail=a:b@c"]"#, r#"["https://h/r?mail=a:b@c"]"#),
            (r#"["a@b.c", "see https://u:p@h"]"#, r#"["a@b.c", "see https://u:p@h"]"#),
            // Spelt with escapes, as Go writes an ampersand and others a slash.
            (r#"["https://u:p\u0026q@h/r"]"#, r#"["https://u@h/r"]"#),
            (r#"["https:\/\/u:p@h\/r"]"#, r#"["https:\/\/u@h\/r"]"#),
            (r#"["https\u003a//\u0075:p\u0040h"]"#, r#"["https\u003a//\u0075\u0040h"]"#),
            (r#"["https://:p\"q\u0040h"]"#, r#"["https://h"]"#),
            (r#"["HTTPS://0123456789abcdef\u00400123456@h"]"#, r#"["HTTPS://h"]"#),
            // Where a line ends, a URL has ended.
            (r#"["https://h\nmail: a:b@c"]"#, r#"["https://h\nmail: a:b@c"]"#),
        ] {
            assert_eq!(screened(text), expected, "{text}");
        }
    }

    #[test]
    fn credentials_go_from_a_document_inside_a_document() {
        let outer = |inner: &str| {
            serde_json::to_string(&serde_json::json!({ "event_payload": inner, "b": 1 })).unwrap()
        };
        for (inner, expected) in [
            (r#"{"hook":{"secret":"x"},"a":1}"#, r#"{"hook":{},"a":1}"#),
            (r#"{"clone_url":"https://u:p@h/r.git"}"#, r#"{"clone_url":"https://u@h/r.git"}"#),
            (&*outer(r#"{"secret":"x"}"#), &*outer("{}")),
            (&*"[".repeat(MAX_DEPTH + 1), ""),
            ("secret", "secret"),
        ] {
            assert_eq!(screened(&outer(inner)), outer(expected), "{inner}");
        }
        // However the name is spelt, and where the text has an escape that no character has.
        let spelt = r#"{"event\u005fpayload" : "{\"secret\":1}", "a":"b"}"#;
        assert_eq!(screened(spelt), r#"{"event\u005fpayload" : "{}", "a":"b"}"#);
        let odd = r#"{"event_payload":"{\"secret\":\"\ud800\"}"}"#;
        assert_eq!(screened(odd), r#"{"event_payload":""}"#);
        let text = r#"{"title":"{\"secret\":1}","event_payload":{"title":"{\"secret\":1}"}}"#;
        assert_eq!(screened(text), text, "any other text is somebody's own");
    }

    #[test]
    fn what_holds_no_credentials_is_not_copied() {
        let text = " { \"a\" : [ 1e400, -0.0 ] }\n";
        assert!(matches!(screen(text.as_bytes()), Cow::Borrowed(same) if same == text.as_bytes()));
    }

    #[test]
    fn credentials_go_from_what_is_no_json_too() {
        assert_eq!(screened(r#"{"secret":"x","a":1"#), r#"{"a":1"#);
        let deep = format!(r#"{{"secret":"x","a":{}}}"#, "[".repeat(200));
        assert!(!screened(&deep).contains("secret"));
    }

    #[test]
    fn a_hundred_levels_are_read_and_one_more_is_not() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!is_too_deep(nested(MAX_DEPTH).as_bytes()));
        assert!(is_too_deep(nested(MAX_DEPTH + 1).as_bytes()));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::{Value, json};
        let text = prop_oneof![
            Just("secret".to_owned()),
            Just("https://u:hunter2@h/r".to_owned()),
            Just("ssh://git@h/r".to_owned()),
            ".{0,8}"
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(|n| json!(n)),
            text.clone().prop_map(Value::String)
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((text.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// What screening means, on the parsed value.
    fn reference(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) if text == "https://u:hunter2@h/r" => {
                *text = "https://u@h/r".into();
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(reference),
            serde_json::Value::Object(members) => {
                let kept = std::mem::take(members).into_iter().filter(|(name, _)| name != "secret");
                *members = kept
                    .map(|(name, mut inner)| {
                        reference(&mut inner);
                        let name = if name == "https://u:hunter2@h/r" {
                            "https://u@h/r".into()
                        } else {
                            name
                        };
                        (name, inner)
                    })
                    .collect();
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn screening_json_gives_the_same_json_without_the_credentials(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut expected = value;
            reference(&mut expected);
            let screened: serde_json::Value = serde_json::from_str(&screened(&text)).unwrap();
            prop_assert_eq!(screened, expected);
        }

        #[test]
        fn the_short_way_finds_what_the_long_way_finds(
            text in "([\\[\\]{}\",: ]|\"secret\"|https://u:p@h/|https://u@h|https://[a-z]{18,22}@h/|\\\\u0073ecret|\"event_payload\"|\\\\/|\\\\n|\\\\\"|@){0,40}",
        ) {
            prop_assert_eq!(screen(text.as_bytes()), screen_thoroughly(text.as_bytes()).bytes);
        }

        #[test]
        fn any_text_is_survived(text in "[\\[\\]{}\",:\\\\ a@/secret]{0,80}") {
            let _ = screen(text.as_bytes());
        }
    }
}
