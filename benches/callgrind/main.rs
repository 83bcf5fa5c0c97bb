//! Instructions and allocations of each stage of a delivery, and of the whole daemon: what `make callgrind` runs.
//!
//! In: options. Out: tables on standard output, beside those of an earlier commit if they are given, and with `--write`
//! in `benches/figures.md`. valgrind counts, so that a busy machine changes nothing. One executable is three programs: the
//! run itself, and by a first argument that nobody types, the stages and the leash.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark talks to the terminal it was started from"
)]
#![expect(
    dead_code,
    reason = "parts of the other benchmarks are here without the runs that use all of them"
)]

#[path = "../throughput/answer.rs"]
mod answer;
#[path = "../stages/cases.rs"]
mod cases;
mod daemon;
#[path = "../throughput/payload.rs"]
mod payload;
#[path = "../throughput/process.rs"]
mod process;
mod profile;
#[path = "../throughput/refs.rs"]
mod refs;
#[path = "../throughput/request.rs"]
mod request;
#[path = "../throughput/servers.rs"]
mod servers;
#[path = "../stages/stage.rs"]
mod stage;
mod stages;
mod table;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use mimalloc::MiMalloc;

use crate::table::Figures;

/// That of the daemon.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Counts instructions with valgrind.
#[derive(Debug, Parser)]
#[command(name = "callgrind")]
struct Options {
    /// Deliveries to the daemon in the shorter of its two runs; the longer one gets twice as many
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    deliveries: u32,
    /// Write the figures to this file, for `--against`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the figures beside those of this file
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Count this daemon, too, where an earlier commit has no such benchmark
    #[arg(long, value_name = "PROGRAM", conflicts_with = "against")]
    previous_daemon: Option<PathBuf>,
    /// Write benches/figures.md
    #[arg(long)]
    write: bool,
    /// The NATS server to run
    #[arg(long, value_name = "PROGRAM", default_value = "nats-server")]
    nats_server: PathBuf,
    /// What `cargo bench` adds to every command line
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let outcome = match first.as_deref().and_then(OsStr::to_str) {
        Some(process::LEASH) => process::run_leashed(arguments),
        Some(stages::STAGES) => stages::count(),
        _ => measure(&Options::parse()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<()> {
    let directory = tempfile::Builder::new()
        .prefix("callgrind-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .context("cannot make a directory for the run")?;
    let against = options.against.as_deref().map(read).transpose()?;
    eprintln!("counting the stages");
    let rows = stages::run(directory.path())?;
    let daemon = |program: &Path| {
        eprintln!("counting {}", program.display());
        let own = tempfile::tempdir_in(directory.path())?;
        daemon::per_delivery(program, &options.nats_server, own.path(), options.deliveries)
    };
    let figures = Figures { rows, daemon: daemon(Path::new(servers::FORGEWIRE))? };
    let previous = match &options.previous_daemon {
        Some(program) => Some(Figures { rows: Vec::new(), daemon: daemon(program)? }),
        None => against,
    };
    println!("{}", table::render(&figures));
    if let Some(previous) = previous {
        println!("{}", table::compare(&figures, &previous));
    }
    if let Some(path) = &options.json {
        write(path, &serde_json::to_string_pretty(&figures)?)?;
    }
    if options.write {
        if cfg!(debug_assertions) {
            bail!("--write: this build is not optimised, and its figures mean nothing");
        }
        write(Path::new("benches/figures.md"), &table::document(&figures))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Figures> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--against: cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("--against: {} holds no such figures", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
