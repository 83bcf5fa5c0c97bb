//! The facts of an `issue`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Actor, Asset, Changes, Comment, Id, Label, Milestone, Number, Sha, Time};

/// The facts of an `issue` event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IssueEvent<'a> {
    /// The issue, as it is after the event.
    pub issue: Issue<'a>,
    /// What an edit changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
    /// The commit whose message closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing_commit: Option<Sha<'a>>,
    /// The comment that the change was made with, where the forge has one (Bitbucket).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment<'a>>,
}

/// An issue.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Issue<'a> {
    /// The forge's id; unlike `number` unique over repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Number within the repository.
    pub number: Number,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// Description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// Open or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<IssueState>,
    /// The forge's own word for the state, where it has more than two (Bitbucket: `new`, `on hold`, `wontfix`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_state: Option<Cow<'a, str>>,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor<'a>>,
    /// Labels.
    pub labels: Vec<Label<'a>>,
    /// Assignees.
    pub assignees: Vec<Actor<'a>>,
    /// Milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<Milestone<'a>>,
    /// Attached files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Asset<'a>>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
}

/// Open or closed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    /// Closed.
    Closed,
    /// Open.
    Open,
    /// A value that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}
