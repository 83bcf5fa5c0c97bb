//! Payloads, and patches on them, of the samples of Data Center.

pub(super) const PUSH: &str = include_str!("push.json");
pub(super) const PULL_REQUEST: &str = include_str!("pull_request.json");
pub(super) const COMMIT_COMMENT: &str = include_str!("commit_comment.json");
pub(super) const MODIFIED: &str = include_str!("modified.json");
pub(super) const PROJECT: &str = include_str!("project.json");
pub(super) const MIRROR: &str = include_str!("mirror.json");
pub(super) const DETECTED: &str = include_str!("detected.json");

/// Up to 6: neither the commits nor links.
pub(super) const OLD: &str = r#"{
    "date": "2026-11-02T20:30:02+1000", "commits": null, "toCommit": null, "repository": "@unlinked",
    "actor": {
        "name": "maria", "emailAddress": "maria@example.com", "id": 7, "displayName": "Maria Okafor",
        "active": true, "slug": "maria", "type": "NORMAL"
    }
}"#;
/// 10 and newer.
pub(super) const ISO_DATES: &str = r#"{"pullRequest": {
    "createdDate": "2026-11-02T10:45:00+0000", "updatedDate": "2026-11-02T10:45:00.000Z"
}}"#;
pub(super) const NEW_BRANCH: &str = r#"{"changes": [{
    "ref": {"id": "refs/heads/feature/round-corners", "displayId": "feature/round-corners", "type": "BRANCH"},
    "refId": "refs/heads/feature/round-corners",
    "fromHash": "0000000000000000000000000000000000000000",
    "toHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
    "type": "ADD"
}]}"#;
pub(super) const GONE_BRANCH: &str = r#"{"commits": null, "toCommit": null, "changes": [{
    "ref": {"id": "refs/heads/feature/round-corners", "displayId": "feature/round-corners", "type": "BRANCH"},
    "refId": "refs/heads/feature/round-corners",
    "fromHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
    "toHash": "0000000000000000000000000000000000000000",
    "type": "DELETE"
}]}"#;
pub(super) const NEW_TAG: &str = r#"{"actor": "@robot", "commits": ["@newest"], "changes": [{
    "ref": {"id": "refs/tags/v1.4.0", "displayId": "v1.4.0", "type": "TAG"},
    "refId": "refs/tags/v1.4.0",
    "fromHash": "0000000000000000000000000000000000000000",
    "toHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
    "type": "ADD"
}]}"#;
/// The hash is that of the tag, the commit is beside it.
pub(super) const ANNOTATED_TAG: &str = r#"{"commits": ["@newest"], "changes": [{
    "ref": {"id": "refs/tags/v1.4.0", "displayId": "v1.4.0", "type": "TAG"},
    "refId": "refs/tags/v1.4.0",
    "fromHash": "0000000000000000000000000000000000000000",
    "toHash": "3d5b7f90a1c2e4d6f8091a2b3c4d5e6f70819aab",
    "type": "ADD"
}]}"#;
pub(super) const MOVED_TAG: &str = r#"{"changes": [{
    "ref": {"id": "refs/tags/nightly", "displayId": "nightly", "type": "TAG"},
    "refId": "refs/tags/nightly",
    "fromHash": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d",
    "toHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
    "type": "UPDATE"
}]}"#;
pub(super) const GONE_TAG: &str = r#"{"commits": null, "toCommit": null, "changes": [{
    "ref": {"id": "refs/tags/v1.4.0", "displayId": "v1.4.0", "type": "TAG"},
    "refId": "refs/tags/v1.4.0",
    "fromHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
    "toHash": "0000000000000000000000000000000000000000",
    "type": "DELETE"
}]}"#;
pub(super) const SEVERAL: &str = r#"{"commits": null, "toCommit": null, "changes": [
    {
        "ref": {"id": "refs/heads/main", "displayId": "main", "type": "BRANCH"},
        "refId": "refs/heads/main",
        "fromHash": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d",
        "toHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
        "type": "UPDATE"
    },
    {
        "ref": {"id": "refs/heads/feature/round-corners", "displayId": "feature/round-corners", "type": "BRANCH"},
        "refId": "refs/heads/feature/round-corners",
        "fromHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
        "toHash": "0000000000000000000000000000000000000000",
        "type": "DELETE"
    },
    {
        "ref": {"id": "refs/tags/v1.4.0", "displayId": "v1.4.0", "type": "TAG"},
        "refId": "refs/tags/v1.4.0",
        "fromHash": "0000000000000000000000000000000000000000",
        "toHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
        "type": "ADD"
    }
]}"#;
pub(super) const NOTHING: &str = r#"{"commits": null, "toCommit": null, "changes": []}"#;

pub(super) const FROM_FORK: &str = r#"{"actor": "@jonas", "pullRequest": {
    "draft": true,
    "fromRef": {"repository": "@fork"},
    "author": {"user": "@jonas", "role": "AUTHOR", "approved": false, "status": "UNAPPROVED"},
    "reviewers": []
}}"#;
pub(super) const PUSHED: &str = r#"{
    "eventKey": "pr:from_ref_updated", "date": "2026-11-02T10:55:00+0000",
    "pullRequest": {"version": 1, "updatedDate": 1793616900000},
    "previousFromHash": "b2e40d7713f8a6950c1d2e3f4a5b6c7d8e9f0a1b"
}"#;
pub(super) const TARGET_PUSHED: &str = r#"{
    "eventKey": "pr:to_ref_updated", "date": "2026-11-02T11:00:00+0000",
    "previousToHash": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d"
}"#;
pub(super) const EDITED: &str = r#"{
    "eventKey": "pr:modified", "date": "2026-11-02T10:50:00+0000",
    "pullRequest": {"version": 2, "updatedDate": 1793616600000},
    "previousTitle": "Round corners",
    "previousDescription": "Sharp ones scratch the box.",
    "previousDraft": true,
    "previousTarget": {
        "id": "refs/heads/main", "displayId": "main", "type": "BRANCH",
        "latestCommit": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d",
        "latestChangeset": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d"
    }
}"#;
pub(super) const RETARGETED: &str = r#"{
    "eventKey": "pr:modified", "date": "2026-11-02T10:52:00+0000",
    "pullRequest": {"version": 3, "updatedDate": 1793616720000},
    "previousTitle": "Round the corners of large widgets",
    "previousDescription": "Sharp ones scratch the box.\n\nCloses #12.",
    "previousDraft": false,
    "previousTarget": {
        "id": "refs/heads/release/1.3", "displayId": "release/1.3", "type": "BRANCH",
        "latestCommit": "b2e40d7713f8a6950c1d2e3f4a5b6c7d8e9f0a1b",
        "latestChangeset": "b2e40d7713f8a6950c1d2e3f4a5b6c7d8e9f0a1b"
    }
}"#;
pub(super) const REVIEWERS_ADDED: &str = r#"{
    "eventKey": "pr:reviewer:updated", "date": "2026-11-02T11:05:00+0000",
    "addedReviewers": ["@jonas", "@robot"], "removedReviewers": []
}"#;
pub(super) const REVIEWERS_REMOVED: &str = r#"{
    "eventKey": "pr:reviewer:updated", "date": "2026-11-02T11:06:00+0000", "pullRequest": {"reviewers": []},
    "addedReviewers": [], "removedReviewers": ["@jonas"]
}"#;
pub(super) const REVIEWERS_SWAPPED: &str = r#"{
    "eventKey": "pr:reviewer:updated", "date": "2026-11-02T11:07:00+0000",
    "addedReviewers": ["@jonas"], "removedReviewers": ["@robot"]
}"#;
pub(super) const REVIEWERS_SAME: &str = r#"{
    "eventKey": "pr:reviewer:updated", "date": "2026-11-02T11:08:00+0000",
    "addedReviewers": [], "removedReviewers": []
}"#;
pub(super) const APPROVED: &str = r#"{
    "eventKey": "pr:reviewer:approved", "date": "2026-11-02T13:05:00+0000", "actor": "@jonas",
    "pullRequest": {"reviewers": ["@content"]}, "participant": "@content", "previousStatus": "UNAPPROVED"
}"#;
pub(super) const NEEDS_WORK: &str = r#"{
    "eventKey": "pr:reviewer:needs_work", "date": "2026-11-02T13:00:00+0000", "actor": "@jonas",
    "pullRequest": {"reviewers": ["@critic"]}, "participant": "@critic", "previousStatus": "UNAPPROVED"
}"#;
pub(super) const CHANGES_REQUESTED: &str = r#"{"eventKey": "pr:reviewer:changes_requested"}"#;
pub(super) const UNAPPROVED: &str = r#"{
    "eventKey": "pr:reviewer:unapproved", "date": "2026-11-02T13:10:00+0000", "actor": "@jonas",
    "participant": "@asked", "previousStatus": "APPROVED"
}"#;
pub(super) const WORK_DONE: &str = r#"{"previousStatus": "NEEDS_WORK"}"#;
pub(super) const MERGED: &str = r#"{
    "eventKey": "pr:merged", "date": "2026-11-03T09:15:32+0000",
    "pullRequest": {
        "version": 4, "state": "MERGED", "open": false, "closed": true,
        "updatedDate": 1793697332000, "closedDate": 1793697332000, "reviewers": ["@content"],
        "properties": {"mergeCommit": {
            "displayId": "e83f5b60d19", "id": "e83f5b60d19c7a2e4f80b6c5d3a197e2048fbc6d"
        }}
    }
}"#;
pub(super) const DECLINED: &str = r#"{
    "eventKey": "pr:declined", "date": "2026-11-03T09:15:32+0000",
    "pullRequest": {
        "version": 4, "state": "DECLINED", "open": false, "closed": true,
        "updatedDate": 1793697332000, "closedDate": 1793697332000
    }
}"#;
pub(super) const DELETED: &str = r#"{
    "eventKey": "pr:deleted", "date": "2026-11-03T09:20:00+0000",
    "pullRequest": {"links": {"self": ["@null"]}}
}"#;
pub(super) const COMMENTED: &str = r#"{
    "eventKey": "pr:comment:added", "date": "2026-11-02T12:00:00+0000", "actor": "@jonas",
    "comment": {
        "properties": {"repositoryId": 42}, "id": 91, "version": 0, "text": "How round?", "author": "@jonas",
        "createdDate": 1793620800000, "updatedDate": 1793620800000, "comments": [], "tasks": [],
        "severity": "NORMAL", "state": "OPEN", "threadResolved": false,
        "anchor": {
            "fromHash": "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d",
            "toHash": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02",
            "line": 14, "lineType": "ADDED", "fileType": "TO", "path": "src/corner.rs",
            "diffType": "EFFECTIVE", "orphaned": false
        }
    }
}"#;
pub(super) const COMMENT_EDITED: &str = r#"{
    "eventKey": "pr:comment:edited", "date": "2026-11-02T12:03:00+0000",
    "comment": {"version": 1, "updatedDate": 1793620980000}, "previousComment": "Round?"
}"#;
pub(super) const COMMENT_DELETED: &str = r#"{
    "eventKey": "pr:comment:deleted", "date": "2026-11-02T12:04:00+0000", "commentParentId": 90
}"#;

pub(super) const COMMIT_COMMENT_EDITED: &str = r#"{
    "eventKey": "repo:comment:edited", "date": "2026-11-02T12:01:00+0000",
    "comment": {"version": 1, "updatedDate": 1793620860000}, "previousComment": "Which saw?"
}"#;
pub(super) const COMMIT_COMMENT_DELETED: &str =
    r#"{"eventKey": "repo:comment:deleted", "date": "2026-11-02T12:02:00+0000"}"#;

/// The repository alone.
pub(super) const REPOSITORY: &str = r#"{
    "eventKey": "repo:created", "date": "2026-11-01T08:00:00+0000", "actor": "@maria", "repository": "@repository"
}"#;
pub(super) const REPOSITORY_DELETED: &str = r#"{"eventKey": "repo:deleted"}"#;
pub(super) const DEFAULT_BRANCH: &str = r#"{"eventKey": "repo:default_branch_modified"}"#;
/// The repository is the new one.
pub(super) const FORK: &str = r#"{
    "eventKey": "repo:forked", "date": "2026-11-02T09:58:12+0000", "actor": "@jonas", "repository": "@fork"
}"#;
pub(super) const MOVED: &str =
    r#"{"old": {"slug": "widgets", "name": "Widgets", "project": "@home"}}"#;
pub(super) const DESCRIBED: &str =
    r#"{"old": {"slug": "widgets", "name": "Widgets", "description": "Widgets"}}"#;
pub(super) const OLD_NAME: &str = r#"{"eventKey": "proj:modified"}"#;
pub(super) const PROJECT_CREATED: &str =
    r#"{"eventKey": "project:created", "old": null, "new": null, "project": "@project"}"#;
pub(super) const PROJECT_DELETED: &str =
    r#"{"eventKey": "project:deleted", "old": null, "new": null, "project": "@project"}"#;
/// Then it lists none.
pub(super) const TOO_MANY_REFS: &str =
    r#"{"actor": null, "syncType": "snapshot", "refLimitExceeded": true, "changes": []}"#;
pub(super) const IN_TWO: &str = r#"{"secretLocations": [
    {
        "commitId": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02", "line": 12, "path": "config/box.toml",
        "ruleName": "AWS access key", "repository": "@repository"
    },
    {
        "commitId": "d4c3b2a190f8e7d6c5b4a39281706f5e4d3c2b1a", "line": 1, "path": ".npmrc",
        "ruleName": "npm token", "repository": "@gadgets"
    },
    {
        "commitId": "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02", "line": 3, "path": "deploy.pem",
        "ruleName": "Private key", "repository": "@repository"
    }
]}"#;
pub(super) const PING: &str = r#"{"test": true}"#;
pub(super) const UNKNOWN: &str = r#"{"eventKey": "not_yet_known"}"#;
