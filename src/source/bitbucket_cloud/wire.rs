//! Payloads of Bitbucket Cloud as they are on the wire, as far as events are made of them.
//!
//! Field by field after Atlassian's page "Event payloads" and bodies that were recorded. Everything may be
//! absent: what an event requires is checked where it is mapped, so that a contradiction is told apart
//! from a body that cannot be read.

pub(super) mod issue;
pub(super) mod loose;
pub(super) mod pull_request;
pub(super) mod span;

use serde::Deserialize;

use crate::wire::{Present, Text};
use issue::{Changes, Issue};
use loose::Loose;
use pull_request::{Approval, Comment, PullRequest};
use span::ResourceSpans;

/// A delivery. No body says which event it is: that is told by the members it has.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Body<'a> {
    pub(super) actor: Option<User<'a>>,
    pub(super) repository: Option<Repository<'a>>,
    pub(super) push: Option<Push<'a>>,
    pub(super) fork: Option<Repository<'a>>,
    pub(super) previous_workspace: Option<Loose<'a>>,
    pub(super) changes: Option<Changes<'a>>,
    pub(super) comment: Option<Comment<'a>>,
    pub(super) commit: Option<Commit<'a>>,
    pub(super) commit_status: Option<CommitStatus<'a>>,
    pub(super) issue: Option<Issue<'a>>,
    pub(super) pullrequest: Option<PullRequest<'a>>,
    pub(super) approval: Option<Approval<'a>>,
    pub(super) changes_request: Option<Approval<'a>>,
    pub(super) project: Option<Project<'a>>,
    #[serde(rename = "resourceSpans")]
    pub(super) resource_spans: Option<Vec<ResourceSpans<'a>>>,
    /// Only Data Center names the event in the body.
    #[serde(rename = "eventKey")]
    pub(super) event_key: Present,
}

/// What is read of a body that is not recognized.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Addressed<'a> {
    pub(super) actor: Option<User<'a>>,
    pub(super) repository: Option<Repository<'a>>,
}

/// `user`, `team` or `app_user`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct User<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) uuid: Text<'a>,
    pub(super) account_id: Text<'a>,
    /// Teams, and users in payloads from before 2019.
    pub(super) username: Text<'a>,
    pub(super) nickname: Text<'a>,
    pub(super) display_name: Text<'a>,
    pub(super) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Links<'a> {
    pub(super) html: Option<Link<'a>>,
    /// Of a status.
    pub(super) commit: Option<Link<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Link<'a> {
    pub(super) href: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Repository<'a> {
    pub(super) uuid: Text<'a>,
    /// `workspace/slug`; `name` is only for showing.
    pub(super) full_name: Text<'a>,
    pub(super) is_private: Option<bool>,
    pub(super) scm: Text<'a>,
    pub(super) links: Option<Links<'a>>,
    /// These two have the repositories of Data Center: the Post Webhooks plugin sends them under Cloud's keys.
    #[serde(rename = "scmId")]
    pub(super) scm_id: Present,
    #[serde(rename = "fullName")]
    pub(super) camel_case_name: Present,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Push<'a> {
    pub(super) changes: Option<Vec<Change<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Change<'a> {
    pub(super) old: Option<Ref<'a>>,
    pub(super) new: Option<Ref<'a>>,
    pub(super) forced: Option<bool>,
    pub(super) truncated: Option<bool>,
    /// At most five, the newest first; absent for tags and deletions.
    pub(super) commits: Option<Vec<Commit<'a>>>,
    pub(super) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Ref<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text<'a>,
    /// Without `refs/heads/`.
    pub(super) name: Text<'a>,
    /// A commit, also of an annotated tag.
    pub(super) target: Option<Commit<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Commit<'a> {
    pub(super) hash: Text<'a>,
    pub(super) message: Text<'a>,
    pub(super) date: Text<'a>,
    pub(super) author: Option<Author<'a>>,
    pub(super) committer: Option<Author<'a>>,
    pub(super) links: Option<Links<'a>>,
}

/// Who made a commit: as it says itself, and the account that has the address. Old payloads have only the account.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Author<'a> {
    /// `Name <address>`.
    pub(super) raw: Text<'a>,
    pub(super) user: Option<User<'a>>,
    pub(super) username: Text<'a>,
    pub(super) nickname: Text<'a>,
    pub(super) display_name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct CommitStatus<'a> {
    pub(super) key: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) description: Text<'a>,
    pub(super) state: Text<'a>,
    pub(super) url: Text<'a>,
    pub(super) refname: Text<'a>,
    /// Newer payloads; the others have the hash only in `links.commit`.
    pub(super) commit: Option<Commit<'a>>,
    pub(super) created_on: Text<'a>,
    pub(super) updated_on: Text<'a>,
    pub(super) links: Option<Links<'a>>,
}

/// Of `project:updated`, whose shape Atlassian does not show: after the projects of its REST API.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Project<'a> {
    pub(super) uuid: Text<'a>,
    pub(super) key: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) description: Text<'a>,
    pub(super) is_private: Option<bool>,
    pub(super) workspace: Option<Loose<'a>>,
    pub(super) owner: Option<Loose<'a>>,
    pub(super) links: Option<Links<'a>>,
}

/// Text with markup.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Markup<'a> {
    pub(super) raw: Text<'a>,
}

/// A person who takes part in a pull request. Old documentation has bare users in this place.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Participant<'a> {
    pub(super) user: Option<User<'a>>,
    pub(super) role: Text<'a>,
    pub(super) approved: Option<bool>,
    pub(super) state: Text<'a>,
}
