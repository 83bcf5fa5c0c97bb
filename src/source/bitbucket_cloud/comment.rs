//! Comments on pull requests, issues and commits.

use super::common::{actor, page, sha};
use super::pull_request::{self, target};
use super::wire::Body;
use super::wire::pull_request as wire;
use super::{fact_of, issue};
use crate::event::{
    Comment, CommitCommentAction, CommitCommentEvent, Data, IssueCommentAction, IssueCommentEvent,
    PullRequestCommentAction, PullRequestCommentEvent, Reason,
};
use crate::source::Fact;

/// Maps `pullrequest:comment_*`, if the comment does not contradict the action.
pub(super) fn on_pull_request<'a>(
    action: PullRequestCommentAction,
    body: &Body<'a>,
) -> Result<Fact<'a>, Reason> {
    use PullRequestCommentAction as A;
    let (number, pull) = pull_request::numbered(body)?;
    let sent = body.comment.as_ref().ok_or(Reason::EventMismatch)?;
    let resolution = sent.resolution.as_ref();
    let fits = match action {
        // Old payloads do not say it.
        A::Deleted => sent.deleted != Some(false),
        A::Resolved => sent.deleted != Some(true) && resolution.is_some(),
        A::Reopened => sent.deleted != Some(true) && resolution.is_none(),
        _ => sent.deleted != Some(true),
    };
    if !fits || sent.issue.0 {
        return Err(Reason::EventMismatch);
    }
    let mut comment = details(sent);
    let occurred_at = match action {
        A::Created => comment.created_at,
        A::Edited => comment.updated_at,
        A::Resolved => resolution.and_then(|resolution| resolution.created_on.time()),
        // Nothing says when the comment was deleted or taken up again.
        _ => None,
    };
    comment.resolved = match action {
        A::Reopened => Some(false),
        _ => resolution.map(|_| true),
    };
    let pull_request = pull_request::details(number, pull);
    let reference = target(&pull_request);
    let event = PullRequestCommentEvent { pull_request, comment, changes: None };
    let data = Data::PullRequestComment(action, Box::new(event));
    Ok(Fact { occurred_at, reference, ..fact_of(body, data) })
}

/// Maps `issue:comment_created`.
pub(super) fn on_issue<'a>(
    action: IssueCommentAction,
    body: &Body<'a>,
) -> Result<Fact<'a>, Reason> {
    let (number, sent) = issue::numbered(body)?;
    let comment = body.comment.as_ref().filter(|comment| !comment.pullrequest.0);
    let comment = details(comment.ok_or(Reason::EventMismatch)?);
    let occurred_at = comment.created_at;
    let event = IssueCommentEvent { issue: issue::details(number, sent), comment, changes: None };
    let data = Data::IssueComment(action, Box::new(event));
    Ok(Fact { occurred_at, ..fact_of(body, data) })
}

/// Maps `repo:commit_comment_created`.
pub(super) fn on_commit<'a>(body: &Body<'a>) -> Result<Fact<'a>, Reason> {
    let sent = body.comment.as_ref().ok_or(Reason::EventMismatch)?;
    let of_comment = sent.commit.as_ref().and_then(sha);
    let commit = body.commit.as_ref().and_then(sha).or(of_comment).ok_or(Reason::EventMismatch)?;
    let comment = details(sent);
    let occurred_at = comment.created_at;
    let event = CommitCommentEvent { commit, comment, changes: None };
    let data = Data::CommitComment(CommitCommentAction::Created, Box::new(event));
    Ok(Fact { occurred_at, ..fact_of(body, data) })
}

/// A comment in forgewire's terms.
pub(super) fn details<'a>(comment: &wire::Comment<'a>) -> Comment<'a> {
    let inline = comment.inline.as_ref();
    Comment {
        id: comment.id.said(),
        body: comment.content.as_ref().and_then(|content| content.raw.said()),
        url: page(comment.links.as_ref()),
        author: comment.user.as_ref().and_then(actor),
        path: inline.and_then(|inline| inline.path.said()),
        line: inline.and_then(|inline| inline.to),
        old_line: inline.and_then(|inline| inline.from),
        parent_id: comment.parent.as_ref().and_then(|parent| parent.id.said()),
        resolved: None,
        attachments: Vec::new(),
        created_at: comment.created_on.time(),
        updated_at: comment.updated_on.time(),
    }
}
