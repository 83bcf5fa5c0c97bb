//! `issues` and its kin: everything that happens to an issue but comments.

use super::common::{actor, actors, asset, repository};
use super::pull_request::{changes, label, milestone, sha};
use super::wire::issue as wire;
use crate::event::{Data, Issue, IssueAction, IssueEvent, IssueState, Number, Reason, Time};
use crate::source::Fact;

/// Which actions a hook's name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Group {
    /// All of them: the `Event` header, which folds the groups into one.
    Any,
    Assign,
    Itself,
    Label,
    Milestone,
}

impl Group {
    /// The group that a hook's name stands for, `exact` if it is no folded one.
    pub(super) fn of(name: &str, exact: bool) -> Option<Self> {
        Some(match name {
            "issues" if exact => Self::Itself,
            "issues" => Self::Any,
            "issue_assign" => Self::Assign,
            "issue_label" => Self::Label,
            "issue_milestone" => Self::Milestone,
            _ => return None,
        })
    }
}

/// Maps an `IssuePayload`.
pub(super) fn issue<'a>(group: Group, hook: &wire::IssueHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(issue), Some(native)) = (hook.issue.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    if hook.comment.0 || hook.review.0 || hook.pull_request.0 {
        return Err(Reason::EventMismatch);
    }
    let number = match (hook.number, issue.number) {
        (Some(one), Some(other)) if one != other => return Err(Reason::EventMismatch),
        (one, other) => one.or(other).ok_or(Reason::EventMismatch)?,
    };
    let (action, of) = action(native).ok_or(Reason::UnknownAction)?;
    if group != Group::Any && group != of {
        return Err(Reason::EventMismatch);
    }
    let event = IssueEvent {
        issue: details(number, issue),
        changes: hook.changes.as_ref().and_then(changes),
        closing_commit: sha(&hook.commit_id),
        comment: None,
    };
    Ok(Fact {
        occurred_at: occurred_at(&action, &event.issue),
        actor: hook.sender.as_ref().and_then(actor),
        repository: hook.repository.as_ref().map(repository),
        reference: None,
        data: Data::Issue(action, Box::new(event)),
    })
}

fn action(native: &str) -> Option<(IssueAction, Group)> {
    use IssueAction as A;
    Some(match native {
        "opened" => (A::Opened, Group::Itself),
        "closed" => (A::Closed, Group::Itself),
        "reopened" => (A::Reopened, Group::Itself),
        "edited" => (A::Edited, Group::Itself),
        "deleted" => (A::Deleted, Group::Itself),
        "assigned" => (A::Assigned, Group::Assign),
        "unassigned" => (A::Unassigned, Group::Assign),
        "label_updated" => (A::LabelsUpdated, Group::Label),
        "label_cleared" => (A::LabelsCleared, Group::Label),
        "milestoned" => (A::Milestoned, Group::Milestone),
        "demilestoned" => (A::Demilestoned, Group::Milestone),
        _ => return None,
    })
}

fn occurred_at(action: &IssueAction, issue: &Issue<'_>) -> Option<Time> {
    match action {
        IssueAction::Opened => issue.created_at,
        // Gogs does not say when an issue was closed.
        IssueAction::Closed => issue.closed_at.or(issue.updated_at),
        // The last update was before the deletion, whose time nobody says.
        IssueAction::Deleted => None,
        _ => issue.updated_at,
    }
}

/// An issue in forgewire's terms.
pub(super) fn details<'a>(number: u64, issue: &wire::Issue<'a>) -> Issue<'a> {
    let mut assignees = actors(&issue.assignees);
    if assignees.is_empty() {
        // Gogs and old Gitea know one assignee only.
        assignees.extend(issue.assignee.as_ref().and_then(actor));
    }
    Issue {
        id: issue.id.said(),
        number: Number(number),
        title: issue.title.said(),
        body: issue.body.said(),
        url: issue.html_url.said(),
        state: issue.state.as_str().map(state),
        native_state: None,
        author: issue.user.as_ref().and_then(actor),
        labels: issue.labels.iter().filter_map(label).collect(),
        assignees,
        milestone: issue.milestone.as_ref().map(milestone),
        attachments: issue.assets.iter().map(asset).collect(),
        due_at: issue.due_date.time(),
        created_at: issue.created_at.time(),
        updated_at: issue.updated_at.time(),
        closed_at: issue.closed_at.time(),
    }
}

fn state(native: &str) -> IssueState {
    match native {
        "closed" => IssueState::Closed,
        "open" => IssueState::Open,
        other => IssueState::Other(other.to_owned()),
    }
}
