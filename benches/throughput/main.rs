//! Throughput of forgewire beside a frozen yardstick: what `make bench` runs.
//!
//! In: [`options`]. Out: a table on standard output, figures as JSON with `--json`; exit code 1
//! if something broke, never because a machine was slow. One executable is four programs: the
//! run itself, and by a first argument that nobody types, the yardstick, the load generator and
//! the leash that the others run on. Everything is a process of its own, so that each one's CPU
//! time and memory are its own.
#![deny(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the terminal it was started from"
)]

mod answer;
mod disk;
mod figures;
mod load;
mod machine;
mod options;
mod outage;
mod payload;
mod process;
mod refs;
mod report;
mod request;
mod run;
mod scaling;
mod servers;
mod soak;
mod starts;
mod yardstick;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;

use crate::options::Options;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let outcome = match first.as_ref().and_then(|text| text.to_str()) {
        Some(process::LEASH) => process::run_leashed(arguments).map(|()| ExitCode::FAILURE),
        Some(servers::YARDSTICK) => yardstick(arguments).map(|()| ExitCode::SUCCESS),
        Some(run::LOAD) => load(arguments).map(|()| ExitCode::SUCCESS),
        _ => measure(&Options::parse()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn yardstick(arguments: impl Iterator<Item = OsString>) -> Result<()> {
    let texts: Vec<String> = arguments.filter_map(|text| text.into_string().ok()).collect();
    let [listen, nats, subject] = texts.as_slice() else {
        bail!("the yardstick takes an address, a NATS URL and a subject");
    };
    yardstick::run(yardstick::Settings {
        listen: listen.parse()?,
        nats: nats.clone(),
        subject: subject.clone(),
        secret: servers::SECRET.to_owned(),
    })
}

fn load(mut arguments: impl Iterator<Item = OsString>) -> Result<()> {
    let plan = arguments.next().and_then(|text| text.into_string().ok());
    println!("{}", load::run(&plan.context("the load generator takes a plan")?)?);
    Ok(())
}

fn measure(options: &Options) -> Result<ExitCode> {
    // One thread, the main one: a child on a leash dies with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let results = runtime.block_on(async {
        tokio::select! {
            results = run::run(options, |line| eprintln!("{line}")) => results,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })?;
    println!("\n{}", report::render(&results));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&results)?)
            .with_context(|| format!("--json: cannot write {}", path.display()))?;
    }
    Ok(if results.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
