//! Bitbucket Cloud: what its headers and bodies make, and what they do not.

use std::collections::BTreeMap;

use forgewire::config::Source;
use forgewire::event::{Event, PushAction};
use forgewire::samples::Sender;
use serde_json::{Value, json};

use crate::properties::{messages, sources};
use crate::recorded::{Recorded, recordings};
use crate::support::daemon::{Daemon, stored};
use crate::support::hook::{Hook, SECRET, push_of, sha};
use crate::support::http::{self, Connection};
use crate::support::nats::NatsServer;

const KIND: &str = "bitbucket-cloud";
const UUID: &str = "5b2f1c0e-8d34-4a6b-9e57-0c1d2e3f4a5b";

fn source() -> Source {
    sources().into_iter().find(|source| source.kind.name() == KIND).unwrap()
}

fn sample(name: &str) -> Value {
    let sender = Sender::ALL.iter().find(|sender| sender.kind == KIND).unwrap();
    serde_json::from_str(&sender.payload(sender.sample(name).unwrap()).unwrap()).unwrap()
}

/// The bodies of the events that a delivery becomes.
fn made(key: &str, body: &Value) -> Vec<Value> {
    let hook = Hook::new(KIND, key, None, UUID, SECRET, body.to_string().as_bytes());
    let made = messages(&source(), &hook);
    made.iter().map(|(_, message)| serde_json::from_slice(&message.body).unwrap()).collect()
}

/// `event.action` of the one event of a delivery, or the reason why it is not recognized.
fn outcome(key: &str, body: &Value) -> String {
    let mut made = made(key, body);
    assert_eq!(made.len(), 1, "{key}");
    name_or_reason(&made.remove(0))
}

fn name_or_reason(event: &Value) -> String {
    match event["data"]["reason"].as_str() {
        Some(reason) => reason.to_owned(),
        None => {
            format!("{}.{}", event["event"].as_str().unwrap(), event["action"].as_str().unwrap())
        }
    }
}

/// The sample with the value at `place` replaced.
fn with(name: &str, place: &str, value: Value) -> Value {
    let mut body = sample(name);
    *body.pointer_mut(place).unwrap_or_else(|| panic!("{name} has no {place}")) = value;
    body
}

#[test]
fn braces_are_taken_off_the_ids_of_delivery_and_hook() {
    let body = push_of(KIND, "main", &sha('1'), &sha('2'));
    let hook = Hook::new(KIND, "repo:push", None, &format!("{{{UUID}}}"), SECRET, &body);
    let hook = hook.without("X-Hook-UUID").with("X-Hook-UUID", &format!("{{{UUID}}}"));
    let (event, _) = messages(&source(), &hook).remove(0);
    assert_eq!(event.id, format!("{KIND}:{UUID}"));
    assert_eq!(event.delivery.hook.as_deref(), Some(UUID));
}

#[test]
fn the_attempt_is_told_and_what_is_no_number_is_the_first() {
    let body = push_of(KIND, "main", &sha('1'), &sha('2'));
    for (said, attempt) in [("2", 2), ("3", 3), ("0", 1), ("-1", 1), ("two", 1), ("", 1)] {
        let hook = Hook::new(KIND, "repo:push", None, UUID, SECRET, &body);
        let hook = hook.without("X-Attempt-Number").with("X-Attempt-Number", said);
        let (event, _) = messages(&source(), &hook).remove(0);
        assert_eq!(event.delivery.attempt, attempt, "{said:?}");
    }
    let hook = Hook::new(KIND, "repo:push", None, UUID, SECRET, &body).without("X-Attempt-Number");
    assert_eq!(messages(&source(), &hook).remove(0).0.delivery.attempt, 1);
}

#[test]
fn every_change_of_a_push_is_an_event_in_its_order_and_one_that_is_odd_hides_none() {
    let made = made("repo:push", &sample("push-several"));
    let names: Vec<_> = made
        .iter()
        .map(|event| {
            format!("{} {}", name_or_reason(event), event["ref"]["name"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        names,
        [
            "push.updated main",
            "push.created feature/round-corners",
            "tag.created v1.4.0",
            "unknown_ref -",
            "push.deleted feature/round-corners",
        ]
    );
    for (index, event) in made.iter().enumerate().skip(1) {
        assert_eq!(event["id"], format!("{KIND}:{UUID}:{}", index + 1));
        assert_eq!(event["raw_in"], format!("{KIND}:{UUID}"));
    }
}

#[test]
fn a_list_is_complete_only_where_bitbucket_says_so() {
    let push = |place: &str, value: Value| {
        let made = made("repo:push", &with("push", place, value)).remove(0);
        made["data"]["commits_complete"].as_bool().unwrap()
    };
    assert!(push("/push/changes/0/truncated", false.into()));
    assert!(!push("/push/changes/0/truncated", true.into()));
    assert!(!push("/push/changes/0/truncated", Value::Null));
    assert!(!push("/push/changes/0/commits", Value::Null));
}

#[test]
fn a_change_that_contradicts_itself_is_not_typed() {
    let change = |place: &str, value: Value| outcome("repo:push", &with("push", place, value));
    assert_eq!(change("/push/changes/0/old/name", "other".into()), "event_mismatch");
    assert_eq!(change("/push/changes/0/old/type", "tag".into()), "event_mismatch");
    assert_eq!(change("/push/changes/0/new/target/hash", "".into()), "event_mismatch");
    assert_eq!(change("/push/changes/0", json!({ "old": null, "new": null })), "event_mismatch");
    assert_eq!(change("/push/changes", json!([])), "no_changes");
    assert_eq!(change("/push/changes", Value::Null), "event_mismatch");
}

/// Lies about every group of events whose bodies can be told apart.
#[test]
fn a_key_that_contradicts_the_signed_body_is_never_believed() {
    for (key, name) in [
        ("repo:push", "pull-request-opened"),
        ("pullrequest:created", "push"),
        ("pullrequest:created", "pull-request-merged"),
        ("pullrequest:created", "pull-request-closed"),
        ("pullrequest:push", "pull-request-merged"),
        ("pullrequest:fulfilled", "pull-request-opened"),
        ("pullrequest:fulfilled", "pull-request-closed"),
        ("pullrequest:rejected", "pull-request-merged"),
        ("pullrequest:rejected", "review-approved"),
        ("pullrequest:fulfilled", "review-approved"),
        ("pullrequest:updated", "review-approved"),
        ("pullrequest:updated", "pull-request-comment-created"),
        ("pullrequest:approved", "pull-request-opened"),
        ("pullrequest:approved", "review-approval-withdrawn"),
        ("pullrequest:unapproved", "review-approved"),
        ("pullrequest:approved", "review-changes-requested"),
        ("pullrequest:changes_request_created", "review-approved"),
        ("pullrequest:changes_request_created", "review-changes-request-withdrawn"),
        ("pullrequest:changes_request_removed", "review-changes-requested"),
        ("pullrequest:comment_created", "pull-request-comment-deleted"),
        ("pullrequest:comment_updated", "pull-request-comment-deleted"),
        ("pullrequest:comment_deleted", "pull-request-comment-created"),
        ("pullrequest:comment_resolved", "pull-request-comment-created"),
        ("pullrequest:comment_reopened", "pull-request-comment-resolved"),
        ("issue:created", "issue-comment-created"),
        ("issue:created", "issue-closed"),
        ("issue:updated", "issue-opened"),
        ("issue:updated", "issue-comment-created"),
        ("issue:comment_created", "issue-closed"),
        ("repo:commit_comment_created", "issue-comment-created"),
        ("repo:commit_status_updated", "push"),
        ("repo:deleted", "push"),
        ("repo:deleted", "fork"),
        ("repo:deleted", "repository-renamed"),
        ("repo:deleted", "pull-request-closed"),
        ("repo:deleted", "project-updated"),
        ("repo:fork", "repository-transferred"),
        ("repo:transfer", "fork"),
        ("repo:updated", "repository-created"),
        ("project:updated", "repository-updated"),
        ("pipeline:span_created", "push"),
        ("repo:push", "pipeline-span"),
    ] {
        assert_eq!(outcome(key, &sample(name)), "event_mismatch", "{name} as {key}");
    }
}

#[test]
fn what_selects_the_action_and_is_not_known_makes_unrecognized() {
    let status = with("status-pending", "/commit_status/state", "PONDERING".into());
    assert_eq!(outcome("repo:commit_status_created", &status), "unknown_action");
    let issue = with("issue-closed", "/changes/status/new", "shelved".into());
    assert_eq!(outcome("issue:updated", &issue), "unknown_action");
    assert_eq!(outcome("pullrequest:superseded", &sample("pull-request-opened")), "unknown_event");
    // Elsewhere it is kept.
    let pull = with("pull-request-edited", "/pullrequest/state", "PONDERED".into());
    let made = made("pullrequest:updated", &pull).remove(0);
    assert_eq!(made["data"]["pull_request"]["state"], "PONDERED");
}

#[test]
fn the_eight_states_of_an_issue_are_open_or_closed_and_a_step_between_them_is_the_action() {
    let open = ["new", "open", "on hold"];
    let closed = ["resolved", "duplicate", "invalid", "wontfix", "closed"];
    for old in open.iter().chain(&closed) {
        for new in open.iter().chain(&closed) {
            let mut body =
                with("issue-edited", "/changes", json!({ "status": { "old": old, "new": new } }));
            body["issue"]["state"] = (*new).into();
            let expected = match (closed.contains(old), closed.contains(new)) {
                (false, true) => "issue.closed",
                (true, false) => "issue.reopened",
                _ => "issue.edited",
            };
            let made = made("issue:updated", &body).remove(0);
            assert_eq!(name_or_reason(&made), expected, "{old} to {new}");
            let state = if closed.contains(new) { "closed" } else { "open" };
            assert_eq!(made["data"]["issue"]["state"], state);
            assert_eq!(made["data"]["issue"]["native_state"], *new);
            assert_eq!(made["data"]["changes"]["state"]["from"], *old);
        }
    }
    // Who assigns while closing, closes.
    let both = json!({ "status": { "old": "new", "new": "closed" }, "assignee": { "old": "", "new": "maria" } });
    assert_eq!(outcome("issue:updated", &with("issue-edited", "/changes", both)), "issue.closed");
}

#[test]
fn an_assignee_is_read_as_a_text_and_as_an_account() {
    let user = sample("issue-assigned")["issue"]["assignee"].clone();
    for (old, new, expected, from) in [
        (Value::Null, json!("maria"), "issue.assigned", None),
        (json!(""), user.clone(), "issue.assigned", None),
        (user.clone(), json!("sam"), "issue.assigned", Some("maria")),
        (json!("maria"), json!(""), "issue.unassigned", Some("maria")),
        (user, Value::Null, "issue.unassigned", Some("maria")),
    ] {
        let body =
            with("issue-edited", "/changes", json!({ "assignee": { "old": old, "new": new } }));
        let made = made("issue:updated", &body).remove(0);
        assert_eq!(name_or_reason(&made), expected);
        assert_eq!(made["data"]["changes"]["assignee"]["from"].as_str(), from);
    }
}

#[test]
fn spans_are_grouped_by_the_repository_that_they_or_their_trace_name() {
    let uuid = |value: &str| json!([{ "key": "pipeline.repository.uuid", "value": { "stringValue": value } }]);
    let span = |trace: &str, id: &str, attributes: Value| json!({ "traceId": trace, "spanId": id, "attributes": attributes });
    let body = json!({ "resourceSpans": [
        { "scopeSpans": [{ "spans": [
            span("t1", "a", uuid("{one}")), span("t2", "b", uuid("{two}")), span("t1", "c", json!([])), span("t3", "d", json!(null)),
        ] }] },
        { "resource": { "attributes": uuid("two") }, "scopeSpans": [{ "spans": [span("t4", "e", json!([]))] }] },
    ] });
    let groups: Vec<_> = made("pipeline:span_created", &body)
        .iter()
        .map(|event| {
            let spans = event["data"]["spans"].as_array().unwrap();
            let ids: String = spans.iter().map(|span| span["span_id"].as_str().unwrap()).collect();
            format!("{} {ids}", event["repository"]["id"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(groups, ["one ac", "two be", "- d"]);
    assert_eq!(outcome("pipeline:span_created", &json!({ "resourceSpans": [] })), "no_changes");
}

#[test]
fn urls_for_cloning_are_derived_only_from_a_page_that_names_the_repository() {
    let urls = |full_name: &str, page: &str, scm: &str| {
        let mut body = with("push", "/repository/full_name", full_name.into());
        body["repository"]["links"]["html"]["href"] = page.into();
        body["repository"]["scm"] = scm.into();
        let repository = made("repo:push", &body).remove(0)["repository"].clone();
        assert_eq!(repository["clone_url"].is_string(), repository["urls_derived"] == true);
        ["clone_url", "ssh_url"].map(|key| repository[key].as_str().map(str::to_owned))
    };
    let derived = ["https://bitbucket.org/acme/my.repo.git", "git@bitbucket.org:acme/my.repo.git"];
    for page in ["https://bitbucket.org/acme/my.repo", "https://bitbucket.org/acme/my.repo/"] {
        assert_eq!(urls("acme/my.repo", page, "git"), derived.map(|url| Some(url.to_owned())));
    }
    for (page, scm) in [
        ("https://bitbucket.org/acme/other", "git"),
        ("http://bitbucket.org/acme/my.repo", "git"),
        ("https://user@bitbucket.org/acme/my.repo", "git"),
        ("https://acme/my.repo", "git"),
        ("https:///acme/my.repo", "git"),
        ("https://bitbucket.org/acme/my.repo", "hg"),
        ("", "git"),
    ] {
        assert_eq!(urls("acme/my.repo", page, scm), [None, None], "{page} {scm}");
    }
}

#[test]
fn an_account_is_a_user_a_team_a_bot_or_what_bitbucket_calls_it() {
    for (kind, expected) in [
        (json!("user"), "user"),
        (json!(null), "user"),
        (json!("team"), "team"),
        (json!("app_user"), "bot"),
        (json!("droid"), "droid"),
    ] {
        let made = made("repo:push", &with("push", "/actor/type", kind)).remove(0);
        assert_eq!(made["actor"]["kind"], expected);
    }
    let only_account = json!({ "account_id": "557058:1", "display_name": "Jane" });
    let made = made("repo:push", &with("push", "/actor", only_account)).remove(0);
    assert_eq!(made["actor"], json!({ "id": "557058:1", "name": "Jane", "kind": "user" }));
}

/// What a recording must become: one entry for each event.
fn promised(recorded: &Recorded, body: &Value) -> Vec<String> {
    if let Some(reason) = not_what_its_key_says(recorded) {
        return vec![reason.to_owned()];
    }
    let one = match &*recorded.event {
        "repo:push" => {
            return body["push"]["changes"].as_array().unwrap().iter().map(change).collect();
        }
        "repo:fork" => "repository.forked",
        "repo:updated" => "repository.renamed",
        "repo:commit_comment_created" => "commit_comment.created",
        "repo:commit_status_created" | "repo:commit_status_updated" => {
            match body["commit_status"]["state"].as_str().unwrap() {
                "INPROGRESS" => "status.pending",
                "SUCCESSFUL" => "status.success",
                other => panic!("{}: {other}", recorded.file),
            }
        }
        "issue:created" => "issue.opened",
        "issue:updated" => "issue.edited",
        "issue:comment_created" => "issue_comment.created",
        "pullrequest:created" => "pull_request.opened",
        "pullrequest:updated" => "pull_request.edited",
        "pullrequest:fulfilled" => "pull_request.merged",
        "pullrequest:rejected" => "pull_request.closed",
        "pullrequest:approved" => "review.approved",
        "pullrequest:unapproved" => "review.dismissed",
        "pullrequest:comment_created" => "pull_request_comment.created",
        "pullrequest:comment_updated" => "pull_request_comment.edited",
        "pullrequest:comment_deleted" => "pull_request_comment.deleted",
        other => panic!("{}: {other}", recorded.file),
    };
    vec![one.to_owned()]
}

fn change(change: &Value) -> String {
    let there = if change["new"].is_object() { &change["new"] } else { &change["old"] };
    let event = if there["type"] == "tag" { "tag" } else { "push" };
    let action = match (change["old"].is_object(), change["new"].is_object()) {
        (false, _) => "created",
        (_, false) => "deleted",
        _ => "updated",
    };
    format!("{event}.{action}")
}

/// Recordings that somebody made up or cut, so that the key says more than the body.
fn not_what_its_key_says(recorded: &Recorded) -> Option<&'static str> {
    let (_, file) = recorded.file.split_once('/').unwrap();
    Some(match file {
        // A template: no kind of ref.
        "argoproj+argo-cd/webhook_test.L1472.json" => "unknown_ref",
        // Cut to a branch without a name, and no repository; the state of what was merged is the
        // documentation's list of all states.
        "harness+harness/bitbucket-hooks.L55.json"
        | "go-playground+webhooks/pull-request-merged.json" => "event_mismatch",
        // Actor and repository are the words "user" and "respository".
        "voxpupuli+webhook-go/bitbucket-cloud-fail.json" => "unreadable",
        // Pushes of nothing.
        "jenkinsci+bitbucket-branch-source-plugin/emptyPayload.json"
        | "jenkinsci+bitbucket-plugin/BitbucketWebhookSignatureTest.L20.json" => "no_changes",
        _ => return None,
    })
}

#[tokio::test]
async fn every_recorded_delivery_becomes_what_its_key_promises() {
    let Some(recordings) = recordings(&[KIND]) else { return };
    assert!(recordings.len() > 70, "only {} recordings", recordings.len());
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut connection = Connection::open(daemon.hooks).await.unwrap();
    for (number, (recorded, body)) in recordings.iter().enumerate() {
        let hook = Hook::new(KIND, &recorded.event, None, &format!("r-{number}"), SECRET, body);
        let answer = connection.deliver("/hooks/bitbucket-cloud", &hook).await.unwrap();
        assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
    }
    let mut made: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in stored(&nats).await {
        let read = Event::from_json(&message.bytes).expect("reads back");
        assert_eq!(read.to_json().unwrap(), message.bytes, "written again the same");
        let delivery = message.body["delivery"]["id"].as_str().unwrap().to_owned();
        made.entry(delivery).or_default().push(message.body);
    }
    for (number, (recorded, body)) in recordings.iter().enumerate() {
        let parsed: Value = serde_json::from_slice(body).unwrap();
        let events = &made[&format!("r-{number}")];
        let names: Vec<_> = events.iter().map(name_or_reason).collect();
        assert_eq!(names, promised(recorded, &parsed), "{}", recorded.file);
        for event in events {
            check_names(recorded, &parsed, event);
        }
    }
}

/// What holds for every event of a recording.
fn check_names(recorded: &Recorded, body: &Value, event: &Value) {
    let file = &recorded.file;
    let bare = |uuid: &Value| uuid.as_str().map(|uuid| uuid.trim_matches(['{', '}']).to_owned());
    let repository = &event["repository"];
    let full_name = body["repository"]["full_name"].as_str();
    assert_eq!(repository["full_name"].as_str(), full_name, "{file}");
    let uuid = bare(&body["repository"]["uuid"]);
    assert_eq!(repository["id"].as_str().map(str::to_owned), uuid, "{file}");
    let page = full_name.map(|name| format!("https://bitbucket.org/{name}"));
    if let Some(page) = page.filter(|page| body["repository"]["links"]["html"]["href"] == **page) {
        assert_eq!(repository["clone_url"], format!("{page}.git"), "{file}");
        assert_eq!(repository["urls_derived"], true, "{file}");
    }
    if event["event"] == "pull_request" {
        let pull = &event["data"]["pull_request"];
        for (ours, theirs) in [("head", "source"), ("base", "destination")] {
            let sent = &body["pullrequest"][theirs];
            assert_eq!(pull[ours]["sha"], sent["commit"]["hash"], "{file}");
            assert_eq!(pull[ours]["abbreviated"], true, "{file}");
            assert_eq!(pull[ours]["ref"], sent["branch"]["name"], "{file}");
        }
        let names = ["source", "destination"]
            .map(|side| body["pullrequest"][side]["repository"]["full_name"].as_str());
        assert_eq!(pull["head"]["fork"], names[0] != names[1], "{file}");
    }
    if event["event"] == "push" && event["action"] != PushAction::Deleted.as_str() {
        assert_eq!(event["data"]["files_known"], false, "{file}");
    }
}

#[tokio::test]
async fn a_body_of_the_post_webhooks_plugin_is_never_typed() {
    let Some(recordings) = recordings(&["bitbucket-dc"]) else { return };
    let keys = ["repo:push", "pullrequest:"];
    let of_plugin: Vec<_> = recordings
        .iter()
        .filter(|(recorded, _)| keys.iter().any(|key| recorded.event.starts_with(key)))
        .collect();
    assert!(of_plugin.len() > 9, "only {} recordings", of_plugin.len());
    for (recorded, body) in of_plugin {
        let hook = Hook::new(KIND, &recorded.event, None, UUID, SECRET, body);
        for (event, _) in messages(&source(), &hook) {
            assert_eq!(event.event(), "unrecognized", "{}", recorded.file);
        }
    }
}

#[test]
fn a_push_in_the_shape_of_data_center_is_a_mismatch() {
    // As the plugin sends it: Cloud's changes of a repository that is not Cloud's.
    let repository = json!({
        "scmId": "git", "project": { "key": "SHED", "name": "Shed" }, "slug": "widgets",
        "links": { "self": [{ "href": "https://git.example.com/projects/SHED/repos/widgets/browse" }] },
        "public": false, "ownerName": "SHED", "fullName": "SHED/widgets",
    });
    assert_eq!(outcome("repo:push", &with("push", "/repository", repository)), "event_mismatch");
    let mut named = sample("push");
    named["eventKey"] = "repo:push".into();
    assert_eq!(outcome("repo:push", &named), "event_mismatch");
}

#[tokio::test]
async fn the_signature_that_others_recorded_verifies() {
    let Some(recordings) = recordings(&[KIND]) else { return };
    let signed: Vec<_> =
        recordings.iter().filter(|(recorded, _)| !recorded.signature.is_empty()).collect();
    assert!(!signed.is_empty(), "no signed recording");
    let nats = NatsServer::start();
    for (recorded, body) in signed {
        let signature = &recorded.signature[0];
        assert_eq!(signature.verifies_over, "exact bytes", "{}", recorded.file);
        let config = format!(
            "[sources.cloud]\nkind = \"{KIND}\"\ndanger_short_secret = true\nsecret = {:?}\n",
            signature.test_secret
        );
        let daemon = Daemon::with(&nats, &config).await;
        let headers = [
            ("content-type".to_owned(), "application/json".to_owned()),
            (signature.header.clone(), signature.value.clone()),
            ("X-Event-Key".to_owned(), recorded.event.clone()),
        ];
        let answer = http::request(daemon.hooks, "POST", "/hooks/cloud", &headers, body).await;
        assert_eq!(answer.status, 202, "{}: {:?}", recorded.file, answer.body);
    }
}
