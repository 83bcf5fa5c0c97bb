//! What JetStream does not take is kept on disk, and published in order when it does.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};

use crate::spool_cli::tiny_stream;
use crate::support::daemon::{Daemon, Stored, sources, stored};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, push_in, sha};
use crate::support::http::{Answer, deliver, get};
use crate::support::nats::NatsServer;

/// A push whose payload says which one it is.
pub(crate) fn hook(id: &str) -> Hook {
    let payload = push("main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), id, SECRET, &payload)
}

/// The same for a repository of its own.
pub(crate) fn hook_of(repo: &str, id: &str) -> Hook {
    let number = repo.bytes().fold(0_u64, |sum, byte| sum % 1_000_003 * 31 + u64::from(byte));
    let payload = push_in("acme", repo, number, "main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), id, SECRET, &payload)
}

pub(crate) async fn accepted(daemon: &Daemon, hook: &Hook) -> String {
    let answer = deliver(daemon.hooks, "/hooks/gitea", hook).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    answer.json()["status"].as_str().unwrap().to_owned()
}

pub(crate) fn ids(messages: &[Stored]) -> Vec<&str> {
    messages.iter().map(|message| &*message.headers["Nats-Msg-Id"]).collect()
}

pub(crate) async fn stored_are(nats: &NatsServer, count: usize) -> Vec<Stored> {
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
            "delivery": "r",
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
    assert_eq!(get(daemon.admin, "/readyz").await.json()["stores"], "spool");
    context.update_stream(Config { max_messages: 100, ..full }).await.unwrap();
    let expected: Vec<_> = (0..4).map(|n| format!("gitea:f-{n}")).collect();
    assert_eq!(ids(&stored_are(&nats, 4).await), expected);
    daemon.ready().await;
}

#[tokio::test]
async fn a_daemon_that_can_store_neither_in_a_full_stream_nor_in_a_full_spool_is_not_ready() {
    let nats = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let full = Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_messages: 1,
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_secs(120),
        ..Config::default()
    };
    context.create_stream(full.clone()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let spool = format!("[spool]\ndir = \"{}\"\nmax_bytes = 16_777_216\n", dir.path().display());
    let limits = "[stream]\nmanage = false\n[http]\nmax_body_bytes = 1_048_576\n";
    let daemon = Daemon::with(&nats, &format!("{}{spool}{limits}", sources())).await;
    let payload = push(&"b".repeat(60_000), &sha('1'), &sha('2'));
    let mut taken = 0;
    loop {
        let id = format!("full-{taken}");
        let hook = Hook::new("gitea", "push", Some("push"), &id, SECRET, &payload);
        if deliver(daemon.hooks, "/hooks/gitea", &hook).await.status != 202 {
            break;
        }
        taken += 1;
    }
    assert!(taken > 10, "{taken}");
    let ready = get(daemon.admin, "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["reason"]), (503, &"spool_full".into()));
    context.update_stream(Config { max_messages: 100_000, ..full }).await.unwrap();
    daemon.ready().await;
    assert_eq!(stored_are(&nats, taken).await.len(), taken);
}

#[tokio::test]
async fn a_message_that_jetstream_never_takes_is_set_aside_and_holds_nobody_up() {
    let nats = NatsServer::start();
    let raise = tiny_stream(&nats).await;
    let daemon = Daemon::start(&nats).await;
    assert_eq!(accepted(&daemon, &hook("large")).await, "spooled");
    let line = daemon
        .logged(
            "JetStream will never take this message; it is set aside: see `forgewire spool dead`.",
        )
        .await;
    assert!(line["reason"].as_str().unwrap().contains("10054"), "{line}");
    raise().await;
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

#[tokio::test]
async fn what_is_sent_again_when_jetstream_may_not_know_it_any_more_says_so() {
    let mut nats = NatsServer::start();
    let config = format!("{}[stream]\nduplicate_window = \"100ms\"\n", sources());
    let daemon = Daemon::with(&nats, &config).await;
    nats.freeze();
    assert_eq!(accepted(&daemon, &hook("unknown")).await, "spooled");
    assert_eq!(accepted(&daemon, &hook("never-sent")).await, "spooled");
    // The copy that was sent is lost with it.
    nats.kill();
    nats.restart();
    let messages = stored_are(&nats, 2).await;
    let resent = |n: usize| messages[n].headers.get("Forgewire-Resent").map(String::as_str);
    assert_eq!(ids(&messages), ["gitea:unknown", "gitea:never-sent"]);
    assert_eq!((resent(0), resent(1)), (Some("1"), None));
}

#[tokio::test]
async fn a_full_spool_refuses_says_so_once_and_goes_on_when_there_is_room() {
    let mut nats = NatsServer::absent();
    let dir = tempfile::tempdir().unwrap();
    let spool = format!("[spool]\ndir = \"{}\"\nmax_bytes = 16_777_216\n", dir.path().display());
    let http = "[http]\nmax_body_bytes = 1_048_576\n";
    let daemon = Daemon::unready(&nats.url, &format!("{}{spool}{http}", sources()), &[]).await;
    let branch = "b".repeat(60_000);
    let payload = push(&branch, &sha('1'), &sha('2'));
    let mut taken = 0;
    let refused = loop {
        let id = format!("full-{taken}");
        let hook = Hook::new("gitea", "push", Some("push"), &id, SECRET, &payload);
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
        if answer.status != 202 {
            break answer;
        }
        taken += 1;
    };
    assert!(taken > 10, "{taken}");
    assert_eq!((refused.status.as_u16(), &*refused.code()), (503, "not_stored"));
    assert!(refused.headers.contains_key("retry-after"));
    let on_disk: u64 = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(on_disk <= 16_777_216, "{on_disk}");
    let full = "The spool is full: what JetStream does not take is answered 503. Bring NATS back, or raise spool.max_bytes.";
    daemon.logged(full).await;
    let ready = get(daemon.admin, "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["reason"]), (503, &"spool_full".into()));
    nats.restart();
    daemon.ready().await;
    assert_eq!(stored_are(&nats, taken).await.len(), taken);
    daemon.logged("The spool has room again.").await;
    assert_eq!(daemon.log().iter().filter(|line| line.contains(full)).count(), 1);
    assert_eq!(accepted(&daemon, &hook("after")).await, "published");
}

#[tokio::test]
async fn a_second_daemon_on_the_same_spool_does_not_start() {
    let nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{}[spool]\ndir = \"{}\"\n", sources(), dir.path().display());
    let daemon = Daemon::with(&nats, &config).await;
    let path = dir.path().join("second.toml");
    std::fs::write(&path, &config).unwrap();
    let second = tokio::process::Command::new(env!("CARGO_BIN_EXE_forgewire"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config"])
        .arg(&path)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(69), "{said}");
    let pid = daemon.child.id().unwrap();
    assert!(said.contains(&format!("is in use by process {pid}")), "{said}");
}

#[tokio::test]
async fn a_stop_while_nats_is_away_loses_nothing_that_is_spooled() {
    let mut nats = NatsServer::absent();
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{}[spool]\ndir = \"{}\"\n", sources(), dir.path().display());
    let mut daemon = Daemon::unready(&nats.url, &config, &[]).await;
    for n in 0..5 {
        assert_eq!(accepted(&daemon, &hook(&format!("s-{n}"))).await, "spooled");
    }
    daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    nats.restart();
    let _daemon = Daemon::with(&nats, &config).await;
    let expected: Vec<_> = (0..5).map(|n| format!("gitea:s-{n}")).collect();
    assert_eq!(ids(&stored_are(&nats, 5).await), expected);
}

#[tokio::test]
async fn later_events_of_a_delivery_follow_the_first_into_the_spool() {
    let mut nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    nats.kill();
    let payload = forgewire::samples::Sender::ALL
        .iter()
        .find(|sender| sender.kind == "bitbucket-cloud")
        .and_then(|sender| {
            let sample = sender.samples.iter().find(|sample| sample.name == "push-several")?;
            sender.payload(sample).ok()
        })
        .unwrap();
    let hook =
        Hook::new("bitbucket-cloud", "repo:push", None, "several", SECRET, payload.as_bytes());
    let answer = deliver(daemon.hooks, "/hooks/bitbucket-cloud", &hook).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let count = usize::try_from(answer.json()["count"].as_u64().unwrap()).unwrap();
    assert!(count > 1 && answer.json()["status"] == "spooled");
    nats.restart();
    let messages = stored_are(&nats, count).await;
    let listed: Vec<_> =
        answer.json()["events"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids(&messages), listed);
}
