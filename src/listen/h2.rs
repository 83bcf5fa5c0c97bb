//! HTTP/2 on a connection: many requests at a time, with the limits that one has.
//!
//! In comes a transport that has agreed on it, out come the answers. Each request is a stream, which holds what
//! its head costs and is known to the [`Conn`], so that time and eviction mean for all of them together what
//! they mean for one request of HTTP/1.1.

mod frames;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::http::{HeaderValue, Request, header};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use self::frames::Frames;
use super::Limits;
use super::answer::Answer;
use super::body::Hold;
use super::connection::{End, Protocol, Response, end_with, overloaded};
use super::io::{FREE_HEAD_BYTES, Metered};
use super::registry::{Conn, ConnHandle, Member, Pool};
use super::server::report;
use super::socket::Transport;
use super::stage::Due;

/// Requests at a time on one connection; a client is told so, and more are refused for it to send again.
const MOST_STREAMS: u32 = 128;
/// How much of one body may come before it is asked for. It is not charged, so it is what the protocol begins
/// with: enough for 64 KiB per round trip.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all bodies of a connection: one that waits for memory does not stop the others.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW;
/// How much of an answer may wait to be sent. Ours are smaller.
const SEND_BUFFER: usize = 64 * 1024;
/// What a request takes beside its head and body: its task, and what the library keeps of it.
const STREAM_COST: usize = 4 * 1024;
/// What a header counts beside its text, by RFC 9113.
const HEADER_OVERHEAD: usize = 32;

/// The tasks of one connection's streams; they end with it.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those that have ended.
    fn reap(&self) {
        let mut tasks = self.tasks();
        while let Some(ended) = tasks.try_join_next() {
            report(ended);
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.reap();
        self.tasks().spawn(stream);
    }
}

fn builder(limits: &Limits, streams: Streams) -> http2::Builder<Streams> {
    let mut http = http2::Builder::new(streams);
    http.max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX));
    http
}

impl<S: Answer> Protocol<S> {
    /// Serves `io` until it ends, or is evicted.
    pub(super) async fn serve_h2<I: Transport>(self, io: I, member: Member) {
        let (end, io) = self.drive_h2(io, &member.0).await;
        // A head that is too slow is no request that could be answered.
        end_with(end, io, None, &member).await;
    }

    async fn drive_h2<I: Transport>(&self, io: I, conn: &Arc<Conn>) -> (End, Metered<I, Frames>) {
        let mut io = Metered::with(io, Arc::clone(conn), Frames::new(conn));
        let streams = Streams::default();
        let service = service_fn(|request| self.call_h2(request, conn));
        let http = builder(&conn.shared.limits, streams.clone());
        let mut http = http.serve_connection(TokioIo::new(&mut io), service);
        let mut timer = pin!(sleep_until((Instant::now() + self.tick()).into()));
        let (mut closing, mut told) = (false, false);
        let end = poll_fn(|cx| {
            if conn.poll_evicted(cx).is_ready() {
                return Poll::Ready(End::Evicted);
            }
            loop {
                if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
                    return Poll::Ready(End::Done(result));
                }
                let now = Instant::now();
                if !closing && conn.shared.closing() {
                    closing = true;
                    conn.leave();
                }
                if !told && conn.told_to_go(now) {
                    told = true;
                    Pin::new(&mut http).graceful_shutdown();
                    timer.as_mut().reset(now.into());
                    continue;
                }
                ready!(timer.as_mut().poll(cx));
                let mut next = now + self.tick();
                match conn.due_h2(now) {
                    Due::Later(deadline) => next = next.min(deadline),
                    Due::SlowHead => return Poll::Ready(End::SlowHead),
                    Due::Idle => conn.leave(),
                    Due::Drop => return Poll::Ready(End::Silent),
                }
                timer.as_mut().reset(next.into());
            }
        })
        .await;
        drop(http);
        streams.reap();
        (end, io)
    }

    fn call_h2(
        &self,
        request: Request<Incoming>,
        conn: &Arc<Conn>,
    ) -> impl Future<Output = Result<hyper::Response<Taken>, Infallible>> + Send + use<S> {
        let mut stream = Stream::begin(conn);
        let room = stream.charge(weight(&request));
        let connection = ConnHandle(Arc::clone(conn));
        // Without room for the head it goes at once.
        let answer = room.then(|| self.service().call((connection, request)));
        async move {
            let response = match answer {
                Some(answer) => answer.await?,
                None => overloaded(),
            };
            stream.responds();
            Ok(response.map(|body| Taken { body: Response::new(body, stream), last: None }))
        }
    }
}

/// What a request takes before its body, with the head as the protocol counts it.
fn weight(request: &Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD);
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let host = request.headers().get(header::HOST).map_or(0, HeaderValue::len);
    STREAM_COST + headers.sum::<usize>() + target + host
}

/// A response body that ends when its client has room for the last byte. The library takes as much as it is given
/// as soon as there is room for one, so the last byte is kept until then: who takes no answer is known by it.
struct Taken {
    body: Response<Stream>,
    last: Option<Bytes>,
}

impl Body for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(last) = this.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(frame.map(|frame| {
            frame.map_data(|mut data| {
                this.last = (data.len() > 1).then(|| data.split_off(data.len() - 1));
                data
            })
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, last) = (self.body.size_hint(), self.last.as_ref().map_or(0, |_byte| 1));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + last);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + last);
        }
        hint
    }
}

/// A request of a connection, until its answer is with the client, or nobody wants it any more.
pub(super) struct Stream {
    conn: Arc<Conn>,
    responding: bool,
    head_bytes: usize,
    hold: Hold,
}

impl Stream {
    fn begin(conn: &Arc<Conn>) -> Self {
        conn.stage().stream_begins();
        let hold = Hold::empty(conn, Pool::Shares);
        Self { conn: Arc::clone(conn), responding: false, head_bytes: 0, hold }
    }

    /// Charges what requests of this connection take beyond what every connection has for nothing. Without
    /// memory for it, somebody slower gives up theirs for the next.
    fn charge(&mut self, bytes: usize) -> bool {
        self.head_bytes = bytes;
        let before = self.conn.head_bytes.fetch_add(bytes, Ordering::Relaxed);
        let over = before.saturating_add(bytes).saturating_sub(FREE_HEAD_BYTES);
        let room = self.hold.try_grow_to(over.min(bytes));
        if !room {
            self.conn.shared.squeeze(&self.conn, Pool::Shares);
        }
        room
    }

    fn responds(&mut self) {
        self.responding = true;
        let mut stage = self.conn.stage();
        stage.stream_responds(Instant::now());
        stage.leaving |= self.conn.shared.draining.load(Ordering::Relaxed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.conn.head_bytes.fetch_sub(self.head_bytes, Ordering::Relaxed);
        self.conn.stage().stream_ends(self.responding, Instant::now());
    }
}

impl Conn {
    /// Notes that bytes came which end inside of a frame or head, or do not, and whether one ended in them.
    fn frames_came(&self, inside: bool, ended: bool) {
        self.stage().frames_came(inside, ended, Instant::now);
    }

    /// Whether the client is to be told that no further request is taken; notes that it is.
    fn told_to_go(&self, now: Instant) -> bool {
        let mut stage = self.stage();
        if stage.leaving {
            stage.told = Some(now);
        }
        stage.leaving
    }

    fn due_h2(&self, now: Instant) -> Due {
        self.stage().due_h2(now, &self.shared.limits)
    }
}
