//! Users, repositories, commits and hashes of Bitbucket Cloud in forgewire's terms.

use std::borrow::Cow;

use super::wire;
use crate::event::{
    Actor, ActorKind, Commit, Id, ObjectHash, Person, RefKind, RefName, Repository, Sha,
};
use crate::wire::Text;

/// A UUID without the braces that Bitbucket writes around it in some places.
pub(super) fn bare(uuid: &str) -> &str {
    uuid.strip_prefix('{').and_then(|uuid| uuid.strip_suffix('}')).unwrap_or(uuid)
}

/// A piece of a text, borrowed where the text is.
pub(super) fn piece<'a>(
    text: &Cow<'a, str>,
    of: impl Fn(&str) -> Option<&str>,
) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => of(text).map(Cow::Borrowed),
        Cow::Owned(text) => of(text).map(|piece| Cow::Owned(piece.to_owned())),
    }
}

/// A UUID as an id.
pub(super) fn id<'a>(uuid: &Text<'a>) -> Option<Id<'a>> {
    uuid.said().and_then(|uuid| piece(&uuid, |uuid| Some(bare(uuid)))).map(Id)
}

/// The page of something.
pub(super) fn page<'a>(links: Option<&wire::Links<'a>>) -> Option<Cow<'a, str>> {
    links?.html.as_ref()?.href.said()
}

pub(super) fn actor<'a>(user: &wire::User<'a>) -> Option<Actor<'a>> {
    let id = id(&user.uuid).or_else(|| user.account_id.said().map(Id));
    let login = user.username.said().or_else(|| user.nickname.said());
    let name = user.display_name.said();
    if id.is_none() && login.is_none() && name.is_none() {
        return None;
    }
    let kind = match user.kind.as_str() {
        None | Some("user") => ActorKind::User,
        Some("team") => ActorKind::Team,
        Some("app_user") => ActorKind::Bot,
        Some(other) => ActorKind::Other(other.to_owned()),
    };
    Some(Actor { id, login, name, url: page(user.links.as_ref()), kind })
}

pub(super) fn repository<'a>(repo: &wire::Repository<'a>) -> Repository<'a> {
    let full_name = repo.full_name.said();
    let part = |of: fn(&str) -> Option<&str>| full_name.as_ref().and_then(|name| piece(name, of));
    let urls = full_name.as_deref().and_then(|full_name| urls(repo, full_name));
    let (clone_url, ssh_url) = urls.unzip();
    Repository {
        id: id(&repo.uuid),
        owner: part(|name| Some(name.split_once('/')?.0).filter(|owner| !owner.is_empty())),
        name: part(|name| {
            let slug = name.split_once('/').map_or(name, |(_, slug)| slug);
            (!slug.is_empty()).then_some(slug)
        }),
        url: page(repo.links.as_ref()),
        urls_derived: clone_url.is_some(),
        clone_url: clone_url.map(Cow::Owned),
        ssh_url: ssh_url.map(Cow::Owned),
        full_name,
        default_branch: None,
        private: repo.is_private,
    }
}

/// URLs for cloning, which no payload has: made of the repository's page, if that stands where Git answers.
fn urls(repo: &wire::Repository<'_>, full_name: &str) -> Option<(String, String)> {
    let page = page(repo.links.as_ref())?;
    let host = page
        .strip_prefix("https://")?
        .trim_end_matches('/')
        .strip_suffix(full_name)?
        .strip_suffix('/')?;
    let is_host = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    let is_git = repo.scm.as_str().is_none_or(|scm| scm == "git");
    (is_host && is_git).then(|| {
        // A port is one of HTTP.
        let ssh_host = host.split_once(':').map_or(host, |(name, _)| name);
        (format!("https://{host}/{full_name}.git"), format!("git@{ssh_host}:{full_name}.git"))
    })
}

/// Whether a hash is a part of one: pull requests have 12 digits.
pub(super) fn is_abbreviated(hash: &str) -> bool {
    !matches!(hash.len(), 40 | 64)
}

pub(super) fn sha<'a>(commit: &wire::Commit<'a>) -> Option<Sha<'a>> {
    let sha = commit.hash.said_hash()?;
    Some(Sha { abbreviated: is_abbreviated(&sha), sha })
}

/// A branch by its name.
pub(super) fn branch(name: Cow<'_, str>) -> RefName<'_> {
    RefName { kind: RefKind::Branch, name }
}

/// A commit, if it has a hash.
pub(super) fn commit(commit: wire::Commit<'_>) -> Option<Commit<'_>> {
    Some(Commit {
        id: ObjectHash(commit.hash.into_said()?),
        message: commit.message.into_said(),
        url: page(commit.links.as_ref()),
        author: commit.author.as_ref().and_then(person),
        committer: commit.committer.as_ref().and_then(person),
        timestamp: commit.date.time(),
        added: None,
        removed: None,
        modified: None,
    })
}

fn person<'a>(author: &wire::Author<'a>) -> Option<Person<'a>> {
    let raw = author.raw.said();
    let part = |of: fn(&str) -> Option<&str>| raw.as_ref().and_then(|raw| piece(raw, of));
    let login =
        |username: &Text<'a>, nickname: &Text<'a>| username.said().or_else(|| nickname.said());
    let of_account = author.user.as_ref().and_then(|user| login(&user.username, &user.nickname));
    let found = Person {
        name: part(name_of).or_else(|| author.display_name.said()),
        email: part(address_of),
        login: of_account.or_else(|| login(&author.username, &author.nickname)),
    };
    (found.name.is_some() || found.email.is_some() || found.login.is_some()).then_some(found)
}

/// The name in `Name <address>`.
fn name_of(raw: &str) -> Option<&str> {
    let name = raw.rsplit_once('<').map_or(raw, |(name, _)| name).trim();
    (!name.is_empty()).then_some(name)
}

/// The address in `Name <address>`.
fn address_of(raw: &str) -> Option<&str> {
    let address = raw.rsplit_once('<')?.1.trim_end().strip_suffix('>')?.trim();
    (!address.is_empty()).then_some(address)
}
