//! Users, repositories, commits and refs of the Gitea family in forgewire's terms.

use super::wire;
use crate::event::{Actor, ActorKind, Commit, Person, RefKind, RefName, Repository};

/// Gitea's accounts that are nobody's: `models/user/user_system.go`.
const GHOST: &str = "-1";
const ACTIONS: &str = "-2";

pub(super) fn actor(user: &wire::User<'_>) -> Option<Actor> {
    let login = user.login.owned().or_else(|| user.username.owned());
    let id = user.id.owned();
    if login.is_none() && id.is_none() {
        return None;
    }
    let kind = match id.as_deref() {
        Some(GHOST) => ActorKind::Ghost,
        Some(ACTIONS) => ActorKind::Bot,
        _ => ActorKind::User,
    };
    Some(Actor { id, login, name: user.full_name.owned(), url: user.html_url.owned(), kind })
}

pub(super) fn actors(users: &[wire::User<'_>]) -> Vec<Actor> {
    users.iter().filter_map(actor).collect()
}

pub(super) fn repository(repo: &wire::Repository<'_>) -> Repository {
    let owner = repo.owner.as_ref();
    let owner = owner.and_then(|user| user.login.as_str().or(user.username.as_str()));
    // Old payloads name the owner only here.
    let parts = repo.full_name.as_str().and_then(|name| name.split_once('/'));
    Repository {
        id: repo.id.owned(),
        owner: owner.or(parts.map(|(owner, _)| owner)).map(str::to_owned),
        name: repo.name.as_str().or(parts.map(|(_, name)| name)).map(str::to_owned),
        full_name: repo.full_name.owned(),
        url: repo.html_url.owned(),
        clone_url: repo.clone_url.owned(),
        ssh_url: repo.ssh_url.owned(),
        default_branch: repo.default_branch.owned(),
        private: repo.private,
        urls_derived: false,
    }
}

fn person(person: &wire::Person<'_>) -> Option<Person> {
    let found = Person {
        name: person.name.owned(),
        email: person.email.owned(),
        login: person.username.owned(),
    };
    (found.name.is_some() || found.email.is_some() || found.login.is_some()).then_some(found)
}

/// A commit, if it has a hash.
pub(super) fn commit(commit: &wire::Commit<'_>) -> Option<Commit> {
    let files = |files: &Option<Vec<crate::wire::Text<'_>>>| {
        files.as_ref().map(|files| files.iter().filter_map(crate::wire::Text::owned).collect())
    };
    Some(Commit {
        id: commit.id.owned()?,
        message: commit.message.owned(),
        url: commit.url.owned(),
        author: commit.author.as_ref().and_then(person),
        committer: commit.committer.as_ref().and_then(person),
        timestamp: commit.timestamp.time(),
        added: files(&commit.added),
        removed: files(&commit.removed),
        modified: files(&commit.modified),
    })
}

/// Takes a full ref apart; `None` for anything but branches and tags.
pub(super) fn full_ref(reference: &str) -> Option<RefName> {
    let short =
        |kind, name: &str| (!name.is_empty()).then(|| RefName { kind, name: name.to_owned() });
    if let Some(name) = reference.strip_prefix("refs/heads/") {
        short(RefKind::Branch, name)
    } else {
        reference.strip_prefix("refs/tags/").and_then(|name| short(RefKind::Tag, name))
    }
}

/// A ref with its kind beside it: short from Gitea, full from Forgejo and old Gogs.
pub(super) fn typed_ref(reference: &str, kind: RefKind) -> Option<RefName> {
    let prefix = if kind == RefKind::Branch { "refs/heads/" } else { "refs/tags/" };
    let name = reference.strip_prefix(prefix).unwrap_or(reference);
    (!name.is_empty()).then(|| RefName { kind, name: name.to_owned() })
}
