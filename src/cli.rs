//! The command line: what can be asked for, and which exit code answers.
//!
//! Data goes to standard output, everything else to standard error. Exit codes follow `sysexits.h`; the
//! README lists them.

mod check;
mod completions;
mod consumer;
mod dev;
mod docs;
mod doctor;
mod health;
mod nats_access;
mod nats_url;
mod permissions;
mod reach;
mod schema;
mod send;
mod serve;
mod settings;
mod signals;
mod spool;
mod subject;
mod tail;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigError;
use crate::daemon::{RunError, StartError};
use crate::otlp::TracesError;
use crate::systemd::SocketError;
use settings::Settings;

/// A delivery, or a message, was refused; the daemon is not ready; `doctor` warns; a consumer is another than was asked for.
const REFUSED: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 64;
/// Something that is needed cannot be reached, opened or found.
const UNAVAILABLE: u8 = 69;
/// A fault of forgewire itself.
const SOFTWARE: u8 = 70;
/// Stopped before everything was finished.
const UNFINISHED: u8 = 75;
/// The configuration is wrong.
const CONFIG: u8 = 78;

/// Turns the webhooks of git forges into typed events on NATS JetStream.
///
/// Try it without a forge: `forgewire dev` in one terminal, `forgewire send gitea push` in another.
#[derive(Debug, Parser)]
#[command(name = "forgewire", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: take webhooks, publish events.
    Serve(serve::Serve),
    /// Print events as they arrive, one line each.
    Tail(Box<tail::Tail>),
    /// Ask the running daemon whether a delivery could be stored; for the health checks of containers.
    Health(health::Health),
    /// Check a configuration, without network, and say what is wrong with it.
    Check(check::Check),
    /// Look at NATS, stream, spool, ports and the running daemon; say what is wrong and what to do.
    Doctor(doctor::Doctor),
    /// Run everything in one, for trying: NATS, the daemon, a source per kind; print what arrives.
    Dev(dev::Dev),
    /// Send a signed sample delivery to a running daemon, as a forge would.
    Send(send::Send),
    /// Print the JSON Schema of message bodies, of all events or of one.
    Schema(schema::Schema),
    /// Make subjects and filters of names, and names of subjects.
    #[command(subcommand)]
    Subject(subject::Subject),
    /// Print the rights that the daemon and subscribers need at a NATS server, and no others.
    #[command(subcommand)]
    Permissions(permissions::Permissions),
    /// Make the consumer that a subscriber reads by, as its administrator.
    #[command(subcommand)]
    Consumer(consumer::Consumer),
    /// Look into the spool: what forges were told is kept, and JetStream has not acknowledged yet.
    Spool(spool::Spool),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Print docs/events.md, which is made from the code; `make docs` writes it.
    #[command(name = "docs-events", hide = true)]
    Docs(docs::Docs),
    /// Become another program that is killed with its parent; `dev` starts its NATS by it.
    #[command(name = dev::LEASH, hide = true)]
    Leash(dev::Leash),
}

/// The options do not fit together; clap checks what it can.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, anything else is wrong usage.
            let code = if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            // With a closed pipe nobody is there to be told.
            let _ = error.print();
            return code;
        }
    };
    // The first thing that TLS asks for; it is there already only if a test called us twice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Tail(tail) => tail.run(),
        Command::Health(health) => health.run(),
        Command::Check(check) => check.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Dev(dev) => dev.run(),
        Command::Send(send) => send.run(),
        Command::Schema(schema) => schema.run(),
        Command::Docs(docs) => docs.run(),
        Command::Subject(subject) => subject.run(),
        Command::Permissions(permissions) => permissions.run(),
        Command::Consumer(consumer) => consumer.run(),
        Command::Spool(spool) => spool.run(),
        Command::Completions(completions) => completions.run(),
        Command::Leash(leash) => leash.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a command, logging or not")]
fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("forgewire: {}", chain(error));
    ExitCode::from(exit_code(error))
}

/// An error and its causes, without those that it quotes itself.
fn chain(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.ends_with(&cause) {
            said = [&*said, ": ", &*cause].concat();
        }
    }
    said
}

fn exit_code(error: &anyhow::Error) -> u8 {
    // A socket unit belongs to it, and starting again does not mend it either.
    if error.is::<ConfigError>() || error.is::<SocketError>() || error.is::<TracesError>() {
        return CONFIG;
    }
    if error.is::<Usage>() {
        return USAGE;
    }
    if error.is::<StartError>() {
        return UNAVAILABLE;
    }
    match error.downcast_ref::<RunError>() {
        Some(RunError::Unfinished { .. }) => UNFINISHED,
        Some(RunError::Listener(_) | RunError::Task(_)) => SOFTWARE,
        None => UNAVAILABLE,
    }
}
