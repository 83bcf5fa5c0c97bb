//! `forgewire check`: is the configuration sound?

use std::io::Write as _;
use std::process::ExitCode;

use super::Settings;
use crate::otlp;

/// Check a configuration: every key and value, the secret files, and the variables for traces; without network.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: Settings,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = self.settings.load()?;
        otlp::env::of_process()?;
        let mut err = std::io::stderr().lock();
        for warning in &loaded.warnings {
            writeln!(err, "warning: {warning}")?;
        }
        let sources = loaded.config.sources.len();
        let noun = if sources == 1 { "source" } else { "sources" };
        writeln!(std::io::stdout(), "The configuration is sound: {sources} {noun}.")?;
        Ok(ExitCode::SUCCESS)
    }
}
