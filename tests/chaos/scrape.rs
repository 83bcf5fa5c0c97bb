//! What a daemon says of itself, asked for all the time that it runs.
//!
//! In comes the operators' listener of a daemon; out comes, for each of its [`Life`]s, what `/metrics` said last, which
//! [`Sign`]s it showed, and how long the slowest answer took. Whoever is killed takes its counts along, so the last
//! scrape is what is known of a life.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Pause between two scrapes.
const PAUSE: Duration = Duration::from_millis(50);
/// How long `/metrics` or `/livez` may take, whatever else is the matter. Prometheus waits twice as long.
const LIMIT: Duration = Duration::from_secs(5);

/// Every sample by its series, as `/metrics` writes it.
pub(crate) type Series = BTreeMap<String, f64>;

/// What a fault may look like in the metrics.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Sign {
    /// `forgewire_nats_connected` fell to 0.
    Disconnected,
    /// `forgewire_spool_full` rose to 1.
    Full,
    /// `forgewire_spool_broken` rose to 1.
    Broken,
}

impl Sign {
    /// The metric that shows it.
    pub(crate) fn metric(self) -> &'static str {
        match self {
            Self::Disconnected => "forgewire_nats_connected",
            Self::Full => "forgewire_spool_full",
            Self::Broken => "forgewire_spool_broken",
        }
    }

    fn is_in(self, series: &Series) -> bool {
        let bad = if self == Self::Disconnected { 0.0 } else { 1.0 };
        series.get(self.metric()).is_some_and(|value| (value - bad).abs() < 0.5)
    }

    /// Those that a scrape shows.
    pub(crate) fn all_in(series: &Series) -> BTreeSet<Self> {
        let all = [Self::Disconnected, Self::Full, Self::Broken];
        all.into_iter().filter(|sign| sign.is_in(series)).collect()
    }
}

/// One look at the metrics.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    /// When it was asked for: what had happened by then is in it.
    pub(crate) asked: Instant,
    pub(crate) series: Series,
}

/// What is known of a process from its start on.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) began: Instant,
    /// Absent while it runs.
    pub(crate) died: Option<Instant>,
    /// The last two, the older first.
    pub(crate) scrapes: Vec<Scrape>,
    pub(crate) count: u64,
    pub(crate) slowest: Duration,
    /// Why it did not answer as it must.
    pub(crate) failed: Option<String>,
    /// Whether NATS was connected once: before that it cannot be lost.
    was_connected: bool,
    signs: BTreeSet<Sign>,
}

impl Life {
    pub(crate) fn begin(began: Instant) -> Self {
        Self {
            began,
            died: None,
            scrapes: Vec::new(),
            count: 0,
            slowest: Duration::ZERO,
            failed: None,
            was_connected: false,
            signs: BTreeSet::new(),
        }
    }

    /// Adds a scrape.
    pub(crate) fn take(&mut self, scrape: Scrape) {
        let mut signs = Sign::all_in(&scrape.series);
        self.was_connected |= !signs.contains(&Sign::Disconnected);
        if !self.was_connected {
            signs.remove(&Sign::Disconnected);
        }
        self.signs.extend(signs);
        self.count += 1;
        if self.scrapes.len() == 2 {
            self.scrapes.remove(0);
        }
        self.scrapes.push(scrape);
    }

    /// What was said last of a series; 0 of one that there is not.
    pub(crate) fn last(&self, series: &str) -> f64 {
        let last = self.scrapes.last().and_then(|scrape| scrape.series.get(series));
        last.copied().unwrap_or_default()
    }
}

/// Scrapes a daemon until it is told to end.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    admin: SocketAddr,
    life: Mutex<Life>,
    /// Nobody is to answer any more.
    ending: AtomicBool,
    ended: AtomicBool,
}

impl Watch {
    /// Begins with a daemon that listens.
    pub(crate) fn begin(admin: SocketAddr, began: Instant) -> Self {
        let (life, ending, ended) = (Mutex::new(Life::begin(began)), false.into(), false.into());
        let shared = Arc::new(Shared { admin, life, ending, ended });
        let watching = Arc::clone(&shared);
        let thread = std::thread::spawn(move || watching.watch());
        Self { shared, thread: Some(thread) }
    }

    /// From now on it need not answer: it is about to be killed, or told to stop.
    pub(crate) fn is_ending(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
    }

    /// The process has ended: what is known of it.
    pub(crate) fn ended(mut self) -> Life {
        self.stop();
        let mut life = self.shared.life().clone();
        life.died = Some(Instant::now());
        life
    }

    /// As it is now, after another look.
    pub(crate) fn now(&self) -> Life {
        self.shared.look();
        self.shared.life().clone()
    }

    /// What it has shown since it was last asked.
    pub(crate) fn take_signs(&self) -> BTreeSet<Sign> {
        std::mem::take(&mut self.shared.life().signs)
    }

    fn stop(&mut self) {
        self.is_ending();
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a look does not panic");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap()
    }

    fn watch(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            self.look();
            std::thread::sleep(PAUSE);
        }
    }

    fn look(&self) {
        let asked = Instant::now();
        let seen = get(self.admin, "/metrics").and_then(|text| samples(&text));
        let took = asked.elapsed();
        let lively = get(self.admin, "/livez");
        let took = took.max(asked.elapsed().saturating_sub(took));
        if self.ending.load(Ordering::Relaxed) && (seen.is_err() || lively.is_err()) {
            return;
        }
        let mut life = self.life();
        life.slowest = life.slowest.max(took);
        if let Err(error) = lively {
            life.failed.get_or_insert(format!("/livez: {error:#}"));
        }
        match seen {
            Ok(series) => life.take(Scrape { asked, series }),
            Err(error) => drop(life.failed.get_or_insert(format!("/metrics: {error:#}"))),
        }
    }
}

/// The body of a 200.
fn get(admin: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: forgewire\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole answer")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "answered {:?}", head.lines().next());
    Ok(body.to_owned())
}

/// Every sample of a scrape in Prometheus text.
pub(crate) fn samples(text: &str) -> Result<Series> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').context("no sample")?;
            Ok((series.to_owned(), value.parse().with_context(|| line.to_owned())?))
        })
        .collect()
}
