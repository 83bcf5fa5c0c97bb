//! Frames as no library sends them: slow, endless, cut, and given up at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forgewire::listen::Limits;
use forgewire::listen::server::Outcome;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{H2, PATIENCE, SHORT, connect, start};
use crate::support::eventually;
use crate::support::tls::Ca;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// The head of `GET path` or `POST path`, without compression.
fn head(method: &str, path: &str) -> Vec<u8> {
    let mut head = vec![if method == "POST" { 0x83 } else { 0x82 }, 0x87];
    for (name, text) in [(0x01, "localhost"), (0x04, path)] {
        head.extend([name, u8::try_from(text.len()).unwrap()]);
        head.extend(text.as_bytes());
    }
    head
}

fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", path))
}

/// A frame's kind, flags, stream and payload.
type Frame = (u8, u8, u32, Vec<u8>);

/// Takes a whole frame from what has come.
fn next_frame(bytes: &mut Vec<u8>) -> Option<Frame> {
    let head = bytes.get(..9)?;
    let number = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
    let (kind, flags, stream) = (head[3], head[4], number(5));
    let end = 9 + (number(0) >> 8) as usize;
    let payload = bytes.get(9..end)?.to_vec();
    bytes.drain(..end);
    Some((kind, flags, stream, payload))
}

/// Everything that comes until the end.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<Frame> {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end");
    std::iter::from_fn(|| next_frame(&mut bytes)).collect()
}

/// What came on each stream.
fn bodies(frames: &[Frame]) -> BTreeMap<u32, Vec<u8>> {
    let mut bodies: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for (_, _, stream, payload) in frames.iter().filter(|frame| frame.0 == DATA) {
        bodies.entry(*stream).or_default().extend(payload);
    }
    bodies
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_in_its_time() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { header_timeout: SHORT * 2, ..Limits::default() });
    let head = head("GET", "/hello");
    let (first, second) = head.split_at(5);
    for begun in [
        preface()[..10].to_vec(),
        [preface(), frame(HEADERS, END_STREAM, 1, first)].concat(),
        [preface(), frame(HEADERS, END_STREAM, 1, first), frame(CONTINUATION, 0, 1, second)]
            .concat(),
        [preface(), request(1, "/hello")[..15].to_vec()].concat(),
        // After a request that was answered it is the same.
        [preface(), request(1, "/hello"), request(3, "/hello")[..3].to_vec()].concat(),
    ] {
        let mut slow = connect(&ca, server.local_addr()).await;
        let started = Instant::now();
        slow.write_all(&begun).await.unwrap();
        slow.flush().await.unwrap();
        rest(&mut slow).await;
        assert!(started.elapsed() >= SHORT * 2, "{:?}", started.elapsed());
        assert!(started.elapsed() < PATIENCE / 2, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_head_that_dribbles_is_cut_in_its_time() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { header_timeout: SHORT * 2, ..Limits::default() });
    let (mut reader, mut writer) = tokio::io::split(connect(&ca, server.local_addr()).await);
    let started = Instant::now();
    writer.write_all(&preface()).await.unwrap();
    writer.write_all(&frame(HEADERS, END_STREAM, 1, &head("GET", "/hello"))).await.unwrap();
    let endless = frame(CONTINUATION, 0, 1, &b"\x00\x01a\x01b".repeat(3_000));
    let dribbling = tokio::spawn(async move {
        for byte in endless {
            if writer.write_all(&[byte]).await.is_err() || writer.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    rest(&mut reader).await;
    assert!(started.elapsed() >= SHORT * 2, "{:?}", started.elapsed());
    dribbling.abort();
}

#[tokio::test]
async fn frames_between_requests_are_no_head() {
    let ca = Ca::new();
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let (server, _) = start(&ca, limits);
    let mut client = connect(&ca, server.local_addr()).await;
    client.write_all(&[preface(), request(1, "/hello")].concat()).await.unwrap();
    // Each piece ends inside of a frame, and none of these takes long.
    let ping = frame(PING, 0, 0, b"01234567");
    client.write_all(&ping[..9]).await.unwrap();
    for _ in 0..15 {
        client.write_all(&[&ping[9..], &ping[..9]].concat()).await.unwrap();
        client.flush().await.unwrap();
        tokio::time::sleep(SHORT / 5).await;
    }
    client.write_all(&[ping[9..].to_vec(), request(3, "/hello")].concat()).await.unwrap();
    client.flush().await.unwrap();
    let (mut answers, mut bytes) = (0, Vec::new());
    while answers < 2 {
        let n = timeout(PATIENCE, client.read_buf(&mut bytes)).await.expect("an answer").unwrap();
        assert!(n > 0, "it was closed");
        while let Some((kind, flags, ..)) = next_frame(&mut bytes) {
            answers += usize::from(kind == DATA && flags & END_STREAM != 0);
        }
    }
}

#[tokio::test]
async fn a_flood_of_continuations_ends_its_connection_and_nothing_else() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let good = H2::connect(&ca, server.local_addr()).await;
    for piece in [&b""[..], &[0; 16_384]] {
        let (mut reader, mut writer) = tokio::io::split(connect(&ca, server.local_addr()).await);
        let flood = tokio::spawn(async move {
            let _ = writer.write_all(&preface()).await;
            let _ = writer.write_all(&frame(HEADERS, 0, 1, &head("GET", "/hello"))).await;
            while writer.write_all(&frame(CONTINUATION, 0, 1, piece)).await.is_ok() {}
        });
        let frames = rest(&mut reader).await;
        assert!(frames.iter().any(|frame| frame.0 == GOAWAY), "{frames:?}");
        flood.await.unwrap();
        assert_eq!(good.get("/hello").await.body, "hello");
    }
    eventually("all is given back", || async { (server.buffered_kib() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn requests_that_are_given_up_at_once_cost_nobody_else_anything() {
    let ca = Ca::new();
    let (server, gate) = start(&ca, Limits::default());
    let good = H2::connect(&ca, server.local_addr()).await;
    let (mut reader, mut writer) = tokio::io::split(connect(&ca, server.local_addr()).await);
    let flood = tokio::spawn(async move {
        let _ = writer.write_all(&preface()).await;
        for n in 0..20_000 {
            let mut both = request(2 * n + 1, "/hold");
            both.extend(frame(RST_STREAM, 0, 2 * n + 1, &[0, 0, 0, 8]));
            if writer.write_all(&both).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    });
    let started = Instant::now();
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(good.post("/body", 9_000).await.body, "9000");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    rest(&mut reader).await;
    flood.await.unwrap();
    println!("20,000 requests given up: {:?}", started.elapsed());
    // The server and this test hold the gate, and no handler.
    let held = Arc::strong_count(&gate.entered);
    eventually("no handler is left", || async {
        (Arc::strong_count(&gate.entered) <= held).then_some(())
    })
    .await;
    assert_eq!(server.buffered_kib(), 0);
}

#[tokio::test]
async fn more_requests_than_may_be_at_a_time_are_refused_to_be_sent_again() {
    let ca = Ca::new();
    let (server, gate) = start(&ca, Limits::default());
    let mut client = connect(&ca, server.local_addr()).await;
    let all: Vec<u8> = (0..130).flat_map(|n| request(2 * n + 1, "/hold")).collect();
    client.write_all(&[preface(), all].concat()).await.unwrap();
    client.flush().await.unwrap();
    gate.entered.acquire_many(128).await.unwrap().forget();
    gate.leave.add_permits(128);
    let stop = tokio::spawn(server.shutdown(Duration::ZERO, PATIENCE));
    let frames = rest(&mut client).await;
    let refused = frames.iter().filter(|frame| frame.0 == RST_STREAM && frame.3 == [0, 0, 0, 7]);
    assert_eq!(refused.count(), 2, "REFUSED_STREAM");
    assert_eq!(bodies(&frames).values().filter(|body| *body == b"held").count(), 128);
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

#[tokio::test]
async fn the_server_says_its_limits() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { header_timeout: SHORT, ..Limits::default() });
    let mut client = connect(&ca, server.local_addr()).await;
    client.write_all(&preface()).await.unwrap();
    client.flush().await.unwrap();
    let frames = rest(&mut client).await;
    let settings = frames.iter().find(|frame| frame.0 == SETTINGS && frame.1 == 0).unwrap();
    let said = |id: u8| {
        let found = settings.3.chunks(6).find(|setting| setting[..2] == [0, id]);
        found.map(|setting| u32::from_be_bytes(setting[2..].try_into().unwrap()))
    };
    let (streams, window, head_list) = (3, 4, 6);
    assert_eq!(said(streams), Some(128));
    assert_eq!(said(window), Some(65_536));
    assert_eq!(said(head_list), Some(98_304));
    let more: u32 = frames
        .iter()
        .filter(|frame| (frame.0, frame.2) == (WINDOW_UPDATE, 0))
        .map(|frame| u32::from_be_bytes(frame.3[..].try_into().unwrap()))
        .sum();
    assert_eq!(65_535 + more, 131_072, "the window of the connection");
}

#[tokio::test]
async fn a_request_that_was_sent_before_its_client_heard_of_the_stop_is_served() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let addr = server.local_addr();
    let mut late = connect(&ca, addr).await;
    late.write_all(&[preface(), request(1, "/hello")].concat()).await.unwrap();
    late.flush().await.unwrap();
    let mut half = connect(&ca, addr).await;
    let second = request(3, "/hello");
    half.write_all(&[preface(), request(1, "/hello"), second[..12].to_vec()].concat())
        .await
        .unwrap();
    half.flush().await.unwrap();
    let idle = H2::connect(&ca, addr).await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let stop = tokio::spawn(server.shutdown(Duration::ZERO, PATIENCE));
    idle.ends().await.unwrap();
    // Neither has answered the server's ping, which is how it learns that they have heard.
    late.write_all(&request(3, "/hello")).await.unwrap();
    late.flush().await.unwrap();
    half.write_all(&second[12..]).await.unwrap();
    half.flush().await.unwrap();
    for client in [&mut late, &mut half] {
        let frames = rest(client).await;
        assert_eq!(bodies(&frames).values().filter(|body| *body == b"hello").count(), 2);
        assert!(frames.iter().any(|frame| frame.0 == GOAWAY));
    }
    assert_eq!(stop.await.unwrap().unwrap(), Outcome::Finished);
}

/// Sends requests until the server says that it goes, and answers its pings. Gives how many were sent, the last
/// that the server says it takes, and those that were answered. After its eleventh request it is counted as `busy`.
async fn hasty(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    busy: Arc<Semaphore>,
) -> (u32, u32, BTreeSet<u32>) {
    let (mut sent, mut last, mut frames) = (0, u32::MAX, Vec::new());
    let mut bytes = Vec::new();
    client.write_all(&preface()).await.unwrap();
    loop {
        while let Some((kind, flags, stream, payload)) = next_frame(&mut bytes) {
            match kind {
                DATA => frames.push((kind, flags, stream, payload)),
                PING if flags == 0 => {
                    let _ = client.write_all(&frame(PING, 1, 0, &payload)).await;
                    let _ = client.flush().await;
                }
                GOAWAY => last = u32::from_be_bytes(payload[..4].try_into().unwrap()),
                _ => {}
            }
        }
        let more = timeout(Duration::from_millis(1), client.read_buf(&mut bytes)).await;
        match more {
            Ok(Ok(0) | Err(_)) => {
                let answered = bodies(&frames).into_iter().filter(|(_, body)| body == b"hello");
                return (sent, last, answered.map(|(stream, _)| stream).collect());
            }
            Ok(Ok(_)) => {}
            Err(_elapsed) if last == u32::MAX => {
                let _ = client.write_all(&request(2 * sent + 1, "/hello")).await;
                let _ = client.flush().await;
                sent += 1;
                if sent == 11 {
                    busy.add_permits(1);
                }
            }
            Err(_elapsed) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_every_request_up_to_the_last_that_it_says_it_takes() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits::default());
    let (mut clients, busy) = (JoinSet::new(), Arc::new(Semaphore::new(0)));
    for _ in 0..16 {
        clients.spawn(hasty(connect(&ca, server.local_addr()).await, Arc::clone(&busy)));
    }
    let all = timeout(PATIENCE, busy.acquire_many(16)).await;
    all.expect("sixteen clients that have sent more than ten requests").unwrap().forget();
    let outcome = server.shutdown(Duration::ZERO, PATIENCE).await.unwrap();
    assert_eq!(outcome, Outcome::Finished);
    while let Some(client) = clients.join_next().await {
        let (sent, last, answered) = client.unwrap();
        assert!(last < 2 * sent + 1 && sent > 10, "{last} of {sent}");
        let taken: BTreeSet<u32> = (0..sent).map(|n| 2 * n + 1).filter(|id| *id <= last).collect();
        assert_eq!(answered, taken);
    }
}

#[tokio::test]
async fn whoever_does_not_answer_the_stop_holds_it_up_no_longer_than_half_a_head() {
    let ca = Ca::new();
    let (server, _) = start(&ca, Limits { header_timeout: SHORT, ..Limits::default() });
    let mut deaf = connect(&ca, server.local_addr()).await;
    deaf.write_all(&[preface(), request(1, "/hello")].concat()).await.unwrap();
    deaf.flush().await.unwrap();
    let mut half = connect(&ca, server.local_addr()).await;
    half.write_all(&[preface(), request(1, "/hello")[..12].to_vec()].concat()).await.unwrap();
    half.flush().await.unwrap();
    let started = Instant::now();
    assert_eq!(server.shutdown(Duration::ZERO, PATIENCE).await.unwrap(), Outcome::Finished);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
