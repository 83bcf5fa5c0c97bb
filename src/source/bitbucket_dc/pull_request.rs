//! `pr:*`: what happens to a pull request, and reviews of it.

use super::common::{actor, page, reference, sha};
use super::{Story, wire};
use crate::event::{
    Actor, Branch, Change, Changes, Data, Number, PullRequest, PullRequestAction, PullRequestEvent,
    PullRequestState, Reason, Review, ReviewAction, ReviewEvent, StandingVerdict, Verdict,
};
use crate::source::{Fact, Facts};

pub(super) fn opened<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    happened(story, PullRequestAction::Opened)
}

pub(super) fn declined<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    happened(story, PullRequestAction::Closed)
}

pub(super) fn deleted<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    happened(story, PullRequestAction::Deleted)
}

fn happened<'a>(story: &Story<'a, '_>, action: PullRequestAction) -> Facts<'a> {
    Ok(vec![fact(story, action, event(story)?)])
}

pub(super) fn merged<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let mut event = event(story)?;
    event.pull_request.merged = true;
    event.pull_request.merged_by = story.hook.actor.as_ref().and_then(actor);
    Ok(vec![fact(story, PullRequestAction::Merged, event)])
}

/// Its head has other commits.
pub(super) fn from_ref_updated<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let mut event = event(story)?;
    event.before = story.hook.previous_from_hash.said_hash();
    event.after.clone_from(&event.pull_request.head.sha);
    Ok(vec![fact(story, PullRequestAction::Synchronized, event)])
}

/// Title, description, target or draft changed; or the target has other commits.
pub(super) fn modified<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let mut event = event(story)?;
    event.changes = changes(story.hook);
    Ok(vec![fact(story, PullRequestAction::Edited, event)])
}

fn changes<'a>(hook: &wire::Hook<'a>) -> Option<Changes<'a>> {
    let now = hook.pull_request.as_ref()?;
    // The previous title is sent whether it changed or not, and then a description that is missing was empty.
    let is_said = hook.previous_title.as_str().is_some();
    let other = |was: &crate::wire::Text<'a>, is: &crate::wire::Text<'a>| {
        (is_said && was != is).then(|| Change { from: was.said() })
    };
    let base = hook.previous_target.as_ref().and_then(|was| {
        let is = now.to_ref.as_ref().map(|is| is.id.as_str());
        let name = reference(was)?.name;
        (is != Some(was.id.as_str())).then_some(Change { from: Some(name) })
    });
    let found = Changes {
        title: other(&hook.previous_title, &now.title),
        body: other(&hook.previous_description, &now.description),
        base,
        was_draft: hook.previous_draft.filter(|_| hook.previous_draft != now.draft),
        ..Changes::default()
    };
    (found != Changes::default()).then_some(found)
}

/// Who was asked for a review, then who is no longer; an edit where it is nobody.
pub(super) fn reviewers_updated<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    let event = event(story)?;
    let lists = [
        (PullRequestAction::ReviewRequested, &story.hook.added_reviewers),
        (PullRequestAction::ReviewRequestRemoved, &story.hook.removed_reviewers),
    ];
    let facts: Vec<_> = lists
        .into_iter()
        .filter(|(_, users)| !users.is_empty())
        .map(|(action, users)| {
            let users: Vec<Actor<'a>> = users.iter().filter_map(actor).collect();
            let mut event = event.clone();
            event.requested_reviewer = users.first().cloned();
            event.requested_reviewers = users;
            fact(story, action, event)
        })
        .collect();
    if facts.is_empty() {
        return Ok(vec![fact(story, PullRequestAction::Edited, event)]);
    }
    Ok(facts)
}

pub(super) fn approved<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    reviewed(story, ReviewAction::Approved, None)
}

pub(super) fn needs_work<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    reviewed(story, ReviewAction::ChangesRequested, None)
}

pub(super) fn unapproved<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    reviewed(story, ReviewAction::Dismissed, verdict(story.hook.previous_status.as_str()))
}

fn reviewed<'a>(
    story: &Story<'a, '_>,
    action: ReviewAction,
    withdrawn: Option<Verdict>,
) -> Facts<'a> {
    let hook = story.hook;
    let participant = hook.participant.as_ref();
    let user = participant.and_then(|it| it.user.as_ref()).or(hook.actor.as_ref());
    let event = ReviewEvent {
        pull_request: details(story)?,
        review: Review {
            id: None,
            body: None,
            reviewer: user.and_then(actor),
            commit: participant.and_then(|it| sha(&it.last_reviewed_commit)),
            submitted_at: hook.date.0,
        },
        withdrawn,
    };
    Ok(vec![story.about_pull_request(Data::Review(action, Box::new(event)))])
}

/// What a status says; `UNAPPROVED` says nothing.
fn verdict(status: Option<&str>) -> Option<Verdict> {
    match status? {
        "APPROVED" => Some(Verdict::Approval),
        "NEEDS_WORK" | "CHANGES_REQUESTED" => Some(Verdict::ChangesRequest),
        "UNAPPROVED" => None,
        other => Some(Verdict::Other(other.to_ascii_lowercase())),
    }
}

fn fact<'a>(
    story: &Story<'a, '_>,
    action: PullRequestAction,
    event: PullRequestEvent<'a>,
) -> Fact<'a> {
    story.about_pull_request(Data::PullRequest(action, Box::new(event)))
}

fn event<'a>(story: &Story<'a, '_>) -> Result<PullRequestEvent<'a>, Reason> {
    Ok(PullRequestEvent {
        pull_request: details(story)?,
        changes: None,
        before: None,
        after: None,
        requested_reviewer: None,
        requested_reviewers: Vec::new(),
        closing_commit: None,
        close_reason: None,
    })
}

pub(super) fn details<'a>(story: &Story<'a, '_>) -> Result<PullRequest<'a>, Reason> {
    let pull = story.hook.pull_request.as_ref().ok_or(Reason::Unreadable)?;
    let number = pull.id.ok_or(Reason::Unreadable)?;
    let (head, base) = sides(story, pull);
    let merged = pull.state.as_str() == Some("MERGED");
    let merge_commit = pull.properties.as_ref().and_then(|it| it.merge_commit.as_ref());
    let user = |participant: &wire::Participant<'a>| participant.user.as_ref().and_then(actor);
    Ok(PullRequest {
        id: None,
        number: Number(number),
        title: pull.title.said(),
        body: pull.description.said(),
        url: page(pull.links.as_ref()),
        state: pull.state.as_str().map(state),
        draft: pull.draft,
        merged,
        mergeable: None,
        author: pull.author.as_ref().and_then(user),
        head,
        base,
        labels: Vec::new(),
        assignees: Vec::new(),
        reviewers: pull.reviewers.iter().filter_map(user).collect(),
        reviewer_teams: Vec::new(),
        verdicts: pull.reviewers.iter().filter_map(standing).collect(),
        milestone: None,
        merge_commit: merge_commit.and_then(|commit| sha(&commit.id)),
        merge_base: None,
        merged_by: None,
        created_at: pull.created_date.0,
        updated_at: pull.updated_date.0,
        closed_at: pull.closed_date.0,
        merged_at: pull.closed_date.0.filter(|_| merged),
    })
}

fn standing<'a>(participant: &wire::Participant<'a>) -> Option<StandingVerdict<'a>> {
    Some(StandingVerdict {
        verdict: verdict(participant.status.as_str())?,
        reviewer: actor(participant.user.as_ref()?)?,
        commit: sha(&participant.last_reviewed_commit),
    })
}

fn state(native: &str) -> PullRequestState {
    match native {
        "OPEN" => PullRequestState::Open,
        "DECLINED" | "MERGED" => PullRequestState::Closed,
        other => PullRequestState::Other(other.to_ascii_lowercase()),
    }
}

fn sides<'a>(story: &Story<'a, '_>, pull: &wire::PullRequest<'a>) -> (Branch<'a>, Branch<'a>) {
    let side = |sent: Option<&wire::Ref<'a>>| {
        sent.map(|sent| Branch {
            // A head can be a tag.
            reference: reference(sent).map(|it| it.name).or_else(|| sent.display_id.said()),
            sha: sent.latest_commit.said_hash(),
            abbreviated: false,
            pull_ref: None,
            repository: sent.repository.as_ref().map(|repo| story.site.repository(repo)),
            fork: None,
        })
        .unwrap_or_default()
    };
    let base = side(pull.to_ref.as_ref());
    let mut head = side(pull.from_ref.as_ref());
    let id = |branch: &Branch<'a>| branch.repository.as_ref()?.id.clone();
    head.fork = Some(id(&head).is_none() || id(&head) != id(&base));
    (head, base)
}
