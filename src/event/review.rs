//! The facts of a `review`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Actor, Id, PullRequest, Sha, Time};

/// The facts of a `review` event.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReviewEvent<'a> {
    /// The pull request.
    pub pull_request: PullRequest<'a>,
    /// The review.
    pub review: Review<'a>,
    /// Of a dismissed review: what no longer stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Verdict>,
}

/// A review. What it says of the pull request is the event's action.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Review<'a> {
    /// The forge's id (no forge of the Gitea family sends one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Its text. Comments on lines of code are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<Actor<'a>>,
    /// The commit that was reviewed, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Sha<'a>>,
    /// When it was made, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Time>,
}

/// What a review says of a pull request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// That it can be merged.
    Approval,
    /// That it must be changed.
    ChangesRequest,
    /// A value that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}
