//! What the daemon writes about itself, and what it never does.

use crate::support::daemon::{Daemon, stored};
use crate::support::hook::{Hook, SECRET, push, sha, signature};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;

const MARKS: [&str; 5] = [
    "planted-in-the-body",
    "planted@example.com",
    "planted-authorization",
    "planted-clone-password",
    "planted-secret-member",
];

fn body() -> Vec<u8> {
    let body = String::from_utf8(push("main", &sha('1'), &sha('2'))).unwrap();
    body.replacen(
        '{',
        r#"{"secret": "planted-secret-member", "note": "planted-in-the-body", "mail": "planted@example.com",
            "original_url": "https://user:planted-clone-password@example.com/r.git","#,
        1,
    )
    .into_bytes()
}

#[tokio::test]
async fn no_log_line_holds_a_secret_a_signature_a_body_or_an_address() {
    let nats = NatsServer::start();
    let config = format!(
        "[sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\nauthorization = \"Bearer planted-authorization\"\n"
    );
    let daemon = Daemon::unready(&nats.url, &config, &["--log-filter", "trace"]).await;
    daemon.ready().await;
    let body = body();
    let hook = Hook::new("gitea", "push", Some("push"), "a", SECRET, &body);
    let let_in = hook.clone().with("Authorization", "Bearer planted-authorization");
    for (sent, status) in [
        (let_in.clone(), 202),
        (hook.clone(), 401),
        (hook.clone().unsigned().with("X-Gitea-Signature", "planted-in-the-body"), 401),
        (
            Hook::new("gitea", "nobody-knows", None, "b", SECRET, &body)
                .with("Authorization", "Bearer planted-authorization"),
            202,
        ),
        (Hook { body: b"planted-in-the-body".to_vec(), ..let_in }, 401),
    ] {
        assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &sent).await.status, status);
    }
    daemon.logged("Delivery not recognized; its payload is published whole.").await;
    let log = daemon.log().join("\n");
    let digest = signature(SECRET, &body);
    for mark in MARKS.into_iter().chain([SECRET, &digest]) {
        assert!(!log.contains(mark), "the log holds {mark}");
    }
    for message in stored(&nats).await {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        for mark in [
            "planted-secret-member",
            "planted-clone-password",
            "planted-authorization",
            SECRET,
            &digest,
        ] {
            assert!(
                !text.contains(mark) && !format!("{:?}", message.headers).contains(mark),
                "a message holds {mark}"
            );
        }
        assert_eq!(message.body["raw_altered"], true);
    }
}

#[tokio::test]
async fn a_refusal_is_a_warning_with_source_and_code_and_a_delivery_is_one_line_at_debug() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let hook = Hook::new(
        "gitea",
        "push",
        Some("push"),
        "one",
        SECRET,
        &push("main", &sha('1'), &sha('2')),
    );
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook.clone().unsigned()).await.status, 401);
    let refused = daemon.logged("Delivery refused.").await;
    assert_eq!(
        (&refused["level"], &refused["source"], &refused["code"]),
        (&"WARN".into(), &"gitea".into(), &"not_authenticated".into())
    );
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook).await.status, 202);
    let stored = daemon.logged("Delivery stored.").await;
    assert_eq!((&stored["level"], &stored["delivery"]), (&"DEBUG".into(), &"one".into()));
    assert_eq!((&refused["delivery"], &stored["event"]), (&"one".into(), &"gitea:one".into()));
    assert_eq!(daemon.log().iter().filter(|line| line.contains("\"one\"")).count(), 2);
}
