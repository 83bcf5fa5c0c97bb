//! HTTP/2 at the listener: each limit as it is for HTTP/1.1, and the stop that loses nothing.

mod raw;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forgewire::listen::Limits;
use forgewire::listen::server::{Outcome, Server};
use forgewire::listen::tls::Tls;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::listen_support::{Client, Gate, PATIENCE, start_secured};
use crate::support::eventually;
use crate::support::tls::Ca;

const SHORT: Duration = Duration::from_millis(150);

fn start(ca: &Ca, limits: Limits) -> (Server, Gate) {
    start_secured(limits, &Arc::new(Tls::new(ca.identity())))
}

async fn connect(ca: &Ca, addr: SocketAddr) -> TlsStream<TcpStream> {
    let stream = ca.client().offering(&["h2", "http/1.1"]).connect(addr).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    stream
}

/// A client, and the task of its connection, which ends with it.
struct H2 {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
}

impl H2 {
    async fn connect(ca: &Ca, addr: SocketAddr) -> Self {
        let io = TokioIo::new(connect(ca, addr).await);
        let (sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        Self { sender, connection: tokio::spawn(connection) }
    }

    fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = hyper::Result<Answer>> + Send + use<> {
        let response = self.sender.clone().send_request(request);
        async move {
            let answered = timeout(PATIENCE, async { read(response.await?).await });
            answered.await.expect("an answer or an end in time")
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await.unwrap()
    }

    async fn post(&self, path: &str, length: usize) -> Answer {
        self.send(post(path, length)).await.unwrap()
    }

    /// Waits for the server's end of the connection.
    async fn ends(self) -> hyper::Result<()> {
        timeout(PATIENCE, self.connection).await.expect("an end").unwrap()
    }
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://localhost{path}")).body(Full::default()).unwrap()
}

fn post(path: &str, length: usize) -> Request<Full<Bytes>> {
    let body = Full::new(vec![b'a'; length].into());
    Request::post(format!("https://localhost{path}")).body(body).unwrap()
}

async fn read(response: Response<Incoming>) -> hyper::Result<Answer> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(Answer { status, body: String::from_utf8(body.into()).unwrap() })
}

#[tokio::test]
async fn bodies_of_any_length_are_read_whole() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let client = H2::connect(&ca, server.local_addr()).await;
    for length in [0, 1, 9_000, 300_000, 5 << 20] {
        assert_eq!(client.post("/body", length).await.body, length.to_string());
    }
    assert_eq!(client.get("/peer").await.body, "127.0.0.1");
}

#[tokio::test]
async fn a_request_does_not_wait_for_another_of_its_connection() {
    let ca = Ca::new();
    let (server, gate) = start(&ca, Limits::default());
    let client = H2::connect(&ca, server.local_addr()).await;
    let mut held = JoinSet::new();
    for _ in 0..100 {
        held.spawn(client.send(get("/hold")));
    }
    gate.entered.acquire_many(100).await.unwrap().forget();
    assert!(server.buffered_kib() >= 390, "each is charged: {}", server.buffered_kib());
    assert_eq!(client.get("/hello").await.body, "hello");
    assert_eq!(client.post("/body", 300_000).await.body, "300000");
    gate.leave.add_permits(100);
    while let Some(answer) = held.join_next().await {
        assert_eq!(answer.unwrap().unwrap().body, "held");
    }
}

#[tokio::test]
async fn refused_senders_see_their_status_and_may_go_on() {
    let ca = Ca::new();
    let limits = Limits { max_body_bytes: 1 << 20, ..Limits::default() };
    let (server, _) = start(&ca, limits);
    let client = H2::connect(&ca, server.local_addr()).await;
    // It is refused while its sender has more of it than the window takes.
    assert_eq!(client.post("/unread", 3 << 20).await.status, 401);
    assert_eq!(client.post("/body", 3 << 20).await.status, 413);
    let mut long = get("/hello");
    long.headers_mut().insert("x-long", "a".repeat(110_000).parse().unwrap());
    assert_eq!(client.send(long).await.unwrap().status, 431);
    assert_eq!(client.get("/hello").await.body, "hello");
}

#[tokio::test]
async fn a_slow_body_gets_408() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { body_timeout: SHORT, ..Limits::default() });
    let io = TokioIo::new(connect(&ca, server.local_addr()).await);
    let (mut sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for (path, status) in [("/body", 408), ("/unread", 401)] {
        let endless = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        let request = Request::post(format!("https://localhost{path}"));
        let request = request.body(StreamBody::new(endless)).unwrap();
        let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn a_newcomer_that_there_is_no_room_for_is_told_so() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { max_connections: 1, ..Limits::default() });
    let known = H2::connect(&ca, server.local_addr()).await;
    assert_eq!(known.get("/login").await.status, 200);
    let newcomer = ca.client().offering(&["h2", "http/1.1"]);
    let mut newcomer = Client::over(newcomer.connect(server.local_addr()).await.unwrap());
    assert_eq!(newcomer.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(newcomer.get("/hello").await.status, 503);
    assert_eq!(known.get("/hello").await.status, 200);
}

#[tokio::test]
async fn the_slowest_unknown_connection_makes_room() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { max_connections: 2, ..Limits::default() });
    let known = H2::connect(&ca, server.local_addr()).await;
    assert_eq!(known.get("/login").await.status, 200);
    let stranger = H2::connect(&ca, server.local_addr()).await;
    assert_eq!(stranger.get("/hello").await.status, 200);
    let newcomer = H2::connect(&ca, server.local_addr()).await;
    assert_eq!(newcomer.get("/hello").await.status, 200);
    let _ = stranger.ends().await;
    assert_eq!(known.get("/hello").await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_timeout_and_is_closed_in_order_when_it_is_due() {
    let ca = Ca::new();
    let limits = Limits { header_timeout: SHORT, idle_timeout: SHORT * 4, ..Limits::default() };
    let (server, _) = start(&ca, limits);
    let client = H2::connect(&ca, server.local_addr()).await;
    let answered = Instant::now();
    assert_eq!(client.get("/hello").await.status, 200);
    let unused = H2::connect(&ca, server.local_addr()).await;
    unused.ends().await.expect("it was told");
    client.ends().await.expect("it was told");
    assert!(answered.elapsed() >= SHORT * 4, "{:?}", answered.elapsed());
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let ca = Ca::new();
    let (mut server, gate) = start(&ca, Limits::default());
    let client = H2::connect(&ca, server.local_addr()).await;
    let held = tokio::spawn(client.send(get("/hold")));
    gate.entered.acquire().await.unwrap().forget();
    assert!(client.send(get("/panic")).await.is_err());
    gate.leave.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap().body, "held");
    assert_eq!(client.get("/hello").await.body, "hello");
    assert!(timeout(Duration::from_millis(1), server.join()).await.is_err(), "still running");
}

#[tokio::test]
async fn responses_that_nobody_takes_are_cut() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { body_timeout: SHORT, ..Limits::default() });
    let client = H2::connect(&ca, server.local_addr()).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(client.sender.clone().send_request(get("/large")).await.unwrap());
    }
    let started = Instant::now();
    let _ = client.ends().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let outcome = server.shutdown(Duration::ZERO, PATIENCE).await.unwrap();
    assert_eq!(outcome, Outcome::Finished);
}

#[tokio::test]
async fn heads_are_charged_and_given_back() {
    let ca = Ca::new();
    let limits =
        Limits { max_body_bytes: 1 << 10, max_buffered_bytes: 270 << 10, ..Limits::default() };
    let (server, gate) = start(&ca, limits);
    let client = H2::connect(&ca, server.local_addr()).await;
    assert_eq!(client.get("/login").await.status, 200);
    let mut long = get("/hold");
    long.headers_mut().insert("x-long", "a".repeat(40_000).parse().unwrap());
    let mut held = JoinSet::new();
    for _ in 0..20 {
        held.spawn(client.send(long.clone()));
    }
    let mut refused = 0;
    while refused < 14 {
        let answer = timeout(PATIENCE, held.join_next()).await.expect("refused at once");
        let answer = answer.unwrap().unwrap().unwrap();
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains("\"code\":\"overloaded\""), "{}", answer.body);
        refused += 1;
    }
    assert!(server.buffered_kib() > 150, "{}", server.buffered_kib());
    // A stranger with a long head has no other requests to lose.
    let stranger = H2::connect(&ca, server.local_addr()).await;
    assert!(stranger.send(long).await.is_err());
    // A head of the usual size is free, and another connection is not concerned.
    let other = H2::connect(&ca, server.local_addr()).await;
    assert_eq!(other.get("/hello").await.status, 200);
    gate.leave.add_permits(20);
    while let Some(answer) = held.join_next().await {
        assert_eq!(answer.unwrap().unwrap().body, "held");
    }
    eventually("all is given back", || async { (server.buffered_kib() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn what_a_client_gives_up_is_given_back() {
    let ca = Ca::new();
    let (server, gate) = start(&ca, Limits::default());
    let client = H2::connect(&ca, server.local_addr()).await;
    let mut long = get("/hold");
    long.headers_mut().insert("x-long", "a".repeat(40_000).parse().unwrap());
    let held = tokio::spawn(client.send(long));
    gate.entered.acquire().await.unwrap().forget();
    assert!(server.buffered_kib() > 0);
    held.abort();
    eventually("all is given back", || async { (server.buffered_kib() == 0).then_some(()) }).await;
    assert_eq!(client.get("/hello").await.body, "hello");
}

#[tokio::test]
async fn a_dropped_server_takes_everything_along() {
    let ca = Ca::new();
    let (server, gate) = start(&ca, Limits::default());
    let client = H2::connect(&ca, server.local_addr()).await;
    let held = tokio::spawn(client.send(get("/hold")));
    gate.entered.acquire().await.unwrap().forget();
    drop(server);
    assert!(held.await.unwrap().is_err());
    // The handlers hold the gate; without them this is the last.
    eventually("its handlers are gone", || async {
        (Arc::strong_count(&gate.entered) == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stop_finishes_what_has_begun_and_closes_what_idles() {
    let ca = Ca::new();
    let (server, gate) = start(&ca, Limits::default());
    let addr = server.local_addr();
    let idle = H2::connect(&ca, addr).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let busy = H2::connect(&ca, addr).await;
    let held = tokio::spawn(busy.send(get("/hold")));
    gate.entered.acquire().await.unwrap().forget();
    let started = Instant::now();
    let stop = tokio::spawn(server.shutdown(Duration::ZERO, PATIENCE));
    idle.ends().await.expect("it was told");
    assert!(Client::try_connect(addr).await.is_err(), "the port is closed");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    gate.leave.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap().body, "held");
    busy.ends().await.expect("it was told");
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

#[tokio::test]
async fn while_draining_a_connection_is_told_to_go_after_its_next_answer() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let addr = server.local_addr();
    let idle = H2::connect(&ca, addr).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let stop = tokio::spawn(server.shutdown(Duration::from_secs(2), PATIENCE));
    // The plain way to see that it drains: an answer that closes.
    let mut plain = Client::over(ca.client().connect(addr).await.unwrap());
    assert!(plain.get("/hello").await.says("connection: close"));
    assert_eq!(idle.get("/hello").await.status, 200);
    idle.ends().await.expect("it was told");
    let late = H2::connect(&ca, addr).await;
    assert_eq!(late.get("/hello").await.status, 200);
    late.ends().await.expect("it was told");
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

/// Whether the server says of a request that it did not take it, because it goes: by a number that is lower
/// than the request's. It can be sent on another connection.
pub(crate) fn was_not_taken(error: &hyper::Error) -> bool {
    format!("{error:?}").contains("GoAway(b\"\", NO_ERROR, Remote)")
}

/// Sends over kept connections until the port is closed. What the server did not take, because it goes, is
/// sent on another connection; nothing else twice.
async fn forge(ca: Arc<Ca>, addr: SocketAddr, answered: Arc<Semaphore>) {
    let mut unsent = None;
    while let Ok(stream) = TcpStream::connect(addr).await {
        let stream = ca.client().offering(&["h2"]).over(stream).await.unwrap();
        let (mut sender, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        loop {
            let request = unsent.take().unwrap_or_else(|| post("/body", 2_000));
            let response = match sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut error) => {
                    unsent = error.take_message();
                    let error = error.into_error();
                    assert!(unsent.is_some() || was_not_taken(&error), "lost: {error:?}");
                    break;
                }
            };
            assert_eq!(read(response).await.unwrap().body, "2000");
            answered.add_permits(1);
            if sender.ready().await.is_err() {
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
