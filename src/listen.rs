//! The connection server: sockets, TLS, connections, their limits and the stop.
//!
//! In comes a bound [`socket::Listener`] and what answers its requests ([`answer`]), out come the answers. It
//! knows nothing of webhooks: who has authenticated is told to it through
//! [`registry::ConnHandle`], bodies are read through [`body::read_body`], which keeps the limits.

pub mod answer;
pub mod body;
mod connection;
mod eviction;
mod h2;
mod io;
pub mod registry;
pub mod server;
pub mod socket;
mod stage;
pub mod tls;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use registry::client_of;

use crate::network::Networks;

/// How many connections and requests the server itself refused, by the code of the answer.
#[derive(Debug, Default)]
pub struct Refusals {
    handshake_failed: AtomicU64,
    handshake_timeout: AtomicU64,
    header_timeout: AtomicU64,
    tls_expected: AtomicU64,
    too_many_connections: AtomicU64,
}

impl Refusals {
    /// Each code with its count.
    #[must_use]
    pub fn by_code(&self) -> [(&'static str, u64); 3] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("header_timeout", read(&self.header_timeout)),
            ("tls_expected", read(&self.tls_expected)),
            ("too_many_connections", read(&self.too_many_connections)),
        ]
    }

    /// TLS handshakes that clients began and that came to nothing, each reason with its count.
    #[must_use]
    pub fn handshakes(&self) -> [(&'static str, u64); 2] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [("failed", read(&self.handshake_failed)), ("timeout", read(&self.handshake_timeout))]
    }
}

/// What one client, and all clients together, may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request head, in bytes. A larger one gets 431. Defaults to 96 KiB; less than 8 KiB
    /// counts as 8 KiB.
    pub max_header_bytes: usize,
    /// Time from the first byte of a request head to its last (408), and from a connection's start
    /// to its first byte (closed); with TLS also from its start to the end of the handshake (closed).
    /// Defaults to 10 s.
    pub header_timeout: Duration,
    /// Time for a whole body to arrive (408), and for a client to take a response (closed).
    /// Defaults to 10 s.
    pub body_timeout: Duration,
    /// Time between two requests of a connection. Defaults to 1 h: forges reuse connections, and
    /// Go's client never resends a POST that met a closing one.
    pub idle_timeout: Duration,
    /// Largest body, in bytes. A larger one gets 413. Defaults to 32 MiB.
    pub max_body_bytes: u64,
    /// Open connections in all. Defaults to 4096. At the limit a newcomer takes the place of the
    /// slowest connection that has not authenticated a request.
    pub max_connections: usize,
    /// Open connections of one IPv4 address or IPv6 /64. Defaults to 1024.
    pub max_connections_per_client: usize,
    /// Whose connections are those of many clients: they are only counted in all. Defaults to none.
    pub proxies: Networks,
    /// Bodies and long heads in memory, in bytes, over all connections. Defaults to 128 MiB; less
    /// than one request of the largest size counts as that.
    pub max_buffered_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_bytes: 98_304,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(3600),
            max_body_bytes: 32 << 20,
            max_connections: 4096,
            max_connections_per_client: 1024,
            proxies: Networks::default(),
            max_buffered_bytes: 128 << 20,
        }
    }
}
