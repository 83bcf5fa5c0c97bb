//! What events of every kind have in common: delivery, actor, repository, ref.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

macro_rules! text_of_its_own {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name<'a>(pub Cow<'a, str>);

        impl std::ops::Deref for $name<'_> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'a> From<&'a str> for $name<'a> {
            fn from(text: &'a str) -> Self {
                Self(Cow::Borrowed(text))
            }
        }
    };
}

text_of_its_own! {
    /// A forge's id of something: a number or a UUID, as a text. It says nothing without the source, and
    /// two things of different types can have the same.
    Id
}
text_of_its_own! {
    /// A hash of a commit or of an annotated tag: 40 (SHA-1) or 64 (SHA-256) hex digits, fewer only where
    /// something beside it says that it is abbreviated.
    ObjectHash
}

/// Number of an issue or pull request within its repository, as people write it after `#`.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Number(pub u64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

/// The delivery that an event came in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery<'a> {
    /// The forge's own id of the delivery, or `blake3-…` where it gave no usable one.
    pub id: Cow<'a, str>,
    /// The forge's own name of the event. From a header: no signature covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// `blake3=<hex>` of the signed bytes: equal for redeliveries and copies by other hooks.
    pub digest: Cow<'a, str>,
    /// Whether a signature proved that the sender knows a secret of the source.
    pub authenticated: bool,
    /// Configured id of the secret that the signature matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Cow<'a, str>>,
    /// What the forge says of the hook: its id, or what it is installed on (`repository`, `organization`, …).
    /// From a header: no signature covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Cow<'a, str>>,
    /// Which attempt of the forge this was, from 1; only Bitbucket Cloud makes more than one. From a
    /// header: no signature covers it.
    pub attempt: u32,
}

/// Somebody with an account at the forge.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Actor<'a> {
    /// The forge's id, stable over renames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Name of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Cow<'a, str>>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// Page of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// What kind of account it is.
    pub kind: ActorKind,
}

/// Kinds of account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The forge itself or an automation.
    Bot,
    /// A deleted account.
    Ghost,
    /// A team or workspace (Bitbucket).
    Team,
    /// A person, as far as the forge says.
    User,
    /// A kind that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}

/// Somebody as a commit names them: not checked by the forge.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Person<'a> {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Cow<'a, str>>,
    /// Account at the forge that has this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Cow<'a, str>>,
}

/// A repository.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Repository<'a> {
    /// The forge's id, stable over renames and transfers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Owner: user, organisation, workspace or project key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Cow<'a, str>>,
    /// Name, as it stands in URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// `owner/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<Cow<'a, str>>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// For `git clone` over HTTP, never with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_url: Option<Cow<'a, str>>,
    /// For `git clone` over SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_url: Option<Cow<'a, str>>,
    /// Default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<Cow<'a, str>>,
    /// Whether it is hidden from the public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
    /// Whether the URLs for cloning were derived from others, because the payload lacks them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urls_derived: bool,
}

/// A branch or tag.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefName<'a> {
    /// Branch or tag.
    pub kind: RefKind,
    /// Short name, without `refs/heads/` or `refs/tags/`.
    pub name: Cow<'a, str>,
}

/// Kinds of ref.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefKind {
    /// `refs/heads/…`
    Branch,
    /// `refs/tags/…`
    Tag,
    /// A kind that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}
