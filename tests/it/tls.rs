//! TLS at the listener: who gets in, what is refused and how, certificates that change, and the stop.

mod files;
mod program;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forgewire::listen::Limits;
use forgewire::listen::server::{Outcome, Server};
use forgewire::listen::tls::Tls;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::listen_support::{Client, Gate, PATIENCE, start_secured};
use crate::support::tls::{Ca, shown};

/// Each version alone.
const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];
const SHORT: Duration = Duration::from_millis(150);

/// A server with a certificate of this CA.
fn start(ca: &Ca, limits: Limits) -> (Server, Gate) {
    start_secured(limits, &Arc::new(Tls::new(ca.identity())))
}

async fn connect(ca: &Ca, addr: SocketAddr) -> Client<TlsStream<TcpStream>> {
    Client::over(ca.client().connect(addr).await.unwrap())
}

/// What the server says to a client that only says hello.
async fn says(stream: std::io::Result<TlsStream<TcpStream>>) -> std::io::Result<String> {
    let mut stream = stream?;
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end")?;
    Ok(answer)
}

fn post(length: usize) -> String {
    format!("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test]
async fn tls_1_2_and_1_3_carry_requests() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    for versions in VERSIONS {
        let stream = ca.client().speaking(versions).connect(server.local_addr()).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(versions[0].version));
        let mut client = Client::over(stream);
        for length in [0, 1, 9_000, 300_000] {
            client.send(post(length)).await;
            client.send(vec![b'a'; length]).await;
            assert_eq!(client.answer().await.body, length.to_string());
        }
    }
}

#[tokio::test]
async fn tls_1_1_is_refused_with_its_alert() {
    let (server, _) = start(&Ca::new(), Limits::default());
    let mut hello = vec![1, 0, 0, 0, 3, 2];
    hello.extend([7; 32]);
    // ECDHE with AES, no compression, and the extension that names signatures.
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    hello[3] = u8::try_from(hello.len() - 4).unwrap();
    let mut record = vec![0x16, 3, 1, 0, u8::try_from(hello.len()).unwrap()];
    record.extend(hello);
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let (alert, fatal, protocol_version) = (0x15, 2, 70);
    assert_eq!((answer[0], &answer[5..]), (alert, &[fatal, protocol_version][..]));
}

#[tokio::test]
async fn with_a_client_ca_only_whom_it_signed_gets_in() {
    let (ca, senders, strangers) = (Ca::new(), Ca::new(), Ca::new());
    let tls = Arc::new(Tls::new(ca.issue().identity(Some(&senders))));
    let (server, _) = start_secured(Limits::default(), &tls);
    for versions in VERSIONS {
        let client = ca.client().speaking(versions);
        let nobody = says(client.connect(server.local_addr()).await).await;
        let error = nobody.unwrap_err().to_string();
        assert!(
            error.contains("CertificateRequired") || error.contains("HandshakeFailure"),
            "{error}"
        );
        let stranger = client.clone().showing(&strangers.issue());
        let error =
            says(stranger.connect(server.local_addr()).await).await.unwrap_err().to_string();
        assert!(error.contains("UnknownCA") || error.contains("DecryptError"), "{error}");
        let sender = client.showing(&senders.issue());
        let answer = says(sender.connect(server.local_addr()).await).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_newcomers_and_old_connections_go_on() {
    let (old_ca, new_ca, senders) = (Ca::new(), Ca::new(), Ca::new());
    let tls = Arc::new(Tls::new(old_ca.identity()));
    let (server, gate) = start_secured(Limits::default(), &tls);
    let addr = server.local_addr();
    let mut old = connect(&old_ca, addr).await;
    assert_eq!(old.get("/hello").await.body, "hello");
    let mut busy = connect(&old_ca, addr).await;
    busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    gate.entered.acquire().await.unwrap().forget();

    tls.replace(new_ca.issue().identity(Some(&senders)));
    assert_eq!(old.get("/hello").await.body, "hello");
    gate.leave.add_permits(1);
    assert_eq!(busy.answer().await.body, "held");
    assert!(old_ca.client().connect(addr).await.is_err(), "it is not shown any more");
    assert!(says(new_ca.client().connect(addr).await).await.is_err(), "it must show one, too");
    let sender = new_ca.client().showing(&senders.issue());
    let newcomer = sender.connect(addr).await.unwrap();
    assert_ne!(shown(&newcomer), shown(&old.stream));
    assert!(says(Ok(newcomer)).await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn refused_senders_see_their_status() {
    let ca = Ca::new();
    let limits = Limits { body_timeout: SHORT, header_timeout: SHORT * 2, ..Limits::default() };
    let (server, _) = start(&ca, limits);
    let addr = server.local_addr();
    for (head, body, status) in [
        (post(5).replace("/body", "/unread"), 0, 401),
        (post(5).replace("/body", "/unread"), 5, 401),
        // It is sent whole before the answer is read: what comes must be taken for that.
        (post(40 << 20), 40 << 20, 413),
        (post(10), 3, 408),
        ("GET /hello HTTP/1.1\r\nHost:".to_owned(), 0, 408),
    ] {
        let mut client = connect(&ca, addr).await;
        client.send(head).await;
        client.send(vec![b'a'; body]).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status);
        assert!(answer.says("connection: close"));
        let end = timeout(PATIENCE, client.stream.read(&mut [0])).await.unwrap();
        assert_eq!(end.expect("the end is said"), 0, "{status}");
    }
}

#[tokio::test]
async fn a_newcomer_that_there_is_no_room_for_is_told_so() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { max_connections: 1, ..Limits::default() });
    let mut known = connect(&ca, server.local_addr()).await;
    assert_eq!(known.get("/login").await.status, 200);
    let mut newcomer = connect(&ca, server.local_addr()).await;
    newcomer.send(post(5) + "hello").await;
    let refusal = newcomer.answer().await;
    assert_eq!(refusal.status, 503);
    assert!(refusal.says("retry-after: ") && refusal.body.contains("too_many_connections"));
    let end = timeout(PATIENCE, newcomer.stream.read(&mut [0])).await.unwrap();
    assert_eq!(end.expect("the end is said"), 0);
    assert_eq!(known.get("/hello").await.status, 200);
}

#[tokio::test]
async fn the_end_is_said_whoever_ends_it() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { idle_timeout: SHORT, ..Limits::default() });
    let mut idle = connect(&ca, server.local_addr()).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let end = timeout(PATIENCE, idle.stream.read(&mut [0])).await.unwrap();
    assert_eq!(end.expect("the end of an idle connection"), 0);
    let mut leaving = connect(&ca, server.local_addr()).await;
    assert_eq!(leaving.get("/hello").await.status, 200);
    leaving.stream.shutdown().await.unwrap();
    let end = timeout(PATIENCE, leaving.stream.read(&mut [0])).await.unwrap();
    assert_eq!(end.expect("the end is answered"), 0);
}

#[tokio::test]
async fn http_in_the_clear_is_told_what_the_port_speaks() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    // All of it is sent before the answer is read.
    client.send(post(5) + "hello").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 400);
    assert!(answer.says("application/problem+json"));
    assert!(answer.body.contains("\"code\":\"tls_expected\""), "{}", answer.body);
    assert!(client.ends().await);
}

#[tokio::test]
async fn what_is_no_tls_harms_nobody_else() {
    let ca = Ca::new();
    let (mut server, _) = start(&ca, Limits { header_timeout: SHORT, ..Limits::default() });
    let mut good = connect(&ca, server.local_addr()).await;
    for piece in [
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"\x16\x03\x01\xff\xff",
        b"\x17\x03\x03\x00\x01x",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x80\x2e\x01\x00\x02",
        b"\x00\x00\x00\x00\x00\x00\x00",
        b"\xff",
    ] {
        let mut vandal = TcpStream::connect(server.local_addr()).await.unwrap();
        vandal.write_all(piece).await.unwrap();
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, vandal.read_to_end(&mut rest)).await.expect("an end");
        assert!(rest.first().is_none_or(|kind| *kind == 0x15), "an alert or nothing: {rest:?}");
        assert_eq!(good.get("/hello").await.body, "hello");
    }
    assert!(timeout(Duration::from_millis(1), server.join()).await.is_err(), "still running");
}

#[tokio::test]
async fn a_handshake_has_as_long_as_a_head_from_the_start_of_its_connection() {
    let ca = Ca::new();
    let limits = Limits { header_timeout: SHORT * 2, ..Limits::default() };
    let (server, _) = start(&ca, limits);
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let started = Instant::now();
        let mut slow = TcpStream::connect(server.local_addr()).await.unwrap();
        // A byte now and then does not make it longer.
        for byte in begun {
            slow.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("an end");
        assert_eq!(rest, b"");
        assert!(started.elapsed() >= SHORT * 2, "{:?}", started.elapsed());
        assert!(started.elapsed() < PATIENCE / 2, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn slow_handshakes_do_not_keep_good_requests_out() {
    let ca = Ca::new();
    let limits =
        Limits { max_connections: 100, max_connections_per_client: 50, ..Limits::default() };
    let (server, _) = start(&ca, limits);
    let mut known = connect(&ca, server.local_addr()).await;
    assert_eq!(known.get("/login").await.status, 200);
    let mut crowd = Vec::new();
    for n in 0..400 {
        let client =
            Client::connect_from(&format!("127.0.1.{}", n % 4 + 1), server.local_addr()).await;
        let begun: &[u8] = if n % 2 == 0 { b"" } else { b"\x16\x03\x01\x02\x00\x01" };
        let _ = client.stream.try_write(begun);
        crowd.push(client);
    }
    for _ in 0..20 {
        let begun = Instant::now();
        let mut client = connect(&ca, server.local_addr()).await;
        client.send(post(9_000) + &"a".repeat(9_000)).await;
        assert_eq!(client.answer().await.body, "9000");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    assert_eq!(known.get("/hello").await.status, 200);
}

/// The records that carry `text`.
fn sealed(client: &mut Client<TlsStream<TcpStream>>, text: &str) -> Vec<u8> {
    let session = client.stream.get_mut().1;
    session.writer().write_all(text.as_bytes()).unwrap();
    let mut records = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut records).unwrap();
    }
    records
}

#[tokio::test]
async fn a_request_of_which_half_a_record_has_come_is_served_at_the_stop() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let addr = server.local_addr();
    let mut halves = Vec::new();
    // With less than a header of a record, with all of it, and with nothing since the handshake.
    for cut in [3, 5, 20, 0] {
        let mut client = connect(&ca, addr).await;
        if cut != 0 {
            assert_eq!(client.get("/hello").await.status, 200);
        }
        let records = sealed(&mut client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        let (first, rest) = records.split_at(cut);
        client.stream.get_mut().0.write_all(first).await.unwrap();
        halves.push((client, rest.to_vec()));
    }
    let mut idle = connect(&ca, addr).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let stop = tokio::spawn(server.shutdown(Duration::ZERO, PATIENCE));
    assert!(idle.ends().await);
    for (mut client, rest) in halves {
        client.stream.get_mut().0.write_all(&rest).await.unwrap();
        let answer = client.answer().await;
        assert_eq!(answer.body, "hello");
        assert!(answer.says("connection: close"));
    }
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

#[tokio::test]
async fn half_a_record_holds_a_stop_up_no_longer_than_half_a_head() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { header_timeout: SHORT, ..Limits::default() });
    let mut client = connect(&ca, server.local_addr()).await;
    assert_eq!(client.get("/hello").await.status, 200);
    let records = sealed(&mut client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client.stream.get_mut().0.write_all(&records[..20]).await.unwrap();
    let mut begun = TcpStream::connect(server.local_addr()).await.unwrap();
    begun.write_all(b"\x16\x03\x01").await.unwrap();
    let outcome = server.shutdown(Duration::ZERO, PATIENCE).await.unwrap();
    assert_eq!(outcome, Outcome::Finished);
}

/// Sends over kept connections until the port is closed, like Go's client: it dials again after
/// `Connection: close`, and never sends a request twice.
async fn forge(ca: Arc<Ca>, addr: SocketAddr, answered: Arc<Semaphore>) {
    while let Ok(stream) = TcpStream::connect(addr).await {
        // Nothing has been sent yet, so nothing is lost; but whoever was accepted is served.
        let mut client = Client::over(ca.client().over(stream).await.unwrap());
        loop {
            client.send(post(2_000) + &"a".repeat(2_000)).await;
            let answer = client.answer().await;
            assert_eq!(answer.body, "2000");
            answered.add_permits(1);
            if answer.says("connection: close") {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_no_request() {
    let ca = Arc::new(Ca::new());
    let (server, _) = start(&ca, Limits::default());
    let answered = Arc::new(Semaphore::new(0));
    let mut forges = JoinSet::new();
    for _ in 0..16 {
        forges.spawn(forge(Arc::clone(&ca), server.local_addr(), Arc::clone(&answered)));
    }
    timeout(PATIENCE, answered.acquire_many(300)).await.unwrap().unwrap().forget();
    let stop = tokio::spawn(server.shutdown(Duration::from_millis(500), PATIENCE));
    while let Some(ended) = forges.join_next().await {
        ended.expect("every request that was sent is answered");
    }
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}
