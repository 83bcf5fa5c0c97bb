//! The driver: senders that deliver all the time, for many repositories, a few of which have half of it all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::client::{NoAnswer, Pool};
use crate::ledger::{Ledger, Outcome};
use crate::payload::{self, SOURCE};
use crate::random::Random;

/// How long a sender that nobody listens to waits before its next delivery.
const REFUSED: Duration = Duration::from_millis(20);
/// Repositories that have half of all deliveries.
const BUSY: u64 = 4;

const SENDER: &str = "a sender fails only by a fault of the bench or of the receipt";
/// One in so many deliveries begins a burst of so many, without pauses.
const BURST: u64 = 20;

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Deliveries at once, at most.
    pub(crate) senders: u16,
    /// Deliveries per second, about, and some in bursts; without it as fast as they are answered.
    pub(crate) rate: Option<u32>,
    pub(crate) repositories: u16,
    /// Connections that are kept while nobody uses them.
    pub(crate) most_idle: usize,
    /// Bytes of a body, at least.
    pub(crate) size: usize,
    /// Ends after so many.
    pub(crate) count: Option<u64>,
}

/// Running senders. Dropping it ends them at once.
pub(crate) struct Driver {
    senders: JoinSet<()>,
    stop: CancellationToken,
}

impl Driver {
    /// Begins to send to `address`; `run` names the deliveries, and chooses repositories.
    pub(crate) fn start(
        runtime: &Handle,
        load: Load,
        address: SocketAddr,
        run: u32,
        ledger: &Arc<Ledger>,
    ) -> Self {
        let pool = Arc::new(Pool::new(address, load.most_idle));
        let stop = CancellationToken::new();
        let left = Arc::new(AtomicU64::new(load.count.unwrap_or(u64::MAX)));
        let mut senders = JoinSet::new();
        let mut random = Random::new(run.into());
        for _ in 0..load.senders {
            let sender = Sender {
                pool: Arc::clone(&pool),
                ledger: Arc::clone(ledger),
                run,
                random: Random::new(random.next()),
                repositories: load.repositories.into(),
                size: load.size,
                left: Arc::clone(&left),
            };
            let pace = load.rate.map(|rate| Duration::from_secs(load.senders.into()) / rate.max(1));
            senders.spawn_on(sender.send(pace, stop.clone()), runtime);
        }
        Self { senders, stop }
    }

    /// Whether all that were to be sent have an answer, or will have none.
    pub(crate) fn has_ended(&mut self) -> bool {
        while let Some(ended) = self.senders.try_join_next() {
            ended.expect(SENDER);
        }
        self.senders.is_empty()
    }

    /// Sends nothing new, and waits for the answers that are due.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.senders.join_next().await {
            ended.expect(SENDER);
        }
    }
}

struct Sender {
    pool: Arc<Pool>,
    ledger: Arc<Ledger>,
    run: u32,
    random: Random,
    repositories: u64,
    size: usize,
    /// How many are still to be sent, by all senders.
    left: Arc<AtomicU64>,
}

impl Sender {
    async fn send(mut self, pace: Option<Duration>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let burst = if self.random.below(BURST) == 0 { BURST } else { 1 };
            for _ in 0..burst {
                if !self.may_send() {
                    return;
                }
                if self.deliver().await == Outcome::Refused {
                    sleep(REFUSED).await;
                }
            }
            if let Some(pace) = pace {
                // On the average a burst pays for the pause that it left out.
                sleep(self.random.between(Duration::ZERO, pace * 4)).await;
            }
        }
    }

    fn may_send(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    async fn deliver(&mut self) -> Outcome {
        let busy = self.random.below(2) == 0;
        let among = if busy { BUSY.min(self.repositories) } else { self.repositories };
        let repository = u16::try_from(self.random.below(among)).unwrap();
        let number = self.ledger.enter(repository);
        let hook = payload::hook(self.run, number, repository, self.size);
        self.ledger.began(number);
        let outcome = match self.pool.deliver(&format!("/hooks/{SOURCE}"), &hook).await {
            Ok((status, body)) => read(status, &body),
            Err(NoAnswer::Refused) => Outcome::Refused,
            Err(NoAnswer::Lost) => Outcome::Unanswered,
        };
        self.ledger.ended(number, outcome);
        outcome
    }
}

/// What an answer says.
///
/// # Panics
///
/// When a 2xx has no receipt: the contract promises one.
fn read(status: u16, body: &[u8]) -> Outcome {
    if !(200..300).contains(&status) {
        return Outcome::Other(status);
    }
    let receipt: serde_json::Value = serde_json::from_slice(body).expect("a receipt is JSON");
    match receipt["status"].as_str() {
        Some("published") => {
            Outcome::Published(receipt["events"][0]["sequence"].as_u64().expect("a sequence"))
        }
        Some("spooled") => Outcome::Spooled,
        _ => panic!("a receipt of no known status: {receipt}"),
    }
}
