//! The stream between a socket and hyper: counts and charges what comes in, marks where requests
//! begin and responses end, and closes an idle connection only when nothing is left to read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use memchr::memmem::Finder;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::body::Hold;
use super::connection::SMALLEST_BUFFER;
use super::registry::{Conn, Pool};
use super::socket::Transport;
use super::stage::Phase;

/// Head bytes that every connection may hold uncharged.
pub(super) const FREE_HEAD_BYTES: usize = 8 * 1024;
/// Most bytes read at once. hyper doubles its buffer whenever a read fills it, up to the largest head, and keeps it
/// while the connection idles; one byte less stops it at 32 KiB, into which most deliveries fit in one read.
const READ_AT_ONCE: usize = 32 * 1024 - 1;

/// What is made of the bytes that come.
pub(super) trait Meter {
    /// How many may be read at once, from 1.
    fn most(&self, _: &Conn) -> usize {
        READ_AT_ONCE
    }

    /// Counts and charges them.
    fn count(&mut self, conn: &Arc<Conn>, come: &[u8]) -> io::Result<()>;

    /// Whether hyper is told of an end as soon as nothing is left to read.
    fn may_end(&self, conn: &Conn) -> bool;
}

/// A transport whose traffic is known to its [`Conn`].
pub(super) struct Metered<I, M = Heads> {
    inner: I,
    conn: Arc<Conn>,
    meter: M,
    ended: bool,
}

/// The meter of HTTP/1.1: one request after the other.
pub(super) struct Heads {
    /// How much of a head has come without its end; zero while there is none.
    bytes: usize,
    /// What the longest head so far has cost. Kept for the connection's life, as hyper keeps the
    /// buffer.
    hold: Hold,
}

/// What a head ends with. Where it comes in two pieces, or with bare line feeds, the body's first bytes count as well.
static END: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

impl Meter for Heads {
    fn most(&self, conn: &Conn) -> usize {
        // hyper refuses a head when its buffer is full and the end has not come: it must not come beyond.
        let longest = conn.shared.limits.max_header_bytes.max(SMALLEST_BUFFER);
        READ_AT_ONCE.min(longest.saturating_sub(self.bytes)).max(1)
    }

    fn count(&mut self, conn: &Arc<Conn>, come: &[u8]) -> io::Result<()> {
        let (phase, begins) = conn.received(come.len());
        if phase != Phase::Head {
            self.bytes = 0;
            return Ok(());
        }
        // What comes behind it is a body, which is charged when it is read.
        let end = END.find(come).map(|at| at + END.needle().len());
        let before = if begins { 0 } else { self.bytes };
        let head = before.saturating_add(end.unwrap_or(come.len()));
        self.bytes = if end.is_some() { 0 } else { head };
        let charged = head.saturating_sub(FREE_HEAD_BYTES);
        if self.hold.try_grow_to(charged) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "no memory left for a long request head",
            ))
        }
    }

    fn may_end(&self, conn: &Conn) -> bool {
        conn.may_go()
    }
}

impl<I: Transport> Metered<I> {
    pub(super) fn new(inner: I, conn: Arc<Conn>) -> Self {
        let meter = Heads { bytes: 0, hold: Hold::empty(&conn, Pool::Shares) };
        Self::with(inner, conn, meter)
    }
}

impl<I: Transport, M: Meter> Metered<I, M> {
    pub(super) fn with(inner: I, conn: Arc<Conn>, meter: M) -> Self {
        Self { inner, conn, meter, ended: false }
    }

    /// Whether hyper was told that nothing more will come.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The transport alone. Gives back what was charged.
    pub(super) fn into_inner(self) -> I {
        self.inner
    }
}

impl<I: Transport, M: Meter + Unpin> AsyncRead for Metered<I, M> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let mut some = (&mut this.inner).take(this.meter.most(&this.conn) as u64);
        match Pin::new(&mut some).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let come = buf.filled().get(before..).unwrap_or_default();
                if come.is_empty() {
                    this.ended = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(this.meter.count(&this.conn, come))
            }
            Poll::Pending if this.meter.may_end(&this.conn) && !this.inner.has_unread() => {
                // An end of file is what hyper understands as the end of an idle connection.
                this.ended = true;
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<I: Transport, M: Meter + Unpin> AsyncWrite for Metered<I, M> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        this.conn.flushed();
        Poll::Ready(Ok(()))
    }

    /// Leaves the stream open: whoever drives the connection decides how it is closed.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::Limits;
    use super::super::registry::{Member, Shared};
    use super::*;

    /// Bytes that the kernel has, but of which the runtime has not heard.
    struct Unheard(bool);

    impl AsyncRead for Unheard {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Unheard {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Transport for Unheard {
        fn has_unread(&self) -> bool {
            self.0
        }
    }

    fn idle() -> Member {
        let shared = Arc::new(Shared::new(Limits::default()));
        let member = shared.admit("127.0.0.1:1".parse().unwrap()).unwrap();
        member.0.request_begins(false);
        member.0.response_begins();
        member.0.response_ends();
        member.0.flushed();
        member
    }

    fn ends(member: &Member, unread: bool) -> bool {
        let mut io = Metered::new(Unheard(unread), Arc::clone(&member.0));
        let mut buf = [0; 8];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut io).poll_read(&mut cx, &mut ReadBuf::new(&mut buf)).is_ready()
    }

    #[test]
    fn an_idle_connection_stays_until_the_close() {
        let member = idle();
        assert!(!ends(&member, false));
        member.0.shared.close();
        assert!(ends(&member, false));
    }

    #[test]
    fn an_idle_connection_with_a_request_on_it_stays() {
        let member = idle();
        member.0.shared.close();
        assert!(!ends(&member, true));
    }

    fn newcomer(limits: Limits) -> (Member, Heads) {
        let shared = Arc::new(Shared::new(limits));
        let member = shared.admit("127.0.0.1:1".parse().unwrap()).unwrap();
        let hold = Hold::empty(&member.0, Pool::Shares);
        (member, Heads { bytes: 0, hold })
    }

    #[test]
    fn a_long_head_is_charged_and_a_body_that_comes_with_a_head_is_not() {
        let (member, mut meter) = newcomer(Limits::default());
        let mut request = b"POST / HTTP/1.1\r\nContent-Length: 30000\r\n\r\n".to_vec();
        request.resize(30_000, b'a');
        meter.count(&member.0, &request).unwrap();
        assert_eq!(member.0.shared.taken(), 0);
        let (member, mut meter) = newcomer(Limits::default());
        meter.count(&member.0, &vec![b'a'; 30_000]).unwrap();
        assert_eq!(member.0.shared.taken(), (30_000 - FREE_HEAD_BYTES).div_ceil(1024));
    }

    #[test]
    fn no_head_is_read_beyond_the_longest_that_is_taken() {
        let (member, mut meter) = newcomer(Limits::default());
        let longest = Limits::default().max_header_bytes;
        let mut come = 0;
        while come < longest {
            let most = meter.most(&member.0);
            assert!(most <= longest - come);
            meter.count(&member.0, &vec![b'a'; most]).unwrap();
            come += most;
        }
        // One that has ended is in nobody's way, and a limit below what hyper buffers counts as that.
        meter.count(&member.0, b"\r\n\r\n").unwrap();
        assert_eq!(meter.most(&member.0), READ_AT_ONCE);
        let (member, meter) = newcomer(Limits { max_header_bytes: 1, ..Limits::default() });
        assert_eq!(meter.most(&member.0), SMALLEST_BUFFER);
    }

    #[test]
    fn a_request_in_flight_keeps_its_connection() {
        let member = idle();
        member.0.request_begins(false);
        member.0.shared.close();
        assert!(!ends(&member, false));
    }
}
