//! The world of one phase: servers, proxy, daemon, senders, and what was seen of the stream.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use async_nats::jetstream;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::balancer::Balancer;
use crate::daemon::Daemon;
use crate::driver::{Driver, Load};
use crate::ledger::{Ledger, Outcome};
use crate::measure::{self, Known, Measured};
use crate::payload;
use crate::proxy::Proxy;
use crate::scrape::Sign;
use crate::setup::{self, Setup};
use crate::stored;
use crate::support::nats::NatsServer;
use crate::tools::Tmpfs;
use crate::verdict::{Evidence, Judge, Regress, Stored, Verdict};

/// How long something may take that happens by itself once a fault has ended.
const LIMIT: Duration = Duration::from_secs(60);
/// A stream that has not grown for so long does not grow any more.
const STILL: Duration = Duration::from_secs(15);
/// So long nothing may come after all is there: what comes twice mostly comes soon.
const CALM: Duration = Duration::from_secs(2);
/// The small disk, in MiB.
const SMALL: u32 = 160;
const LOOK: Duration = Duration::from_millis(20);

/// What does not differ between phases.
pub(crate) struct Bench<'a> {
    pub(crate) runtime: &'a Handle,
    pub(crate) load: Load,
    /// How long a fault lasts, about.
    pub(crate) lasts: Duration,
    pub(crate) say: &'a (dyn Fn(&str) + Sync),
    pub(crate) interrupted: &'a AtomicBool,
}

/// A running phase. Dropping it ends everything.
pub(crate) struct World<'a> {
    pub(crate) daemon: Daemon,
    /// Another beside it, and what is before both.
    pair: Option<(Daemon, Balancer)>,
    pub(crate) servers: Vec<NatsServer>,
    pub(crate) proxy: Proxy,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) lasts: Duration,
    bench: &'a Bench<'a>,
    setup: Setup,
    run: u32,
    client: async_nats::Client,
    driver: Option<Driver>,
    evidence: Evidence,
    /// What streams held that were deleted.
    copies: Vec<Vec<Stored>>,
    /// Since when sequences are counted as they are now, on the ledger's clock: a stream was made anew, or a
    /// server forgot some.
    since: Duration,
    // After the daemon, which has files open there.
    _disk: Option<Tmpfs>,
    dir: TempDir,
}

impl<'a> World<'a> {
    /// Starts everything, and returns when the first delivery has been published.
    pub(crate) fn start(bench: &'a Bench<'a>, setup: Setup, run: u32) -> Result<Self> {
        let mut world = Self::prepare(bench, setup, run)?;
        world.send();
        world.recovered(Duration::ZERO)?;
        // Seen to be well, it can be seen to fall ill.
        world.until_well()?;
        Ok(world)
    }

    /// Starts everything but the senders, and returns when the stream is there.
    pub(crate) fn prepare(bench: &'a Bench<'a>, setup: Setup, run: u32) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let servers = setup.start_servers();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, servers[0].port));
        let proxy = Proxy::start(bench.runtime, server)?;
        let disk = disk_of(dir.path());
        std::fs::create_dir(&disk)?;
        let small = setup.spool.as_ref().is_some_and(|spool| spool.small_disk);
        let disk = small.then(|| Tmpfs::mount(&disk, SMALL)).transpose()?;
        let direct: Vec<_> = servers.iter().map(|server| server.url.clone()).collect();
        let through = [format!("nats://{}", proxy.address)];
        let urls = if setup.cluster { &*direct } else { &through };
        let environment = setup.environment(dir.path())?;
        let start = |name: &str| {
            let spool = disk_of(dir.path()).join(format!("spool of {name}"));
            let config = setup.configuration(urls, &spool);
            let environment = environment.clone();
            let mut daemon = Daemon::prepare(dir.path(), name, &setup.way, &config, environment)?;
            daemon.start().map(|()| daemon)
        };
        let daemon = start("forgewire")?;
        let pair = if setup.pair {
            let other = start("other")?;
            let both = vec![daemon.hooks, other.hooks];
            Some((other, Balancer::start(bench.runtime, both)?))
        } else {
            None
        };
        let client = bench.runtime.block_on(connect(direct))?;
        let mut evidence = Evidence {
            always_listens: setup.always_listens(),
            several: setup.pair,
            ..Evidence::default()
        };
        if setup.spool.is_none() {
            evidence.roomless.push((Duration::ZERO, Duration::MAX));
        }
        let mut world = World {
            daemon,
            pair,
            servers,
            proxy,
            ledger: Arc::new(Ledger::open()),
            lasts: bench.lasts,
            bench,
            setup,
            run,
            client,
            driver: None,
            evidence,
            copies: Vec::new(),
            since: Duration::ZERO,
            _disk: disk,
            dir,
        };
        world.until("the stream is there", |world| world.last_sequence().is_ok())?;
        Ok(world)
    }

    /// Starts the senders.
    pub(crate) fn send(&mut self) {
        let Bench { runtime, load, .. } = self.bench;
        let address = self.pair.as_ref().map_or(self.daemon.hooks, |(_, before)| before.address);
        self.driver = Some(Driver::start(runtime, *load, address, self.run, &self.ledger));
    }

    /// Waits until the senders have sent what they were to send, and have their answers.
    pub(crate) fn sent(&mut self, limit: Duration) -> Result<()> {
        self.until_in(limit, "all is sent", |world| {
            world.driver.as_mut().is_none_or(Driver::has_ended)
        })
    }

    /// Every daemon, in the order in which they are told apart.
    pub(crate) fn daemons(&mut self) -> impl Iterator<Item = &mut Daemon> {
        let other = self.pair.iter_mut().map(|(other, _)| other);
        std::iter::once(&mut self.daemon).chain(other)
    }

    /// The logs of every daemon.
    pub(crate) fn logs(&self) -> impl Iterator<Item = &Path> {
        let other = self.pair.iter().map(|(other, _)| other);
        std::iter::once(&self.daemon).chain(other).map(|daemon| daemon.log.as_path())
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the spool's disk is mounted, if it has one of its own.
    pub(crate) fn disk(&self) -> PathBuf {
        disk_of(self.dir.path())
    }

    pub(crate) fn has_clock(&self) -> bool {
        self.setup.clock.is_some()
    }

    pub(crate) fn say(&self, text: &str) {
        (self.bench.say)(&format!("    {text}"));
    }

    /// Lets time pass under load; fails when the daemon ends by itself.
    pub(crate) fn hold(&mut self, how_long: Duration) -> Result<()> {
        let end = Instant::now() + how_long;
        loop {
            self.daemons().try_for_each(Daemon::check)?;
            ensure!(!self.bench.interrupted.load(Ordering::Relaxed), "interrupted");
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Waits until a condition holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl FnMut(&mut Self) -> bool) -> Result<()> {
        self.until_in(LIMIT, what, holds)
    }

    fn until_in(
        &mut self,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> Result<()> {
        let began = Instant::now();
        while !holds(self) {
            ensure!(began.elapsed() < limit, "not within {limit:?}: {what}");
            self.hold(LOOK)?;
        }
        Ok(())
    }

    /// Makes the daemon's clock differ by this, as libfaketime words it.
    pub(crate) fn set_clock(&self, offset: &str) -> Result<()> {
        setup::set_clock(self.dir.path(), offset)
    }

    /// A request to the JetStream API about the stream.
    pub(crate) fn stream_api(&self, verb: &str, body: &Value) -> Result<Value> {
        let subject = format!("$JS.API.STREAM.{verb}.FORGE");
        let payload = serde_json::to_vec(body)?.into();
        let answer = self.bench.runtime.block_on(self.client.request(subject, payload))?;
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        match answer.get("error") {
            Some(error) => bail!("JetStream refused {verb}: {error}"),
            None => Ok(answer),
        }
    }

    pub(crate) fn last_sequence(&self) -> Result<u64> {
        let info = self.stream_api("INFO", &json!({}))?;
        info["state"]["last_seq"].as_u64().context("no last sequence")
    }

    /// Kills the daemon: what is under way may go without an answer.
    pub(crate) fn kill_daemon(&mut self) {
        let killed = self.ledger.now();
        self.daemon.kill();
        self.evidence.kills.push((killed, self.ledger.now()));
    }

    /// Cuts the daemon off from the server.
    pub(crate) fn close_proxy(&self) {
        self.proxy.change(|weather| weather.closed = true);
        self.proxy.cut();
    }

    /// Starts the single server, and notes what it has forgotten before the daemon can talk to it.
    pub(crate) fn start_server(&mut self) -> Result<()> {
        self.proxy.change(|weather| weather.closed = true);
        let acknowledged = self.ledger.highest_sequence(self.since);
        self.servers[0].restart();
        let mut last = None;
        let mut gone = false;
        self.until("the server speaks of the stream", |world| {
            let answer = world.last_sequence();
            gone = answer.as_ref().is_err_and(|error| error.to_string().contains("10059"));
            last = answer.ok();
            last.is_some() || gone
        })?;
        if let Some(last) = last.filter(|last| *last < acknowledged) {
            self.say(&format!("the server has forgotten {} to {acknowledged}", last + 1));
            let (since, back) = (self.since, self.ledger.now());
            self.evidence.regresses.push(Regress { last, acknowledged, since, back });
            self.since = back;
        }
        self.proxy.change(|weather| weather.closed = false);
        Ok(())
    }

    fn stream(&self) -> Result<jetstream::stream::Stream> {
        let context = jetstream::new(self.client.clone());
        Ok(self.bench.runtime.block_on(context.get_stream("FORGE"))?)
    }

    /// Takes note of everything that the stream holds, before it is deleted.
    pub(crate) fn copy_stream(&mut self) -> Result<()> {
        let mut copy = Vec::new();
        let stream = self.stream()?;
        let ledger = Arc::clone(&self.ledger);
        let read = stored::read(&stream, 0, |message| {
            let size = self.bench.load.size;
            let sent = |number| Some(payload::body(number, ledger.repository(number)?, size));
            copy.push(stored::examine(self.run, message, sent));
        });
        self.bench.runtime.block_on(read)?;
        self.copies.push(copy);
        self.since = self.ledger.now();
        Ok(())
    }

    /// Takes note of what the stream holds after `sequence`, which the server is about to forget.
    pub(crate) fn forget_after(&mut self, sequence: u64) -> Result<()> {
        let stream = self.stream()?;
        let (run, evidence) = (self.run, &mut self.evidence);
        let read = stored::read(&stream, sequence, |message| {
            evidence.forgotten.extend(stored::number(run, message));
            evidence.forgotten_messages += 1;
        });
        self.bench.runtime.block_on(read)?;
        Ok(())
    }

    /// Which of the servers leads the stream.
    pub(crate) fn leader(&mut self) -> Result<usize> {
        let mut leader = None;
        self.until("the stream has a leader", |world| {
            let info = world.stream_api("INFO", &json!({})).unwrap_or_default();
            let name = info["cluster"]["leader"].as_str();
            leader = name.and_then(|name| name.strip_prefix('n')?.parse().ok());
            leader.is_some()
        })?;
        leader.context("no leader")
    }

    /// Waits until every server of the cluster has all of the stream.
    pub(crate) fn all_current(&mut self) -> Result<()> {
        self.until("all servers of the cluster have the stream", |world| {
            let info = world.stream_api("INFO", &json!({})).unwrap_or_default();
            let current =
                |replica: &Value| replica["current"] == true && replica["offline"] != true;
            let replicas = info["cluster"]["replicas"].as_array();
            info["cluster"]["leader"].is_string()
                && replicas.is_some_and(|all| all.len() == 2 && all.iter().all(current))
        })
    }

    /// Waits until a delivery that began after `since` is published, and nothing is left in the spool; how long that
    /// took.
    pub(crate) fn recovered(&mut self, since: Duration) -> Result<Duration> {
        let mut published = None;
        self.until("a delivery is published again", |world| {
            published = world.ledger.published_after(since);
            published.is_some()
        })?;
        let took = published.unwrap_or(since).saturating_sub(since);
        if self.ledger.count_after(Duration::ZERO, |outcome| outcome == Outcome::Spooled) == 0 {
            return Ok(took);
        }
        self.emptied(LIMIT)?;
        Ok(took.max(self.ledger.now().saturating_sub(since)))
    }

    /// Waits until nothing is left in the spool that is to be published, and fails if anything is a dead letter.
    pub(crate) fn emptied(&mut self, limit: Duration) -> Result<()> {
        let mut said = Err(anyhow!("there is no spool"));
        let emptied = self.until_in(limit, "the spool is empty", |world| {
            said = world.daemons().map(|daemon| daemon.spool()).collect::<Result<Vec<_>>>();
            said.as_ref().is_ok_and(|spools| spools.iter().all(|spool| spool["waiting"] == 0))
        });
        let said = said?;
        emptied.with_context(|| format!("the spool: {said:?}"))?;
        ensure!(said.iter().all(|spool| spool["dead"] == 0), "dead letters: {said:?}");
        Ok(())
    }

    /// As [`World::emptied`], within the usual limit.
    pub(crate) fn emptied_soon(&mut self) -> Result<()> {
        self.emptied(LIMIT)
    }

    /// Nothing could be kept from `since` until now: the disk was full, or broken.
    pub(crate) fn had_no_room(&mut self, since: Duration) {
        self.evidence.roomless.push((since, self.ledger.now()));
    }

    /// Ends the load, waits until the stream has everything or does not grow any more, and judges.
    pub(crate) fn judge(&mut self) -> Result<Verdict> {
        if let Some(driver) = self.driver.take() {
            self.bench.runtime.block_on(driver.stop());
        }
        if self.setup.spool.is_some()
            && let Err(error) = self.emptied(LIMIT)
        {
            // What is in there is missing in the stream.
            self.say(&format!("{error:#}"));
        }
        let (mut last, mut grown, mut judged) = (0, Instant::now(), None);
        loop {
            // A stream that cannot be asked has not grown either.
            let now = self.last_sequence().unwrap_or(last);
            if now != last {
                (last, grown, judged) = (now, Instant::now(), None);
            }
            if grown.elapsed() > CALM && judged.is_none() {
                judged = Some(self.verdict()?);
            }
            let missing = judged.as_ref().is_none_or(|verdict| verdict.missing > 0);
            match judged.take_if(|_| !missing || grown.elapsed() > STILL) {
                Some(verdict) => return Ok(verdict),
                None => self.hold(LOOK * 5)?,
            }
        }
    }

    /// What the metrics have shown since they were last asked about.
    pub(crate) fn take_signs(&mut self) -> BTreeSet<Sign> {
        self.daemons().flat_map(|daemon| daemon.take_signs()).collect()
    }

    /// Waits until the metrics have shown all of these, and adds to what they have shown.
    pub(crate) fn until_shown(
        &mut self,
        wanted: &[Sign],
        shown: &mut BTreeSet<Sign>,
    ) -> Result<()> {
        for sign in wanted {
            self.until(&format!("{} shows the fault", sign.metric()), |world| {
                shown.extend(world.take_signs());
                shown.contains(sign)
            })?;
        }
        Ok(())
    }

    /// Waits until the metrics show nothing wrong any more.
    pub(crate) fn until_well(&mut self) -> Result<()> {
        self.until("the metrics show no fault any more", |world| {
            world.daemons().all(|daemon| daemon.signs_now().is_empty())
        })
    }

    /// What the daemons have counted compared with what is known, once it is judged; none where an older program ran,
    /// whose metrics may be others.
    pub(crate) fn measure(
        &mut self,
        verdict: &Verdict,
        reconnects: (u64, u64),
    ) -> Result<Option<Measured>> {
        if self.setup.way.program.is_some() {
            return Ok(None);
        }
        let info = self.stream_api("INFO", &json!({}))?;
        let held = info["state"]["messages"].as_u64().context("no number of messages")?;
        let forgotten = self.evidence.forgotten_messages;
        let exactly = self.evidence.regresses.is_empty() || forgotten > 0;
        let loses = self.setup.retains() && forgotten > 0;
        let known = Known {
            stored: held + self.copies.iter().map(|copy| copy.len() as u64).sum::<u64>(),
            forgotten: exactly.then_some(forgotten),
            spool: self.setup.spool.is_some(),
            reconnects,
            losses: if loses { (1, u64::MAX) } else { (0, 0) },
        };
        let lives: Vec<_> = self.daemons().flat_map(|daemon| daemon.lives()).collect();
        let (deliveries, opened) = (self.ledger.snapshot(), self.ledger.opened());
        Ok(Some(measure::compare(&lives, &deliveries, opened, verdict, &known)))
    }

    fn verdict(&self) -> Result<Verdict> {
        let deliveries = self.ledger.snapshot();
        let mut judge = Judge::new(&deliveries, &self.evidence);
        for copy in &self.copies {
            for stored in copy {
                judge.take(stored);
            }
            judge.next_stream();
        }
        let sent = |number| {
            let delivery = deliveries.get(usize::try_from(number).ok()?)?;
            Some(payload::body(number, delivery.repository, self.bench.load.size))
        };
        let stream = self.stream()?;
        let read = stored::read(&stream, 0, |message| {
            judge.take(&stored::examine(self.run, message, sent));
        });
        self.bench.runtime.block_on(read)?;
        Ok(judge.finish(self.setup.retains()))
    }
}

/// Where the spools are.
fn disk_of(dir: &Path) -> PathBuf {
    dir.join("disk")
}

async fn connect(urls: Vec<String>) -> Result<async_nats::Client> {
    let options =
        async_nats::ConnectOptions::with_user_and_password("bench".into(), "bench".into())
            .retry_on_initial_connect()
            .request_timeout(Some(Duration::from_secs(3)))
            .reconnect_delay_callback(|_| Duration::from_millis(50));
    Ok(options.connect(urls).await?)
}
