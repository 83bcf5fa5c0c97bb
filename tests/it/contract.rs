//! What every kind of source must keep: who gets in, who does not, and that a repeat is recognised.

use serde_json::Value;

use crate::support::daemon::{Daemon, stored};
use crate::support::hook::{Hook, SECRET, push, push_name, push_of, sha, signature};
use crate::support::http::{Connection, deliver, request};
use crate::support::nats::NatsServer;

const KINDS: [&str; 5] = ["gitea", "forgejo", "gogs", "bitbucket-cloud", "bitbucket-dc"];
/// Those that have Gitea's payloads.
const FAMILY: [&str; 3] = ["gitea", "forgejo", "gogs"];
const OTHER_SECRET: &str = "the one of the month before";

fn kinds_are_all() {
    let all: Vec<_> = forgewire::source::Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(all, KINDS, "a new kind is held to the contract too");
}

fn event_type(kind: &str, name: &'static str) -> Option<&'static str> {
    matches!(kind, "gitea" | "forgejo").then_some(name)
}

fn good(kind: &str, id: &str) -> Hook {
    let body = push_of(kind, "main", &sha('1'), &sha('2'));
    Hook::new(kind, push_name(kind), event_type(kind, "push"), id, SECRET, &body)
}

#[tokio::test]
async fn an_own_signature_gets_in_and_nothing_else_does() {
    kinds_are_all();
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for kind in KINDS {
        let path = format!("/hooks/{kind}");
        let (header, prefix) = (Hook::signature_header(kind), Hook::signature_prefix(kind));
        let body = push_of(kind, "main", &sha('1'), &sha('2'));
        let digits = signature(SECRET, &body);
        let right = format!("{prefix}{digits}");
        let set = |value: &str| good(kind, "x").unsigned().with(header, value);
        let other_prefix = if prefix.is_empty() { "sha256=" } else { "" };
        let other_header = if prefix.is_empty() { "X-Hub-Signature" } else { "X-Gitea-Signature" };
        let wrong = [
            (
                "wrong secret",
                set(&format!("{prefix}{}", signature("another secret of good size", &body))),
            ),
            ("no signature", good(kind, "x").unsigned()),
            ("empty", set("")),
            ("nothing but the prefix", set(prefix)),
            ("truncated", set(right.split_at(right.len() - 1).0)),
            ("too long", set(&format!("{right}0"))),
            ("upper case", set(&format!("{prefix}{}", digits.to_ascii_uppercase()))),
            ("a prefix that is not its own", set(&format!("{other_prefix}{digits}"))),
            ("an upper-cased prefix", set(&format!("SHA256={digits}"))),
            ("another algorithm", set(&format!("sha1={}", digits.split_at(40).0))),
            ("repeated", set(&right).with(header, &right)),
            (
                "an empty one before a right one",
                good(kind, "x")
                    .unsigned()
                    .with(header, "")
                    .with("X-Hub-Signature-256", &format!("sha256={digits}")),
            ),
            (
                "in the header of another kind",
                good(kind, "x").unsigned().with(other_header, &format!("{other_prefix}{digits}")),
            ),
            (
                "changed body",
                Hook { body: push_of(kind, "main", &sha('1'), &sha('3')), ..good(kind, "x") },
            ),
        ];
        for (what, hook) in wrong {
            let answer = deliver(daemon.hooks, &path, &hook).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (401, "not_authenticated"),
                "{kind}: {what}"
            );
        }
        let answer = deliver(daemon.hooks, &path, &good(kind, "in")).await;
        assert_eq!(answer.status, 202, "{kind}: {:?}", answer.body);
    }
    assert_eq!(stored(&nats).await.len(), KINDS.len(), "only what was signed");
}

#[tokio::test]
async fn a_gogs_signature_does_not_open_a_gitea_source() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let answer = deliver(daemon.hooks, "/hooks/gitea", &good("gogs", "x")).await;
    assert_eq!(answer.status, 401);
    let github = good("gitea", "y").without("X-Gitea-Signature");
    assert_eq!(
        deliver(daemon.hooks, "/hooks/gitea", &github).await.status,
        202,
        "X-Hub-Signature-256 stands in"
    );
    assert_eq!(
        deliver(daemon.hooks, "/hooks/gogs", &github.without("X-Gogs-Signature")).await.status,
        401
    );
}

#[tokio::test]
async fn each_of_two_secrets_gets_in_and_is_named_in_the_event() {
    let nats = NatsServer::start();
    let source = |kind: &str| {
        format!(
            "[sources.{kind}]\nkind = \"{kind}\"\nsecrets = [{{ id = \"new\", text = \"{SECRET}\" }}, {{ id = \"old\", text = \"{OTHER_SECRET}\" }}]\n"
        )
    };
    let daemon = Daemon::with(&nats, &KINDS.map(source).concat()).await;
    for kind in KINDS {
        let body = push_of(kind, "main", &sha('1'), &sha('2'));
        for (id, secret) in [("new", SECRET), ("old", OTHER_SECRET)] {
            let exact = event_type(kind, "push");
            let hook = Hook::new(kind, push_name(kind), exact, id, secret, &body);
            assert_eq!(
                deliver(daemon.hooks, &format!("/hooks/{kind}"), &hook).await.status,
                202,
                "{kind} {id}"
            );
        }
    }
    for message in stored(&nats).await {
        assert_eq!(message.body["delivery"]["secret"], message.body["delivery"]["id"]);
        assert_eq!(message.body["delivery"]["authenticated"], true);
    }
}

#[tokio::test]
async fn a_form_is_signed_over_its_decoded_payload() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for kind in FAMILY {
        let hook = good(kind, "form").without("content-type");
        let form = format!("payload={}", percent_encode(&hook.body));
        let hook = hook.with("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let path = format!("/hooks/{kind}");
        let sent = Hook { body: form.clone().into_bytes(), ..hook.clone() };
        assert_eq!(deliver(daemon.hooks, &path, &sent).await.status, 202, "{kind}");
        // A signature of the form itself, as GitHub makes it, is none.
        let over_form =
            hook.unsigned().with(Hook::signature_header(kind), &signature(SECRET, form.as_bytes()));
        let sent = Hook { body: form.into_bytes(), ..over_form };
        assert_eq!(deliver(daemon.hooks, &path, &sent).await.status, 401, "{kind}");
    }
    let body = String::from_utf8(push("main", &sha('1'), &sha('2'))).unwrap();
    for message in stored(&nats).await {
        assert!(
            std::str::from_utf8(&message.bytes).unwrap().contains(&body),
            "raw is the payload, not the form"
        );
    }
}

#[tokio::test]
async fn where_the_bytes_of_the_body_are_signed_a_form_is_not_taken_apart() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for (kind, event) in [("bitbucket-cloud", "repo:push"), ("bitbucket-dc", "repo:refs_changed")] {
        let form = format!("payload={}", percent_encode(&good(kind, "x").body));
        let hook = Hook::new(kind, event, None, "form", SECRET, form.as_bytes());
        let hook = hook.without("content-type");
        let hook = hook.with("content-type", "application/x-www-form-urlencoded");
        let path = format!("/hooks/{kind}");
        assert_eq!(deliver(daemon.hooks, &path, &hook).await.status, 202);
        let message = stored(&nats).await.pop().unwrap();
        assert_eq!(message.body["forge"], kind);
        assert_eq!(message.body["data"]["reason"], "not_json");
        // A signature of what is in the form is none.
        let inner = Hook { body: form.into_bytes(), ..good(kind, "y") };
        let inner = inner.without("content-type");
        let inner = inner.with("content-type", "application/x-www-form-urlencoded");
        assert_eq!(deliver(daemon.hooks, &path, &inner).await.status, 401);
    }
}

/// As it stands in a form or a query.
pub(crate) fn percent_encode(bytes: &[u8]) -> String {
    let one = |b: &u8| match b {
        b' ' => "+".to_owned(),
        b if b.is_ascii_alphanumeric() => char::from(*b).to_string(),
        b => format!("%{b:02X}"),
    };
    bytes.iter().map(one).collect()
}

#[tokio::test]
async fn a_query_is_taken_only_where_the_source_says_so() {
    let nats = NatsServer::start();
    let config = format!(
        "[sources.open]\nkind = \"gitea\"\naccept_get = true\nsecret = \"{SECRET}\"\n[sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n"
    );
    let daemon = Daemon::with(&nats, &config).await;
    let hook = good("gitea", "by-get").without("content-type");
    let query = format!("?x=1&payload={}", percent_encode(&hook.body));
    let get = async |source: &str, query: &str| {
        request(daemon.hooks, "GET", &format!("/hooks/{source}{query}"), &hook.headers, &[]).await
    };
    let refused = get("gitea", &query).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.headers["allow"]),
        (405, &"POST".parse().unwrap())
    );
    assert_eq!(get("open", &query).await.status, 202);
    assert_eq!(get("open", "?x=1").await.code(), "no_payload");
    assert_eq!(
        get("open", &format!("?payload={}", "a".repeat(61 * 1024))).await.code(),
        "uri_too_long"
    );
    let head =
        request(daemon.hooks, "HEAD", &format!("/hooks/open{query}"), &hook.headers, &[]).await;
    assert_eq!(head.status, 405, "HEAD publishes nothing");
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn an_event_name_that_contradicts_the_signed_body_is_never_believed() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let push = push("main", &sha('1'), &sha('2'));
    let delete = br#"{"ref":"main","ref_type":"branch","pusher_type":"user","repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let create = br#"{"ref":"main","ref_type":"branch","sha":"1111111111111111111111111111111111111111","repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let pull = br#"{"action":"opened","number":1,"pull_request":{"number":1},"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let comment = br#"{"action":"edited","issue":{"number":1},"comment":{"id":1},"number":1,"pull_request":{"number":1},"is_pull":true,"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let issue = br#"{"action":"opened","number":1,"issue":{"number":1},"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let on_pull = br#"{"action":"created","issue":{"number":1,"pull_request":{}},"comment":{"id":1},"is_pull":false,"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let other_number = br#"{"action":"opened","number":2,"issue":{"number":1},"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let approval = br#"{"action":"reviewed","number":1,"pull_request":{"number":1},"review":{"type":"pull_request_review_approved"},"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let untyped = br#"{"action":"reviewed","number":1,"pull_request":{"number":1},"review":{"content":"x"},"repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let status = br#"{"sha":"1111111111111111111111111111111111111111","commit":{"id":"2222222222222222222222222222222222222222"},"state":"success","repository":{"name":"widgets","owner":{"login":"acme"}}}"#;
    let failed = br#"{"action":"failure","run":{"status":"failure","repository":{"name":"widgets","owner":{"login":"acme"}}}}"#;
    let half = br#"{"action":"success","run":{"status":"failure","repository":{"name":"widgets","owner":{"login":"acme"}}}}"#;
    let lies: [(&str, &str, &[u8]); 21] = [
        ("create", "create", &push),
        ("delete", "delete", &push),
        ("pull_request", "pull_request", &push),
        ("push", "push", delete),
        ("create", "create", delete),
        ("delete", "delete", create),
        ("push", "push", pull),
        ("pull_request", "pull_request", comment),
        ("issues", "issues", comment),
        ("issues", "issue_label", other_number),
        ("issue_comment", "issue_comment", issue),
        ("issue_comment", "issue_comment", on_pull),
        ("repository", "repository", on_pull),
        ("pull_request", "pull_request", approval),
        ("pull_request_rejected", "pull_request_review_rejected", approval),
        ("pull_request_approved", "pull_request_review_approved", untyped),
        ("release", "release", issue),
        ("status", "status", status),
        ("action_run_success", "action_run_success", failed),
        ("action_run_success", "action_run_success", half),
        ("workflow_run", "workflow_run", failed),
    ];
    for kind in FAMILY {
        for (n, (event, exact, body)) in lies.into_iter().enumerate() {
            let hook = Hook::new(
                kind,
                event,
                (kind != "gogs").then_some(exact),
                &format!("{kind}-{n}"),
                SECRET,
                body,
            );
            assert_eq!(deliver(daemon.hooks, &format!("/hooks/{kind}"), &hook).await.status, 202);
        }
    }
    let sync = Hook::new("gitea", "pull_request", Some("pull_request_sync"), "sync", SECRET, pull);
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &sync).await.status, 202);
    let stored = stored(&nats).await;
    assert_eq!(stored.len(), FAMILY.len() * lies.len() + 1);
    for message in stored {
        let source = message.body["source"].as_str().unwrap();
        assert_eq!(message.body["data"]["reason"], "event_mismatch", "{}", message.body);
        assert!(
            message.subject.starts_with(&format!("forge.{source}.acme.widgets.unrecognized.")),
            "{}",
            message.subject
        );
    }
}

#[tokio::test]
async fn an_unknown_action_or_state_is_unrecognized_and_says_why() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let with = |what: &str| format!(r#"{{{what},"repository":{{"name":"widgets"}}}}"#).into_bytes();
    let cases = [
        ("issues", with(r#""action":"pinned","number":1,"issue":{}"#)),
        ("issue_comment", with(r#""action":"hidden","issue":{"number":1},"comment":{}"#)),
        ("release", with(r#""action":"yanked","release":{}"#)),
        ("repository", with(r#""action":"starred""#)),
        ("wiki", with(r#""action":"locked","page":"Home""#)),
        ("package", with(r#""action":"yanked","package":{}"#)),
        ("status", with(r#""state":"bored","sha":"1111111111111111111111111111111111111111""#)),
        ("workflow_run", with(r#""action":"paused","workflow_run":{}"#)),
        ("action_run_paused", with(r#""action":"paused","run":{}"#)),
    ];
    for (name, body) in &cases {
        let hook = Hook::new("forgejo", name, Some(name), &format!("{name}-x"), SECRET, body);
        assert_eq!(deliver(daemon.hooks, "/hooks/forgejo", &hook).await.status, 202, "{name}");
    }
    for ((name, _), message) in cases.iter().zip(stored(&nats).await) {
        let reason = if *name == "action_run_paused" { "unknown_event" } else { "unknown_action" };
        assert_eq!(message.body["data"]["reason"], reason, "{name}");
        assert_eq!(message.body["action"], *name);
    }
}

#[tokio::test]
async fn what_a_hook_is_installed_on_is_told() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for target in ["repository", "organization", "user", "system"] {
        let hook = good("gitea", target).with("X-Gitea-Hook-Installation-Target-Type", target);
        assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook).await.status, 202);
    }
    for message in stored(&nats).await {
        assert_eq!(message.body["delivery"]["hook"], message.body["delivery"]["id"]);
    }
}

#[tokio::test]
async fn the_same_delivery_twice_is_one_message_and_says_so() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for kind in KINDS {
        let path = format!("/hooks/{kind}");
        let mut connection = Connection::open(daemon.hooks).await.unwrap();
        let first = connection.deliver(&path, &good(kind, "0c5b")).await.unwrap().json();
        let second = connection.deliver(&path, &good(kind, "0c5b")).await.unwrap().json();
        let expected = |duplicate: bool| {
            serde_json::json!({ "status": "published", "delivery": "0c5b", "count": 1, "events": [{
                "id": format!("{kind}:0c5b"),
                "subject": format!("forge.{kind}.acme.widgets.push.updated.main"),
                "stream": "FORGE",
                "sequence": first["events"][0]["sequence"],
                "duplicate": duplicate,
            }] })
        };
        assert_eq!(first, expected(false));
        assert_eq!(second, expected(true));
    }
    assert_eq!(stored(&nats).await.len(), KINDS.len());
}

#[tokio::test]
async fn an_id_that_is_none_is_replaced_by_one_made_of_the_delivery() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for kind in KINDS {
        for (n, id) in
            ["", "two words", "a/b", "unicode-\u{e9}", &"a".repeat(101)].into_iter().enumerate()
        {
            let hook = Hook::new(
                kind,
                push_name(kind),
                None,
                id,
                SECRET,
                &push_of(kind, "main", &sha('1'), &format!("{n}{}", sha('2').split_at(1).1)),
            );
            let answer = deliver(daemon.hooks, &format!("/hooks/{kind}"), &hook).await.json();
            let id = answer["events"][0]["id"].as_str().unwrap();
            let digits = id.strip_prefix(&format!("{kind}:blake3-")).expect(id);
            assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
            let again = deliver(daemon.hooks, &format!("/hooks/{kind}"), &hook).await.json();
            assert_eq!(
                again["events"][0]["duplicate"], true,
                "{id}: the same delivery has the same id"
            );
        }
    }
    let ids: std::collections::BTreeSet<_> =
        stored(&nats).await.iter().map(|m| m.headers["Nats-Msg-Id"].clone()).collect();
    assert_eq!(ids.len(), 5 * KINDS.len(), "different deliveries have different ids");
}

#[tokio::test]
async fn digest_dedup_drops_what_overlapping_hooks_send_twice() {
    let nats = NatsServer::start();
    let config =
        format!("[sources.gitea]\nkind = \"gitea\"\ndedup = \"digest\"\nsecret = \"{SECRET}\"\n");
    let daemon = Daemon::with(&nats, &config).await;
    for id in ["from-the-repository", "from-the-organization"] {
        assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &good("gitea", id)).await.status, 202);
    }
    let stored = stored(&nats).await;
    assert_eq!(stored.len(), 1);
    assert!(stored[0].headers["Nats-Msg-Id"].starts_with("gitea:blake3-"));
}

#[tokio::test]
async fn a_scope_keeps_other_repositories_out_by_source_and_by_secret() {
    let nats = NatsServer::start();
    let config = format!(
        "[sources.gitea]\nkind = \"gitea\"\nrepositories = [\"acme/*\", \"other/thing\"]\n\
         secrets = [{{ id = \"all\", text = \"{SECRET}\" }}, {{ id = \"one\", text = \"{OTHER_SECRET}\", repositories = [\"ACME/wid*\"] }}]\n"
    );
    let daemon = Daemon::with(&nats, &config).await;
    for (secret, owner, name, status) in [
        (SECRET, "Acme", "anything", 202),
        (SECRET, "other", "thing", 202),
        (SECRET, "other", "things", 403),
        (SECRET, "acm", "e", 403),
        (OTHER_SECRET, "acme", "Widgets", 202),
        (OTHER_SECRET, "acme", "gadgets", 403),
        (OTHER_SECRET, "other", "thing", 403),
    ] {
        let body = crate::support::hook::push_in(owner, name, 9, "main", &sha('1'), &sha('2'));
        let hook = Hook::new(
            "gitea",
            "push",
            Some("push"),
            &format!("{owner}-{name}-{status}"),
            secret,
            &body,
        );
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
        assert_eq!(answer.status, status, "{owner}/{name}");
        if status == 403 {
            assert_eq!(answer.code(), "out_of_scope");
        }
    }
    // What names no repository is about none that is allowed.
    let nameless = Hook::new("gitea", "push", Some("push"), "n", SECRET, b"{}");
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &nameless).await.status, 403);
    assert_eq!(stored(&nats).await.len(), 3);
}

#[tokio::test]
async fn an_authorization_header_is_asked_for_where_it_is_configured() {
    let nats = NatsServer::start();
    let config = format!(
        "[sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\nauthorization = \"Bearer let-me-in\"\n"
    );
    let daemon = Daemon::with(&nats, &config).await;
    let send =
        async |hook: Hook| deliver(daemon.hooks, "/hooks/gitea", &hook).await.status.as_u16();
    assert_eq!(send(good("gitea", "a")).await, 401);
    assert_eq!(send(good("gitea", "b").with("Authorization", "Bearer let-me-in-")).await, 401);
    assert_eq!(
        send(good("gitea", "c").unsigned().with("Authorization", "Bearer let-me-in")).await,
        401
    );
    assert_eq!(send(good("gitea", "d").with("Authorization", "Bearer let-me-in")).await, 202);
}

#[tokio::test]
async fn an_unsigned_delivery_is_published_only_where_the_danger_was_accepted_and_says_so() {
    let nats = NatsServer::start();
    let config = format!(
        "[sources.open]\nkind = \"gitea\"\ndanger_accept_unsigned = true\n\
         [sources.half]\nkind = \"gitea\"\ndanger_accept_unsigned = true\nsecret = \"{SECRET}\"\n"
    );
    let daemon = Daemon::with(&nats, &config).await;
    let send = async |source: &str, hook: Hook| {
        deliver(daemon.hooks, &format!("/hooks/{source}"), &hook).await.status.as_u16()
    };
    assert_eq!(send("open", good("gitea", "a").unsigned()).await, 202);
    assert_eq!(send("half", good("gitea", "b").unsigned()).await, 202);
    assert_eq!(send("half", good("gitea", "c")).await, 202);
    let forged = good("gitea", "d").unsigned().with("X-Gitea-Signature", &"0".repeat(64));
    assert_eq!(send("half", forged).await, 401, "a wrong signature is not no signature");
    let authenticated: Vec<Value> = stored(&nats)
        .await
        .into_iter()
        .map(|message| message.body["delivery"]["authenticated"].clone())
        .collect();
    assert_eq!(authenticated, [false, false, true]);
}

#[tokio::test]
async fn nothing_that_a_sender_writes_becomes_a_header_of_its_own() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut hook = good("gitea", "headers").with("traceparent", parent);
    for (name, value) in [
        ("Nats-Rollup", "all"),
        ("Nats-TTL", "1s"),
        ("Nats-Msg-Id", "another"),
        ("Nats-Trace-Only", "true"),
        ("Nats-Expected-Stream", "OTHER"),
        ("ce-id", "another"),
        ("Forgewire-Digest", "another"),
    ] {
        hook = hook.with(name, value);
    }
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook).await.status, 202);
    let stored = stored(&nats).await;
    let names: Vec<_> = stored[0].headers.keys().map(String::as_str).collect();
    let ours = [
        "Forgewire-Delivery",
        "Forgewire-Digest",
        "Forgewire-Event",
        "Forgewire-Repository",
        "Nats-Msg-Id",
        "ce-datacontenttype",
        "ce-dataschema",
        "ce-id",
        "ce-source",
        "ce-specversion",
        "ce-subject",
        "ce-time",
        "ce-type",
        "content-type",
        "traceparent",
    ];
    assert_eq!(names, ours);
    assert_eq!(stored[0].headers["Nats-Msg-Id"], "gitea:headers");
    assert_eq!(stored[0].headers["ce-id"], "gitea:headers");
    assert!(stored[0].headers["Forgewire-Digest"].starts_with("blake3="));
    assert!(stored[0].headers["traceparent"].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
}
