//! What people say: issues, comments and reviews, as patches on their first payload.

pub(in crate::samples) const ISSUE: &str = include_str!("issue.json");
pub(in crate::samples) const ISSUE_COMMENT: &str = include_str!("issue_comment.json");
/// On top of a pull request's payload.
pub(in crate::samples) const ON_PULL_REQUEST: &str = include_str!("pull_request_comment.json");

pub(in crate::samples) const CLOSED: &str = r#"{
    "action": "closed",
    "issue": {"state": "closed", "closed_at": "2026-11-03T09:15:32Z", "updated_at": "2026-11-03T09:15:32Z"}
}"#;
/// By a commit whose message says so; a job pushed it.
pub(in crate::samples) const BY_COMMIT: &str =
    r#"{"commit_id": "e83f5b60d19c7a2e4f80b6c5d3a197e2048fbc6d", "sender": "@actions"}"#;
pub(in crate::samples) const REOPENED: &str =
    r#"{"action": "reopened", "issue": {"updated_at": "2026-11-03T10:20:00Z"}}"#;
pub(in crate::samples) const EDITED: &str = r#"{
    "action": "edited",
    "changes": {"title": {"from": "Corners scratch"}},
    "issue": {"updated_at": "2026-11-01T15:06:10Z"}
}"#;
/// Gitea 1.25 and newer.
pub(in crate::samples) const NO_LABELS_SAID: &str =
    r#"{"changes": {"added_labels": "@null", "removed_labels": "@null"}}"#;
pub(in crate::samples) const DELETED: &str = r#"{"action": "deleted"}"#;
/// The account of its author is deleted.
pub(in crate::samples) const BY_GHOST: &str =
    r#"{"issue": {"user": "@ghost"}, "sender": "@maria"}"#;
pub(in crate::samples) const ASSIGNED: &str = r#"{
    "action": "assigned",
    "issue": {"assignee": "@maria", "assignees": ["@maria"], "updated_at": "2026-11-01T15:10:00Z"}
}"#;
pub(in crate::samples) const UNASSIGNED: &str =
    r#"{"action": "unassigned", "issue": {"updated_at": "2026-11-01T15:11:00Z"}}"#;
pub(in crate::samples) const LABELED: &str = r#"{
    "action": "label_updated",
    "issue": {"labels": ["@label"], "updated_at": "2026-11-01T15:12:00Z"}
}"#;
pub(in crate::samples) const UNLABELED: &str =
    r#"{"action": "label_cleared", "issue": {"updated_at": "2026-11-01T15:13:00Z"}}"#;
pub(in crate::samples) const MILESTONED: &str = r#"{
    "action": "milestoned",
    "issue": {"milestone": "@milestone", "updated_at": "2026-11-01T15:14:00Z"}
}"#;
pub(in crate::samples) const DEMILESTONED: &str =
    r#"{"action": "demilestoned", "issue": {"updated_at": "2026-11-01T15:15:00Z"}}"#;

pub(in crate::samples) const COMMENT_EDITED: &str = r#"{
    "action": "edited",
    "changes": {"body": {"from": "Round?"}},
    "comment": {"updated_at": "2026-11-02T12:03:00Z"}
}"#;
/// Gitea up to 1.22 sends the issue of a pull request alone.
pub(in crate::samples) const WITHOUT_PULL: &str = r#"{"pull_request": null}"#;

pub(in crate::samples) const APPROVED: &str = r#"{
    "action": "reviewed",
    "review": {"type": "pull_request_review_approved", "content": "Round enough."},
    "requested_reviewer": "@jonas",
    "pull_request": {"updated_at": "2026-11-02T13:05:00Z"},
    "sender": "@jonas"
}"#;
pub(in crate::samples) const REJECTED: &str = r#"{
    "action": "reviewed",
    "review": {"type": "pull_request_review_rejected", "content": "One corner is still sharp."},
    "requested_reviewer": "@jonas",
    "pull_request": {"updated_at": "2026-11-02T13:00:00Z"},
    "sender": "@jonas"
}"#;
/// A comment on a line of code: what it says is not in the payload.
pub(in crate::samples) const COMMENTED: &str = r#"{
    "action": "reviewed",
    "review": {"type": "pull_request_review_comment", "content": ""},
    "requested_reviewer": "@jonas",
    "pull_request": {"updated_at": "2026-11-02T12:55:00Z"},
    "sender": "@jonas"
}"#;
/// Old versions name the type as the header does.
pub(in crate::samples) const OLD_TYPE: &str = r#"{"review": {"type": "pull_request_comment"}}"#;
