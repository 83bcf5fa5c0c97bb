//! `repo:push`: what happens to branches and tags, one fact for each change of a ref.

use super::common::{actor, commit, page, repository};
use super::{unrecognized, wire};
use crate::event::{
    Commit, Data, ObjectHash, Push, PushAction, Reason, RefKind, RefName, Tag, TagAction,
};
use crate::source::{Fact, Facts};

/// The event's key.
pub(super) const KEY: &str = "repo:push";

/// Maps every change, in the order of the payload. One that is not understood keeps no other from being typed.
pub(super) fn push(body: wire::Body<'_>) -> Facts<'_> {
    let changes = body.push.and_then(|push| push.changes).ok_or(Reason::EventMismatch)?;
    if changes.is_empty() {
        return Err(Reason::NoChanges);
    }
    let user = body.actor.as_ref().and_then(actor);
    let place = body.repository.as_ref().map(repository);
    let fact = |change| {
        let (reference, data) = match changed(change) {
            Ok((reference, data)) => (Some(reference), data),
            Err(reason) => (None, unrecognized(KEY, reason)),
        };
        Fact { occurred_at: None, actor: user.clone(), repository: place.clone(), reference, data }
    };
    Ok(changes.into_iter().map(fact).collect())
}

fn changed(change: wire::Change<'_>) -> Result<(RefName<'_>, Data<'_>), Reason> {
    let reference = named(&change)?;
    // What is there has a hash; without one it would read as deleted.
    if change.new.as_ref().is_some_and(|new| hash(Some(new)).is_none()) {
        return Err(Reason::EventMismatch);
    }
    let data = if reference.kind == RefKind::Tag { tag(change) } else { branch(change) };
    Ok((reference, data))
}

/// The branch or tag of a change: both sides name it, if both are there.
fn named<'a>(change: &wire::Change<'a>) -> Result<RefName<'a>, Reason> {
    let one = change.new.as_ref().or(change.old.as_ref()).ok_or(Reason::EventMismatch)?;
    let other = change.old.as_ref().unwrap_or(one);
    if (&one.kind, &one.name) != (&other.kind, &other.name) {
        return Err(Reason::EventMismatch);
    }
    let kind = match one.kind.as_str() {
        Some("branch") => RefKind::Branch,
        Some("tag") => RefKind::Tag,
        _ => return Err(Reason::UnknownRef),
    };
    Ok(RefName { kind, name: one.name.said().ok_or(Reason::EventMismatch)? })
}

fn hash<'a>(side: Option<&wire::Ref<'a>>) -> Option<ObjectHash<'a>> {
    side?.target.as_ref()?.hash.said_hash()
}

fn branch(change: wire::Change<'_>) -> Data<'_> {
    let (created, deleted) = (change.old.is_none(), change.new.is_none());
    let before = hash(change.old.as_ref());
    let compare_url = page(change.links.as_ref()).filter(|url| url.contains("/compare/"));
    // For a new branch Bitbucket lists what it holds, down to its first commit.
    let commits_complete = deleted || (change.truncated == Some(false) && change.commits.is_some());
    // It sends the newest first.
    let commits: Vec<Commit<'_>> =
        change.commits.unwrap_or_default().into_iter().rev().filter_map(commit).collect();
    let head = change.new.and_then(|new| new.target).and_then(commit);
    let after = head.as_ref().map(|head| head.id.clone());
    let is_listed = commits.iter().any(|listed| Some(&listed.id) == after.as_ref());
    let push = Push {
        before,
        after,
        forced: change.forced,
        compare_url,
        commits_complete,
        total_commits: deleted.then_some(0),
        // Bitbucket names no files; with a deletion there are none to name.
        files_known: deleted,
        head_commit: head.filter(|_| !is_listed),
        commits,
        pusher: None,
    };
    let action = match (created, deleted) {
        (true, _) => PushAction::Created,
        (_, true) => PushAction::Deleted,
        _ => PushAction::Updated,
    };
    Data::Push(action, Box::new(push))
}

fn tag(change: wire::Change<'_>) -> Data<'_> {
    let before = hash(change.old.as_ref());
    let (created, deleted) = (change.old.is_none(), change.new.is_none());
    let head_commit = change.new.and_then(|new| new.target).and_then(commit);
    let after = head_commit.as_ref().map(|commit| commit.id.clone());
    let tag = Tag { before, commit: after.clone(), after, head_commit, pusher: None };
    let action = match (created, deleted) {
        (true, _) => TagAction::Created,
        (_, true) => TagAction::Deleted,
        _ => TagAction::Updated,
    };
    Data::Tag(action, Box::new(tag))
}
