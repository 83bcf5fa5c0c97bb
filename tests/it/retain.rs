//! A server can forget what it acknowledged; with `spool.retain` it is published again.

use std::path::Path;

use crate::support::daemon::{Daemon, Stored, sources, stored};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;

async fn published(daemon: &Daemon, id: &str) {
    let payload = push("main", &sha('1'), &sha('2'));
    let hook = Hook::new("gitea", "push", Some("push"), id, SECRET, &payload);
    eventually("JetStream takes it", || async {
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
        assert_eq!(answer.status, 202);
        (answer.json()["status"] == "published").then_some(())
    })
    .await;
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

fn ids(messages: &[Stored]) -> Vec<String> {
    let mut ids: Vec<_> =
        messages.iter().map(|message| message.headers["Nats-Msg-Id"].clone()).collect();
    ids.sort_unstable();
    ids
}

fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("gitea:r-{n:02}")).collect()
}

fn config(dir: &Path, retain: &str) -> String {
    format!("{}[spool]\ndir = \"{}\"\nretain = \"{retain}\"\n", sources(), dir.display())
}

/// What the server is configured with so that nobody may publish events.
const READ_ONLY: &str = "authorization { users = [{ user: any, password: any, \
                         permissions: { publish: { deny: [\"forge.>\"] } } }] }\nno_auth_user: any\n";

/// Ten events; then ten more that the server forgets, since an older copy of its store comes back.
async fn rolled_back(nats: &mut NatsServer, daemon: &Daemon) {
    rolled_back_to(nats, daemon, "").await;
}

/// The same, and the server that comes back has this configuration.
async fn rolled_back_to(nats: &mut NatsServer, daemon: &Daemon, configuration: &str) {
    for n in 0..10 {
        published(daemon, &format!("r-{n:02}")).await;
    }
    let store = nats.dir.path().join("store");
    let older = nats.dir.path().join("older");
    nats.stop();
    copy(&store, &older);
    nats.restart();
    for n in 10..20 {
        published(daemon, &format!("r-{n:02}")).await;
    }
    nats.kill();
    std::fs::remove_dir_all(&store).unwrap();
    copy(&older, &store);
    nats.configure(configuration);
    nats.restart();
}

#[tokio::test]
async fn what_a_restored_server_forgot_is_published_again_and_once() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    rolled_back(&mut nats, &daemon).await;
    daemon.logged("Events that the server had forgotten are published again.").await;
    assert_eq!(ids(&stored(&nats).await), expected(0..20));
    published(&daemon, "r-20").await;
    assert_eq!(ids(&stored(&nats).await), expected(0..21));
}

#[tokio::test]
async fn a_daemon_that_was_killed_meanwhile_notices_too() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    for n in 0..10 {
        published(&daemon, &format!("r-{n:02}")).await;
    }
    let store = nats.dir.path().join("store");
    let older = nats.dir.path().join("older");
    nats.stop();
    copy(&store, &older);
    nats.restart();
    for n in 10..20 {
        published(&daemon, &format!("r-{n:02}")).await;
    }
    // A second is how long it may take to write down what it knows of the stream.
    eventually("what is known of the stream is written down", || async {
        let line = daemon.logged("What is known of the stream is written down.").await;
        (line["highest"] == 20).then_some(())
    })
    .await;
    daemon.child.kill().await.unwrap();
    nats.kill();
    std::fs::remove_dir_all(&store).unwrap();
    copy(&older, &store);
    nats.restart();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    daemon.logged("Events that the server had forgotten are published again.").await;
    assert_eq!(ids(&stored(&nats).await), expected(0..20));
}

#[tokio::test]
async fn a_daemon_that_was_killed_before_it_could_publish_again_does_so_after_its_start() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    rolled_back_to(&mut nats, &daemon, READ_ONLY).await;
    daemon
        .logged(
            "The stream went back to this sequence: the server forgot what it had acknowledged. What is retained is \
             published again.",
        )
        .await;
    // From here on the highest sequence that is known shows no loss any more.
    eventually("what is known of the stream is written down", || async {
        let line = daemon.logged("What is known of the stream is written down.").await;
        (line["highest"] == 10).then_some(())
    })
    .await;
    daemon.child.kill().await.unwrap();
    nats.configure("");
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    daemon.logged("Events that the server had forgotten are published again.").await;
    assert_eq!(ids(&stored(&nats).await), expected(0..20));
}

#[tokio::test]
async fn what_took_the_sequences_of_forgotten_events_keeps_none_of_them_away() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    let store = nats.dir.path().join("store");
    let older = nats.dir.path().join("older");
    published(&daemon, "r-00").await;
    nats.stop();
    copy(&store, &older);
    nats.restart();
    for n in 1..200 {
        published(&daemon, &format!("r-{n:02}")).await;
    }
    nats.kill();
    // They are published when the server is back, under the sequences that the others had.
    for n in 200..400 {
        let payload = push("main", &sha('1'), &sha('2'));
        let hook = Hook::new("gitea", "push", Some("push"), &format!("r-{n:02}"), SECRET, &payload);
        assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook).await.status, 202);
    }
    std::fs::remove_dir_all(&store).unwrap();
    copy(&older, &store);
    nats.restart();
    let mut all = expected(0..400);
    all.sort_unstable();
    eventually("all is published", || async { (ids(&stored(&nats).await) == all).then_some(()) })
        .await;
}

#[tokio::test]
async fn without_retention_what_was_forgotten_stays_so() {
    let mut nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    rolled_back(&mut nats, &daemon).await;
    published(&daemon, "r-20").await;
    let mut left = expected(0..10);
    left.push("gitea:r-20".to_owned());
    assert_eq!(ids(&stored(&nats).await), left);
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_reported_and_left_empty() {
    let nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    for n in 0..5 {
        published(&daemon, &format!("r-{n:02}")).await;
    }
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    context.delete_stream("FORGE").await.unwrap();
    // The daemon makes it again once something was published in vain.
    published(&daemon, "r-05").await;
    daemon
        .logged("The stream was deleted and made anew; what it held is not published again.")
        .await;
    assert_eq!(ids(&stored(&nats).await), expected(5..6));
}

#[tokio::test]
async fn what_is_retained_goes_when_it_is_old_enough() {
    let nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1s")).await;
    published(&daemon, "r-00").await;
    let line = daemon.logged("Old retained events are gone.").await;
    assert_eq!(line["count"], 1);
}
