//! What Bitbucket Cloud sends. Fields after Atlassian's page "Event payloads" and the
//! description of its API.

mod patches;

use super::HeaderPart::{Delivery, Event, Fixed, Signature};
use super::{Sample, Sender};
use patches::{
    ANNOTATED_TAG, APPROVED, CHANGES_REQUEST_REMOVED, CHANGES_REQUESTED, COMMENT_DELETED,
    COMMENT_EDITED, COMMENT_RESOLVED, COMMIT_COMMENT, DECLINED, DESCRIBED, EDITED, FAILED, FORCED,
    FORKED, FROM_FORK, GONE_BRANCH, GONE_TAG, HEAD_GONE, ISSUE, ISSUE_ASSIGNED, ISSUE_CLOSED,
    ISSUE_EDITED, ISSUE_ON_HOLD, ISSUE_REOPENED, ISSUE_UNASSIGNED, MERGED, MOVED_TAG, NEW_BRANCH,
    NEW_TAG, NOTHING, ON_ISSUE, ON_PULL_REQUEST, ONLY_A_LINK, PIPELINE_SPAN, PROJECT, PULL_REQUEST,
    PUSH, PUSHED, RENAMED, REPOSITORY, SEVERAL, STATUS, STOPPED, SUCCESSFUL, TRANSFERRED,
    UNAPPROVED, UNRECOGNIZED,
};

pub(super) static SENDER: Sender = Sender {
    kind: "bitbucket-cloud",
    user_agent: "Bitbucket-Webhooks/2.0",
    headers: &[
        ("x-event-key", Event),
        ("x-hook-uuid", Fixed("6e0a4c93-81f7-4d25-b9c6-2f3d7e5a1b08")),
        ("x-request-uuid", Delivery),
        ("x-attempt-number", Fixed("1")),
        ("x-hub-signature", Signature("sha256=")),
    ],
    samples: SAMPLES,
    subscriptions: SUBSCRIPTIONS,
    parts: &[include_str!("bitbucket_cloud/parts.json")],
};

/// Events and subscriptions have the same names: `hook_event` in the description of the API.
const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("issue:comment_created", "issue:comment_created"),
    ("issue:created", "issue:created"),
    ("issue:updated", "issue:updated"),
    ("pipeline:span_created", "pipeline:span_created"),
    ("project:updated", "project:updated"),
    ("pullrequest:approved", "pullrequest:approved"),
    ("pullrequest:changes_request_created", "pullrequest:changes_request_created"),
    ("pullrequest:changes_request_removed", "pullrequest:changes_request_removed"),
    ("pullrequest:comment_created", "pullrequest:comment_created"),
    ("pullrequest:comment_deleted", "pullrequest:comment_deleted"),
    ("pullrequest:comment_reopened", "pullrequest:comment_reopened"),
    ("pullrequest:comment_resolved", "pullrequest:comment_resolved"),
    ("pullrequest:comment_updated", "pullrequest:comment_updated"),
    ("pullrequest:created", "pullrequest:created"),
    ("pullrequest:fulfilled", "pullrequest:fulfilled"),
    ("pullrequest:push", "pullrequest:push"),
    ("pullrequest:rejected", "pullrequest:rejected"),
    ("pullrequest:unapproved", "pullrequest:unapproved"),
    ("pullrequest:updated", "pullrequest:updated"),
    ("repo:commit_comment_created", "repo:commit_comment_created"),
    ("repo:commit_status_created", "repo:commit_status_created"),
    ("repo:commit_status_updated", "repo:commit_status_updated"),
    ("repo:created", "repo:created"),
    ("repo:deleted", "repo:deleted"),
    ("repo:fork", "repo:fork"),
    ("repo:imported", "repo:imported"),
    ("repo:push", "repo:push"),
    ("repo:transfer", "repo:transfer"),
    ("repo:updated", "repo:updated"),
];

/// A row: name, event, event made, layers of the payload.
macro_rules! sample {
    ($name:literal, $event:literal, $makes:literal, $($layer:expr),+) => {
        Sample { name: $name, event: $event, event_type: None, makes: $makes, layers: &[$($layer),+] }
    };
}

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    sample!("push", "repo:push", "push.updated", PUSH),
    sample!("push-created", "repo:push", "push.created", PUSH, NEW_BRANCH),
    sample!("push-deleted", "repo:push", "push.deleted", PUSH, GONE_BRANCH),
    sample!("push-forced", "repo:push", "push.updated", PUSH, FORCED),
    sample!("push-several", "repo:push", "push.updated", PUSH, SEVERAL),
    sample!("push-of-nothing", "repo:push", "unrecognized.repo:push", PUSH, NOTHING),
    sample!("tag-created", "repo:push", "tag.created", PUSH, NEW_TAG),
    sample!("tag-created-annotated", "repo:push", "tag.created", PUSH, ANNOTATED_TAG),
    sample!("tag-updated", "repo:push", "tag.updated", PUSH, MOVED_TAG),
    sample!("tag-deleted", "repo:push", "tag.deleted", PUSH, GONE_TAG),
    sample!("pull-request-opened", "pullrequest:created", "pull_request.opened", PULL_REQUEST),
    sample!("pull-request-from-fork", "pullrequest:created", "pull_request.opened", PULL_REQUEST, FROM_FORK),
    sample!("pull-request-head-gone", "pullrequest:updated", "pull_request.edited", PULL_REQUEST, FROM_FORK, HEAD_GONE),
    sample!("pull-request-synchronized", "pullrequest:push", "pull_request.synchronized", PULL_REQUEST, PUSHED),
    sample!("pull-request-edited", "pullrequest:updated", "pull_request.edited", PULL_REQUEST, EDITED),
    sample!("pull-request-merged", "pullrequest:fulfilled", "pull_request.merged", PULL_REQUEST, MERGED),
    sample!("pull-request-closed", "pullrequest:rejected", "pull_request.closed", PULL_REQUEST, DECLINED),
    sample!("review-approved", "pullrequest:approved", "review.approved", PULL_REQUEST, APPROVED),
    sample!("review-approval-withdrawn", "pullrequest:unapproved", "review.dismissed", PULL_REQUEST, UNAPPROVED),
    sample!("review-changes-requested", "pullrequest:changes_request_created", "review.changes_requested", PULL_REQUEST, CHANGES_REQUESTED),
    sample!("review-changes-request-withdrawn", "pullrequest:changes_request_removed", "review.dismissed", PULL_REQUEST, CHANGES_REQUEST_REMOVED),
    sample!("pull-request-comment-created", "pullrequest:comment_created", "pull_request_comment.created", PULL_REQUEST, ON_PULL_REQUEST),
    sample!("pull-request-comment-edited", "pullrequest:comment_updated", "pull_request_comment.edited", PULL_REQUEST, ON_PULL_REQUEST, COMMENT_EDITED),
    sample!("pull-request-comment-deleted", "pullrequest:comment_deleted", "pull_request_comment.deleted", PULL_REQUEST, ON_PULL_REQUEST, COMMENT_DELETED),
    sample!("pull-request-comment-resolved", "pullrequest:comment_resolved", "pull_request_comment.resolved", PULL_REQUEST, ON_PULL_REQUEST, COMMENT_RESOLVED),
    sample!("pull-request-comment-reopened", "pullrequest:comment_reopened", "pull_request_comment.reopened", PULL_REQUEST, ON_PULL_REQUEST),
    sample!("issue-comment-created", "issue:comment_created", "issue_comment.created", ISSUE, ON_ISSUE),
    sample!("commit-comment-created", "repo:commit_comment_created", "commit_comment.created", COMMIT_COMMENT),
    sample!("issue-opened", "issue:created", "issue.opened", ISSUE),
    sample!("issue-closed", "issue:updated", "issue.closed", ISSUE, ON_ISSUE, ISSUE_CLOSED),
    sample!("issue-reopened", "issue:updated", "issue.reopened", ISSUE, ISSUE_REOPENED),
    sample!("issue-edited", "issue:updated", "issue.edited", ISSUE, ISSUE_EDITED),
    sample!("issue-put-on-hold", "issue:updated", "issue.edited", ISSUE, ISSUE_ON_HOLD),
    sample!("issue-assigned", "issue:updated", "issue.assigned", ISSUE, ISSUE_ASSIGNED),
    sample!("issue-unassigned", "issue:updated", "issue.unassigned", ISSUE, ISSUE_UNASSIGNED),
    sample!("repository-created", "repo:created", "repository.created", REPOSITORY),
    sample!("repository-deleted", "repo:deleted", "repository.deleted", REPOSITORY),
    sample!("repository-renamed", "repo:updated", "repository.renamed", REPOSITORY, RENAMED),
    sample!("repository-transferred", "repo:transfer", "repository.transferred", REPOSITORY, TRANSFERRED),
    sample!("fork", "repo:fork", "repository.forked", REPOSITORY, FORKED),
    sample!("repository-updated", "repo:updated", "repository.updated", REPOSITORY, DESCRIBED),
    sample!("repository-imported", "repo:imported", "repository.imported", REPOSITORY),
    sample!("status-pending", "repo:commit_status_created", "status.pending", STATUS),
    sample!("status-success", "repo:commit_status_updated", "status.success", STATUS, SUCCESSFUL),
    sample!("status-failure", "repo:commit_status_updated", "status.failure", STATUS, FAILED),
    sample!("status-error", "repo:commit_status_updated", "status.error", STATUS, STOPPED),
    sample!("status-without-commit", "repo:commit_status_updated", "status.success", STATUS, SUCCESSFUL, ONLY_A_LINK),
    sample!("pipeline-span", "pipeline:span_created", "pipeline_span.created", PIPELINE_SPAN),
    sample!("project-updated", "project:updated", "project.updated", PROJECT),
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", UNRECOGNIZED),
];
