//! What an operator does not want to leave does not: planted values are looked for everywhere.

use async_nats::jetstream;
use forgewire::config::{Config, Inputs};
use forgewire::event::{Event, Raw};
use forgewire::json::Redaction;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Stored, stored};
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::deliver;
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
