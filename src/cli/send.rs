//! `forgewire send`: a signed delivery over HTTP, as a forge would make it.
//!
//! Options come in; what is sent is made in `request`, where to and with which secret in `target`, the
//! exchange itself in `exchange`, and what is printed in `report`.

mod exchange;
mod report;
mod request;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use self::exchange::Client;
use self::request::{Delivery, Mode};
use self::target::Target;
use super::{REFUSED, Usage};
use crate::samples::{Sample, Sender};
use crate::source::Kind;

/// Send a signed sample delivery to a running daemon, as a forge would.
///
/// With a `forgewire dev` running, `forgewire send gitea push` needs nothing else. Exit code 0: taken; 1:
/// refused; 69: not reached.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Send {
    /// Source of the running `forgewire dev`, for example gitea; not with --url.
    source: Option<String>,

    /// What to send: see --list.
    sample: Option<String>,

    /// List the samples, of all kinds or of one.
    #[arg(long)]
    list: bool,

    /// Where to send it, instead of a running `forgewire dev`: the whole URL of the webhook.
    #[arg(long, value_name = "URL", requires = "kind")]
    url: Option<String>,

    /// The kind of forge to send as; needed with --url.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,

    /// Trust the CAs in this PEM file, and none of the system's, where the URL is https.
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,

    /// File that holds the secret; one trailing newline is dropped.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,

    /// Environment variable that holds the secret.
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,

    /// Send this payload instead of a sample.
    #[arg(long, value_name = "FILE", requires = "event")]
    file: Option<PathBuf>,

    /// The forge's name of the event in --file.
    #[arg(long, value_name = "NAME", requires = "file")]
    event: Option<String>,

    /// The forge's exact name of the hook in --file, where it sends one; otherwise as --event.
    #[arg(long, value_name = "NAME", requires = "file")]
    event_type: Option<String>,

    /// Send the payload as a form.
    #[arg(long, conflicts_with = "get")]
    form: bool,

    /// Send it by GET, in the URL; the source needs `accept_get`.
    #[arg(long)]
    get: bool,

    /// Send it so many times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,

    /// The delivery's id; otherwise each delivery has its own.
    #[arg(long, value_name = "ID")]
    delivery: Option<String>,

    /// Print answers as they came.
    #[arg(long)]
    json: bool,
}

impl Send {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.list {
            report::list(&self.listed()?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let (source, what) = self.positionals()?;
        let target = Target::find(&self, source)?;
        let delivery = self.delivery(target.sender, what)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.send(&target, &delivery))
    }

    async fn send(&self, target: &Target, delivery: &Delivery) -> anyhow::Result<ExitCode> {
        let client = Client::new(&target.url, self.ca_file.as_deref())?;
        let mut refused = false;
        for _ in 0..self.count {
            let request = delivery.request(target)?;
            let answer = client.exchange(request).await;
            let answer = answer.with_context(|| format!("cannot reach {}", target.shown()))?;
            refused |= !answer.status.is_success();
            report::answer(&answer, self.json)?;
        }
        Ok(if refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    }

    /// The senders that `--list` is about.
    fn listed(&self) -> Result<Vec<&'static Sender>, Usage> {
        match self.kind.as_deref().or(self.source.as_deref()) {
            None => Ok(Sender::ALL.to_vec()),
            Some(name) => Ok(vec![target::sender_of_source_or_kind(name)?]),
        }
    }

    /// Source and sample: with a URL there is no source, and with a file no sample.
    fn positionals(&self) -> Result<(Option<&str>, Option<&str>), Usage> {
        let given = (self.source.as_deref(), self.sample.as_deref());
        match (given, self.url.is_some(), self.file.is_some()) {
            ((Some(source), Some(sample)), false, false) => Ok((Some(source), Some(sample))),
            ((Some(source), None), false, true) => Ok((Some(source), None)),
            ((Some(sample), None), true, false) => Ok((None, Some(sample))),
            ((None, None), true, true) => Ok((None, None)),
            (_, true, true) => Err(Usage("with --url and --file name neither source nor sample".into())),
            (_, true, false) => Err(Usage("with --url name the sample, and no source".into())),
            (_, false, true) => Err(Usage("with --file name the source, and no sample".into())),
            (_, false, false) => Err(Usage(
                "name source and sample, for example `forgewire send gitea push`; `forgewire send --list` lists the samples".into(),
            )),
        }
    }

    fn delivery(&self, sender: &'static Sender, what: Option<&str>) -> anyhow::Result<Delivery> {
        let (event, event_type, payload) = match (&self.file, what) {
            (Some(path), _) => {
                let payload = std::fs::read(path);
                let payload = payload.with_context(|| format!("cannot read {}", path.display()))?;
                let event = self.event.clone().unwrap_or_default();
                (event.clone(), self.event_type.clone().or(Some(event)), payload)
            }
            (None, name) => {
                let sample = find(sender, name.unwrap_or_default())?;
                let payload = sender.payload(sample)?.into_bytes();
                (sample.event.to_owned(), sample.event_type.map(str::to_owned), payload)
            }
        };
        let mode = match (self.form, self.get) {
            (true, _) => Mode::Form,
            (_, true) => Mode::Get,
            _ => Mode::Json,
        };
        Ok(Delivery { event, event_type, payload: payload.into(), mode, id: self.delivery.clone() })
    }
}

fn find(sender: &'static Sender, name: &str) -> Result<&'static Sample, Usage> {
    sender.sample(name).ok_or_else(|| {
        let kind = sender.kind;
        Usage(format!("{kind} has no sample {name:?}; `forgewire send --list {kind}` lists them"))
    })
}

fn kind(name: &str) -> Result<&'static Sender, Usage> {
    Kind::from_name(name).and_then(Sender::of).ok_or_else(|| {
        let kinds: Vec<_> = Sender::ALL.iter().map(|sender| sender.kind).collect();
        Usage(format!("{name:?} is no kind of forge; these are: {}", kinds.join(", ")))
    })
}
