//! What Bitbucket Data Center sends, beyond its samples: odd payloads, and its unsigned connection test.

use forgewire::config::{Config, Inputs, Source};
use forgewire::samples::Sender;
use serde_json::{Value, json};

use crate::properties::messages;
use crate::support::daemon::{Daemon, stored};
use crate::support::hook::{Hook, SECRET, push_of, sha};
use crate::support::http::{deliver, request};
use crate::support::nats::NatsServer;

const KIND: &str = "bitbucket-dc";

fn source(base_url: Option<&str>) -> Source {
    let set = |key: &str, value: &str| format!("sources.{KIND}.{key}={value}");
    let mut inputs = Inputs::new().with_set(&set("kind", KIND)).with_set(&set("secret", SECRET));
    if let Some(url) = base_url {
        inputs = inputs.with_set(&set("base_url", url));
    }
    Config::load(&inputs).unwrap().config.sources.into_values().next().unwrap()
}

/// A sample as a document to change.
fn sample(name: &str) -> Value {
    let sender = Sender::ALL.iter().find(|sender| sender.kind == KIND).unwrap();
    serde_json::from_str(&sender.payload(sender.sample(name).unwrap()).unwrap()).unwrap()
}

/// Subjects and bodies of what a delivery becomes.
fn made_by(source: &Source, event: &str, body: &Value) -> Vec<(String, Value)> {
    let hook = Hook::new(KIND, event, None, "id", SECRET, body.to_string().as_bytes());
    messages(source, &hook)
        .into_iter()
        .map(|(_, message)| {
            (message.subject.to_string(), serde_json::from_slice(&message.body).unwrap())
        })
        .collect()
}

fn made(event: &str, body: &Value) -> Vec<(String, Value)> {
    made_by(&source(None), event, body)
}

fn reason(event: &str, body: &Value) -> Value {
    let mut made = made(event, body);
    assert_eq!(made.len(), 1, "{made:?}");
    made.remove(0).1["data"]["reason"].take()
}

fn change(id: &str, kind: &str) -> Value {
    json!({ "ref": { "id": id }, "fromHash": sha('1'), "toHash": sha('2'), "type": kind })
}

#[test]
fn a_change_that_is_not_known_keeps_the_others_of_its_push_from_nothing() {
    let mut body = sample("push-several");
    body["changes"] = json!([
        change("refs/heads/main", "UPDATE"),
        change("refs/notes/commits", "UPDATE"),
        change("refs/tags/v1", "REWRITE"),
        { "ref": { "id": "refs/heads/x", "type": "TAG" }, "toHash": sha('2'), "type": "ADD" },
        change("refs/tags/v2", "DELETE"),
    ]);
    let made = made("repo:refs_changed", &body);
    let said: Vec<_> = made
        .iter()
        .map(|(subject, body)| {
            let name = subject.strip_prefix("forge.bitbucket-dc.acme.widgets.").unwrap();
            format!("{name} {}", body["data"]["reason"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        said,
        [
            "push.updated.main ",
            "unrecognized.repo%3Arefs_changed.- unknown_ref",
            "unrecognized.repo%3Arefs_changed.- unknown_action",
            "unrecognized.repo%3Arefs_changed.- unknown_ref",
            "tag.deleted.v2 ",
        ]
    );
    let ids: Vec<_> = made.iter().map(|(_, body)| body["id"].as_str().unwrap()).collect();
    assert_eq!(ids[..2], ["bitbucket-dc:id", "bitbucket-dc:id:2"]);
    assert_eq!(made[4].1["raw_in"], "bitbucket-dc:id");
}

#[test]
fn ten_thousand_changes_are_ten_thousand_small_events_in_order() {
    let mut body = sample("push-several");
    let name = |number: usize| format!("refs/heads/b{number}");
    body["changes"] = (0..10_000).map(|number| change(&name(number), "UPDATE")).collect();
    let made = made("repo:refs_changed", &body);
    assert_eq!(made.len(), 10_000);
    for (number, (subject, body)) in made.iter().enumerate() {
        assert!(subject.ends_with(&format!(".push.updated.b{number}")), "{subject}");
        assert_eq!(body.get("raw").is_some(), number == 0);
    }
}

#[test]
fn commits_are_called_complete_only_where_their_parents_lead_to_the_old_end() {
    let push = sample("push");
    let complete = |body: &Value| {
        made("repo:refs_changed", body).remove(0).1["data"]["commits_complete"].take()
    };
    assert_eq!(complete(&push), true);
    let mut truncated = push.clone();
    truncated["changes"][0]["fromHash"] = sha('9').into();
    assert_eq!(
        complete(&truncated),
        false,
        "the old end is further back, or history was rewritten"
    );
    let mut merge = push.clone();
    let other = json!({ "id": sha('8') });
    merge["commits"][0]["parents"].as_array_mut().unwrap().push(other);
    assert_eq!(complete(&merge), false, "what was merged can have more commits");
    let mut from_the_root = push.clone();
    from_the_root["commits"][1]["parents"] = json!([]);
    from_the_root["changes"][0]["fromHash"] = sha('0').into();
    from_the_root["changes"][0]["type"] = "ADD".into();
    assert_eq!(complete(&from_the_root), true);
    let mut others = push;
    others["changes"][0]["toHash"] = sha('7').into();
    assert_eq!(complete(&others), false);
}

#[test]
fn clone_urls_that_a_payload_lacks_come_from_its_links_or_from_the_configuration() {
    let link = |href: &str| json!({ "self": [null, { "href": href }] });
    let bare = sample("push-of-5");
    let linked = |pointer: &str, href: &str| {
        let mut body = bare.clone();
        body.pointer_mut(pointer).unwrap()["links"] = link(href);
        body
    };
    let with_slug = |slug: &str| {
        let mut body = bare.clone();
        body["repository"]["slug"] = slug.into();
        body
    };
    let of_page = "http://git.example.com:7990/bitbucket/scm/acme/widgets.git";
    let configured = Some("https://git.example.com/dc/");
    let of_configured = "https://git.example.com/dc/scm/acme/widgets.git";
    for (body, base_url, url) in [
        (bare.clone(), None, None),
        (bare.clone(), configured, Some(of_configured)),
        (
            linked(
                "/repository",
                "http://git.example.com:7990/bitbucket/projects/ACME/repos/users/browse",
            ),
            configured,
            Some(of_page),
        ),
        (
            linked("/repository/project", "http://git.example.com:7990/bitbucket/projects/ACME"),
            None,
            Some(of_page),
        ),
        (
            linked("/actor", "http://git.example.com:7990/bitbucket/users/maria"),
            None,
            Some(of_page),
        ),
        (linked("/actor", "http://u@git.example.com/users/maria"), None, None),
        (linked("/actor", "javascript:/users/maria"), None, None),
        (linked("/actor", "https:///users/maria"), None, None),
        (with_slug("a/b"), configured, None),
        (with_slug(".."), configured, None),
        (with_slug("große"), configured, None),
    ] {
        let (_, event) = made_by(&source(base_url), "repo:refs_changed", &body).remove(0);
        let repository = &event["repository"];
        assert_eq!(repository["clone_url"].as_str(), url, "{body}");
        assert_eq!(repository.get("urls_derived").is_some(), url.is_some(), "{body}");
        assert_eq!(repository.get("ssh_url"), None, "nobody says its port");
    }
    let (_, event) = made_by(&source(configured), "repo:refs_changed", &sample("push")).remove(0);
    assert_eq!(
        event["repository"]["clone_url"], "https://bitbucket.example.com/scm/acme/widgets.git",
        "what is said stands"
    );
    assert_eq!(event["repository"].get("urls_derived"), None);
}

#[test]
fn both_sides_of_a_pull_request_have_derived_urls() {
    let mut body = sample("pull-request-from-fork");
    for side in ["fromRef", "toRef"] {
        body["pullRequest"][side]["repository"].as_object_mut().unwrap().remove("links");
    }
    let (_, event) = made("pr:opened", &body).remove(0);
    let url = |side: &str| event["data"]["pull_request"][side]["repository"]["clone_url"].clone();
    assert_eq!(url("head"), "https://bitbucket.example.com/scm/~jonas/widgets.git");
    assert_eq!(url("base"), "https://bitbucket.example.com/scm/acme/widgets.git");
}

#[test]
fn a_personal_project_is_escaped_in_the_subject_and_kept_in_the_body() {
    let body: Value = serde_json::from_slice(&push_of(KIND, "main", &sha('1'), &sha('2'))).unwrap();
    let mut body = body;
    body["repository"]["project"] = json!({ "key": "~JDoe", "id": 4, "type": "PERSONAL" });
    let (subject, event) = made("repo:refs_changed", &body).remove(0);
    assert_eq!(subject, "forge.bitbucket-dc.%7Ejdoe.widgets.push.updated.main");
    assert_eq!(event["repository"]["owner"], "~JDoe");
    assert_eq!(event["repository"]["full_name"], "~JDoe/widgets");
}

#[test]
fn a_head_that_may_be_of_another_repository_counts_as_a_fork() {
    let fork = |head: Value| {
        let mut body = sample("pull-request-opened");
        body["pullRequest"]["fromRef"]["repository"] = head;
        let (_, event) = made("pr:opened", &body).remove(0);
        event["data"]["pull_request"]["head"]["fork"].clone()
    };
    assert_eq!(fork(sample("push")["repository"].clone()), false);
    assert_eq!(fork(Value::Null), true);
    assert_eq!(fork(json!({ "slug": "widgets" })), true);
}

#[test]
fn an_event_name_that_contradicts_the_body_is_never_believed() {
    let push = sample("push");
    for name in ["repo:modified", "pr:opened", "mirror:repo_synchronized", "not_known"] {
        assert_eq!(reason(name, &push), "event_mismatch", "{name}");
    }
    let mut unnamed = push.clone();
    unnamed.as_object_mut().unwrap().remove("eventKey");
    assert_eq!(reason("repo:refs_changed", &unnamed), "event_mismatch");
    assert_eq!(reason("diagnostics:ping", &unnamed), "event_mismatch");
    assert_eq!(reason("repo:refs_changed", &json!({ "test": true })), "event_mismatch");
    assert_eq!(reason("diagnostics:ping", &json!({ "test": false })), "event_mismatch");
    // What cannot be read is told apart too.
    let mut odd = push;
    odd["changes"] = json!({});
    assert_eq!(reason("repo:refs_changed", &odd), "unreadable");
    assert_eq!(reason("repo:modified", &odd), "event_mismatch");
}

#[test]
fn a_body_of_the_plugin_post_webhooks_is_never_typed() {
    let mut body = sample("push");
    for event in ["repo:push", "pullrequest:created", "pullrequest:updated"] {
        body["eventKey"] = event.into();
        assert_eq!(reason(event, &body), "unknown_event");
        body.as_object_mut().unwrap().remove("eventKey");
        assert_eq!(reason(event, &body), "unknown_event");
    }
}

#[test]
fn what_every_delivery_of_an_event_has_is_asked_for() {
    for (event, name, member) in [
        ("repo:refs_changed", "push", "changes"),
        ("repo:modified", "repository-renamed", "old"),
        ("repo:modified", "repository-renamed", "new"),
        ("repo:created", "repository-created", "repository"),
        ("repo:forked", "fork", "repository"),
        ("repo:comment:added", "commit-comment-created", "comment"),
        ("repo:comment:added", "commit-comment-created", "commit"),
        ("repo:secret_detected", "secret-detected", "secretLocations"),
        ("mirror:repo_synchronized", "mirror-synchronized", "mirrorServer"),
        ("project:created", "project-created", "project"),
        ("project:modified", "project-updated", "new"),
        ("pr:opened", "pull-request-opened", "pullRequest"),
        ("pr:reviewer:approved", "review-approved", "pullRequest"),
        ("pr:comment:added", "pull-request-comment-created", "comment"),
    ] {
        let mut body = sample(name);
        body.as_object_mut().unwrap().remove(member).unwrap();
        assert_eq!(reason(event, &body), "unreadable", "{event} without {member}");
    }
    let mut none = sample("secret-detected");
    none["secretLocations"] = json!([]);
    assert_eq!(reason("repo:secret_detected", &none), "no_changes");
}

#[tokio::test]
async fn a_connection_test_is_answered_200_and_published_nowhere() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let path = "/hooks/bitbucket-dc";
    let unsigned = |event: &str, body: &str| {
        Hook::new(KIND, event, None, "test", SECRET, body.as_bytes()).unsigned()
    };
    for (event, body) in [
        ("diagnostics:ping", r#"{"test": true}"#),
        ("diagnostics:ping", "{\"test\":true}"),
        ("diagnostics:ping", " {\r\n\t\"test\" : true } \n"),
        ("repo:refs_changed", r#"{"test": true}"#),
    ] {
        let answer = deliver(daemon.hooks, path, &unsigned(event, body)).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "status": "ping" })));
    }
    let nameless = unsigned("diagnostics:ping", r#"{"test": true}"#).without("X-Event-Key");
    let nameless = nameless.without("content-type");
    assert_eq!(deliver(daemon.hooks, path, &nameless).await.status, 200);
    assert_eq!(daemon.logged("Connection tested.").await["source"], KIND);
    assert_eq!(daemon.logged("Connection tested.").await["level"], "DEBUG");
    assert_eq!(stored(&nats).await.len(), 0);
}

#[tokio::test]
async fn nothing_else_that_is_unsigned_is_taken_for_a_connection_test() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let test = r#"{"test": true}"#;
    let hook = |body: &str| {
        Hook::new(KIND, "diagnostics:ping", None, "test", SECRET, body.as_bytes()).unsigned()
    };
    let push = String::from_utf8(push_of(KIND, "main", &sha('1'), &sha('2'))).unwrap();
    for body in [
        "",
        "{}",
        "true",
        r#"{"test": false}"#,
        r#"{"test": "true"}"#,
        r#"{"test": 1}"#,
        r#"{"TEST": true}"#,
        r#"{"te\u0073t": true}"#,
        r#"{"test": true, "test": true}"#,
        r#"{"test": true, "eventKey": "repo:refs_changed"}"#,
        r#"{"test": true}{"test": true}"#,
        r#"[{"test": true}]"#,
        r#"{"test": true"#,
        "\u{feff}{\"test\": true}",
        "{\"test\":\u{a0}true}",
        "{\"test\": true}\0",
        "payload=%7B%22test%22%3A+true%7D",
        &push,
    ] {
        let answer = deliver(daemon.hooks, "/hooks/bitbucket-dc", &hook(body)).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (401, "not_authenticated"), "{body}");
    }
    for kind in forgewire::source::Kind::ALL.iter().filter(|kind| kind.name() != KIND) {
        let answer = deliver(daemon.hooks, &format!("/hooks/{kind}"), &hook(test)).await;
        assert_eq!(answer.status, 401, "{kind}");
    }
    for signature in ["", "sha256=", "sha1=00", &format!("sha256={}", "0".repeat(64))] {
        let signed = hook(test).with("X-Hub-Signature", signature);
        let answer = deliver(daemon.hooks, "/hooks/bitbucket-dc", &signed).await;
        assert_eq!(answer.status, 401, "a signature is checked: {signature:?}");
    }
    for method in ["GET", "PUT", "HEAD", "OPTIONS"] {
        let headers = hook(test).headers;
        let answer =
            request(daemon.hooks, method, "/hooks/bitbucket-dc", &headers, test.as_bytes()).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    assert_eq!(deliver(daemon.hooks, "/hooks/nobody", &hook(test)).await.status, 404);
    assert_eq!(stored(&nats).await.len(), 0);
}

#[tokio::test]
async fn a_connection_test_must_have_the_credentials_that_a_delivery_must_have() {
    let nats = NatsServer::start();
    let source = |name: &str, more: &str| format!("[sources.{name}]\nkind = \"{KIND}\"\n{more}\n");
    let daemon = Daemon::with(
        &nats,
        &[
            source("basic", &format!("secret = \"{SECRET}\"\nauthorization = \"Basic bWU6cHc=\"")),
            source("query", &format!("secret = \"{SECRET}\"\naccept_get = true")),
            source("open", "danger_accept_unsigned = true"),
        ]
        .concat(),
    )
    .await;
    let body = br#"{"test": true}"#;
    let test = Hook::new(KIND, "diagnostics:ping", None, "test", SECRET, body).unsigned();
    let send = async |source: &str, hook: &Hook| {
        deliver(daemon.hooks, &format!("/hooks/{source}"), hook).await.status.as_u16()
    };
    assert_eq!(send("basic", &test).await, 401);
    assert_eq!(send("basic", &test.clone().with("Authorization", "Basic bWU6cHg=")).await, 401);
    assert_eq!(send("basic", &test.clone().with("Authorization", "Basic bWU6cHc=")).await, 200);
    assert_eq!(send("open", &test).await, 200);
    assert_eq!(send("query", &test).await, 200);
    let query = "/hooks/query?payload=%7B%22test%22%3A+true%7D";
    let by_get = request(daemon.hooks, "GET", query, &test.headers, &[]).await;
    assert_eq!(by_get.status, 401, "by GET there is none");
    assert_eq!(stored(&nats).await.len(), 0);
}

#[tokio::test]
async fn a_signed_connection_test_is_a_ping() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let body = br#"{"test": true}"#;
    let hook = Hook::new(KIND, "diagnostics:ping", None, "signed", SECRET, body);
    let answer = deliver(daemon.hooks, "/hooks/bitbucket-dc", &hook).await;
    assert_eq!(answer.status, 202);
    let nameless = Hook::new(KIND, "x", None, "nameless", SECRET, body).without("X-Event-Key");
    assert_eq!(deliver(daemon.hooks, "/hooks/bitbucket-dc", &nameless).await.status, 202);
    for message in stored(&nats).await {
        assert_eq!(message.subject, "forge.bitbucket-dc.-.-.ping.sent.-");
        assert_eq!(message.body["delivery"]["authenticated"], true);
    }
}
