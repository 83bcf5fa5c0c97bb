//! What clients may cost that have delivered nothing authentic, and which networks a source takes deliveries from.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{Answer, deliver, request};
use crate::support::nats::NatsServer;

/// A daemon behind a proxy, so that tests can come from anywhere.
fn behind_a_proxy(more: &str) -> String {
    format!("[http]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{more}\n{}", sources())
}

fn hook(id: &str, client: &str) -> Hook {
    let body = push("main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), id, SECRET, &body).with("X-Forwarded-For", client)
}

async fn bad(daemon: &Daemon, client: &str) -> Answer {
    deliver(daemon.hooks, "/hooks/gitea", &hook("bad", client).unsigned()).await
}

async fn good(daemon: &Daemon, id: &str, client: &str) -> Answer {
    deliver(daemon.hooks, "/hooks/gitea", &hook(id, client)).await
}

#[tokio::test]
async fn a_stranger_is_turned_away_after_so_many_refusals_and_others_are_not() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &behind_a_proxy("max_refused_per_client = 3")).await;
    for _ in 0..3 {
        assert_eq!(bad(&daemon, "192.0.2.7").await.status, 401);
    }
    let away = good(&daemon, "a", "192.0.2.7").await;
    assert_eq!((away.status.as_u16(), &*away.code()), (429, "too_many_refused"));
    let retry: u64 = away.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry), "{retry}");
    assert_eq!(good(&daemon, "b", "192.0.2.8").await.status, 202);
    let said = daemon.logged("Client turned away: too many of its requests were refused.").await;
    assert_eq!((&said["client"], &said["level"]), (&"192.0.2.7".into(), &"WARN".into()));
    // It is said once, however often it comes again.
    for _ in 0..5 {
        assert_eq!(bad(&daemon, "192.0.2.7").await.status, 429);
    }
    let lines = daemon.log();
    assert_eq!(lines.iter().filter(|line| line.contains("Client turned away")).count(), 1);
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn every_way_of_being_refused_counts_for_a_stranger() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &behind_a_proxy("max_refused_per_client = 4")).await;
    let from = |client: &str| vec![("X-Forwarded-For".to_owned(), client.to_owned())];
    for (method, path, status) in [
        ("POST", "/elsewhere", 404),
        ("POST", "/hooks/nobody", 404),
        ("PUT", "/hooks/gitea", 405),
        ("POST", "/hooks/gogs", 401),
        ("POST", "/hooks/gitea", 429),
        ("POST", "/elsewhere", 429),
    ] {
        let answer = request(daemon.hooks, method, path, &from("192.0.2.7"), b"{}").await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_forge_with_one_wrong_hook_is_never_turned_away() {
    let nats = NatsServer::start();
    let limits =
        "max_refused_per_client = 2\nmax_refused_per_source = 2\nmax_unauthenticated_bytes = 1_500";
    let daemon = Daemon::with(&nats, &behind_a_proxy(limits)).await;
    assert_eq!(good(&daemon, "first", "192.0.2.7").await.status, 202);
    for n in 0..10 {
        assert_eq!(bad(&daemon, "192.0.2.7").await.status, 401);
        assert_eq!(good(&daemon, &format!("d{n}"), "192.0.2.7").await.status, 202);
    }
}

#[tokio::test]
async fn a_source_under_attack_turns_strangers_away_and_serves_its_forges() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &behind_a_proxy("max_refused_per_source = 5")).await;
    assert_eq!(good(&daemon, "a", "192.0.2.7").await.status, 202);
    for n in 0..5 {
        assert_eq!(bad(&daemon, &format!("198.51.100.{n}")).await.status, 401);
    }
    assert_eq!(bad(&daemon, "203.0.113.1").await.status, 429);
    assert_eq!(good(&daemon, "b", "192.0.2.7").await.status, 202);
    let forgejo = Hook::new("forgejo", "push", None, "c", SECRET, b"{}")
        .with("X-Forwarded-For", "203.0.113.1");
    assert_eq!(deliver(daemon.hooks, "/hooks/forgejo", &forgejo).await.status, 202);
    let said = "Unknown clients are turned away from this source: too many requests were refused.";
    assert_eq!(daemon.logged(said).await["source"], "gitea");
}

#[tokio::test]
async fn a_stranger_may_send_only_so_many_bytes_and_sees_why() {
    let nats = NatsServer::start();
    let limit = "max_unauthenticated_bytes = 100_000";
    let daemon = Daemon::with(&nats, &behind_a_proxy(limit)).await;
    let mut stream = TcpStream::connect(daemon.hooks).await.unwrap();
    let head = "POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // All of it is sent, and the answer is there nevertheless: who is refused is not reset.
    stream.write_all(&vec![b' '; 1_000_000]).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
    assert!(answer.contains("\"code\":\"too_many_refused\""), "{answer}");
    assert_eq!(good(&daemon, "a", "192.0.2.7").await.status, 429);
    assert_eq!(good(&daemon, "b", "192.0.2.8").await.status, 202);
}

#[tokio::test]
async fn a_source_takes_deliveries_from_its_networks_alone() {
    let nats = NatsServer::start();
    let config = format!(
        "[http]\ntrusted_proxies = [\"127.0.0.1\"]\n{}[sources.inside]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n\
         clients = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n",
        sources()
    );
    let daemon = Daemon::with(&nats, &config).await;
    for (client, status) in [
        ("10.1.2.3", 202),
        ("2001:db8::7", 202),
        ("::ffff:10.1.2.4", 202),
        ("192.0.2.7", 403),
        // What a client writes before its proxy does is nobody's word.
        ("10.1.2.3, 192.0.2.7", 403),
        ("rubbish", 403),
    ] {
        let answer = deliver(daemon.hooks, "/hooks/inside", &hook(client, client)).await;
        assert_eq!(answer.status, status, "{client}");
        assert!(status == 202 || answer.code() == "client_not_allowed", "{client}");
    }
    let direct = hook("direct", "10.1.2.3").without("X-Forwarded-For");
    assert_eq!(deliver(daemon.hooks, "/hooks/inside", &direct).await.status, 403);
    assert_eq!(good(&daemon, "other-source", "192.0.2.7").await.status, 202);
}

#[tokio::test]
async fn who_is_not_a_trusted_proxy_speaks_for_itself_and_is_named_once() {
    let nats = NatsServer::start();
    let config = format!("[http]\nmax_refused_per_client = 2\n{}", sources());
    let daemon = Daemon::with(&nats, &config).await;
    assert_eq!(bad(&daemon, "192.0.2.1").await.status, 401);
    assert_eq!(bad(&daemon, "192.0.2.2").await.status, 401);
    assert_eq!(bad(&daemon, "192.0.2.3").await.status, 429);
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &config).await;
    for id in ["a", "b"] {
        assert_eq!(good(&daemon, id, "192.0.2.1").await.status, 202);
    }
    let message = "Deliveries are forwarded by a proxy: name it in http.trusted_proxies, or its clients count as one.";
    let said = daemon.logged(message).await;
    assert_eq!((&said["peer"], &said["header"]), (&"127.0.0.1".into(), &"x-forwarded-for".into()));
    assert_eq!(daemon.log().iter().filter(|line| line.contains(message)).count(), 1);
}

#[tokio::test]
async fn the_standard_header_counts_where_it_is_configured_and_the_other_does_not() {
    let nats = NatsServer::start();
    let more = "forwarded_header = \"forwarded\"\nmax_refused_per_client = 1";
    let daemon = Daemon::with(&nats, &behind_a_proxy(more)).await;
    let from = |client: &str| hook("a", "203.0.113.9").unsigned().with("Forwarded", client);
    let status = async |client: &str| {
        deliver(daemon.hooks, "/hooks/gitea", &from(client)).await.status.as_u16()
    };
    assert_eq!(status("for=192.0.2.7;proto=https").await, 401);
    assert_eq!(status("for=\"192.0.2.7:4711\"").await, 429);
    assert_eq!(status("for=192.0.2.8").await, 401);
}

#[tokio::test]
async fn a_source_that_takes_the_unsigned_makes_nobody_known() {
    let nats = NatsServer::start();
    let open = "[sources.open]\nkind = \"gitea\"\ndanger_accept_unsigned = true\n";
    let config =
        behind_a_proxy("max_refused_per_client = 1\nmax_unauthenticated_bytes = 2_000") + open;
    let daemon = Daemon::with(&nats, &config).await;
    let unsigned = hook("a", "192.0.2.7").unsigned();
    // What is taken is paid for by nobody, however often.
    for _ in 0..10 {
        assert_eq!(deliver(daemon.hooks, "/hooks/open", &unsigned).await.status, 202);
    }
    assert_eq!(bad(&daemon, "192.0.2.7").await.status, 401);
    assert_eq!(bad(&daemon, "192.0.2.7").await.status, 429);
}
