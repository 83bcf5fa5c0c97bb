//! Users, repositories, commits and refs of the Gitea family in forgewire's terms.

use std::borrow::Cow;

use super::wire;
use crate::event::{
    Actor, ActorKind, Asset, Commit, ObjectHash, Person, RefKind, RefName, Repository,
};
use crate::wire::Text;

/// Gitea's accounts that are nobody's: `models/user/user_system.go`.
const GHOST: &str = "-1";
const ACTIONS: &str = "-2";

pub(super) fn actor<'a>(user: &wire::User<'a>) -> Option<Actor<'a>> {
    let login = user.login.said().or_else(|| user.username.said());
    let id = user.id.said();
    if login.is_none() && id.is_none() {
        return None;
    }
    let kind = match id.as_deref() {
        Some(GHOST) => ActorKind::Ghost,
        Some(ACTIONS) => ActorKind::Bot,
        _ => ActorKind::User,
    };
    Some(Actor { id, login, name: user.full_name.said(), url: user.html_url.said(), kind })
}

pub(super) fn actors<'a>(users: &[wire::User<'a>]) -> Vec<Actor<'a>> {
    users.iter().filter_map(actor).collect()
}

pub(super) fn repository<'a>(repo: &wire::Repository<'a>) -> Repository<'a> {
    let user = repo.owner.as_ref();
    // Old payloads name the owner only in the full name.
    let part = |which: usize| {
        let parts = repo.full_name.as_str()?.split_once('/')?;
        Some(Cow::Owned(if which == 0 { parts.0.to_owned() } else { parts.1.to_owned() }))
    };
    Repository {
        id: repo.id.said(),
        owner: user
            .and_then(|user| user.login.said().or_else(|| user.username.said()))
            .or_else(|| part(0)),
        name: repo.name.said().or_else(|| part(1)),
        full_name: repo.full_name.said(),
        url: repo.html_url.said(),
        clone_url: repo.clone_url.said(),
        ssh_url: repo.ssh_url.said(),
        default_branch: repo.default_branch.said(),
        private: repo.private,
        urls_derived: false,
    }
}

fn person(person: wire::Person<'_>) -> Option<Person<'_>> {
    let found = Person {
        name: person.name.into_said(),
        email: person.email.into_said(),
        login: person.username.into_said(),
    };
    (found.name.is_some() || found.email.is_some() || found.login.is_some()).then_some(found)
}

/// A commit, if it has a hash.
pub(super) fn commit(commit: wire::Commit<'_>) -> Option<Commit<'_>> {
    Some(Commit {
        id: ObjectHash(commit.id.into_said()?),
        message: commit.message.into_said(),
        url: commit.url.into_said(),
        author: commit.author.and_then(person),
        committer: commit.committer.and_then(person),
        timestamp: commit.timestamp.time(),
        added: commit.added.map(files),
        removed: commit.removed.map(files),
        modified: commit.modified.map(files),
    })
}

/// A file that is attached to something.
pub(super) fn asset<'a>(asset: &wire::issue::Asset<'a>) -> Asset<'a> {
    Asset {
        id: asset.id.said(),
        name: asset.name.said(),
        size: asset.size,
        url: asset.browser_download_url.said(),
        created_at: asset.created_at.time(),
    }
}

fn files(names: Vec<Text<'_>>) -> Vec<Cow<'_, str>> {
    names.into_iter().filter_map(Text::into_said).collect()
}

/// The name of a branch. `refs/pull/7/head`, which stands in for a head that is gone, is none.
pub(super) fn branch_name<'a>(name: &Text<'a>) -> Option<Cow<'a, str>> {
    name.said().filter(|name| !name.starts_with("refs/"))
}

/// Takes a full ref apart; `None` for anything but branches and tags.
pub(super) fn full_ref(reference: &str) -> Option<RefName<'static>> {
    let short = |kind, name: &str| {
        (!name.is_empty()).then(|| RefName { kind, name: Cow::Owned(name.to_owned()) })
    };
    if let Some(name) = reference.strip_prefix("refs/heads/") {
        short(RefKind::Branch, name)
    } else {
        reference.strip_prefix("refs/tags/").and_then(|name| short(RefKind::Tag, name))
    }
}

/// A ref with its kind beside it: short from Gitea, full from Forgejo and old Gogs.
pub(super) fn typed_ref(reference: &str, kind: RefKind) -> Option<RefName<'static>> {
    let prefix = if kind == RefKind::Branch { "refs/heads/" } else { "refs/tags/" };
    let name = reference.strip_prefix(prefix).unwrap_or(reference);
    (!name.is_empty()).then(|| RefName { kind, name: Cow::Owned(name.to_owned()) })
}
