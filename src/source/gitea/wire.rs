//! Payloads of Gitea, Forgejo and Gogs as they are on the wire, as far as events are made of them.
//!
//! Field by field after `modules/structs/hook.go` of Gitea, its counterpart in Forgejo, and
//! `internal/route/api/v1/types` of Gogs. Everything may be absent: what an event requires is checked
//! where it is mapped, so that a contradiction is told apart from a body that cannot be read.

pub(super) mod issue;
pub(super) mod project;
pub(super) mod workflow;

use serde::Deserialize;

use crate::wire::{Id, Present, Text, Verbatim, list};

#[derive(Debug, Default, Deserialize)]
pub(super) struct User<'a> {
    #[serde(default)]
    pub(super) id: Id,
    #[serde(borrow, default)]
    pub(super) login: Text<'a>,
    /// A copy of `login`; the only one in payloads of old versions.
    #[serde(borrow, default)]
    pub(super) username: Text<'a>,
    #[serde(borrow, default)]
    pub(super) full_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) html_url: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Repository<'a> {
    #[serde(default)]
    pub(super) id: Id,
    #[serde(borrow, default)]
    pub(super) owner: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) full_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) clone_url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) ssh_url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) default_branch: Text<'a>,
    #[serde(default)]
    pub(super) private: Option<bool>,
    /// Of a fork; Gitea up to 1.24 and Forgejo send it always, mostly null.
    #[serde(default)]
    pub(super) parent: Option<Parent>,
}

/// The repository that another is a fork of.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parent {
    #[serde(default)]
    pub(super) id: Id,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Person<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) email: Text<'a>,
    #[serde(borrow, default)]
    pub(super) username: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Commit<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) message: Text<'a>,
    #[serde(borrow, default)]
    pub(super) url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) author: Option<Person<'a>>,
    #[serde(borrow, default)]
    pub(super) committer: Option<Person<'a>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub(super) added: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(super) removed: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(super) modified: Option<Vec<Text<'a>>>,
}

/// `PushPayload`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Push<'a> {
    #[serde(borrow, default, rename = "ref")]
    pub(super) reference: Text<'a>,
    #[serde(borrow, default)]
    pub(super) before: Text<'a>,
    #[serde(borrow, default)]
    pub(super) after: Text<'a>,
    #[serde(borrow, default)]
    pub(super) compare_url: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) commits: Vec<Commit<'a>>,
    #[serde(default)]
    pub(super) total_commits: Option<u64>,
    #[serde(borrow, default)]
    pub(super) head_commit: Option<Verbatim<'a>>,
    #[serde(borrow, default)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(super) pusher: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(super) sender: Option<User<'a>>,
    /// No push has one of these: they tell another payload under a push's name.
    #[serde(default)]
    pub(super) action: Present,
    #[serde(default)]
    pub(super) ref_type: Present,
}

/// `CreatePayload` and `DeletePayload`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RefChange<'a> {
    #[serde(borrow, default, rename = "ref")]
    pub(super) reference: Text<'a>,
    #[serde(borrow, default)]
    pub(super) ref_type: Text<'a>,
    /// Creation only; Gogs sends it for tags only.
    #[serde(borrow, default)]
    pub(super) sha: Text<'a>,
    /// Creation only, Gogs.
    #[serde(default)]
    pub(super) default_branch: Present,
    /// Deletion only.
    #[serde(default)]
    pub(super) pusher_type: Present,
    #[serde(borrow, default)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(super) sender: Option<User<'a>>,
    #[serde(default)]
    pub(super) action: Present,
    #[serde(default)]
    pub(super) before: Present,
}

/// `PullRequestPayload`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PullRequestHook<'a> {
    #[serde(borrow, default)]
    pub(super) action: Text<'a>,
    #[serde(default)]
    pub(super) number: Option<u64>,
    #[serde(borrow, default)]
    pub(super) changes: Option<Changes<'a>>,
    #[serde(borrow, default)]
    pub(super) pull_request: Option<PullRequest<'a>>,
    #[serde(borrow, default)]
    pub(super) before: Text<'a>,
    #[serde(borrow, default)]
    pub(super) after: Text<'a>,
    #[serde(borrow, default)]
    pub(super) requested_reviewer: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(super) sender: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(super) commit_id: Text<'a>,
    /// Of a review.
    #[serde(borrow, default)]
    pub(super) review: Option<Review<'a>>,
    /// A comment on a pull request has these two.
    #[serde(default)]
    pub(super) comment: Present,
    #[serde(default)]
    pub(super) issue: Present,
}

/// `ReviewPayload`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Review<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) content: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Changes<'a> {
    #[serde(borrow, default)]
    pub(super) title: Option<Change<'a>>,
    #[serde(borrow, default)]
    pub(super) body: Option<Change<'a>>,
    #[serde(borrow, default, rename = "ref")]
    pub(super) reference: Option<Change<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) added_labels: Vec<Label<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) removed_labels: Vec<Label<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Change<'a> {
    #[serde(borrow, default)]
    pub(super) from: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct PullRequest<'a> {
    #[serde(default)]
    pub(super) id: Id,
    #[serde(default)]
    pub(super) number: Option<u64>,
    #[serde(borrow, default)]
    pub(super) user: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(super) title: Text<'a>,
    #[serde(borrow, default)]
    pub(super) body: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) labels: Vec<Label<'a>>,
    #[serde(borrow, default)]
    pub(super) milestone: Option<Milestone<'a>>,
    #[serde(borrow, default)]
    pub(super) assignee: Option<User<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) assignees: Vec<User<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) requested_reviewers: Vec<User<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(super) requested_reviewers_teams: Vec<Team<'a>>,
    #[serde(borrow, default)]
    pub(super) state: Text<'a>,
    #[serde(default)]
    pub(super) draft: Option<bool>,
    #[serde(borrow, default)]
    pub(super) html_url: Text<'a>,
    #[serde(default)]
    pub(super) mergeable: Option<bool>,
    #[serde(default)]
    pub(super) merged: Option<bool>,
    #[serde(borrow, default)]
    pub(super) merged_at: Text<'a>,
    #[serde(borrow, default)]
    pub(super) merge_commit_sha: Text<'a>,
    #[serde(borrow, default)]
    pub(super) merged_by: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(super) base: Option<Branch<'a>>,
    #[serde(borrow, default)]
    pub(super) head: Option<Branch<'a>>,
    #[serde(borrow, default)]
    pub(super) merge_base: Text<'a>,
    #[serde(borrow, default)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(super) updated_at: Text<'a>,
    #[serde(borrow, default)]
    pub(super) closed_at: Text<'a>,
    // Gogs has no `base` and `head` but these four.
    #[serde(borrow, default)]
    pub(super) head_branch: Text<'a>,
    #[serde(borrow, default)]
    pub(super) head_repo: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(super) base_branch: Text<'a>,
    #[serde(borrow, default)]
    pub(super) base_repo: Option<Repository<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Branch<'a> {
    #[serde(borrow, default, rename = "ref")]
    pub(super) reference: Text<'a>,
    #[serde(borrow, default)]
    pub(super) sha: Text<'a>,
    #[serde(borrow, default)]
    pub(super) repo: Option<Repository<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Label<'a> {
    #[serde(default)]
    pub(super) id: Id,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) color: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Milestone<'a> {
    #[serde(default)]
    pub(super) id: Id,
    #[serde(borrow, default)]
    pub(super) title: Text<'a>,
    #[serde(borrow, default)]
    pub(super) due_on: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Team<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
}

/// Only what addresses a payload whose event is not typed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Addressed<'a> {
    #[serde(borrow, default)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(super) sender: Option<User<'a>>,
    /// Forgejo's payloads about runs say it in here.
    #[serde(borrow, default)]
    pub(super) run: Option<AddressedRun<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct AddressedRun<'a> {
    #[serde(borrow, default)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(super) trigger_user: Option<User<'a>>,
}
