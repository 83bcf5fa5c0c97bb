//! Where an event is published: `<prefix>.<source>.<owner>.<repo>.<event>.<action>.<ref>`.
//!
//! Owns [`Token`], one escaped token of a subject, [`Subject`], the whole, and [`Parts`], what it says. In
//! come names as a forge spells them, out come subjects that NATS cannot misread: no dot, wildcard, space
//! or control character of a name ever reaches the wire, and different names never share a token.

mod filter;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

pub use filter::{Filter, InvalidFilter};

/// Longest token that is kept whole, in bytes.
const MAX_TOKEN: usize = 200;
/// Longest part of a longer token that is kept before its hash, in bytes.
const KEPT_OF_LONG: usize = 160;

/// One token of a subject: a value escaped so that NATS reads it as one token and nothing else.
///
/// `A-Z a-z 0-9 _` stand for themselves, and `-` except alone; every other byte of the UTF-8 text
/// is `%XX` in upper-case hex. A token over 200 bytes is cut and ends in `~` and a hash.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Token(Box<str>);

/// What a [`Token`] says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decoded {
    /// The value was too long for a token; this is how its escaped form begins, 158 to 160 bytes.
    Cut(String),
    /// There was no value.
    Missing,
    /// The value, exactly.
    Value(String),
}

/// Why a text is no token that forgewire would have written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidToken {
    /// A byte that must be escaped, or an escape of one that must not be.
    #[error("byte {0} is not as forgewire escapes it")]
    Escape(usize),
    /// No characters at all: a missing value is `-`.
    #[error("a token is never empty; a missing value is \"-\"")]
    Empty,
    /// The `~` is not followed by 32 hex digits and the end.
    #[error("after \"~\" come 32 hex digits and the end")]
    Hash,
    /// A token over 200 bytes that is not cut, or one that keeps more or less than a cut does.
    #[error("{0} bytes of a value: at most 200 are kept whole, 158 to 160 before a \"~\"")]
    Length(usize),
    /// The escapes decode to something that is not UTF-8.
    #[error("the escapes are not UTF-8")]
    Utf8,
    /// `*` or `>`: a filter has those, the subject of a message never.
    #[error("a wildcard stands for many values: that is a filter, and no subject of a message")]
    Wildcard,
}

impl Token {
    /// The token of a value; an empty value counts as missing.
    #[must_use]
    pub fn escape(value: &str) -> Self {
        let mut token = String::with_capacity(value.len());
        push_token(&mut token, value);
        Self(token.into())
    }

    /// The token of a value that forges compare without regard to case: owner or repository.
    #[must_use]
    pub fn escape_caseless(value: &str) -> Self {
        Self::escape(&lowered(value))
    }

    /// The token that stands where there is no value: `-`.
    #[must_use]
    pub fn missing() -> Self {
        Self("-".into())
    }

    /// The token as it stands in a subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes one token of a subject back apart.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] when forgewire would not have written it: wildcards are not tokens.
    pub fn decode(text: &str) -> Result<Decoded, InvalidToken> {
        if text.is_empty() {
            return Err(InvalidToken::Empty);
        }
        if text == "-" {
            return Ok(Decoded::Missing);
        }
        if matches!(text, "*" | ">") {
            return Err(InvalidToken::Wildcard);
        }
        if let Some((kept, hash)) = text.split_once('~') {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if hash.len() != 32 || !hash.bytes().all(hex) {
                return Err(InvalidToken::Hash);
            }
            let bytes = unescape(kept)?;
            // An escape that the cut would split is left out whole.
            if !(KEPT_OF_LONG - 2..=KEPT_OF_LONG).contains(&kept.len()) {
                return Err(InvalidToken::Length(kept.len()));
            }
            // The cut may split a character.
            let is_beginning =
                std::str::from_utf8(&bytes).map_or_else(|bad| bad.error_len().is_none(), |_| true);
            let cut = is_beginning.then(|| Decoded::Cut(kept.to_owned()));
            return cut.ok_or(InvalidToken::Utf8);
        }
        let bytes = unescape(text)?;
        if text.len() > MAX_TOKEN {
            return Err(InvalidToken::Length(text.len()));
        }
        String::from_utf8(bytes).map(Decoded::Value).map_err(|_not_utf8| InvalidToken::Utf8)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The value as forges compare it; mostly it is written so.
fn lowered(value: &str) -> Cow<'_, str> {
    if value.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(value.to_ascii_lowercase())
    } else {
        Cow::Borrowed(value)
    }
}

/// Writes the token of a value at the end of a text.
fn push_token(out: &mut String, value: &str) {
    match value {
        "" => return out.push('-'),
        "-" => return out.push_str("%2D"),
        _ => {}
    }
    let start = out.len();
    for byte in value.bytes() {
        push_escaped(out, byte);
    }
    if out.len() - start > MAX_TOKEN {
        let token = out.split_off(start);
        out.push_str(&shorten(token, value));
    }
}

fn push_escaped(token: &mut String, byte: u8) {
    if stands_for_itself(byte) {
        token.push(char::from(byte));
    } else {
        // Writing to a String cannot fail.
        let _ = write!(token, "%{byte:02X}");
    }
}

fn shorten(mut token: String, value: &str) -> String {
    let mut end = KEPT_OF_LONG;
    // An escape is three bytes: step back over one that the cut would split.
    let tail = token.as_bytes().get(end.saturating_sub(2)..end).unwrap_or_default();
    if let Some(at) = tail.iter().position(|&b| b == b'%') {
        end -= tail.len() - at;
    }
    token.truncate(end);
    let hash = blake3::hash(value.as_bytes()).to_hex();
    token.push('~');
    token.extend(hash.chars().take(32));
    token
}

fn unescape(text: &str) -> Result<Vec<u8>, InvalidToken> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if stands_for_itself(byte) {
            out.push(byte);
            at += 1;
            continue;
        }
        let value = match (byte, bytes.get(at + 1), bytes.get(at + 2)) {
            (b'%', Some(&high), Some(&low)) => {
                upper_hex(high).zip(upper_hex(low)).map(|(h, l)| h * 16 + l)
            }
            _ => None,
        };
        // `%2D` is the one escape of a byte that otherwise stands for itself, and only alone.
        let value = value.filter(|&v| !stands_for_itself(v) || (v == b'-' && text == "%2D"));
        out.push(value.ok_or(InvalidToken::Escape(at))?);
        at += 3;
    }
    Ok(out)
}

fn upper_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether `text` can stand before the six tokens: 1 to 5 tokens of `A-Z a-z 0-9 _ -` with dots between
/// them, at most 200 bytes.
#[must_use]
pub fn is_prefix(text: &str) -> bool {
    let good = |token: &str| !token.is_empty() && token.bytes().all(stands_for_itself);
    text.len() <= 200 && text.split('.').count() <= 5 && text.split('.').all(good)
}

/// The six values that make a subject, after its prefix.
#[derive(Clone, Copy, Debug, Default)]
pub struct Address<'a> {
    /// Configured name of the webhook endpoint.
    pub source: &'a str,
    /// Owner as the forge spells it; lower-cased in the subject.
    pub owner: Option<&'a str>,
    /// Repository as the forge spells it; lower-cased in the subject.
    pub repo: Option<&'a str>,
    /// Canonical event.
    pub event: &'a str,
    /// Canonical action, or for `unrecognized` the forge's own event name.
    pub action: &'a str,
    /// Branch or tag that the event is about, case kept.
    pub reference: Option<&'a str>,
}

/// What the six tokens of a subject say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parts {
    /// Configured name of the webhook endpoint.
    pub source: Decoded,
    /// Owner, in lower case.
    pub owner: Decoded,
    /// Repository, in lower case.
    pub repo: Decoded,
    /// Canonical event.
    pub event: Decoded,
    /// Canonical action, or for `unrecognized` the forge's own event name.
    pub action: Decoded,
    /// Branch or tag that the event is about.
    pub reference: Decoded,
}

/// Why a text is no subject that forgewire would have published on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSubject {
    /// It does not begin with the prefix and a dot.
    #[error("it does not begin with the prefix \"{0}.\"")]
    Prefix(Box<str>),
    /// One of its tokens is none.
    #[error("the token of the {part} is {token:?}: {reason}")]
    Token {
        /// Which one: `source`, `owner`, `repo`, `event`, `action` or `ref`.
        part: &'static str,
        /// The token as it stands there.
        token: Box<str>,
        /// What is wrong with it.
        reason: InvalidToken,
    },
    /// Not six tokens after the prefix.
    #[error(
        "{0} tokens after the prefix; there are always six: source, owner, repo, event, action, ref"
    )]
    Tokens(usize),
}

impl Parts {
    /// Takes a subject below `prefix` apart.
    ///
    /// # Errors
    ///
    /// [`InvalidSubject`] when forgewire would not have published on it.
    pub fn decode(prefix: &str, subject: &str) -> Result<Self, InvalidSubject> {
        let below = subject.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
        let below = below.ok_or_else(|| InvalidSubject::Prefix(prefix.into()))?;
        let tokens: Vec<&str> = below.split('.').collect();
        let decoded = |part, token: &str| {
            Token::decode(token).map_err(|reason| InvalidSubject::Token {
                part,
                token: token.into(),
                reason,
            })
        };
        let [source, owner, repo, event, action, reference] = tokens[..] else {
            // A wildcard for the rest explains why tokens are too few.
            if tokens.last() == Some(&">") {
                decoded("rest", ">")?;
            }
            return Err(InvalidSubject::Tokens(tokens.len()));
        };
        Ok(Self {
            source: decoded("source", source)?,
            owner: decoded("owner", owner)?,
            repo: decoded("repo", repo)?,
            event: decoded("event", event)?,
            action: decoded("action", action)?,
            reference: decoded("ref", reference)?,
        })
    }

    /// The parts with their names, in the order of the subject.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Decoded); 6] {
        [
            ("source", &self.source),
            ("owner", &self.owner),
            ("repo", &self.repo),
            ("event", &self.event),
            ("action", &self.action),
            ("ref", &self.reference),
        ]
    }
}

/// A complete subject.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Subject(Box<str>);

impl Subject {
    /// Builds the subject below `prefix`, which is taken as it stands (configuration has checked it).
    #[must_use]
    pub fn new(prefix: &str, address: &Address<'_>) -> Self {
        let tokens = [
            address.source,
            &lowered(address.owner.unwrap_or_default()),
            &lowered(address.repo.unwrap_or_default()),
            address.event,
            address.action,
            address.reference.unwrap_or_default(),
        ];
        let mut subject = String::with_capacity(prefix.len() + 64);
        subject.push_str(prefix);
        for value in tokens {
            subject.push('.');
            push_token(&mut subject, value);
        }
        Self(subject.into())
    }

    /// A subject as it was kept in our own store, and only that: it is not escaped again.
    #[cfg(feature = "daemon")]
    pub(crate) fn from_store(subject: String) -> Self {
        Self(subject.into())
    }

    /// The subject as NATS takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escape(value: &str) -> String {
        Token::escape(value).to_string()
    }

    #[test]
    fn escapes_are_as_the_contract_shows_them() {
        assert_eq!(escape("my.repo"), "my%2Erepo");
        assert_eq!(escape("feature/login"), "feature%2Flogin");
        assert_eq!(escape("~jdoe"), "%7Ejdoe");
        assert_eq!(escape("-"), "%2D");
        assert_eq!(escape("a-b_C9"), "a-b_C9");
        assert_eq!(escape(""), "-");
        assert_eq!(escape("€*> \n"), "%E2%82%AC%2A%3E%20%0A");
        assert_eq!(escape("--"), "--");
    }

    #[test]
    fn owner_and_repository_lose_their_case_and_the_ref_keeps_it() {
        let address = Address {
            source: "gitea",
            owner: Some("Acme"),
            repo: Some("Widgets"),
            event: "push",
            action: "updated",
            reference: Some("Main"),
        };
        assert_eq!(
            Subject::new("forge", &address).as_str(),
            "forge.gitea.acme.widgets.push.updated.Main"
        );
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        let address = Address {
            source: "gitea",
            event: "unrecognized",
            action: "schedule",
            ..Address::default()
        };
        assert_eq!(
            Subject::new("forge", &address).as_str(),
            "forge.gitea.-.-.unrecognized.schedule.-"
        );
    }

    #[test]
    fn a_token_of_200_bytes_is_whole_and_of_201_is_cut_with_the_hash_of_its_value() {
        let whole = "a".repeat(200);
        assert_eq!(escape(&whole), whole);
        let long = "a".repeat(201);
        let hash = blake3::hash(long.as_bytes()).to_hex();
        assert_eq!(escape(&long), format!("{}~{}", "a".repeat(160), hash.as_str().split_at(32).0));
    }

    #[test]
    fn a_cut_never_splits_an_escape() {
        for lead in 0..3 {
            let value = format!("{}{}", "a".repeat(lead), "é".repeat(60));
            let token = escape(&value);
            let (kept, _) = token.split_once('~').expect("cut");
            assert!(kept.len() <= 160 && kept.len() > 157, "{}", kept.len());
            assert!(unescape(kept).is_ok(), "{kept}");
        }
    }

    #[test]
    fn wildcards_lower_case_hex_and_needless_escapes_do_not_decode() {
        for bad in ["*", ">", "a.b", "%2e", "%41", "%2D%2D", "a%2", "", "a~0", "%FF"] {
            assert!(Token::decode(bad).is_err(), "{bad}");
        }
        assert_eq!(Token::decode("-"), Ok(Decoded::Missing));
    }

    #[test]
    fn what_no_value_is_escaped_to_does_not_decode() {
        let hash = "0".repeat(32);
        for (token, reason) in [
            ("a".repeat(201), InvalidToken::Length(201)),
            (format!("a~{hash}"), InvalidToken::Length(1)),
            (format!("{}~{hash}", "a".repeat(161)), InvalidToken::Length(161)),
            (format!("%FF{}~{hash}", "a".repeat(157)), InvalidToken::Utf8),
            (format!("{}~{}", "a".repeat(160), hash.replace('0', "A")), InvalidToken::Hash),
            ("*".to_owned(), InvalidToken::Wildcard),
            (">".to_owned(), InvalidToken::Wildcard),
        ] {
            assert_eq!(Token::decode(&token), Err(reason), "{token}");
        }
        assert_eq!(Token::decode(&"a".repeat(200)), Ok(Decoded::Value("a".repeat(200))));
    }

    #[test]
    fn a_subject_is_taken_apart_below_a_prefix_of_any_length() {
        let value = |text: &str| Decoded::Value(text.to_owned());
        let parts = Parts::decode("a.b", "a.b.gitea.acme.my%2Erepo.push.updated.-").unwrap();
        assert_eq!(parts.repo, value("my.repo"));
        assert_eq!(parts.named()[5], ("ref", &Decoded::Missing));
        for (subject, told) in [
            ("forge.gitea.-.-.ping.sent.-", "the prefix \"a.b.\""),
            ("a.bc.gitea.-.-.ping.sent.-", "the prefix \"a.b.\""),
            ("a.b", "the prefix \"a.b.\""),
            ("a.b.gitea.-.-.ping.sent", "5 tokens after the prefix"),
            ("a.b.gitea.-.-.ping.sent.-.-", "7 tokens after the prefix"),
            ("a.b.gitea.>", "that is a filter"),
            ("a.b.gitea.-.*.ping.sent.-", "the token of the repo is \"*\": a wildcard"),
            ("a.b.gitea.-.-.ping..-", "the token of the action is \"\": a token is never empty"),
            ("a.b.gitea.-.a/b.ping.sent.-", "the repo is \"a/b\": byte 1 is not as"),
        ] {
            let error = Parts::decode("a.b", subject).unwrap_err().to_string();
            assert!(error.contains(told), "{subject}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_up_to_the_limit_decodes_to_itself(value in "\\PC{1,60}|[\\x00-\\x7f]{1,60}") {
            let token = Token::escape(&value);
            prop_assert!(token.as_str().bytes().all(|b| stands_for_itself(b) || b == b'%' || b == b'~'));
            match Token::decode(token.as_str()).unwrap() {
                Decoded::Value(decoded) => prop_assert_eq!(decoded, value),
                Decoded::Cut(_) => prop_assert!(value.len() > 66),
                Decoded::Missing => prop_assert!(false, "a value became missing"),
            }
        }

        #[test]
        fn different_values_never_share_a_token(a in ".{0,300}", b in ".{0,300}") {
            prop_assume!(a != b);
            prop_assert_ne!(Token::escape(&a), Token::escape(&b));
        }

        #[test]
        fn decoding_anything_never_panics_and_only_accepts_what_escaping_writes(text in ".{0,60}") {
            if let Ok(Decoded::Value(value)) = Token::decode(&text) {
                prop_assert_eq!(Token::escape(&value).to_string(), text);
            }
        }
    }
}
