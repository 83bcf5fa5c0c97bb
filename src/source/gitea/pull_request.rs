//! `pull_request` and its kin: everything that happens to a pull request but reviews and comments.

use super::common::{actor, actors, repository};
use super::wire;
use crate::event::{
    Branch, Change, Changes, Data, Label, Milestone, PullRequest, PullRequestAction,
    PullRequestEvent, PullRequestState, Reason, RefKind, RefName, Sha, Time,
};
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
    ReviewRequest,
    Sync,
}

/// Maps a `PullRequestPayload`.
pub(super) fn pull_request(group: Group, hook: &wire::PullRequestHook<'_>) -> Result<Fact, Reason> {
    let (Some(number), Some(pull), Some(native)) =
        (hook.number, hook.pull_request.as_ref(), hook.action.as_str())
    else {
        return Err(Reason::EventMismatch);
    };
    if hook.review.0 || hook.comment.0 || hook.issue.0 || pull.number.is_some_and(|n| n != number) {
        return Err(Reason::EventMismatch);
    }
    let (action, of) = action(native, pull.merged == Some(true)).ok_or(Reason::UnknownAction)?;
    if group != Group::Any && group != of {
        return Err(Reason::EventMismatch);
    }
    let event = PullRequestEvent {
        pull_request: details(number, pull),
        changes: hook.changes.as_ref().and_then(changes),
        before: hook.before.owned_hash(),
        after: hook.after.owned_hash(),
        requested_reviewer: hook.requested_reviewer.as_ref().and_then(actor),
    };
    let target = event.pull_request.base.reference.clone();
    Ok(Fact {
        occurred_at: occurred_at(&action, &event.pull_request),
        actor: hook.sender.as_ref().and_then(actor),
        repository: hook.repository.as_ref().map(repository),
        reference: target.map(|name| RefName { kind: RefKind::Branch, name }),
        data: Data::PullRequest(action, Box::new(event)),
    })
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

fn occurred_at(action: &PullRequestAction, pull: &PullRequest) -> Option<Time> {
    match action {
        PullRequestAction::Opened => pull.created_at,
        PullRequestAction::Merged => pull.merged_at.or(pull.closed_at),
        PullRequestAction::Closed => pull.closed_at,
        // The last update was before the deletion, whose time nobody says.
        PullRequestAction::Deleted => None,
        _ => pull.updated_at,
    }
}

fn changes(changes: &wire::Changes<'_>) -> Option<Changes> {
    let change = |change: &Option<wire::Change<'_>>| {
        change.as_ref().map(|c| Change { from: c.from.owned() })
    };
    let found = Changes {
        title: change(&changes.title),
        body: change(&changes.body),
        base: change(&changes.reference),
    };
    (found != Changes::default()).then_some(found)
}

fn details(number: u64, pull: &wire::PullRequest<'_>) -> PullRequest {
    let sha =
        |text: &crate::wire::Text<'_>| text.owned_hash().map(|sha| Sha { sha, abbreviated: false });
    let mut assignees = actors(&pull.assignees);
    if assignees.is_empty() {
        // Gogs and old Gitea know one assignee only.
        assignees.extend(pull.assignee.as_ref().and_then(actor));
    }
    let (head, base) = sides(pull);
    PullRequest {
        id: pull.id.owned(),
        number,
        title: pull.title.owned(),
        body: pull.body.owned(),
        url: pull.html_url.owned(),
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
            .filter_map(|team| team.name.owned())
            .collect(),
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

fn state(native: &str) -> PullRequestState {
    match native {
        "closed" => PullRequestState::Closed,
        "open" => PullRequestState::Open,
        other => PullRequestState::Other(other.to_owned()),
    }
}

fn label(label: &wire::Label<'_>) -> Option<Label> {
    Some(Label { id: label.id.owned(), name: label.name.owned()?, color: label.color.owned() })
}

fn milestone(milestone: &wire::Milestone<'_>) -> Milestone {
    Milestone {
        id: milestone.id.owned(),
        title: milestone.title.owned(),
        due_at: milestone.due_on.time(),
    }
}

/// Head and base: objects from Gitea and Forgejo, flat fields from Gogs.
fn sides(pull: &wire::PullRequest<'_>) -> (Branch, Branch) {
    let side = |nested: &Option<wire::Branch<'_>>,
                name: &crate::wire::Text<'_>,
                repo: &Option<wire::Repository<'_>>| {
        let nested = nested.as_ref();
        let repo = nested.and_then(|branch| branch.repo.as_ref()).or(repo.as_ref());
        Branch {
            reference: nested.and_then(|branch| branch.reference.owned()).or_else(|| name.owned()),
            sha: nested.and_then(|branch| branch.sha.owned_hash()),
            abbreviated: false,
            repository: repo.map(repository),
            fork: None,
        }
    };
    let base = side(&pull.base, &pull.base_branch, &pull.base_repo);
    let mut head = side(&pull.head, &pull.head_branch, &pull.head_repo);
    let id = |branch: &Branch| branch.repository.as_ref().and_then(|repo| repo.id.clone());
    let same = id(&head).is_some() && id(&head) == id(&base);
    head.fork = Some(!same);
    (head, base)
}
