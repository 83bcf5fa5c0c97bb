//! `repo:refs_changed` and `mirror:repo_synchronized`: what happens to branches and tags.

use super::Story;
use super::common::{commit, reference};
use super::wire;
use crate::event::{
    Commit, Data, Mirror, MirrorAction, MirrorEvent, Push, PushAction, Reason, RefChange, RefKind,
    SyncKind, Tag, TagAction, Unrecognized, UnrecognizedAction,
};
use crate::source::{Fact, Facts};

/// One fact for each change. One that is neither of a branch nor of a tag, or of a kind that is not known, is
/// `unrecognized` and keeps the others from nothing.
pub(super) fn changed<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let changes = story.hook.changes.as_deref().ok_or(Reason::Unreadable)?;
    let only = changes.len() == 1;
    let fact = |change| {
        one(story, change, only).unwrap_or_else(|reason| {
            let data = Box::new(Unrecognized { reason });
            story.fact(Data::Unrecognized(UnrecognizedAction::from_name(story.name), data))
        })
    };
    match changes {
        // Alone it is as any delivery that is not recognized.
        [change] => Ok(vec![one(story, change, only)?]),
        _ => Ok(changes.iter().map(fact).collect()),
    }
}

/// What one change did.
enum Did {
    Add,
    Delete,
    Update,
}

fn one<'a>(
    story: &Story<'a, '_>,
    change: &wire::Change<'a>,
    only: bool,
) -> Result<Fact<'a>, Reason> {
    let did = match change.kind.as_str() {
        Some("ADD") => Did::Add,
        Some("DELETE") => Did::Delete,
        Some("UPDATE") => Did::Update,
        Some(_) => return Err(Reason::UnknownAction),
        None => return Err(Reason::Unreadable),
    };
    let named = change.reference.as_ref().ok_or(Reason::Unreadable)?;
    let name = reference(named).ok_or(Reason::UnknownRef)?;
    let before = change.from_hash.said_hash().filter(|_| !matches!(did, Did::Add));
    let after = change.to_hash.said_hash().filter(|_| !matches!(did, Did::Delete));
    if matches!(did, Did::Add | Did::Update) && after.is_none() {
        return Err(Reason::Unreadable);
    }
    let head = story.hook.to_commit.as_ref().filter(|_| only && after.is_some()).and_then(commit);
    let data = if name.kind == RefKind::Tag {
        let tag = Tag {
            before,
            after,
            // Of an annotated tag `after` is the tag itself.
            commit: head.as_ref().map(|commit| commit.id.clone()),
            head_commit: head,
            pusher: None,
        };
        Data::Tag(
            match did {
                Did::Add => TagAction::Created,
                Did::Delete => TagAction::Deleted,
                Did::Update => TagAction::Updated,
            },
            Box::new(tag),
        )
    } else {
        let sent = if only && after.is_some() { story.hook.commits.as_slice() } else { &[] };
        let commits: Vec<Commit<'_>> = sent.iter().rev().filter_map(commit).collect();
        let listed = |commit: &Commit<'_>| commits.iter().any(|other| other.id == commit.id);
        let push = Push {
            head_commit: head.filter(|commit| !listed(commit)),
            commits_complete: matches!(did, Did::Delete) || is_complete(change, sent),
            // Bitbucket names no files; with a deletion there are none to name.
            files_known: matches!(did, Did::Delete),
            total_commits: matches!(did, Did::Delete).then_some(0),
            before,
            after,
            commits,
            ..Push::default()
        };
        Data::Push(
            match did {
                Did::Add => PushAction::Created,
                Did::Delete => PushAction::Deleted,
                Did::Update => PushAction::Updated,
            },
            Box::new(push),
        )
    };
    Ok(Fact { reference: Some(name), ..story.fact(data) })
}

/// Whether the list of commits holds everything between the two ends: the newest of them, and of each all
/// parents that are not the old end. The forge lists the newest five and does not say whether there were more.
fn is_complete(change: &wire::Change<'_>, sent: &[wire::Commit<'_>]) -> bool {
    let old = change.from_hash.as_str();
    let is_listed = |id: Option<&str>| sent.iter().any(|commit| commit.id.as_str() == id);
    let is_known = |parent: &wire::Parent<'_>| {
        let id = parent.id.as_str();
        id.is_some() && (id == old || is_listed(id))
    };
    let has_known_parents = |commit: &wire::Commit<'_>| {
        commit.parents.as_ref().is_some_and(|parents| parents.iter().all(is_known))
    };
    // A list is short; who sends a long one gets the careful answer without the work.
    sent.len() <= MOST_COMMITS
        && change.to_hash.as_str().is_some_and(|id| is_listed(Some(id)))
        && sent.iter().all(has_known_parents)
}

/// More than the forge lists.
const MOST_COMMITS: usize = 100;

/// Which mirror has what of a repository.
pub(super) fn synchronized<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let hook = story.hook;
    let (Some(server), Some(_)) = (hook.mirror_server.as_ref(), hook.repository.as_ref()) else {
        return Err(Reason::Unreadable);
    };
    let sent = hook.changes.as_deref();
    let change = |change: &wire::Change<'a>| {
        Some(RefChange {
            reference: reference(change.reference.as_ref()?)?,
            before: change.from_hash.said_hash(),
            after: change.to_hash.said_hash(),
        })
    };
    let changes: Vec<_> = sent.unwrap_or_default().iter().filter_map(change).collect();
    let event = MirrorEvent {
        mirror: Mirror { id: server.id.said(), name: server.name.said() },
        sync: hook.sync_type.as_str().map(|kind| match kind.to_ascii_lowercase().as_str() {
            "incremental" => SyncKind::Incremental,
            "snapshot" => SyncKind::Snapshot,
            other => SyncKind::Other(other.to_owned()),
        }),
        changes_complete: hook.ref_limit_exceeded != Some(true)
            && sent.is_some_and(|sent| sent.len() == changes.len()),
        changes,
    };
    Ok(vec![story.fact(Data::Mirror(MirrorAction::Synchronized, Box::new(event)))])
}
