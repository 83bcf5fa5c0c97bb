//! What an event says, as names with texts that can be compared over forges.

use std::collections::BTreeMap;

use forgewire::event::{Branch, Data, Event, PullRequest, Push, RefKind};

use super::facts;
use crate::readers::ci::Decision;
use crate::readers::{audit, chat, ci};

/// Names and texts. What an event does not say has no name.
pub(super) type Facts = BTreeMap<&'static str, String>;

fn put<T: ToString>(into: &mut Facts, name: &'static str, said: Option<T>) {
    if let Some(said) = said {
        into.insert(name, said.to_string());
    }
}

/// What the typed event says of what every forge can say.
pub(super) fn event(event: &Event<'_>) -> Facts {
    let mut facts = Facts::new();
    let all = &mut facts;
    let place = event.repository.as_ref();
    put(all, "owner", place.and_then(|place| place.owner.as_deref()));
    put(all, "repository", place.and_then(|place| place.name.as_deref()));
    put(all, "private", place.and_then(|place| place.private));
    put(all, "actor", event.actor.as_ref().and_then(|actor| actor.login.as_deref()));
    put(all, "time", event.occurred_at);
    put(all, "ref", event.reference.as_ref().map(|it| &it.name));
    put(all, "ref kind", event.reference.as_ref().map(|it| kind(&it.kind)));
    match &event.data {
        Data::Push(_, data) => push(all, data),
        Data::Tag(_, data) => {
            put(all, "before", data.before.as_ref());
            put(all, "after", data.after.as_ref());
            put(all, "commit", data.commit.as_ref());
            let head = data.head_commit.as_ref().and_then(|head| head.message.as_deref());
            put(all, "message", head.map(str::trim_end));
        }
        Data::Ref(_, data) => {
            put(all, "before", data.before.as_ref());
            put(all, "after", data.after.as_ref());
        }
        Data::PullRequest(_, data) => {
            pull_request(all, &data.pull_request);
            put(all, "before", data.before.as_ref());
            put(all, "after", data.after.as_ref());
        }
        Data::Review(_, data) => {
            pull_request(all, &data.pull_request);
            let by = data.review.reviewer.as_ref().and_then(|by| by.login.as_deref());
            put(all, "reviewer", by);
            put(all, "text", data.review.body.as_deref());
        }
        Data::PullRequestComment(_, data) => {
            pull_request(all, &data.pull_request);
            let by = data.comment.author.as_ref().and_then(|author| author.login.as_deref());
            put(all, "commenter", by);
            put(all, "text", data.comment.body.as_deref());
            put(all, "written", data.comment.created_at);
        }
        _ => panic!("the story has no {}", event.event()),
    }
    facts
}

fn kind(kind: &RefKind) -> &str {
    match kind {
        RefKind::Branch => "branch",
        RefKind::Tag => "tag",
        RefKind::Other(other) => other,
    }
}

fn push(all: &mut Facts, push: &Push<'_>) {
    put(all, "before", push.before.as_ref());
    put(all, "after", push.after.as_ref());
    put(all, "complete", Some(push.commits_complete));
    put(all, "files known", Some(push.files_known));
    let listed = |it: &dyn Fn(&forgewire::event::Commit<'_>) -> String| {
        let all: Vec<_> = push.commits.iter().map(it).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    put(all, "commits", listed(&|commit| commit.id.to_string()));
    let message = |commit: &forgewire::event::Commit<'_>| {
        commit.message.as_deref().unwrap_or_default().trim_end().to_owned()
    };
    put(all, "messages", listed(&message));
    let paths = push.changed_paths().map(|paths| paths.into_iter().collect::<Vec<_>>().join(", "));
    put(all, "paths", paths);
}

fn pull_request(all: &mut Facts, pull: &PullRequest<'_>) {
    put(all, "number", Some(pull.number));
    put(all, "title", pull.title.as_deref());
    put(all, "merged", Some(pull.merged));
    put(all, "state", pull.state.as_ref().map(|state| format!("{state:?}").to_lowercase()));
    put(all, "draft", pull.draft);
    put(all, "author", pull.author.as_ref().and_then(|author| author.login.as_deref()));
    let asked: Vec<_> = pull.reviewers.iter().filter_map(|by| by.login.as_deref()).collect();
    put(all, "asked", (!asked.is_empty()).then(|| asked.join(", ")));
    put(all, "opened", pull.created_at);
    let sha = |branch: &Branch<'_>| branch.sha.as_ref().map(ToString::to_string);
    put(all, "head", pull.head.reference.as_deref());
    put(all, "head commit", sha(&pull.head));
    put(all, "fork", pull.head.fork);
    put(all, "base", pull.base.reference.as_deref());
    put(all, "base commit", sha(&pull.base));
    put(all, "merge commit", pull.merge_commit.as_ref().map(|commit| &commit.sha));
    put(all, "merged by", pull.merged_by.as_ref().and_then(|by| by.login.as_deref()));
}

/// What the CI trigger does.
pub(super) fn decision(body: &[u8]) -> Facts {
    let mut all = Facts::new();
    // What stands before is the source and the forge's id of the repository.
    let group = |text: &str| text.splitn(3, '/').nth(2).unwrap().to_owned();
    match ci::decide(body) {
        Decision::Run(job) => {
            put(&mut all, "runs", Some(group(&job.group)));
            put(&mut all, "fetches", Some(&job.fetch));
            put(&mut all, "commit", job.commit.as_ref());
            put(&mut all, "trusted", Some(job.trusted));
            put(&mut all, "only if new", Some(job.only_if_new));
            let paths = job.changed.map(|paths| paths.into_iter().collect::<Vec<_>>().join(", "));
            put(&mut all, "paths", paths);
            let from = job.clone_url.rsplit('/').take(2).collect::<Vec<_>>();
            put(&mut all, "clones", Some(format!("{}/{}", from[1], from[0])));
        }
        Decision::Cancel(what) => put(&mut all, "ends", Some(group(&what))),
        Decision::Nothing(why) => put(&mut all, "does nothing", Some(why)),
    }
    all
}

/// What the chat notifier says, without the page at its end, whose host differs.
pub(super) fn line(body: &[u8]) -> Facts {
    let line = chat::line(body).unwrap();
    let (line, page) = line.rsplit_once(": ").unwrap();
    assert!(page.starts_with("https://") && page.contains("widgets"), "{page}");
    Facts::from([("line", line.to_owned())])
}

/// What the audit log keeps, without what is of the forge or the delivery alone.
pub(super) fn record(body: &[u8]) -> Facts {
    let record = audit::record(body).unwrap();
    let mut all = Facts::new();
    put(&mut all, "actor", record.actor);
    put(&mut all, "repository", record.repository);
    put(&mut all, "ref", record.reference);
    put(&mut all, "object", record.object.name);
    put(&mut all, "before", record.before);
    put(&mut all, "after", record.after);
    // Where the forge says no time it is when the delivery came.
    put(&mut all, "time", (record.time != record.received).then_some(record.time));
    assert!(record.authenticated && record.actor_id.is_some() && record.repository_id.is_some());
    all
}

/// The first digits of a hash of the story.
pub(super) fn short(hash: &str) -> String {
    const SHORT: usize = 12;
    let known = [facts::BASE, facts::FIRST, facts::SECOND, facts::THIRD, facts::MERGE];
    assert!(known.contains(&hash), "no hash of the story: {hash}");
    facts::first(hash, SHORT).to_owned()
}
