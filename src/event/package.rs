//! The facts of a `package`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Actor, Id, Time};

/// The facts of a `package` event. The event's repository is the one that it is linked to; without one only the owner is known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageEvent<'a> {
    /// The package.
    pub package: Package<'a>,
}

/// A version of a package.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package<'a> {
    /// The forge's id of this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Kind of registry, for example `container` or `cargo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Cow<'a, str>>,
    /// Who it belongs to: a user or an organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Actor<'a>>,
    /// Who published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<Actor<'a>>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
}
