//! The facts of a `project`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Change, Id};

/// The facts of a `project` event.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectEvent<'a> {
    /// The project, as it is after the event.
    pub project: Project<'a>,
    /// What an update changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ProjectChanges<'a>>,
}

/// A project: a group of repositories.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Project<'a> {
    /// The forge's id, stable over renames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Key, as it stands in URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Cow<'a, str>>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// Description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// Whether it is hidden from the public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
}

/// What changed: what each changed field was before.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectChanges<'a> {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Change<'a>>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Change<'a>>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Change<'a>>,
}
