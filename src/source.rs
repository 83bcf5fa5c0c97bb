//! The kinds of forge, and the names that an operator gives to webhook endpoints.
//!
//! Owns [`Kind`], the closed list of what forgewire can listen to, and [`SourceName`]. A source is
//! a trust domain: whoever knows a secret of it can publish under its name.

use std::fmt;

/// A kind of forge: how it signs, and what its payloads mean.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Gitea 1.16 and newer.
    Gitea,
    /// Forgejo 7 and newer.
    Forgejo,
    /// Gogs 0.11 and newer.
    Gogs,
}

impl Kind {
    /// Every kind, in the order in which documentation lists them.
    pub const ALL: &[Self] = &[Self::Gitea, Self::Forgejo, Self::Gogs];

    /// The name in configuration (`kind = "gitea"`) and in the `forge` field of an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Gogs => "gogs",
        }
    }

    /// The kind of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a webhook endpoint: `[a-z][a-z0-9_-]{0,31}` without `__`.
///
/// It stands in the URL, in subjects, ids and environment variables (hence no `__`, which separates
/// the levels there).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceName(Box<str>);

/// Why a text is no [`SourceName`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a source name is a lower-case letter, then at most 31 of a-z 0-9 _ - and no \"__\"")]
pub struct InvalidSourceName;

impl SourceName {
    /// Takes `text` as a name.
    ///
    /// # Errors
    ///
    /// [`InvalidSourceName`] when it is not of the form above.
    pub fn new(text: &str) -> Result<Self, InvalidSourceName> {
        let mut bytes = text.bytes();
        let head = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let tail =
            bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if head && tail && text.len() <= 32 && !text.contains("__") {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSourceName)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
