//! `forgewire subject decode`: subjects in, what their tokens say out.

use std::fmt::Write as _;
use std::io::{BufRead as _, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::super::USAGE;
use super::prefix;
use crate::subject::{Decoded, InvalidSubject, InvalidToken, Parts};
use crate::tail::visible;

const EXAMPLES: &str = "\
Examples:
  forgewire subject decode forge.gitea.acme.my%2Erepo.push.updated.feature%2Flogin
  forgewire subject decode --json forge.gitea.acme.widgets.ping.sent.-
  forgewire subject decode --prefix ci.forge ci.forge.gitea.acme.widgets.tag.created.v1%2E0
  forgewire tail --all --json --headers --count 100 | jq -r .subject | forgewire subject decode --json

With --json each subject is an object on one line; a value that the event does not have is null, and of
one that was too long for a token it has `starts_with` and `blake3`, the first 32 digits of its hash.
Exit code 64: at least one is no subject of forgewire; the others are printed all the same.";

/// Print what the tokens of subjects say.
///
/// Control characters are shown, not obeyed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Decode {
    /// The subjects; the lines of standard input if there are none.
    #[arg(value_name = "SUBJECT")]
    subjects: Vec<String>,

    /// Print an object per subject, each on one line.
    #[arg(long)]
    json: bool,

    /// First tokens of every subject.
    #[arg(long, value_name = "TOKENS", default_value = "forge", value_parser = prefix)]
    prefix: String,
}

impl Decode {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = std::io::stdout().lock();
        let mut good = true;
        for subject in &self.subjects {
            good &= self.one(&mut out, subject.as_bytes())?;
        }
        if self.subjects.is_empty() {
            for line in std::io::stdin().lock().split(b'\n') {
                let line = line.context("cannot read standard input")?;
                let line = line.trim_ascii();
                if !line.is_empty() {
                    good &= self.one(&mut out, line)?;
                }
            }
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
    }

    /// Prints one subject, and whether it was one.
    fn one(&self, out: &mut impl Write, subject: &[u8]) -> anyhow::Result<bool> {
        // What is not UTF-8 is no subject either way: its tokens are ASCII.
        let subject = String::from_utf8_lossy(subject);
        let parts = match Parts::decode(&self.prefix, &subject) {
            Ok(parts) => parts,
            Err(error) => {
                complain(&subject, &error)?;
                return Ok(false);
            }
        };
        let text =
            if self.json { json(&self.prefix, &subject, &parts)? } else { human(&subject, &parts) };
        writeln!(out, "{text}")?;
        Ok(true)
    }
}

fn complain(subject: &str, error: &InvalidSubject) -> std::io::Result<()> {
    let help = match error {
        InvalidSubject::Prefix(_) => "; --prefix names another",
        InvalidSubject::Token { reason: InvalidToken::Escape(_), .. } => {
            " (`forgewire subject encode` writes tokens)"
        }
        _ => "",
    };
    let subject = visible::text(subject);
    let error = visible::text(&error.to_string());
    writeln!(std::io::stderr(), "forgewire: {subject} is no subject: {error}{help}")
}

/// The subject, and a line for each of its parts.
fn human(subject: &str, parts: &Parts) -> String {
    let mut text = subject.to_owned();
    for ((part, decoded), token) in parts.named().iter().zip(last_six(subject)) {
        let shown = match decoded {
            Decoded::Value(value) => visible::text(value),
            Decoded::Missing => "(none)".to_owned(),
            Decoded::Cut(kept) => {
                let start = visible::text(&beginning(kept));
                format!("{start}… (cut; the BLAKE3 hash of the whole begins with {})", hash(token))
            }
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {part:<8}{shown}");
    }
    text
}

fn json(prefix: &str, subject: &str, parts: &Parts) -> serde_json::Result<String> {
    let mut members = Map::new();
    members.insert("subject".into(), subject.into());
    members.insert("prefix".into(), prefix.into());
    for ((part, decoded), token) in parts.named().iter().zip(last_six(subject)) {
        let value = match decoded {
            Decoded::Value(value) => Value::from(value.as_str()),
            Decoded::Missing => Value::Null,
            Decoded::Cut(kept) => {
                serde_json::json!({ "starts_with": beginning(kept), "blake3": hash(token) })
            }
        };
        members.insert((*part).into(), value);
    }
    Ok(escaped(&serde_json::to_string(&members)?))
}

/// JSON in which also those characters are escapes that a terminal would obey but JSON allows.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if visible::obeyed(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

fn last_six(subject: &str) -> impl Iterator<Item = &str> {
    let before = subject.split('.').count().saturating_sub(6);
    subject.split('.').skip(before)
}

/// The text that the kept part of a cut token stands for; the cut may have split its last character.
fn beginning(kept: &str) -> String {
    let mut bytes = Vec::with_capacity(kept.len());
    let mut rest = kept;
    while let Some((plain, escape)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let (digits, after) = escape.split_at_checked(2).unwrap_or((escape, ""));
        bytes.extend(u8::from_str_radix(digits, 16));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned()
}

fn hash(token: &str) -> &str {
    token.split_once('~').map_or("", |(_, hash)| hash)
}
