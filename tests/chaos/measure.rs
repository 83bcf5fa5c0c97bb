//! The daemon's counts compared with the bench's own.
//!
//! In come the [`Life`]s of the daemons, the deliveries, and what the stream holds; out comes a [`Check`] for each
//! metric: what it may be, and what it is. A daemon that is killed takes along what it counted after the last scrape,
//! and who got no answer may have been counted or not: a metric may be off by no more than that.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::ledger::{Delivery, Outcome};
use crate::payload::SOURCE;
use crate::scrape::{Life, Scrape};
use crate::verdict::Verdict;

/// A metric, of all lives together: both bounds are allowed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Check {
    pub(crate) metric: String,
    pub(crate) least: u64,
    pub(crate) most: u64,
    pub(crate) found: u64,
}

/// What was compared.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Measured {
    pub(crate) lives: u64,
    pub(crate) scrapes: u64,
    /// The longest that `/metrics` or `/livez` took, in seconds.
    pub(crate) slowest: f64,
    pub(crate) checks: Vec<Check>,
    /// Lives that did not answer as they must.
    pub(crate) silent: Vec<String>,
}

/// What the bench knows beside the deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Messages that were ever stored, in this stream and in those that were deleted.
    pub(crate) stored: u64,
    /// Messages that the server held and forgot; none where it is not known how many.
    pub(crate) forgotten: Option<u64>,
    pub(crate) spool: bool,
    /// How often NATS must have been connected again, at least and at most.
    pub(crate) reconnects: (u64, u64),
    /// How often the daemon must have found that the server forgot, at least and at most.
    pub(crate) losses: (u64, u64),
}

impl Check {
    pub(crate) fn agrees(&self) -> bool {
        (self.least..=self.most).contains(&self.found)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, least, most, found } = self;
        let metric = metric.trim_start_matches("forgewire_");
        let metric = metric.replace(&format!("{{source=\"{SOURCE}\"}}"), "");
        write!(f, "{metric} {found} of {}", bounds(*least, *most))
    }
}

fn bounds(least: u64, most: u64) -> String {
    match most {
        u64::MAX => format!("{least} or more"),
        _ if least == most => least.to_string(),
        _ => format!("{least} to {most}"),
    }
}

impl Measured {
    /// What does not agree, with the metric's name, what was expected and what was found.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let wrong = self.checks.iter().filter(|check| !check.agrees());
        let wrong = wrong.map(|check| {
            let Check { metric, least, most, found } = check;
            format!("{metric}: expected {}, found {found}", bounds(*least, *most))
        });
        self.silent.iter().cloned().chain(wrong).collect()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lives, scrapes, slowest, checks, .. } = self;
        write!(f, "metrics: {scrapes} scrapes of {lives} processes, the slowest {slowest:.3} s")?;
        let is_zero = |check: &&Check| (check.most, check.found) == (0, 0);
        checks.iter().filter(|check| !is_zero(check)).try_for_each(|it| write!(f, ", {it}"))?;
        write!(f, ", and {} that are 0 as they must be", checks.iter().filter(is_zero).count())
    }
}

/// A series of the source.
fn of_source(name: &str) -> String {
    format!("forgewire_{name}_total{{source=\"{SOURCE}\"}}")
}

/// What may be missing because lives ended: answers that came after the last scrape of one, and events that it may have
/// published, or published and not crossed out, after the last but one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Lost {
    answers: u64,
    events: u64,
}

fn lost(lives: &[Life], deliveries: &[Delivery], opened: Instant) -> Lost {
    let mut gone = Lost::default();
    let on_ledger = |when: Instant| when.saturating_duration_since(opened);
    let among = |from: Duration, to: Duration, is: fn(Outcome) -> bool| {
        let met = |it: &&Delivery| it.ended >= from && it.began <= to && is(it.outcome);
        deliveries.iter().filter(met).count() as u64
    };
    for life in lives {
        let Some(died) = life.died.map(on_ledger) else { continue };
        let asked = |scrape: &Scrape| on_ledger(scrape.asked);
        let last = life.scrapes.last().map_or(on_ledger(life.began), asked);
        gone.answers += among(last, died, Outcome::is_answer);
        // What waited is read after what was published is: only the scrape before has surely all of it.
        gone.events = match &life.scrapes[..] {
            [before, _last] => {
                let waiting = before.series.get("forgewire_spool_waiting_messages");
                let since = among(asked(before), died, |outcome| outcome != Outcome::Refused);
                gone.events.saturating_add(count(waiting.copied()) + since)
            }
            _ => u64::MAX,
        };
    }
    gone
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole numbers, and small"
)]
fn count(value: Option<f64>) -> u64 {
    value.unwrap_or_default().round() as u64
}

/// Compares what the lives counted, in a ledger that was opened then. Senders must have ended, and the spool be empty.
pub(crate) fn compare(
    lives: &[Life],
    deliveries: &[Delivery],
    opened: Instant,
    verdict: &Verdict,
    known: &Known,
) -> Measured {
    let sum =
        |series: &str| -> u64 { lives.iter().map(|life| count(Some(life.last(series)))).sum() };
    let gone = lost(lives, deliveries, opened);
    let mut checks = Vec::new();
    let mut check = |metric: String, found: u64, least: u64, most: u64| {
        checks.push(Check { metric, least, most, found });
    };
    let Verdict { kept, spooled, other, unanswered, repeated, unpromised, .. } = *verdict;
    let answered = kept + other;
    let mut of_answers = |metric: String, found: u64, answers: u64| {
        check(metric, found, answers.saturating_sub(gone.answers), answers + unanswered);
    };
    let received = of_source("deliveries_received");
    of_answers(received.clone(), sum(&received), answered);
    let answers = "forgewire_request_duration_seconds_count";
    of_answers(answers.to_owned(), sum(answers), answered);
    let of_503 = verdict.statuses.get(&503).copied().unwrap_or_default();
    let (unstored, elsewise) = refusals(lives);
    of_answers("forgewire_deliveries_refused_total as 503".to_owned(), unstored, of_503);
    of_answers("forgewire_*_refused_total otherwise".to_owned(), elsewise, other - of_503);
    if known.spool {
        let put = of_source("events_spooled");
        of_answers(put.clone(), sum(&put), spooled);
    }
    let push = "forgewire_events_total{event=\"push\"}";
    check(push.to_owned(), sum(push), kept.saturating_sub(gone.answers), answered + unanswered);

    let (published, duplicate) = (of_source("events_published"), of_source("events_duplicate"));
    let (new, twice) = (sum(&published), sum(&duplicate));
    let again = sum("forgewire_events_published_again_total");
    // After a loss everything is published again that is retained, also what the server still has.
    let over = match known.losses {
        (0, 0) => gone.events.saturating_add(unanswered + again),
        _ => u64::MAX,
    };
    let acknowledged = format!("{published} + duplicate");
    check(acknowledged, new + twice, kept.saturating_sub(gone.events), kept.saturating_add(over));
    // Each that is stored was acknowledged as new, or once more as a repeat, or somebody was told that it is not.
    let excused = repeated + unpromised + twice;
    let least = known.stored.saturating_sub(excused).saturating_sub(gone.events);
    let most = known.forgotten.map_or(u64::MAX, |forgotten| known.stored + forgotten);
    check(published, new, least, most);
    if known.spool {
        // What is a repeat was sent before, and not acknowledged in time: it is one of those that were spooled.
        check(duplicate, twice, 0, over.saturating_add(spooled));
        for gauge in ["waiting_messages", "waiting_bytes", "dead_messages", "full", "broken"] {
            let name = format!("forgewire_spool_{gauge}");
            check(name.clone(), of_living(lives, &name), 0, 0);
        }
    }
    let dead = of_source("events_dead");
    check(dead.clone(), sum(&dead), 0, 0);
    let living = lives.iter().filter(|life| life.died.is_none()).count() as u64;
    let connected = "forgewire_nats_connected";
    check(connected.to_owned(), of_living(lives, connected), living, living);
    let reconnects = "forgewire_nats_reconnects_total";
    check(reconnects.to_owned(), sum(reconnects), known.reconnects.0, known.reconnects.1);
    let losses = "forgewire_stream_losses_total";
    check(losses.to_owned(), sum(losses), known.losses.0, known.losses.1);
    Measured {
        lives: lives.len() as u64,
        scrapes: lives.iter().map(|life| life.count).sum(),
        slowest: lives.iter().map(|life| life.slowest.as_secs_f64()).fold(0.0, f64::max),
        checks,
        silent: lives.iter().filter_map(|life| life.failed.clone()).collect(),
    }
}

/// A gauge of those that still run.
fn of_living(lives: &[Life], series: &str) -> u64 {
    let living = lives.iter().filter(|life| life.died.is_none());
    living.map(|life| count(Some(life.last(series)))).sum()
}

/// Refusals that are answered 503, and all others, of every source and of none.
fn refusals(lives: &[Life]) -> (u64, u64) {
    let (mut unstored, mut elsewise) = (0, 0);
    let last = lives.iter().filter_map(|life| life.scrapes.last());
    for (series, value) in last.flat_map(|scrape| &scrape.series) {
        if series.contains("_refused_total{") {
            let is_503 = ["not_stored", "overloaded"].iter().any(|code| series.contains(code));
            *(if is_503 { &mut unstored } else { &mut elsewise }) += count(Some(*value));
        }
    }
    (unstored, elsewise)
}
