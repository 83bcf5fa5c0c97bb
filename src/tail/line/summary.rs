//! The facts of an event in a few words.

mod project;

use crate::event::{
    Branch, Comment, Commit, Data, Event, IssueAction, IssueEvent, Ping, PullRequestEvent, Push,
    RefKind, RefNotice, ReviewEvent, Tag,
};

/// Digits of a commit's hash that people recognise it by.
const SHORT: usize = 7;

/// A few words about the facts, as the sender spelt them; `None` where there are none.
pub(super) fn of(event: &Event<'_>) -> Option<String> {
    let name = event.reference.as_ref().map(|reference| &*reference.name);
    match &event.data {
        Data::Push(_, push) => words(&pushed(push)),
        Data::Tag(_, tag) => words(&tagged(name, tag)),
        Data::Ref(_, notice) => words(&noticed(event, notice)),
        Data::PullRequest(_, data) => words(&pull_request(data)),
        Data::Review(_, data) => words(&review(data)),
        Data::PullRequestComment(_, data) => {
            words(&comment(data.pull_request.title.as_deref(), &data.comment))
        }
        Data::IssueComment(_, data) => words(&comment(data.issue.title.as_deref(), &data.comment)),
        Data::CommitComment(_, data) => words(
            &[vec![format!("at {}", short(&data.commit.sha))], comment(None, &data.comment)]
                .concat(),
        ),
        Data::Issue(action, data) => words(&issue(action, data)),
        Data::Release(_, data) => words(&project::release(data)),
        Data::Repository(_, data) => words(&project::repository(data)),
        Data::Wiki(_, data) => words(&project::wiki(data)),
        Data::Package(_, data) => words(&project::package(data)),
        Data::Status(_, data) => words(&project::status(data)),
        Data::WorkflowRun(_, data) => words(&project::workflow_run(data)),
        Data::WorkflowJob(_, data) => words(&project::workflow_job(data)),
        Data::PipelineSpan(_, data) => words(&project::pipeline_span(data)),
        Data::Project(_, data) => words(&project::project(data)),
        Data::Mirror(_, data) => words(&project::mirror(data)),
        Data::Secret(_, data) => words(&project::secret(data)),
        Data::Ping(_, ping) => words(&pinged(ping)),
        Data::Unrecognized(_, data) => {
            let native = event.delivery.event.as_deref().unwrap_or("without a name");
            Some(format!("{native}: {}", data.reason.as_str()))
        }
        Data::Other { .. } => Some("an event of a newer forgewire".to_owned()),
    }
}

fn words(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

fn pushed(push: &Push<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let listed = u64::try_from(push.commits.len()).unwrap_or(u64::MAX);
    let count = push.total_commits.unwrap_or(listed);
    if push.after.is_some() || count > 0 {
        words.push(format!("{count} {}", if count == 1 { "commit" } else { "commits" }));
    }
    words.extend(movement(push.before.as_deref(), push.after.as_deref()));
    if push.forced == Some(true) {
        words.push("(forced)".to_owned());
    }
    words.extend(push.head_commit.as_ref().or(push.commits.last()).and_then(subject_line));
    if !push.commits_complete && push.after.is_some() {
        words.push("(list incomplete)".to_owned());
    }
    words
}

fn tagged(name: Option<&str>, tag: &Tag<'_>) -> Vec<String> {
    let mut words: Vec<String> = name.map(str::to_owned).into_iter().collect();
    match (&tag.commit, &tag.after, &tag.before) {
        (Some(sha), ..) | (None, Some(sha), _) => words.push(format!("at {}", short(sha))),
        (None, None, Some(sha)) => words.push(format!("was {}", short(sha))),
        (None, None, None) => {}
    }
    words.extend(tag.head_commit.as_ref().and_then(subject_line));
    words
}

fn noticed(event: &Event<'_>, notice: &RefNotice<'_>) -> Vec<String> {
    let kind = event.reference.as_ref().map(|reference| match &reference.kind {
        RefKind::Branch => "branch".to_owned(),
        RefKind::Tag => "tag".to_owned(),
        RefKind::Other(kind) => kind.clone(),
    });
    let mut words: Vec<String> = kind.into_iter().collect();
    words.extend(movement(notice.before.as_deref(), notice.after.as_deref()));
    words
}

fn pull_request(data: &PullRequestEvent<'_>) -> Vec<String> {
    let pull = &data.pull_request;
    let mut words: Vec<String> = pull.title.as_ref().map(|t| quoted(t)).into_iter().collect();
    words.push(format!("{} -> {}", end(&pull.head), end(&pull.base)));
    let marks: Vec<_> = [(pull.draft, "draft"), (pull.head.fork, "fork")]
        .into_iter()
        .filter_map(|(is, mark)| (is == Some(true)).then_some(mark))
        .collect();
    if !marks.is_empty() {
        words.push(format!("({})", marks.join(", ")));
    }
    words.extend(data.close_reason.as_deref().and_then(first_line));
    words
}

fn review(data: &ReviewEvent<'_>) -> Vec<String> {
    let mut words: Vec<String> =
        data.pull_request.title.iter().map(|title| quoted(title)).collect();
    words.extend(data.review.body.as_deref().and_then(first_line));
    words
}

fn comment(title: Option<&str>, comment: &Comment<'_>) -> Vec<String> {
    let mut words: Vec<String> = title.map(quoted).into_iter().collect();
    if let Some(path) = &comment.path {
        let line = comment.line.or(comment.old_line).map(|line| format!(":{line}"));
        words.push(format!("{path}{}", line.unwrap_or_default()));
    }
    words.extend(comment.body.as_deref().and_then(first_line));
    words
}

fn issue(action: &IssueAction, data: &IssueEvent<'_>) -> Vec<String> {
    let issue = &data.issue;
    let mut words: Vec<String> = issue.title.iter().map(|title| quoted(title)).collect();
    let names = |names: Vec<&str>| (!names.is_empty()).then(|| format!("[{}]", names.join(", ")));
    words.extend(match action {
        IssueAction::Assigned | IssueAction::Unassigned => {
            names(issue.assignees.iter().filter_map(|user| user.login.as_deref()).collect())
        }
        IssueAction::LabelsUpdated | IssueAction::LabelsCleared => {
            names(issue.labels.iter().map(|label| &*label.name).collect())
        }
        IssueAction::Milestoned | IssueAction::Demilestoned => {
            names(issue.milestone.iter().filter_map(|one| one.title.as_deref()).collect())
        }
        IssueAction::Closed => {
            data.closing_commit.as_ref().map(|commit| format!("by {}", short(&commit.sha)))
        }
        _ => None,
    });
    words
}

fn pinged(ping: &Ping<'_>) -> Vec<String> {
    let mut words = vec!["test delivery".to_owned()];
    words.extend(ping.reference.as_deref().map(str::to_owned));
    words.extend(ping.commit.as_deref().map(|sha| format!("at {}", short(sha))));
    words
}

fn movement(before: Option<&str>, after: Option<&str>) -> Option<String> {
    match (before, after) {
        (Some(before), Some(after)) => Some(format!("{}..{}", short(before), short(after))),
        (None, Some(after)) => Some(format!("at {}", short(after))),
        (Some(before), None) => Some(format!("was {}", short(before))),
        (None, None) => None,
    }
}

/// The name of a pull request's side, else its commit.
fn end(branch: &Branch<'_>) -> String {
    let sha = || branch.sha.as_deref().map(short);
    branch.reference.as_deref().map(str::to_owned).or_else(sha).unwrap_or_else(|| "?".to_owned())
}

fn subject_line(commit: &Commit<'_>) -> Option<String> {
    first_line(commit.message.as_ref()?)
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next()?.trim_end();
    (!line.is_empty()).then(|| quoted(line))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn short(sha: &str) -> String {
    sha.chars().take(SHORT).collect()
}
