//! Bodies that are signed and hostile all the same: each becomes an event with every byte of it.

use std::fmt::Write as _;

use forgewire::config::Source;
use forgewire::event::{Data, Event, Raw};
use forgewire::message::Message;
use forgewire::samples::Sender;
use forgewire::subject::{Decoded, Parts, Token};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::properties::{check, messages, sources};
use crate::support::hook::{Hook, SECRET, sha};

/// Event names of deliveries that are read in different ways, and one that is not known.
const NAMES: [&str; 6] = ["push", "create", "delete", "pull_request", "issues", "no_such_event"];

fn source(kind: &str) -> Source {
    sources().into_iter().find(|source| source.kind.name() == kind).unwrap()
}

/// A sample of Gitea as a document to change.
fn sample(name: &str) -> Value {
    let gitea = Sender::ALL.iter().find(|sender| sender.kind == "gitea").unwrap();
    serde_json::from_str(&gitea.payload(gitea.sample(name).unwrap()).unwrap()).unwrap()
}

/// What a delivery of Gitea becomes, after checking what holds for all of them.
fn delivered(event: &str, body: &[u8]) -> (Event<'static>, Message) {
    let hook = Hook::new("gitea", event, Some(event), "id", SECRET, body);
    let source = source("gitea");
    check(&source, &hook).unwrap();
    let (event, message) = messages(&source, &hook).remove(0);
    assert_whole(&event, body);
    let most = 4 * body.len() + 65_536;
    assert!(message.body.len() <= most, "{} bytes of {}", message.body.len(), body.len());
    (event, message)
}

/// The payload is in the event, whole.
fn assert_whole(event: &Event<'_>, body: &[u8]) {
    assert!(!event.raw_altered);
    match &event.raw {
        Raw::Inline(raw) | Raw::Binary(raw) => assert!(raw == body, "raw differs"),
        other => panic!("{other:?}"),
    }
}

fn reason<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match &event.data {
        Data::Unrecognized(_, data) => Some(data.reason.as_str()),
        _ => None,
    }
}

fn is_inline(event: &Event<'_>) -> bool {
    matches!(event.raw, Raw::Inline(_))
}

/// The sample with a new member `x`, whose JSON is `text`.
fn push_with(text: &str) -> String {
    let push = sample("push").to_string();
    format!("{},\"x\":{text}}}", push.strip_suffix('}').unwrap())
}

/// The sample with the value at `place` written as this JSON.
fn with(name: &str, place: &str, text: &str) -> String {
    let mut body = sample(name);
    *body.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = json!("@@");
    body.to_string().replace("\"@@\"", text)
}

#[test]
fn a_hundred_levels_are_read_and_a_hundred_and_one_are_kept_unread() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested =
            |n: usize| push_with(&format!("{}0{}", open.repeat(n - 1), close.repeat(n - 1)));
        let (event, _) = delivered("push", nested(100).as_bytes());
        assert_eq!((event.event(), is_inline(&event)), ("push", true));
        let (event, _) = delivered("push", nested(101).as_bytes());
        assert_eq!((reason(&event), is_inline(&event)), (Some("too_deep"), false));
    }
}

#[test]
fn a_payload_is_too_deep_by_what_was_sent_though_the_deep_part_is_cut() {
    let with_secret = |n: usize| {
        let nested = format!("{}0{}", "[".repeat(n), "]".repeat(n));
        let body = push_with("1").replacen('{', &format!("{{\"secret\":{nested},"), 1);
        let hook = Hook::new("gitea", "push", Some("push"), "id", SECRET, body.as_bytes());
        messages(&source("gitea"), &hook).remove(0).0
    };
    let event = with_secret(99);
    assert_eq!((event.event(), is_inline(&event), event.raw_altered), ("push", true, true));
    let event = with_secret(100);
    let found = (reason(&event), is_inline(&event), event.raw_altered);
    assert_eq!(found, (Some("too_deep"), false, true));
}

#[test]
fn a_million_levels_overflow_no_stack() {
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let body = open.repeat(1_000_000);
        let (event, _) = delivered("push", body.as_bytes());
        assert_eq!(reason(&event), Some("too_deep"));
        let (event, _) = delivered("push", push_with(&body).as_bytes());
        assert_eq!(reason(&event), Some("too_deep"));
    }
    let closed = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(reason(&delivered("push", closed.as_bytes()).0), Some("too_deep"));
    // Side by side it is no depth.
    let wide = format!("[{}[]]", "[],".repeat(1_000_000));
    assert_eq!(delivered("push", push_with(&wide).as_bytes()).0.event(), "push");
}

const NUMBERS: [&str; 7] = [
    "1e400",
    "-1e400",
    "1e-400",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1000000000000000055511151231257827",
    "-0",
];

#[test]
fn a_number_of_any_size_that_nobody_asks_for_changes_nothing() {
    let digits = "9".repeat(400);
    for number in NUMBERS.iter().copied().chain([&*digits]) {
        let (event, _) = delivered("push", push_with(number).as_bytes());
        assert_eq!((event.event(), event.action()), ("push", "updated"), "{number}");
    }
}

#[test]
fn a_number_of_any_size_where_one_is_read_makes_an_event_or_is_called_unreadable() {
    let digits = "9".repeat(400);
    for number in NUMBERS.iter().copied().chain([&*digits]) {
        for place in ["/repository/id", "/sender/id", "/total_commits"] {
            let (event, _) = delivered("push", with("push", place, number).as_bytes());
            assert!(is_inline(&event), "{place} {number}");
            assert!(matches!(reason(&event), None | Some("unreadable")), "{place} {number}");
        }
        let body = with("pull-request-opened", "/pull_request/number", number);
        let (event, _) = delivered("pull_request", body.as_bytes());
        assert!(matches!(reason(&event), None | Some("unreadable" | "event_mismatch")), "{number}");
    }
}

#[test]
fn a_key_twice_makes_one_event_that_believes_one_of_the_two() {
    let push = sample("push").to_string();
    let twice = push.replacen("{\"ref\":", "{\"ref\":\"refs/heads/other\",\"ref\":", 1);
    assert_ne!(push, twice);
    let (event, message) = delivered("push", twice.as_bytes());
    assert!(is_inline(&event));
    if reason(&event) != Some("unreadable") {
        let reference = Parts::decode("forge", message.subject.as_str()).unwrap().reference;
        let either = ["main", "other"].map(|name| Decoded::Value(name.to_owned()));
        assert!(either.contains(&reference), "{reference:?}");
    }
    // Twice where nobody looks is no matter at all.
    let (event, _) = delivered("push", push_with("{\"a\":1,\"a\":2}").as_bytes());
    assert_eq!(event.event(), "push");
}

#[test]
fn half_a_surrogate_pair_becomes_the_replacement_character_and_the_event_stays_typed() {
    for (text, read) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""a\udfffb""#, "a\u{fffd}b"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud83d\n\ude00""#, "\u{fffd}\n\u{fffd}"),
    ] {
        let body = with("pull-request-opened", "/pull_request/title", text);
        let (event, _) = delivered("pull_request", body.as_bytes());
        let Data::PullRequest(_, data) = &event.data else { panic!("{text}: {:?}", event.data) };
        assert_eq!(data.pull_request.title.as_deref(), Some(read), "{text}");

        let body = with("push", "/commits/0/message", text);
        let (event, _) = delivered("push", body.as_bytes());
        let Data::Push(_, data) = &event.data else { panic!("{text}: {:?}", event.data) };
        assert!(data.commits.iter().any(|commit| commit.message.as_deref() == Some(read)));

        let body = with("push", "/repository/name", text);
        let (event, message) = delivered("push", body.as_bytes());
        assert_eq!(event.event(), "push", "{text}");
        let token = Token::escape_caseless(read);
        assert_eq!(message.subject.as_str().split('.').nth(3), Some(token.as_str()));
    }
}

#[test]
fn half_a_surrogate_pair_where_nobody_looks_changes_nothing() {
    for text in [r#""\ud800""#, r#"{"\udfff":1}"#, r#"["\ud83d"]"#] {
        let (event, _) = delivered("push", push_with(text).as_bytes());
        assert_eq!((event.event(), is_inline(&event)), ("push", true), "{text}");
    }
}

#[test]
fn nul_and_control_characters_of_names_reach_no_subject_and_no_header() {
    for name in [
        "\0",
        "a\0b",
        "a\r\nnats-rollup: all",
        "\u{1b}[2k",
        "\u{7f}",
        "\u{85}\u{2028}",
        "*",
        ">",
        " ",
    ] {
        let mut body = sample("push");
        body["repository"]["name"] = name.into();
        body["repository"]["owner"]["login"] = name.into();
        body["ref"] = format!("refs/heads/{name}").into();
        body["sender"]["login"] = name.into();
        let body = body.to_string();
        let (event, message) = delivered("push", body.as_bytes());
        assert_eq!(event.event(), "push", "{name:?}");
        let parts = Parts::decode("forge", message.subject.as_str()).unwrap();
        let value = Decoded::Value(name.to_owned());
        assert_eq!((&parts.reference, &parts.repo, &parts.owner), (&value, &value, &value));
    }
    // As JSON must not be written: without an escape.
    let bare = sample("push").to_string().replace("refs/heads/main", "refs/heads/ma\0in");
    let (event, _) = delivered("push", bare.as_bytes());
    assert_eq!((reason(&event), is_inline(&event)), (Some("not_json"), false));
}

#[test]
fn a_megabyte_of_a_name_is_in_the_body_and_not_in_the_subject() {
    for letter in ["a", "é", "\0", "😀", "\""] {
        let long = letter.repeat(1_048_576 / letter.len());
        let mut body = sample("pull-request-opened");
        body["pull_request"]["title"] = long.clone().into();
        body["pull_request"]["base"]["ref"] = long.clone().into();
        let (event, message) = delivered("pull_request", body.to_string().as_bytes());
        let Data::PullRequest(_, data) = &event.data else { panic!("{:?}", reason(&event)) };
        assert!(data.pull_request.title.as_deref() == Some(&*long), "the whole title");
        assert!(message.subject.as_str().len() < 400, "{}", message.subject);

        let mut body = sample("push");
        body["ref"] = format!("refs/heads/{long}").into();
        body["repository"]["name"] = long.clone().into();
        let (event, message) = delivered("push", body.to_string().as_bytes());
        assert!(event.reference.is_some_and(|reference| reference.name == long));
        let parts = Parts::decode("forge", message.subject.as_str()).unwrap();
        assert!(matches!((parts.repo, parts.reference), (Decoded::Cut(_), Decoded::Cut(_))));
    }
}

#[test]
fn ten_thousand_commits_are_all_there() {
    let mut body = sample("push");
    let commit = body["commits"][0].clone();
    let id = |number: usize| format!("{number:040x}");
    let commits = (1..=10_000).map(|number| {
        let mut commit = commit.clone();
        commit["id"] = id(number).into();
        commit
    });
    body["commits"] = commits.collect();
    body["total_commits"] = 10_000.into();
    let (event, _) = delivered("push", body.to_string().as_bytes());
    let Data::Push(_, data) = &event.data else { panic!("{:?}", reason(&event)) };
    let mut ids: Vec<_> = data.commits.iter().map(|commit| commit.id.to_string()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=10_000).map(id).collect::<Vec<_>>());
    assert!(data.commits_complete);
}

#[test]
fn what_is_not_utf_8_is_kept_in_base64() {
    let push = sample("push").to_string();
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"] {
        let text = push.replace("refs/heads/main", "refs/heads/@@");
        let at = text.find("@@").unwrap();
        let body = [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 2..]].concat();
        let (event, _) = delivered("push", &body);
        assert_eq!((reason(&event), is_inline(&event)), (Some("not_json"), false), "{bytes:?}");
    }
    let marked = ["\u{feff}", &push].concat();
    assert_eq!(reason(&delivered("push", marked.as_bytes()).0), Some("not_json"));
}

#[test]
fn what_is_no_object_is_kept_under_the_name_that_was_sent() {
    for name in NAMES {
        for (body, is_json) in [
            ("", false),
            (" ", false),
            ("nul", false),
            ("null", true),
            (" null\n", true),
            ("true", true),
            ("0", true),
            ("1e400", true),
            ("\"push\"", true),
            ("[]", true),
            ("[null]", true),
            ("[{}, {}]", true),
            ("{}", true),
            ("{}\0", false),
            ("{} {}", false),
        ] {
            let (event, message) = delivered(name, body.as_bytes());
            assert_eq!((event.event(), event.action()), ("unrecognized", name), "{body:?}");
            assert_eq!(is_inline(&event), is_json, "{name} {body:?}");
            assert_eq!(reason(&event) == Some("not_json"), !is_json, "{name} {body:?}");
            let subject = format!("forge.gitea.-.-.unrecognized.{name}.-");
            assert_eq!(message.subject.as_str(), subject);
        }
    }
}

/// Holds what must for a body that may have been anything before.
fn damaged(source: &Source, event: &str, event_type: Option<&str>, body: &[u8]) {
    let hook = Hook::new(source.kind.name(), event, event_type, "id", SECRET, body);
    if let Err(broken) = check(source, &hook) {
        panic!("{broken}: {}", String::from_utf8_lossy(body));
    }
    let (event, _) = messages(source, &hook).remove(0);
    if !event.raw_altered {
        assert_whole(&event, body);
    }
    let text = std::str::from_utf8(body).ok();
    let is_json =
        text.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    // With the credentials it can lose what was wrong with it.
    let is_right = is_inline(&event) == is_json || (event.raw_altered && !is_json);
    assert!(is_right, "{}", String::from_utf8_lossy(body));
}

#[test]
fn a_payload_that_breaks_off_anywhere_is_kept() {
    let source = source("gitea");
    for (name, event) in [("push", "push"), ("pull-request-merged", "pull_request")] {
        let body = sample(name).to_string();
        for end in 0..body.len() {
            let hook = Hook::new("gitea", event, None, "id", SECRET, &body.as_bytes()[..end]);
            let (event, _) = messages(&source, &hook).remove(0);
            assert_eq!(reason(&event), Some("not_json"), "{end}");
            assert_whole(&event, &body.as_bytes()[..end]);
        }
    }
}

#[test]
fn a_payload_with_any_byte_changed_is_kept() {
    let source = source("gitea");
    let body = sample("push").to_string().into_bytes();
    for at in 0..body.len() {
        let mut changed = body.clone();
        // One bit of each byte, another one each time.
        changed[at] ^= 1 << (at % 8);
        damaged(&source, "push", Some("push"), &changed);
    }
}

/// One change of a payload.
#[derive(Clone, Debug)]
enum Damage {
    Byte(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    Put(prop::sample::Index, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let put = [
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "0",
        "-",
        "1e400",
        "\\ud800",
        "\\u0000",
        "\"secret\":",
        "https://u:p@h",
        "\0",
        "true",
    ];
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (place(), 1_usize..200).prop_map(|(at, length)| Damage::Cut(at, length)),
        (place(), 1_usize..200).prop_map(|(at, length)| Damage::Double(at, length)),
        (place(), prop::sample::select(put.to_vec())).prop_map(|(at, text)| Damage::Put(at, text)),
    ]
}

impl Damage {
    fn done_to(&self, body: &mut Vec<u8>) {
        if body.is_empty() {
            return;
        }
        let range = |at: &prop::sample::Index, length: usize| {
            let start = at.index(body.len());
            start..(start + length).min(body.len())
        };
        match self {
            Self::Byte(at, byte) => {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            Self::Cut(at, length) => drop(body.drain(range(at, *length))),
            Self::Double(at, length) => {
                let range = range(at, *length);
                let copy = body[range.clone()].to_vec();
                body.splice(range.end..range.end, copy);
            }
            Self::Put(at, text) => {
                let at = at.index(body.len());
                body.splice(at..at, text.bytes());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damaged_copies_of_every_sample_are_kept(changes in prop::collection::vec(damage(), 1..4)) {
        let sources = sources();
        for sender in Sender::ALL {
            let source = sources.iter().find(|source| source.kind.name() == sender.kind).unwrap();
            for sample in sender.samples {
                let mut body = sender.payload(sample).unwrap().into_bytes();
                for change in &changes {
 change.done_to(&mut body);
}
                damaged(source, sample.event, sample.event_type, &body);
            }
        }
    }
}

#[test]
fn a_delivery_of_nothing_but_credentials_leaves_none() {
    let mut body = sample("push");
    body["secret"] = "hunter2".into();
    body["repository"]["clone_url"] = "https://u:hunter2@git.example.com/acme/widgets.git".into();
    let text = body.to_string().replace("https://u:hunter2@", r"https:\/\/u:hun\u0026ter2\u0040");
    for text in [body.to_string(), text] {
        let hook = Hook::new("gitea", "push", Some("push"), "id", SECRET, text.as_bytes());
        let source = source("gitea");
        check(&source, &hook).unwrap();
        let (event, message) = messages(&source, &hook).remove(0);
        assert_eq!((event.event(), event.raw_altered), ("push", true));
        let mut said = String::new();
        write!(said, "{} {:?} ", message.subject, message.headers).unwrap();
        said.push_str(std::str::from_utf8(&message.body).unwrap());
        assert!(!said.contains("hunter2") && !said.contains("ter2"), "{said}");
    }
}

#[test]
fn a_push_between_long_hashes_is_as_any_other() {
    let mut body = sample("push");
    body["before"] = format!("{}{}", sha('1'), "1".repeat(24)).into();
    body["after"] = format!("{}{}", sha('2'), "2".repeat(24)).into();
    let (event, _) = delivered("push", body.to_string().as_bytes());
    assert_eq!((event.event(), event.action()), ("push", "updated"));
}
