//! One story, told by a forge of each kind over HTTP: the events are the same, and so is what readers written
//! for one forge make of them. [`exceptions`] names every difference, and each that it names must be there.

mod bitbucket_cloud;
mod bitbucket_dc;
mod exceptions;
mod facts;
mod gitea;
mod told;

use std::collections::BTreeSet;

use forgewire::event::Event;
use forgewire::source::Kind;

use self::exceptions::Exception;
use self::facts::{
    APPROVED, BASE, BRANCH, COMMENT, COMMENTED, FIRST, MERGE, MERGED, Moment, NUMBER, OPENED,
    PUSHED_AGAIN, REVIEW, SECOND, Sent, Step, TAG, TARGET, THIRD, TITLE,
};
use self::told::Facts;
use crate::support::daemon::{Daemon, Stored, stored};
use crate::support::http::Connection;
use crate::support::nats::NatsServer;

/// What happens: the step, event and action, and the subject's last token.
const EVENTS: [(Step, &str, &str); 11] = [
    (Step::BranchCreated, "push.created", "feature%2Fround-corners"),
    (Step::Pushed, "push.updated", "feature%2Fround-corners"),
    (Step::Opened, "pull_request.opened", "main"),
    (Step::PushedAgain, "push.updated", "feature%2Fround-corners"),
    (Step::PushedAgain, "pull_request.synchronized", "main"),
    (Step::Approved, "review.approved", "main"),
    (Step::Commented, "pull_request_comment.created", "main"),
    (Step::Merged, "push.updated", "main"),
    (Step::Merged, "pull_request.merged", "main"),
    (Step::BranchDeleted, "push.deleted", "feature%2Fround-corners"),
    (Step::TagPushed, "tag.created", "v1%2E4%2E0"),
];

fn sent(kind: &'static str, step: Step) -> Vec<Sent> {
    match kind {
        "bitbucket-cloud" => bitbucket_cloud::sent(step),
        "bitbucket-dc" => bitbucket_dc::sent(step),
        family => gitea::Family(family).sent(step),
    }
}

/// An event of the story as one forge told it.
struct Heard {
    step: Step,
    message: Stored,
}

impl Heard {
    /// Event and action.
    fn name(&self) -> String {
        let of = |name: &str| self.message.body[name].as_str().unwrap();
        format!("{}.{}", of("event"), of("action"))
    }
}

/// Lets a forge tell all of it, and gives the messages that it became.
async fn heard(daemon: &Daemon, nats: &NatsServer, kind: &'static str) -> Vec<Heard> {
    let mut connection = Connection::open(daemon.hooks).await.unwrap();
    let mut steps = Vec::new();
    for (number, step) in Step::ALL.into_iter().enumerate() {
        for (part, sent) in sent(kind, step).iter().enumerate() {
            let hook = sent.hook(&format!("story-{number}-{part}"));
            let answer = connection.deliver(&format!("/hooks/{kind}"), &hook).await.unwrap();
            assert_eq!(answer.status, 202, "{kind} {step:?}: {answer:?}");
            let count = answer.json()["count"].as_u64().unwrap();
            steps.extend((0..count).map(|_| step));
        }
    }
    let own = |message: &Stored| message.subject.starts_with(&format!("forge.{kind}."));
    let messages: Vec<_> = stored(nats).await.into_iter().filter(own).collect();
    assert_eq!(messages.len(), steps.len(), "{kind}");
    steps.into_iter().zip(messages).map(|(step, message)| Heard { step, message }).collect()
}

/// Compares what every forge told with what happened, by what `project` sees of an event.
async fn assert_told_alike(
    happened: &[Facts],
    project: impl Fn(&[u8]) -> Facts,
    exceptions: &[Exception],
) {
    assert_eq!(happened.len(), EVENTS.len());
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let (mut unexpected, mut needed) = (Vec::new(), BTreeSet::new());
    for kind in Kind::ALL.iter().map(|kind| kind.name()) {
        let mut heard = heard(&daemon, &nats, kind).await;
        heard.retain(|it| !exceptions::is_added(kind, &it.name()));
        let mut heard = heard.into_iter();
        for ((step, name, _), facts) in EVENTS.iter().zip(happened) {
            if exceptions::is_missing(kind, name) {
                continue;
            }
            let event = heard.next().unwrap_or_else(|| panic!("{kind} does not tell {name}"));
            assert_eq!((event.step, &*event.name()), (*step, *name), "{kind}");
            let told = project(&event.message.bytes);
            for fact in facts.keys().chain(told.keys()).collect::<BTreeSet<_>>() {
                let (expected, said) = (facts.get(fact), told.get(fact));
                let row = exceptions.iter().position(|row| row.is_for(kind, name, fact));
                match row {
                    _ if expected == said => {}
                    Some(row) if exceptions[row].allows(expected, said) => {
                        needed.insert((row, kind, (*name).to_owned()));
                    }
                    _ => {
                        unexpected
                            .push(format!("{kind} {name} {fact}: {said:?}, not {expected:?}"));
                    }
                }
            }
        }
        assert!(heard.next().is_none(), "{kind} tells more");
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    let every = exceptions.iter().enumerate().flat_map(|(number, row)| row.each(number));
    let idle: Vec<_> = every.filter(|one| !needed.contains(one)).collect();
    assert!(idle.is_empty(), "exceptions that nobody needs: {idle:#?}");
}

#[tokio::test]
async fn the_story_has_the_same_subjects_whoever_tells_it() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut needed = BTreeSet::new();
    for kind in Kind::ALL.iter().map(|kind| kind.name()) {
        let mut told = Vec::new();
        for heard in heard(&daemon, &nats, kind).await {
            let name = heard.name();
            if exceptions::is_added(kind, &name) {
                // Whoever adds it says nothing that others do not say in another event.
                let decision = told::decision(&heard.message.bytes);
                assert_eq!(decision["does nothing"], "a push or tag event says it too");
                needed.insert((kind, name));
            } else {
                told.push(heard.message.subject);
            }
        }
        let mut expected = Vec::new();
        for (_, name, reference) in EVENTS {
            if exceptions::is_missing(kind, name) {
                needed.insert((kind, name.to_owned()));
            } else {
                let reference = exceptions::token(kind, name).unwrap_or(reference);
                expected.push(format!("forge.{kind}.acme.widgets.{name}.{reference}"));
            }
        }
        assert_eq!(told, expected);
    }
    let named = exceptions::ADDED.iter().chain(&exceptions::MISSING);
    for (kind, name) in named.flat_map(|(kinds, name, _why)| kinds.iter().map(move |k| (*k, *name)))
    {
        assert!(needed.contains(&(kind, name.to_owned())), "{kind} needs no exception for {name}");
    }
}

type Said<'a> = &'a [(&'static str, &'a str)];

fn with(facts: &Facts, more: Said<'_>) -> Facts {
    let mut facts = facts.clone();
    facts.extend(more.iter().map(|(name, text)| (*name, (*text).to_owned())));
    facts
}

fn messages(commits: &[&str]) -> String {
    commits.iter().map(|id| facts::about(id).0).collect::<Vec<_>>().join(", ")
}

/// A push to a branch that lists these commits.
fn pushed(all: &Facts, branch: &str, commits: &[&str], more: Said<'_>) -> Facts {
    let listed = (commits.join(", "), messages(commits));
    let of =
        [("ref", branch), ("ref kind", "branch"), ("complete", "true"), ("files known", "true")];
    let mut facts = with(&with(all, &of), more);
    if let Some(last) = commits.last() {
        facts.insert("commits", listed.0);
        facts.insert("messages", listed.1);
        facts.insert("after", (*last).to_owned());
        // Of a new branch nobody knows what to compare it with.
        if facts.contains_key("before") {
            facts.insert("paths", "src/corner.rs".to_owned());
        }
    }
    facts
}

/// The pull request with its head at a commit.
fn pull_request(all: &Facts, head: &str, when: Moment, more: Said<'_>) -> Facts {
    let number = NUMBER.to_string();
    let facts = with(
        all,
        &[
            ("ref", TARGET),
            ("ref kind", "branch"),
            ("time", when.text),
            ("number", &number),
            ("title", TITLE),
            ("merged", "false"),
            ("state", "open"),
            ("draft", "false"),
            ("author", "maria"),
            ("asked", "jonas"),
            ("opened", OPENED.text),
            ("head", BRANCH),
            ("head commit", head),
            ("fork", "false"),
            ("base", TARGET),
            ("base commit", BASE),
        ],
    );
    with(&facts, more)
}

/// What the events say, in the order of [`EVENTS`].
fn happened() -> Vec<Facts> {
    let all = with(
        &Facts::new(),
        &[("owner", "acme"), ("repository", "widgets"), ("private", "true"), ("actor", "maria")],
    );
    let by_jonas = with(&all, &[("actor", "jonas")]);
    vec![
        pushed(&all, BRANCH, &[FIRST], &[]),
        pushed(&all, BRANCH, &[SECOND], &[("before", FIRST)]),
        pull_request(&all, SECOND, OPENED, &[]),
        pushed(&all, BRANCH, &[THIRD], &[("before", SECOND)]),
        pull_request(&all, THIRD, PUSHED_AGAIN, &[("before", SECOND), ("after", THIRD)]),
        pull_request(&by_jonas, THIRD, APPROVED, &[("reviewer", "jonas"), ("text", REVIEW)]),
        pull_request(
            &by_jonas,
            THIRD,
            COMMENTED,
            &[("commenter", "jonas"), ("text", COMMENT), ("written", COMMENTED.text)],
        ),
        pushed(&all, TARGET, &[FIRST, SECOND, THIRD, MERGE], &[("before", BASE)]),
        pull_request(
            &all,
            THIRD,
            MERGED,
            &[
                ("merged", "true"),
                ("state", "closed"),
                ("merge commit", MERGE),
                ("merged by", "maria"),
            ],
        ),
        pushed(&all, BRANCH, &[], &[("before", THIRD)]),
        with(
            &all,
            &[
                ("ref", TAG),
                ("ref kind", "tag"),
                ("after", MERGE),
                ("commit", MERGE),
                ("message", facts::about(MERGE).0),
            ],
        ),
    ]
}

#[tokio::test]
async fn the_story_has_the_same_facts_whoever_tells_it() {
    let project = |body: &[u8]| told::event(&Event::from_json(body).unwrap());
    assert_told_alike(&happened(), project, exceptions::FACTS).await;
}

#[tokio::test]
async fn the_ci_trigger_starts_the_same_jobs_whoever_tells_the_story() {
    let job = |what: Said<'_>| {
        let all = [("trusted", "true"), ("only if new", "false"), ("clones", "acme/widgets.git")];
        with(&with(&Facts::new(), &all), what)
    };
    let of_branch = "refs/heads/feature/round-corners";
    let build = |of: &str, commit: &str, more: Said<'_>| {
        with(&job(&[("runs", of), ("fetches", of), ("commit", commit)]), more)
    };
    let pull =
        |commit: &str| job(&[("runs", "pull/17"), ("fetches", of_branch), ("commit", commit)]);
    let nothing = || with(&Facts::new(), &[("does nothing", "not about code")]);
    let ends = |what: &str| with(&Facts::new(), &[("ends", what)]);
    let paths: Said<'_> = &[("paths", "src/corner.rs")];
    let jobs = [
        build(of_branch, FIRST, &[]),
        build(of_branch, SECOND, paths),
        pull(SECOND),
        build(of_branch, THIRD, paths),
        pull(THIRD),
        nothing(),
        nothing(),
        build("refs/heads/main", MERGE, paths),
        ends("pull/17"),
        ends(of_branch),
        build("refs/tags/v1.4.0", MERGE, &[]),
    ];
    assert_told_alike(&jobs, told::decision, exceptions::JOBS).await;
}

#[tokio::test]
async fn the_chat_notifier_says_the_same_whoever_tells_the_story() {
    let what = "pull request #17 “Round the corners of large widgets”";
    let lines = [
        "maria made branch feature/round-corners with 1 commit, “Measure before cutting”"
            .to_owned(),
        "maria pushed 1 commit to branch feature/round-corners, “Round two corners”".to_owned(),
        format!("maria opened {what} into main"),
        "maria pushed 1 commit to branch feature/round-corners, “Round the other two”".to_owned(),
        format!("maria pushed to {what}, now at a41f7c6"),
        format!("jonas approved {what}, “{REVIEW}”"),
        format!("jonas commented on {what}, “How round?”"),
        "maria pushed 4 commits to branch main, “Merge the round corners”".to_owned(),
        format!("maria merged {what} into main as e83f5b6"),
        "maria deleted branch feature/round-corners".to_owned(),
        "maria made tag v1.4.0 at e83f5b6, “Merge the round corners”".to_owned(),
    ];
    let lines =
        lines.map(|line| with(&Facts::new(), &[("line", &format!("{line} (acme/widgets)"))]));
    assert_told_alike(&lines, told::line, exceptions::LINES).await;
}

#[tokio::test]
async fn the_audit_log_keeps_the_same_whoever_tells_the_story() {
    let all = with(&Facts::new(), &[("actor", "maria"), ("repository", "acme/widgets")]);
    let of_ref =
        |name: &str, more: Said<'_>| with(&with(&all, &[("ref", name), ("object", name)]), more);
    let of_pull = |when: Moment, more: Said<'_>| {
        let of = [("ref", TARGET), ("object", "#17"), ("time", when.text)];
        with(&with(&all, &of), more)
    };
    let records = [
        of_ref(BRANCH, &[("after", FIRST)]),
        of_ref(BRANCH, &[("before", FIRST), ("after", SECOND)]),
        of_pull(OPENED, &[("after", SECOND)]),
        of_ref(BRANCH, &[("before", SECOND), ("after", THIRD)]),
        of_pull(PUSHED_AGAIN, &[("before", SECOND), ("after", THIRD)]),
        of_pull(APPROVED, &[("actor", "jonas"), ("after", THIRD)]),
        of_pull(COMMENTED, &[("actor", "jonas"), ("after", COMMENT)]),
        of_ref(TARGET, &[("before", BASE), ("after", MERGE)]),
        of_pull(MERGED, &[("after", MERGE)]),
        of_ref(BRANCH, &[("before", THIRD)]),
        of_ref(TAG, &[("after", MERGE)]),
    ];
    assert_told_alike(&records, told::record, exceptions::RECORDS).await;
}
