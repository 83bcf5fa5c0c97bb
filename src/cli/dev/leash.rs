//! A child that is killed with its parent, even when that is killed.
//!
//! Linux can be asked to send a signal when the parent ends, but only by the child itself, between fork and
//! exec; doing that in the parent's code would be `unsafe`. So the executable starts itself as
//! `forgewire __leash <parent> -- <program> …`, asks, and becomes the program.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Name of the hidden subcommand.
pub(in crate::cli) const LEASH: &str = "__leash";

/// Become another program that is killed with its parent.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Leash {
    /// Process id of the parent.
    parent: i32,

    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Leash {
    pub(in crate::cli) fn run(self) -> anyhow::Result<ExitCode> {
        let Some((program, arguments)) = self.command.split_first() else {
            bail!("the leash needs a program");
        };
        set_parent_process_death_signal(Some(Signal::KILL))
            .context("cannot ask for the parent's end")?;
        // The parent may have ended before the request; then no signal will ever come.
        if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(self.parent) {
            bail!("the parent has ended");
        }
        let error = Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("cannot start {}", Path::new(program).display()))
    }
}

/// A command that runs `program` on a leash. Only the main thread may spawn it: the signal comes when the
/// thread that spawned it ends.
pub(super) fn leashed(program: &Path) -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("cannot find forgewire's own executable")?;
    let mut command = Command::new(own);
    command.arg(LEASH).arg(std::process::id().to_string()).arg("--").arg(program);
    // Ctrl-C is for us: in a group of its own the child is there until the last event is stored.
    command.process_group(0);
    Ok(command)
}
