//! Releases, repositories, wikis, packages and statuses: what happens to a project as a whole.

use serde::Deserialize;

use super::{Commit, Repository, User, issue::Asset};
use crate::wire::{Id, Present, Text, list};

/// `ReleasePayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct ReleaseHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) release: Option<Release<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Release<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) tag_name: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) target_commitish: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) body: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) tarball_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) zipball_url: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) draft: Option<bool>,
    #[serde(default)]
    pub(in crate::source::gitea) prerelease: Option<bool>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) published_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) author: Option<User<'a>>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) assets: Vec<Asset<'a>>,
}

/// `RepositoryPayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct RepositoryHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) changes: Option<RepositoryChanges<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
    /// Other payloads with the same actions have one of these.
    #[serde(default)]
    pub(in crate::source::gitea) comment: Present,
    #[serde(default)]
    pub(in crate::source::gitea) forkee: Present,
    #[serde(default)]
    pub(in crate::source::gitea) issue: Present,
    #[serde(default)]
    pub(in crate::source::gitea) package: Present,
    #[serde(default)]
    pub(in crate::source::gitea) page: Present,
    #[serde(default)]
    pub(in crate::source::gitea) pull_request: Present,
    #[serde(default)]
    pub(in crate::source::gitea) release: Present,
    #[serde(default)]
    pub(in crate::source::gitea) workflow_job: Present,
    #[serde(default)]
    pub(in crate::source::gitea) workflow_run: Present,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct RepositoryChanges<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Option<super::Change<'a>>,
}

/// `ForkPayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct ForkHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) forkee: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
    /// No fork has one.
    #[serde(default)]
    pub(in crate::source::gitea) action: Present,
}

/// `WikiPayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct WikiHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) page: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) comment: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
}

/// `PackagePayload`; its own `repository` is always null.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct PackageHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) package: Option<Package<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Package<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) owner: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) creator: Option<User<'a>>,
    #[serde(borrow, default, rename = "type")]
    pub(in crate::source::gitea) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) version: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
}

/// `CommitStatusPayload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct StatusHook<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sha: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) commit: Option<Commit<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) context: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) description: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) state: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) target_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) updated_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
    /// No status has one.
    #[serde(default)]
    pub(in crate::source::gitea) action: Present,
}
