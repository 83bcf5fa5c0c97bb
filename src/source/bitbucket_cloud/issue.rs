//! `issue:created` and `issue:updated`: what happens to an issue but comments.

use super::common::{actor, page};
use super::wire::issue as wire;
use super::wire::{Body, issue::Change as WireChange};
use super::{comment, fact_of};
use crate::event::{
    Change, Changes, Data, Issue, IssueAction, IssueEvent, IssueState, Milestone, Number, Reason,
};
use crate::source::Fact;

/// Maps `issue:created`.
pub(super) fn created<'a>(body: &Body<'a>) -> Result<Fact<'a>, Reason> {
    let (number, sent) = numbered(body)?;
    let issue = details(number, sent);
    let occurred_at = issue.created_at;
    let event = IssueEvent { issue, changes: None, closing_commit: None, comment: None };
    let data = Data::Issue(IssueAction::Opened, Box::new(event));
    Ok(Fact { occurred_at, ..fact_of(body, data) })
}

/// Maps `issue:updated`: what changed selects the action.
pub(super) fn updated<'a>(body: &Body<'a>) -> Result<Fact<'a>, Reason> {
    let (number, sent) = numbered(body)?;
    let changed = body.changes.as_ref().ok_or(Reason::EventMismatch)?;
    let action = action(changed)?;
    let issue = details(number, sent);
    let occurred_at = issue.updated_at;
    let event = IssueEvent {
        issue,
        changes: changes(changed),
        closing_commit: None,
        comment: body.comment.as_ref().map(comment::details),
    };
    let data = Data::Issue(action, Box::new(event));
    Ok(Fact { occurred_at, ..fact_of(body, data) })
}

fn action(changes: &wire::Changes<'_>) -> Result<IssueAction, Reason> {
    if let Some(status) = status(changes) {
        let known = |word: Option<&str>| match word.map(state) {
            Some(IssueState::Other(_)) => Err(Reason::UnknownAction),
            Some(known) => Ok(Some(known)),
            None => Ok(None),
        };
        match (known(status.old.as_str())?, known(status.new.as_str())?) {
            (Some(IssueState::Closed), Some(IssueState::Open)) => return Ok(IssueAction::Reopened),
            (None | Some(IssueState::Open), Some(IssueState::Closed)) => {
                return Ok(IssueAction::Closed);
            }
            _ => {}
        }
    }
    Ok(match &changes.assignee {
        Some(assignee) if assignee.new.as_str().is_some() => IssueAction::Assigned,
        Some(_) => IssueAction::Unassigned,
        None => IssueAction::Edited,
    })
}

fn status<'w, 'a>(changes: &'w wire::Changes<'a>) -> Option<&'w WireChange<'a>> {
    changes.status.as_ref().or(changes.state.as_ref())
}

fn changes<'a>(changes: &wire::Changes<'a>) -> Option<Changes<'a>> {
    let change = |change: &WireChange<'a>| Change { from: change.old.said() };
    let found = Changes {
        title: changes.title.as_ref().map(change),
        body: changes.content.as_ref().map(change),
        state: status(changes).map(change),
        assignee: changes.assignee.as_ref().map(change),
        ..Changes::default()
    };
    (found != Changes::default()).then_some(found)
}

/// The issue that a body is about, with its number.
pub(super) fn numbered<'w, 'a>(body: &'w Body<'a>) -> Result<(u64, &'w wire::Issue<'a>), Reason> {
    let issue = body.issue.as_ref().ok_or(Reason::EventMismatch)?;
    Ok((issue.id.ok_or(Reason::EventMismatch)?, issue))
}

/// An issue in forgewire's terms.
pub(super) fn details<'a>(number: u64, issue: &wire::Issue<'a>) -> Issue<'a> {
    Issue {
        id: None,
        number: Number(number),
        title: issue.title.said(),
        body: issue.content.as_ref().and_then(|content| content.raw.said()),
        url: page(issue.links.as_ref()),
        state: issue.state.as_str().map(state),
        native_state: issue.state.said(),
        author: issue.reporter.as_ref().and_then(actor),
        labels: Vec::new(),
        assignees: issue.assignee.as_ref().and_then(actor).into_iter().collect(),
        milestone: issue.milestone.as_ref().map(|milestone| Milestone {
            id: None,
            title: milestone.name.said(),
            due_at: None,
        }),
        attachments: Vec::new(),
        due_at: None,
        created_at: issue.created_on.time(),
        updated_at: issue.updated_on.time(),
        closed_at: None,
    }
}

fn state(native: &str) -> IssueState {
    match native {
        "new" | "open" | "on hold" => IssueState::Open,
        "resolved" | "duplicate" | "invalid" | "wontfix" | "closed" => IssueState::Closed,
        other => IssueState::Other(other.to_owned()),
    }
}
