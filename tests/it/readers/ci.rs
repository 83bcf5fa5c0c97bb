//! A CI trigger, as a user of the library would write it: in comes an event's body, out goes what to build,
//! what to stop, or why nothing is to be done.
//!
//! It keeps no state. Jobs of one `group` replace each other: a newer one ends those before it.

use std::collections::BTreeSet;
use std::fmt;

use forgewire::event::{
    Branch, Conclusion, Data, Event, ObjectHash, PullRequest, PullRequestAction, PullRequestEvent,
    Push, PushAction, RefKind, ReleaseAction, ReleaseEvent, Repository, RepositoryAction, Tag,
    TagAction, WorkflowRunAction, WorkflowRunEvent,
};

/// What an event asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// Build this.
    Run(Box<Job>),
    /// End whatever runs in groups that begin with this text.
    Cancel(String),
    /// Neither, and why.
    Nothing(&'static str),
}

/// Something to build.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    /// What it builds, for example `gitea/42/refs/heads/main`.
    pub(crate) group: String,
    /// What to clone.
    pub(crate) clone_url: String,
    /// The full ref to fetch.
    pub(crate) fetch: String,
    /// The commit to check out; without one whatever the ref leads to.
    pub(crate) commit: Option<String>,
    /// Whether it may see secrets.
    pub(crate) trusted: bool,
    /// Whether it can be left out where this commit was built before.
    pub(crate) only_if_new: bool,
    /// The changed files, where a filter by path may rely on them.
    pub(crate) changed: Option<BTreeSet<String>>,
}

/// Decides from the body of a message.
pub(crate) fn decide(body: &[u8]) -> Decision {
    let Ok(event) = Event::from_json(body) else {
        return Decision::Nothing("not an event that this program can read");
    };
    if !event.delivery.authenticated {
        return Decision::Nothing("nobody signed it");
    }
    let Some(repository) = &event.repository else {
        return Decision::Nothing("no repository");
    };
    let what = match &event.data {
        Data::Push(action, push) => pushed(&event, action, push),
        Data::Tag(action, tag) => tagged(&event, action, tag),
        Data::Ref(..) => Err("a push or tag event says it too"),
        Data::PullRequest(action, data) => pull_request(repository, action, data),
        Data::Release(action, data) => released(action, data),
        Data::WorkflowRun(action, data) => workflow_run(action, data),
        Data::Repository(RepositoryAction::Deleted, _) => Ok(What::Cancel(String::new())),
        Data::Repository(..) => Err("no code changed"),
        Data::Review(..)
        | Data::PullRequestComment(..)
        | Data::IssueComment(..)
        | Data::CommitComment(..)
        | Data::Issue(..)
        | Data::Wiki(..)
        | Data::Package(..)
        | Data::Status(..)
        | Data::WorkflowJob(..)
        | Data::PipelineSpan(..)
        | Data::Project(..)
        | Data::Secret(..) => Err("not about code"),
        Data::Mirror(..) => Err("a mirror has what was pushed before"),
        Data::Ping(..) => Err("a test of the webhook"),
        Data::Unrecognized(..) => Err("forgewire does not know what it says"),
        _ => Err("an event that is newer than this program"),
    };
    finish(&event, repository, what)
}

/// A decision without what all of them have in common.
enum What<'e> {
    Run(Checkout<'e>),
    Cancel(String),
}

struct Checkout<'e> {
    group: String,
    /// Where it is, if not in the event's repository.
    elsewhere: Option<&'e Repository<'e>>,
    fetch: String,
    commit: Option<&'e ObjectHash<'e>>,
    trusted: bool,
    only_if_new: bool,
    changed: Option<BTreeSet<String>>,
}

impl Checkout<'_> {
    /// A full ref of the event's repository, which only who may push there can move.
    fn of_own(reference: String) -> Self {
        Self {
            group: reference.clone(),
            elsewhere: None,
            fetch: reference,
            commit: None,
            trusted: true,
            only_if_new: false,
            changed: None,
        }
    }
}

fn finish(
    event: &Event<'_>,
    repository: &Repository<'_>,
    what: Result<What<'_>, &'static str>,
) -> Decision {
    let what = match what {
        Ok(what) => what,
        Err(why) => return Decision::Nothing(why),
    };
    // The id stays when the repository is renamed; old versions of Gogs send none.
    let key = repository.id.as_deref().or(repository.full_name.as_deref());
    let Some(key) = key else {
        return Decision::Nothing("the repository has neither id nor name");
    };
    let group = |of: &str| format!("{}/{key}/{of}", event.source);
    match what {
        What::Cancel(of) => Decision::Cancel(group(&of)),
        What::Run(checkout) => {
            let place = checkout.elsewhere.unwrap_or(repository);
            let Some(clone_url) = place.clone_url.as_ref().or(place.ssh_url.as_ref()) else {
                return Decision::Nothing("no URL to clone from");
            };
            Decision::Run(Box::new(Job {
                group: group(&checkout.group),
                clone_url: clone_url.to_string(),
                fetch: checkout.fetch,
                commit: checkout.commit.map(ToString::to_string),
                trusted: checkout.trusted,
                only_if_new: checkout.only_if_new,
                changed: checkout.changed,
            }))
        }
    }
}

/// The full name of the event's ref.
fn full_ref(event: &Event<'_>) -> Result<String, &'static str> {
    let reference = event.reference.as_ref().ok_or("no ref")?;
    match reference.kind {
        RefKind::Branch => Ok(format!("refs/heads/{}", reference.name)),
        RefKind::Tag => Ok(format!("refs/tags/{}", reference.name)),
        RefKind::Other(_) => Err("neither branch nor tag"),
    }
}

fn pushed<'e>(
    event: &Event<'_>,
    action: &PushAction,
    push: &'e Push<'e>,
) -> Result<What<'e>, &'static str> {
    let reference = full_ref(event)?;
    if *action == PushAction::Deleted {
        return Ok(What::Cancel(reference));
    }
    let commit = push.after.as_ref().ok_or("no commit")?;
    let message = push.tip().and_then(|tip| tip.message.as_deref()).unwrap_or_default();
    if message.contains("[skip ci]") {
        return Err("the commit asks to be left out");
    }
    let changed = push.changed_paths();
    Ok(What::Run(Checkout {
        commit: Some(commit),
        changed: changed.map(|paths| paths.into_iter().map(str::to_owned).collect()),
        ..Checkout::of_own(reference)
    }))
}

fn tagged<'e>(
    event: &Event<'_>,
    action: &TagAction,
    tag: &'e Tag<'e>,
) -> Result<What<'e>, &'static str> {
    let reference = full_ref(event)?;
    match action {
        TagAction::Deleted => Ok(What::Cancel(reference)),
        TagAction::Created | TagAction::Updated => Ok(What::Run(Checkout {
            // An annotated tag's own hash can be checked out, too.
            commit: tag.commit.as_ref().or(tag.after.as_ref()),
            ..Checkout::of_own(reference)
        })),
        TagAction::Other(_) => Err("an action that is newer than this program"),
    }
}

fn pull_request<'e>(
    target: &Repository<'_>,
    action: &PullRequestAction,
    data: &'e PullRequestEvent<'e>,
) -> Result<What<'e>, &'static str> {
    use PullRequestAction as A;
    let pull = &data.pull_request;
    let retargeted = data.changes.as_ref().is_some_and(|changes| changes.base.is_some());
    match action {
        A::Opened | A::Reopened | A::Synchronized => head(target, pull, false),
        A::Edited if retargeted => head(target, pull, false),
        // Some forges say new commits this way.
        A::Edited => head(target, pull, true),
        A::Closed | A::Merged | A::Deleted => Ok(What::Cancel(group(pull))),
        A::Assigned
        | A::Unassigned
        | A::LabelsUpdated
        | A::LabelsCleared
        | A::Milestoned
        | A::Demilestoned
        | A::ReviewRequested
        | A::ReviewRequestRemoved => Err("no code changed"),
        A::Other(_) => Err("an action that is newer than this program"),
    }
}

fn group(pull: &PullRequest<'_>) -> String {
    format!("pull/{}", pull.number)
}

/// The head of a pull request: from its branch, else from the ref that the target keeps of it.
fn head<'e>(
    target: &Repository<'_>,
    pull: &'e PullRequest<'e>,
    only_if_new: bool,
) -> Result<What<'e>, &'static str> {
    let Branch { reference, sha, abbreviated, repository, fork, pull_ref } = &pull.head;
    let (elsewhere, fetch) = match (repository, reference, pull_ref) {
        (Some(place), Some(name), _) => (Some(place), format!("refs/heads/{name}")),
        (_, _, Some(full)) => (None, full.to_string()),
        _ => return Err("the head is gone"),
    };
    // What a clone of it must be found under: without an id it could be any.
    let own = elsewhere.is_none_or(|place| place.id.is_some() && place.id == target.id);
    Ok(What::Run(Checkout {
        group: group(pull),
        elsewhere,
        fetch,
        // Half a hash is good enough to compare, and not to check out.
        commit: sha.as_ref().filter(|_| !abbreviated),
        trusted: own && *fork == Some(false),
        only_if_new,
        changed: None,
    }))
}

fn released<'e>(
    action: &ReleaseAction,
    data: &'e ReleaseEvent<'e>,
) -> Result<What<'e>, &'static str> {
    let tag = data.release.tag.as_ref().ok_or("no tag")?;
    match action {
        // Its packages are built from the tag, wherever that leads to.
        ReleaseAction::Published => Ok(What::Run(Checkout {
            group: format!("release/{tag}"),
            ..Checkout::of_own(format!("refs/tags/{tag}"))
        })),
        ReleaseAction::Deleted => Ok(What::Cancel(format!("release/{tag}"))),
        ReleaseAction::Updated => Err("no code changed"),
        ReleaseAction::Other(_) => Err("an action that is newer than this program"),
    }
}

/// What passed its tests is deployed, if nobody else could have written it.
fn workflow_run<'e>(
    action: &WorkflowRunAction,
    data: &'e WorkflowRunEvent<'e>,
) -> Result<What<'e>, &'static str> {
    let run = &data.run;
    match action {
        WorkflowRunAction::Completed if run.conclusion == Some(Conclusion::Success) => {}
        WorkflowRunAction::Completed => return Err("the tests failed"),
        WorkflowRunAction::Recovered => return Err("the completion says it too"),
        WorkflowRunAction::Requested | WorkflowRunAction::InProgress => {
            return Err("the tests have not ended");
        }
        WorkflowRunAction::Other(_) => return Err("an action that is newer than this program"),
    }
    if run.fork != Some(false) {
        return Err("the tests were those of a pull request");
    }
    let reference = match (&run.branch, &run.tag) {
        (Some(branch), _) => format!("refs/heads/{branch}"),
        (None, Some(tag)) => format!("refs/tags/{tag}"),
        (None, None) => return Err("the tests were for no branch or tag"),
    };
    let commit = run.commit.as_ref().filter(|commit| !commit.abbreviated).ok_or("no commit")?;
    Ok(What::Run(Checkout {
        group: format!("deploy/{reference}"),
        commit: Some(&commit.sha),
        ..Checkout::of_own(reference)
    }))
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let job = match self {
            Self::Run(job) => job,
            Self::Cancel(group) => return write!(f, "cancel {group}"),
            Self::Nothing(why) => return write!(f, "nothing: {why}"),
        };
        let commit = job.commit.as_deref().unwrap_or("whatever it leads to");
        write!(f, "run {} from {} {} at {commit}", job.group, job.clone_url, job.fetch)?;
        write!(f, ", {}", if job.trusted { "trusted" } else { "no secrets" })?;
        if job.only_if_new {
            write!(f, ", if not built before")?;
        }
        match &job.changed {
            None => Ok(()),
            Some(paths) => {
                write!(f, ", touches {}", paths.iter().cloned().collect::<Vec<_>>().join(" + "))
            }
        }
    }
}
