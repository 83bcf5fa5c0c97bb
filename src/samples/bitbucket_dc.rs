//! What Bitbucket Data Center and Server send. Fields after Atlassian's page "Event payload" of 9 and 10.

mod patches;

use patches as p;

use super::HeaderPart::{Delivery, Event, Signature};
use super::{Sample, Sender};

pub(super) static SENDER: Sender = Sender {
    kind: "bitbucket-dc",
    user_agent: "Atlassian HttpClient 3.0.4 / Bitbucket-9.4.2 (9004002) / Default",
    headers: &[
        ("x-event-key", Event),
        ("x-request-id", Delivery),
        ("x-hub-signature", Signature("sha256=")),
    ],
    samples: SAMPLES,
    subscriptions: SUBSCRIPTIONS,
    parts: &[include_str!("bitbucket_dc/parts.json")],
};

/// Names of events are those of subscriptions. A signed test comes from a button, whatever is subscribed to.
const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("diagnostics:ping", "Test connection"),
    ("mirror:repo_synchronized", "mirror:repo_synchronized"),
    ("pr:comment:added", "pr:comment:added"),
    ("pr:comment:deleted", "pr:comment:deleted"),
    ("pr:comment:edited", "pr:comment:edited"),
    ("pr:declined", "pr:declined"),
    ("pr:deleted", "pr:deleted"),
    ("pr:from_ref_updated", "pr:from_ref_updated"),
    ("pr:merged", "pr:merged"),
    ("pr:modified", "pr:modified"),
    ("pr:opened", "pr:opened"),
    ("pr:reviewer:approved", "pr:reviewer:approved"),
    ("pr:reviewer:changes_requested", "pr:reviewer:changes_requested"),
    ("pr:reviewer:needs_work", "pr:reviewer:needs_work"),
    ("pr:reviewer:unapproved", "pr:reviewer:unapproved"),
    ("pr:reviewer:updated", "pr:reviewer:updated"),
    ("pr:to_ref_updated", "pr:to_ref_updated"),
    ("proj:modified", "proj:modified"),
    ("project:created", "project:created"),
    ("project:deleted", "project:deleted"),
    ("project:modified", "project:modified"),
    ("repo:comment:added", "repo:comment:added"),
    ("repo:comment:deleted", "repo:comment:deleted"),
    ("repo:comment:edited", "repo:comment:edited"),
    ("repo:created", "repo:created"),
    ("repo:default_branch_modified", "repo:default_branch_modified"),
    ("repo:deleted", "repo:deleted"),
    ("repo:forked", "repo:forked"),
    ("repo:modified", "repo:modified"),
    ("repo:refs_changed", "repo:refs_changed"),
    ("repo:secret_detected", "repo:secret_detected"),
];

/// A row: name, event, event made, layers of the payload.
macro_rules! sample {
    ($name:literal, $event:literal, $makes:literal, $($layer:expr),+) => {
        Sample { name: $name, event: $event, event_type: None, makes: $makes, layers: &[$($layer),+] }
    };
}

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    sample!("push", "repo:refs_changed", "push.updated", p::PUSH),
    sample!("push-of-5", "repo:refs_changed", "push.updated", p::PUSH, p::OLD),
    sample!("push-created", "repo:refs_changed", "push.created", p::PUSH, p::NEW_BRANCH),
    sample!("push-deleted", "repo:refs_changed", "push.deleted", p::PUSH, p::GONE_BRANCH),
    sample!("push-several", "repo:refs_changed", "push.updated", p::PUSH, p::SEVERAL),
    sample!("push-of-nothing", "repo:refs_changed", "unrecognized.repo:refs_changed", p::PUSH, p::NOTHING),
    sample!("tag-created", "repo:refs_changed", "tag.created", p::PUSH, p::NEW_TAG),
    sample!("tag-created-annotated", "repo:refs_changed", "tag.created", p::PUSH, p::ANNOTATED_TAG),
    sample!("tag-updated", "repo:refs_changed", "tag.updated", p::PUSH, p::MOVED_TAG),
    sample!("tag-deleted", "repo:refs_changed", "tag.deleted", p::PUSH, p::GONE_TAG),
    sample!("pull-request-opened", "pr:opened", "pull_request.opened", p::PULL_REQUEST),
    sample!("pull-request-opened-iso-dates", "pr:opened", "pull_request.opened", p::PULL_REQUEST, p::ISO_DATES),
    sample!("pull-request-from-fork", "pr:opened", "pull_request.opened", p::PULL_REQUEST, p::FROM_FORK),
    sample!("pull-request-synchronized", "pr:from_ref_updated", "pull_request.synchronized", p::PULL_REQUEST, p::PUSHED),
    sample!("pull-request-target-updated", "pr:to_ref_updated", "pull_request.edited", p::PULL_REQUEST, p::TARGET_PUSHED),
    sample!("pull-request-edited", "pr:modified", "pull_request.edited", p::PULL_REQUEST, p::EDITED),
    sample!("pull-request-retargeted", "pr:modified", "pull_request.edited", p::PULL_REQUEST, p::RETARGETED),
    sample!("pull-request-reviewers-added", "pr:reviewer:updated", "pull_request.review_requested", p::PULL_REQUEST, p::REVIEWERS_ADDED),
    sample!("pull-request-reviewers-removed", "pr:reviewer:updated", "pull_request.review_request_removed", p::PULL_REQUEST, p::REVIEWERS_REMOVED),
    sample!("pull-request-reviewers-swapped", "pr:reviewer:updated", "pull_request.review_requested", p::PULL_REQUEST, p::REVIEWERS_SWAPPED),
    sample!("pull-request-reviewers-same", "pr:reviewer:updated", "pull_request.edited", p::PULL_REQUEST, p::REVIEWERS_SAME),
    sample!("pull-request-merged", "pr:merged", "pull_request.merged", p::PULL_REQUEST, p::MERGED),
    sample!("pull-request-closed", "pr:declined", "pull_request.closed", p::PULL_REQUEST, p::DECLINED),
    sample!("pull-request-deleted", "pr:deleted", "pull_request.deleted", p::PULL_REQUEST, p::DELETED),
    sample!("review-approved", "pr:reviewer:approved", "review.approved", p::PULL_REQUEST, p::APPROVED),
    sample!("review-needs-work", "pr:reviewer:needs_work", "review.changes_requested", p::PULL_REQUEST, p::NEEDS_WORK),
    sample!("review-changes-requested", "pr:reviewer:changes_requested", "review.changes_requested", p::PULL_REQUEST, p::NEEDS_WORK, p::CHANGES_REQUESTED),
    sample!("review-approval-withdrawn", "pr:reviewer:unapproved", "review.dismissed", p::PULL_REQUEST, p::UNAPPROVED),
    sample!("review-changes-request-withdrawn", "pr:reviewer:unapproved", "review.dismissed", p::PULL_REQUEST, p::UNAPPROVED, p::WORK_DONE),
    sample!("pull-request-comment-created", "pr:comment:added", "pull_request_comment.created", p::PULL_REQUEST, p::COMMENTED),
    sample!("pull-request-comment-edited", "pr:comment:edited", "pull_request_comment.edited", p::PULL_REQUEST, p::COMMENTED, p::COMMENT_EDITED),
    sample!("pull-request-comment-deleted", "pr:comment:deleted", "pull_request_comment.deleted", p::PULL_REQUEST, p::COMMENTED, p::COMMENT_DELETED),
    sample!("commit-comment-created", "repo:comment:added", "commit_comment.created", p::COMMIT_COMMENT),
    sample!("commit-comment-edited", "repo:comment:edited", "commit_comment.edited", p::COMMIT_COMMENT, p::COMMIT_COMMENT_EDITED),
    sample!("commit-comment-deleted", "repo:comment:deleted", "commit_comment.deleted", p::COMMIT_COMMENT, p::COMMIT_COMMENT_DELETED),
    sample!("repository-created", "repo:created", "repository.created", p::REPOSITORY),
    sample!("repository-deleted", "repo:deleted", "repository.deleted", p::REPOSITORY, p::REPOSITORY_DELETED),
    sample!("repository-renamed", "repo:modified", "repository.renamed", p::MODIFIED),
    sample!("repository-transferred", "repo:modified", "repository.transferred", p::MODIFIED, p::MOVED),
    sample!("repository-updated", "repo:modified", "repository.updated", p::MODIFIED, p::DESCRIBED),
    sample!("default-branch-modified", "repo:default_branch_modified", "repository.updated", p::REPOSITORY, p::DEFAULT_BRANCH),
    sample!("fork", "repo:forked", "repository.forked", p::FORK),
    sample!("project-created", "project:created", "project.created", p::PROJECT, p::PROJECT_CREATED),
    sample!("project-updated", "project:modified", "project.updated", p::PROJECT),
    sample!("project-updated-of-8", "proj:modified", "project.updated", p::PROJECT, p::OLD_NAME),
    sample!("project-deleted", "project:deleted", "project.deleted", p::PROJECT, p::PROJECT_DELETED),
    sample!("mirror-synchronized", "mirror:repo_synchronized", "mirror.synchronized", p::MIRROR),
    sample!("mirror-synchronized-many", "mirror:repo_synchronized", "mirror.synchronized", p::MIRROR, p::TOO_MANY_REFS),
    sample!("secret-detected", "repo:secret_detected", "secret.detected", p::DETECTED),
    sample!("secret-detected-several", "repo:secret_detected", "secret.detected", p::DETECTED, p::IN_TWO),
    sample!("ping", "diagnostics:ping", "ping.sent", p::PING),
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", p::REPOSITORY, p::UNKNOWN),
];
