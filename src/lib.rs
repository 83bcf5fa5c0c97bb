//! forgewire turns the webhooks of git forges into typed events on NATS JetStream.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod scope;
#[cfg(feature = "daemon")]
pub mod secret;
#[cfg(feature = "daemon")]
pub mod source;
