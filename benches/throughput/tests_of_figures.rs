//! Tests of the figures: what rounds say together, and what is judged by them.

use crate::figures::outage::{Drain, OutageRound, OutageSummary};
use crate::figures::scaling::{Point, growth, of_first};
use crate::figures::soak::{Leg, SoakSummary};
use crate::figures::{Ratio, Round, Spread, Summary, aims, percentile, scaling};
use crate::options::Scenario;
use crate::process::Memory;

#[test]
fn percentiles_are_values_that_occurred() {
    let nanoseconds: Vec<u64> = (1..=200).map(|value| value * 1000).collect();
    let found = [50, 99, 100].map(|percent| percentile(&nanoseconds, percent).to_string());
    assert_eq!(found, ["100", "198", "200"]);
    assert_eq!(percentile(&[], 50).to_string(), "0");
}

#[test]
fn a_spread_is_the_median_between_its_ends() {
    let odd = Spread::of([3.0, 1.0, 2.0]).unwrap();
    assert_eq!(odd, Spread { median: 2.0, min: 1.0, max: 3.0 });
    assert_eq!(Spread::of([1.0, 4.0]).unwrap().median.to_string(), "2.5");
    assert_eq!(Spread::of([]), None);
}

#[test]
fn a_ratio_compares_medians() {
    let summary = |rate: f64| {
        let round = Round { requests_per_second: rate, p50_us: 1.0, ..Round::default() };
        Summary::of(&[round]).unwrap()
    };
    let ratio = summary(900.0).ratio_to(&summary(1200.0));
    assert_eq!(ratio.requests_per_second.to_string(), "0.75");
}

fn met(verdicts: impl IntoIterator<Item = aims::Verdict>) -> Vec<bool> {
    verdicts.into_iter().map(|verdict| verdict.met).collect()
}

#[test]
fn what_is_promised_beside_the_yardstick_is_judged_at_its_edge() {
    let beside = |scenario, requests_per_second, p50, p99, server_cpu| {
        met(aims::beside(scenario, &Ratio { requests_per_second, p50, p99, server_cpu }))
    };
    assert_eq!(beside(Scenario::Storm, 1.0, 9.0, 1.0, 1.1), [true, true, true]);
    assert_eq!(beside(Scenario::Storm, 0.999, 0.0, 1.001, 1.101), [false, false, false]);
    assert_eq!(beside(Scenario::Serial, 0.1, 1.2, 9.0, 9.0), [true]);
    assert_eq!(beside(Scenario::Serial, 9.0, 1.201, 0.0, 0.0), [false]);
    for scenario in [Scenario::Large, Scenario::Many] {
        assert_eq!(beside(scenario, 0.95, 9.0, 9.0, 9.0), [true]);
        assert_eq!(beside(scenario, 0.949, 0.0, 0.0, 0.0), [false]);
    }
    assert!(beside(Scenario::Single, 0.0, 9.0, 9.0, 9.0).is_empty(), "nothing is promised");
}

#[test]
fn memory_and_starts_are_judged_at_their_edge() {
    assert!(aims::peak(Scenario::Storm, 40 * 1024 - 1).met);
    assert!(!aims::peak(Scenario::Many, 40 * 1024).met);
    assert!(aims::huge(600 * 1024 - 1).met && !aims::huge(600 * 1024).met);
    assert_eq!(met(aims::refs(160 * 1024 - 1, 4.9e6)), [true, true]);
    assert_eq!(met(aims::refs(160 * 1024, 5e6)), [false, false]);
    assert_eq!(met(aims::start(99.9, 20.0 * 1024.0 - 1.0)), [true, true]);
    assert_eq!(met(aims::start(100.0, 20.0 * 1024.0)), [false, false]);
}

fn point(amount: usize, body_bytes: usize, server_cpu_us: f64, peak_kib: u64) -> Point {
    let rounds = vec![Round { server_cpu_us, ..Round::default() }];
    let memory = Memory { peak_kib, resident_kib: peak_kib };
    let summary = Summary::of(&rounds);
    Point { amount, body_bytes, summary, memory, idle: Memory::default(), rounds }
}

#[test]
fn a_kib_is_compared_with_one_of_the_next_smaller_body() {
    let kib = |kib: usize, cost| point(kib << 10, kib << 10, cost, 0);
    // Twice as dear per KiB where it does not count, and then 10 % dearer.
    let points = [kib(16, 16.0), kib(64, 128.0), kib(256, 256.0), kib(1024, 1126.4)];
    let rounded = growth(&points).into_iter().map(|growth| growth.map(|of| format!("{of:.2}")));
    let wanted = [None, Some("2.00"), Some("0.50"), Some("1.10")];
    assert_eq!(rounded.collect::<Vec<_>>(), wanted.map(|of| of.map(str::to_owned)));
    assert_eq!(met(scaling::verdicts(Scenario::Sizes, &points)), [true]);
    let dearer = [kib(64, 64.0), kib(256, 282.0)];
    assert_eq!(met(scaling::verdicts(Scenario::Sizes, &dearer)), [false]);
    assert!(scaling::verdicts(Scenario::Sizes, &dearer[..1]).is_empty());
}

#[test]
fn many_are_compared_with_one() {
    let same = [point(1, 2048, 50.0, 1000), point(100, 2048, 55.0, 1100)];
    assert_eq!(of_first(&same), [Some(1.0), Some(1.1)]);
    assert_eq!(met(scaling::verdicts(Scenario::Sources, &same)), [true, true]);
    let more = [point(1, 2048, 50.0, 1000), point(100, 2048, 56.0, 1101)];
    assert_eq!(met(scaling::verdicts(Scenario::Repositories, &more)), [false, false]);
}

#[test]
fn a_soak_compares_its_ends() {
    let leg =
        |p99_us, resident_kib| Leg { round: Round { p99_us, ..Round::default() }, resident_kib };
    let mut legs = vec![leg(500.0, 500); 20];
    legs[..2].fill(leg(10.0, 1000));
    legs[18..].fill(leg(11.0, 1100));
    let summary = SoakSummary::of(&legs).unwrap();
    assert_eq!((summary.memory_ratio(), summary.p99_ratio()), (1.1, 1.1));
    assert_eq!(met(summary.verdicts()), [true, true]);
    legs[18..].fill(leg(11.1, 1101));
    assert_eq!(met(SoakSummary::of(&legs).unwrap().verdicts()), [false, false]);
    assert!(SoakSummary::of(&legs[..1]).is_none());
}

fn outage(healthy: f64, away: f64, p99_us: f64, drain: Drain) -> OutageRound {
    let rate = |requests_per_second| Round { requests_per_second, p99_us, ..Round::default() };
    OutageRound { healthy: rate(healthy), away: rate(away), drain, ..OutageRound::default() }
}

#[test]
fn the_promises_of_an_outage_are_judged_at_their_edge() {
    let judged = |away, p99_us, messages| {
        let drain = Drain { messages, seconds: 1.0 };
        met(OutageSummary::of(&[outage(1000.0, away, p99_us, drain)]).unwrap().verdicts())
    };
    assert_eq!(judged(500.0, 49_999.0, 1001), [true, true, true]);
    assert_eq!(judged(499.0, 50_000.0, 1000), [false, false, false]);
    assert!(OutageSummary::of(&[]).is_none());
}

#[test]
fn an_outage_is_compared_with_the_health_of_its_own_round() {
    let drain = Drain { messages: 201, seconds: 0.1 };
    // Twice as fast a machine for one round: the ratios are the same.
    let rounds = [outage(1000.0, 600.0, 1.0, drain), outage(2000.0, 1200.0, 1.0, drain)];
    let summary = OutageSummary::of(&rounds).unwrap();
    assert_eq!(summary.accepted_ratio, Spread { median: 0.6, min: 0.6, max: 0.6 });
    assert_eq!((summary.drain_ratio.min, summary.drain_ratio.max), (1.0, 2.0));
}

#[test]
fn the_first_message_of_a_drain_is_where_its_time_begins() {
    assert_eq!(Drain { messages: 101, seconds: 2.0 }.rate().to_string(), "50");
    assert_eq!(Drain { messages: 1, seconds: 0.0 }.rate().to_string(), "0");
    assert_eq!(Drain::default().rate().to_string(), "0");
}
