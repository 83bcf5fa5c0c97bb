//! What the bench shares with the integration tests: the server, and how forges sign.

#[expect(dead_code, reason = "the integration tests use more of it")]
#[path = "../it/support/hook.rs"]
pub(crate) mod hook;
#[expect(dead_code, reason = "the integration tests use more of it")]
#[path = "../it/support/nats.rs"]
pub(crate) mod nats;
