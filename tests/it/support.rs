//! What the tests stand on: real processes, real HTTP, real NATS; and waiting for conditions.

pub(crate) mod daemon;
pub(crate) mod hook;
pub(crate) mod http;
pub(crate) mod nats;

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Waits until `condition` gives a value, looking again and again.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < LIMIT, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
