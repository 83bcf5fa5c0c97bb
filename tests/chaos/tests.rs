//! Tests of the fault bench's own parts: a bench that finds nothing must be one that could.
//!
//! A target of its own, because the bench has no test harness.
#![expect(dead_code, reason = "the parts are here without the run that uses all of them")]

mod balancer;
mod client;
mod daemon;
mod driver;
mod faults;
mod ledger;
mod measure;
mod options;
mod payload;
mod proxy;
mod random;
mod report;
mod run;
mod scrape;
mod setup;
mod stored;
mod storm;
mod support;
mod tools;
mod verdict;
mod world;

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, Parser as _, ValueEnum as _};
use serde_json::json;

use crate::balancer::Balancer;
use crate::client::{NoAnswer, Pool};
use crate::daemon::until_said;
use crate::faults::Kind;
use crate::ledger::{Delivery, Ledger, Outcome};
use crate::measure::{Known, Measured, compare};
use crate::options::{Options, Spool};
use crate::random::Random;
use crate::scrape::{Life, Scrape, Sign, Watch, samples};
use crate::support::nats::eventually;
use crate::tools::{Strace, Tmpfs, Tools, fill};
use crate::verdict::{Evidence, Judge, Regress, Stored, Verdict};

/// A delivery for repository 0 that began and ended at these seconds.
fn delivery(began: u64, ended: u64, outcome: Outcome) -> Delivery {
    let (began, ended) = (Duration::from_secs(began), Duration::from_secs(ended));
    Delivery { repository: 0, began, ended, outcome }
}

/// Three, each begun after the one before was published.
fn three() -> Vec<Delivery> {
    (0..3).map(|n| delivery(2 * n, 2 * n + 1, Outcome::Published(n + 1))).collect()
}

fn stored(number: u64, sequence: u64) -> Stored {
    let at = Duration::from_secs(sequence);
    Stored { number: Some(number), sequence, at, resent: false, intact: true }
}

/// The verdict when the stream has these deliveries, in this order.
fn judge(deliveries: &[Delivery], numbers: &[u64]) -> Verdict {
    let none = Evidence::default();
    let mut judge = Judge::new(deliveries, &none);
    numbers.iter().zip(1..).for_each(|(number, sequence)| judge.take(&stored(*number, sequence)));
    judge.finish(false)
}

#[test]
fn everything_once_and_in_order_is_good() {
    let verdict = judge(&three(), &[0, 1, 2]);
    assert!(verdict.is_good());
    assert_eq!((verdict.deliveries, verdict.kept, verdict.examples.len()), (3, 3, 0));
}

#[test]
fn a_missing_one_is_found() {
    let verdict = judge(&three(), &[0, 2]);
    assert_eq!((verdict.missing, verdict.is_good()), (1, false));
    assert!(verdict.examples[0].starts_with("missing: 1, Published(2)"), "{:?}", verdict.examples);
}

#[test]
fn a_spooled_one_that_never_came_is_missing() {
    let deliveries = [delivery(0, 1, Outcome::Spooled)];
    assert_eq!((judge(&deliveries, &[]).missing, judge(&deliveries, &[0]).missing), (1, 0));
}

#[test]
fn a_doubled_one_is_found() {
    let verdict = judge(&three(), &[0, 1, 1, 2]);
    assert_eq!((verdict.doubled, verdict.missing, verdict.is_good()), (1, 0, false));
}

#[test]
fn one_that_is_marked_as_resent_is_not_doubled() {
    let (deliveries, none) = (three(), Evidence::default());
    let mut judge = Judge::new(&deliveries, &none);
    (0..3).for_each(|number| judge.take(&stored(number, number + 1)));
    judge.take(&Stored { resent: true, ..stored(1, 4) });
    let verdict = judge.finish(false);
    assert_eq!((verdict.doubled, verdict.repeated, verdict.is_good()), (0, 1, true));
}

#[test]
fn a_stream_that_was_made_anew_may_have_one_again_and_what_it_lost_counts() {
    let (deliveries, none) = (three(), Evidence::default());
    let mut judge = Judge::new(&deliveries, &none);
    judge.take(&stored(0, 1));
    judge.take(&stored(1, 2));
    judge.next_stream();
    judge.take(&stored(1, 1));
    judge.take(&stored(2, 2));
    let verdict = judge.finish(false);
    assert_eq!((verdict.missing, verdict.doubled, verdict.repeated), (0, 0, 1));
}

#[test]
fn a_reordered_one_is_found() {
    let verdict = judge(&three(), &[1, 0, 2]);
    assert_eq!((verdict.reordered, verdict.is_good()), (1, false));
    assert_eq!(verdict.examples, ["reordered: 0 at 2 after 1, repository 0"]);
}

#[test]
fn one_that_began_later_and_was_refused_must_not_overtake_either() {
    let deliveries = [delivery(0, 1, Outcome::Spooled), delivery(2, 3, Outcome::Other(503))];
    assert_eq!(judge(&deliveries, &[1, 0]).reordered, 1);
    let verdict = judge(&deliveries, &[0, 1]);
    assert_eq!((verdict.reordered, verdict.unpromised), (0, 1));
}

#[test]
fn concurrent_deliveries_and_other_repositories_may_come_in_any_order() {
    let mut deliveries = vec![delivery(0, 3, Outcome::Spooled), delivery(2, 4, Outcome::Spooled)];
    assert_eq!(judge(&deliveries, &[1, 0]).reordered, 0);
    deliveries[1] = Delivery { repository: 1, ..delivery(5, 6, Outcome::Spooled) };
    assert_eq!(judge(&deliveries, &[1, 0]).reordered, 0);
}

#[test]
fn an_unanswered_one_is_excused_only_by_a_kill_of_the_daemon() {
    let deliveries = [delivery(2, 5, Outcome::Unanswered), delivery(0, 1, Outcome::Refused)];
    let verdict = |killed: u64, dead: u64| {
        let kill = (Duration::from_secs(killed), Duration::from_secs(dead));
        let evidence = Evidence { kills: vec![kill], ..Evidence::default() };
        Judge::new(&deliveries, &evidence).finish(false)
    };
    for (killed, dead, good) in [(3, 4, true), (1, 3, true), (0, 1, false), (6, 7, false)] {
        let verdict = verdict(killed, dead);
        assert_eq!((verdict.unanswered, verdict.refused), (1, 1));
        assert_eq!((verdict.unexcused, verdict.is_good()), (u64::from(!good), good));
    }
}

#[test]
fn a_refused_one_is_excused_only_where_nobody_has_to_listen() {
    let deliveries = [delivery(0, 1, Outcome::Refused), delivery(2, 5, Outcome::Other(503))];
    for always_listens in [false, true] {
        let roomless = vec![(Duration::ZERO, Duration::MAX)];
        let evidence = Evidence { roomless, always_listens, ..Evidence::default() };
        let verdict = Judge::new(&deliveries, &evidence).finish(false);
        assert_eq!((verdict.refused, verdict.turned_away), (1, always_listens.into()));
        assert_eq!(verdict.is_good(), !always_listens);
        assert!((verdict.slowest - 3.0).abs() < f64::EPSILON, "of what was answered");
    }
}

#[test]
fn of_several_daemons_only_what_was_published_at_once_has_a_place_in_the_order() {
    let evidence = Evidence { several: true, ..Evidence::default() };
    for (first, reordered) in [(Outcome::Spooled, 0), (Outcome::Published(2), 1)] {
        let deliveries = [delivery(0, 1, first), delivery(2, 3, Outcome::Published(1))];
        let mut judge = Judge::new(&deliveries, &evidence);
        for (number, sequence) in [(1, 1), (0, 2)] {
            judge.take(&stored(number, sequence));
        }
        assert_eq!(judge.finish(false).reordered, reordered, "{first:?}");
    }
}

#[test]
fn a_balancer_goes_round_and_passes_over_who_does_not_accept() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ((one, of_one), (two, of_two)) = (server(1), server(1));
    let balancer = Balancer::start(runtime.handle(), vec![one, gone, two]).unwrap();
    let hook = payload::hook(1, 1, 1, 0);
    for _ in 0..6 {
        // Nothing is kept: each delivery has a connection of its own.
        let pool = Pool::new(balancer.address, 0);
        let answer = runtime.block_on(pool.deliver("/hooks/gitea", &hook)).unwrap();
        assert_eq!(answer.0, 503);
    }
    let counts = [of_one, of_two].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(counts, [2, 4], "what the one in the middle does not take goes to the next");
}

#[test]
fn a_503_is_excused_only_while_nothing_could_be_kept() {
    let deliveries = [delivery(2, 5, Outcome::Other(503))];
    for (from, to, good) in [(3, 4, true), (0, 2, true), (0, 1, false), (6, 7, false)] {
        let roomless = vec![(Duration::from_secs(from), Duration::from_secs(to))];
        let evidence = Evidence { roomless, ..Evidence::default() };
        let verdict = Judge::new(&deliveries, &evidence).finish(false);
        assert_eq!((verdict.other, verdict.rejected), (1, u64::from(!good)));
        assert_eq!(verdict.is_good(), good);
    }
}

#[test]
fn a_body_is_as_large_as_it_is_asked_to_be_and_the_same_json() {
    let (small, large) = (payload::body(7, 3, 0), payload::body(7, 3, 4096));
    assert_eq!(large.len(), 4096);
    let json = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap();
    assert_eq!(json(&small), json(&large));
}

#[test]
fn a_changed_or_foreign_message_is_found() {
    let (deliveries, none) = (three(), Evidence::default());
    let mut judge = Judge::new(&deliveries, &none);
    judge.take(&Stored { intact: false, ..stored(0, 1) });
    judge.take(&Stored { number: None, ..stored(0, 2) });
    judge.take(&stored(77, 3));
    let verdict = judge.finish(false);
    assert_eq!((verdict.altered, verdict.foreign, verdict.is_good()), (1, 2, false));
}

#[test]
fn a_server_is_blamed_only_by_evidence_and_never_with_retain() {
    let deliveries = three();
    let second = Duration::from_secs;
    let verdict = |regress: Regress, retain| {
        let evidence = Evidence { regresses: vec![regress], ..Evidence::default() };
        let mut judge = Judge::new(&deliveries, &evidence);
        judge.take(&stored(0, 1));
        let verdict = judge.finish(retain);
        (verdict.forgotten, verdict.missing)
    };
    let whole = Regress { last: 1, acknowledged: 3, since: second(0), back: second(9) };
    assert_eq!(verdict(whole, false), (2, 0));
    assert_eq!(verdict(whole, true), (0, 2));
    assert_eq!(verdict(Regress { last: 2, ..whole }, false), (1, 1));
    assert_eq!(verdict(Regress { back: second(4), ..whole }, false), (1, 1), "answered later");
    assert_eq!(verdict(Regress { since: second(3), ..whole }, false), (1, 1), "of another stream");
}

#[test]
fn what_a_server_forgot_may_come_late() {
    let deliveries = three();
    let evidence = Evidence { forgotten: HashSet::from([1]), ..Evidence::default() };
    let mut judge = Judge::new(&deliveries, &evidence);
    for (number, sequence) in [(0, 1), (2, 2), (1, 3)] {
        judge.take(&stored(number, sequence));
    }
    let verdict = judge.finish(true);
    assert_eq!((verdict.late, verdict.reordered, verdict.is_good()), (1, 0, true));
}

#[test]
fn a_body_is_intact_only_to_the_byte_and_with_both_digests() {
    let sent = payload::body(7, 3, 0);
    let digest = format!("blake3={}", blake3::hash(&sent).to_hex());
    let message = |raw: &[u8], digest: &str| {
        let raw = String::from_utf8(raw.to_vec()).unwrap();
        format!("{{\"delivery\":{},\"raw\":{raw}}}", json!({ "digest": digest })).into_bytes()
    };
    let intact = |body: &[u8], header| stored::is_intact(body, header, &sent).is_ok();
    assert!(intact(&message(&sent, &digest), Some(&*digest)));
    assert!(!intact(&message(&payload::body(8, 3, 0), &digest), Some(&*digest)));
    assert!(!intact(&message(&sent, "blake3=00"), Some(&*digest)));
    assert!(!intact(&message(&sent, &digest), Some("blake3=00")));
    assert!(!intact(&message(&sent, &digest), None));
    let compact = serde_json::to_vec(&serde_json::from_slice::<serde_json::Value>(&sent).unwrap());
    assert!(
        !intact(&message(&compact.unwrap(), &digest), Some(&*digest)),
        "the same JSON in other bytes"
    );
}

#[test]
fn an_event_id_gives_its_number_back_and_none_of_another_run() {
    let id = payload::event_id(9, 123_456);
    assert_eq!(payload::number_of(9, &id), Some(123_456));
    assert_eq!(payload::number_of(10, &id), None);
    assert_eq!(payload::number_of(9, "gitea:something-else"), None);
}

#[test]
fn a_ledger_knows_the_first_publication_after_a_moment() {
    let ledger = Ledger::open();
    let before = ledger.enter(0);
    ledger.ended(before, Outcome::Published(4));
    let now = ledger.now();
    assert_eq!(ledger.published_after(now), None);
    let spooled = ledger.enter(0);
    ledger.ended(spooled, Outcome::Spooled);
    assert_eq!(ledger.published_after(now), None);
    let published = ledger.enter(0);
    ledger.began(published);
    ledger.ended(published, Outcome::Published(5));
    assert!(ledger.published_after(now).unwrap() >= now);
    assert_eq!(ledger.count_after(now, Outcome::is_kept), 2);
    assert_eq!(ledger.rejected_after(Duration::ZERO), None);
    let rejected = ledger.enter(0);
    ledger.began(rejected);
    ledger.ended(rejected, Outcome::Other(503));
    assert!(ledger.rejected_after(now).unwrap() >= now);
    assert_eq!(ledger.rejected_after(ledger.now()), None);
    assert_eq!(ledger.highest_sequence(Duration::ZERO), 5);
    assert_eq!(ledger.highest_sequence(ledger.now()), 0);
}

/// Takes connections, reads a request on each, answers as often as told, and closes it. Counts requests.
fn server(answers: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, requests) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&requests);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            for number in 0..=answers {
                let mut buffer = [0; 16 * 1024];
                let mut read = 0;
                while read < buffer.len() && !buffer[..read].ends_with(b"}") {
                    match connection.read(&mut buffer[read..]).unwrap() {
                        0 => break,
                        more => read += more,
                    }
                }
                if read > 0 {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                if number < answers {
                    connection
                        .write_all(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}")
                        .unwrap();
                }
            }
        }
    });
    (address, requests)
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_again() {
    let (address, requests) = server(1);
    let pool = Pool::new(address, 8);
    let hook = payload::hook(1, 1, 1, 0);
    assert_eq!(pool.deliver("/hooks/gitea", &hook).await.unwrap().0, 503);
    // On the same connection, which is closed when the second request has been read.
    assert_eq!(pool.deliver("/hooks/gitea", &hook).await.unwrap_err(), NoAnswer::Lost);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nobody_listening_is_told_from_no_answer() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = Pool::new(address, 8).deliver("/hooks/gitea", &payload::hook(1, 1, 1, 0)).await;
    assert_eq!(refused.unwrap_err(), NoAnswer::Refused);
}

#[test]
fn a_filled_disk_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    // Only root may mount; the bench then says that the fault did not run.
    let Ok(disk) = Tmpfs::mount(dir.path(), 1) else { return };
    fill(&dir.path().join("filler")).unwrap();
    let more = std::fs::write(dir.path().join("more"), "x").unwrap_err();
    assert_eq!(more.kind(), std::io::ErrorKind::StorageFull);
    std::fs::remove_file(dir.path().join("filler")).unwrap();
    // A program that another test starts has the file open until it is another program.
    eventually("there is room again", || std::fs::write(dir.path().join("more"), "x").ok());
    drop(disk);
    assert!(!dir.path().join("more").exists(), "it is unmounted");
}

#[test]
fn fsync_fails_for_a_process_that_strace_holds_and_for_no_longer() {
    if Tools::find(Spool::Off, None).strace.is_err() {
        assert!(std::env::var_os("CI").is_none(), "needs strace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    // A shell forks for each: strace that is told to leave in the middle of a vfork waits for ever.
    let each = r#"STDOUT->autoflush; open my $file, ">", "synced"; while (1) { print $file "x"; $file->flush;
        print $file->sync ? "kept\n" : "failed\n"; select undef, undef, undef, 0.02 }"#;
    let mut child = std::process::Command::new("perl")
        .args(["-MIO::Handle", "-e", each])
        .current_dir(dir.path())
        .stdout(std::fs::File::create(&said).unwrap())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until_said(&said, "kept");
    let strace = Strace::attach(child.id(), &dir.path().join("strace")).unwrap();
    until_said(&said, "failed");
    drop(strace);
    assert!(Strace::failures(&dir.path().join("strace")) > 0);
    std::fs::write(&said, "").unwrap();
    until_said(&said, "kept");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let numbers = |seed| {
        let mut random = Random::new(seed);
        [(); 4].map(|()| random.next())
    };
    assert_eq!(numbers(7), numbers(7));
    assert_ne!(numbers(7), numbers(8));
    let mut random = Random::new(1);
    let about = Duration::from_secs(2);
    for _ in 0..100 {
        let time = random.around(about);
        assert!(time >= about / 2 && time <= about * 3 / 2, "{time:?}");
    }
}

#[test]
fn the_command_line_is_well_formed_and_shares_the_cycles_out() {
    Options::command().debug_assert();
    let count = u32::try_from(Kind::value_variants().len()).unwrap();
    let options = |arguments: &[&str]| Options::parse_from(["chaos"].iter().chain(arguments));
    let long = options(&[]).plan();
    assert_eq!(long.len(), Kind::value_variants().len());
    assert!(long.iter().map(|(_, cycles)| cycles).sum::<u32>() >= 200);
    let plan = |arguments: &[&str]| options(arguments).plan();
    assert_eq!(
        plan(&["--faults", "cut,mixed", "--cycles", "3"]),
        [(Kind::Cut, 2), (Kind::Mixed, 1)]
    );
    let short = plan(&["--short"]);
    assert!(short.len() < long.len() && short.iter().all(|(_, cycles)| *cycles == 1));
    assert_eq!(plan(&["--cycles", &(count + 1).to_string()])[0].1, 2);
    assert!(Options::try_parse_from(["chaos", "--faults", "earthquake"]).is_err());
    assert_eq!((options(&[]).storms(), plan(&["--storm", "9"]).len()), (None, 0));
    assert_eq!(options(&["--storm", "9"]).storms(), Some(9));
    assert!(options(&["--short"]).storms().is_some());
}

/// A scrape at this second after `opened` that says so much of each series.
fn scrape(opened: Instant, second: u64, series: &[(&str, u64)]) -> Scrape {
    let lines = series.iter().map(|(name, value)| format!("forgewire_{name} {value}\n"));
    let series = samples(&lines.collect::<String>()).unwrap();
    Scrape { asked: opened + Duration::from_secs(second), series }
}

/// What a daemon counted that took [`four`], and spooled the last.
const OF_FOUR: [(&str, u64); 8] = [
    ("deliveries_received_total{source=\"gitea\"}", 4),
    ("request_duration_seconds_count", 4),
    ("deliveries_refused_total{source=\"gitea\",code=\"not_stored\"}", 1),
    ("events_total{event=\"push\"}", 4),
    ("events_spooled_total{source=\"gitea\"}", 1),
    ("events_published_total{source=\"gitea\"}", 3),
    ("nats_connected", 1),
    ("nats_reconnects_total", 1),
];

/// Two are published, one is refused, one is spooled.
fn four() -> Vec<Delivery> {
    let outcomes =
        [Outcome::Published(1), Outcome::Published(2), Outcome::Other(503), Outcome::Spooled];
    let each = |(n, outcome)| delivery(2 * n, 2 * n + 1, outcome);
    (0_u64..).zip(outcomes).map(each).collect()
}

const KNOWN: Known =
    Known { stored: 3, forgotten: Some(0), spool: true, reconnects: (1, u64::MAX), losses: (0, 0) };

fn compared(lives: &[Life], opened: Instant, known: &Known) -> Measured {
    let (deliveries, evidence) = (four(), Evidence::default());
    let mut judge = Judge::new(&deliveries, &evidence);
    for (number, sequence) in [(0, 1), (1, 2), (3, 3)] {
        judge.take(&stored(number, sequence));
    }
    let verdict = judge.finish(false);
    assert_eq!((verdict.kept, verdict.other, verdict.spooled), (3, 1, 1));
    compare(lives, &deliveries, opened, &verdict, known)
}

/// The life of a daemon that counted this, with `changed` in the place of what it should be.
fn lived(opened: Instant, changed: Option<(&str, u64)>) -> Life {
    let mut life = Life::begin(opened);
    let mut series = OF_FOUR.to_vec();
    series.retain(|(name, _)| changed.is_none_or(|(other, _)| *name != other));
    series.extend(changed);
    life.take(scrape(opened, 10, &series));
    life
}

#[test]
fn counts_that_agree_are_said_with_what_was_expected() {
    let opened = Instant::now();
    let measured = compared(&[lived(opened, None)], opened, &KNOWN);
    assert_eq!(measured.wrong(), [""; 0]);
    let said = measured.to_string();
    for part in [
        "1 scrapes of 1 processes",
        "deliveries_received_total 4 of 4",
        "events_published_total + duplicate 3 of 3",
        "nats_reconnects_total 1 of 1 or more",
        "0 as they must be",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn each_metric_that_is_wrong_is_found_by_its_name_with_both_numbers() {
    let opened = Instant::now();
    for (series, value, expected) in [
        ("deliveries_received_total{source=\"gitea\"}", 3, "expected 4, found 3"),
        ("deliveries_received_total{source=\"gitea\"}", 5, "expected 4, found 5"),
        ("request_duration_seconds_count", 3, "expected 4, found 3"),
        (
            "deliveries_refused_total{source=\"gitea\",code=\"not_stored\"}",
            0,
            "as 503: expected 1, found 0",
        ),
        (
            "deliveries_refused_total{source=\"gitea\",code=\"overloaded\"}",
            1,
            "as 503: expected 1, found 2",
        ),
        (
            "deliveries_refused_total{source=\"gitea\",code=\"compressed\"}",
            1,
            "otherwise: expected 0, found 1",
        ),
        ("requests_refused_total{code=\"not_found\"}", 1, "otherwise: expected 0, found 1"),
        ("events_total{event=\"push\"}", 2, "expected 3 to 4, found 2"),
        ("events_spooled_total{source=\"gitea\"}", 0, "expected 1, found 0"),
        ("events_published_total{source=\"gitea\"}", 2, "expected 3, found 2"),
        ("events_published_total{source=\"gitea\"}", 4, "expected 3, found 4"),
        ("events_duplicate_total{source=\"gitea\"}", 1, "expected 3, found 4"),
        ("events_dead_total{source=\"gitea\"}", 1, "expected 0, found 1"),
        ("spool_waiting_messages", 1, "expected 0, found 1"),
        ("spool_dead_messages", 1, "expected 0, found 1"),
        ("spool_full", 1, "expected 0, found 1"),
        ("spool_broken", 1, "expected 0, found 1"),
        ("nats_connected", 0, "expected 1, found 0"),
        ("nats_reconnects_total", 0, "expected 1 or more, found 0"),
        ("stream_losses_total", 1, "expected 0, found 1"),
    ] {
        let wrong = compared(&[lived(opened, Some((series, value)))], opened, &KNOWN).wrong();
        let found = wrong.iter().any(|wrong| wrong.ends_with(expected));
        assert!(found, "{series} {value}: {wrong:?}");
        let name = series.split('{').next().unwrap();
        let named = wrong.iter().any(|it| {
            it.contains(name) || it.contains("_*_refused_total") || it.contains(" + duplicate")
        });
        assert!(named, "{series} {value}: {wrong:?}");
    }
    let still = Known { reconnects: (0, 0), ..KNOWN };
    let wrong = compared(&[lived(opened, None)], opened, &still).wrong();
    assert_eq!(wrong, ["forgewire_nats_reconnects_total: expected 0, found 1"]);
    let mut silent = lived(opened, None);
    silent.failed = Some("/livez: answered 503".to_owned());
    assert_eq!(compared(&[silent], opened, &KNOWN).wrong(), ["/livez: answered 503"]);
}

#[test]
fn who_is_killed_may_take_along_what_came_after_the_last_scrape_and_no_more() {
    let opened = Instant::now();
    let half = |received: u64| {
        let mut series = OF_FOUR.map(|(name, value)| (name, value / 2));
        series[0].1 = received;
        // The first two had been answered before the last scrape; the third came after it.
        let mut first = Life::begin(opened);
        first.take(scrape(opened, 3, &series));
        first.take(scrape(opened, 4, &series));
        first.died = Some(opened + Duration::from_secs(5));
        let mut second = Life::begin(opened + Duration::from_secs(6));
        let last = [
            ("deliveries_received_total{source=\"gitea\"}", 1),
            ("request_duration_seconds_count", 1),
            ("events_total{event=\"push\"}", 1),
            ("events_spooled_total{source=\"gitea\"}", 1),
            ("events_published_total{source=\"gitea\"}", 1),
            ("nats_connected", 1),
        ];
        second.take(scrape(opened, 10, &last));
        compared(&[first, second], opened, &Known { reconnects: (0, 0), ..KNOWN })
    };
    // One of four was lost with the first life, and may have been.
    assert_eq!(half(2).wrong(), [""; 0], "{}", half(2));
    let wrong = half(1).wrong();
    assert!(wrong[0].ends_with("expected 3 to 4, found 2"), "{wrong:?}");
}

#[test]
fn a_sign_is_seen_once_it_was_well_and_until_it_is_asked_for() {
    let opened = Instant::now();
    let signs = |series| Sign::all_in(&scrape(opened, 0, series).series);
    assert!(signs(&[("nats_connected", 1), ("spool_full", 0)]).is_empty());
    let bad = [("nats_connected", 0), ("spool_full", 1), ("spool_broken", 1)];
    assert_eq!(Vec::from_iter(signs(&bad)), [Sign::Disconnected, Sign::Full, Sign::Broken]);
}

#[test]
fn a_daemon_that_does_not_answer_is_found_unless_it_is_about_to_end() {
    for is_ending in [false, true] {
        let (address, answers) = well();
        let watch = Watch::begin(address, Instant::now());
        assert_eq!(watch.now().failed, None);
        if is_ending {
            watch.is_ending();
        }
        drop(answers);
        // Whoever connects now is the last that is accepted.
        while TcpStream::connect(address).is_ok() {}
        let failed = watch.now().failed;
        assert_eq!(failed.is_none(), is_ending, "{failed:?}");
        let life = watch.ended();
        assert!(life.died.is_some() && life.last("forgewire_nats_connected") > 0.5);
    }
}

/// A daemon that is well, until the second is dropped.
fn well() -> (SocketAddr, Arc<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, answers) = (listener.local_addr().unwrap(), Arc::new(()));
    let wanted = Arc::downgrade(&answers);
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            if wanted.upgrade().is_none() {
                break;
            }
            let mut request = [0; 1024];
            let _ = client.read(&mut request);
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\nforgewire_nats_connected 1\n");
        }
    });
    (address, answers)
}
