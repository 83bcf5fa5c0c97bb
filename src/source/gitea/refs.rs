//! `push`, `create` and `delete`: what happens to branches and tags.
//!
//! The forges announce one change in up to two deliveries; contract section 2 has the table that says
//! which of them is the canonical event and which is only `ref`.

use std::borrow::Cow;

use super::common::{actor, commit, full_ref, repository, typed_ref};
use super::{Flavor, wire};
use crate::event::{
    Actor, Commit, Data, Ping, PingAction, Push, PushAction, Reason, RefAction, RefKind, RefName,
    RefNotice, Tag, TagAction,
};
use crate::json::read;
use crate::source::Fact;
use crate::wire::{Text, Verbatim, is_zero_hash};

/// For a new branch Gitea counts no further than this (`CommitsBeforeLimit(10)` in
/// `services/repository/push.go`).
const NEW_BRANCH_LIMIT: u64 = 10;

/// Maps a `PushPayload`.
pub(super) fn push(flavor: Flavor, hook: wire::Push<'_>) -> Result<Fact<'_>, Reason> {
    let (Some(reference), Some(before), Some(after)) =
        (hook.reference.as_str(), hook.before.as_str(), hook.after.as_str())
    else {
        return Err(Reason::EventMismatch);
    };
    if hook.action.0 || hook.ref_type.0 {
        return Err(Reason::EventMismatch);
    }
    let user = hook.sender.as_ref().or(hook.pusher.as_ref()).and_then(actor);
    let in_repository = hook.repository.as_ref().map(repository);
    let (data, reference) = if before == after {
        let ping = Ping { reference: hook.reference.said(), commit: hook.after.said_hash() };
        (Data::Ping(PingAction::Sent, Box::new(ping)), None)
    } else {
        let name = full_ref(reference).ok_or(Reason::UnknownRef)?;
        let (created, deleted) = (is_zero_hash(before), is_zero_hash(after));
        let data = match name.kind {
            RefKind::Branch => branch_pushed(hook, created, deleted)?,
            _ => tag_pushed(flavor, &hook, deleted)?,
        };
        (data, Some(name))
    };
    Ok(Fact { occurred_at: None, actor: user, repository: in_repository, reference, data })
}

fn branch_pushed(hook: wire::Push<'_>, created: bool, deleted: bool) -> Result<Data<'_>, Reason> {
    if deleted {
        // The canonical notice of a deletion is the delivery `delete`.
        return Ok(Data::Ref(RefAction::Deleted, Box::new(notice(&hook))));
    }
    let (before, after, compare_url) =
        (hook.before.said_hash(), hook.after.said_hash(), compare_url(&hook.compare_url));
    let pusher = other_pusher(&hook);
    let sent = hook.commits.len();
    // The forges send the newest commit first (the order of `git rev-list`).
    let mut commits: Vec<Commit<'_>> = Vec::with_capacity(sent);
    commits.extend(hook.commits.into_iter().rev().filter_map(commit));
    let listed = commits.len() as u64;
    let counted = hook.total_commits == Some(listed) && commits.len() == sent;
    let lists_head = commits.iter().any(|commit| Some(&commit.id) == after.as_ref());
    // Between two commits of which neither is new to the other's history there is always something, in one
    // direction: nothing new means that the branch was moved back.
    let moved_back = !created && hook.total_commits == Some(0) && sent == 0;
    let push = Push {
        before,
        after,
        forced: moved_back.then_some(true),
        compare_url,
        commits_complete: counted && !(created && listed >= NEW_BRANCH_LIMIT),
        total_commits: hook.total_commits,
        files_known: commits
            .iter()
            .all(|c| c.added.is_some() && c.removed.is_some() && c.modified.is_some()),
        commits,
        head_commit: if lists_head { None } else { head_commit(hook.head_commit)? },
        pusher,
    };
    let action = if created { PushAction::Created } else { PushAction::Updated };
    Ok(Data::Push(action, Box::new(push)))
}

/// Where there is nothing to compare, the forges send no more than their own address.
fn compare_url<'a>(url: &Text<'a>) -> Option<Cow<'a, str>> {
    url.said().filter(|url| url.contains("/compare/"))
}

fn tag_pushed<'a>(
    flavor: Flavor,
    hook: &wire::Push<'a>,
    deleted: bool,
) -> Result<Data<'a>, Reason> {
    if flavor == Flavor::Gogs {
        // Gogs announces tags by `create` and `delete` alone; a push of one could only be a second notice.
        let action = if deleted { RefAction::Deleted } else { RefAction::Created };
        return Ok(Data::Ref(action, Box::new(notice(hook))));
    }
    let head_commit = head_commit(hook.head_commit)?;
    let tag = Tag {
        before: hook.before.said_hash(),
        after: hook.after.said_hash(),
        commit: head_commit.as_ref().map(|commit| commit.id.clone()),
        head_commit,
        pusher: other_pusher(hook),
    };
    let action = if deleted { TagAction::Deleted } else { TagAction::Created };
    Ok(Data::Tag(action, Box::new(tag)))
}

/// Reads the head commit, which mostly is one of the listed ones, only where it is wanted.
fn head_commit(text: Option<Verbatim<'_>>) -> Result<Option<Commit<'_>>, Reason> {
    let Some(Verbatim(text)) = text else { return Ok(None) };
    let read: wire::Commit<'_> = read::object(text).map_err(|_other_shape| Reason::Unreadable)?;
    Ok(commit(read))
}

fn notice<'a>(hook: &wire::Push<'a>) -> RefNotice<'a> {
    RefNotice { before: hook.before.said_hash(), after: hook.after.said_hash() }
}

fn other_pusher<'a>(hook: &wire::Push<'a>) -> Option<Actor<'a>> {
    let (pusher, sender) = (hook.pusher.as_ref()?, hook.sender.as_ref()?);
    // Nearly always they are the same, and nothing need be made of them to see it.
    if pusher.id == sender.id && pusher.login == sender.login && pusher.username == sender.username
    {
        return None;
    }
    let (pusher, sender) = (actor(pusher)?, actor(sender)?);
    (pusher.id != sender.id || pusher.login != sender.login).then_some(pusher)
}

/// Maps a `CreatePayload`.
pub(super) fn create<'a>(flavor: Flavor, hook: &wire::RefChange<'a>) -> Result<Fact<'a>, Reason> {
    let name = changed_ref(hook)?;
    if hook.pusher_type.0 {
        return Err(Reason::EventMismatch);
    }
    let after = hook.sha.said_hash();
    let data = if flavor == Flavor::Gogs && name.kind == RefKind::Tag {
        Data::Tag(TagAction::Created, Box::new(Tag { after, ..Tag::default() }))
    } else {
        Data::Ref(RefAction::Created, Box::new(RefNotice { before: None, after }))
    };
    Ok(ref_fact(hook, name, data))
}

/// Maps a `DeletePayload`.
pub(super) fn delete<'a>(flavor: Flavor, hook: &wire::RefChange<'a>) -> Result<Fact<'a>, Reason> {
    let name = changed_ref(hook)?;
    if hook.sha.as_str().is_some() || hook.default_branch.0 {
        return Err(Reason::EventMismatch);
    }
    let data = match name.kind {
        RefKind::Branch => {
            let nothing_pushed = Push {
                commits_complete: true,
                total_commits: Some(0),
                files_known: true,
                ..Push::default()
            };
            Data::Push(PushAction::Deleted, Box::new(nothing_pushed))
        }
        _ if flavor == Flavor::Gogs => Data::Tag(TagAction::Deleted, Box::default()),
        _ => Data::Ref(RefAction::Deleted, Box::default()),
    };
    Ok(ref_fact(hook, name, data))
}

fn changed_ref(hook: &wire::RefChange<'_>) -> Result<RefName<'static>, Reason> {
    let (Some(reference), Some(kind)) = (hook.reference.as_str(), hook.ref_type.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    if hook.action.0 || hook.before.0 {
        return Err(Reason::EventMismatch);
    }
    let kind = match kind {
        "branch" => RefKind::Branch,
        "tag" => RefKind::Tag,
        _ => return Err(Reason::UnknownRef),
    };
    typed_ref(reference, kind).ok_or(Reason::UnknownRef)
}

fn ref_fact<'a>(hook: &wire::RefChange<'a>, name: RefName<'static>, data: Data<'a>) -> Fact<'a> {
    Fact {
        occurred_at: None,
        actor: hook.sender.as_ref().and_then(actor),
        repository: hook.repository.as_ref().map(repository),
        reference: Some(name),
        data,
    }
}
