//! The accept loop and its stop.
//!
//! In come a listener, what answers requests, and limits; out comes a [`Server`] that owns every task it
//! started. One task accepts and owns the connections' tasks, so ending it ends them all.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, warn};

use super::answer::Answer;
use super::connection::{Protocol, refuse, refuse_secured};
use super::registry::Shared;
use super::socket::{Listener, ignore_handshakes, prepare};
use super::tls::Tls;
use super::{Limits, Refusals};

/// Newcomers taken in one go before anything else is looked at.
const BURST: usize = 256;
/// How long to wait before the next accept after the system ran out of something.
const BACKOFF: Duration = Duration::from_millis(20);
/// Newcomers that are being told at the same time that there is no room. More are just closed.
const MOST_REFUSALS: usize = 256;
/// Time for handshakes that have begun before the listener stops taking new ones.
const HANDSHAKE: Duration = Duration::from_millis(100);

/// Why a server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The accept loop panicked or was torn down: a defect, not a circumstance.
    #[error("the accept loop of {addr} died")]
    Died {
        /// The address it served.
        addr: SocketAddr,
        /// How the task ended.
        source: JoinError,
    },
}

/// How a stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every request got its answer.
    Finished,
    /// Time was up, or the hard stop came, with work left.
    Aborted {
        /// Connections that were cut.
        connections: usize,
    },
}

impl Outcome {
    fn of(cut: usize) -> Self {
        match cut {
            0 => Self::Finished,
            connections => Self::Aborted { connections },
        }
    }
}

/// A running connection server.
///
/// Every task it started belongs to this value: dropping it aborts them, [`Server::shutdown`]
/// lets them finish first.
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    close: CancellationToken,
    hard: CancellationToken,
    /// `None` once it has ended and its result was taken.
    acceptor: Option<AbortOnDropHandle<usize>>,
}

impl Server {
    /// Starts serving `service` at `listener`. Must be called inside a tokio runtime.
    #[must_use]
    pub fn spawn<S: Answer>(listener: Listener, service: S, limits: Limits) -> Self {
        Self::start(listener, None, service, limits)
    }

    /// The same inside of TLS: whoever connects is shown what `tls` holds at that moment.
    #[must_use]
    pub fn spawn_secured<S: Answer>(
        listener: Listener,
        tls: Arc<Tls>,
        service: S,
        limits: Limits,
    ) -> Self {
        Self::start(listener, Some(tls), service, limits)
    }

    fn start<S: Answer>(
        listener: Listener,
        tls: Option<Arc<Tls>>,
        service: S,
        limits: Limits,
    ) -> Self {
        let addr = listener.local_addr();
        let protocol = Protocol::new(&limits, service);
        let shared = Arc::new(Shared::new(limits));
        let close = CancellationToken::new();
        let hard = CancellationToken::new();
        let acceptor = Acceptor {
            shared: Arc::clone(&shared),
            protocol,
            tls,
            tasks: JoinSet::new(),
            refusals: Arc::new(Semaphore::new(MOST_REFUSALS)),
            starved: false,
            socket_stays: listener.shared,
        };
        let task = tokio::spawn(acceptor.run(listener.inner, close.clone(), hard.clone()));
        Self { addr, shared, close, hard, acceptor: Some(AbortOnDropHandle::new(task)) }
    }

    /// Address that is served, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// How much memory requests take at the moment, in KiB.
    #[must_use]
    pub fn buffered_kib(&self) -> usize {
        self.shared.taken()
    }

    /// How many connections and requests it refused itself, now and later.
    #[must_use]
    pub fn refusals(&self) -> Arc<Refusals> {
        Arc::clone(&self.shared.refusals)
    }

    /// A token that ends everything at once when cancelled, also during [`Server::shutdown`].
    #[must_use]
    pub fn hard_stop(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Ends everything at once.
    pub fn abort(&self) {
        self.hard.cancel();
    }

    /// Waits until the server ends. May be cancelled and called again.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if it ended without having been told to.
    pub async fn join(&mut self) -> Result<(), ServeError> {
        self.ended().await.map(|_aborted| ())
    }

    /// Stops without losing a request.
    ///
    /// For `drain`, everything is served as before, except that each response closes its
    /// connection. Then the listener is closed, requests under way are finished, and idle
    /// connections are closed. What is left `deadline` after the call is cut. On a socket that
    /// was taken over, who connects after the drain waits there for the next who takes it over.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the server died on the way.
    pub async fn shutdown(
        mut self,
        drain: Duration,
        deadline: Duration,
    ) -> Result<Outcome, ServeError> {
        let deadline = Instant::now() + deadline;
        self.shared.draining.store(true, Ordering::Relaxed);
        let drained = deadline.min(Instant::now() + drain);
        if let Ok(ended) = timeout_at(drained, self.ended()).await {
            return ended.map(Outcome::of);
        }
        self.close.cancel();
        if let Ok(ended) = timeout_at(deadline, self.ended()).await {
            return ended.map(Outcome::of);
        }
        self.hard.cancel();
        self.ended().await.map(Outcome::of)
    }

    /// Waits for the accept loop, and returns how many connections it had to cut.
    async fn ended(&mut self) -> Result<usize, ServeError> {
        let Some(task) = &mut self.acceptor else {
            return Ok(0);
        };
        let ended = task.await;
        self.acceptor = None;
        ended.map_err(|source| ServeError::Died { addr: self.addr, source })
    }
}

struct Acceptor<S> {
    shared: Arc<Shared>,
    protocol: Protocol<S>,
    /// None where HTTP is spoken in the clear.
    tls: Option<Arc<Tls>>,
    tasks: JoinSet<()>,
    refusals: Arc<Semaphore>,
    /// The last accept failed for want of something: said once, until one succeeds.
    starved: bool,
    /// Our listener is one of several on the same socket, which stays open.
    socket_stays: bool,
}

impl<S: Answer> Acceptor<S> {
    /// Accepts until told to close, then waits for the connections. Returns how many were cut.
    async fn run(
        mut self,
        listener: TcpListener,
        close: CancellationToken,
        hard: CancellationToken,
    ) -> usize {
        loop {
            tokio::select! {
                () = hard.cancelled() => return self.cut().await,
                () = close.cancelled() => break,
                Some(ended) = self.tasks.join_next() => report(ended),
                accepted = listener.accept() => {
                    self.take(accepted).await;
                    self.take_burst(&listener).await;
                }
            }
        }
        self.close(listener, &hard).await;
        loop {
            tokio::select! {
                () = hard.cancelled() => return self.cut().await,
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => report(ended),
                    None => return 0,
                },
            }
        }
    }

    /// Takes whoever has connected, closes the listener, and tells the connections.
    async fn close(&mut self, listener: TcpListener, hard: &CancellationToken) {
        if self.socket_stays {
            // Nobody is reset: who connects waits for our successor. To ignore handshakes would be to ignore them
            // there, too.
            drop(listener);
            self.shared.close();
            return;
        }
        if ignore_handshakes(&listener).is_ok() {
            let settled = Instant::now() + HANDSHAKE;
            loop {
                tokio::select! {
                    () = hard.cancelled() => break,
                    () = sleep_until(settled) => break,
                    accepted = listener.accept() => self.take(accepted).await,
                }
            }
        }
        // The runtime may not have heard of the last ones yet, so the system is asked directly.
        if let Ok(listener) = listener.into_std() {
            while !hard.is_cancelled() {
                let accepted = match listener.accept() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    accepted => accepted.and_then(register),
                };
                self.take(accepted).await;
            }
        }
        self.shared.close();
    }

    async fn cut(&mut self) -> usize {
        let mut cut = 0;
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            cut += usize::from(ended.as_ref().is_err_and(JoinError::is_cancelled));
            report(ended);
        }
        cut
    }

    /// Takes more of what waits already. In a flood the kernel's queue must not fill up: who comes then is
    /// dropped there, good or bad, and tries again after a second.
    async fn take_burst(&mut self, listener: &TcpListener) {
        for _ in 0..BURST {
            let Some(accepted) = listener.accept().now_or_never() else { return };
            self.take(accepted).await;
        }
    }

    async fn take(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, peer)) => {
                self.starved = false;
                prepare(&stream);
                self.admit(stream, peer);
            }
            Err(error) if is_peer_fault(&error) => {}
            Err(error) => {
                let evicted = self.shared.evict_one();
                if !self.starved {
                    self.starved = true;
                    warn!(%error, evicted, "Cannot accept connections; closing the slowest ones instead.");
                }
                sleep(BACKOFF).await;
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let identity = self.tls.as_ref().map(|tls| tls.current());
        if let Some(member) = self.shared.admit(peer) {
            let protocol = self.protocol.clone();
            match identity {
                None => self.tasks.spawn(protocol.serve(stream, member)),
                Some(identity) => {
                    self.tasks.spawn(protocol.serve_secured(stream, identity, member))
                }
            };
            return;
        }
        self.shared.refusals.too_many_connections.fetch_add(1, Ordering::Relaxed);
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            match identity {
                None => refuse(stream, &shared.limits).await,
                Some(identity) => refuse_secured(stream, &identity, &shared.limits).await,
            }
            drop(permit);
        });
    }
}

/// Hands a stream of the system to the runtime.
fn register(
    (stream, peer): (std::net::TcpStream, SocketAddr),
) -> io::Result<(TcpStream, SocketAddr)> {
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, peer))
}

/// Whether an accept failed because of that one connection, so that the next may well succeed.
fn is_peer_fault(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| {
        [
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::HOSTUNREACH,
            Errno::INTR,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::PERM,
            Errno::PROTO,
        ]
        .contains(&errno)
    })
}

/// A panic costs the connection it happened on, and is told.
pub(super) fn report(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        error!("A request handler panicked; its connection was closed.");
    }
}
