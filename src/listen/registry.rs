//! Who is connected: counts connections, keeps each one's state, and picks whom to evict.
//!
//! In come peers, progress and the word that a request was authentic; out come admissions and
//! evictions. One mutex guards the list; it is scanned only when a limit has been reached.

use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::sync::Semaphore;

use super::Limits;
use super::body::SHARE;
use super::eviction::List;
use super::stage::{Due, Phase, Stage};

/// A connection younger than this has had no chance to send anything.
const GRACE: Duration = Duration::from_millis(100);
/// Bytes that a connection is credited with, so that age decides among those that sent little.
const CREDIT: u64 = 4096;
/// At most one connection in this time loses its buffers to those that wait for memory, however
/// many wait.
const SQUEEZE_INTERVAL: Duration = Duration::from_millis(25);

/// A connection that holds less, in KiB, is not worth evicting for its memory.
const WORTH_TAKING: usize = 16;

/// Two parts of the memory for requests, so that large bodies do not stand in the way of small ones.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pool {
    /// What every body begins in, and long heads.
    Shares,
    /// What is left of large bodies.
    Rests,
}

/// The connection that a request came over.
#[derive(Clone)]
pub struct ConnHandle(pub(super) Arc<Conn>);

impl ConnHandle {
    /// The other end. An IPv4 client of an IPv6 socket is shown as IPv4.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer()
    }

    /// Says that a request of this connection was authentic: it is never evicted from now on.
    pub fn authenticated(&self) {
        self.0.authenticated.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for ConnHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnHandle").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

/// One connection as the server sees it.
pub(super) struct Conn {
    pub(super) id: u64,
    peer: SocketAddr,
    pub(super) client: IpAddr,
    opened: Instant,
    pub(super) shared: Arc<Shared>,
    stage: Mutex<Stage>,
    received: AtomicU64,
    authenticated: AtomicBool,
    evicted: AtomicBool,
    /// Bytes of heads that its requests of HTTP/2 hold.
    pub(super) head_bytes: AtomicUsize,
    /// Memory in KiB that this connection holds of each pool.
    held: [AtomicUsize; 2],
    waker: AtomicWaker,
}

impl Conn {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What it holds of a pool, in KiB.
    pub(super) fn held(&self, pool: Pool) -> &AtomicUsize {
        let [shares, rests] = &self.held;
        match pool {
            Pool::Shares => shares,
            Pool::Rests => rests,
        }
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts bytes from the client, and returns the phase that they belong to and whether they
    /// begin it.
    pub(super) fn received(&self, bytes: usize) -> (Phase, bool) {
        self.progressed(bytes);
        self.stage().received(Instant::now)
    }

    /// Counts bytes that belong to no request.
    pub(super) fn progressed(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Notes that the handshake's first byte has come. The time for it began with the connection.
    pub(super) fn handshake_begins(&self) {
        self.stage().phase = Phase::Handshake;
    }

    /// Notes that requests can come now.
    pub(super) fn handshake_ends(&self) {
        self.stage().enter(Phase::Fresh, Instant::now());
    }

    pub(super) fn request_begins(&self, has_body: bool) {
        let mut stage = self.stage();
        stage.phase = Phase::Handling;
        stage.unread = has_body;
    }

    pub(super) fn body_was_read(&self) {
        self.stage().unread = false;
    }

    /// Notes that a response is there, and returns whether it must be the connection's last.
    pub(super) fn response_begins(&self) -> bool {
        let mut stage = self.stage();
        stage.enter(Phase::Responding, Instant::now());
        stage.unread || stage.leaving || self.shared.draining.load(Ordering::Relaxed)
    }

    pub(super) fn response_ends(&self) {
        self.stage().phase = Phase::Flushing;
    }

    /// Notes that everything written has reached the kernel.
    pub(super) fn flushed(&self) {
        let mut stage = self.stage();
        if stage.phase == Phase::Flushing {
            stage.enter(Phase::Idle, Instant::now());
        }
    }

    /// Takes no further request than one that has already arrived.
    pub(super) fn leave(&self) {
        self.stage().leaving = true;
    }

    /// Whether to close as soon as nothing is left to read.
    pub(super) fn may_go(&self) -> bool {
        let stage = self.stage();
        stage.phase == Phase::Idle && (stage.leaving || self.shared.closing())
    }

    /// What time says at `now`.
    pub(super) fn due(&self, now: Instant) -> Due {
        self.stage().due(now, &self.shared.limits, self.shared.closing.get().copied())
    }

    /// Registers the connection's task for wakes, and returns whether it has been evicted.
    pub(super) fn poll_evicted(&self, cx: &Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.evicted.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(super) async fn evicted(&self) {
        poll_fn(|cx| self.poll_evicted(cx)).await;
    }

    pub(super) fn may_be_evicted(&self) -> bool {
        !self.authenticated.load(Ordering::Relaxed)
    }

    pub(super) fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Comparable slowness: the grown-up before the newborn, then time per byte.
    pub(super) fn slowness(&self, now: Instant) -> (bool, u128) {
        let age = now.saturating_duration_since(self.opened);
        let credit = u128::from(self.received.load(Ordering::Relaxed) + CREDIT);
        (age >= GRACE, age.as_nanos() * 1024 / credit)
    }
}

/// Keeps a connection in the list for as long as its task lives.
pub(super) struct Member(pub(super) Arc<Conn>);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.shared.list().remove(self.0.id);
    }
}

/// What all connections of a server have in common.
pub(super) struct Shared {
    pub(super) limits: Limits,
    shares: Arc<Semaphore>,
    rests: Arc<Semaphore>,
    /// Size of both pools together, in KiB.
    pooled: usize,
    pub(super) draining: AtomicBool,
    closing: OnceLock<Instant>,
    list: Mutex<List>,
    last_squeeze: Mutex<Option<Instant>>,
    pub(super) refusals: Arc<super::Refusals>,
}

impl Shared {
    pub(super) fn new(limits: Limits) -> Self {
        let body = usize::try_from(limits.max_body_bytes).unwrap_or(usize::MAX);
        // A permit count is 32 bits wide where several are taken at once.
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let kib = |bytes: usize| bytes.div_ceil(1024).min(most);
        // Each pool must have room for one request, or that one could never be taken.
        let rest = body.saturating_sub(SHARE);
        let rests = if rest == 0 { 0 } else { rest.max(limits.max_buffered_bytes / 2) };
        let one_share = body.min(SHARE).saturating_add(limits.max_header_bytes);
        let shares = limits.max_buffered_bytes.saturating_sub(rests).max(one_share);
        Self {
            limits,
            shares: Arc::new(Semaphore::new(kib(shares))),
            rests: Arc::new(Semaphore::new(kib(rests))),
            pooled: kib(shares) + kib(rests),
            draining: AtomicBool::new(false),
            closing: OnceLock::new(),
            list: Mutex::default(),
            last_squeeze: Mutex::new(None),
            refusals: Arc::default(),
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a newcomer in, at another's cost if a limit is reached; `None` if nobody can go.
    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Member> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let client = client_of(peer.ip());
        let mut all = self.list();
        let of_client = all.per_client.get(&client).copied().unwrap_or(0);
        // Many clients come by way of a proxy.
        if of_client >= self.limits.max_connections_per_client
            && !self.limits.proxies.contain(peer.ip())
            && !all.evict_for_newcomer(Some(client))
        {
            return None;
        }
        if all.conns.len() >= self.limits.max_connections && !all.evict_for_newcomer(None) {
            return None;
        }
        let id = all.next_id;
        all.next_id += 1;
        let now = Instant::now();
        let conn = Arc::new(Conn {
            id,
            peer,
            client,
            opened: now,
            shared: Arc::clone(self),
            stage: Mutex::new(Stage::new(now)),
            received: AtomicU64::new(0),
            authenticated: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
            head_bytes: AtomicUsize::new(0),
            held: Default::default(),
            waker: AtomicWaker::new(),
        });
        all.conns.insert(id, Arc::clone(&conn));
        *all.per_client.entry(client).or_default() += 1;
        Some(Member(conn))
    }

    /// Evicts one connection because the process has run out of something. Says whether one could
    /// be found.
    pub(super) fn evict_one(&self) -> bool {
        self.list().evict(|_| true)
    }

    /// The memory that bodies and long heads are put in.
    pub(super) fn budget(&self, pool: Pool) -> &Arc<Semaphore> {
        match pool {
            Pool::Shares => &self.shares,
            Pool::Rests => &self.rests,
        }
    }

    /// How much of that memory is taken, in KiB.
    pub(super) fn taken(&self) -> usize {
        self.pooled - self.shares.available_permits() - self.rests.available_permits()
    }

    /// Evicts one connection that holds memory which `waiter` waits for.
    pub(super) fn squeeze(&self, waiter: &Conn, pool: Pool) {
        let now = Instant::now();
        let mut last = self.last_squeeze.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.saturating_duration_since(last) < SQUEEZE_INTERVAL) {
            return;
        }
        *last = Some(now);
        let holds = |conn: &Conn, least: usize| {
            conn.id != waiter.id && conn.held(pool).load(Ordering::Relaxed) >= least
        };
        // Those with next to nothing are spared as long as somebody has more.
        let mut all = self.list();
        let _ = all.evict(|conn| holds(conn, WORTH_TAKING)) || all.evict(|conn| holds(conn, 1));
    }

    /// When the server began to close, if it has.
    pub(super) fn closing(&self) -> bool {
        self.closing.get().is_some()
    }

    /// Tells every connection to end after what it is doing.
    pub(super) fn close(&self) {
        let _ = self.closing.set(Instant::now());
        for conn in self.list().conns.values() {
            conn.waker.wake();
        }
    }
}

/// What counts as one client: an IPv4 address, or the /64 that one IPv6 customer is given.
#[must_use]
pub fn client_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(addresses: &[&str]) -> usize {
        let limits = Limits { max_connections_per_client: 1, ..Limits::default() };
        let shared = Arc::new(Shared::new(limits));
        let members: Vec<_> = addresses
            .iter()
            .map(|address| shared.admit(address.parse().unwrap()).unwrap())
            .collect();
        let evicted =
            members.iter().filter(|member| member.0.evicted.load(Ordering::Relaxed)).count();
        assert_eq!(shared.list().conns.len() + evicted, members.len());
        drop(members);
        assert!(shared.list().conns.is_empty() && shared.list().per_client.is_empty());
        addresses.len() - evicted
    }

    #[test]
    fn an_ipv6_client_is_its_64_bit_network() {
        assert_eq!(clients(&["[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:2"]), 1);
        assert_eq!(clients(&["[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"]), 2);
    }

    #[test]
    fn a_mapped_ipv4_client_is_an_ipv4_client() {
        assert_eq!(clients(&["[::ffff:192.0.2.1]:1", "192.0.2.1:2"]), 1);
        assert_eq!(clients(&["[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"]), 2);
    }

    #[test]
    fn the_newborn_go_last() {
        let shared = Arc::new(Shared::new(Limits::default()));
        let old = shared.admit("192.0.2.1:1".parse().unwrap()).unwrap();
        let fresh = shared.admit("192.0.2.1:2".parse().unwrap()).unwrap();
        old.0.received(1 << 30);
        let then = old.0.opened + GRACE / 2;
        assert!(old.0.slowness(then) < fresh.0.slowness(then), "both are young: bytes decide");
        let later = old.0.opened + GRACE;
        assert!(fresh.0.opened > old.0.opened);
        assert!(old.0.slowness(later) > fresh.0.slowness(later), "only one is young");
    }
}
