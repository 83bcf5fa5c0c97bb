//! Request bodies within their limits: size, time, and the memory that all connections share.
//!
//! In comes a request's body, out come its bytes with the reservation of the memory they fill.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::registry::{Conn, ConnHandle, Pool};

/// How long a request waits for memory before somebody slower must give up theirs.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a request waits for memory in all.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The least that is claimed at once.
const FIRST_STEP: usize = 4 * 1024;
/// How much of every body is claimed from the memory for small ones.
pub(super) const SHARE: usize = 1024 * 1024;

/// Why a body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or what it sent is not a body (400).
    #[error("the body ended before it was complete")]
    Aborted,
    /// No memory for it came free within 2 s (503).
    #[error("too many bodies are being received; send the request again later")]
    Overloaded,
    /// It took longer than `body_timeout` (408).
    #[error("the body took too long")]
    TimedOut,
    /// It is, or claims to be, longer than `max_body_bytes` (413).
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}

/// A whole body in memory.
///
/// The memory counts as used until the claim is dropped: keep it until the request has been dealt with, clones of
/// `bytes` do not count.
pub struct Buffered {
    /// The body's bytes.
    pub bytes: Bytes,
    /// The memory that they, and what is made of them, may take.
    pub claim: Claim,
}

impl fmt::Debug for Buffered {
    /// Leaves the bytes out: bodies do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Reads a whole body within the limits of the server that `conn` belongs to.
///
/// A body that says a length over the limit is refused before its first byte is asked for (so
/// `Expect: 100-continue` spares the client the upload). Memory is claimed for bytes that have come, so
/// that announcing a body costs nobody anything: its first [`SHARE`] step by step, what is left of a larger
/// one at once and from memory of its own, so that large ones wait for each other and neither for
/// themselves nor in the way of small ones. The connection is closed after a refusal, since what is left
/// of the body is not read.
///
/// # Errors
///
/// [`BodyError`]; its variants name the status that suits them.
pub async fn read_body<B: Body<Data = Bytes> + Unpin>(
    conn: &ConnHandle,
    body: B,
) -> Result<Buffered, BodyError> {
    let conn = &conn.0;
    let limits = &conn.shared.limits;
    let limit = limits.max_body_bytes;
    let length = body.size_hint().exact();
    if length.unwrap_or(0) > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let length = match length.map(usize::try_from) {
        Some(Err(_)) => return Err(BodyError::TooLarge { limit }),
        Some(Ok(length)) => Some(length),
        None => None,
    };
    let mut claim =
        Claim { share: Hold::empty(conn, Pool::Shares), rest: Hold::empty(conn, Pool::Rests) };
    let bytes = match length {
        Some(0) => Bytes::new(),
        _ => timeout(limits.body_timeout, collect(body, length, limit, &mut claim))
            .await
            .map_err(|_elapsed| BodyError::TimedOut)??,
    };
    conn.body_was_read();
    Ok(Buffered { bytes, claim })
}

/// Puts the frames together.
async fn collect<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    expected: Option<usize>,
    limit: u64,
    claim: &mut Claim,
) -> Result<Bytes, BodyError> {
    let most = expected.unwrap_or(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut whole = BytesMut::new();
    let mut claimed = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_broken| BodyError::Aborted)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = whole.len() + data.len();
        if length as u64 > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if length > claimed {
            claimed = claim.cover(length, most).await?;
        }
        if whole.is_empty() && expected == Some(length) {
            // The common case: it came in one piece, which needs no copy.
            return Ok(data);
        }
        if length > whole.capacity() {
            whole.reserve(claimed.max(length) - whole.len());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Memory for one body: its share, and the rest of a large one. Given back on drop.
#[derive(Debug)]
pub struct Claim {
    share: Hold,
    rest: Hold,
}

impl Claim {
    /// Claims memory for at least `length` bytes of a body that has at most `most`, and returns for how
    /// many it is.
    async fn cover(&mut self, length: usize, most: usize) -> Result<usize, BodyError> {
        if length > SHARE {
            self.share.grow_to(SHARE).await?;
            self.rest.grow_to(most.max(length) - SHARE).await?;
            return Ok(most.max(length));
        }
        let step = length.max(FIRST_STEP).next_power_of_two().min(most.max(length)).min(SHARE);
        self.share.grow_to(step).await?;
        Ok(step)
    }
}

/// Memory that one connection has reserved. Given back on drop.
pub(super) struct Hold {
    conn: Arc<Conn>,
    pool: Pool,
    permit: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold")
            .field(&self.permit.as_ref().map(OwnedSemaphorePermit::num_permits))
            .finish()
    }
}

impl Hold {
    pub(super) fn empty(conn: &Arc<Conn>, pool: Pool) -> Self {
        Self { conn: Arc::clone(conn), pool, permit: None }
    }

    /// Permits that are missing for `bytes`, rounded up to whole KiB.
    fn missing(&self, bytes: usize) -> u32 {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(bytes.div_ceil(1024).saturating_sub(held)).unwrap_or(u32::MAX)
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        self.conn.held(self.pool).fetch_add(more.num_permits(), Ordering::Relaxed);
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
    }

    /// Reserves up to `bytes` if that is possible at once.
    pub(super) fn try_grow_to(&mut self, bytes: usize) -> bool {
        let missing = self.missing(bytes);
        if missing == 0 {
            return true;
        }
        // Those who wait have taken what is free, so this overtakes nobody.
        let budget = Arc::clone(self.conn.shared.budget(self.pool));
        let Ok(more) = budget.try_acquire_many_owned(missing) else {
            return false;
        };
        self.add(more);
        true
    }

    /// Reserves up to `bytes`, waiting its turn if it must.
    async fn grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        if self.try_grow_to(bytes) {
            return Ok(());
        }
        let shared = Arc::clone(&self.conn.shared);
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut turn =
            pin!(Arc::clone(shared.budget(self.pool)).acquire_many_owned(self.missing(bytes)));
        loop {
            let pause = deadline.min(Instant::now() + PATIENCE);
            match timeout_at(pause, &mut turn).await {
                Ok(Ok(more)) => {
                    self.add(more);
                    return Ok(());
                }
                Ok(Err(_closed)) => return Err(BodyError::Overloaded),
                Err(_elapsed) if pause == deadline => return Err(BodyError::Overloaded),
                Err(_elapsed) => shared.squeeze(&self.conn, self.pool),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.conn.held(self.pool).fetch_sub(permit.num_permits(), Ordering::Relaxed);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.clear();
    }
}
