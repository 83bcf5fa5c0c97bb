//! The payloads that the samples of Bitbucket Cloud begin with, and what each of them changes.

pub(super) const PUSH: &str = include_str!("push.json");
pub(super) const PULL_REQUEST: &str = include_str!("pull_request.json");
pub(super) const ON_PULL_REQUEST: &str = include_str!("pull_request_comment.json");
pub(super) const ISSUE: &str = include_str!("issue.json");
pub(super) const ON_ISSUE: &str = include_str!("issue_comment.json");
pub(super) const COMMIT_COMMENT: &str = include_str!("commit_comment.json");
pub(super) const REPOSITORY: &str = include_str!("repository.json");
pub(super) const STATUS: &str = include_str!("status.json");
pub(super) const PIPELINE_SPAN: &str = include_str!("pipeline_span.json");
pub(super) const PROJECT: &str = include_str!("project.json");
pub(super) const UNRECOGNIZED: &str = include_str!("unrecognized.json");

pub(super) const NEW_BRANCH: &str = r#"{"push": {"changes": ["@created_topic"]}}"#;
pub(super) const GONE_BRANCH: &str = r#"{"push": {"changes": ["@deleted_topic"]}}"#;
/// History was rewritten by more commits than are listed.
pub(super) const FORCED: &str = r#"{
    "push": {
        "changes": [{
            "old": "@main_old", "new": "@main_new", "created": false, "closed": false, "forced": true, "truncated": true,
            "commits": ["@older"],
            "links": {"html": {"href": "https://bitbucket.org/acme/widgets/branches/compare/6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02..0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d"}}
        }]
    }
}"#;
/// Four refs at once, and one of a kind that Git does not have.
pub(super) const SEVERAL: &str = r#"{
    "push": {"changes": ["@updated_main", "@created_topic", "@created_tag", "@bookmark", "@deleted_topic"]}
}"#;
pub(super) const NOTHING: &str = r#"{"push": {"changes": []}}"#;
pub(super) const NEW_TAG: &str = r#"{"push": {"changes": ["@created_tag"]}}"#;
pub(super) const ANNOTATED_TAG: &str = r#"{
    "push": {
        "changes": [{
            "old": "@null", "new": "@annotated", "created": true, "closed": false, "forced": false, "truncated": false
        }]
    }
}"#;
pub(super) const MOVED_TAG: &str = r#"{
    "push": {
        "changes": [{
            "old": "@tag_old", "new": "@tag", "created": false, "closed": false, "forced": true, "truncated": false
        }]
    }
}"#;
pub(super) const GONE_TAG: &str = r#"{
    "push": {
        "changes": [{
            "old": "@tag", "new": "@null", "created": false, "closed": true, "forced": false, "truncated": false
        }]
    }
}"#;

pub(super) const FROM_FORK: &str = r#"{
    "actor": "@jonas",
    "pullrequest": {
        "author": "@jonas", "draft": true, "reviewers": [], "participants": [],
        "source": {"branch": {"name": "round"}, "repository": "@fork_brief"}
    }
}"#;
pub(super) const HEAD_GONE: &str =
    r#"{"pullrequest": {"draft": false, "source": {"repository": "@null"}}}"#;
pub(super) const PUSHED: &str = r#"{
    "pullrequest": {
        "updated_on": "2026-11-02T12:40:31.006551+00:00", "source": {"commit": {"hash": "2b7e1c95d0f8"}}
    }
}"#;
/// Another target, another title, and one more reviewer who has said something already.
pub(super) const EDITED: &str = r#"{
    "pullrequest": {
        "title": "Round all corners", "updated_on": "2026-11-02T12:15:00.774120+00:00",
        "destination": {"branch": {"name": "release/1.4"}},
        "participants": [
            {"type": "participant", "user": "@jonas", "role": "REVIEWER", "approved": true, "state": "approved", "participated_on": "2026-11-02T11:30:09.240117+00:00"},
            {"type": "participant", "user": "@sam", "role": "REVIEWER", "approved": false, "state": "@null", "participated_on": "@null"},
            {"type": "participant", "user": "@maria", "role": "PARTICIPANT", "approved": false, "state": "@null", "participated_on": "2026-11-02T11:32:51.000230+00:00"}
        ]
    }
}"#;
pub(super) const MERGED: &str = r#"{
    "pullrequest": {
        "state": "MERGED", "closed_by": "@maria", "merge_commit": {"type": "commit", "hash": "d41a7c09be52"},
        "updated_on": "2026-11-03T08:12:44.019302+00:00"
    }
}"#;
pub(super) const DECLINED: &str = r#"{
    "actor": "@jonas",
    "pullrequest": {
        "state": "DECLINED", "closed_by": "@jonas", "reason": "Corners are to be sharp.",
        "updated_on": "2026-11-03T08:20:02.551209+00:00"
    }
}"#;

pub(super) const APPROVED: &str = r#"{
    "actor": "@jonas", "approval": {"date": "2026-11-02T11:30:09.240117+00:00", "user": "@jonas"},
    "pullrequest": {
        "updated_on": "2026-11-02T11:30:09.240117+00:00",
        "participants": [{"type": "participant", "user": "@jonas", "role": "REVIEWER", "approved": true, "state": "approved", "participated_on": "2026-11-02T11:30:09.240117+00:00"}]
    }
}"#;
pub(super) const UNAPPROVED: &str = r#"{
    "actor": "@jonas", "approval": {"date": "2026-11-02T11:30:09.240117+00:00", "user": "@jonas"},
    "pullrequest": {"updated_on": "2026-11-02T11:41:55.307004+00:00"}
}"#;
pub(super) const CHANGES_REQUESTED: &str = r#"{
    "actor": "@jonas", "changes_request": {"date": "2026-11-02T11:44:20.118030+00:00", "user": "@jonas"},
    "pullrequest": {
        "updated_on": "2026-11-02T11:44:20.118030+00:00",
        "participants": [{"type": "participant", "user": "@jonas", "role": "REVIEWER", "approved": false, "state": "changes_requested", "participated_on": "2026-11-02T11:44:20.118030+00:00"}]
    }
}"#;
pub(super) const CHANGES_REQUEST_REMOVED: &str = r#"{
    "actor": "@jonas", "changes_request": {"date": "2026-11-02T11:44:20.118030+00:00", "user": "@jonas"},
    "pullrequest": {"updated_on": "2026-11-02T12:02:37.900412+00:00"}
}"#;

pub(super) const COMMENT_EDITED: &str = r#"{
    "comment": {
        "content": {"raw": "How round, in millimetres?"}, "parent": {"id": 511},
        "updated_on": "2026-11-02T11:24:48.662003+00:00"
    }
}"#;
/// A deleted comment has no text any more.
pub(super) const COMMENT_DELETED: &str =
    r#"{"comment": {"deleted": true, "content": {"raw": "", "html": ""}}}"#;
pub(super) const COMMENT_RESOLVED: &str = r#"{
    "actor": "@maria",
    "comment": {
        "resolution": {"type": "comment_resolution", "user": "@maria", "created_on": "2026-11-02T11:50:33.201988+00:00"}
    }
}"#;

pub(super) const ISSUE_CLOSED: &str = r#"{
    "issue": {"state": "resolved", "updated_on": "2026-11-01T15:02:41.860002+00:00"},
    "changes": {"status": {"old": "new", "new": "resolved"}}
}"#;
pub(super) const ISSUE_REOPENED: &str = r#"{
    "issue": {"state": "open", "updated_on": "2026-11-01T16:11:09.402887+00:00"},
    "changes": {"status": {"old": "resolved", "new": "open"}}
}"#;
pub(super) const ISSUE_EDITED: &str = r#"{
    "issue": {"title": "Two corners are sharp", "updated_on": "2026-11-01T14:20:55.730061+00:00"},
    "changes": {
        "title": {"old": "A corner is sharp", "new": "Two corners are sharp"},
        "content": {"old": "", "new": "The upper left one."}, "priority": {"old": "minor", "new": "major"}
    }
}"#;
/// No state but one that is as open as the one before.
pub(super) const ISSUE_ON_HOLD: &str = r#"{
    "issue": {"state": "on hold", "updated_on": "2026-11-01T14:31:12.084119+00:00"},
    "changes": {"status": {"old": "new", "new": "on hold"}}
}"#;
pub(super) const ISSUE_ASSIGNED: &str = r#"{
    "issue": {"assignee": "@maria", "updated_on": "2026-11-01T15:10:00.551700+00:00"},
    "changes": {"assignee": {"old": "", "new": "maria"}}
}"#;
pub(super) const ISSUE_UNASSIGNED: &str = r#"{
    "issue": {"updated_on": "2026-11-01T15:40:18.330514+00:00"},
    "changes": {"assignee": {"old": "@maria", "new": "@null"}}
}"#;

pub(super) const RENAMED: &str = r#"{
    "changes": {
        "name": {"old": "Gadgets", "new": "Widgets"}, "full_name": {"old": "acme/gadgets", "new": "acme/widgets"},
        "links": {
            "old": {"html": {"href": "https://bitbucket.org/acme/gadgets"}},
            "new": {"html": {"href": "https://bitbucket.org/acme/widgets"}}
        }
    }
}"#;
pub(super) const DESCRIBED: &str = r#"{
    "changes": {
        "description": {"old": "Corners", "new": "Corners, round ones"}, "language": {"old": "", "new": "rust"},
        "website": {"old": "", "new": "https://widgets.example.com/"}
    }
}"#;
pub(super) const TRANSFERRED: &str = r#"{
    "previous_workspace": {"type": "workspace", "uuid": "{4b6f2d80-e1c9-4a57-93b8-0d7a5e6c1f92}", "slug": "attic", "name": "The attic"}
}"#;
pub(super) const FORKED: &str = r#"{"actor": "@jonas", "fork": "@fork"}"#;

pub(super) const SUCCESSFUL: &str = r#"{
    "commit_status": {"state": "SUCCESSFUL", "description": "All sawn", "updated_on": "2026-11-02T10:04:00.118207+00:00"}
}"#;
pub(super) const FAILED: &str = r#"{
    "commit_status": {"state": "FAILED", "description": "A saw broke", "updated_on": "2026-11-02T10:03:20.770613+00:00"}
}"#;
pub(super) const STOPPED: &str = r#"{
    "commit_status": {"state": "STOPPED", "description": "", "updated_on": "2026-11-02T10:02:48.404120+00:00"}
}"#;
/// Of an older payload.
pub(super) const ONLY_A_LINK: &str =
    r#"{"actor": "@team", "commit_status": {"commit": null, "refname": null}}"#;
