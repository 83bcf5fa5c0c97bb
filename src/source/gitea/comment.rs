//! `issue_comment` and `pull_request_comment`: comments on issues and on pull requests.
//!
//! One payload for both. The exact name of the hook tells them apart, and the body says it too
//! (`is_pull`, `issue.pull_request`); Gogs and the folded `Event` header have one name for both.

use super::common::{actor, asset, repository};
use super::issue;
use super::pull_request::{self, changes, target};
use super::wire::issue as wire;
use crate::event::{
    Branch, Comment, Data, IssueCommentAction, IssueCommentEvent, PullRequest,
    PullRequestCommentAction, PullRequestCommentEvent, Reason, Time,
};
use crate::source::Fact;

/// Maps an `IssueCommentPayload` that the hook's name says is about an issue.
pub(super) fn on_issue<'a>(hook: &wire::CommentHook<'a>) -> Result<Fact<'a>, Reason> {
    let parts = Parts::of(hook)?;
    if parts.is_pull { Err(Reason::EventMismatch) } else { parts.issue_comment(hook) }
}

/// Maps an `IssueCommentPayload` that the hook's name says is about a pull request.
pub(super) fn on_pull_request<'a>(hook: &wire::CommentHook<'a>) -> Result<Fact<'a>, Reason> {
    let parts = Parts::of(hook)?;
    if parts.is_pull { parts.pull_request_comment(hook) } else { Err(Reason::EventMismatch) }
}

/// Maps an `IssueCommentPayload` about whatever its body says.
pub(super) fn on_either<'a>(hook: &wire::CommentHook<'a>) -> Result<Fact<'a>, Reason> {
    let parts = Parts::of(hook)?;
    if parts.is_pull { parts.pull_request_comment(hook) } else { parts.issue_comment(hook) }
}

/// What every comment has.
struct Parts<'w, 'a> {
    native: &'w str,
    number: u64,
    issue: &'w wire::Issue<'a>,
    comment: &'w wire::Comment<'a>,
    is_pull: bool,
}

impl<'w, 'a> Parts<'w, 'a> {
    fn of(hook: &'w wire::CommentHook<'a>) -> Result<Self, Reason> {
        let (Some(native), Some(issue), Some(comment)) =
            (hook.action.as_str(), hook.issue.as_ref(), hook.comment.as_ref())
        else {
            return Err(Reason::EventMismatch);
        };
        let number = issue.number.ok_or(Reason::EventMismatch)?;
        let pull = hook.pull_request.as_ref();
        let shown = issue.pull_request.is_some() || pull.is_some();
        let contradicts = (shown && hook.is_pull == Some(false))
            || pull.and_then(|pull| pull.number).is_some_and(|other| other != number);
        if contradicts || hook.review.0 {
            return Err(Reason::EventMismatch);
        }
        let is_pull = shown || hook.is_pull == Some(true);
        Ok(Self { native, number, issue, comment, is_pull })
    }

    fn issue_comment(&self, hook: &wire::CommentHook<'a>) -> Result<Fact<'a>, Reason> {
        use IssueCommentAction as A;
        let comment = comment(self.comment);
        let (action, occurred_at) = match self.native {
            "created" => (A::Created, comment.created_at),
            "edited" => (A::Edited, comment.updated_at),
            "deleted" => (A::Deleted, None),
            _ => return Err(Reason::UnknownAction),
        };
        let event = IssueCommentEvent {
            issue: issue::details(self.number, self.issue),
            comment,
            changes: hook.changes.as_ref().and_then(changes),
        };
        Ok(fact(hook, occurred_at, Data::IssueComment(action, Box::new(event))))
    }

    fn pull_request_comment(&self, hook: &wire::CommentHook<'a>) -> Result<Fact<'a>, Reason> {
        use PullRequestCommentAction as A;
        let comment = comment(self.comment);
        let (action, occurred_at) = match self.native {
            "created" => (A::Created, comment.created_at),
            "edited" => (A::Edited, comment.updated_at),
            "deleted" => (A::Deleted, None),
            _ => return Err(Reason::UnknownAction),
        };
        let pull_request = match &hook.pull_request {
            Some(pull) => pull_request::details(self.number, pull),
            None => from_issue(self.number, self.issue),
        };
        let reference = target(&pull_request);
        let changes = hook.changes.as_ref().and_then(changes);
        let event = PullRequestCommentEvent { pull_request, comment, changes };
        let data = Data::PullRequestComment(action, Box::new(event));
        Ok(Fact { reference, ..fact(hook, occurred_at, data) })
    }
}

fn fact<'a>(hook: &wire::CommentHook<'a>, occurred_at: Option<Time>, data: Data<'a>) -> Fact<'a> {
    Fact {
        occurred_at,
        actor: hook.sender.as_ref().and_then(actor),
        repository: hook.repository.as_ref().map(repository),
        reference: None,
        data,
    }
}

fn comment<'a>(comment: &wire::Comment<'a>) -> Comment<'a> {
    Comment {
        id: comment.id.said(),
        body: comment.body.said(),
        url: comment.html_url.said(),
        author: comment.user.as_ref().and_then(actor),
        path: None,
        line: None,
        old_line: None,
        parent_id: None,
        resolved: None,
        attachments: comment.assets.iter().map(asset).collect(),
        created_at: comment.created_at.time(),
        updated_at: comment.updated_at.time(),
    }
}

/// What the issue of a pull request says of it: all but its branches. The id is another, so it is left out.
fn from_issue<'a>(number: u64, issue: &wire::Issue<'a>) -> PullRequest<'a> {
    let details = issue::details(number, issue);
    let mark = issue.pull_request.as_ref();
    PullRequest {
        id: None,
        number: details.number,
        title: details.title,
        body: details.body,
        url: mark.and_then(|mark| mark.html_url.said()).or(details.url),
        state: issue.state.as_str().map(pull_request::state),
        draft: mark.and_then(|mark| mark.draft),
        merged: mark.and_then(|mark| mark.merged) == Some(true),
        mergeable: None,
        author: details.author,
        head: Branch { fork: Some(true), ..Branch::default() },
        base: Branch::default(),
        labels: details.labels,
        assignees: details.assignees,
        reviewers: Vec::new(),
        reviewer_teams: Vec::new(),
        milestone: details.milestone,
        merge_commit: None,
        merge_base: None,
        verdicts: Vec::new(),
        merged_by: None,
        created_at: details.created_at,
        updated_at: details.updated_at,
        closed_at: details.closed_at,
        merged_at: mark.and_then(|mark| mark.merged_at.time()),
    }
}
