//! Issues and comments.

use serde::Deserialize;

use super::{Changes, Label, Milestone, PullRequest, Repository, User};
use crate::wire::{Id, Present, Text, list};

/// `IssuePayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct IssueHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) number: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) changes: Option<Changes<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) issue: Option<Issue<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) commit_id: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
    /// A comment, a review and a pull request have one of these.
    #[serde(default)]
    pub(in crate::source::gitea) comment: Present,
    #[serde(default)]
    pub(in crate::source::gitea) review: Present,
    #[serde(default)]
    pub(in crate::source::gitea) pull_request: Present,
}

/// `IssueCommentPayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct CommentHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) changes: Option<Changes<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) issue: Option<Issue<'a>>,
    /// Gitea 1.23 and newer, on a pull request.
    #[serde(borrow, default)]
    pub(in crate::source::gitea) pull_request: Option<PullRequest<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) comment: Option<Comment<'a>>,
    #[serde(default)]
    pub(in crate::source::gitea) is_pull: Option<bool>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
    /// A review has it.
    #[serde(default)]
    pub(in crate::source::gitea) review: Present,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Issue<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(default)]
    pub(in crate::source::gitea) number: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) user: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) title: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) body: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) labels: Vec<Label<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) milestone: Option<Milestone<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) assignee: Option<User<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) assignees: Vec<User<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) assets: Vec<Asset<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) state: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) due_date: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) updated_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) closed_at: Text<'a>,
    /// Of a pull request, which has an issue too.
    #[serde(borrow, default)]
    pub(in crate::source::gitea) pull_request: Option<PullMark<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct PullMark<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) merged: Option<bool>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) merged_at: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) draft: Option<bool>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Comment<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) user: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) body: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) assets: Vec<Asset<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) updated_at: Text<'a>,
}

/// `Attachment`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Asset<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) size: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) browser_download_url: Text<'a>,
}
