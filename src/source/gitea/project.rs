//! `release`, `repository`, `fork`, `wiki`, `package` and `status`: what happens to a project as a whole.

use super::common::{actor, asset, commit, repository};
use super::wire::project as wire;
use super::{Flavor, wire as base};
use crate::event::{
    Change, Commit, Data, Package, PackageAction, PackageEvent, Reason, RefKind, RefName, Release,
    ReleaseAction, ReleaseEvent, Repository, RepositoryAction, RepositoryChanges, RepositoryEvent,
    Status, StatusAction, StatusEvent, WikiAction, WikiEvent, WikiPage,
};
use crate::source::Fact;

/// A fact without time and ref.
fn fact<'a>(
    sender: Option<&base::User<'a>>,
    place: Option<&base::Repository<'a>>,
    data: Data<'a>,
) -> Fact<'a> {
    Fact {
        occurred_at: None,
        actor: sender.and_then(actor),
        repository: place.map(repository),
        reference: None,
        data,
    }
}

/// Maps a `ReleasePayload`.
pub(super) fn release<'a>(hook: &wire::ReleaseHook<'a>) -> Result<Fact<'a>, Reason> {
    use ReleaseAction as A;
    let (Some(sent), Some(native)) = (hook.release.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let release = Release {
        id: sent.id.said(),
        tag: sent.tag_name.said(),
        target: sent.target_commitish.said(),
        name: sent.name.said(),
        body: sent.body.said(),
        url: sent.html_url.said(),
        draft: sent.draft,
        prerelease: sent.prerelease,
        author: sent.author.as_ref().and_then(actor),
        assets: sent.assets.iter().map(asset).collect(),
        tarball_url: sent.tarball_url.said(),
        zipball_url: sent.zipball_url.said(),
        created_at: sent.created_at.time(),
        published_at: sent.published_at.time(),
    };
    let (action, occurred_at) = match native {
        "published" => (A::Published, release.published_at.or(release.created_at)),
        "updated" => (A::Updated, None),
        "deleted" => (A::Deleted, None),
        _ => return Err(Reason::UnknownAction),
    };
    let reference = release.tag.clone().map(|name| RefName { kind: RefKind::Tag, name });
    let data = Data::Release(action, Box::new(ReleaseEvent { release }));
    let fact = fact(hook.sender.as_ref(), hook.repository.as_ref(), data);
    Ok(Fact { occurred_at, reference, ..fact })
}

/// Maps a `RepositoryPayload`.
pub(super) fn repository_itself<'a>(hook: &wire::RepositoryHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(place), Some(native)) = (hook.repository.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let of_another = [
        hook.comment,
        hook.forkee,
        hook.issue,
        hook.package,
        hook.page,
        hook.pull_request,
        hook.release,
        hook.workflow_job,
        hook.workflow_run,
    ];
    if of_another.iter().any(|present| present.0) {
        return Err(Reason::EventMismatch);
    }
    let action = match native {
        "created" => RepositoryAction::Created,
        "deleted" => RepositoryAction::Deleted,
        "renamed" => RepositoryAction::Renamed,
        _ => return Err(Reason::UnknownAction),
    };
    let name = hook.changes.as_ref().and_then(|changes| changes.name.as_ref());
    let changes = name.map(|name| RepositoryChanges {
        name: Some(Change { from: name.from.said() }),
        ..RepositoryChanges::default()
    });
    let event = RepositoryEvent { fork: None, changes };
    let data = Data::Repository(action, Box::new(event));
    Ok(fact(hook.sender.as_ref(), Some(place), data))
}

/// Maps a `ForkPayload`, whose two repositories stand the other way round in Gogs.
pub(super) fn fork<'a>(flavor: Flavor, hook: &wire::ForkHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(forkee), Some(other)) = (hook.forkee.as_ref(), hook.repository.as_ref()) else {
        return Err(Reason::EventMismatch);
    };
    if hook.action.0 {
        return Err(Reason::EventMismatch);
    }
    let is_fork_of = |fork: &base::Repository<'_>, original: &base::Repository<'_>| {
        let parent = fork.parent.as_ref().and_then(|parent| parent.id.said());
        parent.is_some() && parent == original.id.said()
    };
    // Where the body says who is whose fork, it is believed; Gitea's own documentation has it wrong.
    let forkee_is_new =
        is_fork_of(forkee, other) || (flavor == Flavor::Gogs && !is_fork_of(other, forkee));
    let (original, new) = if forkee_is_new { (other, forkee) } else { (forkee, other) };
    let event = RepositoryEvent { fork: Some(repository(new)), changes: None };
    let data = Data::Repository(RepositoryAction::Forked, Box::new(event));
    Ok(fact(hook.sender.as_ref(), Some(original), data))
}

/// Maps a `WikiPayload`.
pub(super) fn wiki<'a>(hook: &wire::WikiHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(name), Some(native)) = (hook.page.said(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let action = match native {
        "created" => WikiAction::Created,
        "edited" => WikiAction::Edited,
        "deleted" => WikiAction::Deleted,
        _ => return Err(Reason::UnknownAction),
    };
    let event = WikiEvent { page: WikiPage { name }, message: hook.comment.said() };
    let data = Data::Wiki(action, Box::new(event));
    Ok(fact(hook.sender.as_ref(), hook.repository.as_ref(), data))
}

/// Maps a `PackagePayload`: about the repository that the package is linked to, else about its owner.
pub(super) fn package<'a>(hook: &wire::PackageHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(sent), Some(native)) = (hook.package.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let package = Package {
        id: sent.id.said(),
        kind: sent.kind.said(),
        name: sent.name.said(),
        version: sent.version.said(),
        owner: sent.owner.as_ref().and_then(actor),
        creator: sent.creator.as_ref().and_then(actor),
        url: sent.html_url.said(),
        created_at: sent.created_at.time(),
    };
    let (action, occurred_at) = match native {
        "created" => (PackageAction::Created, package.created_at),
        "deleted" => (PackageAction::Deleted, None),
        _ => return Err(Reason::UnknownAction),
    };
    let owner = package.owner.as_ref().and_then(|owner| owner.login.clone());
    let only_owner = owner.map(|owner| Repository { owner: Some(owner), ..Repository::default() });
    let place = sent.repository.as_ref().or(hook.repository.as_ref()).map(repository);
    let data = Data::Package(action, Box::new(PackageEvent { package }));
    let fact = fact(hook.sender.as_ref(), None, data);
    Ok(Fact { occurred_at, repository: place.or(only_owner), ..fact })
}

/// Maps a `CommitStatusPayload`, whose state is the action.
pub(super) fn status(hook: wire::StatusHook<'_>) -> Result<Fact<'_>, Reason> {
    use StatusAction as A;
    let (Some(sha), Some(native)) = (hook.sha.said_hash(), hook.state.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let commit = hook.commit.and_then(commit);
    if hook.action.0 || commit.as_ref().is_some_and(|commit| commit.id != sha) {
        return Err(Reason::EventMismatch);
    }
    let action = match native {
        "pending" => A::Pending,
        "success" => A::Success,
        "failure" => A::Failure,
        "error" => A::Error,
        "warning" => A::Warning,
        "skipped" => A::Skipped,
        _ => return Err(Reason::UnknownAction),
    };
    let status = Status {
        id: hook.id.said(),
        context: hook.context.said(),
        name: None,
        description: hook.description.said(),
        url: hook.target_url.said(),
        created_at: hook.created_at.time(),
        updated_at: hook.updated_at.time(),
    };
    let occurred_at = status.updated_at.or(status.created_at);
    let commit = commit.unwrap_or_else(|| Commit { id: sha, ..Commit::default() });
    let data = Data::Status(action, Box::new(StatusEvent { status, commit }));
    let fact = fact(hook.sender.as_ref(), hook.repository.as_ref(), data);
    Ok(Fact { occurred_at, ..fact })
}
