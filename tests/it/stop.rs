//! The daemon stops: nothing that was sent is refused or left without an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push_in, sha};
use crate::support::http::{Connection, get};
use crate::support::nats::NatsServer;

fn hook(client: usize, number: usize) -> Hook {
    let body = push_in("acme", &format!("repo-{client}"), 1, "main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), &format!("{client}-{number}"), SECRET, &body)
}

fn with_drain(drain: &str) -> String {
    format!("[http]\ndrain = \"{drain}\"\nstop_timeout = \"10s\"\n{}", sources())
}

/// Sends like Go's client: one kept-alive connection, another only after `Connection: close`, no request
/// twice. Gives the ids that were answered 202, and how many requests were not answered at all.
async fn client(
    hooks: std::net::SocketAddr,
    number: usize,
    answered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) -> (Vec<String>, usize) {
    let (mut kept, mut unanswered) = (Vec::new(), 0);
    let mut connection = None;
    for n in 0.. {
        let mut open = match connection.take() {
            Some(open) => open,
            // The listener is closed: nothing is sent, so nothing is lost.
            None => match Connection::open(hooks).await {
                Ok(open) => open,
                Err(_) => break,
            },
        };
        match open.deliver("/hooks/gitea", &hook(number, n)).await {
            Ok(answer) => {
                assert_eq!(answer.status, 202, "{:?}", answer.body);
                answered.fetch_add(1, Ordering::Relaxed);
                kept.push(format!("gitea:{number}-{n}"));
                if answer.headers.get("connection").is_none_or(|value| value != "close") {
                    connection = Some(open);
                }
            }
            Err(_) => unanswered += 1,
        }
        if over.load(Ordering::Relaxed) && unanswered > 0 {
            break;
        }
    }
    (kept, unanswered)
}

#[tokio::test]
async fn a_client_that_never_sends_twice_loses_nothing_when_the_daemon_stops() {
    let nats = NatsServer::start();
    let mut daemon = Daemon::with(&nats, &with_drain("700ms")).await;
    let (answered, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..8)
        .map(|n| tokio::spawn(client(daemon.hooks, n, Arc::clone(&answered), Arc::clone(&over))))
        .collect();
    crate::support::eventually("the load runs", || async {
        (answered.load(Ordering::Relaxed) > 200).then_some(())
    })
    .await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    over.store(true, Ordering::Relaxed);
    let mut kept = std::collections::BTreeSet::new();
    for client in clients {
        let (ids, unanswered) = client.await.unwrap();
        assert_eq!(unanswered, 0, "every request was answered");
        kept.extend(ids);
    }
    let stored: std::collections::BTreeSet<_> =
        stored(&nats).await.into_iter().map(|m| m.headers["Nats-Msg-Id"].clone()).collect();
    assert_eq!(stored, kept, "202 means stored, and nothing else was");
}

#[tokio::test]
async fn an_idle_connection_is_still_served_while_draining_and_told_to_close() {
    let nats = NatsServer::start();
    let mut daemon = Daemon::with(&nats, &with_drain("3s")).await;
    let mut connection = Connection::open(daemon.hooks).await.unwrap();
    assert_eq!(connection.deliver("/hooks/gitea", &hook(0, 0)).await.unwrap().status, 202);
    daemon.signal(Signal::INT);
    daemon.logged("Stopping: finishing what has been sent.").await;
    assert_eq!(get(daemon.admin, "/readyz").await.json()["reason"], "stopping");
    let answer = connection.deliver("/hooks/gitea", &hook(0, 1)).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["connection"]),
        (202, &"close".parse().unwrap())
    );
    let mut late =
        Connection::open(daemon.hooks).await.expect("the listener is open while draining");
    assert_eq!(late.deliver("/hooks/gitea", &hook(0, 2)).await.unwrap().status, 202);
    assert_eq!(daemon.exit_code().await, Some(0));
    assert_eq!(stored(&nats).await.len(), 3);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    let nats = NatsServer::start();
    let mut daemon =
        Daemon::unready(&nats.url, &with_drain("50ms"), &["--log-filter", "trace"]).await;
    daemon.ready().await;
    nats.freeze();
    let hooks = daemon.hooks;
    let waiting = tokio::spawn(async move {
        crate::support::http::deliver(hooks, "/hooks/gitea", &hook(0, 0)).await
    });
    daemon.logged("Delivery verified.").await;
    daemon.signal(Signal::TERM);
    daemon.logged("Stopping: finishing what has been sent.").await;
    nats.thaw();
    assert_eq!(waiting.await.unwrap().status, 202);
    assert_eq!(daemon.exit_code().await, Some(0));
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn a_second_signal_ends_at_once_with_its_own_exit_code() {
    let nats = NatsServer::start();
    let mut daemon = Daemon::with(&nats, &with_drain("8s")).await;
    let _idle = Connection::open(daemon.hooks).await.unwrap();
    daemon.signal(Signal::TERM);
    daemon.logged("Stopping: finishing what has been sent.").await;
    let started = Instant::now();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(75));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}
