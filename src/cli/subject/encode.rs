//! `forgewire subject encode`: names in, the subject or a filter out.

use std::io::Write as _;
use std::process::ExitCode;

use super::prefix;
use crate::subject::Token;

const EXAMPLES: &str = "\
Examples:
  forgewire subject encode --source gitea --owner acme --repo my.repo \\
          --event push --action updated --ref feature/login
      forge.gitea.acme.my%2Erepo.push.updated.feature%2Flogin
  forgewire subject encode --filter --source gitea --owner acme --repo my.repo
      forge.gitea.acme.my%2Erepo.>
  forgewire subject encode --filter --source gitea --owner acme \\
          --event pull_request --action merged --ref main
      forge.gitea.acme.*.pull_request.merged.main
  forgewire subject encode --filter --source gitea --owner acme --repo '' --event package
      forge.gitea.acme.-.package.>
  nats sub \"$(forgewire subject encode --filter --source gitea --event tag)\"

An empty value is one that an event does not have: it is `-`, also in a filter. Owner and repository
are put into lower case, as forges compare them; a ref keeps its case.";

/// Print the subject of these names, or a filter for them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Encode {
    /// Print a filter: a name that is left out is `*`, any one, and several at the end are `>`.
    #[arg(long)]
    filter: bool,

    /// First tokens of every subject.
    #[arg(long, value_name = "TOKENS", default_value = "forge", value_parser = prefix)]
    prefix: String,

    /// Name of the source, for example gitea.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Owner of the repository: user or organisation.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,

    /// Repository, without its owner.
    #[arg(long, value_name = "NAME", value_parser = repository)]
    repo: Option<String>,

    /// Event, for example push.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Action, for example updated.
    #[arg(long, value_name = "NAME")]
    action: Option<String>,

    /// Branch or tag by its short name, without refs/heads/; of pull requests the target branch.
    #[arg(long = "ref", value_name = "NAME", value_parser = reference)]
    reference: Option<String>,
}

impl Encode {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        writeln!(std::io::stdout(), "{}", self.subject())?;
        Ok(ExitCode::SUCCESS)
    }

    fn subject(&self) -> String {
        let exact = |value: &Option<String>| value.as_deref().map(Token::escape);
        let caseless = |value: &Option<String>| value.as_deref().map(Token::escape_caseless);
        let tokens = [
            exact(&self.source),
            caseless(&self.owner),
            caseless(&self.repo),
            exact(&self.event),
            exact(&self.action),
            exact(&self.reference),
        ];
        let open = tokens.iter().rev().take_while(|token| token.is_none()).count();
        // One open token at the end is any one; with more of them a filter says "the rest".
        let written = if self.filter && open > 1 { tokens.len() - open } else { tokens.len() };
        let left_out = if self.filter { "*" } else { "-" };
        let mut subject = self.prefix.clone();
        for token in tokens.iter().take(written) {
            subject.push('.');
            subject.push_str(token.as_ref().map_or(left_out, Token::as_str));
        }
        if written < tokens.len() {
            subject.push_str(".>");
        }
        subject
    }
}

/// A mistake that would only ever give subjects on which nothing is published.
fn repository(text: &str) -> Result<String, &'static str> {
    if text.contains('/') {
        return Err("must be the name alone; its owner goes with --owner");
    }
    Ok(text.to_owned())
}

fn reference(text: &str) -> Result<String, &'static str> {
    if text.starts_with("refs/heads/") || text.starts_with("refs/tags/") {
        return Err("must be the short name, without refs/heads/ or refs/tags/");
    }
    Ok(text.to_owned())
}
