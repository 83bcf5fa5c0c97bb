//! Every delivery that others recorded, over HTTP to a daemon with a real nats-server.
//!
//! The recordings are not part of the project: `FORGEWIRE_PAYLOADS` names their folder, by default
//! `../shared/payloads`. Where there is none the tests say so and pass.

use std::path::PathBuf;

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
    let folder = std::env::var_os("FORGEWIRE_PAYLOADS")
        .map_or_else(|| "../shared/payloads".into(), PathBuf::from);
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
    let all: Vec<Recorded> = serde_json::from_slice(&index).expect("an index");
    let ours = all.into_iter().filter(|recorded| forges.contains(&&*recorded.forge));
    let read = |recorded: Recorded| {
        let body = std::fs::read(folder.join(&recorded.file)).expect("the body");
        (recorded, body)
    };
    Some(ours.map(read).collect())
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

#[tokio::test]
async fn the_signatures_that_forges_made_verify() {
    let Some(recordings) = recordings(&["gitea", "gogs"]) else { return };
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
    let daemon = Daemon::with(&nats, &[source("gitea"), source("gogs")].concat()).await;
    for (recorded, body) in signed {
        for signature in &recorded.signature {
            assert_eq!(signature.verifies_over, "exact bytes", "{}", recorded.file);
            let headers = [
                ("content-type".to_owned(), "application/json".to_owned()),
                (signature.header.clone(), signature.value.clone()),
                (format!("X-{}-Event", recorded.forge), recorded.event.clone()),
            ];
            let path = format!("/hooks/{}", recorded.forge);
            let answer = http::request(daemon.hooks, "POST", &path, &headers, body).await;
            assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
        }
    }
}
