//! Sockets and descriptors: binds the listener, prepares accepted streams, raises the file limit.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

/// Handshakes that may wait for us while the accept loop is busy.
const BACKLOG: i32 = 4096;
/// Silence after which the kernel asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Descriptors beside those of connections: runtime, NATS, logs, files.
const SPARE_FILES: u64 = 64;

/// Why a listener could not be opened. Each names the address and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error(
        "cannot listen on {addr}: the address is in use; stop the process that has it, or choose another port"
    )]
    InUse {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The address belongs to no interface of this machine.
    #[error(
        "cannot listen on {addr}: this machine has no such address; use one of its own, or 0.0.0.0 for all"
    )]
    NotLocal {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The port needs a privilege.
    #[error(
        "cannot listen on {addr}: permission denied; choose a port above 1023, or grant CAP_NET_BIND_SERVICE"
    )]
    Denied {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// Anything else the system said.
    #[error("cannot listen on {addr}")]
    System {
        /// The address asked for.
        addr: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
}

impl BindError {
    fn new(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { addr },
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { addr },
            io::ErrorKind::PermissionDenied => Self::Denied { addr },
            _ => Self::System { addr, source },
        }
    }
}

/// A bound, listening socket. Clients can connect from now on; they are served once it is given
/// to [`super::server::Server::spawn`].
#[derive(Debug)]
pub struct Listener {
    pub(super) inner: TcpListener,
    addr: SocketAddr,
    /// Somebody else has the same socket open, and keeps it open when we close ours.
    pub(super) shared: bool,
}

impl Listener {
    /// Address with the real port, where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Opens a listening socket at `addr`. Must be called inside a tokio runtime.
///
/// # Errors
///
/// [`BindError`] if the system refuses the address.
pub fn bind(addr: SocketAddr) -> Result<Listener, BindError> {
    open(addr).map_err(|source| BindError::new(addr, source))
}

fn open(addr: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    let inner = TcpListener::from_std(socket.into())?;
    let addr = inner.local_addr()?;
    Ok(Listener { inner, addr, shared: false })
}

/// Takes over a listening socket that somebody else opened, and keeps open for our successor. Must be called
/// inside a tokio runtime.
///
/// # Errors
///
/// [`BindError`] if the runtime cannot wait for it.
pub fn adopt(listener: std::net::TcpListener) -> Result<Listener, BindError> {
    let addr = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)));
    let adopted = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
    match adopted {
        Ok(inner) => Ok(Listener { inner, addr, shared: true }),
        Err(source) => Err(BindError::System { addr, source }),
    }
}

/// Sets what an accepted stream needs. A failure means that the peer has already gone.
pub(super) fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
}

/// Makes the kernel ignore new handshakes at `listener`, while those under way still finish.
///
/// Between the last accept and the close of a listener a client can get in, and the close then
/// resets it with its request already sent. With new SYNs dropped there is nobody left to reset;
/// the client's kernel repeats its SYN a second later and meets a closed port.
#[cfg(target_os = "linux")]
pub(super) fn ignore_handshakes(listener: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;

    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const TCP_FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, TCP_FLAGS_OFFSET),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Elsewhere the gap between the last accept and the close stays, a few microseconds wide.
#[cfg(not(target_os = "linux"))]
pub(super) fn ignore_handshakes(_listener: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A byte stream that can carry a connection.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether bytes have arrived that nobody has read, asked of the system itself: the runtime's
    /// own idea of readiness lags behind. To be asked after a read that found nothing.
    fn has_unread(&self) -> bool;

    /// Whether the other side must be told of the end before the socket is closed.
    const SAYS_GOODBYE: bool = false;
}

impl Transport for TcpStream {
    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit(); 1];
        SockRef::from(self).peek(&mut byte).is_ok_and(|n| n > 0)
    }
}

/// Raises this process's limit of open files as far as it is allowed to, and returns what it
/// reached. Warns if that is too little for `max_connections`.
pub fn raise_file_limit(max_connections: usize) -> u64 {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    let reached = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => before.maximum,
        Err(_) => before.current,
    };
    // None means no limit.
    let reached = reached.unwrap_or(u64::MAX);
    let wanted = u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_add(SPARE_FILES);
    if reached < wanted {
        warn!(
            open_files = reached,
            wanted, "The limit of open files is too low for the configured connections."
        );
    }
    reached
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ignored_handshakes_never_finish_and_earlier_ones_do() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr();
        let early = TcpStream::connect(addr).await.unwrap();
        ignore_handshakes(&listener.inner).unwrap();
        let late = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(addr));
        assert!(late.await.is_err(), "neither accepted nor refused");
        let (accepted, peer) = listener.inner.accept().await.unwrap();
        assert_eq!(peer, early.local_addr().unwrap());
        // The filter is inherited, and must not touch what is already connected.
        assert_eq!(early.try_write(b"x").unwrap(), 1);
        accepted.readable().await.unwrap();
        assert!(accepted.has_unread());
    }
}
