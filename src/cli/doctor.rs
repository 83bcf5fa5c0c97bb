//! `forgewire doctor`: lines or JSON for people and scripts, and an exit code by the worst finding.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use serde_json::json;

use super::serve::runtime;
use super::{CONFIG, REFUSED, Settings, UNAVAILABLE};
use crate::config::{Config, Loaded, Warning};
use crate::doctor::{Finding, Findings, Level, examine};
use crate::otlp;

const AFTER: &str = "\
Examples:
  sudo -u forgewire forgewire doctor --config /etc/forgewire/forgewire.toml
  forgewire doctor --json | jq -r '.findings[] | select(.level != \"ok\") | .text'
  forgewire doctor --send          also publish an event for each secret without `repositories`

Run it as the daemon's user with the daemon's configuration, before its first start or beside it.
It takes seconds, also where nothing answers, and 30 at most. Each finding that is not ok says what
to do.

Exit code 0: all is well, or there are only notes; 1: warnings; 69: something does not work; 78:
the configuration is wrong.

It changes nothing: no stream is made or changed, the spool is not opened, and nothing is published
unless --send is given. What others may notice: the daemon logs and counts one refused signature
for each source, and a secret with `repositories` counts as used; who subscribes to events without
JetStream sees an empty message, by which the right to publish is tried; in spool.dir a file is
written and removed.";

/// Look at NATS, stream, spool, ports and the running daemon; say what is wrong and what to do.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Doctor {
    #[command(flatten)]
    settings: Settings,

    /// Print one JSON object: version, worst, findings, each with check, level, text and advice.
    #[arg(long)]
    json: bool,

    /// Send the running daemon a signed delivery for each secret, which is published as `unrecognized`.
    #[arg(long)]
    send: bool,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut found = Findings::default();
        let config = self.configuration(&mut found);
        let sound = config.is_some() && found.worst() != Level::Error;
        if let Some(config) = config {
            let runtime = runtime()?;
            runtime.block_on(examine(&config, self.send, &mut found));
            // What a disk or a resolver of names does not answer is not waited for.
            runtime.shutdown_background();
        }
        self.print(&found);
        Ok(match found.worst() {
            _ if !sound => ExitCode::from(CONFIG),
            Level::Ok | Level::Note => ExitCode::SUCCESS,
            Level::Warning => ExitCode::from(REFUSED),
            Level::Error => ExitCode::from(UNAVAILABLE),
        })
    }

    /// What the daemon would start with, if it would.
    fn configuration(&self, found: &mut Findings) -> Option<Config> {
        let check = "configuration";
        let Loaded { config, warnings } = match self.settings.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                for problem in error.problems() {
                    found.error(check, problem.to_string(), "correct it, and ask again");
                }
                return None;
            }
        };
        if let Err(error) = otlp::env::of_process() {
            found.error(check, error.to_string(), "correct the variable, or unset it");
        }
        for warning in &warnings {
            // What expires has a check of its own.
            if !matches!(warning, Warning::Expired { .. } | Warning::Stale { was: true, .. }) {
                found.warning(check, warning.to_string(), "correct the configuration or the file");
            }
        }
        if found.worst() == Level::Ok {
            found.ok(check, "is sound");
        }
        Some(config)
    }

    /// Who only wants the exit code may have closed the pipe: then nobody is there to be told.
    fn print(&self, found: &Findings) {
        let mut out = std::io::stdout().lock();
        let _ = if self.json {
            let (worst, findings) = (found.worst(), found.all());
            let version = env!("CARGO_PKG_VERSION");
            let document = json!({ "version": version, "worst": worst, "findings": findings });
            writeln!(out, "{document:#}")
        } else {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let color = out.is_terminal() && !plain;
            lines(&mut out, found.all(), color)
        };
    }
}

fn lines(out: &mut impl Write, findings: &[Finding], color: bool) -> std::io::Result<()> {
    for Finding { check, level, text, advice } in findings {
        let (on, off) = match level {
            _ if !color => ("", ""),
            Level::Ok => ("\x1b[32m", "\x1b[0m"),
            Level::Note => ("\x1b[36m", "\x1b[0m"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_level_check_and_text_and_the_next_what_to_do() {
        let mut found = Findings::default();
        found.ok("nats", "connected");
        found.error("fsync", "no", "mend it");
        let written = |color| {
            let mut out = Vec::new();
            lines(&mut out, found.all(), color).unwrap();
            String::from_utf8(out).unwrap()
        };
        let plain = "ok      nats             connected\nerror   fsync            no\n                         -> mend it\n";
        assert_eq!(written(false), plain);
        assert!(written(true).starts_with("\x1b[32mok      \x1b[0mnats"));
        assert!(written(true).contains("\x1b[31merror   \x1b[0mfsync"));
    }
}
