//! it

mod config;
mod listen;
mod listen_support;
