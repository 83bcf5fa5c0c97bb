//! What the tests stand on: real processes, real HTTP, real NATS; and waiting for conditions.

pub(crate) mod collector;
pub(crate) mod daemon;
pub(crate) mod hook;
pub(crate) mod http;
pub(crate) mod nats;
pub(crate) mod program;
pub(crate) mod schema;
pub(crate) mod tls;

pub(crate) use nats::LIMIT;

/// Waits until `condition` gives a value, looking again and again, at most [`LIMIT`].
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    nats::eventually_async(what, async || condition().await).await
}
