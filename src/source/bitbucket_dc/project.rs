//! What happens to a repository or project as a whole, and secrets that were found in repositories.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use super::common::{project, sha};
use super::{Story, wire};
use crate::event::{
    Change, Data, ProjectAction, ProjectChanges, ProjectEvent, Reason, Repository,
    RepositoryAction, RepositoryChanges, RepositoryEvent, SecretAction, SecretEvent,
    SecretLocation,
};
use crate::json::read;
use crate::source::{Fact, Facts};
use crate::wire::{Text, Verbatim};

pub(super) fn repository_created<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    repository(story, RepositoryAction::Created)
}

pub(super) fn repository_deleted<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    repository(story, RepositoryAction::Deleted)
}

/// No form of it is documented beyond the repository: it does not say which branch it was.
pub(super) fn default_branch_modified<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    repository(story, RepositoryAction::Updated)
}

fn repository<'a>(story: &Story<'a, '_>, action: RepositoryAction) -> Facts<'a> {
    story.hook.repository.as_ref().ok_or(Reason::Unreadable)?;
    Ok(vec![story.fact(Data::Repository(action, Box::default()))])
}

/// The repository of the payload is the new one, and has the original in it.
pub(super) fn forked<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let new = story.hook.repository.as_ref().ok_or(Reason::Unreadable)?;
    let original = new.origin.as_ref().ok_or(Reason::Unreadable)?;
    let event = RepositoryEvent { fork: Some(story.site.repository(new)), changes: None };
    let data = Data::Repository(RepositoryAction::Forked, Box::new(event));
    Ok(vec![Fact { repository: Some(story.site.repository(original)), ..story.fact(data) }])
}

pub(super) fn repository_modified<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let old: wire::Repository<'_> = read(story.hook.old)?;
    let new: wire::Repository<'_> = read(story.hook.new)?;
    let (was, is) = (story.site.repository(&old), story.site.repository(&new));
    let project =
        |repo: &wire::Repository<'_>| repo.project.as_ref().and_then(|project| project.id.said());
    let is_moved = old.project.is_some()
        && new.project.is_some()
        && (was.owner != is.owner || project(&old) != project(&new));
    let action = if is_moved {
        RepositoryAction::Transferred
    } else if old.name != new.name || old.slug != new.slug {
        RepositoryAction::Renamed
    } else {
        RepositoryAction::Updated
    };
    let changes = RepositoryChanges {
        name: other(was.name, is.name.as_deref()),
        full_name: other(was.full_name, is.full_name.as_deref()),
        owner: other(was.owner, is.owner.as_deref()),
        description: other(old.description.said(), new.description.as_str()),
        default_branch: None,
    };
    let changes = (changes != RepositoryChanges::default()).then_some(changes);
    let event = RepositoryEvent { fork: None, changes };
    let data = Data::Repository(action, Box::new(event));
    Ok(vec![Fact { repository: Some(is), ..story.fact(data) }])
}

/// What something was, if it is something else now.
fn other<'a>(was: Option<Cow<'a, str>>, is: Option<&str>) -> Option<Change<'a>> {
    (was.as_deref() != is).then_some(Change { from: was })
}

pub(super) fn project_created<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    whole_project(story, ProjectAction::Created)
}

pub(super) fn project_deleted<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    whole_project(story, ProjectAction::Deleted)
}

fn whole_project<'a>(story: &Story<'a, '_>, action: ProjectAction) -> Facts<'a> {
    let sent = story.hook.project.as_ref().ok_or(Reason::Unreadable)?;
    Ok(vec![about_project(story, action, ProjectEvent { project: project(sent), changes: None })])
}

pub(super) fn project_modified<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let old: wire::Project<'_> = read(story.hook.old)?;
    let new: wire::Project<'_> = read(story.hook.new)?;
    let text = |was: &Text<'a>, is: &Text<'a>| other(was.said(), is.as_str());
    let changes = ProjectChanges {
        key: text(&old.key, &new.key),
        name: text(&old.name, &new.name),
        description: text(&old.description, &new.description),
    };
    let changes = (changes != ProjectChanges::default()).then_some(changes);
    let event = ProjectEvent { project: project(&new), changes };
    Ok(vec![about_project(story, ProjectAction::Updated, event)])
}

/// A project is an owner without a repository.
fn about_project<'a>(
    story: &Story<'a, '_>,
    action: ProjectAction,
    event: ProjectEvent<'a>,
) -> Fact<'a> {
    let owner = event.project.key.clone();
    let place = Repository { owner, ..Repository::default() };
    Fact { repository: Some(place), ..story.fact(Data::Project(action, Box::new(event))) }
}

/// One fact for each repository, in the order in which they come first.
pub(super) fn secret_detected<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let sent = story.hook.secret_locations.as_deref().ok_or(Reason::Unreadable)?;
    let mut places: Vec<(Option<Repository<'a>>, SecretEvent<'a>)> = Vec::new();
    let mut known = HashMap::new();
    for location in sent {
        let place = location.repository.as_ref().map(|repo| story.site.repository(repo));
        let key = place.as_ref().map(|place| (place.id.clone(), place.full_name.clone()));
        let index = *known.entry(key).or_insert_with(|| {
            places.push((place, SecretEvent::default()));
            places.len() - 1
        });
        if let Some((_, event)) = places.get_mut(index) {
            event.locations.push(SecretLocation {
                rule: location.rule_name.said(),
                path: location.path.said(),
                line: location.line,
                commit: sha(&location.commit_id),
            });
        }
    }
    let fact = |(repository, event): (Option<_>, _)| {
        let fact = story.fact(Data::Secret(SecretAction::Detected, Box::new(event)));
        Fact { repository: repository.or(fact.repository), ..fact }
    };
    Ok(places.into_iter().map(fact).collect())
}

/// Reads a member whose form depends on the event.
fn read<'a, T: Deserialize<'a>>(member: Option<Verbatim<'a>>) -> Result<T, Reason> {
    member.and_then(|member| read::object(member.0).ok()).ok_or(Reason::Unreadable)
}
