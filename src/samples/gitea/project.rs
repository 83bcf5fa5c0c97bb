//! What happens to a project as a whole, as patches on the first payload of each.

pub(in crate::samples) const FORK: &str = include_str!("fork.json");
pub(in crate::samples) const REPOSITORY: &str = include_str!("repository.json");
pub(in crate::samples) const RELEASE: &str = include_str!("release.json");
pub(in crate::samples) const WIKI: &str = include_str!("wiki.json");
pub(in crate::samples) const PACKAGE: &str = include_str!("package.json");
pub(in crate::samples) const STATUS: &str = include_str!("status.json");
pub(in crate::samples) const JOB: &str = include_str!("workflow_job.json");
pub(in crate::samples) const RUN: &str = include_str!("workflow_run.json");

pub(in crate::samples) const DELETED: &str = r#"{"action": "deleted"}"#;
pub(in crate::samples) const RENAMED: &str =
    r#"{"action": "renamed", "changes": {"name": {"from": "gadgets"}}}"#;

pub(in crate::samples) const UPDATED: &str =
    r#"{"action": "updated", "release": {"prerelease": true, "assets": []}}"#;

pub(in crate::samples) const PAGE_EDITED: &str = r#"{"action": "edited", "comment": ""}"#;
pub(in crate::samples) const PAGE_DELETED: &str = r#"{"action": "deleted", "comment": ""}"#;

/// Of a repository, where the actor may see it.
pub(in crate::samples) const LINKED: &str = r#"{"package": {"repository": "@repository"}}"#;
/// Of a user: no organization.
pub(in crate::samples) const OF_A_USER: &str = r#"{
    "package": {"owner": "@maria", "html_url": "https://git.example.com/maria/-/packages/cargo/widgets/1.4.0"},
    "organization": "@null"
}"#;

pub(in crate::samples) const SUCCESS: &str = r#"{
    "state": "success", "description": "Built in 3 minutes", "updated_at": "2026-11-02T10:33:20Z"
}"#;
pub(in crate::samples) const FAILURE: &str = r#"{
    "state": "failure", "description": "2 tests failed", "updated_at": "2026-11-02T10:33:20Z"
}"#;
pub(in crate::samples) const ERROR: &str = r#"{
    "state": "error", "description": "The runner is gone", "target_url": "", "updated_at": "2026-11-02T10:33:20Z"
}"#;
pub(in crate::samples) const WARNING: &str = r#"{
    "state": "warning", "description": "Built, with warnings", "updated_at": "2026-11-02T10:33:20Z"
}"#;
pub(in crate::samples) const SKIPPED: &str =
    r#"{"state": "skipped", "description": "", "updated_at": "@null"}"#;

pub(in crate::samples) const RUN_STARTED: &str = r#"{
    "action": "in_progress",
    "workflow_run": {"status": "in_progress", "started_at": "2026-11-02T10:30:04Z"}
}"#;
pub(in crate::samples) const RUN_COMPLETED: &str = r#"{
    "action": "completed",
    "workflow_run": {
        "status": "completed", "conclusion": "failure",
        "started_at": "2026-11-02T10:30:04Z", "completed_at": "2026-11-02T10:33:20Z"
    }
}"#;
/// Of a tag: no branch.
pub(in crate::samples) const RUN_OF_TAG: &str = r#"{
    "workflow_run": {"path": "test.yml@refs/tags/v1.4.0", "head_branch": "", "conclusion": "success"}
}"#;
/// Of a pull request: no branch, and the commit comes from a fork.
pub(in crate::samples) const RUN_OF_PULL_REQUEST: &str = r#"{
    "workflow_run": {
        "event": "pull_request", "path": "test.yml@refs/pull/17/head", "head_branch": "",
        "conclusion": "success",
        "pull_requests": [{
            "id": 301, "number": 17, "url": "https://git.example.com/api/v1/repos/acme/Widgets/pulls/17",
            "head": {
                "ref": "feature/round-corners", "sha": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
                "repo": {"id": 57, "url": "https://git.example.com/api/v1/repos/jonas/Widgets", "name": "Widgets"}
            },
            "base": {
                "ref": "main", "sha": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d",
                "repo": {"id": 42, "url": "https://git.example.com/api/v1/repos/acme/Widgets", "name": "Widgets"}
            }
        }]
    }
}"#;

/// Of Gitea before 1.26: what is zero or empty is left out, and a list can be null.
pub(in crate::samples) const JOB_WAITING: &str = r#"{
    "action": "waiting",
    "workflow_job": {"status": "waiting", "labels": "@null", "steps": "@null", "runner_id": null, "runner_name": null}
}"#;
/// The same in the words of newer versions (`ToActionsStatus` in `services/convert/action.go`).
pub(in crate::samples) const JOB_PENDING: &str =
    r#"{"action": "pending", "workflow_job": {"status": "pending"}}"#;
pub(in crate::samples) const JOB_STARTED: &str = r#"{
    "action": "in_progress",
    "workflow_job": {
        "status": "in_progress", "runner_id": 5, "runner_name": "shed-2", "started_at": "2026-11-02T10:30:04Z"
    }
}"#;
pub(in crate::samples) const JOB_COMPLETED: &str = r#"{
    "action": "completed",
    "workflow_job": {
        "status": "completed", "conclusion": "failure", "completed_at": "2026-11-02T10:33:20Z",
        "steps": [
            {
                "name": "Set up job", "number": 0, "status": "completed", "conclusion": "success",
                "started_at": "2026-11-02T10:30:04Z", "completed_at": "2026-11-02T10:30:09Z"
            },
            {
                "name": "cargo test", "number": 1, "status": "completed", "conclusion": "failure",
                "started_at": "2026-11-02T10:30:09Z", "completed_at": "2026-11-02T10:33:20Z"
            }
        ]
    }
}"#;
