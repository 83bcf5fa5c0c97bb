//! `forgewire subject`: subjects and filters from names, and names from subjects.

mod decode;
mod encode;

use std::process::ExitCode;

use crate::subject::is_prefix;

/// Make subjects and filters of names, and names of subjects.
///
/// A subject is `<prefix>.<source>.<owner>.<repo>.<event>.<action>.<ref>`. In each token `A-Z a-z 0-9 _ -`
/// stand for themselves and every other byte is `%XX`, so that a dot or a slash of a name is none to NATS.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subject {
    /// Print the subject of these names, or a filter for them.
    Encode(encode::Encode),
    /// Print what the tokens of subjects say.
    Decode(decode::Decode),
}

impl Subject {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Encode(encode) => encode.run(),
            Self::Decode(decode) => decode.run(),
        }
    }
}

/// Takes a prefix from the command line.
fn prefix(text: &str) -> Result<String, &'static str> {
    if is_prefix(text) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 5 tokens of A-Z a-z 0-9 _ - with dots between them, at most 200 bytes")
    }
}
