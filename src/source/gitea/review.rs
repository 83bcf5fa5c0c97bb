//! `pull_request_review_approved`, `_rejected` and `_comment`: what somebody says of a pull request.

use super::common::{actor, repository};
use super::pull_request::{details, target};
use super::wire;
use crate::event::{Data, Reason, Review, ReviewAction, ReviewEvent};
use crate::source::Fact;

/// Whether a hook of this name delivers a review. The short names are those of the `Event` header,
/// whose `pull_request_comment` is one too.
pub(super) fn is_one(name: &str) -> bool {
    action(name).is_some() && name != "pull_request_comment"
}

/// The action of a name: the hook's exact one, or the `Event` header's. Old versions write the latter into
/// `review.type`, newer ones the former.
fn action(name: &str) -> Option<ReviewAction> {
    Some(match name {
        "pull_request_review_approved" | "pull_request_approved" => ReviewAction::Approved,
        "pull_request_review_rejected" | "pull_request_rejected" => ReviewAction::ChangesRequested,
        "pull_request_review_comment" | "pull_request_comment" => ReviewAction::Commented,
        _ => return None,
    })
}

/// Maps a `PullRequestPayload` with a review.
pub(super) fn review<'a>(name: &str, hook: &wire::PullRequestHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(number), Some(pull), Some(review), Some(native)) =
        (hook.number, hook.pull_request.as_ref(), hook.review.as_ref(), hook.action.as_str())
    else {
        return Err(Reason::EventMismatch);
    };
    if hook.comment.0 || hook.issue.0 || pull.number.is_some_and(|n| n != number) {
        return Err(Reason::EventMismatch);
    }
    if native != "reviewed" {
        return Err(Reason::UnknownAction);
    }
    let action = action(name).ok_or(Reason::UnknownEvent)?;
    // Without it nothing signed would tell an approval from a rejection.
    if review.kind.as_str().and_then(self::action).as_ref() != Some(&action) {
        return Err(Reason::EventMismatch);
    }
    let user = hook.sender.as_ref().and_then(actor);
    let event = ReviewEvent {
        pull_request: details(number, pull),
        review: Review {
            id: None,
            body: review.content.said(),
            reviewer: user.clone(),
            commit: None,
            submitted_at: None,
        },
        withdrawn: None,
    };
    Ok(Fact {
        occurred_at: event.pull_request.updated_at,
        actor: user,
        repository: hook.repository.as_ref().map(repository),
        reference: target(&event.pull_request),
        data: Data::Review(action, Box::new(event)),
    })
}
