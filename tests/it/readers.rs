//! Three readers that users of the library would write, run over every delivery that there is: a CI trigger, a
//! chat notifier and an audit log. They see the public event types and no payload; the tests here see both.

pub(crate) mod audit;
pub(crate) mod chat;
pub(crate) mod ci;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use forgewire::event::{Data, Event, PullRequestAction, PushAction, Raw, Repository, TagAction};
use forgewire::samples::Sender;
use forgewire::source::Kind;
use serde_json::Value;

use self::ci::{Decision, Job};
use crate::properties::{messages, sources};
use crate::recorded::recordings;
use crate::support::hook::{Hook, SECRET};

/// An event of a delivery, and what the tests may look at beside it.
struct Seen {
    /// Kind and sample, or the file of the recording.
    name: String,
    kind: &'static str,
    event: Event<'static>,
    /// The payload.
    raw: Value,
    /// The message as the readers get it: without the payload, so that they cannot look there.
    body: Vec<u8>,
}

/// What becomes of a delivery.
fn seen(name: &str, kind: &'static str, hook: &Hook) -> Vec<Seen> {
    let source = sources().into_iter().find(|source| source.kind.name() == kind).unwrap();
    let raw: Value = serde_json::from_slice(&hook.body).unwrap();
    let made = messages(&source, hook).into_iter();
    made.map(|(event, _)| {
        let body = without_payload(&event);
        Seen { name: name.to_owned(), kind, event, raw: raw.clone(), body }
    })
    .collect()
}

fn without_payload(event: &Event<'static>) -> Vec<u8> {
    Event { raw: Raw::Omitted, ..event.clone() }.to_json().unwrap()
}

static SAMPLES: LazyLock<Vec<Seen>> = LazyLock::new(|| {
    let every =
        Sender::ALL.iter().flat_map(|sender| sender.samples.iter().map(move |s| (sender, s)));
    every
        .flat_map(|(sender, sample)| {
            let body = sender.payload(sample).unwrap().into_bytes();
            let id = format!("s-{}", sample.name);
            let hook = Hook::new(sender.kind, sample.event, sample.event_type, &id, SECRET, &body);
            seen(sample.name, sender.kind, &hook)
        })
        .collect()
});

/// Empty where there are no recordings, which is said then.
static RECORDED: LazyLock<Vec<Seen>> = LazyLock::new(|| {
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let recordings = recordings(&kinds).unwrap_or_default();
    recordings
        .iter()
        .enumerate()
        .flat_map(|(number, (recorded, body))| {
            let kind = kinds.iter().find(|kind| **kind == recorded.forge).unwrap();
            let (exact, id) = (recorded.event_type.as_deref(), format!("r-{number}"));
            let hook = Hook::new(kind, &recorded.event, exact, &id, SECRET, body);
            seen(&recorded.file, kind, &hook)
        })
        .collect()
});

fn all() -> impl Iterator<Item = &'static Seen> {
    SAMPLES.iter().chain(RECORDED.iter())
}

impl Seen {
    fn job(&self) -> Job {
        match ci::decide(&self.body) {
            Decision::Run(job) => *job,
            other => panic!("{}: {other}", self.name),
        }
    }

    /// Whether the repository was left out, or what one clones it by: some recordings were shortened by those
    /// who made them, and old versions of Data Center name no URL.
    fn is_shortened(&self) -> bool {
        let lacks = match ci::decide(&self.body) {
            Decision::Nothing("no repository") => return self.event.repository.is_none(),
            Decision::Nothing("no URL to clone from") => {
                |place: &Repository<'_>| place.clone_url.is_none() && place.ssh_url.is_none()
            }
            Decision::Nothing("the repository has neither id nor name") => {
                |place: &Repository<'_>| place.id.is_none() && place.full_name.is_none()
            }
            _ => return false,
        };
        self.event.repository.as_ref().is_some_and(lacks)
    }

    fn line(&self) -> String {
        chat::line(&self.body).unwrap()
    }

    fn record(&self) -> audit::Record {
        audit::record(&self.body).unwrap()
    }
}

#[test]
fn readers_are_written_against_the_event_types_alone() {
    for program in [
        include_str!("readers/ci.rs"),
        include_str!("readers/chat.rs"),
        include_str!("readers/audit.rs"),
    ] {
        let uses: Vec<_> = program.split("forgewire::").skip(1).collect();
        assert!(!uses.is_empty());
        for path in uses {
            assert!(path.starts_with("event::"), "{path:.40}");
        }
        for other in ["crate::", "Raw", ".raw", "serde_json"] {
            assert!(!program.contains(other), "{other}");
        }
    }
}

#[test]
fn nothing_that_a_forge_sends_is_new_to_the_readers() {
    for seen in all() {
        let (line, decision) = (seen.line(), ci::decide(&seen.body));
        assert!(!line.contains("something new"), "{}: {line}", seen.name);
        let newer = Decision::Nothing("an event that is newer than this program");
        assert_ne!(decision, newer, "{}", seen.name);
    }
}

#[test]
fn every_push_gives_a_job_for_the_commit_after_it_in_a_repository_that_can_be_cloned() {
    let mut jobs = 0;
    for seen in all() {
        let Data::Push(PushAction::Created | PushAction::Updated, push) = &seen.event.data else {
            continue;
        };
        if seen.is_shortened() {
            continue;
        }
        let job = seen.job();
        assert_eq!(job.commit.as_deref(), push.after.as_deref(), "{}", seen.name);
        // A recording whose values were crossed out has no URL in their place.
        let is_url = job.clone_url.contains("://") || job.clone_url.chars().all(|c| c == 'x');
        assert!(is_url, "{}: {}", seen.name, job.clone_url);
        let name = &seen.event.reference.as_ref().unwrap().name;
        assert_eq!(job.fetch, format!("refs/heads/{name}"), "{}", seen.name);
        assert!(job.trusted, "{}", seen.name);
        jobs += 1;
    }
    assert!(jobs >= 10, "{jobs} pushes");
}

#[test]
fn every_new_tag_gives_a_job_for_what_it_points_to() {
    for seen in all() {
        let Data::Tag(TagAction::Created, tag) = &seen.event.data else { continue };
        if seen.is_shortened() {
            continue;
        }
        let job = seen.job();
        let wanted = tag.commit.as_deref().or(tag.after.as_deref());
        // Old versions of Gogs do not say it: then the job takes whatever the tag leads to.
        let said = !(seen.raw["sha"].is_null() && seen.raw["after"].is_null());
        let family = ["gitea", "forgejo", "gogs"].contains(&seen.kind);
        assert_eq!(wanted.is_some(), said || !family, "{}", seen.name);
        assert_eq!(job.commit.as_deref(), wanted, "{}", seen.name);
        assert!(job.fetch.starts_with("refs/tags/"), "{}: {}", seen.name, job.fetch);
    }
}

#[test]
fn what_is_gone_ends_the_jobs_that_it_began() {
    let mut ended = 0;
    let group = |seen: &Seen| match ci::decide(&seen.body) {
        Decision::Run(job) => Some(job.group),
        _ => None,
    };
    let begun: BTreeSet<_> = all().filter_map(group).collect();
    for seen in all() {
        let reference = seen.event.reference.as_ref();
        let what = match &seen.event.data {
            Data::Push(PushAction::Deleted, _) => format!("refs/heads/{}", reference.unwrap().name),
            Data::Tag(TagAction::Deleted, _) => format!("refs/tags/{}", reference.unwrap().name),
            Data::PullRequest(PullRequestAction::Closed | PullRequestAction::Merged, data) => {
                format!("pull/{}", data.pull_request.number)
            }
            _ => continue,
        };
        let Decision::Cancel(group) = ci::decide(&seen.body) else { panic!("{}", seen.name) };
        assert!(group.ends_with(&format!("/{what}")), "{}: {group}", seen.name);
        let sample = SAMPLES.iter().any(|sample| std::ptr::eq(sample, seen));
        assert!(!sample || begun.contains(&group), "{}: nothing begins {group}", seen.name);
        ended += 1;
    }
    assert!(ended >= 10, "{ended}");
}

/// Whether the payload of the Gitea family says that the head is a branch of the target.
fn head_is_own_branch(raw: &Value) -> bool {
    let pull = &raw["pull_request"];
    let (head, base) = if pull["head"].is_object() {
        (&pull["head"]["repo"]["id"], &pull["base"]["repo"]["id"])
    } else {
        (&pull["head_repo"]["id"], &pull["base_repo"]["id"])
    };
    let stands_in = pull["head"]["ref"].as_str().is_some_and(|name| name.starts_with("refs/"));
    head.is_u64() && head == base && !stands_in
}

#[test]
fn only_code_of_who_may_push_is_trusted() {
    let (mut trusted, mut others) = (0, 0);
    for seen in all() {
        let Decision::Run(job) = ci::decide(&seen.body) else { continue };
        match &seen.event.data {
            Data::PullRequest(_, data) => {
                let own = &seen.event.repository.as_ref().unwrap().clone_url;
                let head = &data.pull_request.head;
                if job.trusted {
                    assert_eq!(head.fork, Some(false), "{}", seen.name);
                    assert_eq!(Some(&*job.clone_url), own.as_deref(), "{}", seen.name);
                }
                if ["gitea", "forgejo", "gogs"].contains(&seen.kind) {
                    assert_eq!(job.trusted, head_is_own_branch(&seen.raw), "{}", seen.name);
                }
            }
            Data::WorkflowRun(_, data) => {
                assert_eq!(data.run.fork, Some(false), "{}", seen.name);
                assert!(!seen.raw.to_string().contains("@refs/pull/"), "{}", seen.name);
            }
            _ => assert!(job.trusted, "{}", seen.name),
        }
        if job.trusted { trusted += 1 } else { others += 1 }
    }
    assert!(trusted > 20 && others > 2, "{trusted} trusted, {others} not");
}

#[test]
fn a_filter_by_path_gets_files_only_where_they_are_all() {
    let mut told = 0;
    for seen in all() {
        let Data::Push(action, push) = &seen.event.data else { continue };
        if *action == PushAction::Deleted {
            continue;
        }
        if seen.is_shortened() {
            continue;
        }
        let Some(changed) = seen.job().changed else { continue };
        assert_eq!(*action, PushAction::Updated, "{}", seen.name);
        assert!(push.commits_complete && push.files_known, "{}", seen.name);
        assert!(push.forced != Some(true) && !push.commits.is_empty(), "{}", seen.name);
        let sent = seen.raw["commits"].as_array().unwrap();
        let lists = ["added", "removed", "modified"];
        let files = sent.iter().flat_map(|c| lists.map(|list| c[list].as_array().unwrap()));
        let files: BTreeSet<_> =
            files.flatten().map(|file| file.as_str().unwrap().to_owned()).collect();
        assert_eq!(changed, files, "{}", seen.name);
        told += 1;
    }
    assert!(told >= 2, "{told}");
}

#[test]
fn a_deletion_leads_to_no_page_that_is_gone() {
    let deletions = || SAMPLES.iter().filter(|seen| seen.event.action() == "deleted");
    assert!(deletions().count() > 10);
    for seen in deletions() {
        let gone = match &seen.event.data {
            Data::PullRequest(_, data) => data.pull_request.url.as_deref(),
            Data::Issue(_, data) => data.issue.url.as_deref(),
            Data::PullRequestComment(_, data) => data.comment.url.as_deref(),
            Data::IssueComment(_, data) => data.comment.url.as_deref(),
            Data::Release(_, data) => data.release.url.as_deref(),
            Data::Package(_, data) => data.package.url.as_deref(),
            _ => continue,
        };
        let line = seen.line();
        let shown = gone.is_some_and(|page| line.ends_with(&format!(": {page}")));
        assert!(!shown, "{}: {line}", seen.name);
    }
}

#[test]
fn nothing_that_nobody_signed_is_built() {
    for seen in all() {
        let mut event = seen.event.clone();
        event.delivery.authenticated = false;
        let decision = ci::decide(&without_payload(&event));
        assert_eq!(decision, Decision::Nothing("nobody signed it"), "{}", seen.name);
    }
}

#[test]
fn every_line_says_who_where_and_what_page() {
    for seen in all() {
        let line = seen.line();
        let (event, name) = (&seen.event, &seen.name);
        let who = event.actor.as_ref().map_or("somebody", |actor| {
            actor.login.as_deref().or(actor.name.as_deref()).unwrap_or("account")
        });
        assert!(line.starts_with(&format!("{who} ")), "{name}: {line}");
        let place = event.repository.as_ref();
        let place = place.and_then(|place| place.full_name.as_ref().or(place.owner.as_ref()));
        assert!(place.is_none_or(|place| line.contains(&**place)), "{name}: {line}");
        let page =
            line.rsplit_once(": ").map(|(_, page)| page).filter(|page| page.starts_with("http"));
        assert!(page.is_none_or(|page| !page.contains(' ')), "{name}: {line}");
        if ["gitea", "forgejo", "gogs"].contains(&seen.kind) {
            assert!(place.is_some() && page.is_some(), "{name}: {line}");
        }
        let known = event.repository.as_ref().and_then(|repository| repository.url.as_ref());
        let known = known.filter(|url| url.starts_with("http"));
        assert!(known.is_none() || page.is_some(), "{name}: {line}");
        if let Some(number) = event.number() {
            assert!(line.contains(&format!("#{number}")), "{name}: {line}");
        }
    }
}

#[test]
fn no_line_has_a_gap_or_the_look_of_code() {
    for seen in all() {
        let line = seen.line();
        for gap in ["None", "Some(", "\"\"", "“”", "  ", "()", "{", "( ", ": :", " ,", "Cow", "\n"]
        {
            // A recording whose names are those of a template shows their braces, and nothing else.
            let sent = gap == "{" && seen.raw.to_string().contains("{{");
            assert!(sent || !line.contains(gap), "{}: {gap:?} in {line}", seen.name);
        }
        assert!(line.trim() == line && line.chars().all(|c| !c.is_control()), "{line:?}");
    }
}

/// Every e-mail address of a payload.
fn addresses(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "email" && text.contains('@') => {
                        found.insert(text.clone());
                    }
                    _ => addresses(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| addresses(item, found)),
        _ => {}
    }
}

#[test]
fn no_line_shows_an_address() {
    let mut known = BTreeSet::new();
    all().for_each(|seen| addresses(&seen.raw, &mut known));
    assert!(known.len() > 5, "{known:?}");
    for seen in all() {
        let line = seen.line();
        let shown = known.iter().find(|address| line.contains(&***address));
        assert_eq!(shown, None, "{}: {line}", seen.name);
    }
}

#[test]
fn a_merge_names_its_commit_or_says_that_it_is_not_known() {
    let mut merged = 0;
    for seen in all() {
        let Data::PullRequest(PullRequestAction::Merged, data) = &seen.event.data else { continue };
        let line = seen.line();
        match &data.pull_request.merge_commit {
            Some(commit) => assert!(line.contains(&format!("as {:.7} ", &*commit.sha)), "{line}"),
            None => assert!(line.contains("as a commit that is not known"), "{line}"),
        }
        merged += 1;
    }
    assert!(merged >= 3, "{merged}");
}

#[test]
fn what_others_wrote_stays_on_its_line_and_commands_nobody() {
    let sample = SAMPLES.iter().find(|seen| seen.name == "pull-request-opened").unwrap();
    let Data::PullRequest(action, data) = &sample.event.data else { panic!() };
    let mut data = data.clone();
    let title = "a\u{1b}[31m\nb\u{202e}c mail eve@example.com  and @maria\t".repeat(9);
    data.pull_request.title = Some(title.into());
    let data = Data::PullRequest(action.clone(), data);
    let line = chat::line(&without_payload(&Event { data, ..sample.event.clone() })).unwrap();
    assert!(line.contains("“a␛[31m b\u{fffd}c mail [address] and @maria"), "{line}");
    assert!(line.chars().count() < 250, "{line}");
}

#[test]
fn every_record_says_what_happened_when_and_how_it_is_known() {
    for seen in all() {
        let (record, name) = (seen.record(), &seen.name);
        let always = [
            &record.id,
            &record.source,
            &record.forge,
            &record.time,
            &record.received,
            &record.event,
            &record.action,
            &record.delivery,
        ];
        assert!(always.iter().all(|field| !field.is_empty()), "{name}: {record:?}");
        assert!(record.digest.starts_with("blake3=") && record.digest.len() == 71, "{name}");
        assert!(record.authenticated && record.secret.as_deref() == Some("default"), "{name}");
        assert!(record.time.ends_with('Z') && record.received.ends_with('Z'), "{name}");
    }
}

#[test]
fn a_record_has_every_id_that_the_payload_has() {
    let ids = |raw: &Value, places: &[&str]| {
        let said = places.iter().filter_map(|place| raw.pointer(place)?.as_i64());
        said.map(|id| id.to_string()).next()
    };
    let repository = ["/package/repository/id", "/repository/id", "/run/repository/id"];
    let actor = ["/sender/id", "/run/trigger_user/id"];
    let object =
        ["/comment/id", "/release/id", "/pull_request/id", "/workflow_run/id", "/workflow_job/id"];
    for seen in all().filter(|seen| ["gitea", "forgejo", "gogs"].contains(&seen.kind)) {
        let (record, name) = (seen.record(), &seen.name);
        let said = ids(&seen.raw, &actor);
        assert_eq!(record.actor_id, said, "{name}");
        let (place, part) = (ids(&seen.raw, &repository), &record.object.part);
        if record.action == "forked" {
            let other = ids(&seen.raw, &["/forkee/id"]);
            let both = BTreeSet::from([&place, &other]);
            assert_eq!(BTreeSet::from([&record.repository_id, part]), both, "{name}");
        } else {
            assert_eq!(record.repository_id, place, "{name}");
        }
        if let Some(id) = ids(&seen.raw, &object) {
            let kept = [&record.object.id, &record.object.part];
            assert!(kept.contains(&&Some(id.clone())), "{name}: {id} {:?}", record.object);
        }
    }
}

#[test]
fn no_two_deliveries_give_the_same_record() {
    let mut names = BTreeMap::new();
    for seen in all() {
        let before = names.insert(seen.record(), format!("{} {}", seen.kind, seen.name));
        assert_eq!(before, None, "{}", seen.name);
    }
    // Even without what is made of the delivery, what happened is told apart.
    let mut names: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for seen in SAMPLES.iter().filter(|seen| seen.kind == "gitea") {
        let blank = String::new;
        let facts =
            audit::Record { id: blank(), delivery: blank(), digest: blank(), ..seen.record() };
        names.entry(facts).or_default().push(&seen.name);
    }
    let mut same: Vec<_> = names.into_values().filter(|names| names.len() > 1).collect();
    same.sort_unstable();
    // These say the same in the words of different versions, or differ only in what the commits are.
    let expected = [
        ["push-created", "push-created-at-known-commit"],
        ["review-commented", "review-by-old-version"],
        ["workflow-job-waiting", "workflow-job-waiting-by-new-version"],
    ];
    assert_eq!(same, expected);
}

#[test]
fn readers_live_with_events_and_actions_that_are_newer() {
    for (event, action) in [("deployment", "created"), ("push", "blessed"), ("issue", "pinned")] {
        let of = if event == "deployment" { "push" } else { event };
        let sample = SAMPLES.iter().find(|seen| seen.event.event() == of).unwrap();
        let mut body: Value = serde_json::from_slice(&sample.body).unwrap();
        body["event"] = event.into();
        body["action"] = action.into();
        let body = serde_json::to_vec(&body).unwrap();
        let line = chat::line(&body).unwrap();
        assert!(line.contains(action) && line.contains("acme/Widgets"), "{line}");
        let record = audit::record(&body).unwrap();
        assert_eq!((&*record.event, &*record.action), (event, action));
        assert!(matches!(ci::decide(&body), Decision::Run(_) | Decision::Nothing(_)), "{line}");
    }
    let (newer, none) = (br#"{"version": 2}"#, ci::decide(b"{}"));
    assert_eq!((chat::line(newer), audit::record(newer)), (None, None));
    assert_eq!(none, Decision::Nothing("not an event that this program can read"));
}

fn of_samples(shown: impl Fn(&Seen) -> String) -> String {
    SAMPLES.iter().fold(String::new(), |mut text, seen| {
        writeln!(text, "{} {}: {}", seen.kind, seen.name, shown(seen)).unwrap();
        text
    })
}

fn assert_shown(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn the_lines_are_what_people_read() {
    assert_shown("readers-chat", &of_samples(Seen::line));
}

#[test]
fn the_decisions_are_what_people_expect() {
    assert_shown("readers-ci", &of_samples(|seen| ci::decide(&seen.body).to_string()));
}
