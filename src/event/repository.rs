//! The facts of a `repository`.

use serde::{Deserialize, Serialize};

use super::{Change, Repository};

/// The facts of a `repository` event. The repository itself is the event's.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepositoryEvent<'a> {
    /// Of a fork: the new repository. The event's own is the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Repository<'a>>,
    /// What a renaming, transfer or update changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<RepositoryChanges<'a>>,
}

/// What changed: what each changed field was before.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepositoryChanges<'a> {
    /// The name, as it stands in URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Change<'a>>,
    /// `owner/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<Change<'a>>,
    /// The owner: user, organisation, workspace or project key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Change<'a>>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Change<'a>>,
    /// The default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<Change<'a>>,
}
