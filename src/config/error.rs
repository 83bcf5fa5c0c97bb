//! What can be wrong with a configuration, and how an operator is told.
//!
//! Every message names the key and where it came from, and none holds a value: a secret may stand
//! under a wrong key. The one exception is the path of a secret file that is really there.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

pub(super) use super::findings::Findings;
use super::keys::Unknown;
use super::layer::Origin;
use crate::event::Time;
use crate::source::InvalidSourceName;

/// Everything that is wrong with a configuration. Never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A value of a wrong type or out of its range.
    #[error("{origin}: `{key}`{} {rule}", item.map(|item| format!(" item {item}")).unwrap_or_default())]
    BadValue {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// Which item of a list, counted from 1.
        item: Option<usize>,
        /// What the value must be.
        rule: Cow<'static, str>,
    },
    /// Two keys of which only one may be set.
    #[error("{origin}: `{key}` and `{other}` ({other_origin}) exclude each other: keep one")]
    Conflict {
        /// Where the one stands.
        origin: Origin,
        /// The one.
        key: KeyName,
        /// The other.
        other: KeyName,
        /// Where the other stands.
        other_origin: Origin,
    },
    /// A key or table that stands twice in one layer.
    #[error("{origin}: `{key}` is given twice{}: keep one", first.as_ref().map(|first| format!(", first at {first}")).unwrap_or_default())]
    Duplicate {
        /// Where it stands the second time.
        origin: Origin,
        /// The key or table.
        key: KeyName,
        /// Where it stands first, if that is known.
        first: Option<Origin>,
    },
    /// The configuration file cannot be read.
    #[error("configuration file {}: {fault}", path.display())]
    File {
        /// Its path as it was given.
        path: PathBuf,
        /// What is wrong with it.
        fault: Cow<'static, str>,
    },
    /// A `--set` without `=`.
    #[error("flag {flag}: it takes key=value, such as stream.replicas=3")]
    NoEquals {
        /// The flag.
        flag: Box<str>,
    },
    /// No source is configured.
    #[error(
        "no source is configured: add one to the configuration file, such as\n\
         \x20   [sources.gitea]\n    kind = \"gitea\"\n    secret_file = \"secrets/gitea\""
    )]
    NoSource,
    /// A secret that cannot be had, or must not be used.
    #[error("{origin}: `{key}`{} {fault}", path.as_ref().map(|path| format!(" ({})", path.display())).unwrap_or_default())]
    Secret {
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The file, if there is one.
        path: Option<PathBuf>,
        /// What is wrong.
        fault: Cow<'static, str>,
    },
    /// A file that is there and does not hold what it is for.
    #[error("{origin}: `{key}` ({}) {fault}", path.display())]
    Content {
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Cow<'static, str>,
    },
    /// The file is no TOML.
    #[error("{origin}: not valid TOML: {message}")]
    Syntax {
        /// The line.
        origin: Origin,
        /// What the parser expected.
        message: String,
    },
    /// A key that nobody reads.
    #[error("{origin}: unknown key `{key}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// A known key that looks like it.
        nearest: Option<KeyName>,
    },
    /// Checked layers that do not fit together: a fault of forgewire itself.
    #[error("the layers of the configuration cannot be merged; this is a fault of forgewire")]
    Unmergeable,
    /// A setting that does not fit another one.
    #[error("`{key}` ({origin}) {rule} `{other}` ({other_origin})")]
    Unfit {
        /// Where the one stands.
        origin: Origin,
        /// The one.
        key: KeyName,
        /// How it must relate to the other.
        rule: &'static str,
        /// The other.
        other: KeyName,
        /// Where the other stands.
        other_origin: Origin,
    },
    /// A source without what it needs, or secrets that are not distinct.
    #[error("{origin}: `{key}` {rule}")]
    Unsound {
        /// Where it stands.
        origin: Origin,
        /// The source or key.
        key: KeyName,
        /// What it must be.
        rule: Cow<'static, str>,
    },
}

/// What is allowed but unwise.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Credentials or a certificate that are good no longer.
    #[error("{origin}: `{key}`: what is in {} expired at {at}; replace the file", path.display())]
    Expired {
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The file.
        path: PathBuf,
        /// When it expired.
        at: Time,
    },
    /// A secret stands in the configuration file itself.
    #[error(
        "{origin}: `{key}` holds a secret in plain text; put it in a file and name that by `{instead}`"
    )]
    InlineSecret {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The key for a file.
        instead: KeyName,
    },
    /// A secret stands on the command line.
    #[error(
        "{origin}: `{key}` shows a secret to every user of this machine; put it in a file and name that by `{instead}`"
    )]
    SecretOnCommandLine {
        /// The flag.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The key for a file.
        instead: KeyName,
    },
    /// The time of a certificate is over, or has not begun.
    #[error("{origin}: `{key}` ({}) {}; senders that verify certificates will not connect", path.display(), stale(*was, date))]
    Stale {
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The file.
        path: PathBuf,
        /// Whether it was valid before, rather than after, the date.
        was: bool,
        /// When it ends or begins.
        date: Box<str>,
    },
    /// Every user of the machine can read a secret file.
    #[error("{origin}: `{key}`: every user of this machine can read {}; take that away with chmod o-r", path.display())]
    WorldReadable {
        /// Where the key stands.
        origin: Origin,
        /// The key.
        key: KeyName,
        /// The file.
        path: PathBuf,
    },
}

/// A key as it is shown: without control characters, and cut when it is long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyName(Box<str>);

impl ConfigError {
    /// The problems, file first, then environment, then flags.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(Self { problems })
    }
}

impl Problem {
    /// A key that nobody reads, or a source with a name that it cannot have.
    pub(super) fn unknown(
        unknown: Unknown,
        origin: Origin,
        key: &str,
        nearest: Option<String>,
    ) -> Self {
        let key = KeyName::new(key);
        match unknown {
            Unknown::Key => {
                Self::UnknownKey { origin, key, nearest: nearest.map(|near| KeyName::new(&near)) }
            }
            Unknown::SourceName => Self::Unsound {
                origin,
                key,
                rule: format!("has a name that no source can have: {InvalidSourceName}").into(),
            },
        }
    }

    /// Whether it is a fault of the value of `key` by itself.
    pub(super) fn is_of(&self, key: &str) -> bool {
        match self {
            Self::BadValue { key: of, .. } | Self::Duplicate { key: of, .. } => {
                *of == KeyName::new(key)
            }
            _ => false,
        }
    }

    /// Whether nothing is known of the file for it.
    pub(super) fn hides_the_file(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Syntax { .. })
    }

    /// The line of the file that it is about.
    pub(super) fn line(&self) -> Option<usize> {
        let (Self::BadValue { origin, .. }
        | Self::Duplicate { origin, .. }
        | Self::Syntax { origin, .. }
        | Self::UnknownKey { origin, .. }
        | Self::Unsound { origin, .. }) = self
        else {
            return None;
        };
        match origin {
            Origin::File { line, .. } => Some(*line),
            _ => None,
        }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = &*self.problems {
            return write!(f, "{problem}");
        }
        write!(f, "the configuration has {} errors", self.problems.len())?;
        for problem in self.problems.iter().take(MOST_SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        if self.problems.len() > MOST_SHOWN {
            write!(f, "\n  and {} more", self.problems.len() - MOST_SHOWN)?;
        }
        Ok(())
    }
}

impl KeyName {
    /// Makes `key` fit to be shown: each segment over 64 characters is cut.
    pub(super) fn new(key: &str) -> Self {
        let mut shown = String::new();
        for (index, segment) in key.split('.').take(MOST_SEGMENTS).enumerate() {
            if index > 0 {
                shown.push('.');
            }
            let mut rest = segment.chars();
            shown.extend(rest.by_ref().take(LONGEST_NAME).flat_map(printable));
            if rest.next().is_some() {
                shown.push('…');
            }
        }
        Self(shown.into())
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name among `known` that `name` was most likely meant to be.
pub(super) fn nearest(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or replaced to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, byte) in a.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (other, above) in b.bytes().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(byte != other)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn printable(c: char) -> impl Iterator<Item = char> {
    // Quotes stay as they are: they stand in no quotes of ours.
    let shown = if matches!(c, '"' | '\'') { vec![c] } else { c.escape_debug().collect() };
    shown.into_iter()
}

fn stale(was: bool, date: &str) -> String {
    if was {
        format!("holds a certificate that expired on {date}")
    } else {
        format!("holds a certificate that is not valid before {date}")
    }
}

const LONGEST_NAME: usize = 64;
const MOST_SEGMENTS: usize = 8;
const MOST_SHOWN: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_key_names_are_cut_and_escaped() {
        assert_eq!(KeyName::new("a.\u{1b}[31m\n").to_string(), "a.\\u{1b}[31m\\n");
        let long = "x".repeat(65);
        assert_eq!(KeyName::new(&long).to_string(), format!("{}…", "x".repeat(64)));
        assert_eq!(KeyName::new(&"a.".repeat(100)).to_string(), "a.a.a.a.a.a.a.a");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = || ["listen", "max_body_bytes", "drain"].into_iter();
        assert_eq!(nearest("lisen", known()), Some("listen"));
        assert_eq!(nearest("max_body_size", known()), Some("max_body_bytes"));
        assert_eq!(nearest("hunter2", known()), None);
        assert_eq!(nearest("", ["ab"].into_iter()), None);
    }
}
