//! A consumer of forgewire's events: acts once per event id, and acknowledges.
//!
//! In come the messages of one durable pull consumer; out goes one line of JSON per commit to check
//! out, to standard output or into a command. `README.md` says what each part guards against.
#![expect(clippy::print_stderr, reason = "a command's notes for its user go there")]

mod read;

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{self, AckKind, ErrorCode, Message};
use clap::Parser as _;
use forgewire::event::{Data, Event, PullRequestAction, Push};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval_at, sleep};

use read::Fault;

/// How long one request for a message waits; a stop is noticed after it at the latest.
const PULL: Duration = Duration::from_secs(1);

/// Acts once per event of a forgewire stream.
#[derive(clap::Parser)]
struct Options {
    /// Durable consumer to read with.
    durable: String,
    /// Subjects that the durable lets through.
    filter: String,
    /// URL of the NATS server.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    nats: String,
    /// Stream that the events are in.
    #[arg(long, default_value = "FORGE")]
    stream: String,
    /// Make the durable if it is missing.
    #[arg(long)]
    create: bool,
    /// Shell command that acts, with the line on standard input; without it the line is printed.
    #[arg(long, value_name = "COMMAND")]
    run: Option<String>,
    /// Leave out pushes that surely touch no file under this path.
    #[arg(long, value_name = "PREFIX")]
    path: Option<String>,
    /// File that remembers which ids were acted on; without it one in the user's state directory.
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// How many ids are remembered.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    remember: usize,
    /// Put the forge's payload into the line, where there is one.
    #[arg(long)]
    payload: bool,
    /// How long to wait before an action that failed is tried again.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    retry: Duration,
    /// End after this many messages that need not come again.
    #[arg(long, value_name = "COUNT", default_value_t = usize::MAX, hide_default_value = true)]
    max: usize,
    /// End after this long without a message.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    idle: Option<Duration>,
}

fn seconds(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let client = async_nats::connect(&options.nats).await.with_context(|| options.nats.clone())?;
    // Until here nothing has begun, and a stop may be an abrupt end.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        let _ = stop.send(true);
    });
    let jetstream = jetstream::new(client.clone());
    let consumer = bind(&jetstream, &options).await?;
    let acted = Acted::open(ids_file(&options)?, options.remember)?;
    let mut worker = Worker { options, jetstream, consumer, acted };
    let end = worker.work(|| *stopped.borrow()).await;
    // What was told last must still reach the server, if there is one.
    let _ = tokio::time::timeout(PULL * 3, client.flush()).await;
    end
}

/// Finds the durable, and makes it only where that was asked for.
async fn bind(jetstream: &jetstream::Context, options: &Options) -> anyhow::Result<PullConsumer> {
    let Options { durable, filter, stream, .. } = options;
    let missing = |error: &ConsumerError| match error.kind() {
        ConsumerErrorKind::JetStream(refusal) => {
            refusal.error_code() == ErrorCode::CONSUMER_NOT_FOUND
        }
        _ => false,
    };
    // The one thing that an administrator must allow besides reading and acknowledging.
    let consumer: PullConsumer = match jetstream.get_consumer_from_stream(durable, stream).await {
        Err(error) if options.create && missing(&error) => {
            jetstream.create_consumer_on_stream(durable_for(options), stream).await?
        }
        found => found.with_context(|| format!("durable {durable} of {stream}"))?,
    };
    let consumer::Config { filter_subject, ack_policy, .. } = &consumer.cached_info().config;
    // Another filter would mean acting on what nobody named here.
    ensure!(filter_subject == filter, "durable {durable} has the filter {filter_subject:?}");
    ensure!(*ack_policy == AckPolicy::Explicit, "durable {durable} wants no acks");
    Ok(consumer)
}

fn durable_for(options: &Options) -> pull::Config {
    pull::Config {
        durable_name: Some(options.durable.clone()),
        filter_subject: options.filter.clone(),
        // Of every branch the newest, then whatever comes: not a month of builds.
        deliver_policy: DeliverPolicy::LastPerSubject,
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(60),
        max_deliver: 10,
        max_ack_pending: 100,
        ..pull::Config::default()
    }
}

/// What becomes of a message.
enum Verdict {
    /// It need not come again.
    Done(&'static str),
    /// It can never be read.
    Unreadable(String),
    /// It shall come again later.
    Failed(String),
}

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreadable(why) => Self::Unreadable(why),
            Fault::Away(error) => Self::Failed(format!("{error:#}")),
        }
    }
}

struct Worker {
    options: Options,
    jetstream: jetstream::Context,
    consumer: PullConsumer,
    acted: Acted,
}

impl Worker {
    async fn work(&mut self, stopped: impl Fn() -> bool) -> anyhow::Result<()> {
        let (mut settled, mut last) = (0, Instant::now());
        let (max, idle) = (self.options.max, self.options.idle);
        while !stopped() && settled < max && idle.is_none_or(|idle| last.elapsed() < idle) {
            match self.pull().await {
                Ok(Some(message)) => {
                    settled += usize::from(self.handle(&message).await?);
                    last = Instant::now();
                }
                Ok(None) => {}
                Err(error) => {
                    eprintln!("cannot read, trying again: {error:#}");
                    sleep(PULL).await;
                }
            }
        }
        Ok(())
    }

    /// One message at a time: the clock of `ack_wait` runs for those that wait in a buffer, too.
    async fn pull(&self) -> anyhow::Result<Option<Message>> {
        let mut batch = self.consumer.batch().max_messages(1).expires(PULL).messages().await?;
        let next = tokio::time::timeout(PULL * 3, batch.next()).await.context("no answer")?;
        next.transpose().map_err(anyhow::Error::from_boxed)
    }

    /// Acts where it must, and tells the server. True when the message need not come again.
    async fn handle(&mut self, message: &Message) -> anyhow::Result<bool> {
        let (verdict, subject) = (self.verdict(message).await?, &message.subject);
        let told = match &verdict {
            Verdict::Done(how) => {
                eprintln!("{subject}: {how}");
                // Waits until the server has it: only then is a redelivery out of the question.
                message.double_ack().await
            }
            Verdict::Unreadable(why) => {
                eprintln!("{subject}: terminated, unreadable: {why}");
                message.ack_with(AckKind::Term).await
            }
            Verdict::Failed(error) => {
                eprintln!("{subject}: failed, comes again: {error}");
                message.ack_with(AckKind::Nak(Some(self.options.retry))).await
            }
        };
        if let Err(error) = told {
            // It comes again, and will be known by its id.
            eprintln!("{subject}: the server did not hear it: {error}");
            return Ok(false);
        }
        Ok(!matches!(verdict, Verdict::Failed(_)))
    }

    /// An error here is one of the file of ids: without it nothing may be done or acknowledged.
    async fn verdict(&mut self, message: &Message) -> anyhow::Result<Verdict> {
        let (attributes, body) = match read::message(message) {
            Ok(read) => read,
            Err(error) => return Ok(Verdict::Unreadable(format!("{error:#}"))),
        };
        if self.acted.known.contains(body.id()) {
            return Ok(Verdict::Done("acted on before"));
        }
        let event = match body.event(&self.jetstream).await {
            Ok(event) => event,
            Err(fault) => return Ok(fault.into()),
        };
        let Some(commit) = commit(&event, self.options.path.as_deref()) else {
            return Ok(Verdict::Done("nothing to do"));
        };
        let wanted = self.options.payload.then_some(&event);
        let payload = match read::payload(wanted, &self.jetstream).await {
            Ok(payload) => payload,
            Err(fault) => return Ok(fault.into()),
        };
        let repository = event.repository.as_ref();
        let mut line = json!({
            "id": event.id,
            "subject": message.subject.as_str(),
            "type": attributes.get("type"),
            "about": attributes.get("subject"),
            "event": event.event(),
            "action": event.action(),
            "repository": repository.and_then(|repository| repository.full_name.as_ref()),
            "ref": event.reference.as_ref().map(|reference| &reference.name),
            "clone_url": repository.and_then(|repository| repository.clone_url.as_ref()),
            "commit": commit,
        });
        if let Some(payload) = payload {
            line["payload"] = payload;
        }
        if let Err(error) = self.act(&format!("{line}\n"), message).await {
            return Ok(Verdict::Failed(error.to_string()));
        }
        self.acted.add(&event.id).context("cannot remember an id")?;
        Ok(Verdict::Done("acted"))
    }

    /// Acts, and says that it is still at it, for as long as it takes.
    async fn act(&self, line: &str, message: &Message) -> io::Result<()> {
        let period = self.consumer.cached_info().config.ack_wait / 3;
        let mut beat = interval_at(Instant::now() + period, period);
        let mut action = std::pin::pin!(act(self.options.run.as_deref(), line));
        loop {
            tokio::select! {
                done = &mut action => return done,
                _ = beat.tick() => {
                    // Not heard is no harm: at worst it comes again and is known.
                    let _ = message.ack_with(AckKind::Progress).await;
                }
            }
        }
    }
}

async fn act(command: Option<&str>, line: &str) -> io::Result<()> {
    let Some(command) = command else {
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes())?;
        return out.flush();
    };
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        // A Ctrl-C is for us: what has begun is finished.
        .process_group(0)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A command need not read what it is told; its exit code counts.
        let _ = input.write_all(line.as_bytes()).await;
    }
    let status = child.wait().await?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

/// The commit to check out, if this event asks for that.
fn commit(event: &Event<'_>, path: Option<&str>) -> Option<String> {
    use PullRequestAction::{Opened, Reopened, Synchronized};
    // Sources can be configured to take what nobody signed.
    if !event.delivery.authenticated {
        return None;
    }
    let commit = match &event.data {
        // A deleted branch has no commit after it.
        Data::Push(_, push) if path.is_none_or(|path| may_touch(push, path)) => push.after.as_ref(),
        Data::Tag(_, tag) => tag.commit.as_ref().or(tag.after.as_ref()),
        Data::PullRequest(Opened | Reopened | Synchronized, data) => {
            // Anybody can open one from a fork: that is no reason to run its code.
            let head = &data.pull_request.head;
            head.sha.as_ref().filter(|_| head.fork == Some(false))
        }
        // Also every event and action that is newer than this program.
        _ => None,
    };
    commit.map(ToString::to_string)
}

/// Whether a push may touch files under `path`: also when it is not known.
fn may_touch(push: &Push<'_>, path: &str) -> bool {
    // No commits at all: it was moved back, or to where another branch is.
    !(push.commits_complete && push.files_known)
        || push.forced == Some(true)
        || push.commits.is_empty()
        || push.commits.iter().any(|commit| {
            let lists = [&commit.added, &commit.removed, &commit.modified];
            lists.into_iter().flatten().flatten().any(|file| file.starts_with(path))
        })
}

/// The ids that were acted on, in a file: one a line, the newest last.
struct Acted {
    path: PathBuf,
    file: File,
    known: HashSet<String>,
    /// What stands in the file, in its order.
    lines: VecDeque<String>,
    most: usize,
}

impl Acted {
    fn open(path: PathBuf, most: usize) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| path.display().to_string())?,
        };
        // A crash can leave half a line at the end: that message was not acknowledged.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let mut lines: VecDeque<_> = whole.lines().map(str::to_owned).collect();
        let file = newest(&path, &mut lines, most).with_context(|| path.display().to_string())?;
        Ok(Self { path, file, known: lines.iter().cloned().collect(), lines, most })
    }

    /// Returns when it is on disk: only then may the message be acknowledged.
    fn add(&mut self, id: &str) -> io::Result<()> {
        self.file.write_all(format!("{id}\n").as_bytes())?;
        self.file.sync_data()?;
        self.known.insert(id.to_owned());
        self.lines.push_back(id.to_owned());
        if self.lines.len() > self.most.saturating_mul(2) {
            self.file = newest(&self.path, &mut self.lines, self.most)?;
            self.known = self.lines.iter().cloned().collect();
        }
        Ok(())
    }
}

/// Writes the newest lines in the place of a file. At every moment there is a whole one.
fn newest(path: &Path, lines: &mut VecDeque<String>, most: usize) -> io::Result<File> {
    lines.drain(..lines.len().saturating_sub(most));
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(lines.iter().flat_map(|id| [id, "\n"]).collect::<String>().as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(file)
}

fn ids_file(options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(path) = &options.ids {
        return Ok(path.clone());
    }
    let state = std::env::var_os("XDG_STATE_HOME").filter(|folder| !folder.is_empty());
    let home = || Some(std::env::home_dir()?.join(".local/state"));
    let state = state.map(PathBuf::from).or_else(home).context("no home: say --ids FILE")?;
    let folder = state.join("forgewire-consumer");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{}-{}.ids", options.stream, options.durable)))
}
