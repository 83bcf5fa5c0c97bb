//! The integration tests: one binary, each test with processes of its own.

mod config;
mod consumers;
mod contract;
mod dev;
mod docs;
mod hostile;
mod large;
mod limits;
mod listen;
mod listen_support;
mod logs;
mod outage;
mod process;
mod properties;
mod readme;
mod recorded;
mod redaction;
mod samples;
mod schema;
mod send;
mod stop;
mod stream;
mod subject;
mod support;
mod tail;
mod tidy;
