//! A server can forget what it acknowledged; with `spool.retain` it is published again.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::least::{servers, version};
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

async fn all_published(daemon: &Daemon, range: std::ops::Range<usize>) {
    for n in range {
        published(daemon, &format!("r-{n:02}")).await;
    }
}

/// Copies the server's store, which stops for it.
fn keep_copy(nats: &mut NatsServer) {
    nats.stop();
    copy(&nats.dir.path().join("store"), &nats.dir.path().join("older"));
    nats.restart();
}

/// Puts the copy in the place of the store of a server that was killed; with this configuration it starts.
fn put_back(nats: &mut NatsServer, configuration: &str) {
    nats.kill();
    let store = nats.dir.path().join("store");
    std::fs::remove_dir_all(&store).unwrap();
    copy(&nats.dir.path().join("older"), &store);
    nats.configure(configuration);
    nats.restart();
}

/// Ten events; then ten more that the server does not have when it comes back with the copy.
async fn twenty_of_which_ten_are_in_the_copy(nats: &mut NatsServer, daemon: &Daemon) {
    all_published(daemon, 0..10).await;
    keep_copy(nats);
    all_published(daemon, 10..20).await;
}

/// Waits until the spool knows this highest sequence of the stream, so that a kill does not lose it.
async fn written_down(daemon: &Daemon, highest: u64) {
    eventually("what is known of the stream is written down", || async {
        let line = daemon.logged("What is known of the stream is written down.").await;
        (line["highest"] == highest).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_restored_server_forgot_is_published_again_and_once() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    twenty_of_which_ten_are_in_the_copy(&mut nats, &daemon).await;
    put_back(&mut nats, "");
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
    twenty_of_which_ten_are_in_the_copy(&mut nats, &daemon).await;
    written_down(&daemon, 20).await;
    daemon.child.kill().await.unwrap();
    put_back(&mut nats, "");
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    daemon.logged("Events that the server had forgotten are published again.").await;
    assert_eq!(ids(&stored(&nats).await), expected(0..20));
}

#[tokio::test]
async fn a_daemon_that_was_killed_before_it_could_publish_again_does_so_after_its_start() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    twenty_of_which_ten_are_in_the_copy(&mut nats, &daemon).await;
    put_back(&mut nats, READ_ONLY);
    daemon
        .logged(
            "The stream went back to this sequence: the server forgot what it had acknowledged. What is retained is \
             published again.",
        )
        .await;
    // From here on the highest sequence that is known shows no loss any more.
    written_down(&daemon, 10).await;
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
    all_published(&daemon, 0..1).await;
    keep_copy(&mut nats);
    all_published(&daemon, 1..200).await;
    nats.kill();
    // They are published when the server is back, under the sequences that the others had.
    for n in 200..400 {
        let payload = push("main", &sha('1'), &sha('2'));
        let hook = Hook::new("gitea", "push", Some("push"), &format!("r-{n:02}"), SECRET, &payload);
        assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook).await.status, 202);
    }
    put_back(&mut nats, "");
    let mut all = expected(0..400);
    all.sort_unstable();
    eventually("all is published", || async { (ids(&stored(&nats).await) == all).then_some(()) })
        .await;
}

#[tokio::test]
async fn what_was_forgotten_is_found_also_where_somebody_else_has_published_since() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    twenty_of_which_ten_are_in_the_copy(&mut nats, &daemon).await;
    nats.kill();
    // The restored server, where the daemon does not find it yet.
    let mut other = NatsServer::absent();
    copy(&nats.dir.path().join("older"), &other.dir.path().join("store"));
    other.restart();
    let context = async_nats::jetstream::new(async_nats::connect(&other.url).await.unwrap());
    for _ in 0..3 {
        context.publish("forge.other", "{}".into()).await.unwrap().await.unwrap();
    }
    other.stop();
    std::fs::remove_dir_all(nats.dir.path().join("older")).unwrap();
    copy(&other.dir.path().join("store"), &nats.dir.path().join("older"));
    put_back(&mut nats, "");
    daemon.logged("Events that the server had forgotten are published again.").await;
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let stream = context.get_stream("FORGE").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 23, "ten, three of somebody else, ten again");
}

#[tokio::test]
async fn without_retention_what_was_forgotten_stays_so() {
    let mut nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    twenty_of_which_ten_are_in_the_copy(&mut nats, &daemon).await;
    put_back(&mut nats, "");
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
    all_published(&daemon, 0..5).await;
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
async fn a_stream_that_somebody_else_made_anew_is_left_empty_though_its_sequences_begin_again() {
    let nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &config(dir.path(), "1h")).await;
    all_published(&daemon, 0..5).await;
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let settings = context.get_stream("FORGE").await.unwrap().cached_info().config.clone();
    context.delete_stream("FORGE").await.unwrap();
    context.create_stream(settings).await.unwrap();
    published(&daemon, "r-05").await;
    daemon
        .logged("The stream was deleted and made anew; what it held is not published again.")
        .await;
    all_published(&daemon, 6..8).await;
    assert_eq!(ids(&stored(&nats).await), expected(5..8));
}

/// A backup of a stream as `nats backup` makes it: settings and state, and the data in chunks.
struct Backup {
    head: Value,
    chunks: Vec<Bytes>,
}

async fn asked(client: &async_nats::Client, verb: &str, body: &Value) -> Value {
    let subject = format!("$JS.API.STREAM.{verb}.FORGE");
    let answer = client.request(subject, body.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer["error"].is_null(), "{verb}: {answer}");
    answer
}

async fn back_up(client: &async_nats::Client) -> Backup {
    let inbox = client.new_inbox();
    let mut data = client.subscribe(inbox.clone()).await.unwrap();
    let head = asked(client, "SNAPSHOT", &json!({ "deliver_subject": inbox })).await;
    let mut chunks = Vec::new();
    loop {
        let chunk = data.next().await.unwrap();
        if let Some(reply) = chunk.reply {
            client.publish(reply, Bytes::new()).await.unwrap();
        }
        // The last one is empty, and was refused if it has another status.
        if chunk.payload.is_empty() {
            return Backup { head, chunks };
        }
        chunks.push(chunk.payload);
    }
}

async fn restore(client: &async_nats::Client, backup: Backup) {
    let body = json!({ "config": backup.head["config"], "state": backup.head["state"] });
    let to = asked(client, "RESTORE", &body).await["deliver_subject"].as_str().unwrap().to_owned();
    for chunk in backup.chunks.into_iter().chain([Bytes::new()]) {
        let answer = client.request(to.clone(), chunk).await.unwrap();
        let text = String::from_utf8_lossy(&answer.payload);
        assert!(!text.contains("error"), "{text}");
    }
}

async fn created(client: &async_nats::Client) -> String {
    asked(client, "INFO", &json!({})).await["created"].as_str().unwrap().to_owned()
}

/// Newer servers give a restored stream a new time of creation, as one that is made anew has.
#[tokio::test]
async fn what_a_backup_of_the_stream_lacks_is_published_again() {
    for program in servers() {
        let nats = NatsServer::configured_by(&program, "", "");
        let client = async_nats::connect(&nats.url).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        drop(Daemon::with(&nats, &config(dir.path(), "1h")).await);
        let unmanaged = format!("{}[stream]\nmanage = false\n", config(dir.path(), "1h"));
        let daemon = Daemon::with(&nats, &unmanaged).await;
        all_published(&daemon, 0..10).await;
        let backup = back_up(&client).await;
        let before = created(&client).await;
        all_published(&daemon, 10..20).await;
        // What a clock could be wrong by is not taken for a restore.
        let first = Instant::now();
        eventually("the first event is old enough", || async {
            (first.elapsed() > Duration::from_secs(6)).then_some(())
        })
        .await;
        asked(&client, "DELETE", &json!({})).await;
        restore(&client, backup).await;
        let is_new = created(&client).await != before;
        assert_eq!(is_new, version(program.as_ref()) >= vec![2, 15], "{}", program.display());
        // It takes the place that a lost one had.
        published(&daemon, "r-20").await;
        daemon.logged("Events that the server had forgotten are published again.").await;
        assert_eq!(ids(&stored(&nats).await), expected(0..21), "{}", program.display());
        let anew = daemon.log().iter().any(|line| line.contains("deleted and made anew"));
        assert!(!anew, "{}", program.display());
    }
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
