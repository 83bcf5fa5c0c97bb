//! What Forgejo sends: Gitea's payloads where they are the same, and what differs. Fields after Forgejo 16:
//! `modules/structs`, `services/webhook/shared/payloader.go`.

use super::HeaderPart::{Delivery, Event, EventType, Signature};
use super::gitea::{
    AGIT, ASSIGNED, CLOSED, CREATE, CREATED_TAG, DELETE, DELETED_TAG, DEMILESTONED, EDITED,
    FROM_FORK, GONE_BRANCH, GONE_TAG, HEAD_GONE, LABELED, MERGED, MILESTONED, MOVED_BACK,
    NEW_BRANCH, NEW_TAG, NOTHING_NEW, PARTS, PULL_REQUEST, PUSH, REOPENED, REVIEW_REQUESTED,
    REVIEW_UNREQUESTED, SHA256, SYNCHRONIZED, TEST, UNASSIGNED, UNLABELED, UNRECOGNIZED, project,
    sample, talk,
};
use super::{Sample, Sender};

/// Gitea's headers, too: a receiver for Gitea takes them without knowing Forgejo.
pub(super) static SENDER: Sender = Sender {
    kind: "forgejo",
    user_agent: "Go-http-client/1.1",
    headers: &[
        ("x-forgejo-delivery", Delivery),
        ("x-forgejo-event", Event),
        ("x-forgejo-event-type", EventType),
        ("x-forgejo-signature", Signature("")),
        ("x-gitea-delivery", Delivery),
        ("x-gitea-event", Event),
        ("x-gitea-event-type", EventType),
        ("x-gitea-signature", Signature("")),
        ("x-gogs-delivery", Delivery),
        ("x-gogs-event", Event),
        ("x-gogs-event-type", EventType),
        ("x-gogs-signature", Signature("")),
        ("x-hub-signature-256", Signature("sha256=")),
        ("x-github-delivery", Delivery),
        ("x-github-event", Event),
        ("x-github-event-type", EventType),
    ],
    samples: SAMPLES,
    subscriptions: SUBSCRIPTIONS,
    parts: &[PARTS, include_str!("forgejo/parts.json")],
};

/// As Gitea, and the runs of actions, which have names of their own; status and workflows are not sent.
const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("action_run_failure", "action_run_failure"),
    ("action_run_recover", "action_run_recover"),
    ("action_run_success", "action_run_success"),
    ("create", "create"),
    ("delete", "delete"),
    ("fork", "fork"),
    ("issue_assign", "issue_assign"),
    ("issue_comment", "issue_comment"),
    ("issue_label", "issue_label"),
    ("issue_milestone", "issue_milestone"),
    ("issues", "issues_only"),
    ("package", "package"),
    ("pull_request", "pull_request_only"),
    ("pull_request_assign", "pull_request_assign"),
    ("pull_request_comment", "pull_request_comment"),
    ("pull_request_label", "pull_request_label"),
    ("pull_request_milestone", "pull_request_milestone"),
    ("pull_request_review_approved", "pull_request_review"),
    ("pull_request_review_comment", "pull_request_review"),
    ("pull_request_review_rejected", "pull_request_review"),
    ("pull_request_review_request", "pull_request_review_request"),
    ("pull_request_sync", "pull_request_sync"),
    ("push", "push"),
    ("release", "release"),
    ("repository", "repository"),
    ("wiki", "wiki"),
];

/// Forgejo says which flow it is.
const AGIT_FLOW: &str = r#"{"pull_request": {"flow": 1}}"#;
const FLOW: &str = include_str!("forgejo/pull_request.json");
/// Repository and actor stand in the run.
const ACTION_RUN: &str = include_str!("forgejo/action_run.json");
const RECOVERED: &str = r#"{"action": "recover"}"#;
const FAILED: &str = r#"{"action": "failure", "run": {"status": "failure"}, "last_run": null}"#;
/// Of a pull request from a fork: the short name of its ref is no branch.
const CANCELLED: &str = r##"{
    "run": {
        "status": "cancelled", "prettyref": "#17", "is_fork_pull_request": true, "event": "pull_request",
        "trigger_event": "pull_request", "event_payload": "{\"action\": \"opened\", \"number\": 17}"
    }
}"##;
const NO_ORGANIZATION: &str = r#"{"organization": "@null"}"#;
/// Where Gitea sends a short name, Forgejo sends the whole.
const FULL_BRANCH: &str = r#"{"ref": "refs/heads/feature/round-corners"}"#;
const FULL_TAG: &str = r#"{"ref": "refs/tags/v1.4.0"}"#;

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    sample!("push", "push", "push.updated", PUSH),
    sample!("push-moved-back", "push", "push.updated", PUSH, MOVED_BACK),
    sample!("push-created", "push", "push.created", PUSH, NEW_BRANCH),
    sample!("push-deleted", "push", "ref.deleted", PUSH, GONE_BRANCH),
    sample!("push-created-at-known-commit", "push", "push.created", PUSH, NEW_BRANCH, NOTHING_NEW),
    sample!("push-created-sha256", "push", "push.created", PUSH, NEW_BRANCH, NOTHING_NEW, SHA256),
    sample!("branch-created", "create", "ref.created", CREATE, FULL_BRANCH),
    sample!("branch-deleted", "delete", "push.deleted", DELETE, FULL_BRANCH),
    sample!("tag", "push", "tag.created", PUSH, NEW_TAG),
    sample!("tag-push-deleted", "push", "tag.deleted", PUSH, GONE_TAG),
    sample!("tag-created", "create", "ref.created", CREATE, CREATED_TAG, FULL_TAG),
    sample!("tag-deleted", "delete", "ref.deleted", DELETE, DELETED_TAG, FULL_TAG),
    sample!("pull-request-opened", "pull_request", "pull_request.opened", PULL_REQUEST, FLOW),
    sample!("pull-request-from-fork", "pull_request", "pull_request.opened", PULL_REQUEST, FLOW, FROM_FORK),
    sample!("pull-request-without-fork", "pull_request", "pull_request.opened", PULL_REQUEST, FLOW, AGIT_FLOW, AGIT),
    sample!("pull-request-closed", "pull_request", "pull_request.closed", PULL_REQUEST, FLOW, CLOSED),
    sample!("pull-request-head-gone", "pull_request", "pull_request.closed", PULL_REQUEST, FLOW, CLOSED, HEAD_GONE),
    sample!("pull-request-merged", "pull_request", "pull_request.merged", PULL_REQUEST, FLOW, MERGED),
    sample!("pull-request-reopened", "pull_request", "pull_request.reopened", PULL_REQUEST, FLOW, REOPENED),
    sample!("pull-request-edited", "pull_request", "pull_request.edited", PULL_REQUEST, FLOW, EDITED),
    sample!("pull-request-synchronized", "pull_request" => "pull_request_sync", "pull_request.synchronized", PULL_REQUEST, FLOW, SYNCHRONIZED),
    sample!("pull-request-assigned", "pull_request" => "pull_request_assign", "pull_request.assigned", PULL_REQUEST, FLOW, ASSIGNED),
    sample!("pull-request-unassigned", "pull_request" => "pull_request_assign", "pull_request.unassigned", PULL_REQUEST, FLOW, UNASSIGNED),
    sample!("pull-request-labels-updated", "pull_request" => "pull_request_label", "pull_request.labels_updated", PULL_REQUEST, FLOW, LABELED),
    sample!("pull-request-labels-cleared", "pull_request" => "pull_request_label", "pull_request.labels_cleared", PULL_REQUEST, FLOW, UNLABELED),
    sample!("pull-request-milestoned", "pull_request" => "pull_request_milestone", "pull_request.milestoned", PULL_REQUEST, FLOW, MILESTONED),
    sample!("pull-request-demilestoned", "pull_request" => "pull_request_milestone", "pull_request.demilestoned", PULL_REQUEST, FLOW, DEMILESTONED),
    sample!("pull-request-review-requested", "pull_request" => "pull_request_review_request", "pull_request.review_requested", PULL_REQUEST, FLOW, REVIEW_REQUESTED),
    sample!("pull-request-review-request-removed", "pull_request" => "pull_request_review_request", "pull_request.review_request_removed", PULL_REQUEST, FLOW, REVIEW_UNREQUESTED),
    sample!("review-approved", "pull_request_approved" => "pull_request_review_approved", "review.approved", PULL_REQUEST, FLOW, talk::APPROVED),
    sample!("review-changes-requested", "pull_request_rejected" => "pull_request_review_rejected", "review.changes_requested", PULL_REQUEST, FLOW, talk::REJECTED),
    sample!("review-commented", "pull_request_comment" => "pull_request_review_comment", "review.commented", PULL_REQUEST, FLOW, talk::COMMENTED),
    sample!("review-by-old-version", "pull_request_comment" => "pull_request_review_comment", "review.commented", PULL_REQUEST, FLOW, talk::COMMENTED, talk::OLD_TYPE),
    sample!("pull-request-comment-created", "issue_comment" => "pull_request_comment", "pull_request_comment.created", PULL_REQUEST, FLOW, talk::ON_PULL_REQUEST),
    sample!("pull-request-comment-edited", "issue_comment" => "pull_request_comment", "pull_request_comment.edited", PULL_REQUEST, FLOW, talk::ON_PULL_REQUEST, talk::COMMENT_EDITED),
    sample!("pull-request-comment-deleted", "issue_comment" => "pull_request_comment", "pull_request_comment.deleted", PULL_REQUEST, FLOW, talk::ON_PULL_REQUEST, talk::DELETED),
    sample!("pull-request-comment-by-old-version", "issue_comment" => "pull_request_comment", "pull_request_comment.created", PULL_REQUEST, FLOW, talk::ON_PULL_REQUEST, talk::WITHOUT_PULL),
    sample!("issue-comment-created", "issue_comment", "issue_comment.created", talk::ISSUE_COMMENT),
    sample!("issue-comment-edited", "issue_comment", "issue_comment.edited", talk::ISSUE_COMMENT, talk::COMMENT_EDITED),
    sample!("issue-comment-deleted", "issue_comment", "issue_comment.deleted", talk::ISSUE_COMMENT, talk::DELETED),
    sample!("issue-opened", "issues", "issue.opened", talk::ISSUE),
    sample!("issue-closed", "issues", "issue.closed", talk::ISSUE, talk::CLOSED),
    sample!("issue-closed-by-commit", "issues", "issue.closed", talk::ISSUE, talk::CLOSED, talk::BY_COMMIT),
    sample!("issue-reopened", "issues", "issue.reopened", talk::ISSUE, talk::REOPENED),
    sample!("issue-edited", "issues", "issue.edited", talk::ISSUE, talk::EDITED),
    sample!("issue-assigned", "issues" => "issue_assign", "issue.assigned", talk::ISSUE, talk::ASSIGNED),
    sample!("issue-unassigned", "issues" => "issue_assign", "issue.unassigned", talk::ISSUE, talk::UNASSIGNED),
    sample!("issue-labels-updated", "issues" => "issue_label", "issue.labels_updated", talk::ISSUE, talk::LABELED),
    sample!("issue-labels-cleared", "issues" => "issue_label", "issue.labels_cleared", talk::ISSUE, talk::UNLABELED),
    sample!("issue-milestoned", "issues" => "issue_milestone", "issue.milestoned", talk::ISSUE, talk::MILESTONED),
    sample!("issue-demilestoned", "issues" => "issue_milestone", "issue.demilestoned", talk::ISSUE, talk::DEMILESTONED),
    sample!("release-published", "release", "release.published", project::RELEASE),
    sample!("release-updated", "release", "release.updated", project::RELEASE, project::UPDATED),
    sample!("release-deleted", "release", "release.deleted", project::RELEASE, project::DELETED),
    sample!("repository-created", "repository", "repository.created", project::REPOSITORY),
    sample!("repository-deleted", "repository", "repository.deleted", project::REPOSITORY, project::DELETED),
    sample!("fork", "fork", "repository.forked", project::FORK),
    sample!("wiki-created", "wiki", "wiki.created", project::WIKI),
    sample!("wiki-edited", "wiki", "wiki.edited", project::WIKI, project::PAGE_EDITED),
    sample!("wiki-deleted", "wiki", "wiki.deleted", project::WIKI, project::PAGE_DELETED),
    sample!("package-created", "" => "package", "package.created", project::PACKAGE, NO_ORGANIZATION),
    sample!("package-deleted", "" => "package", "package.deleted", project::PACKAGE, NO_ORGANIZATION, project::DELETED),
    sample!("package-created-of-user", "" => "package", "package.created", project::PACKAGE, NO_ORGANIZATION, project::OF_A_USER),
    sample!("package-created-of-repository", "" => "package", "package.created", project::PACKAGE, NO_ORGANIZATION, project::LINKED),
    sample!("action-run-success", "action_run_success", "workflow_run.completed", ACTION_RUN),
    sample!("action-run-recover", "action_run_recover", "workflow_run.recovered", ACTION_RUN, RECOVERED),
    sample!("action-run-failure", "action_run_failure", "workflow_run.completed", ACTION_RUN, FAILED),
    sample!("action-run-cancelled", "action_run_failure", "workflow_run.completed", ACTION_RUN, FAILED, CANCELLED),
    sample!("ping", "push", "ping.sent", PUSH, TEST),
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", UNRECOGNIZED),
];
