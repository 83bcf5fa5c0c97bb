//! forgewire turns the webhooks of git forges into typed events on NATS JetStream.
//!
//! As a library it is what a subscriber needs: [`event::Event`] reads a message's body, and [`subject`]
//! escapes and decodes subjects. The daemon itself is behind the feature `daemon`, on by default; its
//! modules are public for its own tests and tools, and no part of what version numbers promise.
//!
//! The way of a delivery, in the order of the modules: [`listen`] takes the connection, [`ingress`] the
//! request; [`delivery`] verifies it, [`normalize`] asks the [`source`] what happened and makes events,
//! [`message`] addresses them, [`outbox`] stores them through [`jetstream`]. `ARCHITECTURE.md` has the
//! invariants and the tests that hold them.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used))]

pub mod event;
mod scan;
pub mod subject;

#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod control;
#[cfg(feature = "daemon")]
pub mod credentials;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod delivery;
#[cfg(feature = "daemon")]
pub mod dev_state;
#[cfg(feature = "daemon")]
pub mod docs;
#[cfg(feature = "daemon")]
pub mod doctor;
#[cfg(feature = "daemon")]
pub mod facts;
#[cfg(feature = "daemon")]
pub mod form;
#[cfg(feature = "daemon")]
pub mod health;
#[cfg(feature = "daemon")]
pub mod ingress;
#[cfg(feature = "daemon")]
pub mod jetstream;
#[cfg(feature = "daemon")]
pub mod json;
#[cfg(feature = "daemon")]
pub mod listen;
#[cfg(feature = "daemon")]
pub mod live;
#[cfg(feature = "daemon")]
pub mod message;
#[cfg(feature = "daemon")]
pub mod metrics;
#[cfg(feature = "daemon")]
pub mod network;
#[cfg(feature = "daemon")]
pub mod normalize;
#[cfg(feature = "daemon")]
pub mod otlp;
#[cfg(feature = "daemon")]
pub mod outbox;
#[cfg(feature = "daemon")]
pub mod pem;
#[cfg(feature = "daemon")]
pub mod permissions;
#[cfg(feature = "daemon")]
pub mod samples;
#[cfg(feature = "daemon")]
pub mod scope;
#[cfg(feature = "daemon")]
pub mod secret;
#[cfg(feature = "daemon")]
pub mod source;
#[cfg(feature = "daemon")]
pub mod spans;
#[cfg(feature = "daemon")]
pub mod spool;
#[cfg(feature = "daemon")]
pub mod systemd;
#[cfg(feature = "daemon")]
pub mod tail;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod trace;
#[cfg(feature = "daemon")]
mod wire;
