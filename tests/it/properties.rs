//! What must hold for every body there is: nothing panics, and whatever is signed becomes an event.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use forgewire::config::{Config, Inputs, Source};
use forgewire::delivery::Delivery;
use forgewire::event::{Event, Time};
use forgewire::message::Message;
use forgewire::normalize;
use forgewire::samples::{Sample, Sender};
use forgewire::source::UnsignedHeaders;
use forgewire::trace::TraceContext;
use hyper::HeaderMap;
use proptest::prelude::*;

use crate::support::hook::{Hook, SECRET, push, push_name, push_of_in, sha};
use crate::support::schema::assert_valid;

pub(crate) fn sources() -> Vec<Source> {
    let inputs = forgewire::source::Kind::ALL.iter().fold(Inputs::new(), |inputs, kind| {
        let set = |key: &str, value: &str| format!("sources.{kind}.{key}={value}");
        inputs.with_set(&set("kind", kind.name())).with_set(&set("secret", SECRET))
    });
    Config::load(&inputs).unwrap().config.sources.into_values().collect()
}

fn source_of(sender: &Sender) -> Source {
    sources().into_iter().find(|source| source.kind.name() == sender.kind).unwrap()
}

/// The whole way in process: verify, normalize, address.
pub(crate) fn messages(source: &Source, hook: &Hook) -> Vec<(Event<'static>, Message)> {
    let mut headers = HeaderMap::new();
    for (name, value) in &hook.headers {
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let delivery =
        Delivery::new(headers, Bytes::from(hook.body.clone())).verify(source).expect("signed");
    let payload = normalize::Payload::of(&delivery);
    let received_at = Time::from_unix_ms(1).unwrap();
    let events = normalize::events(&delivery, &payload, source, received_at).expect("no scope");
    let trace = TraceContext::of(UnsignedHeaders::new(&HeaderMap::new()));
    let address = |event: Event<'_>| {
        let message = Message::of(&event, "forge", trace).expect("written");
        assert_valid(&message.body);
        let read = Event::from_json(&message.body).expect("reads back");
        assert_eq!(read, event, "what is read is what was written");
        (read, message)
    };
    events.into_iter().map(address).collect()
}

#[derive(serde::Deserialize)]
struct HasId {
    id: String,
}

pub(crate) fn check(source: &Source, hook: &Hook) -> Result<(), TestCaseError> {
    let made = messages(source, hook);
    prop_assert!(!made.is_empty());
    for (event, message) in &made {
        // A payload may hold what this parser reads no value of: 1e400, or half a surrogate pair.
        let body: HasId = serde_json::from_slice(&message.body).expect("JSON");
        prop_assert_eq!(&body.id, &message.id);
        let tokens: Vec<_> = message.subject.as_str().split('.').collect();
        prop_assert_eq!(tokens.len(), 7, "{}", message.subject);
        prop_assert!(
            tokens[1..].iter().all(|token| forgewire::subject::Token::decode(token).is_ok()),
            "{}",
            message.subject
        );
        for (name, value) in message.headers.iter() {
            prop_assert!(
                value.len() <= 1024 && value.bytes().all(|b| (0x21..=0x7e).contains(&b)),
                "{}: {}",
                name,
                value
            );
        }
        prop_assert_eq!(event.to_json().unwrap(), &message.body[..]);
    }
    Ok(())
}

/// Every sample with its payload.
static SAMPLES: LazyLock<Vec<(&Sender, &Sample, Vec<u8>)>> = LazyLock::new(|| {
    let of = |sender: &'static Sender| {
        let payload = |sample| sender.payload(sample).unwrap().into_bytes();
        sender.samples.iter().map(move |sample| (sender, sample, payload(sample)))
    };
    Sender::ALL.iter().copied().flat_map(of).collect()
});

fn sample_hook(sender: &Sender, event: &str, exact: Option<&str>, body: &[u8]) -> Hook {
    Hook::new(sender.kind, event, exact, "id", SECRET, body)
}

/// An edit of a payload: where, and the byte that is put there, or nothing where it is cut.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, Option<u8>)>> {
    let byte = prop_oneof![
        Just(None),
        any::<u8>().prop_map(Some),
        prop::sample::select(&b"{}[]\",:0\\-"[..]).prop_map(Some)
    ];
    prop::collection::vec((any::<prop::sample::Index>(), byte), 1..8)
}

fn damage(body: &mut Vec<u8>, edits: Vec<(prop::sample::Index, Option<u8>)>) {
    for (at, with) in edits {
        let at = at.index(body.len());
        match with {
            Some(byte) => body[at] = byte,
            None => body.truncate(at.max(1)),
        }
    }
}

const NAMES: [&str; 14] = [
    "push",
    "repo:push",
    "pullrequest:updated",
    "pipeline:span_created",
    "repo:refs_changed",
    "pr:modified",
    "repo:secret_detected",
    "create",
    "delete",
    "pull_request",
    "pull_request_sync",
    "issues",
    "",
    "no such event",
];

fn pull_request() -> Vec<u8> {
    let user = serde_json::json!({ "id": 1, "login": "jdoe", "full_name": "Jane Doe" });
    let repo = serde_json::json!({ "id": 2, "name": "my.repo", "full_name": "acme/my.repo", "owner": user });
    let side = |name: &str| serde_json::json!({ "ref": name, "sha": sha('a'), "repo": repo });
    serde_json::to_vec(&serde_json::json!({
        "action": "closed", "number": 3, "repository": repo, "sender": user,
        "pull_request": {
            "number": 3, "title": "A title", "state": "closed", "merged": true, "merged_at": "2026-01-02T03:04:05+01:00",
            "labels": [{ "id": 1, "name": "bug", "color": "ff0000" }], "assignees": null, "user": user,
            "base": side("main"), "head": side("feature/x"), "merge_commit_sha": sha('b'),
        },
    }))
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_signed_body_becomes_at_least_one_event(body: Vec<u8>, name in prop::sample::select(&NAMES[..])) {
        for source in sources() {
            check(&source, &Hook::new(source.kind.name(), name, None, "id", SECRET, &body))?;
        }
    }

    #[test]
    fn a_damaged_payload_never_panics(
        of_a_push: bool,
        name in prop::sample::select(&NAMES[..]),
        edits in edits(),
    ) {
        let mut body = if of_a_push { push("main", &sha('1'), &sha('2')) } else { pull_request() };
        damage(&mut body, edits);
        for source in sources() {
            check(&source, &Hook::new(source.kind.name(), name, None, "id", SECRET, &body))?;
        }
    }

    #[test]
    fn a_damaged_sample_never_panics(sample in any::<prop::sample::Index>(), edits in edits()) {
        let (sender, sample, payload) = sample.get(&SAMPLES);
        let mut body = payload.clone();
        damage(&mut body, edits);
        let source = source_of(sender);
        check(&source, &sample_hook(sender, sample.event, sample.event_type, &body))?;
    }

    #[test]
    fn any_names_make_one_subject_of_seven_tokens(owner in ".{1,80}", repo in ".{1,80}", branch in ".{1,300}") {
        for source in sources() {
            let kind = source.kind.name();
            let body = push_of_in(kind, [&owner, &repo], &branch, &sha('1'), &sha('2'));
            let hook = Hook::new(kind, push_name(kind), None, "id", SECRET, &body);
            let made = messages(&source, &hook);
            prop_assert_eq!(made[0].0.event(), "push");
            check(&source, &hook)?;
        }
    }
}

#[test]
fn odd_but_authenticated_bodies_keep_every_byte() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("not JSON", b"hello".to_vec(), "not_json"),
        ("not UTF-8", b"{\"a\":\"\xff\"}".to_vec(), "not_json"),
        ("empty", Vec::new(), "not_json"),
        ("two documents", b"{}{}".to_vec(), "not_json"),
        ("a list", b"[]".to_vec(), "unreadable"),
        ("null", b" null\n".to_vec(), "unreadable"),
        ("a hundred levels", deep(100).into_bytes(), "unreadable"),
        ("more levels", deep(101).into_bytes(), "too_deep"),
        (
            "a key twice",
            br#"{"ref":"refs/heads/a","ref":"refs/heads/b","push":null,"push":null,"eventKey":null,"eventKey":null}"#
                .to_vec(),
            "unreadable",
        ),
    ];
    for (what, body, reason) in cases {
        for source in sources() {
            let kind = source.kind.name();
            let hook = Hook::new(kind, push_name(kind), None, "id", SECRET, &body);
            let (event, message) = messages(&source, &hook).remove(0);
            let json: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
            assert_eq!(json["data"]["reason"], reason, "{what}");
            match event.raw {
                forgewire::event::Raw::Inline(raw) | forgewire::event::Raw::Binary(raw) => {
                    assert_eq!(raw, body, "{what}");
                }
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

/// Whether nothing in a body of Bitbucket Cloud tells these two events apart, so that the unsigned name decides.
fn alike(one: &str, other: &str) -> bool {
    [
        // What was merged or declined can still be edited.
        &["pull_request.opened", "pull_request.synchronized", "pull_request.edited"][..],
        &["pull_request.merged", "pull_request.edited"],
        &["pull_request.closed", "pull_request.edited"],
        &[
            "pull_request_comment.created",
            "pull_request_comment.edited",
            "pull_request_comment.reopened",
        ],
        &[
            "pull_request_comment.created",
            "pull_request_comment.edited",
            "pull_request_comment.resolved",
        ],
        &["repository.created", "repository.deleted", "repository.imported"],
        // These have nothing but a repository, so whatever has one and is not known can be one.
        &["unrecognized.not_yet_known", "repository.created"],
        &["unrecognized.not_yet_known", "repository.deleted"],
        &["unrecognized.not_yet_known", "repository.imported"],
    ]
    .iter()
    .any(|group| group.contains(&one) && group.contains(&other))
}

#[test]
fn a_sample_under_another_name_is_the_same_event_or_a_mismatch() {
    for sender in Sender::ALL {
        let source = source_of(sender);
        let exact: BTreeSet<_> = sender.samples.iter().filter_map(|s| s.event_type).collect();
        let folded: BTreeSet<_> = sender.samples.iter().map(|s| s.event).collect();
        let names = exact.iter().map(|name| ("other", Some(*name)));
        let names = names.chain(folded.iter().map(|name| (*name, None)));
        for (event, exact) in names.filter(|(event, exact)| !event.is_empty() || exact.is_some()) {
            for (_, sample, payload) in SAMPLES.iter().filter(|(of, ..)| of.kind == sender.kind) {
                let hook = sample_hook(sender, event, exact, payload);
                let (made, message) = messages(&source, &hook).remove(0);
                let name = format!("{}.{}", made.event(), made.action());
                let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
                let reason = body["data"]["reason"].as_str().unwrap_or_default();
                // What a wiki's editor says is a text, where comments have an object of the same name.
                let wiki = sample.name.starts_with("wiki-") || exact.unwrap_or(event) == "wiki";
                let known =
                    exact.unwrap_or(event) != "not_yet_known" && sample.name != "unrecognized";
                assert!(
                    name == sample.makes
                        || (sender.kind == "bitbucket-cloud" && alike(sample.makes, &name))
                        || (made.event() == "unrecognized"
                            && (!known
                                || reason == "event_mismatch"
                                || (wiki && reason == "unreadable"))),
                    "{}: {} as {event} {exact:?} is {name} {reason}",
                    sender.kind,
                    sample.name
                );
            }
        }
    }
}
