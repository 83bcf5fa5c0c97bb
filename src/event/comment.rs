//! The facts of comments on issues, pull requests and commits.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Actor, Asset, Changes, Id, Issue, PullRequest, Sha, Time};

/// The facts of an `issue_comment` event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IssueCommentEvent<'a> {
    /// The issue.
    pub issue: Issue<'a>,
    /// The comment, as it is after the event.
    pub comment: Comment<'a>,
    /// What an edit changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
}

/// The facts of a `pull_request_comment` event.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullRequestCommentEvent<'a> {
    /// The pull request. Gogs and Gitea before 1.23 send its issue instead, which has no branches.
    pub pull_request: PullRequest<'a>,
    /// The comment, as it is after the event.
    pub comment: Comment<'a>,
    /// What an edit changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
}

/// The facts of a `commit_comment` event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommitCommentEvent<'a> {
    /// The commit.
    pub commit: Sha<'a>,
    /// The comment, as it is after the event.
    pub comment: Comment<'a>,
    /// What an edit changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes<'a>>,
}

/// A comment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comment<'a> {
    /// The forge's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Its text, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// Its place on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor<'a>>,
    /// The file that it is about (Bitbucket).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Cow<'a, str>>,
    /// The line in the new version of that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The line in the old version of that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_line: Option<u64>,
    /// Id of the comment that it answers (Bitbucket).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Id<'a>>,
    /// Whether its thread is resolved, where the forge says it (Bitbucket).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// Attached files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Asset<'a>>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
}
