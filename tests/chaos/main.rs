//! The fault bench, what `make chaos` runs: is everything that was acknowledged kept, once, in order?
//!
//! In: [`options`]. Deliveries are sent all the time, faults are made and ended, and then the whole stream is
//! compared with what was answered. Out: a Markdown table on standard output; exit code 1 if a promise
//! was broken or the bench could not do its work. The seed is printed: the same one makes the same faults.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the bench talks to the terminal it was started from"
)]

mod balancer;
mod client;
mod daemon;
mod driver;
mod faults;
mod ledger;
mod measure;
mod options;
mod payload;
mod proxy;
mod random;
mod report;
mod run;
mod scrape;
mod setup;
mod stored;
mod storm;
mod support;
mod tools;
mod verdict;
mod world;

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::Parser as _;

use crate::options::Options;

/// Where the tests' support looks for the server.
const NATS_SERVER: &str = "FORGEWIRE_NATS_SERVER";

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(program) = &options.nats_server
        && std::env::var_os(NATS_SERVER).as_deref() != Some(program.as_os_str())
    {
        // The environment of a process with threads cannot be changed, that of a new one can.
        let error = std::env::current_exe().map(|own| {
            Command::new(own).args(std::env::args_os().skip(1)).env(NATS_SERVER, program).exec()
        });
        eprintln!("chaos: cannot start again: {error:?}");
        return ExitCode::FAILURE;
    }
    bench(&options).unwrap_or_else(|error| {
        eprintln!("chaos: {error:#}");
        ExitCode::FAILURE
    })
}

fn bench(options: &Options) -> Result<ExitCode> {
    let outcome = run::run(options, |line| eprintln!("{line}"))?;
    println!("\n{}", report::render(&outcome));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&outcome)?)
            .with_context(|| format!("--json: cannot write {}", path.display()))?;
    }
    Ok(if outcome.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
