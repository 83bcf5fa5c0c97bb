//! Users, repositories, refs and commits of Data Center in forgewire's terms.

use std::borrow::Cow;

use super::wire;
use crate::event::{
    Actor, ActorKind, Commit, ObjectHash, Person, Project, RefKind, RefName, Repository, Sha,
};
use crate::wire::Text;

/// Where the server is, for clone URLs that a payload lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// URL of the server without a slash at its end.
    base: Option<Base<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Base<'a>(&'a str);

impl<'a> Site<'a> {
    /// The server that the first of these links is of, else the one that the configuration names.
    pub(super) fn new<'h>(
        links: impl IntoIterator<Item = Option<&'h wire::Links<'a>>>,
        configured: Option<&'a str>,
    ) -> Self
    where
        'a: 'h,
    {
        let linked = links.into_iter().find_map(|links| base(links?));
        Self { base: linked.or(configured.map(|url| Base(url.trim_end_matches('/')))) }
    }

    pub(super) fn repository(&self, repo: &wire::Repository<'a>) -> Repository<'a> {
        let project = repo.project.as_ref();
        let owner = project.and_then(|project| project.key.said());
        let name = repo.slug.said().or_else(|| repo.name.said());
        let full_name =
            owner.as_ref().zip(name.as_ref()).map(|(owner, name)| format!("{owner}/{name}").into());
        let clone_url = named(repo.links.as_ref(), &["http", "https"]);
        let derived = clone_url.is_none().then(|| self.clone_url(repo)).flatten();
        Repository {
            id: repo.id.said(),
            owner,
            name,
            full_name,
            url: page(repo.links.as_ref()),
            urls_derived: derived.is_some(),
            clone_url: clone_url.or(derived),
            ssh_url: named(repo.links.as_ref(), &["ssh"]),
            default_branch: None,
            private: private(repo),
        }
    }

    /// What the server makes of a repository's names; names that would need escapes are none of its own.
    fn clone_url(&self, repo: &wire::Repository<'a>) -> Option<Cow<'a, str>> {
        let project = repo.project.as_ref()?;
        let own = [repo.links.as_ref(), project.links.as_ref()];
        let Base(base) = own.into_iter().find_map(|links| base(links?)).or(self.base)?;
        let (key, slug) = (project.key.as_str()?, repo.slug.as_str()?);
        let plain = |text: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~');
            text.bytes().all(plain) && !text.bytes().all(|b| b == b'.')
        };
        (plain(key) && plain(slug))
            .then(|| format!("{base}/scm/{}/{slug}.git", key.to_ascii_lowercase()).into())
    }
}

/// A repository in a public project is public, whatever it says of itself.
fn private(repo: &wire::Repository<'_>) -> Option<bool> {
    let of_project = repo.project.as_ref().and_then(|project| project.public);
    match (repo.public, of_project) {
        (Some(true), _) | (_, Some(true)) => Some(false),
        (Some(false), _) => Some(true),
        (None, _) => None,
    }
}

/// The server that a page is of: what stands before its projects or users.
fn base<'a>(links: &wire::Links<'a>) -> Option<Base<'a>> {
    let Cow::Borrowed(page) = page(Some(links))? else { return None };
    let host = page.strip_prefix("https://").or_else(|| page.strip_prefix("http://"))?;
    let ends = ["/projects/", "/users/"].map(|part| host.find(part));
    let end = ends.into_iter().flatten().min()?;
    let before = page.len() - host.len();
    // A user in it would be ours in the URL that is made of it.
    let is_plain = host.get(..end)?.split('/').next().is_some_and(|host| !host.contains('@'));
    page.get(..before + end).filter(|_| is_plain && end > 0).map(Base)
}

/// The address of its page.
pub(super) fn page<'a>(links: Option<&wire::Links<'a>>) -> Option<Cow<'a, str>> {
    links?.pages.iter().flatten().find_map(|link| link.href.said())
}

fn named<'a>(links: Option<&wire::Links<'a>>, names: &[&str]) -> Option<Cow<'a, str>> {
    let is_so = |link: &&wire::Link<'a>| link.name.as_str().is_some_and(|it| names.contains(&it));
    links?.clone.iter().flatten().find(is_so)?.href.said()
}

pub(super) fn actor<'a>(user: &wire::User<'a>) -> Option<Actor<'a>> {
    let (id, login) = (user.id.said(), user.name.said());
    if login.is_none() && id.is_none() {
        return None;
    }
    let kind = match user.kind.as_str() {
        None | Some("NORMAL") => ActorKind::User,
        Some("SERVICE") => ActorKind::Bot,
        Some(other) => ActorKind::Other(other.to_ascii_lowercase()),
    };
    Some(Actor { id, login, name: user.display_name.said(), url: page(user.links.as_ref()), kind })
}

pub(super) fn project<'a>(project: &wire::Project<'a>) -> Project<'a> {
    Project {
        id: project.id.said(),
        key: project.key.said(),
        name: project.name.said(),
        description: project.description.said(),
        url: page(project.links.as_ref()),
        private: project.public.map(|public| !public),
    }
}

/// A branch or tag; `None` for anything else, and where name and kind contradict each other.
pub(super) fn reference<'a>(reference: &wire::Ref<'a>) -> Option<RefName<'a>> {
    let said = match reference.kind.as_str() {
        Some("BRANCH") => Some(RefKind::Branch),
        Some("TAG") => Some(RefKind::Tag),
        Some(_) => return None,
        None => None,
    };
    let found = match reference.id.said() {
        Some(full) => short(&full)?,
        None => RefName { kind: said.clone()?, name: reference.display_id.said()? },
    };
    (said.is_none_or(|kind| kind == found.kind) && !found.name.is_empty()).then_some(found)
}

/// Takes a full ref apart.
fn short<'a>(full: &Cow<'a, str>) -> Option<RefName<'a>> {
    [(RefKind::Branch, "refs/heads/"), (RefKind::Tag, "refs/tags/")].into_iter().find_map(
        |(kind, prefix)| {
            let name = match full {
                Cow::Borrowed(full) => Cow::Borrowed(full.strip_prefix(prefix)?),
                Cow::Owned(full) => Cow::Owned(full.strip_prefix(prefix)?.to_owned()),
            };
            Some(RefName { kind, name })
        },
    )
}

/// A commit, if it has a hash. Data Center names no files, and no page.
pub(super) fn commit<'a>(commit: &wire::Commit<'a>) -> Option<Commit<'a>> {
    Some(Commit {
        id: ObjectHash(commit.id.said()?),
        message: commit.message.said(),
        author: commit.author.as_ref().and_then(person),
        committer: commit.committer.as_ref().and_then(person),
        timestamp: commit.committer_timestamp.0.or(commit.author_timestamp.0),
        ..Commit::default()
    })
}

fn person<'a>(person: &wire::Person<'a>) -> Option<Person<'a>> {
    // Of an account the name is what it logs in by.
    let login = person.slug.as_str().and_then(|_is_account| person.name.said());
    let name = person.display_name.said().or_else(|| person.name.said());
    let found = Person { name, email: person.email_address.said(), login };
    (found.name.is_some() || found.email.is_some()).then_some(found)
}

pub(super) fn sha<'a>(text: &Text<'a>) -> Option<Sha<'a>> {
    text.said_hash().map(|sha| Sha { sha, abbreviated: false })
}
