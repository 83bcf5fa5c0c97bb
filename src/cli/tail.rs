//! `forgewire tail`: events as they arrive.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::nats_access::Access;
use super::reach::{Place, connect, denied};
use super::serve::runtime;
use super::signals::Signals;
use crate::config::{Config, Log, LogFormat};
use crate::event::{Data, NO_NAME};
use crate::subject::Token;
use crate::tail::{Follow, Start, Style, follow_some};
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  forgewire tail                                      everything from now on
  forgewire tail --last 20                            the last 20 events, then what comes
  forgewire tail --repo acme/widgets --since 1h       one repository, from an hour ago on
  forgewire tail --repo 'acme/*' --event push         every push in the repositories of one owner
  forgewire tail --event pull_request.merged --ref main
  forgewire tail --all --json --count 100 | jq .data  the oldest 100, one JSON document a line
  forgewire tail --subject 'forge.gitea.acme.*.tag.created.*'

Without --nats, --stream and --prefix it reads from the running `forgewire dev`; if none runs, from
where the configuration says. Times are UTC. Ctrl-C ends it.";

/// Print events as they arrive, one line each.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tail {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    begin: Begin,
    #[command(flatten)]
    form: Form,

    /// End after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    access: Access,
}

/// Which events.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which events")]
struct Filter {
    /// Only of this source.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    source: Option<String>,

    /// Only of this repository; `*` for any: `acme/*`.
    #[arg(long, value_name = "OWNER/NAME", value_parser = repository)]
    repo: Option<(String, String)>,

    /// Only this event, for example `push` or `pull_request.merged`.
    #[arg(long, value_name = "NAME[.ACTION]", value_parser = event)]
    event: Option<(String, String)>,

    /// Only about this branch or tag; of pull requests the target branch.
    #[arg(long = "ref", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reference: Option<String>,

    /// A NATS filter instead, with the prefix: tokens, `*` for any one, `>` for any rest.
    #[arg(long, value_name = "FILTER", value_parser = subject, conflicts_with_all = ["source", "repo", "event", "reference", "prefix"])]
    subject: Option<String>,
}

/// Where to begin; only what comes from now on, if nothing is said.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "From when on")]
#[group(multiple = false)]
struct Begin {
    /// From so long ago on, for example `10m` or `1day 2h`.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    since: Option<Duration>,

    /// The last N events that fit, then what comes.
    #[arg(long, value_name = "N")]
    last: Option<u64>,

    /// Everything that the stream holds, then what comes.
    #[arg(long)]
    all: bool,
}

/// How an event looks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How they look")]
struct Form {
    /// The body of each message, as JSON on one line.
    #[arg(long)]
    json: bool,

    /// With --json: an object with subject, sequence, headers and body.
    #[arg(long, requires = "json")]
    headers: bool,

    /// Colours: on a terminal unless `NO_COLOR` is set, always, or never.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, conflicts_with = "json")]
    color: When,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

impl Tail {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.place.load(&self.access, "forgewire tail")?;
        telemetry::init(&Log { format: LogFormat::Human, filter: "warn".to_owned() });
        let runtime = runtime()?;
        let outcome = runtime.block_on(self.follow(&config));
        // A write to a pipe that nobody empties would hold up an orderly end for ever.
        runtime.shutdown_background();
        outcome
    }

    async fn follow(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::take().context("cannot take signals")?;
        let follow = Follow {
            api_prefix: config.nats.api_prefix.clone(),
            stream: config.stream.name.clone(),
            prefix: config.stream.subject_prefix.clone(),
            subject: self.filter.subject(&config.stream.subject_prefix),
            start: self.begin.start(),
            style: self.form.style(),
        };
        let count = self.count.unwrap_or(u64::MAX);
        let jetstream = tokio::select! {
            () = signals.next() => return Ok(ExitCode::SUCCESS),
            connected = connect(config) => connected?.0,
        };
        let work = follow_some(jetstream.client(), &follow, count, signals.next());
        let ended = tokio::select! {
            // What is known when both are ready.
            biased;
            denial = jetstream.denied(|denial| is_needed(&denial.subject)) => Err(denial),
            ended = work => Ok(ended),
        };
        // Announced like this, the end of the connection is not reported as a loss.
        jetstream.drain().await;
        match ended {
            Ok(ended) => drop(ended?),
            Err(denial) => bail!(denied(&denial)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether nothing can be read without this permission: consumers vanish by themselves, and what is in the object store
/// is only said to be there.
fn is_needed(subject: &str) -> bool {
    !subject.contains(".CONSUMER.DELETE.") && !subject.contains(".OBJ_")
}

impl Begin {
    fn start(&self) -> Start {
        match (self.since, self.last) {
            (Some(age), _) => Start::Since(age),
            (None, Some(count)) => Start::Last(count),
            (None, None) if self.all => Start::All,
            (None, None) => Start::New,
        }
    }
}

impl Form {
    fn style(&self) -> Style {
        match (self.json, self.headers) {
            (true, true) => Style::JsonWithHeaders,
            (true, false) => Style::Json,
            (false, _) => Style::Human { color: self.color.is_wanted() },
        }
    }
}

impl When {
    fn is_wanted(self) -> bool {
        use std::io::IsTerminal as _;
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

impl Filter {
    /// The NATS filter: every token that nothing was said about is any.
    fn subject(&self, prefix: &str) -> String {
        if let Some(subject) = &self.subject {
            return subject.clone();
        }
        let any = || "*".to_owned();
        let token = |value: &String| wild_or(value, Token::escape);
        let name = |value: &String| wild_or(value, Token::escape_caseless);
        let (owner, repo) = match &self.repo {
            Some((owner, repo)) => (name(owner), name(repo)),
            None => (any(), any()),
        };
        let (event, action) = match &self.event {
            Some((event, action)) if action == NO_NAME => (token(event), NO_NAME.to_owned()),
            Some((event, action)) => (token(event), token(action)),
            None => (any(), any()),
        };
        let source = self.source.as_ref().map_or_else(any, token);
        let reference = self.reference.as_ref().map_or_else(any, token);
        [prefix, &source, &owner, &repo, &event, &action, &reference].join(".")
    }
}

fn wild_or(value: &str, escape: fn(&str) -> Token) -> String {
    if value == "*" { value.to_owned() } else { escape(value).to_string() }
}

fn repository(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('/') {
        Some((owner, name)) if !owner.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((owner.to_owned(), name.to_owned()))
        }
        _ => Err("must be OWNER/NAME, such as acme/widgets or acme/*"),
    }
}

/// Name and action, any action if none is said. A misspelt name would only ever show nothing.
fn event(text: &str) -> Result<(String, String), String> {
    let (event, action) = text.split_once('.').unwrap_or((text, "*"));
    let names = || Data::EVENTS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
    let known = |actions: &[&str]| actions.is_empty() || action == "*" || actions.contains(&action);
    match Data::EVENTS.iter().find(|spec| spec.name == event) {
        _ if action.is_empty() => Err("no action after the dot".to_owned()),
        None if event == "*" => Ok((event.to_owned(), action.to_owned())),
        None => Err(format!("there is no such event; there are {} (others by --subject)", names())),
        Some(spec) if known(spec.actions) => Ok((event.to_owned(), action.to_owned())),
        Some(spec) => Err(format!("{event} has the actions {}", spec.actions.join(", "))),
    }
}

fn subject(text: &str) -> Result<String, &'static str> {
    let bad = |c: char| c.is_whitespace() || c.is_control();
    let rest = text.strip_suffix('>').unwrap_or(text);
    let good = rest.len() == text.len() || rest.is_empty() || rest.ends_with('.');
    if text.contains(bad) || text.split('.').any(str::is_empty) || rest.contains('>') || !good {
        return Err("must be tokens with dots between them, `*` for any one, `>` only as the last");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        tail: Tail,
    }

    fn parse(arguments: &[&str]) -> Result<Tail, clap::Error> {
        let arguments = std::iter::once(&"tail").chain(arguments);
        Command::try_parse_from(arguments).map(|command| command.tail)
    }

    fn filter(arguments: &[&str]) -> String {
        parse(arguments).unwrap().filter.subject("forge")
    }

    #[test]
    fn options_become_the_tokens_of_the_filter() {
        assert_eq!(filter(&[]), "forge.*.*.*.*.*.*");
        assert_eq!(filter(&["--repo", "Acme/my.Repo"]), "forge.*.acme.my%2Erepo.*.*.*");
        assert_eq!(filter(&["--repo", "Acme/*", "--event", "push"]), "forge.*.acme.*.push.*.*");
        assert_eq!(
            filter(&["--source", "gitea", "--event", "pull_request.merged", "--ref", "Feature/x*"]),
            "forge.gitea.*.*.pull_request.merged.Feature%2Fx%2A"
        );
        assert_eq!(filter(&["--event", "unrecognized.-"]), "forge.*.*.*.unrecognized.-.*");
        assert_eq!(filter(&["--subject", "a.*.>"]), "a.*.>");
    }

    #[test]
    fn what_contradicts_itself_or_means_nothing_is_refused() {
        for bad in [
            &["--subject", "a.>", "--repo", "a/b"][..],
            &["--subject", "a.>.b"],
            &["--subject", "a..b"],
            &["--subject", "a b"],
            &["--subject", "a.b>"],
            &["--last", "3", "--all"],
            &["--since", "1h", "--last", "3"],
            &["--headers"],
            &["--json", "--color", "always"],
            &["--count", "0"],
            &["--repo", "acme"],
            &["--repo", "a/b/c"],
            &["--event", "pushes"],
            &["--event", "push.merged"],
            &["--event", "push."],
            &["--source", ""],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_new_events_are_wanted_unless_others_are_asked_for() {
        let start = |arguments: &[&str]| parse(arguments).unwrap().begin.start();
        assert_eq!(start(&[]), Start::New);
        assert_eq!(start(&["--all"]), Start::All);
        assert_eq!(start(&["--last", "7"]), Start::Last(7));
        assert_eq!(start(&["--since", "10m"]), Start::Since(Duration::from_secs(600)));
    }
}
