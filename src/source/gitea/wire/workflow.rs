//! Runs of workflows.

use serde::Deserialize;

use super::{Repository, User};
use crate::wire::{Id, Present, Text, list};

/// `WorkflowRunPayload` of Gitea.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct RunHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) workflow: Option<Workflow<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) workflow_run: Option<Run<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
    /// Forgejo's payloads have it.
    #[serde(default)]
    pub(in crate::source::gitea) run: Present,
}

/// `ActionWorkflow`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Workflow<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) id: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) path: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
}

/// `ActionWorkflowRun`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Run<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) display_title: Text<'a>,
    /// File and full ref: `test.yml@refs/heads/main`.
    #[serde(borrow, default)]
    pub(in crate::source::gitea) path: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) event: Text<'a>,
    #[serde(default, rename = "run_attempt")]
    pub(in crate::source::gitea) attempt: Option<u64>,
    #[serde(default, rename = "run_number")]
    pub(in crate::source::gitea) number: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) head_sha: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) head_branch: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) status: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) conclusion: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) actor: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) trigger_actor: Option<User<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) head_repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(default, deserialize_with = "list")]
    pub(in crate::source::gitea) pull_requests: Vec<PullNumber>,
    /// Newer versions only.
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) started_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) completed_at: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct PullNumber {
    #[serde(default)]
    pub(in crate::source::gitea) number: Option<u64>,
}

/// `ActionPayload` of Forgejo: repository and actor stand in the run.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct ActionHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) run: Option<ActionRun<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) last_run: Option<ActionRun<'a>>,
    /// Gitea's payload has it.
    #[serde(default)]
    pub(in crate::source::gitea) workflow_run: Present,
}

/// `ActionRun` of Forgejo.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct ActionRun<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) title: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) workflow_id: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) index_in_repo: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) trigger_user: Option<User<'a>>,
    /// Short name of the ref, of whatever kind.
    #[serde(borrow, default)]
    pub(in crate::source::gitea) prettyref: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) commit_sha: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) is_fork_pull_request: Option<bool>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) event: Text<'a>,
    /// The payload of the event that started it: JSON in a text.
    #[serde(borrow, default)]
    pub(in crate::source::gitea) event_payload: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) trigger_event: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) status: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) started: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) stopped: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
}

/// What is read of `event_payload`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct TriggerPayload<'a> {
    #[serde(borrow, default, rename = "ref")]
    pub(in crate::source::gitea) reference: Text<'a>,
}

/// `WorkflowJobPayload` of Gitea.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct JobHook<'a> {
    #[serde(borrow, default)]
    pub(in crate::source::gitea) action: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) workflow_job: Option<Job<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) repository: Option<Repository<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) sender: Option<User<'a>>,
}

/// `ActionWorkflowJob`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Job<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) id: Id,
    #[serde(default)]
    pub(in crate::source::gitea) run_id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) html_url: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) labels: Vec<Text<'a>>,
    #[serde(default, rename = "run_attempt")]
    pub(in crate::source::gitea) attempt: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) head_sha: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) head_branch: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) status: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) conclusion: Text<'a>,
    #[serde(default)]
    pub(in crate::source::gitea) runner_id: Id,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) runner_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "list")]
    pub(in crate::source::gitea) steps: Vec<Step<'a>>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) created_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) started_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) completed_at: Text<'a>,
}

/// `ActionWorkflowStep`.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::gitea) struct Step<'a> {
    #[serde(default)]
    pub(in crate::source::gitea) number: Option<u64>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) name: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) status: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) conclusion: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) started_at: Text<'a>,
    #[serde(borrow, default)]
    pub(in crate::source::gitea) completed_at: Text<'a>,
}
