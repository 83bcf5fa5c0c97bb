//! Figures of an outage: how much is taken while NATS is away, and how fast it is published after that.
//!
//! In: the rounds, each with its own healthy rate. Out: medians, ratios within a round, verdicts.

use serde::Serialize;

use super::aims::Verdict;
use super::{Round, Spread, as_f64};

/// While NATS is away at least this part of the healthy requests per second must be accepted.
const MIN_ACCEPTED_RATIO: f64 = 0.5;
/// The 99th percentile while NATS is away must stay under this, in milliseconds.
const MAX_P99_MS: f64 = 50.0;
/// What was spooled must be published at least at this part of the healthy requests per second.
const MIN_DRAIN_RATIO: f64 = 1.0;

/// One outage, from the healthy rate before it to the last message being in the stream.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OutageRound {
    /// What a write of one body and its sync take on this disk, in microseconds.
    pub(crate) sync_us: f64,
    pub(crate) healthy: Round,
    /// While NATS is away, without the first second.
    pub(crate) away: Round,
    pub(crate) drain: Drain,
    pub(crate) peaks: Peaks,
}

/// What was spooled, on its way into the stream.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Drain {
    pub(crate) messages: u64,
    /// From the first of them being in the stream to the last one, by the clock of nats-server.
    pub(crate) seconds: f64,
}

impl Drain {
    /// Messages per second; 0 where there is nothing to divide.
    pub(crate) fn rate(self) -> f64 {
        if self.seconds > 0.0 {
            as_f64(self.messages.saturating_sub(1)) / self.seconds
        } else {
            0.0
        }
    }
}

/// Highest resident memory of forgewire since its start, in KiB.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Peaks {
    pub(crate) healthy: u64,
    pub(crate) away: u64,
    pub(crate) drained: u64,
}

/// All rounds of the outage.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct OutageSummary {
    pub(crate) sync_us: Spread,
    pub(crate) healthy_rate: Spread,
    pub(crate) healthy_p50_us: Spread,
    pub(crate) healthy_p99_us: Spread,
    pub(crate) away_rate: Spread,
    pub(crate) away_p50_us: Spread,
    pub(crate) away_p99_us: Spread,
    pub(crate) drain_rate: Spread,
    /// Each round by its own healthy rate: what else the machine did meets both.
    pub(crate) accepted_ratio: Spread,
    pub(crate) drain_ratio: Spread,
    pub(crate) peak_healthy_kib: Spread,
    pub(crate) peak_away_kib: Spread,
    pub(crate) peak_drained_kib: Spread,
}

impl OutageSummary {
    /// `None` without rounds.
    pub(crate) fn of(rounds: &[OutageRound]) -> Option<Self> {
        let spread = |value: fn(&OutageRound) -> f64| Spread::of(rounds.iter().map(value));
        Some(Self {
            sync_us: spread(|round| round.sync_us)?,
            healthy_rate: spread(|round| round.healthy.requests_per_second)?,
            healthy_p50_us: spread(|round| round.healthy.p50_us)?,
            healthy_p99_us: spread(|round| round.healthy.p99_us)?,
            away_rate: spread(|round| round.away.requests_per_second)?,
            away_p50_us: spread(|round| round.away.p50_us)?,
            away_p99_us: spread(|round| round.away.p99_us)?,
            drain_rate: spread(|round| round.drain.rate())?,
            accepted_ratio: spread(|round| {
                round.away.requests_per_second / round.healthy.requests_per_second
            })?,
            drain_ratio: spread(|round| round.drain.rate() / round.healthy.requests_per_second)?,
            peak_healthy_kib: spread(|round| as_f64(round.peaks.healthy))?,
            peak_away_kib: spread(|round| as_f64(round.peaks.away))?,
            peak_drained_kib: spread(|round| as_f64(round.peaks.drained))?,
        })
    }

    /// Judges the medians.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let p99_ms = self.away_p99_us.median / 1e3;
        vec![
            Verdict::at_least(
                "outage: accepted/s while NATS is away as part of the healthy requests/s",
                MIN_ACCEPTED_RATIO,
                self.accepted_ratio.median,
            ),
            Verdict::under("outage: 99th percentile while NATS is away", "ms", MAX_P99_MS, p99_ms),
            Verdict::at_least(
                "outage: messages/s out of the spool as part of the healthy requests/s",
                MIN_DRAIN_RATIO,
                self.drain_ratio.median,
            ),
        ]
    }
}
