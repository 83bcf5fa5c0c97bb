//! TLS in front of a connection: who the server is, the handshake, and the stream after it.
//!
//! In come an [`Identity`] and accepted sockets, out come [`Transport`]s that are served like plain
//! ones. The identity can be replaced at any time: it is asked for once per connection.

mod identity;
mod wire;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(super) use self::identity::HTTP_2;
pub use self::identity::{Identity, IdentityError, Part, Pem, Stale};
use self::wire::Wire;
use super::registry::Conn;
use super::socket::Transport;
use super::stage::Due;

/// What a server identifies itself with, replaceable while it runs.
pub struct Tls {
    current: RwLock<Identity>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Begins with `identity`.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { current: RwLock::new(identity) }
    }

    /// Handshakes that begin from now on are made with `identity`. Connections that are there, and
    /// handshakes that have begun, go on as they are.
    pub fn replace(&self, identity: Identity) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// The certificate that handshakes are made with from now on.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.current().certificate()
    }

    pub(super) fn current(&self) -> Identity {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A stream after its handshake.
pub(super) type Secured = TlsStream<Wire<TcpStream>>;

/// How a connection began.
pub(super) enum Greeting<I> {
    /// In TLS.
    Secured(Box<I>),
    /// In HTTP, so the client has the wrong scheme.
    Plain(TcpStream),
    /// It began in TLS and went away, or said what is not spoken here.
    Failed(io::Error),
    /// It began in TLS and took too long.
    Slow,
    /// It went away, or was waited for too long, before it said anything: so do those who only look whether the port
    /// is open.
    Silent,
    /// Its place went to another.
    Evicted,
}

/// Waits for the first byte and makes the handshake, all within `header_timeout` of the connection's
/// start.
pub(super) async fn greet(
    stream: TcpStream,
    identity: &Identity,
    conn: &Arc<Conn>,
) -> Greeting<Secured> {
    let begun = AtomicBool::new(false);
    let mut handshake = pin!(async {
        match starts_in_tls(&stream).await {
            Err(_gone) => return Greeting::Silent,
            Ok(false) => return Greeting::Plain(stream),
            Ok(true) => {}
        }
        begun.store(true, Ordering::Relaxed);
        conn.handshake_begins();
        let wire = Wire::new(stream, Arc::clone(conn));
        match accept(wire, &identity.serving).await {
            Err(error) => Greeting::Failed(error),
            Ok(mut stream) => {
                stream.get_mut().0.handshake_ends();
                conn.handshake_ends();
                Greeting::Secured(Box::new(stream))
            }
        }
    });
    let mut timer = pin!(sleep_until(Instant::now().into()));
    let mut closing = false;
    poll_fn(|cx| {
        if conn.poll_evicted(cx).is_ready() {
            return Poll::Ready(Greeting::Evicted);
        }
        if let Poll::Ready(greeting) = handshake.as_mut().poll(cx) {
            return Poll::Ready(greeting);
        }
        loop {
            let now = Instant::now();
            if !closing && conn.shared.closing() {
                closing = true;
                timer.as_mut().reset(now.into());
            }
            ready!(timer.as_mut().poll(cx));
            match conn.due(now) {
                Due::Later(deadline) => timer.as_mut().reset(deadline.into()),
                Due::SlowHead | Due::Idle | Due::Drop => {
                    let begun = begun.load(Ordering::Relaxed);
                    return Poll::Ready(if begun { Greeting::Slow } else { Greeting::Silent });
                }
            }
        }
    })
    .await
}

/// The same for a client that there is no room for, and which is told so within `limit`.
pub(super) async fn greet_to_refuse(
    stream: TcpStream,
    identity: &Identity,
    limit: Duration,
) -> Greeting<TlsStream<TcpStream>> {
    let handshake = async {
        match starts_in_tls(&stream).await {
            Err(_gone) => Greeting::Silent,
            Ok(false) => Greeting::Plain(stream),
            Ok(true) => match accept(stream, &identity.refusing).await {
                Err(error) => Greeting::Failed(error),
                Ok(stream) => Greeting::Secured(Box::new(stream)),
            },
        }
    };
    timeout(limit, handshake).await.unwrap_or(Greeting::Slow)
}

/// Waits for the first byte, which stays where it is. Methods are letters, and no record of TLS begins
/// with one.
async fn starts_in_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(!first.iter().all(u8::is_ascii_alphabetic)),
    }
}

async fn accept<I: AsyncRead + AsyncWrite + Unpin>(
    io: I,
    config: &Arc<ServerConfig>,
) -> io::Result<TlsStream<I>> {
    TlsAcceptor::from(Arc::clone(config)).accept(io).await
}

impl Transport for Secured {
    const SAYS_GOODBYE: bool = true;

    /// They may be decrypted, in a record that is not complete, or still with the system.
    fn has_unread(&self) -> bool {
        let (wire, session) = self.get_ref();
        !session.wants_read() || wire.inside_record() || wire.has_unread()
    }
}
