//! The connection server: each limit with its answer, eviction, and the stop that loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use forgewire::listen::Limits;
use forgewire::listen::server::Outcome;
use forgewire::listen::socket::{bind, raise_file_limit};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::listen_support::{Client, PATIENCE, start};

const SHORT: Duration = Duration::from_millis(150);

fn post(length: usize) -> String {
    format!("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_timeout() {
    let (server, _) = start(Limits { header_timeout: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    assert_eq!(client.get("/hello").await.body, "hello");

    // The slow head is begun later, so its end is past the idle client's head timeout.
    let mut slow = Client::connect(server.local_addr()).await;
    slow.send("GET /hello HTTP").await;
    assert_eq!(slow.answer().await.status, 408);

    assert_eq!(client.get("/hello").await.body, "hello");
}

#[tokio::test]
async fn a_connection_idle_for_too_long_is_closed() {
    let (server, _) = start(Limits { idle_timeout: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    let answered = Instant::now();
    assert_eq!(client.get("/hello").await.status, 200);
    assert!(client.ends().await);
    assert!(answered.elapsed() >= SHORT);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    let two = format!("{}abcGET /hello HTTP/1.1\r\nHost: x\r\n\r\n", post(3));
    client.send(two).await;
    assert_eq!(client.answer().await.body, "3");
    assert_eq!(client.answer().await.body, "hello");
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_answered() {
    let (server, gate) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.stream.shutdown().await.unwrap();
    gate.entered.acquire().await.unwrap().forget();
    gate.leave.add_permits(1);
    assert_eq!(client.answer().await.body, "held");
}

#[tokio::test]
async fn handlers_see_their_peer() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect_from("127.0.0.9", server.local_addr()).await;
    assert_eq!(client.get("/peer").await.body, "127.0.0.9");
}

#[tokio::test]
async fn a_slow_head_gets_408() {
    let (server, _) = start(Limits { header_timeout: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    assert_eq!(client.get("/hello").await.status, 200);
    client.send("GET /hello HTTP/1.1\r\nHost:").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 408);
    assert!(answer.says("connection: close") && answer.says("application/problem+json"));
    assert!(answer.body.contains("\"code\":\"header_timeout\""));
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_silent_connection_is_closed_without_a_word() {
    let (server, _) = start(Limits { header_timeout: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_slow_body_gets_408() {
    let (server, _) = start(Limits { body_timeout: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    client.send(post(10) + "abc").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 408);
    assert!(answer.says("connection: close"));
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_response_that_nobody_takes_is_cut() {
    let (server, _) = start(Limits { body_timeout: SHORT, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // The stop finishes only when the connection has ended, and nobody reads meanwhile.
    let outcome = server.shutdown(Duration::ZERO, PATIENCE).await.unwrap();
    assert_eq!(outcome, Outcome::Finished);
    drop(client);
}

#[tokio::test]
async fn bodies_of_any_framing_are_read_whole() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    for length in [0, 1, 9_000, 300_000] {
        client.send(post(length)).await;
        client.send(vec![b'a'; length]).await;
        assert_eq!(client.answer().await.body, length.to_string());
    }
    client.send("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..50 {
        client.send("400\r\n").await;
        client.send([b'b'; 1024]).await;
        client.send("\r\n").await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.body, (50 * 1024).to_string());
    assert_eq!(client.get("/hello").await.body, "hello");
}

#[tokio::test]
async fn a_large_body_is_refused_readably() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client.send(post(40 << 20)).await;
    client.send(vec![b'a'; 40 << 20]).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert!(answer.says("connection: close"));
    assert!(client.ends().await);
}

#[tokio::test]
async fn chunks_over_the_limit_are_refused_readably() {
    let (server, _) = start(Limits { max_body_bytes: 100_000, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    client.send("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..11 {
        client.send("2710\r\n").await;
        client.send(vec![b'b'; 10_000]).await;
        client.send("\r\n").await;
    }
    assert_eq!(client.answer().await.status, 413);
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_broken_chunk_is_an_aborted_body() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client.send("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    assert!(client.ends().await);
}

#[tokio::test]
async fn an_answer_before_the_body_closes_the_connection() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client.send("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 401);
    assert!(answer.says("connection: close"));
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let (server, _) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client
        .send("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.send("abc").await;
    assert_eq!(client.answer().await.body, "3");
}

#[tokio::test]
async fn a_client_that_asks_first_with_too_much_is_refused() {
    let (server, _) = start(Limits { max_body_bytes: 10, ..Limits::default() });
    let mut client = Client::connect(server.local_addr()).await;
    client
        .send(
            "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer().await.status, 413);
    assert!(client.ends().await);
}

#[tokio::test]
async fn heads_that_are_too_large_or_wrong_have_their_status() {
    let (server, _) = start(Limits::default());
    let long = "a".repeat(70_000);
    let huge = "a".repeat(110_000);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nX: {huge}\r\n\r\n"), 431),
        ("GET / HTTP/1.1\r\n".to_owned() + &"x: y\r\n".repeat(101) + "\r\n", 431),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = Client::connect(server.local_addr()).await;
        client.send(request).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status);
        assert!(answer.says("connection: close"));
        assert!(client.ends().await);
    }
}

#[tokio::test]
async fn the_slowest_unknown_connection_makes_room() {
    let (server, _) = start(Limits { max_connections: 3, ..Limits::default() });
    let addr = server.local_addr();
    let mut known = Client::connect(addr).await;
    assert_eq!(known.get("/login").await.status, 200);
    let mut silent = Client::connect(addr).await;
    let mut busy = Client::connect(addr).await;
    for _ in 0..2_000 {
        assert_eq!(busy.get("/hello").await.status, 200);
    }

    let mut newcomer = Client::connect(addr).await;
    assert_eq!(newcomer.get("/hello").await.status, 200);
    assert!(silent.ends().await);
    assert_eq!(busy.get("/hello").await.status, 200);
    assert_eq!(known.get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_known_connection_is_never_evicted() {
    let (server, _) = start(Limits { max_connections: 1, ..Limits::default() });
    let mut known = Client::connect(server.local_addr()).await;
    assert_eq!(known.get("/login").await.status, 200);

    let mut newcomer = Client::connect(server.local_addr()).await;
    // Sent before anything is read: the refusal must be readable all the same.
    newcomer.send(post(5) + "hello").await;
    let refusal = newcomer.answer().await;
    assert_eq!(refusal.status, 503);
    assert!(refusal.says("retry-after: ") && refusal.says("connection: close"));
    assert!(refusal.body.contains("too_many_connections"));
    assert!(newcomer.ends().await);
    assert_eq!(known.get("/hello").await.status, 200);
}

#[tokio::test]
async fn one_client_cannot_crowd_out_another() {
    let (server, _) = start(Limits { max_connections_per_client: 1, ..Limits::default() });
    let addr = server.local_addr();
    let mut other = Client::connect_from("127.0.0.3", addr).await;
    let mut first = Client::connect_from("127.0.0.2", addr).await;
    assert_eq!(first.get("/hello").await.status, 200);
    let mut second = Client::connect_from("127.0.0.2", addr).await;
    assert_eq!(second.get("/hello").await.status, 200);
    assert!(first.ends().await);
    assert_eq!(other.get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_closed_connection_leaves_its_place() {
    let (server, _) = start(Limits { max_connections: 1, ..Limits::default() });
    for _ in 0..20 {
        let mut client = Client::connect(server.local_addr()).await;
        client.send("GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
        drop(client);
        // The place is free when the server has seen the close, which is soon but not at once.
        let free = async {
            loop {
                let mut next = Client::connect(server.local_addr()).await;
                next.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
                if next.answer().await.status == 200 {
                    return;
                }
            }
        };
        timeout(PATIENCE, free).await.unwrap();
    }
}

/// Room for two whole bodies and half of a third.
fn tight() -> Limits {
    Limits { max_body_bytes: 64 << 10, max_buffered_bytes: 160 << 10, ..Limits::default() }
}

/// Makes the server hold a body that lacks its last byte.
async fn hold(server: &forgewire::listen::server::Server, client: &mut Client) {
    let before = server.buffered_kib();
    client.send(post(65_536)).await;
    client.send(vec![b'a'; 65_535]).await;
    crate::support::eventually("the body is held", || async {
        (server.buffered_kib() == before + 64).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_for_memory_evicts_an_unknown_holder() {
    let (server, _) = start(tight());
    let mut known = Client::connect(server.local_addr()).await;
    assert_eq!(known.get("/login").await.status, 200);
    hold(&server, &mut known).await;
    let mut holder = Client::connect(server.local_addr()).await;
    hold(&server, &mut holder).await;

    let mut client = Client::connect(server.local_addr()).await;
    client.send(post(65_536)).await;
    client.send(vec![b'a'; 65_536]).await;
    assert_eq!(client.answer().await.body, "65536");
    assert!(holder.ends().await);
    known.send("a").await;
    assert_eq!(known.answer().await.body, "65536");
}

#[tokio::test]
async fn without_memory_a_request_is_put_off() {
    let (server, _) = start(tight());
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut holder = Client::connect(server.local_addr()).await;
        assert_eq!(holder.get("/login").await.status, 200);
        hold(&server, &mut holder).await;
        holders.push(holder);
    }
    let mut client = Client::connect(server.local_addr()).await;
    client.send(post(65_536)).await;
    client.send(vec![b'a'; 65_536]).await;
    assert_eq!(client.answer().await.status, 503);
    // Neither can a long head be kept.
    let mut long = Client::connect(server.local_addr()).await;
    long.send(format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(90_000))).await;
    assert!(long.ends().await);

    for holder in &mut holders {
        holder.send("a").await;
        assert_eq!(holder.answer().await.body, "65536");
    }
    for _ in 0..3 {
        let mut again = Client::connect(server.local_addr()).await;
        again.send(post(65_536)).await;
        again.send(vec![b'a'; 65_536]).await;
        assert_eq!(again.answer().await.body, "65536", "the memory was given back");
    }
}

#[tokio::test]
async fn a_panic_costs_one_connection() {
    let (mut server, _) = start(Limits::default());
    let mut other = Client::connect(server.local_addr()).await;
    assert_eq!(other.get("/hello").await.status, 200);
    let mut client = Client::connect(server.local_addr()).await;
    client.send("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(client.ends().await);
    assert_eq!(other.get("/hello").await.status, 200);
    assert!(timeout(Duration::from_millis(1), server.join()).await.is_err(), "still running");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = bind(first.local_addr()).unwrap_err().to_string();
    assert!(error.contains(&first.local_addr().to_string()), "{error}");
    let error = bind("192.0.2.1:80".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("192.0.2.1:80") && error.contains("no such address"), "{error}");
}

#[test]
fn the_file_limit_is_raised() {
    let reached = raise_file_limit(0);
    assert_eq!(raise_file_limit(0), reached);
    assert!(reached > 0);
}

#[tokio::test]
async fn a_stop_finishes_what_has_begun_and_closes_what_idles() {
    let (server, gate) = start(Limits::default());
    let mut idle = Client::connect(server.local_addr()).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let mut busy = Client::connect(server.local_addr()).await;
    busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    gate.entered.acquire().await.unwrap().forget();
    let addr = server.local_addr();

    let stop = tokio::spawn(server.shutdown(Duration::ZERO, PATIENCE));
    assert!(idle.ends().await);
    assert!(Client::try_connect(addr).await.is_err(), "the port is closed");
    gate.leave.add_permits(1);
    let answer = busy.answer().await;
    assert_eq!(answer.body, "held");
    assert!(answer.says("connection: close"));
    drop(busy);
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

#[tokio::test]
async fn a_half_sent_request_is_still_served_at_the_stop() {
    let (server, _) = start(Limits::default());
    let mut fresh = Client::connect(server.local_addr()).await;
    let mut half = Client::connect(server.local_addr()).await;
    let mut idle = Client::connect(server.local_addr()).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    half.send("GET /hello HTTP/1.1\r\n").await;
    let stop = tokio::spawn(server.shutdown(Duration::ZERO, PATIENCE));
    // Idle connections are closed when the drain is over: from here on it is.
    assert!(idle.ends().await);
    half.send("Host: x\r\n\r\n").await;
    assert!(half.answer().await.says("connection: close"));
    assert_eq!(fresh.get("/hello").await.status, 200);
    drop((fresh, half));
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

#[tokio::test]
async fn the_deadline_cuts_what_is_left() {
    let (server, gate) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    gate.entered.acquire().await.unwrap().forget();
    let outcome = server.shutdown(Duration::ZERO, SHORT).await.unwrap();
    assert_eq!(outcome, Outcome::Aborted { connections: 1 });
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_hard_stop_ends_a_drain_at_once() {
    let (server, gate) = start(Limits::default());
    let mut client = Client::connect(server.local_addr()).await;
    client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    gate.entered.acquire().await.unwrap().forget();
    let hard = server.hard_stop();
    let stop = tokio::spawn(server.shutdown(PATIENCE * 10, PATIENCE * 10));
    hard.cancel();
    let outcome = timeout(PATIENCE, stop).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome, Outcome::Aborted { connections: 1 });
}

#[tokio::test]
async fn a_dropped_server_takes_everything_along() {
    let (server, gate) = start(Limits::default());
    let addr = server.local_addr();
    let mut client = Client::connect(addr).await;
    client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n").await;
    gate.entered.acquire().await.unwrap().forget();
    drop(server);
    assert!(client.ends().await);
    assert!(Client::try_connect(addr).await.is_err());
}

/// Sends over kept connections until the port is closed, like Go's client: it redials after
/// `Connection: close`, and never sends a request twice.
async fn forge(addr: SocketAddr, answered: Arc<Semaphore>, draining: CancellationToken) {
    while let Ok(mut client) = Client::try_connect(addr).await {
        loop {
            client.send(post(2_000) + &"a".repeat(2_000)).await;
            let answer = client.answer().await;
            assert_eq!(answer.body, "2000");
            answered.add_permits(1);
            if answer.says("connection: close") {
                draining.cancel();
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_no_request() {
    let (server, _) = start(Limits::default());
    let addr = server.local_addr();
    let answered = Arc::new(Semaphore::new(0));
    let draining = CancellationToken::new();
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(addr).await;
        assert_eq!(client.get("/hello").await.status, 200);
        idle.push(client);
    }
    let mut forges = JoinSet::new();
    for _ in 0..32 {
        forges.spawn(forge(addr, Arc::clone(&answered), draining.clone()));
    }
    timeout(PATIENCE, answered.acquire_many(500)).await.unwrap().unwrap().forget();

    let stop = tokio::spawn(server.shutdown(Duration::from_millis(500), PATIENCE));
    timeout(PATIENCE, draining.cancelled()).await.unwrap();
    for client in &mut idle {
        assert!(client.get("/hello").await.says("connection: close"));
    }
    drop(idle);
    while let Some(ended) = forges.join_next().await {
        ended.expect("every request that was sent is answered");
    }
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_request_is_answered_among_thousands_that_dribble() {
    let limits =
        Limits { max_connections: 1_000, max_connections_per_client: 300, ..Limits::default() };
    let (server, _) = start(limits);
    let mut crowd = Vec::new();
    for i in 0..2_000 {
        let client =
            Client::connect_from(&format!("127.0.1.{}", i % 8 + 1), server.local_addr()).await;
        let _ = client.stream.try_write(b"GET /hello HTTP/1.1\r\nX: ");
        crowd.push(client);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let dribbling = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            while !stop.load(Ordering::Relaxed) {
                for client in &crowd {
                    let _ = client.stream.try_write(b"a");
                }
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..20 {
        let begun = Instant::now();
        let mut client = Client::connect(server.local_addr()).await;
        client.send(post(9_000) + &"a".repeat(9_000)).await;
        assert_eq!(client.answer().await.body, "9000");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    dribbling.await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn garbage_harms_nobody_else(pieces in prop::collection::vec(piece(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut server, _) = start(Limits { header_timeout: SHORT, body_timeout: SHORT, ..Limits::default() });
            let mut vandal = Client::connect(server.local_addr()).await;
            for piece in pieces {
                // The server may well have hung up by now.
                let _ = vandal.stream.write_all(&piece).await;
            }
            let _ = vandal.stream.shutdown().await;
            let mut rest = Vec::new();
            let _ = timeout(PATIENCE, vandal.stream.read_to_end(&mut rest)).await.expect("an end");
            let mut client = Client::connect(server.local_addr()).await;
            assert_eq!(client.get("/hello").await.body, "hello");
            assert!(timeout(Duration::from_millis(1), server.join()).await.is_err());
        });
    }
}

/// Random bytes, mixed with parts of requests so that more than the first line is reached.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        Just(b"POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Just(b"POST /body HTTP/1.1\r\nContent-Length: 100\r\n\r\n".to_vec()),
        Just(b"GET /hello HTTP/1.0\r\n\r\n".to_vec()),
        Just(b"5\r\nabcde\r\n0\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
    ]
}
