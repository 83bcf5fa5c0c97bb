//! The facts of a `mirror`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Id, ObjectHash, RefName};

/// The facts of a `mirror` event: which mirror has what of the event's repository.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MirrorEvent<'a> {
    /// The mirror.
    pub mirror: Mirror<'a>,
    /// How much was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncKind>,
    /// Branches and tags that are as they should be now, in the forge's order.
    pub changes: Vec<RefChange<'a>>,
    /// Whether `changes` surely is every one of them; forges list none where there are too many.
    pub changes_complete: bool,
}

/// A mirror of repositories.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mirror<'a> {
    /// The forge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
}

/// How much of a repository a mirror looks at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SyncKind {
    /// What changed.
    Incremental,
    /// Everything.
    Snapshot,
    /// A kind that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}

/// What happened to one branch or tag.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefChange<'a> {
    /// The branch or tag.
    #[serde(rename = "ref")]
    pub reference: RefName<'a>,
    /// What it pointed to; absent for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectHash<'a>>,
    /// What it points to; absent for a deleted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ObjectHash<'a>>,
}
