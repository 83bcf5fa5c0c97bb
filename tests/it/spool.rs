//! What JetStream does not take is kept on disk, and published in order when it does.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};

use crate::support::daemon::{Daemon, Stored, sources, stored};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, push_in, sha};
use crate::support::http::{Answer, deliver, get};
use crate::support::nats::NatsServer;

/// A push whose payload says which one it is.
fn hook(id: &str) -> Hook {
    let payload = push("main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), id, SECRET, &payload)
}

/// The same for a repository of its own.
fn hook_of(repo: &str, id: &str) -> Hook {
    let number = repo.bytes().fold(0_u64, |sum, byte| sum % 1_000_003 * 31 + u64::from(byte));
    let payload = push_in("acme", repo, number, "main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), id, SECRET, &payload)
}

async fn accepted(daemon: &Daemon, hook: &Hook) -> String {
    let answer = deliver(daemon.hooks, "/hooks/gitea", hook).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    answer.json()["status"].as_str().unwrap().to_owned()
}

fn ids(messages: &[Stored]) -> Vec<&str> {
    messages.iter().map(|message| &*message.headers["Nats-Msg-Id"]).collect()
}

async fn stored_are(nats: &NatsServer, count: usize) -> Vec<Stored> {
    eventually("everything is in the stream", || async {
        let messages = stored(nats).await;
        (messages.len() >= count).then_some(messages)
    })
    .await
}

#[tokio::test]
async fn what_comes_while_nats_is_away_is_stored_in_order_when_it_is_back() {
    let mut nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    assert_eq!(accepted(&daemon, &hook("before")).await, "published");
    nats.kill();
    let mut expected = vec!["gitea:before".to_owned()];
    for n in 0..40 {
        let id = format!("away-{n}");
        assert_eq!(accepted(&daemon, &hook(&id)).await, "spooled");
        expected.push(format!("gitea:{id}"));
    }
    let ready = get(daemon.admin, "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["stores"]), (200, &"spool".into()));
    nats.restart();
    let messages = stored_are(&nats, 41).await;
    assert_eq!(ids(&messages), expected);
    assert!(messages.iter().all(|message| !message.headers.contains_key("Forgewire-Resent")));
    eventually("nothing is in the way any more", || async {
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("after")).await.json();
        (answer["status"] == "published").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receipt_of_what_is_spooled_has_ids_and_subjects_and_no_place_in_a_stream() {
    let nats = NatsServer::absent();
    let daemon = Daemon::unready(&nats.url, &sources(), &[]).await;
    let answer: Answer = deliver(daemon.hooks, "/hooks/gitea", &hook("r")).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "status": "spooled",
            "events": [{ "id": "gitea:r", "subject": "forge.gitea.acme.widgets.push.updated.main" }],
            "count": 1,
        })
    );
}

#[tokio::test]
async fn a_silent_server_delays_one_delivery_and_no_second() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    nats.freeze();
    let began = Instant::now();
    assert_eq!(accepted(&daemon, &hook("first")).await, "spooled");
    assert!(began.elapsed() >= Duration::from_secs(1), "it was given its time");
    let began = Instant::now();
    for n in 0..10 {
        assert_eq!(
            accepted(&daemon, &hook_of(&format!("other-{n}"), &format!("o-{n}"))).await,
            "spooled"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    nats.thaw();
    let messages = stored_are(&nats, 11).await;
    assert_eq!(messages.len(), 11, "{:?}", ids(&messages));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_of_the_daemon() {
    let mut nats = NatsServer::absent();
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{}[spool]\ndir = \"{}\"\n", sources(), dir.path().display());
    let mut daemon = Daemon::unready(&nats.url, &config, &[]).await;
    for n in 0..20 {
        assert_eq!(accepted(&daemon, &hook(&format!("k-{n}"))).await, "spooled");
    }
    daemon.child.kill().await.unwrap();
    nats.restart();
    let daemon = Daemon::with(&nats, &config).await;
    let expected: Vec<_> = (0..20).map(|n| format!("gitea:k-{n}")).collect();
    assert_eq!(ids(&stored_are(&nats, 20).await), expected);
    drop(daemon);
}

#[tokio::test]
async fn a_full_stream_sends_events_to_the_spool_until_there_is_room() {
    let nats = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let full = Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_messages: 2,
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_secs(120),
        ..Config::default()
    };
    context.create_stream(full.clone()).await.unwrap();
    let daemon = Daemon::with(&nats, &format!("{}[stream]\nmanage = false\n", sources())).await;
    let statuses = ["published", "published", "spooled", "spooled"];
    for (n, status) in statuses.iter().enumerate() {
        let began = Instant::now();
        assert_eq!(accepted(&daemon, &hook(&format!("f-{n}"))).await, *status);
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    }
    context.update_stream(Config { max_messages: 100, ..full }).await.unwrap();
    let expected: Vec<_> = (0..4).map(|n| format!("gitea:f-{n}")).collect();
    assert_eq!(ids(&stored_are(&nats, 4).await), expected);
}

#[tokio::test]
async fn a_message_that_jetstream_never_takes_is_set_aside_and_holds_nobody_up() {
    let nats = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    // Too small even for a reference.
    let tiny = Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_message_size: 500,
        ..Config::default()
    };
    let stream = context.create_stream(tiny).await.unwrap();
    let daemon = Daemon::start(&nats).await;
    assert_eq!(accepted(&daemon, &hook("large")).await, "spooled");
    let line = daemon
        .logged(
            "JetStream will never take this message; it is set aside: see `forgewire spool dead`.",
        )
        .await;
    assert!(line["reason"].as_str().unwrap().contains("10054"), "{line}");
    let raised = Config { max_message_size: -1, ..stream.cached_info().config.clone() };
    context.update_stream(raised).await.unwrap();
    assert_eq!(accepted(&daemon, &hook("next")).await, "published");
    assert_eq!(ids(&stored(&nats).await), ["gitea:next"]);
}

#[tokio::test]
async fn a_repository_that_may_not_be_published_queues_and_others_do_not() {
    let users = |permissions: &str| {
        format!(
            "authorization {{ {permissions}\n users = [{{ user: any, password: any }}] }}\n\
             no_auth_user: any\n"
        )
    };
    let denied = "default_permissions = { publish = { deny: \"forge.gitea.acme.denied.>\" } }";
    let mut nats = NatsServer::absent();
    nats.configure(&users(denied));
    nats.restart();
    let daemon = Daemon::start(&nats).await;
    for n in 0..3 {
        let began = Instant::now();
        assert_eq!(accepted(&daemon, &hook_of("denied", &format!("d-{n}"))).await, "spooled");
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
        assert_eq!(accepted(&daemon, &hook_of("free", &format!("f-{n}"))).await, "published");
    }
    assert_eq!(ids(&stored(&nats).await), ["gitea:f-0", "gitea:f-1", "gitea:f-2"]);
    nats.configure(&users(""));
    let messages = stored_are(&nats, 6).await;
    assert_eq!(ids(&messages)[3..], ["gitea:d-0", "gitea:d-1", "gitea:d-2"]);
}
