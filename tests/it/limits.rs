//! The limits of HTTP as a forge, or an attacker, meets them at the real daemon.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::daemon::{Daemon, sources, stored};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{deliver, get, request};
use crate::support::nats::NatsServer;

fn hook(id: &str) -> Hook {
    Hook::new("gitea", "push", Some("push"), id, SECRET, &push("main", &sha('1'), &sha('2')))
}

fn limited(http: &str) -> String {
    format!("[http]\n{http}\n{}", sources())
}

/// Writes raw bytes and reads until the daemon closes; gives what it said.
async fn raw(daemon: &Daemon, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(daemon.hooks).await.unwrap();
    // The daemon may close before all of it is written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(crate::support::LIMIT, read).await.expect("the daemon closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_source_path_or_method_has_its_status() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    for (path, code) in [
        ("/hooks/nobody", "no_such_source"),
        ("/hooks/No%20Body", "no_such_source"),
        ("/hooks/gitea/", "not_found"),
        ("/", "not_found"),
        ("/livez", "not_found"),
    ] {
        let answer = deliver(daemon.hooks, path, &hook("x")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, code), "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = request(daemon.hooks, method, "/hooks/gitea", &hook("x").headers, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (405, "method_not_allowed"),
            "{method}"
        );
    }
    assert_eq!(
        deliver(daemon.hooks, "/hooks/gitea", &hook("x").with("Content-Encoding", "gzip"))
            .await
            .code(),
        "compressed"
    );
    assert_eq!(request(daemon.admin, "POST", "/readyz", &[], &[]).await.status, 405);
    assert_eq!(get(daemon.admin, "/hooks/gitea").await.status, 404);
    assert_eq!(get(daemon.admin, "/version").await.json()["contract"], 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length_and_by_counting() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &limited("max_body_bytes = 65536")).await;
    let large = Hook { body: vec![b' '; 65_537], ..hook("large") };
    let answer = deliver(daemon.hooks, "/hooks/gitea", &large).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
    assert_eq!(answer.json()["limit_bytes"], 65_536);
    let mut chunked =
        b"POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..17 {
        chunked.extend_from_slice(b"1000\r\n");
        chunked.extend_from_slice(&[b' '; 4096]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert!(raw(&daemon, &chunked).await.starts_with("HTTP/1.1 413 "));
    let fits = Hook::new("gitea", "push", Some("push"), "fits", SECRET, &vec![b' '; 65_536]);
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &fits).await.status, 202);
}

#[tokio::test]
async fn heads_too_large_too_slow_or_wrong_have_their_status() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(
        &nats,
        &limited("header_timeout = \"300ms\"\nbody_timeout = \"300ms\"\nmax_header_bytes = 16384"),
    )
    .await;
    let head =
        format!("POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(17_000));
    assert!(raw(&daemon, head.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let slow = raw(&daemon, b"POST /hooks/gitea HTTP/1.1\r\nHost: x\r\n").await;
    assert!(slow.starts_with("HTTP/1.1 408 ") && slow.contains("header_timeout"), "{slow}");
    let slow =
        raw(&daemon, b"POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
            .await;
    assert!(slow.starts_with("HTTP/1.1 408 ") && slow.contains("body_timeout"), "{slow}");
    assert!(
        raw(&daemon, b"\x16\x03\x01 this is not HTTP\r\n\r\n").await.starts_with("HTTP/1.1 400 ")
    );
}

#[tokio::test]
async fn a_url_that_is_too_long_is_414() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let head =
        format!("GET /hooks/gitea?payload={} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(66_000));
    let answer = raw(&daemon, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{}", answer.lines().next().unwrap_or_default());
}

#[tokio::test]
async fn a_body_worked_on_beside_the_runtime_is_published_like_any_other() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let body = String::from_utf8(push("main", &sha('1'), &sha('2'))).unwrap();
    let body = body.replacen('{', &format!("{{\"padding\": \"{}\",", "x".repeat(500_000)), 1);
    let large = Hook::new("gitea", "push", Some("push"), "large", SECRET, body.as_bytes());
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &large).await.status, 202);
    let stored = stored(&nats).await;
    assert_eq!(stored[0].subject, "forge.gitea.acme.widgets.push.updated.main");
    assert!(std::str::from_utf8(&stored[0].bytes).unwrap().contains(&body), "raw is whole");
}

#[tokio::test]
async fn without_descriptors_the_slowest_connections_make_room() {
    let nats = NatsServer::start();
    let daemon = Daemon::with_open_files(&nats, 60).await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(daemon.hooks).await.unwrap();
        let _ = stream.write_all(b"POST /hooks/gitea HTTP/1.1\r\n").await;
        crowd.push(stream);
    }
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("among-them")).await.status, 202);
    daemon.logged("Cannot accept connections; closing the slowest ones instead.").await;
}

/// Peak resident memory of a process, in MiB.
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Whether the other end has given up a connection: it has closed it, or begun to say why it will.
fn is_given_up(stream: &TcpStream) -> bool {
    !matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn ten_thousand_dribbling_connections_keep_no_good_delivery_waiting() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    assert!(
        limit.maximum.is_none_or(|n| n > 12_000),
        "this test needs 12,000 open files: {limit:?}"
    );

    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut dribblers = Vec::with_capacity(10_000);
    for n in 0..10_000_u32 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("127.0.1.{}:0", 1 + n % 40).parse().unwrap()).unwrap();
        let mut stream = socket.connect(daemon.hooks).await.unwrap();
        // Half of them are in a head, half in a body. Those that are closed for others have done their part.
        let begun: &[u8] = if n % 2 == 0 {
            b"POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nX-Slow: "
        } else {
            b"POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"
        };
        let _ = stream.write_all(begun).await;
        dribblers.push(stream);
    }
    // It keeps 4,096 of them. When it has given up all others the whole crowd has come.
    eventually("the others are given up", || {
        let given_up = dribblers.iter().filter(|stream| is_given_up(stream)).count();
        async move { (given_up >= 10_000 - 4_096).then_some(()) }
    })
    .await;
    for round in 0..3 {
        for stream in &dribblers {
            let _ = stream.try_write(b"a");
        }
        let started = Instant::now();
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook(&format!("good-{round}"))).await;
        let took = started.elapsed();
        assert_eq!(answer.status, 202);
        assert!(took < Duration::from_secs(1), "round {round}: {took:?}");
    }
    let peak = peak_mib(daemon.child.id().unwrap());
    assert!(peak < 300, "{peak} MiB");
    println!("peak with 10,000 dribbling connections: {peak} MiB");
}
