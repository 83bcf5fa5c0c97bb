//! What an operator does not want to leave does not: planted values are looked for everywhere.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::jetstream;
use forgewire::config::{Config, Inputs};
use forgewire::event::{Event, Raw};
use forgewire::json::Redaction;
use forgewire::message::Message;
use forgewire::samples::Sender;
use forgewire::subject::{Decoded, Token};
use serde_json::{Value, json};

use crate::contract::percent_encode;
use crate::properties::{messages, sources};
use crate::support::daemon::{Daemon, Stored, stored};
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{Answer, deliver, request};
use crate::support::nats::NatsServer;
use crate::support::schema::assert_valid;

const PLANTED: [&str; 4] =
    ["planted-pusher@example.com", "planted-author@example.com", "Planted Name", "planted note"];

const REDACTING: &str = r#"
redact = ["/pusher/email", "/commits/*/author", "/note", "/sender/full_name", "/run/event_payload/pusher/email"]
redact_data = ["/data/commits/*/author/email", "/data/commits/*/author/name", "/actor/name"]
"#;

fn source(name: &str, kind: &str, more: &str) -> String {
    format!("[sources.{name}]\nkind = \"{kind}\"\nsecret = \"{SECRET}\"\n{more}\n")
}

fn planted(padding: usize) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&push("main", &sha('1'), &sha('2'))).unwrap();
    body["pusher"]["email"] = PLANTED[0].into();
    body["pusher"]["full_name"] = "kept name".into();
    body["sender"]["full_name"] = PLANTED[2].into();
    body["note"] = json!({ "text": [PLANTED[3]] });
    body["commits"] = json!([{
        "id": sha('2'), "message": "Change\n", "timestamp": "2026-11-02T11:01:44+01:00",
        "author": { "name": PLANTED[2], "email": PLANTED[1] },
        "added": [], "removed": [], "modified": ["kept-file"],
    }]);
    body["total_commits"] = 1.into();
    body["padding"] = "x".repeat(padding).into();
    serde_json::to_vec_pretty(&body).unwrap()
}

fn hook(kind: &str, event: &str, id: &str, body: &[u8]) -> Hook {
    Hook::new(kind, event, Some(event), id, SECRET, body)
}

/// Everything that is in the object store, as text.
async fn objects(nats: &NatsServer) -> String {
    let client = async_nats::connect(&nats.url).await.unwrap();
    let stream = jetstream::new(client).get_stream("OBJ_FORGE_LARGE").await.unwrap();
    let last = stream.get_info().await.unwrap().state.last_sequence;
    let mut text = String::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        text.push_str(&String::from_utf8_lossy(&message.payload));
    }
    text
}

fn whole(message: &Stored) -> String {
    let headers = message.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    let body = String::from_utf8_lossy(&message.bytes);
    format!("{}\n{}\n{body}", message.subject, headers.collect::<String>())
}

#[tokio::test]
async fn what_is_redacted_is_in_no_message_object_log_or_receipt() {
    let nats = NatsServer::start();
    let sources = source("gitea", "gitea", REDACTING) + &source("forgejo", "forgejo", REDACTING);
    let daemon = Daemon::unready(&nats.url, &sources, &["--log-filter", "trace"]).await;
    daemon.ready().await;
    let inner = String::from_utf8(planted(0)).unwrap();
    let inner: Value = serde_json::from_str(&inner).unwrap();
    let payload = json!({ "pusher": inner["pusher"], "commits": [] }).to_string();
    let run = json!({ "action": "unheard-of", "run": { "event_payload": payload } });
    let mut receipts = String::new();
    for (source, hook) in [
        ("gitea", hook("gitea", "push", "small", &planted(0))),
        ("gitea", hook("gitea", "push", "large", &planted(1 << 20))),
        ("gitea", hook("gitea", "nobody-knows", "unknown", &planted(0))),
        ("forgejo", hook("forgejo", "action_run_success", "run", run.to_string().as_bytes())),
    ] {
        let answer = deliver(daemon.hooks, &format!("/hooks/{source}"), &hook).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        receipts.push_str(&String::from_utf8_lossy(&answer.body));
    }
    let messages = stored(&nats).await;
    let published: String = messages.iter().map(whole).collect();
    let objects = objects(&nats).await;
    let log = daemon.log().join("\n");
    for mark in PLANTED {
        for (place, text) in [
            ("messages", &published),
            ("objects", &objects),
            ("log", &log),
            ("receipts", &receipts),
        ] {
            assert!(!text.contains(mark), "{place}: {mark}");
        }
    }
    for text in [&published, &objects] {
        assert!(text.contains("kept name") && text.contains("[redacted]"));
    }
    for message in &messages {
        assert_eq!(message.body["raw_altered"], true, "{}", message.body["id"]);
        Event::from_json(&message.bytes).unwrap();
    }
    assert_eq!(messages[0].body["data"]["commits"][0]["author"]["email"], "[redacted]");
    assert_eq!(messages[0].body["data"]["commits"][0]["modified"], json!(["kept-file"]));
    assert_eq!(messages[0].body["raw"]["commits"][0]["author"], "[redacted]");
    assert_eq!(messages[0].body["actor"]["name"], "[redacted]");
    let payload = messages[3].body["raw"]["run"]["event_payload"].as_str().unwrap();
    let payload: Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["pusher"]["email"], "[redacted]");
    // The digest is still that of the signed bytes.
    let digest = format!("blake3={}", blake3::hash(&planted(0)).to_hex());
    assert_eq!(messages[0].headers["Forgewire-Digest"], digest);
    assert_eq!(messages[0].body["delivery"]["digest"], *digest);
}

/// What every kind's push says of people, wherever it says it.
const OF_PEOPLE: &str = r#"
accept_get = GET
redact = [
    "/pusher/email", "/pusher/full_name", "/sender/email", "/sender/full_name",
    "/commits/*/author", "/commits/*/committer", "/head_commit/author", "/head_commit/committer",
    "/actor/display_name", "/push/changes/*/*/target/author/raw", "/push/changes/*/*/target/author/user/display_name",
    "/push/changes/*/commits/*/author/raw", "/push/changes/*/commits/*/author/user/display_name",
    "/actor/displayName", "/actor/emailAddress", "/toCommit/author", "/toCommit/committer",
    "/run/trigger_user/email", "/run/trigger_user/full_name", "/last_run", "/run/event_payload/pusher/*",
]
redact_data = [
    "/actor/name", "/data/commits/*/author/name", "/data/commits/*/author/email",
    "/data/commits/*/committer/name", "/data/commits/*/committer/email",
    "/data/head_commit/author/name", "/data/head_commit/author/email", "/data/run/actor/name",
]
"#;

/// A sample of a kind, with what is not to leave in the place of a name and an address.
fn of_people(
    sender: &Sender,
    name: &str,
    padding: usize,
) -> (Option<&'static str>, &'static str, Vec<u8>) {
    let sample = sender.sample(name).unwrap();
    let text = sender.payload(sample).unwrap();
    let text = text.replace("Maria Okafor", PLANTED[2]).replace("maria@example.com", PLANTED[0]);
    assert!(text.contains(PLANTED[2]), "{} {name}", sender.kind);
    let mut body: Value = serde_json::from_str(&text).unwrap();
    body["padding"] = "x".repeat(padding).into();
    if let Some(run) = body.get_mut("run") {
        let inner =
            json!({ "pusher": { "email": PLANTED[0], "name": PLANTED[2] }, "kept": "kept name" });
        run["event_payload"] = inner.to_string().into();
    }
    (sample.event_type, sample.event, serde_json::to_vec(&body).unwrap())
}

#[tokio::test]
async fn what_is_redacted_leaves_nowhere_by_any_kind_and_carrier() {
    let nats = NatsServer::start();
    let kinds: Vec<&Sender> = Sender::ALL.to_vec();
    let is_family = |kind: &str| !kind.starts_with("bitbucket-");
    let sources: String = kinds
        .iter()
        .map(|sender| {
            let get = if is_family(sender.kind) { "true" } else { "false" };
            source(sender.kind, sender.kind, &OF_PEOPLE.replace("GET", get))
        })
        .collect();
    let daemon = Daemon::unready(&nats.url, &sources, &["--log-filter", "trace"]).await;
    daemon.ready().await;
    let (mut receipts, mut sent) = (String::new(), 0);
    for sender in &kinds {
        let runs = (sender.kind == "forgejo").then_some("action-run-success");
        for name in ["push"].into_iter().chain(runs) {
            for padding in [0, 1 << 20] {
                let (exact, event, body) = of_people(sender, name, padding);
                let carriers: &[&str] = match (is_family(sender.kind), padding) {
                    (true, 0) => &["json", "form", "get"],
                    (true, _) => &["json", "form"],
                    _ => &["json"],
                };
                for carrier in carriers {
                    let id = format!("{name}-{carrier}-{padding}");
                    let hook = Hook::new(sender.kind, event, exact, &id, SECRET, &body);
                    let answer = carried(&daemon, sender.kind, carrier, hook).await;
                    assert_eq!(answer.status, 202, "{} {id}: {answer:?}", sender.kind);
                    receipts.push_str(&String::from_utf8_lossy(&answer.body));
                    sent += 1;
                }
            }
        }
    }
    let messages = stored(&nats).await;
    assert_eq!(messages.len(), sent);
    let published: String = messages.iter().map(whole).collect();
    let (objects, log) = (objects(&nats).await, daemon.log().join("\n"));
    for mark in [PLANTED[0], PLANTED[2]] {
        for (place, text) in [
            ("messages", &published),
            ("objects", &objects),
            ("log", &log),
            ("receipts", &receipts),
        ] {
            let found = text.find(mark).map(|at| text.get(at.saturating_sub(300)..at));
            assert_eq!(found, None, "{place}: {mark}");
        }
    }
    assert!(objects.contains("[redacted]") && objects.contains("kept name"));
    for message in &messages {
        let (id, body) = (&message.body["id"], &message.body);
        assert_eq!(body["raw_altered"], true, "{id}");
        assert_eq!(body["actor"]["name"], "[redacted]", "{id}");
        assert!(body["raw"].is_object() || body["raw_ref"].is_object(), "{id}");
    }
}

/// A delivery as it comes in a body, in a form, or in a URL.
pub(crate) async fn carried(daemon: &Daemon, kind: &str, carrier: &str, hook: Hook) -> Answer {
    let path = format!("/hooks/{kind}");
    if carrier == "json" {
        return deliver(daemon.hooks, &path, &hook).await;
    }
    let form = format!("payload={}", percent_encode(&hook.body));
    if carrier == "get" {
        return request(daemon.hooks, "GET", &format!("{path}?{form}"), &hook.headers, &[]).await;
    }
    let mut hook =
        hook.without("content-type").with("content-type", "application/x-www-form-urlencoded");
    hook.body = form.into_bytes();
    deliver(daemon.hooks, &path, &hook).await
}

#[tokio::test]
async fn what_cannot_be_looked_through_is_withheld_where_redaction_is_set() {
    let nats = NatsServer::start();
    let sources = source("gitea", "gitea", "redact = [\"/a\"]") + &source("open", "gitea", "");
    let daemon = Daemon::with(&nats, &sources).await;
    let deep = format!("{}\"planted note\"{}", "[".repeat(101), "]".repeat(101));
    for (n, body) in [&b"planted note"[..], deep.as_bytes()].into_iter().enumerate() {
        for source in ["gitea", "open"] {
            let hook = hook("gitea", "push", &format!("{source}-{n}"), body);
            let answer = deliver(daemon.hooks, &format!("/hooks/{source}"), &hook).await;
            assert_eq!(answer.status, 202);
        }
    }
    for message in stored(&nats).await {
        let event = Event::from_json(&message.bytes).unwrap();
        if event.source == "gitea" {
            assert_eq!((event.raw, event.raw_altered), (Raw::Omitted, true));
        } else {
            assert!(matches!(event.raw, Raw::Binary(_)) && !event.raw_altered);
        }
    }
}

#[tokio::test]
async fn a_payload_is_left_out_where_that_is_wanted_and_untouched_where_nothing_is_found() {
    let nats = NatsServer::start();
    let sources = source("gitea", "gitea", "raw = \"omit\"\nredact_data = [\"/actor/name\"]")
        + &source("other", "gitea", "redact = [\"/nothing/of/that/name\"]");
    let daemon = Daemon::with(&nats, &sources).await;
    let body = planted(1 << 20);
    for source in ["gitea", "other"] {
        let hook = hook("gitea", "push", source, &body);
        let answer = deliver(daemon.hooks, &format!("/hooks/{source}"), &hook).await;
        assert_eq!(answer.status, 202);
    }
    let messages = stored(&nats).await;
    let members = |message: &Stored| -> Vec<String> {
        let names = message.body.as_object().unwrap().keys();
        names.filter(|name| name.starts_with("raw")).cloned().collect()
    };
    assert_eq!(members(&messages[0]), [""; 0]);
    assert_eq!(messages[0].body["actor"]["name"], "[redacted]");
    assert_eq!(members(&messages[1]), ["raw_ref"]);
    assert_eq!(messages[1].body["raw_ref"]["bytes"], body.len());
}

fn load(key: &str, pointer: &str) -> Result<(), String> {
    let inputs = Inputs::new()
        .with_set("sources.x.kind=gitea")
        .with_set("sources.x.danger_accept_unsigned=true")
        .with_set(&format!("sources.x.{key}={pointer}"));
    Config::load(&inputs).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_pointer_that_cannot_be_used_is_refused_with_its_key_and_place() {
    for (key, pointer, why) in [
        ("redact", "/a,pusher/email", "item 2"),
        ("redact", "/a~", "JSON pointer"),
        ("redact_data", "/actor/name,/repository/owner", "item 2"),
        ("redact_data", "/repository/owner", "subject"),
        ("redact_data", "/data/commits", "texts only"),
        ("redact_data", "/pusher/email", "member that an event can have"),
        ("redact_data", "/raw/pusher/email", "`redact`"),
    ] {
        let error = load(key, pointer).unwrap_err();
        let place = format!("sources.x.{key}");
        assert!(error.contains(&place) && error.contains(why), "{key} {pointer}: {error}");
    }
    let many = vec!["/a"; 65].join(",");
    assert!(load("redact", &many).unwrap_err().contains("at most 64"));
    assert_eq!(load("redact", "/a/*/b~1c,/d"), Ok(()));
}

/// Paths to the texts of a body, with a star for each item.
fn texts(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                texts(member, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|it| texts(it, &format!("{path}/*"), found)),
        Value::String(_) => found.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn whatever_a_configuration_may_redact_leaves_an_event_that_can_be_read() {
    let mut redacted = 0;
    for sample in crate::samples::bodies() {
        let mut body: Value = serde_json::from_slice(&sample).unwrap();
        body.as_object_mut().unwrap().shift_remove("raw");
        let mut paths = Vec::new();
        texts(&body, "", &mut paths);
        paths.sort_unstable();
        paths.dedup();
        paths.retain(|path| load("redact_data", path).is_ok());
        redacted += paths.len();
        // Each alone would be as good, and take long.
        let out = Redaction::parse(paths.get(..paths.len().min(64)).unwrap()).unwrap();
        let Some(out) = out.apply(&body.to_string()).unwrap() else {
            assert!(paths.is_empty(), "nothing was replaced at {paths:?}");
            continue;
        };
        assert_valid(&out);
        let event = Event::from_json(&out).unwrap();
        assert_eq!(event.id, body["id"].as_str().unwrap());
    }
    assert!(redacted > 1_000, "{redacted}");
}

const MARK: &str = "zq7tainted";
const MARKED_ID: u64 = 98_765_432;

/// Pointers to the texts and numbers of a payload.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{path}/{index}"), found);
            }
        }
        Value::String(_) | Value::Number(_) => found.push(path.to_owned()),
        _ => {}
    }
}

/// The leaf with a mark in the place of the first of `names` that it has; none if it has none of them.
fn marked(leaf: &Value, names: &[String]) -> Option<Value> {
    if let Some(number) = leaf.as_u64() {
        return names.contains(&number.to_string()).then(|| MARKED_ID.into());
    }
    let text = leaf.as_str()?;
    let lower = text.to_ascii_lowercase();
    let (start, length) = names.iter().find_map(|name| Some((lower.find(&**name)?, name.len())))?;
    Some([text.get(..start)?, MARK, text.get(start + length..)?].concat().into())
}

/// Where in the payload of a sample its subject and headers come from, and where in the body of its event
/// the same values stand: nothing of that may be redacted, since it would leave all the same.
#[test]
fn what_also_stands_in_subject_or_headers_cannot_be_redacted() {
    let mut asked = BTreeMap::new();
    let (mut refused, mut leaking) = (BTreeSet::new(), BTreeMap::new());
    for sender in Sender::ALL {
        let source = sources().into_iter().find(|it| it.kind.name() == sender.kind).unwrap();
        for sample in sender.samples {
            let payload: Value = serde_json::from_str(&sender.payload(sample).unwrap()).unwrap();
            let made = |body: &Value| {
                let body = body.to_string();
                let (event, exact) = (sample.event, sample.event_type);
                let id = "5b2f1c0e-8d34-4a6b-9e57-0c1d2e3f4a5b";
                messages(
                    &source,
                    &Hook::new(sender.kind, event, exact, id, SECRET, body.as_bytes()),
                )
            };
            let names = names(&made(&payload));
            let mut places = Vec::new();
            leaves(&payload, "", &mut places);
            for place in places {
                let Some(mark) = marked(payload.pointer(&place).unwrap(), &names) else { continue };
                let mut changed = payload.clone();
                *changed.pointer_mut(&place).unwrap() = mark;
                for (_, message) in made(&changed) {
                    if !outside(&message).contains(MARK) && !outside(&message).contains("98765432")
                    {
                        continue;
                    }
                    for path in paths_of_marks(&message.body) {
                        let open = asked
                            .entry(path.clone())
                            .or_insert_with_key(|path| load("redact_data", path).is_ok());
                        if *open {
                            let from = format!("{} {} {place}", sender.kind, sample.name);
                            leaking.entry(path).or_insert(from);
                        } else {
                            refused.insert(path);
                        }
                    }
                }
            }
        }
    }
    assert!(leaking.is_empty(), "to be refused by src/config/redaction.rs: {leaking:#?}");
    assert!(refused.len() > 8, "{refused:?}");
}

/// Owner, repository, ref, number and ids as they stand in subject and headers, in small letters.
fn names(made: &[(Event<'static>, Message)]) -> Vec<String> {
    let mut names = Vec::new();
    for (event, message) in made {
        let tokens = message.subject.as_str().split('.').collect::<Vec<_>>();
        for token in [tokens[2], tokens[3], tokens[6]] {
            if let Ok(Decoded::Value(name)) = Token::decode(token) {
                names.push(name.to_ascii_lowercase());
            }
        }
        let id = event.repository.as_ref().and_then(|repository| repository.id.as_ref());
        names.extend(id.map(ToString::to_string));
        names.extend(event.number().map(|number| number.to_string()));
    }
    names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
    names.dedup();
    names
}

/// Subject and headers.
fn outside(message: &Message) -> String {
    let values = message.headers.iter().map(|(_, value)| value);
    [message.subject.as_str()].into_iter().chain(values).collect::<Vec<_>>().join(" ")
}

/// Where the mark stands in a body, but for the payload.
fn paths_of_marks(body: &[u8]) -> Vec<String> {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    for name in ["raw", "raw_in"] {
        body.as_object_mut().unwrap().shift_remove(name);
    }
    let mut places = Vec::new();
    leaves(&body, "", &mut places);
    places.retain(|place| {
        // Pages and URLs to clone from are made of the names; who redacts one means more than those.
        let text = body.pointer(place).unwrap().to_string().to_ascii_lowercase();
        !text.contains(":/") && (text.contains(MARK) || text.contains("98765432"))
    });
    // The forge's own list of everything about a span says the repository, too, beside what people wrote.
    places.retain(|place| !(place.starts_with("/data/spans/") && place.ends_with("/value")));
    let starred = |place: String| {
        let star =
            |step: &str| if step.parse::<u32>().is_ok() { "*".to_owned() } else { step.to_owned() };
        place.split('/').map(star).collect::<Vec<_>>().join("/")
    };
    places.into_iter().map(starred).collect()
}
