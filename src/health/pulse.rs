//! Whether the runtime still gets things done.
//!
//! In comes a beat whenever a task was woken by its timer and a thread that may wait has done something for it; out comes
//! whether the last beat is recent. So it is seen when timers do not fire, when tasks wait in vain for their turn, and
//! when the threads beside the runtime are all stuck (a disk that does not answer, for example). Where no thread
//! of the runtime is left to answer at all, nobody can say so: whoever asks must have a time-out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often it beats.
const BEAT: Duration = Duration::from_secs(1);
/// How old the last beat may get. Bodies that wait for a thread beside the runtime take a few seconds at most.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// The last beat.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
    stuck_after: Duration,
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new(STUCK_AFTER)
    }
}

impl Pulse {
    /// Beats now, and is stuck when it has not for that long.
    #[must_use]
    pub fn new(stuck_after: Duration) -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0), stuck_after }
    }

    /// How long ago the last beat was.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began
            .elapsed()
            .saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    /// Whether it has not beaten for too long.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.age() > self.stuck_after
    }

    /// Beats for ever, as long as the runtime lets it.
    pub async fn keep(&self) {
        let every = BEAT.min(self.stuck_after / 4);
        loop {
            tokio::time::sleep(every).await;
            // It fails only when the runtime ends.
            let _ = tokio::task::spawn_blocking(|| {}).await;
            let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.last.store(now, Ordering::Relaxed);
        }
    }
}
