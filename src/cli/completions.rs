//! `forgewire completions`: scripts for shells.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::Cli;

/// Print a completion script, for example `forgewire completions bash > ~/.local/share/bash-completion/completions/forgewire`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "forgewire", &mut script);
        std::io::Write::write_all(&mut std::io::stdout(), &script)?;
        Ok(ExitCode::SUCCESS)
    }
}
