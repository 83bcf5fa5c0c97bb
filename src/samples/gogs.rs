//! What Gogs sends: fewer fields, flat pull requests, no exact hook names. Fields after Gogs 0.15:
//! `internal/route/api/v1/types`, `internal/database/webhook.go`.

use super::HeaderPart::{Delivery, Event, Signature};
use super::gitea::{
    CLOSED, CREATED_TAG, DELETE, DELETED_TAG, DEMILESTONED, EDITED, GONE_BRANCH, LABELED, MERGED,
    MILESTONED, NEW_BRANCH, REOPENED, SYNCHRONIZED, TEST, UNASSIGNED, UNLABELED, UNRECOGNIZED,
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
    parts: &[include_str!("gogs/parts.json")],
};

const PUSH: &str = include_str!("gogs/push.json");
const CREATE: &str = include_str!("gogs/create.json");
const PULL_REQUEST: &str = include_str!("gogs/pull_request.json");
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
    sample!("ping", "push", "ping.sent", PUSH, TEST, SUBSET),
    sample!("pull-request-opened", "pull_request", "pull_request.opened", PULL_REQUEST),
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
    sample!("unrecognized", "not_yet_known", "unrecognized.not_yet_known", UNRECOGNIZED),
];
