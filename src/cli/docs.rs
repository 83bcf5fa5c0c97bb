//! `forgewire docs-events`: the documentation that is made from the code, for `make docs`.

use std::io::Write as _;
use std::process::ExitCode;

use crate::docs;

/// Print docs/events.md.
#[derive(Debug, clap::Args)]
pub(super) struct Docs {}

impl Docs {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = std::io::stdout().lock();
        out.write_all(docs::events()?.as_bytes())?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
