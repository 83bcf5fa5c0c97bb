//! What is counted: each fact moves its metrics and no other, and no sender makes a series.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use arc_swap::ArcSwap;
use forgewire::health::{Health, Pulse};
use forgewire::ingress::{Admin, App, Gate, admin};
use forgewire::jetstream::JetStream;
use forgewire::listen::server::Server;
use forgewire::listen::{Limits, socket};
use forgewire::live::Live;
use forgewire::message::Room;
use forgewire::outbox::Outbox;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::spool_cli::tiny_stream;
use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push, push_in, sha, signature};
use crate::support::http::{Connection, deliver, get, request};
use crate::support::nats::{NatsServer, free_port};
use crate::support::{LIMIT, eventually};

pub(crate) type Series = BTreeMap<String, f64>;

/// Every sample of a scrape in Prometheus text.
pub(crate) async fn scrape(daemon: &Daemon) -> Series {
    let answer = get(daemon.admin, "/metrics").await;
    assert_eq!(answer.status, 200);
    samples(std::str::from_utf8(&answer.body).unwrap())
}

pub(crate) fn samples(text: &str) -> Series {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        // OpenMetrics writes a bound as a decimal, le="1.0".
        (series.replace(".0\"}", "\"}"), value.parse().unwrap_or_else(|_| panic!("{line}")))
    };
    lines.map(pair).collect()
}

/// What time alone moves, and how long things took.
fn is_of_time(series: &str) -> bool {
    let names = ["_bucket{", "_seconds_sum", "_age_seconds", "round_trip", "last_used"];
    series.starts_with("process_") || names.iter().any(|name| series.contains(name))
}

/// By how much each series moved, except those of time and room on disk; a new one counts from zero.
fn moved(before: &Series, after: &Series) -> BTreeMap<String, f64> {
    let of = |(name, value): (&String, &f64)| {
        let by = value - before.get(name).copied().unwrap_or_default();
        let counts = !is_of_time(name) && !name.ends_with("_disk_bytes") && by != 0.0;
        counts.then(|| (name.clone(), by))
    };
    assert!(before.keys().all(|name| after.contains_key(name)), "a series is gone");
    after.iter().filter_map(of).collect()
}

/// Short names of series with how far they must move.
fn expected(moves: &[(&str, f64)]) -> BTreeMap<String, f64> {
    moves.iter().map(|(name, by)| (format!("forgewire_{name}"), *by)).collect()
}

/// Waits until exactly these series have moved since `before`.
pub(crate) async fn moves(daemon: &Daemon, what: &str, before: &Series, wanted: &[(&str, f64)]) {
    let wanted = expected(wanted);
    let mut last = BTreeMap::new();
    let all = async {
        loop {
            last = moved(before, &scrape(daemon).await);
            if last == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(LIMIT, all).await.is_ok();
    assert!(in_time, "{what} moved {last:#?}, and not {wanted:#?}");
}

pub(crate) fn hook(id: &str) -> Hook {
    Hook::new("gitea", "push", Some("push"), id, SECRET, &push("main", &sha('1'), &sha('2')))
}

pub(crate) const ANSWERED: (&str, f64) = ("request_duration_seconds_count", 1.0);
const PUBLISHED: [(&str, f64); 5] = [
    (r#"deliveries_received_total{source="gitea"}"#, 1.0),
    (r#"events_published_total{source="gitea"}"#, 1.0),
    (r#"events_total{event="push"}"#, 1.0),
    ("publish_duration_seconds_count", 1.0),
    ANSWERED,
];
const SPOOLED: [(&str, f64); 5] = [
    (r#"deliveries_received_total{source="gitea"}"#, 1.0),
    (r#"events_spooled_total{source="gitea"}"#, 1.0),
    (r#"events_total{event="push"}"#, 1.0),
    ("spool_waiting_messages", 1.0),
    ANSWERED,
];

#[tokio::test]
async fn an_event_that_is_published_or_repeated_or_not_recognised_moves_its_metrics_and_no_other() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let before = scrape(&daemon).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("one")).await.status, 202);
    moves(&daemon, "a push", &before, &PUBLISHED).await;

    let before = scrape(&daemon).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("one")).await.status, 202);
    let mut repeat = PUBLISHED;
    repeat[1].0 = r#"events_duplicate_total{source="gitea"}"#;
    moves(&daemon, "a repeat", &before, &repeat).await;

    let before = scrape(&daemon).await;
    let odd = Hook::new("gitea", "nobody-knows", None, "odd", SECRET, &hook("x").body);
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &odd).await.status, 202);
    let mut unknown = PUBLISHED;
    unknown[2].0 = r#"events_total{event="unrecognized"}"#;
    moves(&daemon, "an unknown event", &before, &unknown).await;

    let before = scrape(&daemon).await;
    let test = [("x-event-key".to_owned(), "diagnostics:ping".to_owned())];
    let answer =
        request(daemon.hooks, "POST", "/hooks/bitbucket-dc", &test, b"{\"test\":true}").await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let received = r#"deliveries_received_total{source="bitbucket-dc"}"#;
    moves(&daemon, "a test of the connection", &before, &[(received, 1.0), ANSWERED]).await;
}

/// A source that refuses for every reason that there is, if it is asked to, and is quick about it.
fn strict() -> String {
    format!(
        "[http]\nmax_body_bytes = 1_024\nheader_timeout = \"1s\"\nbody_timeout = \"1s\"\nmax_connections = 2\n\
         [spool]\nenabled = false\n\
         [sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\naccept_get = true\nrepositories = [\"other/*\"]\n"
    )
}

async fn sends(daemon: &Daemon, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.hooks).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test]
async fn each_refusal_moves_its_code_and_no_other() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &strict()).await;
    let small = serde_json::json!({ "repository": { "id": 1, "name": "w", "full_name": "acme/w",
        "owner": { "login": "acme" } }, "ref": "refs/heads/main" });
    let small = small.to_string().into_bytes();
    let good = Hook::new("gitea", "push", Some("push"), "s", SECRET, &small);
    let with = |name: &str, value: &str| good.clone().with(name, value);
    let long = format!("/hooks/gitea?payload={}", "x".repeat(61_500));
    let form = [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let post = "POST /hooks/gitea HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf";
    let refusals: [(&str, u16); 11] = [
        ("not_authenticated", 401),
        ("out_of_scope", 403),
        ("compressed", 415),
        ("method_not_allowed", 405),
        ("no_payload", 400),
        ("uri_too_long", 414),
        ("body_too_large", 413),
        ("body_timeout", 0),
        ("body_aborted", 0),
        ("no_such_source", 404),
        ("not_found", 404),
    ];
    for (code, status) in refusals {
        // Stays open until it was counted.
        let mut slow = None;
        let before = scrape(&daemon).await;
        let hooks = daemon.hooks;
        let answer = match code {
            "not_authenticated" => {
                Some(deliver(hooks, "/hooks/gitea", &good.clone().unsigned()).await)
            }
            "out_of_scope" => Some(deliver(hooks, "/hooks/gitea", &good).await),
            "compressed" => {
                Some(deliver(hooks, "/hooks/gitea", &with("content-encoding", "gzip")).await)
            }
            "method_not_allowed" => Some(request(hooks, "PUT", "/hooks/gitea", &[], b"").await),
            "no_payload" => Some(request(hooks, "POST", "/hooks/gitea", &form, b"a=b").await),
            "uri_too_long" => Some(request(hooks, "GET", &long, &[], b"").await),
            "body_too_large" => {
                Some(request(hooks, "POST", "/hooks/gitea", &[], &[b'x'; 2000]).await)
            }
            "no_such_source" => Some(request(hooks, "POST", "/hooks/nobody", &[], b"").await),
            "not_found" => Some(request(hooks, "POST", "/elsewhere", &[], b"").await),
            "body_timeout" => {
                slow = Some(sends(&daemon, post.as_bytes()).await);
                None
            }
            "body_aborted" => {
                drop(sends(&daemon, post.as_bytes()).await);
                None
            }
            other => panic!("{other}"),
        };
        if let Some(answer) = answer {
            assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code));
        }
        let refused = format!("deliveries_refused_total{{source=\"gitea\",code=\"{code}\"}}");
        let unknown = format!("requests_refused_total{{code=\"{code}\"}}");
        let received = (r#"deliveries_received_total{source="gitea"}"#, 1.0);
        let wanted = match code {
            "no_such_source" | "not_found" => vec![(&*unknown, 1.0)],
            _ => vec![(&*refused, 1.0), received, ANSWERED],
        };
        moves(&daemon, code, &before, &wanted).await;
        drop(slow);
    }
    assert!(stored(&nats).await.is_empty());
}

#[tokio::test]
async fn what_the_connection_server_refuses_is_counted_by_code() {
    let nats = NatsServer::start();
    let config = strict().replace("\nmax_connections = 2", "\nmax_connections = 1");
    let config =
        config.replace("repositories = [\"other/*\"]\n", "").replace("= 1_024", "= 65_536");
    let daemon = Daemon::with(&nats, &config).await;
    let before = scrape(&daemon).await;
    let slow = sends(&daemon, b"POST /hooks/gitea HT").await;
    let head = [(r#"requests_refused_total{code="header_timeout"}"#, 1.0)];
    moves(&daemon, "a slow head", &before, &head).await;
    drop(slow);
    let mut known = Connection::open(daemon.hooks).await.unwrap();
    assert_eq!(known.deliver("/hooks/gitea", &hook("in")).await.unwrap().status, 202);
    let before = scrape(&daemon).await;
    let mut answer = String::new();
    TcpStream::connect(daemon.hooks).await.unwrap().read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"code\":\"too_many_connections\""), "{answer}");
    let full = [(r#"requests_refused_total{code="too_many_connections"}"#, 1.0)];
    moves(&daemon, "no room", &before, &full).await;
}

#[tokio::test]
async fn without_a_spool_what_is_not_stored_is_counted_and_there_is_no_metric_of_a_spool() {
    let nats = NatsServer::absent();
    let daemon =
        Daemon::unready(&nats.url, &format!("{}[spool]\nenabled = false\n", sources()), &[]).await;
    let before = scrape(&daemon).await;
    assert_eq!((before["forgewire_ready"], before["forgewire_nats_connected"]), (0.0, 0.0));
    assert!(before["forgewire_nats_round_trip_seconds"].is_nan());
    assert!(!before.keys().any(|name| name.contains("_spool_")));
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("one")).await.status, 503);
    let wanted = [
        (r#"deliveries_received_total{source="gitea"}"#, 1.0),
        (r#"deliveries_refused_total{source="gitea",code="not_stored"}"#, 1.0),
        (r#"events_total{event="push"}"#, 1.0),
        ANSWERED,
    ];
    moves(&daemon, "a delivery", &before, &wanted).await;
}

#[tokio::test]
async fn an_outage_moves_connection_and_spool_and_moves_them_back() {
    let mut nats = NatsServer::start();
    let config = format!("{}[stream]\nduplicate_window = \"100ms\"\n", sources());
    let daemon = Daemon::with(&nats, &config).await;
    let before = scrape(&daemon).await;
    nats.kill();
    moves(&daemon, "the end of NATS", &before, &[("nats_connected", -1.0)]).await;

    let away = scrape(&daemon).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("one")).await.status, 202);
    let waiting = "forgewire_spool_waiting_bytes";
    let bytes = eventually("it waits", || async {
        let now = scrape(&daemon).await;
        (now[waiting] > 0.0 && now["forgewire_spool_oldest_age_seconds"] > 0.0)
            .then_some(now[waiting])
    })
    .await;
    let mut wanted = SPOOLED.to_vec();
    wanted.push(("spool_waiting_bytes", bytes));
    moves(&daemon, "a delivery without NATS", &away, &wanted).await;

    let spooled = scrape(&daemon).await;
    nats.restart();
    let wanted = [
        ("nats_connected", 1.0),
        ("nats_reconnects_total", 1.0),
        (r#"events_published_total{source="gitea"}"#, 1.0),
        ("publish_duration_seconds_count", 1.0),
        ("spool_waiting_messages", -1.0),
        ("spool_waiting_bytes", -bytes),
    ];
    moves(&daemon, "the return of NATS", &spooled, &wanted).await;
    assert_eq!(scrape(&daemon).await["forgewire_spool_oldest_age_seconds"], 0.0);
}

#[tokio::test]
async fn what_is_sent_again_too_late_is_resent_and_what_nobody_takes_is_dead() {
    let mut nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    let place = format!("[spool]\ndir = \"{}\"\n", dir.path().display());
    let config = format!("{}{place}[stream]\nduplicate_window = \"100ms\"\n", sources());
    let mut daemon = Daemon::with(&nats, &config).await;
    // Sent, and never acknowledged.
    nats.freeze();
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("late")).await.status, 202);
    nats.kill();
    // A daemon that lives on may have a copy on its way when the connection breaks, and that one comes first.
    daemon.child.kill().await.unwrap();
    let daemon = Daemon::unready(&nats.url, &config, &[]).await;
    let before = scrape(&daemon).await;
    let bytes = before["forgewire_spool_waiting_bytes"];
    nats.restart();
    let wanted = [
        ("nats_connected", 1.0),
        ("stream_usable", 1.0),
        (r#"events_published_total{source="gitea"}"#, 1.0),
        (r#"events_resent_total{source="gitea"}"#, 1.0),
        ("publish_duration_seconds_count", 1.0),
        ("spool_waiting_messages", -1.0),
        ("spool_waiting_bytes", -bytes),
    ];
    moves(&daemon, "a late one", &before, &wanted).await;
    drop(daemon);

    let nats = NatsServer::start();
    let _raise = tiny_stream(&nats).await;
    let daemon = Daemon::start(&nats).await;
    let before = scrape(&daemon).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("dead")).await.status, 202);
    let wanted = [
        (r#"deliveries_received_total{source="gitea"}"#, 1.0),
        (r#"events_dead_total{source="gitea"}"#, 1.0),
        (r#"events_total{event="push"}"#, 1.0),
        ("spool_dead_messages", 1.0),
        ANSWERED,
    ];
    moves(&daemon, "one that nobody takes", &before, &wanted).await;
}

#[tokio::test]
async fn a_spool_without_room_says_so_and_counts_what_is_refused() {
    let nats = NatsServer::absent();
    let dir = tempfile::tempdir().unwrap();
    let spool = format!("[spool]\ndir = \"{}\"\nmax_bytes = 16_777_216\n", dir.path().display());
    let config = format!("{}{spool}[http]\nmax_body_bytes = 1_048_576\n", sources());
    let daemon = Daemon::unready(&nats.url, &config, &[]).await;
    let payload = push(&"b".repeat(60_000), &sha('1'), &sha('2'));
    let refused = r#"forgewire_deliveries_refused_total{source="gitea",code="not_stored"}"#;
    for n in 0.. {
        let hook = Hook::new("gitea", "push", Some("push"), &format!("f-{n}"), SECRET, &payload);
        let status = deliver(daemon.hooks, "/hooks/gitea", &hook).await.status;
        let now = scrape(&daemon).await;
        let full = f64::from(u8::from(status == 503));
        assert_eq!(
            (now[refused], now["forgewire_spool_full"], now["forgewire_ready"]),
            (full, full, 1.0 - full)
        );
        assert!(now["forgewire_spool_disk_bytes"] <= now["forgewire_spool_max_bytes"]);
        if status == 503 {
            assert_eq!(now[r#"forgewire_events_spooled_total{source="gitea"}"#], f64::from(n));
            return;
        }
    }
}

#[tokio::test]
async fn a_reload_counts_and_takes_the_series_of_removed_sources_and_secrets_along() {
    let nats = NatsServer::start();
    let source = |name: &str, id: &str| {
        format!(
            "[sources.{name}]\nkind = \"gitea\"\nsecrets = [{{ id = \"{id}\", text = \"{SECRET}\" }}]\n"
        )
    };
    let daemon = Daemon::with(&nats, &format!("{}{}", source("a", "old"), source("b", "x"))).await;
    let used = r#"forgewire_secret_last_used_timestamp_seconds{source="a",secret="old"}"#;
    assert_eq!(scrape(&daemon).await[used], 0.0);
    for path in ["/hooks/a", "/hooks/b"] {
        assert_eq!(deliver(daemon.hooks, path, &hook("r")).await.status, 202);
    }
    let before = scrape(&daemon).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!((before[used] - now.as_secs_f64()).abs() < 60.0, "{}", before[used]);

    std::fs::write(daemon.config(), "nonsense").unwrap();
    daemon.signal(Signal::HUP);
    let wanted = [
        (r#"config_reloads_total{result="refused"}"#, 1.0),
        ("config_last_reload_successful", -1.0),
    ];
    moves(&daemon, "a bad configuration", &before, &wanted).await;

    let after =
        source("a", "old").replace(" }]", " }, { id = \"new\", text = \"sixteen bytes of new\" }]");
    std::fs::write(daemon.config(), format!("{after}{}", source("c", "y"))).unwrap();
    daemon.signal(Signal::HUP);
    daemon.logged_times("Configuration reloaded.", 1).await;
    let after = scrape(&daemon).await;
    let of = |series: &Series, source: &str| {
        let label = format!("source=\"{source}\"");
        series.keys().filter(|name| name.contains(&label)).count()
    };
    assert_eq!((of(&after, "a"), of(&after, "b")), (of(&before, "a") + 1, 0));
    assert_eq!(of(&after, "c"), of(&before, "b"));
    let received = r#"forgewire_deliveries_received_total{source="a"}"#;
    assert_eq!((after[received], after[used]), (1.0, before[used]), "what stays keeps its counts");
    assert_eq!(after["forgewire_config_last_reload_successful"], 1.0);
    assert_eq!(after[r#"forgewire_config_reloads_total{result="taken"}"#], 1.0);
}

#[tokio::test]
async fn settings_of_the_stream_that_were_left_are_drift_and_a_stream_that_went_back_is_a_loss() {
    let mut nats = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let other = async_nats::jetstream::stream::Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_age: Duration::from_secs(3_600),
        duplicate_window: Duration::from_secs(120),
        ..Default::default()
    };
    context.create_stream(other).await.unwrap();
    let config = format!("{}[spool]\nretain = \"1h\"\ndir = ", sources());
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&nats, &format!("{config}\"{}\"\n", dir.path().display())).await;
    let drift = r#"forgewire_stream_drift_settings{store="stream"}"#;
    assert!(scrape(&daemon).await[drift] >= 1.0);

    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("kept")).await.status, 202);
    nats.stop();
    let (store, older) = (nats.dir.path().join("store"), nats.dir.path().join("older"));
    let copy = |from: &PathBuf, to: &PathBuf| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&store, &older);
    nats.restart();
    eventually("JetStream takes it", || async {
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("lost")).await;
        (answer.json()["status"] == "published").then_some(())
    })
    .await;
    let before = scrape(&daemon).await;
    assert_eq!(before["forgewire_stream_losses_total"], 0.0);
    nats.kill();
    std::fs::remove_dir_all(&store).unwrap();
    copy(&older, &store);
    nats.restart();
    eventually("the loss is counted and mended", || async {
        let now = scrape(&daemon).await;
        let counted = now["forgewire_events_published_again_total"] == 1.0;
        (now["forgewire_stream_losses_total"] == 1.0 && counted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whatever_a_sender_makes_up_adds_no_series_and_nothing_of_it_is_shown() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let before: BTreeSet<String> = scrape(&daemon).await.into_keys().collect();
    let senders = (0..8).map(|sender| {
        let hooks = daemon.hooks;
        tokio::spawn(async move {
            let mut connection = Connection::open(hooks).await.unwrap();
            for n in (sender..10_000).step_by(8) {
                let made_up = format!("planted-{n}");
                let path = match n % 4 {
                    0 => format!("/{made_up}/{n}?{made_up}"),
                    1 => format!("/hooks/{made_up}"),
                    _ => "/hooks/gitea".to_owned(),
                };
                let secret = if n % 4 == 2 { &*made_up } else { SECRET };
                let body = push_in(&made_up, &made_up, n, &made_up, &sha('1'), &sha('2'));
                let body = String::from_utf8(body).unwrap().replacen(
                    '{',
                    "{\"mail\":\"planted@example.com\",",
                    1,
                );
                // Most are refused unread; those that are signed are a thousand, which a debug build does in time.
                if n % 4 == 3 && n % 10 != 3 {
                    continue;
                }
                let event = if n % 20 == 3 { &*made_up } else { "push" };
                let hook = Hook::new("gitea", event, None, &made_up, secret, body.as_bytes());
                // Who is refused before the body was read has to come again.
                if connection.deliver(&path, &hook).await.is_err() {
                    connection = Connection::open(hooks).await.unwrap();
                    connection.deliver(&path, &hook).await.unwrap();
                }
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let answer = get(daemon.admin, "/metrics").await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let after = samples(&text);
    assert!(after[r#"forgewire_events_total{event="unrecognized"}"#] >= 100.0);
    assert!(after[r#"forgewire_requests_refused_total{code="no_such_source"}"#] >= 2_500.0);
    assert_eq!(after.into_keys().collect::<BTreeSet<_>>(), before);
    let digest = signature(SECRET, &hook("x").body);
    for mark in ["planted", "example.com", SECRET, "acme", &digest] {
        assert!(!text.contains(mark), "the scrape holds {mark}");
    }
}

/// Runs promtool with this on its standard input. Loud where it cannot be run; under CI that is a failure.
fn promtool(arguments: &[&str], input: &str) {
    let child = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let why = format!(
                "promtool {arguments:?} was not run: {error}; `make test-deps` installs it"
            );
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            let _ = writeln!(std::io::stderr(), "{why}");
            return;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

#[test]
fn the_alert_rules_are_sound_and_each_is_raised_and_quiet_when_it_must_be() {
    promtool(&["check", "rules", "forgewire.rules.yml"], "");
    promtool(&["test", "rules", "forgewire.test.yml"], "");
    let (rules, tests, runbook) = (
        text("deploy/prometheus/forgewire.rules.yml"),
        text("deploy/prometheus/forgewire.test.yml"),
        text("docs/runbook.md"),
    );
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in &alerts {
        for kind in ["raised", "quiet"] {
            assert!(
                tests.contains(&format!("- name: {alert} {kind}\n")),
                "{alert} {kind}: no test"
            );
        }
        let link = format!("runbook: docs/runbook.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} names no paragraph");
    }
    let paragraphs: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(paragraphs, alerts, "paragraphs of docs/runbook.md");
}

/// A family in a scrape: type, and names of labels.
pub(crate) type Described = (String, BTreeSet<String>);

pub(crate) fn families(text: &str) -> BTreeMap<String, Described> {
    let mut found: BTreeMap<String, Described> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (family, kind) = rest.split_once(' ').unwrap();
            name = family;
            found.insert(family.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let labels = labels.split("=\"").filter_map(|part| part.rsplit(['"', ',', '{']).next());
            let labels = labels.filter(|label| !label.contains('}') && *label != "le");
            found.get_mut(name).unwrap().1.extend(labels.map(str::to_owned));
        }
    }
    found
}

#[tokio::test]
async fn the_readme_has_every_metric_and_the_rules_name_only_those_that_exist() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let scraped = String::from_utf8(get(daemon.admin, "/metrics").await.body.to_vec()).unwrap();
    promtool(&["check", "metrics"], &scraped);
    let scraped = families(&scraped);
    let readme = text("README.md");
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| `forgewire_") || line.starts_with("| `process_"));
    let rows: BTreeMap<String, Described> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let labels = cells[3].split(", ").map(|label| label.trim_matches('`').to_owned());
            let labels = labels.filter(|label| !label.is_empty()).collect();
            assert!(cells[4].len() > 5, "{row}");
            (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels))
        })
        .collect();
    assert_eq!(rows, scraped);
    let rules = text("deploy/prometheus/forgewire.rules.yml");
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = words.filter(|word| word.starts_with("forgewire_") || word.starts_with("process_"));
    for name in named {
        assert!(scraped.contains_key(name.trim_end_matches("_bucket")), "the rules name {name}");
    }
}

#[tokio::test]
async fn every_code_event_and_source_is_there_from_the_start_at_zero() {
    let nats = NatsServer::absent();
    let daemon = Daemon::unready(&nats.url, &sources(), &[]).await;
    let series = scrape(&daemon).await;
    let counted = |name: &str| {
        name.split('{').next().unwrap().ends_with("_total") && !name.starts_with("process")
    };
    assert!(series.iter().all(|(name, value)| !counted(name) || *value == 0.0), "{series:#?}");
    for event in forgewire::event::Data::EVENTS {
        assert!(
            series.contains_key(&format!("forgewire_events_total{{event=\"{}\"}}", event.name))
        );
    }
    // The table of codes in the README, which is held equal to the code elsewhere.
    let readme = text("README.md");
    let table = readme.split("| code | status | meaning |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let codes: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    let labelled = series.keys().filter_map(|name| name.split("code=\"").nth(1)?.split('"').next());
    assert_eq!(labelled.map(str::to_owned).collect::<BTreeSet<_>>(), codes);
    for kind in forgewire::source::Kind::ALL {
        for name in ["received", "refused"] {
            let start = format!("forgewire_deliveries_{name}_total{{source=\"{kind}\"");
            assert!(series.keys().any(|series| series.starts_with(&start)), "{start}");
        }
    }
}

#[tokio::test]
async fn both_formats_say_the_same_and_nobody_is_refused_for_what_is_accepted() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    deliver(daemon.hooks, "/hooks/gitea", &hook("one")).await;
    let ask = async |method: &str, accept: &str| {
        let headers = [("accept".to_owned(), accept.to_owned())];
        request(daemon.admin, method, "/metrics", &headers, b"").await
    };
    let plain = ask("GET", "application/json").await;
    assert_eq!(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let open = ask("GET", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    let open_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(
        (open.status.as_u16(), &open.headers["content-type"]),
        (200, &open_type.parse().unwrap())
    );
    let open = String::from_utf8(open.body.to_vec()).unwrap();
    let plain = samples(std::str::from_utf8(&plain.body).unwrap());
    assert!(open.ends_with("\n# EOF\n") && open.matches("# EOF").count() == 1);
    assert!(moved(&plain, &samples(&open)).is_empty());
    assert_eq!(samples(&open).len(), plain.len());
    // What OpenMetrics asks for: units are the end of names, counters end in _total, one block for each family.
    let mut family = "";
    let mut seen = BTreeSet::new();
    for line in open.lines().filter(|line| *line != "# EOF") {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, _] => {
                assert!(seen.insert(name), "{name} twice");
                family = name;
            }
            ["#", "TYPE", name, kind] => {
                assert_eq!(name, family);
                assert!(["counter", "gauge", "histogram", "info"].contains(&kind), "{line}");
            }
            ["#", "UNIT", name, unit] => assert!(name == family && name.ends_with(unit), "{line}"),
            _ => assert!(line.starts_with(family) && !line.starts_with('#'), "{line}"),
        }
    }
    let head = ask("HEAD", "*/*").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let refused = ask("POST", "*/*").await;
    assert_eq!((refused.status.as_u16(), &*refused.code()), (405, "method_not_allowed"));
}

/// A Prometheus that scrapes `daemon` every 200 ms. `None`, loudly, where it cannot be run; under CI that is a failure.
fn prometheus(daemon: &Daemon, dir: &std::path::Path, port: u16) -> Option<tokio::process::Child> {
    let config = format!(
        "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\nrule_files: [{}]\n\
         scrape_configs:\n  - job_name: forgewire\n    static_configs: [{{ targets: [\"{}\"] }}]\n",
        root().join("deploy/prometheus/forgewire.rules.yml").display(),
        daemon.admin
    );
    std::fs::write(dir.join("prometheus.yml"), config).unwrap();
    let child = tokio::process::Command::new("prometheus")
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    child
        .map_err(|error| {
            let why = format!("prometheus was not run: {error}; `make test-deps` installs it");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            let _ = writeln!(std::io::stderr(), "{why}");
        })
        .ok()
}

#[tokio::test]
async fn a_real_prometheus_reads_what_it_asks_for() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("one")).await.status, 202);
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let Some(mut child) = prometheus(&daemon, dir.path(), port) else { return };
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let query = "/api/v1/query?query=forgewire_deliveries_received_total%7Bsource=%22gitea%22%7D";
    let answer = eventually("Prometheus has scraped", || async {
        let mut connection = Connection::open(at).await.ok()?;
        let answer = connection.request("GET", query, &[], b"").await.ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        answer["data"]["result"][0]["value"].as_array().cloned()
    })
    .await;
    assert_eq!(answer[1], "1");
    let targets = get(at, "/api/v1/targets").await.json();
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()));
    child.kill().await.unwrap();
}

/// The operators' listener of a daemon whose pulse is stuck after `limit`, on the runtime that this runs on.
async fn probes(limit: Duration) -> (Server, Arc<Health>) {
    let config = forgewire::config::Nats {
        servers: vec![NatsServer::absent().url.clone()],
        ..Default::default()
    };
    let (jetstream, _replies) = JetStream::start(&config).await.unwrap();
    let health = Arc::new(Health::new(jetstream.link()).with_pulse(Pulse::new(limit)));
    let room = Room { max_bytes: 900_000, bucket: "B".into() };
    let outbox = Outbox::new(Arc::new(jetstream), Duration::from_secs(1), room);
    let live = ArcSwap::from_pointee(Live::new(forgewire::config::Config::default()));
    let gate = Gate::new(&forgewire::config::Http::default());
    let app = App { live, gate, outbox, health: Arc::clone(&health), work: TaskTracker::new() };
    let state = Admin { app: Arc::new(app), refusals: Arc::default(), tls: None };
    let listener = socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (Server::spawn(listener, admin(state), Limits::default()), health)
}

#[test]
fn livez_fails_while_the_threads_beside_the_runtime_are_stuck() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (server, health) = probes(Duration::from_millis(400)).await;
        let status = async || get(server.local_addr(), "/livez").await.status.as_u16();
        eventually("nothing beats", || async { (status().await == 503).then_some(()) }).await;
        let beating = tokio::spawn(async move { health.pulse().keep().await });
        eventually("it beats", || async { (status().await == 200).then_some(()) }).await;
        let (release, stuck) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || stuck.recv());
        eventually("it is stuck", || async { (status().await == 503).then_some(()) }).await;
        let answer = get(server.local_addr(), "/livez").await.json();
        assert_eq!(answer["status"], "stuck");
        release.send(()).unwrap();
        eventually("it beats again", || async { (status().await == 200).then_some(()) }).await;
        beating.abort();
    });
    runtime.shutdown_background();
}

#[tokio::test]
async fn a_process_that_does_not_run_leaves_livez_without_an_answer() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    assert_eq!(get(daemon.admin, "/livez").await.status, 200);
    daemon.signal(Signal::STOP);
    // A signal takes its time.
    eventually("nobody answers", || async {
        let asked = get(daemon.admin, "/livez");
        tokio::time::timeout(Duration::from_millis(500), asked).await.err()
    })
    .await;
    daemon.signal(Signal::CONT);
    eventually("it answers again", || async {
        (get(daemon.admin, "/livez").await.status == 200).then_some(())
    })
    .await;
}
