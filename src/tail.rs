//! Events as they arrive, on standard output: what `forgewire tail` and `forgewire dev` print.
//!
//! In comes a [`Follow`]: which events, from where on, in which form. The `reader` takes them from the
//! stream, in order and each once, also across restarts of NATS; `object` reads what was too large for a message; `line` and
//! `json` write them. It never
//! acknowledges, changes or deletes a message, and nothing that a sender wrote reaches a terminal as a
//! control character.

mod json;
mod line;
mod object;
mod reader;
mod start;
pub(crate) mod visible;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt as _;
use tracing::warn;

use crate::event::{Event, Time};
use line::Lines;
use reader::Reader;

/// How often it is looked whether somebody still reads what is printed.
const LOOK_FOR_READER: Duration = Duration::from_millis(500);

/// Where to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// With the first message that the stream holds.
    All,
    /// With the last so many that the filter lets through.
    Last(u64),
    /// With what comes from now on.
    New,
    /// With what was stored so long ago.
    Since(Duration),
}

/// How an event looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// A readable line.
    Human {
        /// With colours, as ANSI escapes.
        color: bool,
    },
    /// The message's body on one line, nothing but white space changed; what it refers to stands in it.
    Json,
    /// An object with `subject`, `sequence`, `headers` and `body`, on one line.
    JsonWithHeaders,
}

/// What to print.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Follow {
    /// First tokens of every request to JetStream, for example `$JS.API`.
    pub api_prefix: String,
    /// Stream that holds the events.
    pub stream: String,
    /// First tokens of every subject.
    pub prefix: String,
    /// NATS filter of subjects; empty for everything below `prefix`.
    pub subject: String,
    /// Where to begin.
    pub start: Start,
    /// How an event looks.
    pub style: Style,
}

/// Why [`follow`] came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Nobody reads standard output any more.
    PipeClosed,
    /// It was asked to stop, or has printed as many as it was told to.
    Stopped,
}

/// Why events cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The server knows no such stream.
    #[error(
        "stream {0} does not exist on this NATS server: `forgewire dev` and `forgewire serve` make it; name another with --stream"
    )]
    NoStream(String),
    /// JetStream gave no usable answer.
    #[error("cannot read stream {stream}: {reason}; does this NATS server have JetStream enabled?")]
    Stream {
        /// Name of the stream.
        stream: String,
        /// What the client or the server says.
        reason: String,
    },
    /// The server refused to filter like this.
    #[error("cannot read {subject} from stream {stream}: {reason}")]
    Consumer {
        /// The filter.
        subject: String,
        /// Name of the stream.
        stream: String,
        /// What the client or the server says.
        reason: String,
    },
    /// Standard output takes nothing.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
}

/// Prints events to standard output until `stop` completes or nobody reads them any more.
///
/// Connections that are lost and servers that restart are waited for; it goes on with the event after
/// the last one printed.
///
/// # Errors
///
/// [`TailError`] when it cannot begin, or cannot write.
pub async fn follow(
    client: &async_nats::Client,
    follow: &Follow,
    stop: impl Future<Output = ()>,
) -> Result<End, TailError> {
    follow_some(client, follow, u64::MAX, stop).await
}

/// Like [`follow`], and ends after `count` events.
///
/// # Errors
///
/// As [`follow`].
pub async fn follow_some(
    client: &async_nats::Client,
    follow: &Follow,
    count: u64,
    stop: impl Future<Output = ()>,
) -> Result<End, TailError> {
    let work = print_events(client, follow, count);
    tokio::select! {
        () = stop => Ok(End::Stopped),
        () = reader_gone() => Ok(End::PipeClosed),
        ended = work => ended,
    }
}

async fn print_events(
    client: &async_nats::Client,
    follow: &Follow,
    count: u64,
) -> Result<End, TailError> {
    let mut reader = Reader::open(client, follow).await?;
    let mut printer = Printer::new(follow.style);
    for _ in 0..count {
        let entry = reader.next().await;
        let payload = !matches!(follow.style, Style::Human { .. });
        let entry = object::follow(reader.context(), entry, payload).await;
        match printer.print(&entry).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(End::PipeClosed),
            Err(error) => return Err(TailError::Output(error)),
        }
    }
    Ok(End::Stopped)
}

/// A message of the stream.
#[derive(Debug)]
struct Entry {
    /// Where it was published.
    subject: String,
    /// Its number in the stream.
    sequence: u64,
    /// When the stream took it.
    stored_at: SystemTime,
    headers: async_nats::HeaderMap,
    body: bytes::Bytes,
}

/// Standard output, and what is remembered from one line to the next.
struct Printer {
    out: tokio::io::Stdout,
    style: Style,
    lines: Lines,
    terminal: bool,
}

impl Printer {
    fn new(style: Style) -> Self {
        let color = matches!(style, Style::Human { color: true });
        let terminal = io::stdout().is_terminal();
        Self { out: tokio::io::stdout(), style, lines: Lines::new(color), terminal }
    }

    async fn print(&mut self, entry: &Entry) -> io::Result<()> {
        let Some(line) = self.line(entry) else { return Ok(()) };
        self.out.write_all(&line).await?;
        self.out.flush().await
    }

    /// The line of an entry with its line break; `None` if this style has none for it.
    fn line(&mut self, entry: &Entry) -> Option<Vec<u8>> {
        let mut line = match self.style {
            Style::Human { .. } => self.human(entry).into_bytes(),
            Style::JsonWithHeaders => json::with_headers(entry),
            Style::Json => {
                let Some(body) = json::text(&entry.body) else {
                    let (subject, sequence) = (visible::text(&entry.subject), entry.sequence);
                    warn!(%subject, sequence, "Left out a message whose body is not JSON.");
                    return None;
                };
                json::compact(body)
            }
        };
        line.push(b'\n');
        Some(line)
    }

    fn human(&mut self, entry: &Entry) -> String {
        let width = if self.terminal { terminal_width() } else { None };
        match Event::from_json(&entry.body) {
            Ok(event) => self.lines.event(&event, width),
            Err(error) => {
                let why = error.to_string();
                let why = why.strip_prefix("not an event: ").unwrap_or(&why);
                self.lines.foreign(time_of(entry.stored_at), &entry.subject, why, width)
            }
        }
    }
}

fn time_of(instant: SystemTime) -> Option<Time> {
    let since = instant.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Time::from_unix_ms(i64::try_from(since.as_millis()).ok()?)
}

/// Columns of the terminal as it is now: windows are resized.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Completes when the other end of standard output is closed: without this, `tail | head -1` would end
/// only with the event after the next one.
async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut pause = tokio::time::interval(LOOK_FOR_READER);
    loop {
        pause.tick().await;
        let stdout = io::stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        let found = poll(&mut fds, Some(&at_once));
        let [stdout] = fds;
        if found.is_ok() && stdout.revents().contains(PollFlags::ERR) {
            return;
        }
    }
}
