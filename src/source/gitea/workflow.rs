//! Runs of workflows: Gitea's `workflow_run` and `workflow_job`, and Forgejo's `action_run_*`, which say less
//! and elsewhere.

use std::borrow::Cow;

use super::common::{actor, branch_name, full_ref, repository};
use super::pull_request::sha;
use super::wire::workflow as wire;
use crate::event::{
    Conclusion, Data, Number, Reason, RefKind, RefName, RunStatus, Runner, Step, Workflow,
    WorkflowJob, WorkflowJobAction, WorkflowJobEvent, WorkflowRun, WorkflowRunAction,
    WorkflowRunEvent,
};
use crate::source::Fact;
use crate::wire::Text;

/// Maps a `WorkflowRunPayload`.
pub(super) fn run<'a>(hook: &wire::RunHook<'a>) -> Result<Fact<'a>, Reason> {
    use WorkflowRunAction as A;
    let (Some(sent), Some(native)) = (hook.workflow_run.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    if hook.run.0 {
        return Err(Reason::EventMismatch);
    }
    let run = details(sent);
    let (action, occurred_at) = match native {
        "requested" => (A::Requested, run.created_at),
        "in_progress" => (A::InProgress, run.started_at),
        "completed" => (A::Completed, run.completed_at),
        _ => return Err(Reason::UnknownAction),
    };
    let workflow = hook.workflow.as_ref().map(|workflow| Workflow {
        id: workflow.id.said(),
        name: workflow.name.said(),
        path: workflow.path.said(),
        url: workflow.html_url.said(),
    });
    let place = hook.repository.as_ref().or(sent.repository.as_ref());
    Ok(Fact {
        occurred_at,
        actor: hook.sender.as_ref().and_then(actor),
        repository: place.map(repository),
        reference: reference(run.branch.as_ref()),
        data: Data::WorkflowRun(
            action,
            Box::new(WorkflowRunEvent { run, workflow, previous_run: None }),
        ),
    })
}

/// Maps a `WorkflowJobPayload`.
pub(super) fn job<'a>(hook: &wire::JobHook<'a>) -> Result<Fact<'a>, Reason> {
    use WorkflowJobAction as A;
    let (Some(sent), Some(native)) = (hook.workflow_job.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let (id, name) = (sent.runner_id.said(), sent.runner_name.said());
    let job = WorkflowJob {
        id: sent.id.said(),
        run_id: sent.run_id.said(),
        attempt: sent.attempt,
        name: sent.name.said(),
        url: sent.html_url.said(),
        status: sent.status.as_str().map(status),
        conclusion: sent.conclusion.as_str().map(conclusion),
        commit: sha(&sent.head_sha),
        branch: branch_name(&sent.head_branch),
        labels: sent.labels.iter().filter_map(Text::said).collect(),
        runner: (id.is_some() || name.is_some()).then_some(Runner { id, name }),
        steps: sent.steps.iter().map(step).collect(),
        created_at: sent.created_at.time(),
        started_at: sent.started_at.time(),
        completed_at: sent.completed_at.time(),
    };
    let (action, occurred_at) = match native {
        "queued" => (A::Queued, job.created_at),
        "waiting" | "pending" => (A::Waiting, job.created_at),
        "in_progress" => (A::InProgress, job.started_at),
        "completed" => (A::Completed, job.completed_at),
        _ => return Err(Reason::UnknownAction),
    };
    Ok(Fact {
        occurred_at,
        actor: hook.sender.as_ref().and_then(actor),
        repository: hook.repository.as_ref().map(repository),
        reference: reference(job.branch.as_ref()),
        data: Data::WorkflowJob(action, Box::new(WorkflowJobEvent { job })),
    })
}

fn step<'a>(step: &wire::Step<'a>) -> Step<'a> {
    Step {
        number: step.number,
        name: step.name.said(),
        status: step.status.as_str().map(status),
        conclusion: step.conclusion.as_str().map(conclusion),
        started_at: step.started_at.time(),
        completed_at: step.completed_at.time(),
    }
}

/// The ref of an event about what runs for a branch.
fn reference<'a>(branch: Option<&Cow<'a, str>>) -> Option<RefName<'a>> {
    branch.map(|name| RefName { kind: RefKind::Branch, name: name.clone() })
}

fn details<'a>(run: &wire::Run<'a>) -> WorkflowRun<'a> {
    let full = full_ref_of(&run.path);
    let named = full.as_deref().and_then(full_ref);
    WorkflowRun {
        id: run.id.said(),
        number: run.number,
        attempt: run.attempt,
        title: run.display_title.said(),
        url: run.html_url.said(),
        trigger: run.event.said(),
        status: run.status.as_str().map(status),
        conclusion: run.conclusion.as_str().map(conclusion),
        commit: sha(&run.head_sha),
        branch: branch_name(&run.head_branch),
        tag: named.filter(|name| name.kind == RefKind::Tag).map(|name| name.name),
        fork: may_be_foreign(run, full.as_deref()),
        head_repository: run.head_repository.as_ref().map(repository),
        pull_requests: run
            .pull_requests
            .iter()
            .filter_map(|pull| pull.number)
            .map(Number)
            .collect(),
        actor: run.trigger_actor.as_ref().or(run.actor.as_ref()).and_then(actor),
        created_at: run.created_at.time(),
        started_at: run.started_at.time(),
        completed_at: run.completed_at.time(),
    }
}

/// The full ref behind the file in a run's path, which is `<file>@<ref>` (`ToActionWorkflowRun` in
/// `services/convert/action.go`).
fn full_ref_of<'a>(path: &Text<'a>) -> Option<Cow<'a, str>> {
    let path = path.said()?;
    let start = path.find("@refs/")? + 1;
    path.get(start..).map(|full| Cow::Owned(full.to_owned()))
}

/// Gitea has `head_repository` in its types and does not fill it. Branches and tags of a repository are moved by
/// who may push to it; the ref of a pull request does not tell from where it came.
fn may_be_foreign(run: &wire::Run<'_>, full: Option<&str>) -> Option<bool> {
    let id = |repo: &Option<super::wire::Repository<'_>>| repo.as_ref()?.id.said();
    let (head, own) = (id(&run.head_repository), id(&run.repository));
    if head.is_some() && own.is_some() && head != own {
        return Some(true);
    }
    match full {
        Some(full) => Some(full_ref(full).is_none()),
        None => (head.is_some() && own.is_some()).then_some(false),
    }
}

/// A status of Gitea's API (`ToActionsStatus` in `services/convert/convert.go`).
fn status(native: &str) -> RunStatus {
    match native {
        "completed" => RunStatus::Completed,
        "in_progress" => RunStatus::InProgress,
        "queued" => RunStatus::Queued,
        // Newer versions call a job that waits for others pending.
        "waiting" | "pending" => RunStatus::Waiting,
        other => RunStatus::Other(other.to_owned()),
    }
}

/// How something ended.
fn conclusion(native: &str) -> Conclusion {
    match native {
        "cancelled" => Conclusion::Cancelled,
        "failure" => Conclusion::Failure,
        "skipped" => Conclusion::Skipped,
        "success" => Conclusion::Success,
        other => Conclusion::Other(other.to_owned()),
    }
}

/// Maps an `ActionPayload` of Forgejo. A run that recovers makes two of them: success and recover.
pub(super) fn action_run<'a>(name: &str, hook: &wire::ActionHook<'a>) -> Result<Fact<'a>, Reason> {
    let (Some(sent), Some(native)) = (hook.run.as_ref(), hook.action.as_str()) else {
        return Err(Reason::EventMismatch);
    };
    let succeeded = match native {
        "success" | "recover" => true,
        "failure" => false,
        _ => return Err(Reason::UnknownAction),
    };
    let status_says = sent.status.as_str().map(|status| status == "success");
    let named = name.strip_prefix("action_run_");
    if hook.workflow_run.0
        || named != Some(native)
        || status_says.is_some_and(|says| says != succeeded)
    {
        return Err(Reason::EventMismatch);
    }
    let mut run = action_details(sent);
    run.status = Some(RunStatus::Completed);
    run.conclusion =
        run.conclusion.or_else(|| Some(conclusion(if succeeded { "success" } else { native })));
    let action = if native == "recover" {
        WorkflowRunAction::Recovered
    } else {
        WorkflowRunAction::Completed
    };
    let file = sent.workflow_id.said();
    Ok(Fact {
        occurred_at: run.completed_at,
        actor: run.actor.clone(),
        repository: sent.repository.as_ref().map(repository),
        reference: reference(run.branch.as_ref()),
        data: Data::WorkflowRun(
            action,
            Box::new(WorkflowRunEvent {
                run,
                workflow: file.map(|id| Workflow { id: Some(id), ..Workflow::default() }),
                previous_run: hook.last_run.as_ref().map(action_details),
            }),
        ),
    })
}

fn action_details<'a>(run: &wire::ActionRun<'a>) -> WorkflowRun<'a> {
    let (status, conclusion) = run.status.as_str().map(action_status).unzip();
    let named = action_ref(&run.prettyref, &run.event_payload);
    let reference = |kind| named.clone().filter(|name| name.kind == kind).map(|name| name.name);
    WorkflowRun {
        id: run.id.said(),
        number: run.index_in_repo,
        attempt: None,
        title: run.title.said(),
        url: run.html_url.said(),
        trigger: run.trigger_event.said().or_else(|| run.event.said()),
        status,
        conclusion: conclusion.flatten(),
        commit: sha(&run.commit_sha),
        branch: reference(RefKind::Branch),
        tag: reference(RefKind::Tag),
        fork: run.is_fork_pull_request,
        head_repository: None,
        pull_requests: Vec::new(),
        actor: run.trigger_user.as_ref().and_then(actor),
        created_at: run.created.time(),
        started_at: run.started.time(),
        completed_at: run.stopped.time(),
    }
}

/// Forgejo says in one word how far a run is and how it ended (`models/actions/status.go`).
fn action_status(native: &str) -> (RunStatus, Option<Conclusion>) {
    match native {
        "waiting" => (RunStatus::Queued, None),
        "blocked" => (RunStatus::Waiting, None),
        "running" => (RunStatus::InProgress, None),
        "success" | "failure" | "cancelled" | "skipped" => {
            (RunStatus::Completed, Some(conclusion(native)))
        }
        other => (RunStatus::Other(other.to_owned()), None),
    }
}

/// The ref that a run of Forgejo is for. Its short name does not tell a branch from a tag; the payload of the
/// event that started it does.
fn action_ref<'a>(short: &Text<'a>, trigger: &Text<'a>) -> Option<RefName<'a>> {
    let trigger: wire::TriggerPayload<'_> = super::read(trigger.as_str()?).ok()?;
    let full = full_ref(trigger.reference.as_str()?)?;
    let name = short.said().filter(|name| full.name == *name)?;
    Some(RefName { kind: full.kind, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fork(run: &serde_json::Value) -> Option<bool> {
        let text = run.to_string();
        let run: wire::Run<'_> = serde_json::from_str(&text).unwrap();
        details(&run).fork
    }

    #[test]
    fn a_run_is_surely_of_the_repository_only_where_its_ref_is_a_branch_or_tag() {
        let (own, other) = (serde_json::json!({"id": 42}), serde_json::json!({"id": 57}));
        let run = |path: &str, head: &serde_json::Value| {
            fork(&serde_json::json!({"path": path, "repository": own, "head_repository": head}))
        };
        let unsaid = serde_json::Value::Null;
        assert_eq!(run("a.yml@refs/heads/main", &unsaid), Some(false));
        assert_eq!(run("a.yml@refs/tags/v1", &unsaid), Some(false));
        assert_eq!(run("a.yml@refs/heads/x@refs/pull/1/head", &unsaid), Some(false));
        assert_eq!(run("a.yml@refs/pull/1/head", &unsaid), Some(true));
        assert_eq!(run("a.yml@refs/pull/1/head", &own), Some(true));
        assert_eq!(run("a.yml@refs/heads/main", &other), Some(true));
        assert_eq!(run("a.yml", &own), Some(false));
        assert_eq!(run("a.yml", &unsaid), None);
    }
}
