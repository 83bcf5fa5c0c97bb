//! What Gitea sends. Fields after Gitea 1.27: `modules/structs/hook.go`, `services/webhook/deliver.go`.

pub(super) mod project;
pub(super) mod talk;

use super::HeaderPart::{Delivery, Event, EventType, Fixed, Signature};
use super::{Sample, Sender};

pub(super) const PARTS: &str = include_str!("gitea/parts.json");
pub(super) const PUSH: &str = include_str!("gitea/push.json");
pub(super) const CREATE: &str = include_str!("gitea/create.json");
pub(super) const DELETE: &str = include_str!("gitea/delete.json");
pub(super) const PULL_REQUEST: &str = include_str!("gitea/pull_request.json");
pub(super) const UNRECOGNIZED: &str = include_str!("gitea/unrecognized.json");

/// Gitea also sends `X-Hub-Signature`, with SHA-1: nobody should read it, so it is left out.
pub(super) static SENDER: Sender = Sender {
    kind: "gitea",
    user_agent: "Go-http-client/1.1",
    headers: &[
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
        ("x-gitea-hook-installation-target-type", Fixed("repository")),
        ("x-github-hook-installation-target-type", Fixed("repository")),
    ],
    samples: SAMPLES,
    subscriptions: SUBSCRIPTIONS,
    parts: &[PARTS],
};

/// Names that the API takes (`updateHookEvents` in `routers/api/v1/utils/hook.go`) by those that a delivery
/// bears (`modules/webhook/type.go`). A name that stands for a group is not here.
const SUBSCRIPTIONS: &[(&str, &str)] = &[
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
    ("status", "status"),
    ("wiki", "wiki"),
    ("workflow_job", "workflow_job"),
    ("workflow_run", "workflow_run"),
];

/// A row: name, exact name of the hook, event made, layers of the payload.
macro_rules! sample {
    ($name:literal, $hook:literal, $makes:literal, $($layer:expr),+) => {
        sample!($name, $hook => $hook, $makes, $($layer),+)
    };
    ($name:literal, $event:literal => $hook:literal, $makes:literal, $($layer:expr),+) => {
        $crate::samples::Sample {
            name: $name,
            event: $event,
            event_type: Some($hook),
            makes: $makes,
            layers: &[$($layer),+],
        }
    };
}
pub(super) use sample;

pub(super) const NEW_BRANCH: &str = r#"{
    "ref": "refs/heads/feature/round-corners",
    "before": "0000000000000000000000000000000000000000"
}"#;
pub(super) const GONE_BRANCH: &str = r#"{
    "ref": "refs/heads/feature/round-corners",
    "after": "0000000000000000000000000000000000000000",
    "compare_url": "https://git.example.com/", "commits": [], "total_commits": 0, "head_commit": "@null"
}"#;
/// A branch that was moved back to a commit it had before.
pub(super) const MOVED_BACK: &str = r#"{
    "before": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02", "after": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d",
    "commits": [], "total_commits": 0,
    "head_commit": {
        "id": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d", "message": "Cut before measuring\n",
        "url": "https://git.example.com/acme/Widgets/commit/0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d"
    }
}"#;
/// A new branch at a commit that another branch has: nothing to compare.
pub(super) const NOTHING_NEW: &str =
    r#"{"compare_url": "https://git.example.com/", "commits": [], "total_commits": 0}"#;
/// The same in a repository whose hashes are SHA-256.
pub(super) const SHA256: &str = r#"{
    "before": "0000000000000000000000000000000000000000000000000000000000000000",
    "after": "9c1185a5c5e9fc54612808977ee8f548b2258d31f1f2d8b0a3d8a7c6e5f4a3b2",
    "head_commit": {"id": "9c1185a5c5e9fc54612808977ee8f548b2258d31f1f2d8b0a3d8a7c6e5f4a3b2", "message": "Round the corners\n"}
}"#;
pub(super) const NEW_TAG: &str = r#"{
    "ref": "refs/tags/v1.4.0",
    "before": "0000000000000000000000000000000000000000",
    "after": "d41a7c09be5260f31d8c4a97e6b2053f18c7da64",
    "compare_url": "https://git.example.com/", "commits": [], "total_commits": 0
}"#;
pub(super) const GONE_TAG: &str = r#"{
    "ref": "refs/tags/v1.4.0",
    "before": "d41a7c09be5260f31d8c4a97e6b2053f18c7da64",
    "after": "0000000000000000000000000000000000000000",
    "compare_url": "https://git.example.com/", "commits": [], "total_commits": 0, "head_commit": "@null"
}"#;
pub(super) const TEST: &str = r#"{
    "before": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
    "compare_url": "", "commits": ["@newest"], "total_commits": 1
}"#;
pub(super) const CREATED_TAG: &str = r#"{
    "sha": "d41a7c09be5260f31d8c4a97e6b2053f18c7da64", "ref": "v1.4.0", "ref_type": "tag"
}"#;
pub(super) const DELETED_TAG: &str = r#"{"ref": "v1.4.0", "ref_type": "tag"}"#;

pub(super) const CLOSED: &str = r#"{
    "action": "closed",
    "pull_request": {
        "state": "closed", "closed_at": "2026-11-03T08:00:01Z", "updated_at": "2026-11-03T08:00:01Z"
    }
}"#;
/// The head is in another repository.
pub(super) const FROM_FORK: &str = r#"{
    "pull_request": {"user": "@jonas", "head": {"repo_id": 57, "repo": "@fork"}},
    "sender": "@jonas"
}"#;
/// Pushed to `refs/for/main`, which takes no right to push: no branch, and the target as the head's repository.
pub(super) const AGIT: &str = r#"{
    "pull_request": {"user": "@jonas", "head": {"label": "", "ref": "refs/pull/17/head"}},
    "sender": "@jonas"
}"#;
/// The fork that the head was in is deleted; the pull request's own ref stands in for the branch.
pub(super) const HEAD_GONE: &str = r#"{
    "pull_request": {"user": "@ghost", "head": {"ref": "refs/pull/17/head", "repo_id": -1, "repo": "@null"}}
}"#;
pub(super) const MERGED: &str = r#"{
    "action": "closed",
    "pull_request": {
        "state": "closed", "merged": true, "merged_at": "2026-11-03T09:15:30Z", "merged_by": "@jonas",
        "merge_commit_sha": "e83f5b60d19c7a2e4f80b6c5d3a197e2048fbc6d",
        "closed_at": "2026-11-03T09:15:30Z", "updated_at": "2026-11-03T09:15:31Z"
    },
    "sender": "@jonas"
}"#;
pub(super) const REOPENED: &str =
    r#"{"action": "reopened", "pull_request": {"updated_at": "2026-11-03T08:05:00Z"}}"#;
pub(super) const EDITED: &str = r#"{
    "action": "edited",
    "changes": {"title": {"from": "Round corners"}, "ref": {"from": "develop"}},
    "pull_request": {"updated_at": "2026-11-02T10:40:00Z"}
}"#;
/// The commit that the pull request's head was at before.
const MOVED: &str = r#"{
    "before": "b2e40d7713f8a6950c1d2e3f4a5b6c7d8e9f0a1b",
    "after": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02"
}"#;
pub(super) const SYNCHRONIZED: &str =
    r#"{"action": "synchronized", "pull_request": {"updated_at": "2026-11-02T11:02:03Z"}}"#;
pub(super) const ASSIGNED: &str = r#"{
    "action": "assigned",
    "pull_request": {
        "assignee": "@jonas", "assignees": ["@jonas", "@maria"], "updated_at": "2026-11-02T10:45:00Z"
    }
}"#;
pub(super) const UNASSIGNED: &str =
    r#"{"action": "unassigned", "pull_request": {"updated_at": "2026-11-02T10:46:00Z"}}"#;
pub(super) const LABELED: &str = r#"{
    "action": "label_updated",
    "pull_request": {"labels": ["@label"], "updated_at": "2026-11-02T10:47:00Z"}
}"#;
pub(super) const UNLABELED: &str =
    r#"{"action": "label_cleared", "pull_request": {"updated_at": "2026-11-02T10:48:00Z"}}"#;
pub(super) const MILESTONED: &str = r#"{
    "action": "milestoned",
    "pull_request": {"milestone": "@milestone", "updated_at": "2026-11-02T10:49:00Z"}
}"#;
pub(super) const DEMILESTONED: &str =
    r#"{"action": "demilestoned", "pull_request": {"updated_at": "2026-11-02T10:50:00Z"}}"#;
pub(super) const REVIEW_REQUESTED: &str = r#"{
    "action": "review_requested",
    "pull_request": {"requested_reviewers": ["@jonas"], "updated_at": "2026-11-02T10:51:00Z"},
    "requested_reviewer": "@jonas"
}"#;
pub(super) const REVIEW_UNREQUESTED: &str = r#"{
    "action": "review_request_removed",
    "pull_request": {"requested_reviewers": [], "updated_at": "2026-11-02T10:52:00Z"},
    "requested_reviewer": "@jonas"
}"#;
const DELETED: &str = r#"{"action": "deleted"}"#;

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    sample!("push", "push", "push.updated", PUSH),
    sample!("push-moved-back", "push", "push.updated", PUSH, MOVED_BACK),
    sample!("push-created", "push", "push.created", PUSH, NEW_BRANCH),
    sample!("push-deleted", "push", "ref.deleted", PUSH, GONE_BRANCH),
    sample!("push-created-at-known-commit", "push", "push.created", PUSH, NEW_BRANCH, NOTHING_NEW),
    sample!("push-created-sha256", "push", "push.created", PUSH, NEW_BRANCH, NOTHING_NEW, SHA256),
    sample!("branch-created", "create", "ref.created", CREATE),
    sample!("branch-deleted", "delete", "push.deleted", DELETE),
    sample!("tag", "push", "tag.created", PUSH, NEW_TAG),
    sample!("tag-push-deleted", "push", "tag.deleted", PUSH, GONE_TAG),
    sample!("tag-created", "create", "ref.created", CREATE, CREATED_TAG),
    sample!("tag-deleted", "delete", "ref.deleted", DELETE, DELETED_TAG),
    sample!("pull-request-opened", "pull_request", "pull_request.opened", PULL_REQUEST),
    sample!("pull-request-from-fork", "pull_request", "pull_request.opened", PULL_REQUEST, FROM_FORK),
    sample!("pull-request-without-fork", "pull_request", "pull_request.opened", PULL_REQUEST, AGIT),
    sample!("pull-request-closed", "pull_request", "pull_request.closed", PULL_REQUEST, CLOSED),
    sample!("pull-request-head-gone", "pull_request", "pull_request.closed", PULL_REQUEST, CLOSED, HEAD_GONE),
    sample!("pull-request-merged", "pull_request", "pull_request.merged", PULL_REQUEST, MERGED),
    sample!("pull-request-reopened", "pull_request", "pull_request.reopened", PULL_REQUEST, REOPENED),
    sample!("pull-request-edited", "pull_request", "pull_request.edited", PULL_REQUEST, EDITED),
    sample!("pull-request-synchronized", "pull_request" => "pull_request_sync", "pull_request.synchronized", PULL_REQUEST, SYNCHRONIZED, MOVED),
    sample!("pull-request-assigned", "pull_request" => "pull_request_assign", "pull_request.assigned", PULL_REQUEST, ASSIGNED),
    sample!("pull-request-unassigned", "pull_request" => "pull_request_assign", "pull_request.unassigned", PULL_REQUEST, UNASSIGNED),
    sample!("pull-request-labels-updated", "pull_request" => "pull_request_label", "pull_request.labels_updated", PULL_REQUEST, LABELED),
    sample!("pull-request-labels-cleared", "pull_request" => "pull_request_label", "pull_request.labels_cleared", PULL_REQUEST, UNLABELED),
    sample!("pull-request-milestoned", "pull_request" => "pull_request_milestone", "pull_request.milestoned", PULL_REQUEST, MILESTONED),
    sample!("pull-request-demilestoned", "pull_request" => "pull_request_milestone", "pull_request.demilestoned", PULL_REQUEST, DEMILESTONED),
    sample!("pull-request-review-requested", "pull_request" => "pull_request_review_request", "pull_request.review_requested", PULL_REQUEST, REVIEW_REQUESTED),
    sample!("pull-request-review-request-removed", "pull_request" => "pull_request_review_request", "pull_request.review_request_removed", PULL_REQUEST, REVIEW_UNREQUESTED),
    sample!("pull-request-deleted", "pull_request", "pull_request.deleted", PULL_REQUEST, DELETED),
    sample!("review-approved", "pull_request_approved" => "pull_request_review_approved", "review.approved", PULL_REQUEST, talk::APPROVED),
    sample!("review-changes-requested", "pull_request_rejected" => "pull_request_review_rejected", "review.changes_requested", PULL_REQUEST, talk::REJECTED),
    sample!("review-commented", "pull_request_comment" => "pull_request_review_comment", "review.commented", PULL_REQUEST, talk::COMMENTED),
    sample!("review-by-old-version", "pull_request_comment" => "pull_request_review_comment", "review.commented", PULL_REQUEST, talk::COMMENTED, talk::OLD_TYPE),
    sample!("pull-request-comment-created", "issue_comment" => "pull_request_comment", "pull_request_comment.created", PULL_REQUEST, talk::ON_PULL_REQUEST),
    sample!("pull-request-comment-edited", "issue_comment" => "pull_request_comment", "pull_request_comment.edited", PULL_REQUEST, talk::ON_PULL_REQUEST, talk::COMMENT_EDITED),
    sample!("pull-request-comment-deleted", "issue_comment" => "pull_request_comment", "pull_request_comment.deleted", PULL_REQUEST, talk::ON_PULL_REQUEST, talk::DELETED),
    sample!("pull-request-comment-by-old-version", "issue_comment" => "pull_request_comment", "pull_request_comment.created", PULL_REQUEST, talk::ON_PULL_REQUEST, talk::WITHOUT_PULL),
    sample!("issue-comment-created", "issue_comment", "issue_comment.created", talk::ISSUE_COMMENT),
    sample!("issue-comment-edited", "issue_comment", "issue_comment.edited", talk::ISSUE_COMMENT, talk::COMMENT_EDITED),
    sample!("issue-comment-deleted", "issue_comment", "issue_comment.deleted", talk::ISSUE_COMMENT, talk::DELETED),
    sample!("issue-opened", "issues", "issue.opened", talk::ISSUE),
    sample!("issue-closed", "issues", "issue.closed", talk::ISSUE, talk::CLOSED),
    sample!("issue-closed-by-commit", "issues", "issue.closed", talk::ISSUE, talk::CLOSED, talk::BY_COMMIT),
    sample!("issue-reopened", "issues", "issue.reopened", talk::ISSUE, talk::REOPENED),
    sample!("issue-edited", "issues", "issue.edited", talk::ISSUE, talk::EDITED, talk::NO_LABELS_SAID),
    sample!("issue-deleted", "issues", "issue.deleted", talk::ISSUE, talk::DELETED, talk::BY_GHOST),
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
    sample!("repository-renamed", "repository", "repository.renamed", project::REPOSITORY, project::RENAMED),
    sample!("fork", "fork", "repository.forked", project::FORK),
    sample!("wiki-created", "wiki", "wiki.created", project::WIKI),
    sample!("wiki-edited", "wiki", "wiki.edited", project::WIKI, project::PAGE_EDITED),
    sample!("wiki-deleted", "wiki", "wiki.deleted", project::WIKI, project::PAGE_DELETED),
    sample!("package-created", "package", "package.created", project::PACKAGE),
    sample!("package-deleted", "package", "package.deleted", project::PACKAGE, project::DELETED),
    sample!("package-created-of-user", "package", "package.created", project::PACKAGE, project::OF_A_USER),
    sample!("package-created-of-repository", "package", "package.created", project::PACKAGE, project::LINKED),
    sample!("status-pending", "status", "status.pending", project::STATUS),
    sample!("status-success", "status", "status.success", project::STATUS, project::SUCCESS),
    sample!("status-failure", "status", "status.failure", project::STATUS, project::FAILURE),
    sample!("status-error", "status", "status.error", project::STATUS, project::ERROR),
    sample!("status-warning", "status", "status.warning", project::STATUS, project::WARNING),
    sample!("status-skipped", "status", "status.skipped", project::STATUS, project::SKIPPED),
    sample!("workflow-run-requested", "workflow_run", "workflow_run.requested", project::RUN),
    sample!("workflow-run-in-progress", "workflow_run", "workflow_run.in_progress", project::RUN, project::RUN_STARTED),
    sample!("workflow-run-completed", "workflow_run", "workflow_run.completed", project::RUN, project::RUN_COMPLETED),
    sample!("workflow-run-completed-of-tag", "workflow_run", "workflow_run.completed", project::RUN, project::RUN_COMPLETED, project::RUN_OF_TAG),
    sample!("workflow-run-completed-of-pull-request", "workflow_run", "workflow_run.completed", project::RUN, project::RUN_COMPLETED, project::RUN_OF_PULL_REQUEST),
    sample!("workflow-job-queued", "workflow_job", "workflow_job.queued", project::JOB),
    sample!("workflow-job-waiting", "workflow_job", "workflow_job.waiting", project::JOB, project::JOB_WAITING),
    sample!("workflow-job-waiting-by-new-version", "workflow_job", "workflow_job.waiting", project::JOB, project::JOB_PENDING),
    sample!("workflow-job-in-progress", "workflow_job", "workflow_job.in_progress", project::JOB, project::JOB_STARTED),
    sample!("workflow-job-completed", "workflow_job", "workflow_job.completed", project::JOB, project::JOB_STARTED, project::JOB_COMPLETED),
    sample!("ping", "push", "ping.sent", PUSH, TEST),
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", UNRECOGNIZED),
];
