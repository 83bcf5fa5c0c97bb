//! One connection from its first byte to its last: drives hyper, watches the clock, and closes so
//! that the client sees the last answer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Request, StatusCode};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tracing::debug;

use super::Limits;
use super::answer::Answer;
use super::io::{Meter, Metered};
use super::registry::{Conn, ConnHandle, Member};
use super::socket::Transport;
use super::stage::Due;
use super::tls::{self, Greeting, Identity};

/// How long a client is given to finish sending, and to close, after its last answer.
const LINGER: Duration = Duration::from_secs(1);
/// hyper refuses smaller buffers.
pub(super) const SMALLEST_BUFFER: usize = 8 * 1024;

/// An answer that is written without hyper: status line, the header that belongs to it, and the
/// code and text of its problem.
pub(super) struct LastWords {
    status: &'static str,
    header: &'static str,
    code: &'static str,
    detail: &'static str,
}

const SLOW_HEAD: LastWords = LastWords {
    status: "408 Request Timeout",
    header: "",
    code: "header_timeout",
    detail: "The request head took too long.",
};

const NO_ROOM: LastWords = LastWords {
    status: "503 Service Unavailable",
    header: "retry-after: 5\r\n",
    code: "too_many_connections",
    detail: "All connections are in use; send the request again later.",
};

impl LastWords {
    fn body(&self) -> String {
        let Self { status, code, detail, .. } = self;
        let (number, title) = status.split_once(' ').unwrap_or((status, ""));
        format!(
            r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}","detail":"{detail}"}}"#
        )
    }

    fn response(&self) -> String {
        let Self { status, header, .. } = self;
        let body = self.body();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
             {header}connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

const NO_MEMORY: LastWords = LastWords {
    status: "503 Service Unavailable",
    header: "",
    code: "overloaded",
    detail: "Too much is being received; send the request again later.",
};

const SPEAKS_TLS: LastWords = LastWords {
    status: "400 Bad Request",
    header: "",
    code: "tls_expected",
    detail: "This port speaks TLS; use https in the URL.",
};

/// The answer to a request whose head there is no memory for.
pub(super) fn overloaded() -> hyper::Response<axum::body::Body> {
    let mut response = hyper::Response::new(NO_MEMORY.body().into());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Why hyper is no longer driven.
pub(super) enum End {
    /// hyper is done with it.
    Done(hyper::Result<()>),
    /// The request head took too long.
    SlowHead,
    /// Its place or its memory went to another.
    Evicted,
    /// Too slow where no answer can be given.
    Silent,
}

/// What every connection of a server is served with.
#[derive(Clone)]
pub(super) struct Protocol<S> {
    http: http1::Builder,
    service: S,
    tick: Duration,
}

impl<S: Answer> Protocol<S> {
    pub(super) fn new(limits: &Limits, service: S) -> Self {
        let mut http = http1::Builder::new();
        // A client that has sent its request may close its side: the request is served all the same.
        http.half_close(true)
            .header_read_timeout(None)
            // An answer is one small piece, and copied into it sooner than the system gathers two.
            .writev(false)
            .max_buf_size(limits.max_header_bytes.max(SMALLEST_BUFFER));
        Self {
            http,
            service,
            tick: limits.header_timeout.min(limits.body_timeout).min(limits.idle_timeout),
        }
    }

    /// Makes the handshake of TLS on `stream`, and serves what is inside.
    pub(super) async fn serve_secured(self, stream: TcpStream, identity: Identity, member: Member) {
        let peer = member.0.peer();
        match tls::greet(stream, &identity, &member.0).await {
            Greeting::Secured(stream) => {
                if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2) {
                    self.serve_h2(*stream, member).await;
                } else {
                    self.serve(*stream, member).await;
                }
            }
            Greeting::Plain(stream) => {
                member.0.shared.refusals.tls_expected.fetch_add(1, Ordering::Relaxed);
                debug!(%peer, "Connection closed: it does not speak TLS.");
                let most = member.0.shared.limits.max_header_bytes as u64;
                part(stream, Some(SPEAKS_TLS), most).await;
            }
            Greeting::Failed(error) => {
                member.0.shared.refusals.handshake_failed.fetch_add(1, Ordering::Relaxed);
                debug!(%peer, %error, "The TLS handshake failed.");
            }
            Greeting::Slow => {
                member.0.shared.refusals.handshake_timeout.fetch_add(1, Ordering::Relaxed);
                debug!(%peer, "Connection closed: its TLS handshake took too long.");
            }
            Greeting::Silent => debug!(%peer, "Connection closed: it said nothing."),
            Greeting::Evicted => debug!(%peer, "Connection closed to make room."),
        }
    }

    /// Serves `io` until it ends, or is evicted.
    pub(super) async fn serve<I: Transport>(self, io: I, member: Member) {
        let conn = &member.0;
        let (end, io) = self.drive(Metered::new(io, Arc::clone(conn)), conn).await;
        end_with(end, io, Some(SLOW_HEAD), &member).await;
    }

    pub(super) fn service(&self) -> &S {
        &self.service
    }

    /// How often a connection is looked at, at the least.
    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    async fn drive<I: Transport>(&self, io: Metered<I>, conn: &Arc<Conn>) -> (End, Metered<I>) {
        let service = service_fn(|request| self.call(request, conn));
        let mut http = self.http.serve_connection(TokioIo::new(io), service);
        // One timer for all of a connection's phases, never moved by a request. It fires at least
        // once in the shortest of the limits, so a phase that begins between two of its ticks
        // still ends in time.
        let mut timer = pin!(sleep_until((Instant::now() + self.tick).into()));
        let mut closing = false;
        let end = poll_fn(|cx| {
            if conn.poll_evicted(cx).is_ready() {
                return Poll::Ready(End::Evicted);
            }
            loop {
                if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
                    return Poll::Ready(End::Done(result));
                }
                if !closing && conn.shared.closing() {
                    closing = true;
                    timer.as_mut().reset(Instant::now().into());
                }
                ready!(timer.as_mut().poll(cx));
                let now = Instant::now();
                let mut next = now + self.tick;
                match conn.due(now) {
                    Due::Later(deadline) => next = next.min(deadline),
                    Due::SlowHead => return Poll::Ready(End::SlowHead),
                    // hyper, polled once more, finds the end of the stream or a last request.
                    Due::Idle => conn.leave(),
                    Due::Drop => return Poll::Ready(End::Silent),
                }
                timer.as_mut().reset(next.into());
            }
        })
        .await;
        (end, http.into_parts().io.into_inner())
    }

    fn call(
        &self,
        request: Request<Incoming>,
        conn: &Arc<Conn>,
    ) -> impl Future<Output = Result<hyper::Response<Response<Answering>>, Infallible>> + use<S>
    {
        let conn = Arc::clone(conn);
        conn.request_begins(!request.body().is_end_stream());
        let answer = self.service.call((ConnHandle(Arc::clone(&conn)), request));
        async move {
            let mut response = answer.await?;
            if conn.response_begins() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Response::new(body, Answering(conn))))
        }
    }
}

/// Says how a connection ended, and parts with its client.
pub(super) async fn end_with<I: Transport, M: Meter>(
    end: End,
    io: Metered<I, M>,
    slow_head: Option<LastWords>,
    member: &Member,
) {
    let conn = &member.0;
    let last_words = match end {
        End::Evicted => {
            debug!(peer = %conn.peer(), "Connection closed to make room.");
            return;
        }
        End::Silent => {
            debug!(peer = %conn.peer(), "Connection closed: nothing moved on it.");
            return;
        }
        End::Done(Err(error)) => {
            debug!(peer = %conn.peer(), %error, "Connection ended early.");
            None
        }
        End::Done(Ok(())) => None,
        End::SlowHead => {
            conn.shared.refusals.header_timeout.fetch_add(1, Ordering::Relaxed);
            debug!(peer = %conn.peer(), "Connection closed: its request head took too long.");
            slow_head
        }
    };
    if io.ended() {
        if I::SAYS_GOODBYE {
            let _ = timeout(LINGER, io.into_inner().shutdown()).await;
        }
        return;
    }
    let most = conn.shared.limits.max_body_bytes.saturating_mul(2);
    tokio::select! {
        () = part(io.into_inner(), last_words, most) => {}
        () = conn.evicted() => {}
    }
}

/// A response body with what is dropped after it: hyper does that when it has the last frame.
pub(super) struct Response<G> {
    body: axum::body::Body,
    _guard: G,
}

impl<G> Response<G> {
    pub(super) fn new(body: axum::body::Body, guard: G) -> Self {
        Self { body, _guard: guard }
    }
}

/// Notes the end of a response.
struct Answering(Arc<Conn>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.response_ends();
    }
}

impl<G: Unpin> Body for Response<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Tells a client that there is no room for it.
pub(super) async fn refuse<I: AsyncRead + AsyncWrite + Unpin>(io: I, limits: &Limits) {
    part(io, Some(NO_ROOM), limits.max_body_bytes.saturating_mul(2)).await;
}

/// The same inside of TLS, so that the client can read it.
pub(super) async fn refuse_secured(stream: TcpStream, identity: &Identity, limits: &Limits) {
    match tls::greet_to_refuse(stream, identity, LINGER).await {
        Greeting::Secured(stream) => refuse(stream, limits).await,
        Greeting::Plain(stream) => refuse(stream, limits).await,
        Greeting::Failed(_) | Greeting::Slow | Greeting::Silent | Greeting::Evicted => {}
    }
}

/// Says `last_words`, closes our side, and lets the client finish.
///
/// A socket that is closed with unread bytes in it is reset, and the reset can overtake the
/// answer. So what still comes is thrown away: `most` bytes of it, for at most a second.
async fn part<I: AsyncRead + AsyncWrite + Unpin>(
    mut io: I,
    last_words: Option<LastWords>,
    most: u64,
) {
    let parting = async {
        if let Some(words) = last_words {
            io.write_all(words.response().as_bytes()).await?;
        }
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(most), &mut tokio::io::sink()).await
    };
    // Nothing depends on how it went: the client is gone, or it has been told.
    let _ = timeout(LINGER, parting).await;
}
