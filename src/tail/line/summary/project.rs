//! The facts of what happens to a project as a whole, in a few words.

use super::{first_line, quoted, short};
use crate::event::{
    Conclusion, MirrorEvent, PackageEvent, PipelineSpanEvent, ProjectEvent, ReleaseEvent,
    RepositoryEvent, RunStatus, SecretEvent, StatusEvent, WikiEvent, WorkflowJobEvent,
    WorkflowRunEvent,
};

pub(super) fn release(data: &ReleaseEvent<'_>) -> Vec<String> {
    let release = &data.release;
    let mut words: Vec<String> = release.name.iter().map(|name| quoted(name)).collect();
    if release.prerelease == Some(true) {
        words.push("(prerelease)".to_owned());
    }
    match release.assets.len() {
        0 => {}
        1 => words.push("1 file".to_owned()),
        many => words.push(format!("{many} files")),
    }
    words
}

pub(super) fn repository(data: &RepositoryEvent<'_>) -> Vec<String> {
    let fork = data.fork.as_ref().and_then(|fork| fork.full_name.as_ref());
    let mut words: Vec<String> = fork.map(|name| format!("as {name}")).into_iter().collect();
    if let Some(changes) = &data.changes {
        let named = changes.full_name.as_ref().or(changes.name.as_ref()).or(changes.owner.as_ref());
        words.extend(named.and_then(|name| Some(format!("was {}", name.from.as_ref()?))));
    }
    words
}

pub(super) fn wiki(data: &WikiEvent<'_>) -> Vec<String> {
    let mut words = vec![data.page.name.to_string()];
    words.extend(data.message.as_deref().and_then(first_line));
    words
}

pub(super) fn package(data: &PackageEvent<'_>) -> Vec<String> {
    let package = &data.package;
    [&package.kind, &package.name, &package.version]
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect()
}

pub(super) fn status(data: &StatusEvent<'_>) -> Vec<String> {
    let status = &data.status;
    let name = status.name.as_ref().or(status.context.as_ref());
    let mut words: Vec<String> = name.map(ToString::to_string).into_iter().collect();
    words.push(format!("at {}", short(&data.commit.id)));
    words.extend(status.description.as_deref().and_then(first_line));
    words
}

pub(super) fn workflow_run(data: &WorkflowRunEvent<'_>) -> Vec<String> {
    let run = &data.run;
    let workflow = data.workflow.as_ref().and_then(|one| one.name.as_ref().or(one.id.as_ref()));
    let mut words: Vec<String> = workflow.map(ToString::to_string).into_iter().collect();
    words.extend(run.commit.as_ref().map(|commit| format!("at {}", short(&commit.sha))));
    words.extend(how_far(run.status.as_ref(), run.conclusion.as_ref()));
    words.extend(run.title.as_deref().and_then(first_line));
    words
}

pub(super) fn workflow_job(data: &WorkflowJobEvent<'_>) -> Vec<String> {
    let job = &data.job;
    let mut words: Vec<String> = job.name.iter().map(|name| quoted(name)).collect();
    words.extend(job.commit.as_ref().map(|commit| format!("at {}", short(&commit.sha))));
    words.extend(how_far(job.status.as_ref(), job.conclusion.as_ref()));
    words
}

pub(super) fn pipeline_span(data: &PipelineSpanEvent<'_>) -> Vec<String> {
    let Some(first) = data.spans.first() else { return Vec::new() };
    let mut words: Vec<String> = first.name.iter().map(ToString::to_string).collect();
    if let Some(run) = &first.run {
        words.extend(run.build_number.map(|number| format!("#{number}")));
        words.extend(run.reference.as_ref().map(|reference| format!("for {}", reference.name)));
        words.extend(how_far(None, run.conclusion.as_ref()));
    }
    match data.spans.len() {
        1 => {}
        many => words.push(format!("and {} more", many - 1)),
    }
    words
}

pub(super) fn project(data: &ProjectEvent<'_>) -> Vec<String> {
    let project = &data.project;
    let mut words: Vec<String> = project.key.iter().map(ToString::to_string).collect();
    words.extend(project.name.as_deref().map(quoted));
    let was =
        data.changes.as_ref().and_then(|changes| changes.key.as_ref().or(changes.name.as_ref()));
    words.extend(was.and_then(|change| Some(format!("was {}", change.from.as_ref()?))));
    words
}

pub(super) fn mirror(data: &MirrorEvent<'_>) -> Vec<String> {
    let mut words: Vec<String> = data.mirror.name.iter().map(|name| quoted(name)).collect();
    match data.changes.as_slice() {
        _ if !data.changes_complete => words.push("(list incomplete)".to_owned()),
        [] => {}
        [one] => words.push(one.reference.name.to_string()),
        many => words.push(format!("{} refs", many.len())),
    }
    words
}

pub(super) fn secret(data: &SecretEvent<'_>) -> Vec<String> {
    let Some(first) = data.locations.first() else { return Vec::new() };
    let line = first.line.map(|line| format!(":{line}")).unwrap_or_default();
    let mut words: Vec<String> = first.path.iter().map(|path| format!("{path}{line}")).collect();
    words.extend(first.commit.as_ref().map(|commit| format!("at {}", short(&commit.sha))));
    words.extend(first.rule.as_deref().map(quoted));
    match data.locations.len() {
        1 => {}
        many => words.push(format!("and {} more", many - 1)),
    }
    words
}

/// How something ended, else how far it is where the action does not say it.
fn how_far(status: Option<&RunStatus>, conclusion: Option<&Conclusion>) -> Option<String> {
    let ended = conclusion.map(|conclusion| match conclusion {
        Conclusion::Cancelled => "cancelled",
        Conclusion::Failure => "failure",
        Conclusion::Skipped => "skipped",
        Conclusion::Success => "success",
        Conclusion::Other(other) => other,
    });
    let other = status.and_then(|status| match status {
        RunStatus::Other(other) => Some(other.as_str()),
        _ => None,
    });
    ended.or(other).map(|word| format!("({word})"))
}
