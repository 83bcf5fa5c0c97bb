//! `project:updated`: a group of repositories.

use super::common::{actor, id, page};
use super::wire::issue::Change as WireChange;
use super::wire::{Body, loose::Loose};
use crate::event::{
    Change, Data, Project, ProjectAction, ProjectChanges, ProjectEvent, Reason, Repository,
};
use crate::source::Fact;

/// Maps `project:updated`. The event is about no repository, but about its workspace.
pub(super) fn updated<'a>(body: &Body<'a>) -> Result<Fact<'a>, Reason> {
    let sent = body.project.as_ref().ok_or(Reason::EventMismatch)?;
    let change = |change: &WireChange<'a>| Change { from: change.old.said() };
    let changes = body.changes.as_ref().map(|changes| ProjectChanges {
        key: changes.key.as_ref().map(change),
        name: changes.name.as_ref().map(change),
        description: changes.description.as_ref().map(change),
    });
    let project = Project {
        id: id(&sent.uuid),
        key: sent.key.said(),
        name: sent.name.said(),
        description: sent.description.said(),
        url: page(sent.links.as_ref()),
        private: sent.is_private,
    };
    if project.id.is_none() && project.key.is_none() {
        return Err(Reason::EventMismatch);
    }
    let owner = sent.workspace.as_ref().or(sent.owner.as_ref()).and_then(Loose::said);
    let place = owner.map(|owner| Repository { owner: Some(owner), ..Repository::default() });
    let changes = changes.filter(|changes| *changes != ProjectChanges::default());
    let event = ProjectEvent { project, changes };
    Ok(Fact {
        occurred_at: None,
        actor: body.actor.as_ref().and_then(actor),
        repository: place,
        reference: None,
        data: Data::Project(ProjectAction::Updated, Box::new(event)),
    })
}
