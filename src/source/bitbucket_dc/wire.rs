//! What Bitbucket Data Center and Server send, as far as it is read.
//!
//! One type for every delivery, since the members of all events share their names and forms. Only `old` and
//! `new` do not: they are repositories or projects, and are read when the event is known. Sources: Atlassian's
//! page "Event payload" of 5.4 to 10, and payloads that servers sent.

mod moment;

use serde::Deserialize;

pub(super) use moment::Moment;

use crate::wire::{Id, Text, Verbatim, list};

/// Any delivery.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Hook<'a> {
    #[serde(borrow)]
    pub(super) event_key: Text<'a>,
    pub(super) date: Moment,
    #[serde(borrow)]
    pub(super) actor: Option<User<'a>>,
    #[serde(borrow)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow)]
    pub(super) project: Option<Project<'a>>,
    /// What happened to branches and tags, or what a mirror took over.
    #[serde(borrow)]
    pub(super) changes: Option<Vec<Change<'a>>>,
    /// The newest few commits, newest first; newer versions, and only where one ref changed.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) commits: Vec<Commit<'a>>,
    #[serde(borrow)]
    pub(super) to_commit: Option<Commit<'a>>,
    #[serde(borrow)]
    pub(super) old: Option<Verbatim<'a>>,
    #[serde(borrow)]
    pub(super) new: Option<Verbatim<'a>>,
    #[serde(borrow)]
    pub(super) mirror_server: Option<MirrorServer<'a>>,
    #[serde(borrow)]
    pub(super) sync_type: Text<'a>,
    pub(super) ref_limit_exceeded: Option<bool>,
    #[serde(borrow)]
    pub(super) secret_locations: Option<Vec<SecretLocation<'a>>>,
    #[serde(borrow)]
    pub(super) pull_request: Option<PullRequest<'a>>,
    #[serde(borrow)]
    pub(super) previous_from_hash: Text<'a>,
    #[serde(borrow)]
    pub(super) previous_title: Text<'a>,
    #[serde(borrow)]
    pub(super) previous_description: Text<'a>,
    pub(super) previous_draft: Option<bool>,
    #[serde(borrow)]
    pub(super) previous_target: Option<Ref<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) added_reviewers: Vec<User<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) removed_reviewers: Vec<User<'a>>,
    #[serde(borrow)]
    pub(super) participant: Option<Participant<'a>>,
    #[serde(borrow)]
    pub(super) previous_status: Text<'a>,
    #[serde(borrow)]
    pub(super) comment: Option<Comment<'a>>,
    pub(super) comment_parent_id: Id,
    #[serde(borrow)]
    pub(super) previous_comment: Text<'a>,
    /// The hash of a commit that is commented on.
    #[serde(borrow)]
    pub(super) commit: Text<'a>,
    /// The whole of a connection test.
    pub(super) test: Option<bool>,
}

/// What says which event a body is of.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) event_key: Text<'a>,
    pub(super) test: Option<bool>,
}

/// What says where something happened, in a body of any event.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Addressed<'a> {
    pub(super) date: Moment,
    #[serde(borrow)]
    pub(super) actor: Option<User<'a>>,
    #[serde(borrow)]
    pub(super) repository: Option<Repository<'a>>,
    #[serde(borrow)]
    pub(super) pull_request: Option<Target<'a>>,
}

/// A pull request's target.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Target<'a> {
    #[serde(borrow)]
    pub(super) to_ref: Option<Ref<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct User<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) display_name: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Links<'a> {
    /// Can be a list of null.
    #[serde(borrow, rename = "self", deserialize_with = "list")]
    pub(super) pages: Vec<Option<Link<'a>>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) clone: Vec<Option<Link<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link<'a> {
    #[serde(borrow)]
    pub(super) href: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Project<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    pub(super) key: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) description: Text<'a>,
    pub(super) public: Option<bool>,
    #[serde(borrow)]
    pub(super) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Repository<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    pub(super) slug: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) description: Text<'a>,
    pub(super) public: Option<bool>,
    #[serde(borrow)]
    pub(super) project: Option<Project<'a>>,
    /// Of a fork: what it is a fork of.
    #[serde(borrow)]
    pub(super) origin: Option<Box<Self>>,
    #[serde(borrow)]
    pub(super) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Ref<'a> {
    /// In full, such as `refs/heads/main`.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) display_id: Text<'a>,
    /// `BRANCH` or `TAG`; older versions leave it out of pull requests.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) latest_commit: Text<'a>,
    #[serde(borrow)]
    pub(super) repository: Option<Repository<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Change<'a> {
    #[serde(borrow, rename = "ref")]
    pub(super) reference: Option<Ref<'a>>,
    #[serde(borrow)]
    pub(super) from_hash: Text<'a>,
    #[serde(borrow)]
    pub(super) to_hash: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Commit<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) author: Option<Person<'a>>,
    pub(super) author_timestamp: Moment,
    #[serde(borrow)]
    pub(super) committer: Option<Person<'a>>,
    pub(super) committer_timestamp: Moment,
    #[serde(borrow)]
    pub(super) parents: Option<Vec<Parent<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parent<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

/// Somebody as a commit names them; if the address is that of an account, the account.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Person<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) display_name: Text<'a>,
    #[serde(borrow)]
    pub(super) email_address: Text<'a>,
    #[serde(borrow)]
    pub(super) slug: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MirrorServer<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SecretLocation<'a> {
    #[serde(borrow)]
    pub(super) commit_id: Text<'a>,
    pub(super) line: Option<u64>,
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    #[serde(borrow)]
    pub(super) rule_name: Text<'a>,
    #[serde(borrow)]
    pub(super) repository: Option<Repository<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PullRequest<'a> {
    /// The number within the target repository.
    pub(super) id: Option<u64>,
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) description: Text<'a>,
    #[serde(borrow)]
    pub(super) state: Text<'a>,
    pub(super) draft: Option<bool>,
    pub(super) created_date: Moment,
    pub(super) updated_date: Moment,
    pub(super) closed_date: Moment,
    #[serde(borrow)]
    pub(super) from_ref: Option<Ref<'a>>,
    #[serde(borrow)]
    pub(super) to_ref: Option<Ref<'a>>,
    #[serde(borrow)]
    pub(super) author: Option<Participant<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) reviewers: Vec<Participant<'a>>,
    #[serde(borrow)]
    pub(super) properties: Option<Properties<'a>>,
    #[serde(borrow)]
    pub(super) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Properties<'a> {
    #[serde(borrow)]
    pub(super) merge_commit: Option<Parent<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Participant<'a> {
    #[serde(borrow)]
    pub(super) user: Option<User<'a>>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) last_reviewed_commit: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Comment<'a> {
    pub(super) id: Id,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) author: Option<User<'a>>,
    pub(super) created_date: Moment,
    pub(super) updated_date: Moment,
    pub(super) thread_resolved: Option<bool>,
    #[serde(borrow)]
    pub(super) anchor: Option<Anchor<'a>>,
}

/// The line that a comment is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Anchor<'a> {
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    pub(super) line: Option<u64>,
    /// `FROM` is the old version of the file, `TO` the new one.
    #[serde(borrow)]
    pub(super) file_type: Text<'a>,
}
