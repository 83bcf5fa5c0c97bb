//! The integration tests: one binary, each test with processes of its own.

mod config;
mod contract;
mod listen;
mod listen_support;
mod outage;
mod recorded;
mod stream;
mod support;
mod tidy;
