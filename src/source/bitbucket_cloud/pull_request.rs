//! `pullrequest:*` but for comments: pull requests, and who approves them or asks for changes.

use super::common::{actor, branch, id, is_abbreviated, page, repository, sha};
use super::fact_of;
use super::wire::pull_request as wire;
use super::wire::{Body, Participant, User};
use crate::event::{
    Actor, Branch, Data, Number, PullRequest, PullRequestAction, PullRequestEvent,
    PullRequestState, Reason, RefName, Review, ReviewAction, ReviewEvent, Verdict,
};
use crate::source::Fact;

/// Maps an event of the pull request itself, if its state does not contradict the action.
pub(super) fn itself<'a>(action: PullRequestAction, body: &Body<'a>) -> Result<Fact<'a>, Reason> {
    use PullRequestAction as A;
    let (number, pull) = numbered(body)?;
    let state = pull.state.as_str();
    let fits = match action {
        A::Merged => state == Some("MERGED"),
        A::Closed => state == Some("DECLINED"),
        // What is merged or declined can still be edited.
        A::Edited => true,
        _ => !matches!(state, Some("MERGED" | "DECLINED" | "SUPERSEDED")),
    };
    if !fits {
        return Err(Reason::EventMismatch);
    }
    let pull_request = details(number, pull);
    let event = PullRequestEvent {
        changes: None,
        before: None,
        // Shorter than a hash: it stands in the head, with a mark.
        after: None,
        requested_reviewer: None,
        requested_reviewers: Vec::new(),
        closing_commit: None,
        close_reason: pull.reason.said().filter(|_| action == A::Closed),
        pull_request,
    };
    let occurred_at = match action {
        A::Opened => event.pull_request.created_at,
        _ => event.pull_request.updated_at,
    };
    let reference = target(&event.pull_request);
    let data = Data::PullRequest(action, Box::new(event));
    Ok(Fact { occurred_at, reference, ..fact_of(body, data) })
}

/// Maps `pullrequest:approved`, and `pullrequest:unapproved` if it does not `stand` any more.
pub(super) fn approval<'a>(body: &Body<'a>, stands: bool) -> Result<Fact<'a>, Reason> {
    let (number, pull) = numbered(body)?;
    let approval = body.approval.as_ref().ok_or(Reason::EventMismatch)?;
    let says = participant(pull, approval).and_then(|participant| participant.approved);
    if says.is_some_and(|approved| approved != stands) {
        return Err(Reason::EventMismatch);
    }
    let action = if stands { ReviewAction::Approved } else { ReviewAction::Dismissed };
    let withdrawn = (!stands).then_some(Verdict::Approval);
    Ok(review(body, action, withdrawn, approval, details(number, pull)))
}

/// Maps `pullrequest:changes_request_created`, and `…_removed` if it does not `stand` any more.
pub(super) fn changes_request<'a>(body: &Body<'a>, stands: bool) -> Result<Fact<'a>, Reason> {
    let (number, pull) = numbered(body)?;
    let request = body.changes_request.as_ref().ok_or(Reason::EventMismatch)?;
    // Who has no state, has asked for nothing; old payloads have no states at all.
    let says = participant(pull, request)
        .filter(|participant| participant.approved.is_some())
        .map(|participant| participant.state.as_str() == Some("changes_requested"));
    if says.is_some_and(|asks| asks != stands) {
        return Err(Reason::EventMismatch);
    }
    let action = if stands { ReviewAction::ChangesRequested } else { ReviewAction::Dismissed };
    let withdrawn = (!stands).then_some(Verdict::ChangesRequest);
    Ok(review(body, action, withdrawn, request, details(number, pull)))
}

fn review<'a>(
    body: &Body<'a>,
    action: ReviewAction,
    withdrawn: Option<Verdict>,
    said: &wire::Approval<'a>,
    pull_request: PullRequest<'a>,
) -> Fact<'a> {
    let submitted_at = said.date.time();
    // Of one that is withdrawn the date is that of the review.
    let made_at = submitted_at.filter(|_| withdrawn.is_none());
    let occurred_at = made_at.or(pull_request.updated_at);
    let reference = target(&pull_request);
    let review = Review {
        id: None,
        body: None,
        reviewer: said.user.as_ref().and_then(actor),
        commit: None,
        submitted_at,
    };
    let event = ReviewEvent { pull_request, review, withdrawn };
    let data = Data::Review(action, Box::new(event));
    Fact { occurred_at, reference, ..fact_of(body, data) }
}

/// What the pull request says of who made a review.
fn participant<'w, 'a>(
    pull: &'w wire::PullRequest<'a>,
    said: &wire::Approval<'a>,
) -> Option<&'w Participant<'a>> {
    let reviewer = said.user.as_ref()?;
    let is_reviewer = |user: &User<'a>| match (id(&user.uuid), id(&reviewer.uuid)) {
        (Some(one), Some(other)) => one == other,
        _ => user.account_id.as_str().is_some() && user.account_id == reviewer.account_id,
    };
    pull.participants.iter().find(|one| one.user.as_ref().is_some_and(is_reviewer))
}

/// The pull request that a body is about, with its number.
pub(super) fn numbered<'w, 'a>(
    body: &'w Body<'a>,
) -> Result<(u64, &'w wire::PullRequest<'a>), Reason> {
    let pull = body.pullrequest.as_ref().ok_or(Reason::EventMismatch)?;
    Ok((pull.id.ok_or(Reason::EventMismatch)?, pull))
}

/// The branch that a pull request is to be merged to.
pub(super) fn target<'a>(pull: &PullRequest<'a>) -> Option<RefName<'a>> {
    pull.base.reference.clone().map(branch)
}

pub(super) fn details<'a>(number: u64, pull: &wire::PullRequest<'a>) -> PullRequest<'a> {
    let merged = pull.state.as_str() == Some("MERGED");
    let base = side(pull.destination.as_ref());
    let mut head = side(pull.source.as_ref());
    head.fork = Some(!is_same(&head, &base));
    PullRequest {
        id: None,
        number: Number(number),
        title: pull.title.said(),
        body: pull.description.said().or_else(|| pull.summary.as_ref()?.raw.said()),
        url: page(pull.links.as_ref()),
        state: pull.state.as_str().map(state),
        draft: pull.draft,
        merged,
        mergeable: None,
        author: pull.author.as_ref().and_then(actor),
        head,
        base,
        labels: Vec::new(),
        assignees: Vec::new(),
        reviewers: reviewers(pull),
        reviewer_teams: Vec::new(),
        verdicts: Vec::new(),
        milestone: None,
        merge_commit: pull.merge_commit.as_ref().and_then(sha),
        merge_base: None,
        merged_by: pull.closed_by.as_ref().filter(|_| merged).and_then(actor),
        created_at: pull.created_on.time(),
        updated_at: pull.updated_on.time(),
        closed_at: None,
        merged_at: None,
    }
}

fn state(native: &str) -> PullRequestState {
    match native {
        "OPEN" => PullRequestState::Open,
        "MERGED" | "DECLINED" | "SUPERSEDED" => PullRequestState::Closed,
        other => PullRequestState::Other(other.to_owned()),
    }
}

/// Who is asked for a review: by being in the list, or by the role of a participant.
fn reviewers<'a>(pull: &wire::PullRequest<'a>) -> Vec<Actor<'a>> {
    let mut reviewers: Vec<_> = pull.reviewers.iter().filter_map(actor).collect();
    let by_role = pull.participants.iter().filter(|one| one.role.as_str() == Some("REVIEWER"));
    for reviewer in by_role.filter_map(|one| one.user.as_ref().and_then(actor)) {
        if reviewers.iter().all(|known| known.id != reviewer.id) {
            reviewers.push(reviewer);
        }
    }
    reviewers
}

fn side<'a>(side: Option<&wire::Side<'a>>) -> Branch<'a> {
    let Some(side) = side else { return Branch::default() };
    let sha = side.commit.as_ref().and_then(|commit| commit.hash.said_hash());
    Branch {
        reference: side.branch.as_ref().and_then(|branch| branch.name.said()),
        abbreviated: sha.as_deref().is_some_and(is_abbreviated),
        sha,
        pull_ref: None,
        repository: side.repository.as_ref().map(repository),
        fork: None,
    }
}

/// Whether both sides are surely in one repository.
fn is_same(head: &Branch<'_>, base: &Branch<'_>) -> bool {
    let (Some(head), Some(base)) = (&head.repository, &base.repository) else { return false };
    match (&head.id, &base.id) {
        (Some(one), Some(other)) => one == other,
        _ => head.full_name.is_some() && head.full_name == base.full_name,
    }
}
