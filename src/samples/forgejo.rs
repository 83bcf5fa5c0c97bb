//! What Forgejo sends: Gitea's payloads where they are the same, and what differs. Fields after Forgejo 16:
//! `modules/structs`, `services/webhook/shared/payloader.go`.

use super::HeaderPart::{Delivery, Event, EventType, Signature};
use super::gitea::{
    ASSIGNED, CLOSED, CREATE, CREATED_TAG, DELETE, DELETED_TAG, DEMILESTONED, EDITED, GONE_BRANCH,
    GONE_TAG, LABELED, MERGED, MILESTONED, NEW_BRANCH, NEW_TAG, PARTS, PULL_REQUEST, PUSH,
    REOPENED, REVIEW_REQUESTED, REVIEW_UNREQUESTED, SYNCHRONIZED, TEST, UNASSIGNED, UNLABELED,
    UNRECOGNIZED, sample,
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
    parts: &[PARTS, include_str!("forgejo/parts.json")],
};

const FLOW: &str = include_str!("forgejo/pull_request.json");
/// Where Gitea sends a short name, Forgejo sends the whole.
const FULL_BRANCH: &str = r#"{"ref": "refs/heads/feature/round-corners"}"#;
const FULL_TAG: &str = r#"{"ref": "refs/tags/v1.4.0"}"#;

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    sample!("push", "push", "push.updated", PUSH),
    sample!("push-created", "push", "push.created", PUSH, NEW_BRANCH),
    sample!("push-deleted", "push", "ref.deleted", PUSH, GONE_BRANCH),
    sample!("branch-created", "create", "ref.created", CREATE, FULL_BRANCH),
    sample!("branch-deleted", "delete", "push.deleted", DELETE, FULL_BRANCH),
    sample!("tag", "push", "tag.created", PUSH, NEW_TAG),
    sample!("tag-push-deleted", "push", "tag.deleted", PUSH, GONE_TAG),
    sample!("tag-created", "create", "ref.created", CREATE, CREATED_TAG, FULL_TAG),
    sample!("tag-deleted", "delete", "ref.deleted", DELETE, DELETED_TAG, FULL_TAG),
    sample!("ping", "push", "ping.sent", PUSH, TEST),
    sample!("pull-request-opened", "pull_request", "pull_request.opened", PULL_REQUEST, FLOW),
    sample!("pull-request-closed", "pull_request", "pull_request.closed", PULL_REQUEST, FLOW, CLOSED),
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
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", UNRECOGNIZED),
];
