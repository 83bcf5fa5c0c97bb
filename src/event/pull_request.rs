//! The facts of a `pull_request`.

use serde::{Deserialize, Serialize};

use super::{Actor, Repository, Time};

/// The facts of a `pull_request` event.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PullRequestEvent {
    /// The pull request, as it is after the event.
    pub pull_request: PullRequest,
    /// What an edit changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// Head commit before a synchronization, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Head commit after a synchronization, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Who was asked for a review, or is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_reviewer: Option<Actor>,
}

/// A pull request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PullRequest {
    /// The forge's id; unlike `number` unique over repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Number within the target repository.
    pub number: u64,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Open or closed; a merged one is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PullRequestState>,
    /// Whether it is marked as not ready, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    /// Whether it is merged.
    pub merged: bool,
    /// Whether it could be merged without conflict, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mergeable: Option<bool>,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor>,
    /// What is to be merged.
    pub head: Branch,
    /// Where it is to be merged to.
    pub base: Branch,
    /// Labels.
    pub labels: Vec<Label>,
    /// Assignees.
    pub assignees: Vec<Actor>,
    /// Who is asked for a review.
    pub reviewers: Vec<Actor>,
    /// Names of teams asked for a review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewer_teams: Vec<String>,
    /// Milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<Milestone>,
    /// The commit that the merge made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<Sha>,
    /// Common ancestor of head and base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_base: Option<Sha>,
    /// Who merged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_by: Option<Actor>,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    /// When it was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<Time>,
}

/// Open or closed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestState {
    /// Closed, merged or not.
    Closed,
    /// Open.
    Open,
    /// A state that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}

/// One side of a pull request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Branch {
    /// Short name of the branch; absent where it is gone.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Commit that it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// Whether `sha` is shortened: compare it as a prefix.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abbreviated: bool,
    /// Repository that it is in; absent where that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// On the head: whether it may come from another repository than the target. True also where that is
    /// not known, so that who trusts only its own branches need look nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<bool>,
}

/// A commit by its hash.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sha {
    /// Hex digits.
    pub sha: String,
    /// Whether `sha` is shortened: compare it as a prefix.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abbreviated: bool,
}

/// A label.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Label {
    /// The forge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Six hex digits, without `#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// A milestone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Milestone {
    /// The forge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
}

/// What an edit changed: what each changed field was before.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Changes {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Change>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Change>,
    /// The target branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Change>,
}

/// One changed field.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Change {
    /// What it was before; absent where it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}
