//! `pull_request` and its kin: everything that happens to a pull request but reviews and comments.

use std::borrow::Cow;

use super::common::{actor, actors, branch_name, repository};
use super::wire;
use crate::event::{
    Branch, Change, Changes, Data, Label, Milestone, Number, PullRequest, PullRequestAction,
    PullRequestEvent, PullRequestState, Reason, RefKind, RefName, Sha, Time,
};
use crate::source::Fact;
use crate::wire::Text;

/// Which actions a hook's name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Group {
    /// All of them: the `Event` header, which folds the groups into one.
    Any,
    Assign,
    Itself,
    Label,
    Milestone,
    ReviewRequest,
    Sync,
}

impl Group {
    /// The group that a hook's name stands for, `exact` if it is no folded one.
    pub(super) fn of(name: &str, exact: bool) -> Option<Self> {
        Some(match name {
            "pull_request" if exact => Self::Itself,
            "pull_request" => Self::Any,
            "pull_request_assign" => Self::Assign,
            "pull_request_label" => Self::Label,
            "pull_request_milestone" => Self::Milestone,
            "pull_request_review_request" => Self::ReviewRequest,
            "pull_request_sync" => Self::Sync,
            _ => return None,
        })
    }
}

/// Maps a `PullRequestPayload`.
pub(super) fn pull_request<'a>(
    group: Group,
    hook: &wire::PullRequestHook<'a>,
) -> Result<Fact<'a>, Reason> {
    let (Some(number), Some(pull), Some(native)) =
        (hook.number, hook.pull_request.as_ref(), hook.action.as_str())
    else {
        return Err(Reason::EventMismatch);
    };
    if hook.review.is_some()
        || hook.comment.0
        || hook.issue.0
        || pull.number.is_some_and(|n| n != number)
    {
        return Err(Reason::EventMismatch);
    }
    let (action, of) = action(native, pull.merged == Some(true)).ok_or(Reason::UnknownAction)?;
    if group != Group::Any && group != of {
        return Err(Reason::EventMismatch);
    }
    let event = PullRequestEvent {
        pull_request: details(number, pull),
        changes: hook.changes.as_ref().and_then(changes),
        before: hook.before.said_hash(),
        after: hook.after.said_hash(),
        requested_reviewer: hook.requested_reviewer.as_ref().and_then(actor),
        requested_reviewers: Vec::new(),
        closing_commit: sha(&hook.commit_id),
        close_reason: None,
    };
    Ok(Fact {
        occurred_at: occurred_at(&action, &event.pull_request),
        actor: hook.sender.as_ref().and_then(actor),
        repository: hook.repository.as_ref().map(repository),
        reference: target(&event.pull_request),
        data: Data::PullRequest(action, Box::new(event)),
    })
}

/// The branch that a pull request is to be merged to.
pub(super) fn target<'a>(pull: &PullRequest<'a>) -> Option<RefName<'a>> {
    let name = pull.base.reference.clone()?;
    Some(RefName { kind: RefKind::Branch, name })
}

fn action(native: &str, merged: bool) -> Option<(PullRequestAction, Group)> {
    use PullRequestAction as A;
    Some(match native {
        "opened" => (A::Opened, Group::Itself),
        "closed" if merged => (A::Merged, Group::Itself),
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
        "synchronized" => (A::Synchronized, Group::Sync),
        "review_requested" => (A::ReviewRequested, Group::ReviewRequest),
        "review_request_removed" => (A::ReviewRequestRemoved, Group::ReviewRequest),
        _ => return None,
    })
}

fn occurred_at(action: &PullRequestAction, pull: &PullRequest<'_>) -> Option<Time> {
    match action {
        PullRequestAction::Opened => pull.created_at,
        PullRequestAction::Merged => pull.merged_at.or(pull.closed_at),
        PullRequestAction::Closed => pull.closed_at,
        // The last update was before the deletion, whose time nobody says.
        PullRequestAction::Deleted => None,
        _ => pull.updated_at,
    }
}

pub(super) fn changes<'a>(changes: &wire::Changes<'a>) -> Option<Changes<'a>> {
    let found = Changes {
        title: changes.title.as_ref().map(change),
        body: changes.body.as_ref().map(change),
        base: changes.reference.as_ref().map(change),
        added_labels: changes.added_labels.iter().filter_map(label).collect(),
        removed_labels: changes.removed_labels.iter().filter_map(label).collect(),
        ..Changes::default()
    };
    (found != Changes::default()).then_some(found)
}

fn change<'a>(change: &wire::Change<'a>) -> Change<'a> {
    Change { from: change.from.said() }
}

pub(super) fn details<'a>(number: u64, pull: &wire::PullRequest<'a>) -> PullRequest<'a> {
    let mut assignees = actors(&pull.assignees);
    if assignees.is_empty() {
        // Gogs and old Gitea know one assignee only.
        assignees.extend(pull.assignee.as_ref().and_then(actor));
    }
    let (head, base) = sides(pull);
    PullRequest {
        id: pull.id.said(),
        number: Number(number),
        title: pull.title.said(),
        body: pull.body.said(),
        url: pull.html_url.said(),
        state: pull.state.as_str().map(state),
        draft: pull.draft,
        merged: pull.merged == Some(true),
        mergeable: pull.mergeable,
        author: pull.user.as_ref().and_then(actor),
        head,
        base,
        labels: pull.labels.iter().filter_map(label).collect(),
        assignees,
        reviewers: actors(&pull.requested_reviewers),
        reviewer_teams: pull
            .requested_reviewers_teams
            .iter()
            .filter_map(|team| team.name.said())
            .collect(),
        verdicts: Vec::new(),
        milestone: pull.milestone.as_ref().map(milestone),
        merge_commit: sha(&pull.merge_commit_sha),
        merge_base: sha(&pull.merge_base),
        merged_by: pull.merged_by.as_ref().and_then(actor),
        created_at: pull.created_at.time(),
        updated_at: pull.updated_at.time(),
        closed_at: pull.closed_at.time(),
        merged_at: pull.merged_at.time(),
    }
}

pub(super) fn sha<'a>(text: &Text<'a>) -> Option<Sha<'a>> {
    text.said_hash().map(|sha| Sha { sha, abbreviated: false })
}

pub(super) fn state(native: &str) -> PullRequestState {
    match native {
        "closed" => PullRequestState::Closed,
        "open" => PullRequestState::Open,
        other => PullRequestState::Other(other.to_owned()),
    }
}

pub(super) fn label<'a>(label: &wire::Label<'a>) -> Option<Label<'a>> {
    Some(Label { id: label.id.said(), name: label.name.said()?, color: label.color.said() })
}

pub(super) fn milestone<'a>(milestone: &wire::Milestone<'a>) -> Milestone<'a> {
    Milestone {
        id: milestone.id.said(),
        title: milestone.title.said(),
        due_at: milestone.due_on.time(),
    }
}

/// Head and base: objects from Gitea and Forgejo, flat fields from Gogs.
fn sides<'a>(pull: &wire::PullRequest<'a>) -> (Branch<'a>, Branch<'a>) {
    let base = side(pull.base.as_ref(), &pull.base_branch, pull.base_repo.as_ref());
    let mut head = side(pull.head.as_ref(), &pull.head_branch, pull.head_repo.as_ref());
    let id = |branch: &Branch<'a>| branch.repository.as_ref()?.id.clone();
    let same = id(&head).is_some() && id(&head) == id(&base);
    // A pull request of the AGit flow needs no right to push: it has no branch, and the target as its head's
    // repository (`ToAPIPullRequest` in `services/convert/pull.go`). A branch that is gone looks the same.
    head.fork = Some(!same || head.reference.is_none());
    head.pull_ref = pull.head.as_ref().and_then(|head| pull_ref(&head.reference));
    (head, base)
}

/// `refs/pull/7/head`, which stands in for a branch that is gone or never was.
fn pull_ref<'a>(name: &Text<'a>) -> Option<Cow<'a, str>> {
    name.said().filter(|name| name.starts_with("refs/pull/"))
}

fn side<'a>(
    nested: Option<&wire::Branch<'a>>,
    name: &Text<'a>,
    repo: Option<&wire::Repository<'a>>,
) -> Branch<'a> {
    Branch {
        reference: nested.and_then(|branch| branch_name(&branch.reference)).or_else(|| name.said()),
        sha: nested.and_then(|branch| branch.sha.said_hash()),
        abbreviated: false,
        pull_ref: None,
        repository: nested.and_then(|branch| branch.repo.as_ref()).or(repo).map(repository),
        fork: None,
    }
}
