//! `forgewire doctor`: lines or JSON for people and scripts, and an exit code by the worst finding.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::json;

use super::serve::runtime;
use super::{REFUSED, Settings, UNAVAILABLE};
use crate::doctor::{Finding, Level, examine, worst};

/// Look at NATS, stream, spool, ports and the running daemon; say what is wrong and what to do.
///
/// Run it as the daemon's user, with its configuration. It changes nothing: no stream is made or changed, and the daemon is
/// sent nothing that it would publish, unless --send is given. Exit code 0: all is well, or there are only notes; 1:
/// warnings; 69: something does not work; 78: the configuration is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    settings: Settings,

    /// Print an object.
    #[arg(long)]
    json: bool,

    /// Send the running daemon a signed delivery for each secret; each is published as `unrecognized`.
    #[arg(long)]
    send: bool,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = self.settings.load()?;
        let mut findings: Vec<Finding> = Vec::new();
        for warning in &loaded.warnings {
            findings.push(Finding {
                check: "configuration",
                level: Level::Warning,
                text: warning.to_string(),
                advice: Some("correct the configuration".to_owned()),
            });
        }
        if findings.is_empty() {
            findings.push(Finding {
                check: "configuration",
                level: Level::Ok,
                text: "is sound".to_owned(),
                advice: None,
            });
        }
        findings.extend(runtime()?.block_on(examine(&loaded.config, self.send)));
        let worst = worst(&findings);
        let mut out = std::io::stdout().lock();
        // Who only wants the exit code may have closed the pipe.
        let _ = if self.json {
            let document = json!({ "version": env!("CARGO_PKG_VERSION"), "worst": worst, "findings": findings });
            writeln!(out, "{document:#}")
        } else {
            print(&mut out, &findings)
        };
        Ok(match worst {
            Level::Ok | Level::Note => ExitCode::SUCCESS,
            Level::Warning => ExitCode::from(REFUSED),
            Level::Error => ExitCode::from(UNAVAILABLE),
        })
    }
}

fn print(out: &mut std::io::StdoutLock<'_>, findings: &[Finding]) -> std::io::Result<()> {
    let quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = out.is_terminal() && !quiet;
    for Finding { check, level, text, advice } in findings {
        let (on, off) = match level {
            _ if !color => ("", ""),
            Level::Ok => ("\x1b[32m", "\x1b[0m"),
            Level::Note => ("", ""),
            Level::Warning => ("\x1b[33m", "\x1b[0m"),
            Level::Error => ("\x1b[31m", "\x1b[0m"),
        };
        writeln!(out, "{on}{:<8}{off}{check:<17}{text}", level.as_str())?;
        if let Some(advice) = advice {
            writeln!(out, "{:25}-> {advice}", "")?;
        }
    }
    Ok(())
}
