//! An audit log, as a user of the library would write it: in comes an event's body, out goes one flat record
//! of who did what to what, and how it is known.

use forgewire::event::{
    Changes, Comment, Data, Event, Issue, IssueEvent, MirrorEvent, PackageEvent, PipelineSpanEvent,
    ProjectEvent, PullRequest, PullRequestAction, PullRequestEvent, RefChange, ReleaseEvent,
    RepositoryAction, RepositoryEvent, ReviewEvent, SecretEvent, SecretLocation, StatusEvent,
    Verdict, WorkflowJobEvent, WorkflowRunEvent,
};
use serde::Serialize;

/// A line of the log.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) forge: String,
    /// RFC 3339: when the forge says it happened, else when it was received.
    pub(crate) time: String,
    pub(crate) received: String,
    pub(crate) actor_id: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) repository_id: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) event: String,
    pub(crate) action: String,
    pub(crate) object: Object,
    /// What it was, where that is said.
    pub(crate) before: Option<String>,
    /// What it is now, where that is said.
    pub(crate) after: Option<String>,
    pub(crate) delivery: String,
    pub(crate) digest: String,
    pub(crate) authenticated: bool,
    pub(crate) secret: Option<String>,
}

/// What it happened to.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Object {
    /// As people name it: `#17`, `v1.4.0`, a hash.
    pub(crate) name: Option<String>,
    /// The forge's id of it.
    pub(crate) id: Option<String>,
    /// Of what belongs to it: a comment's id, a status' context.
    pub(crate) part: Option<String>,
}

/// The record of the body of a message; none for what is no event.
pub(crate) fn record(body: &[u8]) -> Option<Record> {
    let event = Event::from_json(body).ok()?;
    let (object, before, after) = subject(&event);
    let (actor, repository) = (event.actor.as_ref(), event.repository.as_ref());
    let named = repository.and_then(|r| r.full_name.as_ref().or(r.owner.as_ref()));
    Some(Record {
        time: event.occurred_at.unwrap_or(event.received_at).to_string(),
        received: event.received_at.to_string(),
        actor_id: actor.and_then(|actor| actor.id.as_ref()).map(ToString::to_string),
        actor: actor.and_then(|actor| owned(actor.login.as_ref())),
        repository_id: repository.and_then(|place| place.id.as_ref()).map(ToString::to_string),
        repository: owned(named),
        reference: event.reference.as_ref().map(|r| r.name.to_string()).or(ran_for(&event.data)),
        event: event.event().to_owned(),
        action: event.action().to_owned(),
        object,
        before,
        after,
        delivery: event.delivery.id.to_string(),
        digest: event.delivery.digest.to_string(),
        authenticated: event.delivery.authenticated,
        secret: owned(event.delivery.secret.as_ref()),
        id: event.id.clone(),
        source: event.source.to_string(),
        forge: event.forge.to_string(),
    })
}

/// What a run is for that is no branch.
fn ran_for(data: &Data<'_>) -> Option<String> {
    let Data::WorkflowRun(_, data) = data else { return None };
    let pulls = data.run.pull_requests.iter().map(|number| format!("#{number}"));
    owned(data.run.tag.as_ref()).or_else(|| pulls.reduce(|all, one| all + ", " + &one))
}

type Subject = (Object, Option<String>, Option<String>);

fn subject(event: &Event<'_>) -> Subject {
    let reference = || event.reference.as_ref().map(|reference| reference.name.to_string());
    let of_ref = || Object { name: reference(), ..Object::default() };
    match &event.data {
        Data::Push(_, push) => (of_ref(), owned(push.before.as_ref()), owned(push.after.as_ref())),
        Data::Tag(_, tag) => (of_ref(), owned(tag.before.as_ref()), owned(tag.after.as_ref())),
        Data::Ref(_, notice) => {
            (of_ref(), owned(notice.before.as_ref()), owned(notice.after.as_ref()))
        }
        Data::PullRequest(action, data) => pull_request(action, data),
        Data::Review(_, data) => review(data),
        Data::PullRequestComment(_, data) => {
            commented(pull(&data.pull_request), &data.comment, data.changes.as_ref())
        }
        Data::IssueComment(_, data) => {
            commented(numbered(&data.issue), &data.comment, data.changes.as_ref())
        }
        Data::CommitComment(_, data) => {
            let commit = Object { name: Some(data.commit.sha.to_string()), ..Object::default() };
            commented(commit, &data.comment, data.changes.as_ref())
        }
        Data::Issue(_, data) => issue(data),
        Data::Release(_, data) => release(data),
        Data::Repository(action, data) => repository(event, action, data),
        Data::Wiki(_, data) => {
            let page = Object { name: Some(data.page.name.to_string()), ..Object::default() };
            (page, None, owned(data.message.as_ref()))
        }
        Data::Package(_, data) => package(data),
        Data::Status(_, data) => status(data),
        Data::WorkflowRun(_, data) => workflow_run(data),
        Data::WorkflowJob(_, data) => workflow_job(data),
        Data::PipelineSpan(_, data) => pipeline(data),
        Data::Project(_, data) => project(data),
        Data::Mirror(_, data) => mirror(data),
        Data::Secret(_, data) => secret(data),
        Data::Ping(_, ping) => {
            let what = Object { name: owned(ping.reference.as_ref()), ..Object::default() };
            (what, None, owned(ping.commit.as_ref()))
        }
        Data::Unrecognized(_, data) => {
            let what = Object { name: owned(event.delivery.event.as_ref()), ..Object::default() };
            (what, None, Some(data.reason.as_str().to_owned()))
        }
        // Who, where and when are known also of what this program does not know.
        _ => (of_ref(), None, None),
    }
}

fn owned<T: ToString>(said: Option<&T>) -> Option<String> {
    said.map(ToString::to_string)
}

fn pull(pull: &PullRequest<'_>) -> Object {
    let name = Some(format!("#{}", pull.number));
    // Where its commits come from: that can be anybody's repository.
    let head = &pull.head;
    let place = head.repository.as_ref().and_then(|place| place.full_name.as_deref());
    let reference = head.reference.as_deref().or(head.pull_ref.as_deref());
    let part = joined(place.into_iter().chain(reference));
    Object { name, id: owned(pull.id.as_ref()), part }
}

fn numbered(issue: &Issue<'_>) -> Object {
    let name = Some(format!("#{}", issue.number));
    Object { name, id: owned(issue.id.as_ref()), part: None }
}

fn pull_request(action: &PullRequestAction, data: &PullRequestEvent<'_>) -> Subject {
    let request = &data.pull_request;
    let now = [
        ("title", request.title.as_deref()),
        ("body", request.body.as_deref()),
        ("base", request.base.reference.as_deref()),
    ];
    let (was, is) = changed(data.changes.as_ref(), &now);
    let merged = request.merge_commit.as_ref().map(|commit| commit.sha.to_string());
    let closing = data.closing_commit.as_ref().map(|commit| commit.sha.to_string());
    let head = data.after.as_ref().or(request.head.sha.as_ref()).map(ToString::to_string);
    // Without a hash the people and words say what is another now.
    let people = request.assignees.iter().chain(&request.reviewers);
    let people = people.filter_map(|person| person.login.as_deref());
    let labels = request.labels.iter().map(|label| &*label.name);
    let rest = joined(people.chain(labels));
    // What is opened or pushed to is about commits, whoever is to look at them.
    let pushed = matches!(action, PullRequestAction::Opened | PullRequestAction::Synchronized);
    let pushed = head.clone().filter(|_| pushed);
    (
        pull(request),
        data.before.as_ref().map(ToString::to_string).or(was),
        is.or(merged).or(closing).or(pushed).or(rest).or(head),
    )
}

fn issue(data: &IssueEvent<'_>) -> Subject {
    let issue = &data.issue;
    let now = [("title", issue.title.as_deref()), ("body", issue.body.as_deref())];
    let (was, is) = changed(data.changes.as_ref(), &now);
    let closing = data.closing_commit.as_ref().map(|commit| commit.sha.to_string());
    let people = issue.assignees.iter().filter_map(|person| person.login.as_deref());
    let labels = issue.labels.iter().map(|label| &*label.name);
    (numbered(issue), was, is.or(closing).or(joined(people.chain(labels))))
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// What an edit changed: `field: text` before and after, a line each.
fn changed(
    changes: Option<&Changes<'_>>,
    now: &[(&str, Option<&str>)],
) -> (Option<String>, Option<String>) {
    let Some(changes) = changes else { return (None, None) };
    let fields = [
        ("title", &changes.title),
        ("body", &changes.body),
        ("base", &changes.base),
        ("state", &changes.state),
        ("assignee", &changes.assignee),
    ];
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (field, change) in fields {
        let Some(change) = change else { continue };
        before.push(format!("{field}: {}", change.from.as_deref().unwrap_or("-")));
        let value = now.iter().find(|(name, _)| *name == field).and_then(|(_, value)| *value);
        after.push(format!("{field}: {}", value.unwrap_or("-")));
    }
    before.extend(changes.removed_labels.iter().map(|label| format!("label: {}", label.name)));
    after.extend(changes.added_labels.iter().map(|label| format!("label: {}", label.name)));
    let lines = |lines: Vec<String>| (!lines.is_empty()).then(|| lines.join("\n"));
    (lines(before), lines(after))
}

fn review(data: &ReviewEvent<'_>) -> Subject {
    let part = owned(data.review.id.as_ref());
    let before = data.withdrawn.as_ref().map(|verdict| match verdict {
        Verdict::Approval => "approval".to_owned(),
        Verdict::ChangesRequest => "changes_request".to_owned(),
        Verdict::Other(other) => other.clone(),
    });
    let commit = data.review.commit.as_ref().map(|commit| &commit.sha);
    let after = commit.or(data.pull_request.head.sha.as_ref());
    let of = pull(&data.pull_request);
    (Object { part: part.or(of.part), ..of }, before, owned(after))
}

fn commented(of: Object, comment: &Comment<'_>, changes: Option<&Changes<'_>>) -> Subject {
    let (was, is) = changed(changes, &[("body", comment.body.as_deref())]);
    let object = Object { part: owned(comment.id.as_ref()), ..of };
    (object, was, is.or_else(|| owned(comment.body.as_ref())))
}

fn release(data: &ReleaseEvent<'_>) -> Subject {
    let release = &data.release;
    let object =
        Object { name: owned(release.tag.as_ref()), id: owned(release.id.as_ref()), part: None };
    (object, None, owned(release.name.as_ref()))
}

fn repository(event: &Event<'_>, action: &RepositoryAction, data: &RepositoryEvent<'_>) -> Subject {
    let place = event.repository.as_ref();
    let object = Object {
        name: place.and_then(|place| owned(place.full_name.as_ref())),
        id: place.and_then(|place| owned(place.id.as_ref())),
        part: data.fork.as_ref().and_then(|fork| owned(fork.id.as_ref())),
    };
    if *action == RepositoryAction::Forked {
        return (object, None, data.fork.as_ref().and_then(|fork| owned(fork.full_name.as_ref())));
    }
    let Some(changes) = &data.changes else { return (object, None, None) };
    let fields = [
        ("full_name", &changes.full_name, place.and_then(|place| place.full_name.as_deref())),
        ("name", &changes.name, place.and_then(|place| place.name.as_deref())),
        ("owner", &changes.owner, place.and_then(|place| place.owner.as_deref())),
        (
            "default_branch",
            &changes.default_branch,
            place.and_then(|p| p.default_branch.as_deref()),
        ),
        ("description", &changes.description, None),
    ];
    let told = fields.iter().filter_map(|(name, change, now)| Some((name, change.as_ref()?, now)));
    let (before, after): (Vec<_>, Vec<_>) = told
        .map(|(name, change, now)| {
            let was = change.from.as_deref().unwrap_or("-");
            (format!("{name}: {was}"), format!("{name}: {}", now.unwrap_or("-")))
        })
        .unzip();
    (object, Some(before.join("\n")), Some(after.join("\n")))
}

fn package(data: &PackageEvent<'_>) -> Subject {
    let package = &data.package;
    let parts = [&package.kind, &package.name, &package.version];
    let name = joined(parts.into_iter().flatten().map(|part| &**part));
    let owner = package.owner.as_ref().and_then(|owner| owned(owner.login.as_ref()));
    (Object { name, id: owned(package.id.as_ref()), part: owner }, None, None)
}

fn status(data: &StatusEvent<'_>) -> Subject {
    let object = Object {
        name: Some(data.commit.id.to_string()),
        id: owned(data.status.id.as_ref()),
        part: owned(data.status.context.as_ref()),
    };
    (object, None, owned(data.status.description.as_ref()))
}

fn workflow_run(data: &WorkflowRunEvent<'_>) -> Subject {
    let run = &data.run;
    let workflow = data.workflow.as_ref().and_then(|workflow| owned(workflow.id.as_ref()));
    let object = Object {
        name: run.number.map(|number| format!("run {number}")),
        id: owned(run.id.as_ref()),
        part: workflow,
    };
    let before = data.previous_run.as_ref().and_then(|run| run.commit.as_ref());
    let sha = |commit: &forgewire::event::Sha<'_>| commit.sha.to_string();
    (object, before.map(sha), run.commit.as_ref().map(sha))
}

fn workflow_job(data: &WorkflowJobEvent<'_>) -> Subject {
    let job = &data.job;
    let object = Object {
        name: owned(job.name.as_ref()),
        id: owned(job.id.as_ref()),
        part: owned(job.run_id.as_ref()),
    };
    (object, None, job.commit.as_ref().map(|commit| commit.sha.to_string()))
}

fn project(data: &ProjectEvent<'_>) -> Subject {
    let project = &data.project;
    let object =
        Object { name: owned(project.key.as_ref()), id: owned(project.id.as_ref()), part: None };
    let Some(changes) = &data.changes else { return (object, None, owned(project.name.as_ref())) };
    let fields = [
        ("key", &changes.key, &project.key),
        ("name", &changes.name, &project.name),
        ("description", &changes.description, &project.description),
    ];
    let told = fields.into_iter().filter_map(|(field, change, now)| {
        let was = change.as_ref()?.from.as_deref().unwrap_or("-");
        Some((format!("{field}: {was}"), format!("{field}: {}", now.as_deref().unwrap_or("-"))))
    });
    let (before, after): (Vec<_>, Vec<_>) = told.unzip();
    (object, Some(before.join("\n")), Some(after.join("\n")))
}

/// What the mirror had of each ref, and has now.
fn mirror(data: &MirrorEvent<'_>) -> Subject {
    let mirror = &data.mirror;
    let object =
        Object { name: owned(mirror.name.as_ref()), id: owned(mirror.id.as_ref()), part: None };
    let side = |of: fn(&RefChange<'_>) -> Option<String>| {
        let line = |change| Some(format!("{}: {}", change_name(change), of(change)?));
        let lines: Vec<_> = data.changes.iter().filter_map(line).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    (
        object,
        side(|change| owned(change.before.as_ref())),
        side(|change| owned(change.after.as_ref())),
    )
}

fn change_name<'e>(change: &'e RefChange<'_>) -> &'e str {
    &change.reference.name
}

/// The places, a line each.
fn secret(data: &SecretEvent<'_>) -> Subject {
    let place = |place: &SecretLocation<'_>| {
        let line = place.line.map(|line| line.to_string());
        let commit = place.commit.as_ref().map(|commit| commit.sha.to_string());
        let parts = [owned(place.path.as_ref()), line, commit, owned(place.rule.as_ref())];
        parts.map(|part| part.unwrap_or_else(|| "-".to_owned())).join(" ")
    };
    let places: Vec<_> = data.locations.iter().map(place).collect();
    let rules = joined(data.locations.iter().filter_map(|place| place.rule.as_deref()));
    (Object { part: rules, ..Object::default() }, None, Some(places.join("\n")))
}

fn pipeline(data: &PipelineSpanEvent<'_>) -> Subject {
    let run = data.spans.iter().find_map(|span| span.run.as_ref());
    let object = Object {
        name: run.and_then(|run| run.build_number).map(|number| format!("pipeline {number}")),
        id: run.and_then(|run| owned(run.pipeline_id.as_ref())),
        part: joined(data.spans.iter().filter_map(|span| span.span_id.as_deref())),
    };
    let conclusion = run.and_then(|run| run.conclusion.as_ref());
    (object, None, conclusion.map(|ended| format!("{ended:?}").to_lowercase()))
}
