//! The facts of a `pull_request`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Actor, Id, Number, ObjectHash, Repository, Time, Verdict};

/// The facts of a `pull_request` event.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullRequestEvent<'a> {
    /// The pull request, as it is after the event.
    pub pull_request: PullRequest<'a>,
    /// What an edit changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
    /// Head commit before a synchronization, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectHash<'a>>,
    /// Head commit after a synchronization, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ObjectHash<'a>>,
    /// Who was asked for a review, or is no longer; of several the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_reviewer: Option<Actor<'a>>,
    /// All of them, where the forge can name several at once (Bitbucket Data Center).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested_reviewers: Vec<Actor<'a>>,
    /// The commit whose message closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing_commit: Option<Sha<'a>>,
    /// Why it was closed, in the words of who closed it (Bitbucket Cloud).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<Cow<'a, str>>,
}

/// A pull request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullRequest<'a> {
    /// The forge's id; unlike `number` unique over repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Number within the target repository.
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
    pub author: Option<Actor<'a>>,
    /// What is to be merged.
    pub head: Branch<'a>,
    /// Where it is to be merged to.
    pub base: Branch<'a>,
    /// Labels.
    pub labels: Vec<Label<'a>>,
    /// Assignees.
    pub assignees: Vec<Actor<'a>>,
    /// Who is asked for a review.
    pub reviewers: Vec<Actor<'a>>,
    /// Names of teams asked for a review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewer_teams: Vec<Cow<'a, str>>,
    /// What reviewers say of it at present, where the forge says it (Bitbucket Data Center).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<StandingVerdict<'a>>,
    /// Milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<Milestone<'a>>,
    /// The commit that the merge made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<Sha<'a>>,
    /// Common ancestor of head and base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_base: Option<Sha<'a>>,
    /// Who merged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_by: Option<Actor<'a>>,
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

/// What one reviewer says of a pull request at present.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StandingVerdict<'a> {
    /// Who says it.
    pub reviewer: Actor<'a>,
    /// What.
    pub verdict: Verdict,
    /// The commit that was reviewed, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Sha<'a>>,
}

/// Open or closed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Branch<'a> {
    /// Short name of the branch; absent where it is gone.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Cow<'a, str>>,
    /// Commit that it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<ObjectHash<'a>>,
    /// Whether `sha` is shortened: compare it as a prefix.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abbreviated: bool,
    /// On the head: full name of a ref in the target repository that leads to the same commit, for example
    /// `refs/pull/7/head`, where the forge names that because it names no branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_ref: Option<Cow<'a, str>>,
    /// Repository that it is in; absent where that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository<'a>>,
    /// On the head: whether it may come from somebody who may not push to the target repository. False only
    /// for a branch of the target; true also where that is not known, so that who trusts only its own
    /// branches need look nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<bool>,
}

/// A commit by its hash.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sha<'a> {
    /// Hex digits.
    pub sha: ObjectHash<'a>,
    /// Whether `sha` is shortened: compare it as a prefix.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abbreviated: bool,
}

/// A label.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Label<'a> {
    /// The forge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Name.
    pub name: Cow<'a, str>,
    /// Six hex digits, without `#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Cow<'a, str>>,
}

/// A milestone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Milestone<'a> {
    /// The forge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
}

/// What an edit changed: what each changed field was before.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Changes<'a> {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Change<'a>>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Change<'a>>,
    /// The target branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Change<'a>>,
    /// Whether it was a draft, where that changed and the forge says it (Bitbucket Data Center).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_draft: Option<bool>,
    /// The state, in the forge's own word (issues of Bitbucket).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Change<'a>>,
    /// Login or id of the assignee (issues of Bitbucket).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Change<'a>>,
    /// Labels that were put on, where the forge says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added_labels: Vec<Label<'a>>,
    /// Labels that were taken off, where the forge says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed_labels: Vec<Label<'a>>,
}

/// One changed field.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change<'a> {
    /// What it was before; absent where it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Cow<'a, str>>,
}
