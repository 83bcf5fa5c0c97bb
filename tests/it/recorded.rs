//! Every delivery that others recorded, over HTTP to a daemon with a real nats-server.
//!
//! The recordings are not part of the project: `FORGEWIRE_PAYLOADS` names their folder, by default
//! `../shared/payloads`. Where there is none the tests say so and pass.

use std::path::PathBuf;

use forgewire::source::Kind;
use serde::Deserialize;
use serde_json::Value;

use crate::support::daemon::{Daemon, Stored, stored};
use crate::support::hook::{Hook, SECRET};
use crate::support::http::{self, Connection};
use crate::support::nats::NatsServer;

#[derive(Deserialize)]
pub(crate) struct Recorded {
    pub(crate) file: String,
    pub(crate) forge: String,
    pub(crate) event: String,
    pub(crate) event_type: Option<String>,
    #[serde(default)]
    pub(crate) signature: Vec<Signature>,
}

#[derive(Deserialize)]
pub(crate) struct Signature {
    pub(crate) header: String,
    pub(crate) value: String,
    pub(crate) test_secret: String,
    pub(crate) verifies_over: String,
}

/// The recordings of these forges with their bodies, if the folder is there.
pub(crate) fn recordings(forges: &[&str]) -> Option<Vec<(Recorded, Vec<u8>)>> {
    let ours = index()?.into_iter().filter(|recorded| forges.contains(&&*recorded.forge));
    let read = |recorded: Recorded| {
        let body = std::fs::read(folder().join(&recorded.file)).expect("the body");
        (recorded, body)
    };
    Some(ours.map(read).collect())
}

fn folder() -> PathBuf {
    std::env::var_os("FORGEWIRE_PAYLOADS")
        .map_or_else(|| "../shared/payloads".into(), PathBuf::from)
}

/// All recordings without their bodies.
fn index() -> Option<Vec<Recorded>> {
    let folder = folder();
    let Ok(index) = std::fs::read(folder.join("index.json")) else {
        #[expect(clippy::print_stdout, reason = "what is not run must be said")]
        {
            println!(
                "NOT RUN: no recorded deliveries at {} (FORGEWIRE_PAYLOADS)",
                folder.display()
            );
        }
        return None;
    };
    Some(serde_json::from_slice(&index).expect("an index"))
}

/// What a recording must become.
fn promised(recorded: &Recorded, body: &Value) -> String {
    let gogs = recorded.forge == "gogs";
    let zero = |key: &str| body[key].as_str().unwrap().bytes().all(|b| b == b'0');
    let tag = body["ref_type"] == "tag";
    let action = match body["action"].as_str().unwrap_or_default() {
        "label_updated" => "labels_updated",
        "label_cleared" => "labels_cleared",
        other => other,
    };
    match recorded.event.as_str() {
        "push" if body["before"] == body["after"] => "ping.sent".into(),
        "push" if zero("after") => "ref.deleted".into(),
        "push" if zero("before") => "push.created".into(),
        "push" => "push.updated".into(),
        "create" if gogs && tag => "tag.created".into(),
        "create" => "ref.created".into(),
        "delete" if gogs && tag => "tag.deleted".into(),
        "delete" if tag => "ref.deleted".into(),
        "delete" => "push.deleted".into(),
        "fork" => "repository.forked".into(),
        "pull_request" if body["pull_request"]["merged"] == true => "pull_request.merged".into(),
        "issues" => format!("issue.{action}"),
        "issue_comment" if body["issue"]["pull_request"].is_object() => {
            format!("pull_request_comment.{action}")
        }
        "pull_request_comment" => "review.commented".into(),
        event => format!("{event}.{action}"),
    }
}

#[tokio::test]
async fn every_recorded_delivery_becomes_what_its_kind_and_action_promise() {
    let Some(recordings) = recordings(&["gitea", "gogs"]) else { return };
    assert!(recordings.len() > 60, "only {} recordings", recordings.len());
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut connection = Connection::open(daemon.hooks).await.unwrap();
    for (number, (recorded, body)) in recordings.iter().enumerate() {
        let Recorded { forge, event, event_type, .. } = recorded;
        let hook =
            Hook::new(forge, event, event_type.as_deref(), &format!("r-{number}"), SECRET, body);
        let answer = connection.deliver(&format!("/hooks/{forge}"), &hook).await.unwrap();
        assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
    }
    let stored = stored(&nats).await;
    assert_eq!(stored.len(), recordings.len(), "one event each");
    for ((recorded, body), message) in recordings.iter().zip(&stored) {
        check(recorded, body, message);
    }
}

fn check(recorded: &Recorded, body: &[u8], message: &Stored) {
    let file = &recorded.file;
    let parsed: Value = serde_json::from_slice(body).unwrap();
    let event = format!(
        "{}.{}",
        message.body["event"].as_str().unwrap(),
        message.body["action"].as_str().unwrap()
    );
    assert_eq!(event, promised(recorded, &parsed), "{file}: {}", message.body["data"]);
    // In a subject the repository has no case, and a dot of its name is no dot. A fork of Gitea has the
    // original where Gogs has the new one.
    let original =
        if recorded.event == "fork" && recorded.forge == "gitea" { "forkee" } else { "repository" };
    let repository = &parsed[original];
    let token = |text: &str| forgewire::subject::Token::escape_caseless(text).to_string();
    if let Some(name) = repository["name"].as_str() {
        assert_eq!(message.subject.split('.').nth(3), Some(token(name).as_str()), "{file}");
    }
    if let Some(login) = repository["owner"]["login"].as_str() {
        assert_eq!(message.subject.split('.').nth(2), Some(token(login).as_str()), "{file}");
    }
    let text = std::str::from_utf8(&message.bytes).unwrap();
    if parsed.get("secret").is_some() {
        assert_eq!(message.body["raw_altered"], true, "{file}");
        assert_eq!(message.body["raw"].get("secret"), None, "{file}");
    } else {
        assert!(
            text.ends_with(&format!(",\"raw\":{}}}", std::str::from_utf8(body).unwrap())),
            "{file}: raw bytes"
        );
    }
    let read = forgewire::event::Event::from_json(&message.bytes).expect("reads back");
    assert_eq!(read.to_json().unwrap(), message.bytes, "{file}: written again the same");
}

/// Recordings of Data Center that are not what the forge sends for their event: what comes of them, and why.
const NOT_AS_SENT: [(&str, &str, &str); 4] = [
    ("/mirrors_synchronized_body", "event_mismatch", "its author gave it the key of a push"),
    ("/bitbucket-server-fail.json", "unreadable", "its author gave a push another key"),
    ("/bitbucketserver.json", "event_mismatch", "its author took the key out"),
    ("/parser_test.L804.", "unreadable", "its author took two members out of each change"),
];

/// The plugin Post Webhooks has names of Cloud.
fn is_of_plugin(recorded: &Recorded) -> bool {
    recorded.event.starts_with("pullrequest:") || recorded.event == "repo:push"
}

/// What a recording of Data Center must become: the events, in order, or why there is none.
fn promised_of_data_center(recorded: &Recorded, body: &Value) -> Vec<String> {
    let odd = NOT_AS_SENT.iter().find(|(part, ..)| recorded.file.contains(part));
    let plugin = is_of_plugin(recorded).then_some("unknown_event");
    if let Some(reason) = odd.map(|(_, reason, _)| *reason).or(plugin) {
        return vec![format!("unrecognized.{} {reason}", recorded.event)];
    }
    let one = |name: &str| vec![name.to_owned()];
    let filled = |list: &str| body[list].as_array().is_some_and(|list| !list.is_empty());
    match recorded.event.as_str() {
        "repo:refs_changed" if !filled("changes") => {
            one("unrecognized.repo:refs_changed no_changes")
        }
        "repo:refs_changed" => body["changes"].as_array().unwrap().iter().map(of_change).collect(),
        "repo:forked" => one("repository.forked"),
        "repo:modified" => one("repository.renamed"),
        "mirror:repo_synchronized" => one("mirror.synchronized"),
        "pr:opened" => one("pull_request.opened"),
        "pr:from_ref_updated" => one("pull_request.synchronized"),
        "pr:modified" => one("pull_request.edited"),
        "pr:merged" => one("pull_request.merged"),
        "pr:declined" => one("pull_request.closed"),
        "pr:deleted" => one("pull_request.deleted"),
        "pr:reviewer:approved" => one("review.approved"),
        "pr:reviewer:needs_work" => one("review.changes_requested"),
        "pr:reviewer:unapproved" => one("review.dismissed"),
        "pr:reviewer:updated" => {
            let lists = [
                ("addedReviewers", "pull_request.review_requested"),
                ("removedReviewers", "pull_request.review_request_removed"),
            ];
            lists.into_iter().filter(|(list, _)| filled(list)).flat_map(|(_, it)| one(it)).collect()
        }
        other => {
            let (what, action) = other.rsplit_once(':').unwrap();
            let event = match what {
                "pr:comment" => "pull_request_comment",
                "repo:comment" => "commit_comment",
                _ => panic!("{other}: what does it promise?"),
            };
            vec![format!("{event}.{}", if action == "added" { "created" } else { action })]
        }
    }
}

fn of_change(change: &Value) -> String {
    let event = if change["ref"]["type"] == "TAG" { "tag" } else { "push" };
    let action = match change["type"].as_str().unwrap() {
        "ADD" => "created",
        "DELETE" => "deleted",
        "UPDATE" => "updated",
        other => panic!("{other}"),
    };
    format!("{event}.{action}")
}

/// Nobody recorded a Forgejo; what it sends is what Gitea sends, under its own headers.
#[tokio::test]
async fn every_recorded_delivery_of_gitea_is_the_same_event_from_a_forgejo() {
    let Some(recordings) = recordings(&["gitea"]) else { return };
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut connection = Connection::open(daemon.hooks).await.unwrap();
    for (number, (recorded, body)) in recordings.iter().enumerate() {
        for kind in ["gitea", "forgejo"] {
            let (exact, id) = (recorded.event_type.as_deref(), format!("r-{number}"));
            let hook = Hook::new(kind, &recorded.event, exact, &id, SECRET, body);
            let answer = connection.deliver(&format!("/hooks/{kind}"), &hook).await.unwrap();
            assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
        }
    }
    let stored = stored(&nats).await;
    assert_eq!(stored.len(), 2 * recordings.len(), "one event each");
    for ((recorded, _), both) in recordings.iter().zip(stored.chunks(2)) {
        assert_eq!(both[0].subject.replacen(".gitea.", ".forgejo.", 1), both[1].subject);
        for member in ["event", "action", "actor", "repository", "ref", "data", "raw"] {
            assert_eq!(both[0].body[member], both[1].body[member], "{}: {member}", recorded.file);
        }
    }
}

#[test]
fn no_recording_is_of_a_kind_that_no_test_takes() {
    let taken = ["bitbucket-cloud", "bitbucket-dc", "gitea", "gogs"];
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert!(taken.iter().all(|kind| kinds.contains(kind)));
    let Some(all) = index() else { return };
    let of = |kind: &str| all.iter().filter(|recorded| recorded.forge == kind).count();
    for kind in taken {
        assert!(of(kind) >= 30, "{kind}: {}", of(kind));
    }
    let counted: usize = taken.into_iter().map(of).sum();
    assert_eq!(counted, all.len(), "a kind of recording is left out");
}

#[tokio::test]
async fn every_recorded_delivery_of_data_center_is_typed_or_is_none_for_a_reason() {
    let Some(recordings) = recordings(&["bitbucket-dc"]) else { return };
    assert!(recordings.len() > 80, "only {} recordings", recordings.len());
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut connection = Connection::open(daemon.hooks).await.unwrap();
    let mut promised = Vec::new();
    for (number, (recorded, body)) in recordings.iter().enumerate() {
        let id = format!("r-{number}");
        let hook = Hook::new("bitbucket-dc", &recorded.event, None, &id, SECRET, body);
        if recorded.event == "diagnostics:ping" {
            // The forge does not sign it.
            let answer = connection.deliver("/hooks/bitbucket-dc", &hook.unsigned()).await.unwrap();
            assert_eq!(answer.status, 200, "{}", recorded.file);
            continue;
        }
        let answer = connection.deliver("/hooks/bitbucket-dc", &hook).await.unwrap();
        assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
        let parsed: Value = serde_json::from_slice(body).unwrap();
        let events = promised_of_data_center(recorded, &parsed);
        promised.extend(events.into_iter().map(|event| (recorded, body, event)));
    }
    let stored = stored(&nats).await;
    assert_eq!(stored.len(), promised.len());
    for ((recorded, body, promised), message) in promised.iter().zip(&stored) {
        check_data_center(recorded, body, promised, message);
    }
    for (part, _, why) in NOT_AS_SENT {
        let is_used = |(recorded, _): &(Recorded, Vec<u8>)| recorded.file.contains(part);
        assert!(recordings.iter().any(is_used), "nothing is {part}, of which is said that {why}");
    }
    assert!(recordings.iter().any(|(recorded, _)| is_of_plugin(recorded)));
}

fn check_data_center(recorded: &Recorded, body: &[u8], promised: &str, message: &Stored) {
    let (file, event) = (&recorded.file, &message.body);
    let reason = event["data"]["reason"].as_str().map(|reason| format!(" {reason}"));
    let text = |key: &str| event[key].as_str().unwrap();
    let became = format!("{}.{}{}", text("event"), text("action"), reason.unwrap_or_default());
    assert_eq!(&became, promised, "{file}: {}", event["data"]);
    let read = forgewire::event::Event::from_json(&message.bytes).expect("reads back");
    assert_eq!(read.to_json().unwrap(), message.bytes, "{file}: written again the same");
    if let Some(raw) = event.get("raw") {
        assert_eq!(*raw, serde_json::from_slice::<Value>(body).unwrap(), "{file}");
    }
    if event["event"] == "unrecognized" {
        return;
    }
    let repository = &event["repository"];
    for member in ["id", "owner", "name", "full_name"] {
        assert!(repository[member].is_string(), "{file}: {member} of {repository}");
    }
    assert!(event["occurred_at"].is_string() && event["actor"]["id"].is_string(), "{file}");
    if let Some(pull) = event["data"].get("pull_request") {
        for member in ["created_at", "updated_at", "title", "state"] {
            assert!(pull[member].is_string(), "{file}: {member}");
        }
        for side in ["head", "base"] {
            assert!(pull[side]["sha"].is_string(), "{file}: {side}");
        }
        assert_eq!(event["ref"]["name"], pull["base"]["ref"], "{file}");
    }
}

#[tokio::test]
async fn the_signatures_that_forges_made_verify() {
    let Some(recordings) = recordings(&["gitea", "gogs", "bitbucket-dc"]) else { return };
    let nats = NatsServer::start();
    let signed: Vec<_> =
        recordings.iter().filter(|(recorded, _)| !recorded.signature.is_empty()).collect();
    assert!(signed.len() > 10, "only {} signed recordings", signed.len());
    let mut secrets: Vec<_> =
        signed.iter().flat_map(|(r, _)| &r.signature).map(|s| &s.test_secret).collect();
    secrets.sort_unstable();
    secrets.dedup();
    let list: Vec<_> = secrets
        .iter()
        .enumerate()
        .map(|(n, text)| format!("{{ id = \"s{n}\", text = {text:?} }}"))
        .collect();
    let source = |kind| {
        format!(
            "[sources.{kind}]\nkind = \"{kind}\"\ndanger_short_secret = true\nsecrets = [{}]\n",
            list.join(", ")
        )
    };
    let daemon = Daemon::with(&nats, &["gitea", "gogs", "bitbucket-dc"].map(source).concat()).await;
    for (recorded, body) in signed {
        for signature in &recorded.signature {
            assert_eq!(signature.verifies_over, "exact bytes", "{}", recorded.file);
            let event_header = match recorded.forge.as_str() {
                "bitbucket-dc" => "X-Event-Key".to_owned(),
                forge => format!("X-{forge}-Event"),
            };
            let headers = [
                ("content-type".to_owned(), "application/json".to_owned()),
                (signature.header.clone(), signature.value.clone()),
                (event_header, recorded.event.clone()),
            ];
            let path = format!("/hooks/{}", recorded.forge);
            let answer = http::request(daemon.hooks, "POST", &path, &headers, body).await;
            assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
        }
    }
}
