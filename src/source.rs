//! The kinds of forge, and the seam that a new one is added at.
//!
//! Owns [`Kind`], the closed list of what forgewire can listen to, [`Forge`], what each of them must
//! say of itself, and [`SourceName`], the name that an operator gives to a webhook endpoint. A source
//! is a trust domain: whoever knows a secret of it can publish under its name. Implementations of
//! [`Forge`] are pure: no I/O, no clock, no shared state; the same delivery always gives the same facts.

mod bitbucket_cloud;
mod bitbucket_dc;
mod gitea;

use std::fmt;
use std::sync::Arc;

use hyper::HeaderMap;

use crate::event::{Actor, Data, Reason, RefName, Repository, Time};

/// A kind of forge: how it signs, and what its payloads mean.
#[derive(Clone, Copy)]
pub struct Kind(&'static dyn Forge);

impl Kind {
    /// Every kind, in the order in which documentation lists them.
    pub const ALL: &'static [Self] = &[
        Self(&gitea::GITEA),
        Self(&gitea::FORGEJO),
        Self(&gitea::GOGS),
        Self(&bitbucket_cloud::CLOUD),
        Self(&bitbucket_dc::DATA_CENTER),
    ];

    /// The name in configuration (`kind = "gitea"`) and in the `forge` field of an event.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The kind of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// What this kind says of itself.
    #[must_use]
    pub fn forge(self) -> &'static dyn Forge {
        self.0
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a kind of forge must say of itself.
pub trait Forge: Send + Sync {
    /// The name in configuration and in the `forge` field of an event.
    fn name(&self) -> &'static str;

    /// Headers that may carry the signature: the first that is present counts, and no other.
    fn signature_headers(&self) -> &'static [SignatureHeader];

    /// Whether of a form or a query it signs the decoded `payload` (the Gitea family), or the body's bytes.
    fn signs_decoded_form(&self) -> bool;

    /// Headers that may carry the delivery's id, in the order of preference.
    fn delivery_headers(&self) -> &'static [&'static str];

    /// The delivery's id without what the forge writes around it, if it sent one.
    fn delivery_id<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.first_said(self.delivery_headers())
    }

    /// The forge's own name of the event, if it sent one.
    fn event_name<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str>;

    /// What the headers say of the hook, if anything.
    fn hook<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str>;

    /// Which attempt of the forge this is; 1 where it makes only one.
    fn attempt(&self, _headers: UnsignedHeaders<'_>) -> u32 {
        1
    }

    /// Whether a body is the forge's test of the connection, which it does not sign: that is answered and
    /// published nowhere. Headers say nothing here.
    fn is_connection_test(&self, _body: &[u8]) -> bool {
        false
    }

    /// What the delivery says happened, in the order of the payload. `payload` is the text of a verified
    /// body, known to be nested at most [`crate::json::MAX_DEPTH`] deep.
    /// `base_url` is where the configuration says that the forge is, for URLs that a payload lacks.
    ///
    /// # Errors
    ///
    /// The [`Reason`] why it is `unrecognized`: also when `headers` contradict the payload, since no
    /// signature covers them.
    fn facts<'a>(
        &self,
        headers: UnsignedHeaders<'_>,
        payload: &'a str,
        base_url: Option<&'a str>,
    ) -> Facts<'a>;

    /// The fact that stands in for a delivery that is not recognized, addressed as well as its payload allows.
    fn unrecognized<'a>(&self, name: &str, reason: Reason, payload: Option<&'a str>) -> Fact<'a>;
}

/// What happened, or why that cannot be said.
pub type Facts<'a> = Result<Vec<Fact<'a>>, Reason>;

/// One thing that happened, before it is given an id and a place.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// The forge's time of it.
    pub occurred_at: Option<Time>,
    /// Who did it.
    pub actor: Option<Actor<'a>>,
    /// Where.
    pub repository: Option<Repository<'a>>,
    /// The branch or tag that it is about.
    pub reference: Option<RefName<'a>>,
    /// What.
    pub data: Data<'a>,
}

/// A header that carries an HMAC-SHA256 in 64 lower-case hex digits.
#[derive(Clone, Copy, Debug)]
pub struct SignatureHeader {
    /// Its name, in lower case.
    pub name: &'static str,
    /// What stands before the digits.
    pub prefix: &'static str,
}

impl SignatureHeader {
    /// A header with nothing but the digits.
    #[must_use]
    pub const fn bare(name: &'static str) -> Self {
        Self { name, prefix: "" }
    }

    /// A header with `sha256=` before the digits.
    #[must_use]
    pub const fn prefixed(name: &'static str) -> Self {
        Self { name, prefix: "sha256=" }
    }
}

/// Headers of a request, as something that no signature covers: who reads them must check what they
/// say against the signed body, or use it only where a lie does no harm.
#[derive(Clone, Copy, Debug)]
pub struct UnsignedHeaders<'h>(&'h HeaderMap);

impl<'h> UnsignedHeaders<'h> {
    /// Wraps the headers of a request.
    #[must_use]
    pub fn new(headers: &'h HeaderMap) -> Self {
        Self(headers)
    }

    /// The value of a header that is there exactly once, is visible ASCII and not empty.
    #[must_use]
    pub fn said(self, name: &str) -> Option<&'h str> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        (values.next().is_none() && !value.is_empty()).then_some(value)
    }

    /// The first of several headers that says something.
    #[must_use]
    pub fn first_said(self, names: &[&str]) -> Option<&'h str> {
        names.iter().find_map(|name| self.said(name))
    }
}

/// The name of a webhook endpoint: `[a-z][a-z0-9_-]{0,31}` without `__`.
///
/// It stands in the URL, in subjects, ids and environment variables (hence no `__`, which separates
/// the levels there).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceName(Arc<str>);

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
