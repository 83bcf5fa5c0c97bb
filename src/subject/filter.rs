//! Which subjects: a filter of NATS that can let through what forgewire publishes.
//!
//! Owns [`Filter`]. In comes what somebody wrote, out comes a filter whose tokens are written as
//! [`Token`] writes them: one that is not would only ever let nothing through.

use std::fmt;

use super::{InvalidToken, Token};

/// Names of the six tokens after the prefix.
const PARTS: [&str; 6] = ["source", "owner", "repo", "event", "action", "ref"];

/// A filter for subjects: the prefix, then for each of the six tokens one that forgewire writes or `*`; `>` stands
/// for all that follow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter(Box<str>);

/// Why a text is no filter for subjects of forgewire.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidFilter {
    /// It does not begin with the prefix and a dot.
    #[error("it does not begin with the prefix \"{0}.\"")]
    Prefix(Box<str>),
    /// One of its tokens is none.
    #[error(
        "the token of the {part} is {token:?}: {reason}; `forgewire subject encode --filter` writes filters"
    )]
    Token {
        /// Which one: `source`, `owner`, `repo`, `event`, `action` or `ref`.
        part: &'static str,
        /// The token as it stands there.
        token: Box<str>,
        /// What is wrong with it.
        reason: InvalidToken,
    },
    /// `>` with something after it.
    #[error("\">\" stands for all that follows, so it can only be the last token")]
    Rest,
    /// Too few tokens, or too many.
    #[error(
        "{0} tokens after the prefix: there are always six (source, owner, repo, event, action, ref), or fewer with \">\" as the last"
    )]
    Tokens(usize),
}

impl Filter {
    /// Takes a filter for subjects below `prefix`.
    ///
    /// # Errors
    ///
    /// [`InvalidFilter`] when nothing that forgewire publishes could pass it.
    pub fn parse(prefix: &str, text: &str) -> Result<Self, InvalidFilter> {
        let below = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
        let below = below.ok_or_else(|| InvalidFilter::Prefix(prefix.into()))?;
        let tokens: Vec<&str> = below.split('.').collect();
        let (named, open) = match tokens.split_last() {
            Some((&">", before)) => (before, true),
            _ => (&tokens[..], false),
        };
        if named.contains(&">") {
            return Err(InvalidFilter::Rest);
        }
        if if open { named.len() >= PARTS.len() } else { named.len() != PARTS.len() } {
            return Err(InvalidFilter::Tokens(tokens.len()));
        }
        for (part, token) in PARTS.into_iter().zip(named) {
            if *token == "*" {
                continue;
            }
            Token::decode(token).map_err(|reason| InvalidFilter::Token {
                part,
                token: (*token).into(),
                reason,
            })?;
        }
        Ok(Self(text.into()))
    }

    /// The filter as NATS takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_encode_writes_is_a_filter() {
        for good in [
            "ci.forge.>",
            "ci.forge.gitea.acme.my%2Erepo.>",
            "ci.forge.*.acme.*.pull_request.merged.main",
            "ci.forge.gitea.acme.-.package.>",
        ] {
            assert_eq!(Filter::parse("ci.forge", good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_could_let_nothing_through_is_refused_with_its_reason() {
        for (bad, why) in [
            ("forgery.>", "prefix \"forge.\""),
            ("*.gitea.>", "prefix \"forge.\""),
            ("forge", "prefix \"forge.\""),
            ("forge.gitea", "1 tokens"),
            ("forge.gitea.acme.widgets.push.updated.feature/x", "token of the ref"),
            ("forge.*.*.Wid gets.*.*.*", "token of the repo"),
            ("forge.gitea.acme.a.b.push.updated.main", "7 tokens"),
            ("forge.gitea.acme.widgets.push.updated.main.>", "7 tokens"),
            ("forge.>.push", "only be the last"),
            ("forge..>", "token of the source"),
            ("forge.gi*.>", "token of the source"),
            ("forge.gitea\">", "1 tokens"),
        ] {
            let error = Filter::parse("forge", bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
