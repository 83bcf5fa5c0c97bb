//! `repo:created`, `deleted`, `imported`, `fork`, `transfer` and `updated`: a repository as a whole.

use std::borrow::Cow;

use super::common::{piece, repository};
use super::{fact_of, wire};
use crate::event::{Change, Data, Reason, RepositoryAction, RepositoryChanges, RepositoryEvent};
use crate::source::Fact;

/// Maps an event with nothing but the repository.
pub(super) fn itself<'a>(action: RepositoryAction, body: &wire::Body<'a>) -> Fact<'a> {
    fact_of(body, Data::Repository(action, Box::default()))
}

/// Maps `repo:fork`.
pub(super) fn fork<'a>(body: &wire::Body<'a>) -> Result<Fact<'a>, Reason> {
    let fork = body.fork.as_ref().map(repository).ok_or(Reason::EventMismatch)?;
    let event = RepositoryEvent { fork: Some(fork), changes: None };
    Ok(fact_of(body, Data::Repository(RepositoryAction::Forked, Box::new(event))))
}

/// Maps `repo:transfer`.
pub(super) fn transfer<'a>(body: &wire::Body<'a>) -> Result<Fact<'a>, Reason> {
    let workspace = body.previous_workspace.as_ref().ok_or(Reason::EventMismatch)?;
    let changes = RepositoryChanges {
        owner: Some(Change { from: workspace.said() }),
        ..RepositoryChanges::default()
    };
    let event = RepositoryEvent { fork: None, changes: Some(changes) };
    Ok(fact_of(body, Data::Repository(RepositoryAction::Transferred, Box::new(event))))
}

/// Maps `repo:updated`: a renaming if the full name changed.
pub(super) fn updated<'a>(body: &wire::Body<'a>) -> Result<Fact<'a>, Reason> {
    let sent = body.changes.as_ref().ok_or(Reason::EventMismatch)?;
    let full_name = sent.full_name.as_ref().map(|change| (change.old.said(), change.new.said()));
    let renamed = full_name.filter(|(old, new)| old != new);
    let is_renamed = renamed.is_some();
    let mut changes = RepositoryChanges {
        description: sent.description.as_ref().map(|change| Change { from: change.old.said() }),
        ..RepositoryChanges::default()
    };
    if let Some((old, new)) = renamed {
        let was = |part: fn(&str) -> Option<&str>| {
            let part =
                |name: &Option<Cow<'a, str>>| name.as_ref().and_then(|name| piece(name, part));
            let (old, new) = (part(&old), part(&new));
            (old != new).then_some(Change { from: old })
        };
        changes.owner = was(|name| name.split_once('/').map(|(owner, _)| owner));
        changes.name = was(|name| name.split_once('/').map(|(_, slug)| slug));
        changes.full_name = Some(Change { from: old });
    }
    let action = if is_renamed { RepositoryAction::Renamed } else { RepositoryAction::Updated };
    let changes = (changes != RepositoryChanges::default()).then_some(changes);
    let event = RepositoryEvent { fork: None, changes };
    Ok(fact_of(body, Data::Repository(action, Box::new(event))))
}
