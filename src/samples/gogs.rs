//! What Gogs sends: fewer fields, flat pull requests, no exact hook names. Fields after Gogs 0.15:
//! `internal/route/api/v1/types`, `internal/database/webhook.go`.

use super::HeaderPart::{Delivery, Event, Signature};
use super::gitea::{
    CLOSED, CREATED_TAG, DELETE, DELETED_TAG, DEMILESTONED, EDITED, GONE_BRANCH, LABELED, MERGED,
    MILESTONED, NEW_BRANCH, REOPENED, SYNCHRONIZED, TEST, UNASSIGNED, UNLABELED, UNRECOGNIZED,
    talk,
};
use super::{Sample, Sender};

pub(super) static SENDER: Sender = Sender {
    kind: "gogs",
    user_agent: "GogsServer",
    headers: &[
        ("x-github-delivery", Delivery),
        ("x-github-event", Event),
        ("x-gogs-delivery", Delivery),
        ("x-gogs-signature", Signature("")),
        ("x-gogs-event", Event),
    ],
    samples: SAMPLES,
    // Events and subscriptions have the same names: `HookEvents` in `internal/database/webhook.go`.
    subscriptions: &[
        ("create", "create"),
        ("delete", "delete"),
        ("fork", "fork"),
        ("issue_comment", "issue_comment"),
        ("issues", "issues"),
        ("pull_request", "pull_request"),
        ("push", "push"),
        ("release", "release"),
    ],
    parts: &[include_str!("gogs/parts.json")],
};

const PUSH: &str = include_str!("gogs/push.json");
const CREATE: &str = include_str!("gogs/create.json");
const PULL_REQUEST: &str = include_str!("gogs/pull_request.json");
const ISSUE: &str = include_str!("gogs/issue.json");
const ISSUE_COMMENT: &str = include_str!("gogs/issue_comment.json");
const ON_PULL_REQUEST: &str = include_str!("gogs/on_pull_request.json");
/// The new repository is the `forkee`, unlike in Gitea.
const FORK: &str = include_str!("gogs/fork.json");
const RELEASE: &str = include_str!("gogs/release.json");
const FROM_FORK: &str =
    r#"{"pull_request": {"user": "@jonas", "head_repo": "@fork"}, "sender": "@jonas"}"#;
const NOT_SAID: &str = r#"{"issue": {"closed_at": null}}"#;
const ISSUE_ASSIGNED: &str = r#"{
    "action": "assigned", "issue": {"assignee": "@maria", "updated_at": "2026-11-01T15:10:00Z"}
}"#;
/// What Gitea's patches add and Gogs does not send.
const SUBSET: &str = r#"{"total_commits": null, "head_commit": null}"#;
const FLAT: &str = r#"{"pull_request": {"updated_at": null, "closed_at": null}}"#;
const ONE_CHANGE: &str = r#"{"changes": {"ref": null}}"#;
/// Gogs knows one assignee.
const ASSIGNED: &str = r#"{"action": "assigned", "pull_request": {"assignee": "@jonas"}}"#;

/// A row: name, event, event made, layers of the payload.
macro_rules! sample {
    ($name:literal, $event:literal, $makes:literal, $($layer:expr),+) => {
        Sample { name: $name, event: $event, event_type: None, makes: $makes, layers: &[$($layer),+] }
    };
}

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    sample!("push", "push", "push.updated", PUSH, SUBSET),
    sample!("push-created", "push", "push.created", PUSH, NEW_BRANCH, SUBSET),
    sample!("push-deleted", "push", "ref.deleted", PUSH, GONE_BRANCH, SUBSET),
    sample!("branch-created", "create", "ref.created", CREATE),
    sample!("branch-deleted", "delete", "push.deleted", DELETE),
    sample!("tag-created", "create", "tag.created", CREATE, CREATED_TAG),
    sample!("tag-deleted", "delete", "tag.deleted", DELETE, DELETED_TAG),
    sample!("pull-request-opened", "pull_request", "pull_request.opened", PULL_REQUEST),
    sample!("pull-request-from-fork", "pull_request", "pull_request.opened", PULL_REQUEST, FROM_FORK),
    sample!("pull-request-closed", "pull_request", "pull_request.closed", PULL_REQUEST, CLOSED, FLAT),
    sample!("pull-request-merged", "pull_request", "pull_request.merged", PULL_REQUEST, MERGED, FLAT),
    sample!("pull-request-reopened", "pull_request", "pull_request.reopened", PULL_REQUEST, REOPENED, FLAT),
    sample!("pull-request-edited", "pull_request", "pull_request.edited", PULL_REQUEST, EDITED, FLAT, ONE_CHANGE),
    sample!("pull-request-synchronized", "pull_request", "pull_request.synchronized", PULL_REQUEST, SYNCHRONIZED, FLAT),
    sample!("pull-request-assigned", "pull_request", "pull_request.assigned", PULL_REQUEST, ASSIGNED, FLAT),
    sample!("pull-request-unassigned", "pull_request", "pull_request.unassigned", PULL_REQUEST, UNASSIGNED, FLAT),
    sample!("pull-request-labels-updated", "pull_request", "pull_request.labels_updated", PULL_REQUEST, LABELED, FLAT),
    sample!("pull-request-labels-cleared", "pull_request", "pull_request.labels_cleared", PULL_REQUEST, UNLABELED, FLAT),
    sample!("pull-request-milestoned", "pull_request", "pull_request.milestoned", PULL_REQUEST, MILESTONED, FLAT),
    sample!("pull-request-demilestoned", "pull_request", "pull_request.demilestoned", PULL_REQUEST, DEMILESTONED, FLAT),
    sample!("pull-request-comment-created", "issue_comment", "pull_request_comment.created", ISSUE_COMMENT, ON_PULL_REQUEST),
    sample!("pull-request-comment-edited", "issue_comment", "pull_request_comment.edited", ISSUE_COMMENT, ON_PULL_REQUEST, talk::COMMENT_EDITED),
    sample!("pull-request-comment-deleted", "issue_comment", "pull_request_comment.deleted", ISSUE_COMMENT, ON_PULL_REQUEST, talk::DELETED),
    sample!("issue-comment-created", "issue_comment", "issue_comment.created", ISSUE_COMMENT),
    sample!("issue-comment-edited", "issue_comment", "issue_comment.edited", ISSUE_COMMENT, talk::COMMENT_EDITED),
    sample!("issue-comment-deleted", "issue_comment", "issue_comment.deleted", ISSUE_COMMENT, talk::DELETED),
    sample!("issue-opened", "issues", "issue.opened", ISSUE),
    sample!("issue-closed", "issues", "issue.closed", ISSUE, talk::CLOSED, NOT_SAID),
    sample!("issue-reopened", "issues", "issue.reopened", ISSUE, talk::REOPENED),
    sample!("issue-edited", "issues", "issue.edited", ISSUE, talk::EDITED),
    sample!("issue-assigned", "issues", "issue.assigned", ISSUE, ISSUE_ASSIGNED),
    sample!("issue-unassigned", "issues", "issue.unassigned", ISSUE, talk::UNASSIGNED),
    sample!("issue-labels-updated", "issues", "issue.labels_updated", ISSUE, talk::LABELED),
    sample!("issue-labels-cleared", "issues", "issue.labels_cleared", ISSUE, talk::UNLABELED),
    sample!("issue-milestoned", "issues", "issue.milestoned", ISSUE, talk::MILESTONED),
    sample!("issue-demilestoned", "issues", "issue.demilestoned", ISSUE, talk::DEMILESTONED),
    sample!("release-published", "release", "release.published", RELEASE),
    sample!("fork", "fork", "repository.forked", FORK),
    sample!("ping", "push", "ping.sent", PUSH, TEST, SUBSET),
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", UNRECOGNIZED),
];
