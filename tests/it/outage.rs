//! NATS is not there, goes away, comes back; and there is no spool.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};

use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{deliver, get};
use crate::support::nats::NatsServer;

/// What a replica does that must not keep anything on its disk.
fn without_spool() -> String {
    format!("{}[spool]\nenabled = false\n", sources())
}

fn hook(id: &str) -> Hook {
    Hook::new("gitea", "push", Some("push"), id, SECRET, &push("main", &sha('1'), &sha('2')))
}

#[tokio::test]
async fn a_daemon_without_spool_that_starts_before_nats_takes_deliveries_once_nats_is_there() {
    let mut nats = NatsServer::absent();
    let daemon = Daemon::unready(&nats.url, &without_spool(), &[]).await;
    let ready = get(daemon.admin, "/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.json()["reason"]),
        (503, &"nats_not_connected".into())
    );
    assert_eq!(get(daemon.admin, "/livez").await.status, 200);
    let refused = deliver(daemon.hooks, "/hooks/gitea", &hook("early")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "not_stored"));
    nats.restart();
    daemon.ready().await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("late")).await.status, 202);
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_stored_is_answered_503_with_retry_after_in_two_seconds() {
    let mut nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &without_spool()).await;
    nats.kill();
    let started = Instant::now();
    let refused = deliver(daemon.hooks, "/hooks/gitea", &hook("lost")).await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains_key("retry-after"));
    daemon.logged("Delivery not stored.").await;
    nats.restart();
    daemon.ready().await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("kept")).await.status, 202);
    // The one that was refused may have been stored all the same, but only under its id.
    assert!(
        stored(&nats)
            .await
            .iter()
            .all(|m| matches!(&*m.headers["Nats-Msg-Id"], "gitea:lost" | "gitea:kept"))
    );
}

#[tokio::test]
async fn a_stopped_server_makes_no_acknowledgement_and_so_no_202() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &without_spool()).await;
    nats.freeze();
    let started = Instant::now();
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("frozen")).await.status, 503);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    nats.thaw();
    let again =
        crate::support::eventually("the forge's administrator delivers it again", || async {
            let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("frozen")).await;
            (answer.status == 202).then_some(answer)
        })
        .await;
    assert_eq!(again.json()["events"][0]["id"], "gitea:frozen");
    assert_eq!(stored(&nats).await.len(), 1, "both copies have one id");
}

/// Nobody sends anything any more to a daemon that is not ready: so this must end without a delivery.
#[tokio::test]
async fn a_daemon_without_spool_whose_stream_is_full_is_not_ready_until_there_is_room() {
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
    let config = format!("{}[stream]\nmanage = false\n", without_spool());
    let daemon = Daemon::with(&nats, &config).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("fits")).await.status, 202);
    assert_eq!(get(daemon.admin, "/readyz").await.json()["stores"], "jetstream");
    let refused = deliver(daemon.hooks, "/hooks/gitea", &hook("refused")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "not_stored"));
    let not_ready = || async {
        let answer = get(daemon.admin, "/readyz").await;
        (answer.status.as_u16(), answer.json()["reason"].as_str().map(str::to_owned))
    };
    let expected = (503, Some("stream_not_usable".to_owned()));
    assert_eq!(not_ready().await, expected);
    let metrics = get(daemon.admin, "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("forgewire_ready 0\n"), "{metrics}");
    context.update_stream(Config { max_messages: 2, ..full }).await.unwrap();
    daemon.ready().await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("room")).await.status, 202);
}

#[tokio::test]
async fn concurrent_deliveries_do_not_wait_for_each_other() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let all = (0..64).map(|n| {
        let hooks = daemon.hooks;
        tokio::spawn(async move {
            deliver(hooks, "/hooks/gitea", &hook(&format!("c-{n}"))).await.status
        })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 202);
    }
    assert_eq!(stored(&nats).await.len(), 64);
}

#[tokio::test]
async fn a_message_that_the_server_never_takes_is_refused_and_holds_nobody_up() {
    let nats = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    // Too small even for a reference.
    let stream = Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_message_size: 500,
        ..Default::default()
    };
    let stream = context.create_stream(stream).await.unwrap();
    let daemon = Daemon::with(&nats, &without_spool()).await;
    let started = Instant::now();
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("large")).await.status, 503);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let line = daemon.logged("Delivery not stored.").await;
    assert!(line["error"].as_str().unwrap().contains("10054"), "{line}");
    let raised = Config { max_message_size: -1, ..stream.cached_info().config.clone() };
    context.update_stream(raised).await.unwrap();
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("next")).await.status, 202);
}

#[tokio::test]
async fn a_server_that_no_longer_answers_is_noticed_within_fifteen_seconds() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &without_spool()).await;
    nats.freeze();
    let noticed = daemon.logged("Connection to NATS lost; trying to connect again for ever.");
    let limit = Duration::from_secs(15);
    tokio::time::timeout(limit, noticed).await.expect("noticed in time");
    assert_eq!(get(daemon.admin, "/readyz").await.json()["reason"], "nats_not_connected");
    nats.thaw();
    daemon.ready().await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("after")).await.status, 202);
}
