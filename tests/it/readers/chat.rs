//! A chat notifier, as a user of the library would write it: in comes an event's body, out goes one line of
//! plain text that says who did what to what where, and a link.

use std::fmt::Write as _;

use forgewire::event::{
    Actor, Change, Changes, Comment, CommitCommentAction, CommitCommentEvent, Conclusion, Data,
    Event, Issue, IssueAction, IssueCommentAction, IssueEvent, Label, Milestone, MirrorEvent,
    PackageAction, PackageEvent, PipelineSpanEvent, ProjectAction, ProjectEvent, PullRequest,
    PullRequestAction, PullRequestCommentAction, PullRequestEvent, Push, PushAction, RefAction,
    RefKind, RefName, ReleaseAction, ReleaseEvent, RepositoryAction, RepositoryEvent, ReviewAction,
    ReviewEvent, SecretEvent, StatusAction, StatusEvent, Tag, TagAction, Verdict, WikiAction,
    WikiEvent, WorkflowJobAction, WorkflowJobEvent, WorkflowRunAction, WorkflowRunEvent,
};

/// Longest text of somebody else's that is shown, in characters.
const LONGEST: usize = 80;
/// Digits of a hash that people recognise it by.
const SHORT: usize = 7;

/// The line for the body of a message; none for what is no event.
pub(crate) fn line(body: &[u8]) -> Option<String> {
    let event = Event::from_json(body).ok()?;
    let (what, page) = said(&event);
    // What is deleted has no page any more; of what it belonged to there is one.
    let page = page.filter(|_| event.action() != "deleted" || is_comment(&event.data));
    let mut line = format!("{} {what}", who(&event));
    if let Some(place) = place(&event) {
        write!(line, " ({place})").ok()?;
    }
    if !event.delivery.authenticated {
        line.push_str(", says somebody who signed nothing");
    }
    let repository = event.repository.as_ref();
    let page = page
        .or_else(|| repository?.url.as_deref())
        .or_else(|| repository?.clone_url.as_deref())
        .or_else(|| owner_page(&event.data))
        .or_else(|| event.actor.as_ref()?.url.as_deref());
    if let Some(page) = page {
        write!(line, ": {}", visible(page)).ok()?;
    }
    Some(line)
}

/// Of a package of no repository: the page of who it belongs to.
fn owner_page<'e>(data: &'e Data<'_>) -> Option<&'e str> {
    let Data::Package(_, data) = data else { return None };
    data.package.owner.as_ref()?.url.as_deref()
}

fn is_comment(data: &Data<'_>) -> bool {
    matches!(data, Data::PullRequestComment(..) | Data::IssueComment(..) | Data::CommitComment(..))
}

/// Name of an account. Display names can be anything, an address or another's login included.
fn login(actor: &Actor<'_>) -> String {
    let name = actor.login.as_deref().or(actor.name.as_deref()).map(visible);
    let id = || actor.id.as_ref().map(|id| format!("account {}", visible(id)));
    name.filter(|name| !name.is_empty()).or_else(id).unwrap_or_else(|| "somebody".to_owned())
}

fn who(event: &Event<'_>) -> String {
    event.actor.as_ref().map_or_else(|| "somebody".to_owned(), login)
}

/// The repository, else its owner.
fn place(event: &Event<'_>) -> Option<String> {
    let repository = event.repository.as_ref()?;
    let name = [&repository.full_name, &repository.name, &repository.owner];
    name.into_iter().flatten().map(|name| visible(name)).find(|name| !name.is_empty())
}

/// What happened, and the page that shows it if it is not the repository's.
fn said<'e>(event: &'e Event<'_>) -> (String, Option<&'e str>) {
    let reference = reference(event);
    match &event.data {
        Data::Push(action, push) => pushed(action, push, &reference),
        Data::Tag(action, tag) => tagged(action, tag, &reference),
        Data::Ref(action, _) => {
            let did = match action {
                RefAction::Created => "made",
                RefAction::Deleted => "deleted",
                RefAction::Other(other) => &visible(other),
            };
            (format!("{did} {reference}"), None)
        }
        Data::PullRequest(action, data) => {
            (pull_request(action, data), data.pull_request.url.as_deref())
        }
        Data::Review(action, data) => (review(action, data), data.pull_request.url.as_deref()),
        Data::PullRequestComment(action, data) => {
            let did = match action {
                PullRequestCommentAction::Created => "commented on",
                PullRequestCommentAction::Edited => "changed a comment on",
                PullRequestCommentAction::Deleted => "deleted a comment on",
                PullRequestCommentAction::Resolved => "resolved a thread of",
                PullRequestCommentAction::Reopened => "took up again a thread of",
                PullRequestCommentAction::Other(other) => {
                    &format!("{} a comment on", visible(other))
                }
            };
            commented(
                did,
                &pull(&data.pull_request),
                &data.comment,
                data.pull_request.url.as_deref(),
            )
        }
        Data::IssueComment(action, data) => {
            let did = match action {
                IssueCommentAction::Created => "commented on",
                IssueCommentAction::Edited => "changed a comment on",
                IssueCommentAction::Deleted => "deleted a comment on",
                IssueCommentAction::Resolved => "resolved a thread of",
                IssueCommentAction::Reopened => "took up again a thread of",
                IssueCommentAction::Other(other) => &format!("{} a comment on", visible(other)),
            };
            commented(did, &numbered(&data.issue), &data.comment, data.issue.url.as_deref())
        }
        Data::CommitComment(action, data) => commit_comment(action, data),
        Data::Issue(action, data) => (issue(action, data), data.issue.url.as_deref()),
        Data::Release(action, data) => released(action, data),
        Data::Repository(action, data) => repository(action, data),
        Data::Wiki(action, data) => wiki(action, data),
        Data::Package(action, data) => package(action, data),
        Data::Status(action, data) => status(action, data),
        Data::WorkflowRun(action, data) => workflow_run(action, data),
        Data::WorkflowJob(action, data) => workflow_job(action, data),
        Data::PipelineSpan(_, data) => pipeline(data),
        Data::Project(action, data) => project(action, data),
        Data::Mirror(_, data) => (mirror(data), None),
        Data::Secret(_, data) => (secret(data), None),
        Data::Ping(..) => ("tested the webhook".to_owned(), None),
        Data::Unrecognized(action, data) => {
            let (name, why) = (visible(action.as_str()), visible(data.reason.as_str()));
            (format!("did something that forgewire does not know: {name} ({why})"), None)
        }
        other => {
            let (event, action) = (visible(other.event()), visible(other.action()));
            (format!("did something new: {event} {action}"), None)
        }
    }
}

/// The ref with its kind, for example `branch main`.
fn reference(event: &Event<'_>) -> String {
    event.reference.as_ref().map_or_else(|| "a ref".to_owned(), kind_and_name)
}

fn kind_and_name(reference: &RefName<'_>) -> String {
    let name = text(&reference.name);
    match &reference.kind {
        RefKind::Branch => format!("branch {name}"),
        RefKind::Tag => format!("tag {name}"),
        RefKind::Other(kind) => format!("{} {name}", visible(kind)),
    }
}

fn pushed<'e>(
    action: &PushAction,
    push: &'e Push<'_>,
    reference: &str,
) -> (String, Option<&'e str>) {
    let tip = push.tip();
    let page = push.compare_url.as_deref().or_else(|| tip?.url.as_deref());
    let listed = u64::try_from(push.commits.len()).unwrap_or(u64::MAX);
    let count = match push.total_commits.unwrap_or(listed) {
        _ if !push.commits_complete && push.total_commits.is_none() => "commits".to_owned(),
        1 => "1 commit".to_owned(),
        count => format!("{count} commits"),
    };
    let count = count + &authors(push);
    let none_new =
        push.commits.is_empty() && push.total_commits.map_or(push.commits_complete, |n| n == 0);
    let at = push.after.as_deref().map(|sha| format!(" at {}", short(sha))).unwrap_or_default();
    let line = match action {
        PushAction::Deleted => return (format!("deleted {reference}"), None),
        PushAction::Created if none_new => format!("made {reference}{at}"),
        PushAction::Created => format!("made {reference} with {count}"),
        PushAction::Updated if none_new => format!("moved {reference} back, it is now{at}"),
        PushAction::Updated if push.forced == Some(true) => {
            format!("rewrote {reference} with {count}")
        }
        PushAction::Updated => format!("pushed {count} to {reference}"),
        PushAction::Other(other) => format!("{} {reference}", visible(other)),
    };
    (with_subject(line, tip.and_then(|tip| tip.message.as_deref())), page)
}

/// Whose commits they are, where they are of several: people look for their own work there.
fn authors(push: &Push<'_>) -> String {
    let logins = push.commits.iter().filter_map(|commit| commit.author.as_ref()?.login.as_deref());
    let mut names: Vec<_> = logins.map(visible).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > 1 { format!(" by {}", list(names)) } else { String::new() }
}

fn with_subject(line: String, message: Option<&str>) -> String {
    match message.map(first_line).filter(|subject| !subject.is_empty()) {
        Some(subject) => format!("{line}, “{subject}”"),
        None => line,
    }
}

fn tagged<'e>(action: &TagAction, tag: &'e Tag<'_>, reference: &str) -> (String, Option<&'e str>) {
    let did = match action {
        TagAction::Created => "made",
        TagAction::Updated => "moved",
        TagAction::Deleted => return (format!("deleted {reference}"), None),
        TagAction::Other(other) => &visible(other),
    };
    let commit = tag.commit.as_deref().or(tag.after.as_deref());
    let at = commit.map(|sha| format!(" at {}", short(sha))).unwrap_or_default();
    let head = tag.head_commit.as_ref();
    let line = format!("{did} {reference}{at}");
    let page = head.and_then(|commit| commit.url.as_deref());
    (with_subject(line, head.and_then(|commit| commit.message.as_deref())), page)
}

fn pull(pull: &PullRequest<'_>) -> String {
    named(&format!("pull request #{}", pull.number), pull.title.as_deref())
}

fn numbered(issue: &Issue<'_>) -> String {
    named(&format!("issue #{}", issue.number), issue.title.as_deref())
}

/// Something with its title, where it has one.
fn named(what: &str, title: Option<&str>) -> String {
    match title.map(text).filter(|title| !title.is_empty()) {
        Some(title) => format!("{what} “{title}”"),
        None => what.to_owned(),
    }
}

fn pull_request(action: &PullRequestAction, data: &PullRequestEvent<'_>) -> String {
    use PullRequestAction as A;
    let request = &data.pull_request;
    let what = pull(request);
    let into = request.base.reference.as_deref().map(|name| format!(" into {}", text(name)));
    let into = into.unwrap_or_default();
    let reviewer = || data.requested_reviewer.as_ref().map_or("somebody".to_owned(), login);
    match action {
        A::Opened if request.draft == Some(true) => format!("opened draft {what}{into}"),
        A::Opened => format!("opened {what}{into}"),
        A::Closed => format!(
            "closed {what} without merging it{}",
            by_commit(data.closing_commit.as_ref().map(|c| &*c.sha))
        ),
        A::Merged => {
            let commit = request.merge_commit.as_ref().map(|commit| short(&commit.sha));
            let commit = commit.unwrap_or_else(|| "a commit that is not known".to_owned());
            format!("merged {what}{into} as {commit}")
        }
        A::Reopened => format!("reopened {what}"),
        A::Edited => format!("changed {what}{}", edited(data.changes.as_ref())),
        A::Synchronized => match &request.head.sha {
            Some(sha) => format!("pushed to {what}, now at {}", short(sha)),
            None => format!("pushed to {what}"),
        },
        A::Assigned | A::Unassigned => assigned(&what, &request.assignees),
        A::LabelsUpdated | A::LabelsCleared => labelled(&what, &request.labels),
        A::Milestoned | A::Demilestoned => milestoned(&what, request.milestone.as_ref()),
        A::ReviewRequested => format!("asked {} to review {what}", reviewer()),
        A::ReviewRequestRemoved => format!("no longer asks {} to review {what}", reviewer()),
        A::Deleted => format!("deleted {what}"),
        A::Other(other) => format!("{} {what}", visible(other)),
    }
}

fn issue(action: &IssueAction, data: &IssueEvent<'_>) -> String {
    use IssueAction as A;
    let what = numbered(&data.issue);
    match action {
        A::Opened => format!("opened {what}"),
        A::Closed => {
            let commit = data.closing_commit.as_ref().map(|commit| &*commit.sha);
            format!("closed {what}{}", by_commit(commit))
        }
        A::Reopened => format!("reopened {what}"),
        A::Edited => format!("changed {what}{}", edited(data.changes.as_ref())),
        A::Deleted => format!("deleted {what}"),
        A::Assigned | A::Unassigned => assigned(&what, &data.issue.assignees),
        A::LabelsUpdated | A::LabelsCleared => labelled(&what, &data.issue.labels),
        A::Milestoned | A::Demilestoned => milestoned(&what, data.issue.milestone.as_ref()),
        A::Other(other) => format!("{} {what}", visible(other)),
    }
}

fn by_commit(sha: Option<&str>) -> String {
    sha.map(|sha| format!(" with commit {}", short(sha))).unwrap_or_default()
}

/// What was changed, in words.
fn edited(changes: Option<&Changes<'_>>) -> String {
    let Some(changes) = changes else { return String::new() };
    let from = |name: &str, change: &Change<'_>| match change.from.as_deref().map(text) {
        Some(from) if !from.is_empty() => format!("{name} was “{from}”"),
        _ => format!("{name} was empty"),
    };
    let mut parts = Vec::new();
    parts.extend(changes.title.as_ref().map(|change| from("the title", change)));
    parts.extend(changes.base.as_ref().map(|change| from("the target", change)));
    parts.extend(changes.state.as_ref().map(|change| from("the state", change)));
    parts.extend(changes.body.as_ref().map(|_long| "the description is another".to_owned()));
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

fn assigned(what: &str, assignees: &[Actor<'_>]) -> String {
    // The forges do not say who is new or gone, only who is left.
    match assignees {
        [] => format!("assigned {what} to nobody"),
        some => format!("assigned {what} to {}", list(some.iter().map(login).collect())),
    }
}

fn labelled(what: &str, labels: &[Label<'_>]) -> String {
    match labels {
        [] => format!("took all labels off {what}"),
        some => {
            let names = some.iter().map(|label| format!("“{}”", text(&label.name))).collect();
            format!("labelled {what} {}", list(names))
        }
    }
}

fn milestoned(what: &str, milestone: Option<&Milestone<'_>>) -> String {
    match milestone.map(|milestone| milestone.title.as_deref().map(text)) {
        Some(Some(title)) => format!("put {what} into milestone “{title}”"),
        Some(None) => format!("put {what} into a milestone"),
        None => format!("took {what} out of its milestone"),
    }
}

fn review(action: &ReviewAction, data: &ReviewEvent<'_>) -> String {
    let what = pull(&data.pull_request);
    let line = match action {
        ReviewAction::Approved => format!("approved {what}"),
        ReviewAction::ChangesRequested => format!("wants changes to {what}"),
        ReviewAction::Commented => format!("reviewed {what}"),
        ReviewAction::Dismissed => match &data.withdrawn {
            Some(Verdict::Approval) => format!("no longer approves {what}"),
            Some(Verdict::ChangesRequest) => format!("no longer wants changes to {what}"),
            Some(Verdict::Other(_)) | None => format!("took back a review of {what}"),
        },
        ReviewAction::Other(other) => format!("{} {what}", visible(other)),
    };
    with_subject(line, data.review.body.as_deref())
}

fn commented<'e>(
    did: &str,
    what: &str,
    comment: &'e Comment<'_>,
    page: Option<&'e str>,
) -> (String, Option<&'e str>) {
    let line = with_subject(format!("{did} {what}"), comment.body.as_deref());
    let place = comment.url.as_deref().filter(|_| !did.starts_with("deleted"));
    (line, place.or(page))
}

fn commit_comment<'e>(
    action: &CommitCommentAction,
    data: &'e CommitCommentEvent<'_>,
) -> (String, Option<&'e str>) {
    let did = match action {
        CommitCommentAction::Created => "commented on",
        CommitCommentAction::Edited => "changed a comment on",
        CommitCommentAction::Deleted => "deleted a comment on",
        CommitCommentAction::Resolved => "resolved a thread of",
        CommitCommentAction::Reopened => "took up again a thread of",
        CommitCommentAction::Other(other) => &format!("{} a comment on", visible(other)),
    };
    commented(did, &format!("commit {}", short(&data.commit.sha)), &data.comment, None)
}

fn released<'e>(action: &ReleaseAction, data: &'e ReleaseEvent<'_>) -> (String, Option<&'e str>) {
    let release = &data.release;
    let did = match action {
        ReleaseAction::Published => "published",
        ReleaseAction::Updated => "changed",
        ReleaseAction::Deleted => "deleted",
        ReleaseAction::Other(other) => &visible(other),
    };
    let kind = if release.prerelease == Some(true) { "prerelease" } else { "release" };
    let tag = release.tag.as_deref().map(text);
    let title = release.name.as_deref().filter(|name| Some(*name) != release.tag.as_deref());
    let what = named(&tag.map_or(kind.to_owned(), |tag| format!("{kind} {tag}")), title);
    (format!("{did} {what}"), release.url.as_deref())
}

fn repository<'e>(
    action: &RepositoryAction,
    data: &'e RepositoryEvent<'_>,
) -> (String, Option<&'e str>) {
    let from = |change: Option<&Change<'_>>| {
        let from = change.and_then(|change| change.from.as_deref()).map(text);
        from.map(|from| format!(", which was {from}")).unwrap_or_default()
    };
    let changes = data.changes.as_ref();
    let did = match action {
        RepositoryAction::Created => "made a repository".to_owned(),
        RepositoryAction::Deleted => "deleted the repository".to_owned(),
        RepositoryAction::Renamed => {
            format!(
                "renamed the repository{}",
                from(changes.and_then(|changes| changes.name.as_ref()))
            )
        }
        RepositoryAction::Transferred => {
            let owner = changes.and_then(|changes| changes.owner.as_ref());
            format!("gave the repository another owner{}", from(owner))
        }
        RepositoryAction::Forked => {
            let fork = data.fork.as_ref();
            let name = fork.and_then(|fork| fork.full_name.as_deref()).map(text);
            let name = name.map(|name| format!(" as {name}")).unwrap_or_default();
            return (
                format!("forked the repository{name}"),
                fork.and_then(|fork| fork.url.as_deref()),
            );
        }
        RepositoryAction::Updated => "changed the repository".to_owned(),
        RepositoryAction::Imported => "imported the repository".to_owned(),
        RepositoryAction::Other(other) => format!("{} the repository", visible(other)),
    };
    (did, None)
}

fn wiki<'e>(action: &WikiAction, data: &'e WikiEvent<'_>) -> (String, Option<&'e str>) {
    let did = match action {
        WikiAction::Created => "wrote",
        WikiAction::Edited => "changed",
        WikiAction::Deleted => "deleted",
        WikiAction::Other(other) => &visible(other),
    };
    let line = format!("{did} wiki page “{}”", text(&data.page.name));
    (with_subject(line, data.message.as_deref()), None)
}

fn package<'e>(action: &PackageAction, data: &'e PackageEvent<'_>) -> (String, Option<&'e str>) {
    let package = &data.package;
    let did = match action {
        PackageAction::Created => "published",
        PackageAction::Deleted => "deleted",
        PackageAction::Other(other) => &visible(other),
    };
    let parts = [&package.kind, &package.name, &package.version];
    let what: Vec<_> = parts.into_iter().flatten().map(|part| text(part)).collect();
    (format!("{did} package {}", what.join(" ")), package.url.as_deref())
}

fn status<'e>(action: &StatusAction, data: &'e StatusEvent<'_>) -> (String, Option<&'e str>) {
    let is = match action {
        StatusAction::Pending => "is under way",
        StatusAction::Success => "went well",
        StatusAction::Failure => "failed",
        StatusAction::Error => "broke",
        StatusAction::Warning => "went well, with warnings",
        StatusAction::Skipped => "was skipped",
        StatusAction::Other(other) => &format!("is {}", visible(other)),
    };
    let status = &data.status;
    let name = status.name.as_deref().or(status.context.as_deref()).map(text);
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "a check".to_owned());
    let line = format!("said that {name} of commit {} {is}", short(&data.commit.id));
    let page = status.url.as_deref().or(data.commit.url.as_deref());
    (with_subject(line, status.description.as_deref()), page)
}

fn ended(conclusion: Option<&Conclusion>) -> String {
    match conclusion {
        Some(Conclusion::Cancelled) => "was stopped".to_owned(),
        Some(Conclusion::Failure) => "failed".to_owned(),
        Some(Conclusion::Skipped) => "was skipped".to_owned(),
        Some(Conclusion::Success) => "went well".to_owned(),
        Some(Conclusion::Other(other)) => format!("ended: {}", visible(other)),
        None => "ended".to_owned(),
    }
}

fn workflow_run<'e>(
    action: &WorkflowRunAction,
    data: &'e WorkflowRunEvent<'_>,
) -> (String, Option<&'e str>) {
    let run = &data.run;
    let is = match action {
        WorkflowRunAction::Requested => "waits".to_owned(),
        WorkflowRunAction::InProgress => "runs now".to_owned(),
        WorkflowRunAction::Completed => ended(run.conclusion.as_ref()),
        WorkflowRunAction::Recovered => "goes well again".to_owned(),
        WorkflowRunAction::Other(other) => format!("is {}", visible(other)),
    };
    let workflow = data.workflow.as_ref();
    let name = workflow.and_then(|workflow| workflow.name.as_deref().or(workflow.id.as_deref()));
    let name = name.map(|name| format!("workflow {}", text(name)));
    let mut line = format!("started {}", name.unwrap_or_else(|| "a workflow".to_owned()));
    let of = run.branch.as_deref().or(run.tag.as_deref()).map(text);
    let pulls: Vec<_> = run.pull_requests.iter().map(|number| format!("#{number}")).collect();
    match (of, pulls.is_empty()) {
        (Some(of), _) => write!(line, " for {of}"),
        (None, false) => write!(line, " for pull request {}", list(pulls)),
        (None, true) => Ok(()),
    }
    .unwrap_or_default();
    (with_subject(format!("{line}, which {is}"), run.title.as_deref()), run.url.as_deref())
}

fn workflow_job<'e>(
    action: &WorkflowJobAction,
    data: &'e WorkflowJobEvent<'_>,
) -> (String, Option<&'e str>) {
    let job = &data.job;
    let is = match action {
        WorkflowJobAction::Queued => "waits for a runner".to_owned(),
        WorkflowJobAction::Waiting => "waits for something else".to_owned(),
        WorkflowJobAction::InProgress => "runs now".to_owned(),
        WorkflowJobAction::Completed => ended(job.conclusion.as_ref()),
        WorkflowJobAction::Other(other) => format!("is {}", visible(other)),
    };
    let name = job
        .name
        .as_deref()
        .map_or_else(|| "a job".to_owned(), |name| format!("job “{}”", text(name)));
    let runner = job.runner.as_ref().and_then(|runner| runner.name.as_deref()).map(text);
    let on = runner.map(|name| format!(" on {name}")).unwrap_or_default();
    let of = job.branch.as_deref().map(|name| format!(" for {}", text(name))).unwrap_or_default();
    (format!("started {name}{of}, which {is}{on}"), job.url.as_deref())
}

fn project<'e>(action: &ProjectAction, data: &'e ProjectEvent<'_>) -> (String, Option<&'e str>) {
    let project = &data.project;
    let did = match action {
        ProjectAction::Created => "made",
        ProjectAction::Updated => "changed",
        ProjectAction::Deleted => "deleted",
        ProjectAction::Other(other) => &visible(other),
    };
    let key = project.key.as_deref().map(|key| format!("project {}", text(key)));
    let what = named(&key.unwrap_or_else(|| "a project".to_owned()), project.name.as_deref());
    let was = data.changes.as_ref().map(|changes| {
        let from = |name: &str, change: Option<&Change<'_>>| {
            let from = change?.from.as_deref().map(text).filter(|from| !from.is_empty());
            Some(from.map_or_else(
                || format!("the {name} was empty"),
                |from| format!("the {name} was “{from}”"),
            ))
        };
        [
            from("key", changes.key.as_ref()),
            from("name", changes.name.as_ref()),
            changes.description.as_ref().map(|_long| "the description is another".to_owned()),
        ]
    });
    let was: Vec<_> = was.into_iter().flatten().flatten().collect();
    let was = if was.is_empty() { String::new() } else { format!(": {}", was.join(", ")) };
    (format!("{did} {what}{was}"), project.url.as_deref())
}

fn mirror(data: &MirrorEvent<'_>) -> String {
    let what = named("a mirror", data.mirror.name.as_deref());
    match data.changes.as_slice() {
        [] if data.changes_complete => format!("found {what} up to date"),
        [one] if data.changes_complete => {
            format!("brought {what} up to date with {}", kind_and_name(&one.reference))
        }
        many if data.changes_complete => {
            format!("brought {what} up to date with {} refs", many.len())
        }
        _ => format!("brought {what} up to date with many refs"),
    }
}

/// Where the secrets are, which are to be made worthless.
fn secret(data: &SecretEvent<'_>) -> String {
    let places = data.locations.iter().map(|place| {
        let mut line = place.path.as_deref().map_or_else(|| "a file".to_owned(), text);
        if let Some(number) = place.line {
            line = format!("line {number} of {line}");
        }
        if let Some(commit) = &place.commit {
            line = format!("{line} at {}", short(&commit.sha));
        }
        match place.rule.as_deref().map(text) {
            Some(rule) => format!("{line}, “{rule}”"),
            None => line,
        }
    });
    format!("is told of what looks like a secret in {}", list(places.collect()))
}

fn pipeline<'e>(data: &'e PipelineSpanEvent<'_>) -> (String, Option<&'e str>) {
    let run = data.spans.iter().find_map(|span| span.run.as_ref());
    let number = run.and_then(|run| run.build_number).map(|number| format!("pipeline #{number}"));
    let of = run.and_then(|run| run.reference.as_ref());
    let of = of.map(|reference| format!(" for {}", kind_and_name(reference))).unwrap_or_default();
    let mut parts: Vec<_> = data.spans.iter().filter_map(|span| span.name.as_deref()).collect();
    parts.dedup();
    let parts = list(parts.into_iter().map(text).collect());
    let what = number.unwrap_or_else(|| "a pipeline".to_owned());
    let is = ended(run.and_then(|run| run.conclusion.as_ref()));
    (format!("ran {what}{of}, of which {parts} {is}"), run.and_then(|run| run.url.as_deref()))
}

fn short(sha: &str) -> String {
    visible(sha).chars().take(SHORT).collect()
}

fn list(mut names: Vec<String>) -> String {
    match names.pop() {
        None => "nobody".to_owned(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}

/// The first line that says something.
fn first_line(body: &str) -> String {
    body.lines().map(text).find(|line| !line.is_empty()).unwrap_or_default()
}

/// What somebody else wrote: on one line, not too long, without addresses.
fn text(written: &str) -> String {
    let words = written.split_whitespace().map(|word| {
        let address = word.split_once('@').is_some_and(|(user, host)| {
            user.ends_with(char::is_alphanumeric) && host.contains('.')
        });
        if address { "[address]".to_owned() } else { visible(word) }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Without anything that a terminal or a chat obeys: control characters and marks of direction.
fn visible(written: &str) -> String {
    let mut shown = String::with_capacity(written.len());
    for c in written.chars() {
        match c {
            '\u{0}'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => shown.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => shown.push('\u{fffd}'),
            ' ' | '\u{a0}' if shown.ends_with(' ') => {}
            '\u{a0}' => shown.push(' '),
            _ => shown.push(c),
        }
    }
    shown.trim().to_owned()
}
