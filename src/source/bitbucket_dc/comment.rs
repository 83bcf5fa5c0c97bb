//! `pr:comment:*` and `repo:comment:*`: comments on pull requests and commits.

use super::common::{actor, sha};
use super::pull_request::details;
use super::{Story, wire};
use crate::event::{
    Change, Changes, Comment, CommitCommentAction, CommitCommentEvent, Data,
    PullRequestCommentAction, PullRequestCommentEvent, Reason,
};
use crate::source::Facts;

pub(super) fn on_pull_request_added<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    on_pull_request(story, PullRequestCommentAction::Created)
}

pub(super) fn on_pull_request_deleted<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    on_pull_request(story, PullRequestCommentAction::Deleted)
}

pub(super) fn on_pull_request_edited<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    on_pull_request(story, PullRequestCommentAction::Edited)
}

fn on_pull_request<'a>(story: &Story<'a, '_>, action: PullRequestCommentAction) -> Facts<'a> {
    let event = PullRequestCommentEvent {
        pull_request: details(story)?,
        comment: comment(story.hook)?,
        changes: changes(story.hook),
    };
    Ok(vec![story.about_pull_request(Data::PullRequestComment(action, Box::new(event)))])
}

pub(super) fn on_commit_added<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    on_commit(story, CommitCommentAction::Created)
}

pub(super) fn on_commit_deleted<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    on_commit(story, CommitCommentAction::Deleted)
}

pub(super) fn on_commit_edited<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    on_commit(story, CommitCommentAction::Edited)
}

fn on_commit<'a>(story: &Story<'a, '_>, action: CommitCommentAction) -> Facts<'a> {
    let event = CommitCommentEvent {
        commit: sha(&story.hook.commit).ok_or(Reason::Unreadable)?,
        comment: comment(story.hook)?,
        changes: changes(story.hook),
    };
    Ok(vec![story.fact(Data::CommitComment(action, Box::new(event)))])
}

fn comment<'a>(hook: &wire::Hook<'a>) -> Result<Comment<'a>, Reason> {
    let sent = hook.comment.as_ref().ok_or(Reason::Unreadable)?;
    let anchor = sent.anchor.as_ref();
    let line = |old: bool| {
        let is_old = |anchor: &&wire::Anchor<'a>| anchor.file_type.as_str() == Some("FROM");
        anchor.filter(|anchor| is_old(anchor) == old)?.line
    };
    Ok(Comment {
        id: sent.id.said(),
        body: sent.text.said(),
        url: None,
        author: sent.author.as_ref().and_then(actor),
        path: anchor.and_then(|anchor| anchor.path.said()),
        line: line(false),
        old_line: line(true),
        parent_id: hook.comment_parent_id.said(),
        resolved: sent.thread_resolved,
        attachments: Vec::new(),
        created_at: sent.created_date.0,
        updated_at: sent.updated_date.0,
    })
}

fn changes<'a>(hook: &wire::Hook<'a>) -> Option<Changes<'a>> {
    let was = hook.previous_comment.said()?;
    Some(Changes { body: Some(Change { from: Some(was) }), ..Changes::default() })
}
