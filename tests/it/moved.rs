//! Every metric has a test that moves it: the table says which, and here are those that take a fault.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use async_nats::jetstream::object_store;
use async_nats::jetstream::stream::StorageType;
use forgewire::config::{Config, Inputs};
use forgewire::facts;
use forgewire::health::Health;
use forgewire::jetstream::JetStream;
use forgewire::live::Live;
use forgewire::metrics::scrape::{Format, Scrape};
use forgewire::source::SourceName;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::metrics::{ANSWERED, families, hook, moves, samples, scrape};
use crate::support::collector::{Collector, Mood};
use crate::support::daemon::{Daemon, sources};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{Connection, deliver, get, request};
use crate::support::nats::NatsServer;
use crate::support::tls::{Ca, Issued};
use crate::systemd::has;

/// Each test that moves metrics: the families, with the codes where they have some.
const MOVED_BY: &[(&str, &[&str])] = &[
    (
        "metrics::an_event_that_is_published_or_repeated_or_not_recognised_moves_its_metrics_and_no_other",
        &[
            "forgewire_deliveries_received_total",
            "forgewire_events_total",
            "forgewire_events_published_total",
            "forgewire_events_duplicate_total",
        ],
    ),
    (
        "metrics::each_refusal_moves_its_code_and_no_other",
        &[
            "forgewire_deliveries_refused_total body_aborted",
            "forgewire_deliveries_refused_total body_timeout",
            "forgewire_deliveries_refused_total body_too_large",
            "forgewire_deliveries_refused_total compressed",
            "forgewire_deliveries_refused_total method_not_allowed",
            "forgewire_deliveries_refused_total no_payload",
            "forgewire_deliveries_refused_total not_authenticated",
            "forgewire_deliveries_refused_total out_of_scope",
            "forgewire_deliveries_refused_total uri_too_long",
            "forgewire_requests_refused_total no_such_source",
            "forgewire_requests_refused_total not_found",
            "forgewire_request_duration_seconds",
        ],
    ),
    (
        "moved::who_is_not_allowed_or_turned_away_moves_its_code_and_no_other",
        &[
            "forgewire_deliveries_refused_total client_not_allowed",
            "forgewire_deliveries_refused_total too_many_refused",
            "forgewire_requests_refused_total too_many_refused",
        ],
    ),
    (
        "metrics::without_a_spool_what_is_not_stored_is_counted_and_there_is_no_metric_of_a_spool",
        &["forgewire_deliveries_refused_total not_stored"],
    ),
    (
        "moved::a_body_that_finds_no_memory_is_counted_as_overload",
        &["forgewire_deliveries_refused_total overloaded"],
    ),
    (
        "metrics::what_the_connection_server_refuses_is_counted_by_code",
        &[
            "forgewire_requests_refused_total header_timeout",
            "forgewire_requests_refused_total too_many_connections",
        ],
    ),
    (
        "metrics::an_outage_moves_connection_and_spool_and_moves_them_back",
        &[
            "forgewire_events_spooled_total",
            "forgewire_publish_duration_seconds",
            "forgewire_nats_connected",
            "forgewire_nats_reconnects_total",
            "forgewire_spool_waiting_messages",
            "forgewire_spool_waiting_bytes",
            "forgewire_spool_oldest_age_seconds",
        ],
    ),
    (
        "metrics::what_is_sent_again_too_late_is_resent_and_what_nobody_takes_is_dead",
        &[
            "forgewire_events_dead_total",
            "forgewire_events_resent_total",
            "forgewire_spool_dead_messages",
        ],
    ),
    (
        "metrics::settings_of_the_stream_that_were_left_are_drift_and_a_stream_that_went_back_is_a_loss",
        &[
            "forgewire_events_published_again_total",
            "forgewire_stream_drift_settings stream",
            "forgewire_stream_losses_total",
        ],
    ),
    (
        "metrics::a_reload_counts_and_takes_the_series_of_removed_sources_and_secrets_along",
        &[
            "forgewire_secret_last_used_timestamp_seconds",
            "forgewire_config_reloads_total",
            "forgewire_config_last_reload_successful",
        ],
    ),
    (
        "moved::http_where_tls_is_spoken_moves_its_code_and_no_other",
        &["forgewire_requests_refused_total tls_expected"],
    ),
    (
        "moved::a_handshake_that_fails_or_never_ends_is_counted_and_a_look_at_the_port_is_not",
        &[
            "forgewire_tls_handshake_failures_total failed",
            "forgewire_tls_handshake_failures_total timeout",
        ],
    ),
    (
        "moved::the_expiry_is_that_of_the_certificate_in_use",
        &["forgewire_certificate_expiry_timestamp_seconds"],
    ),
    ("moved::spans_that_the_collector_does_not_take_are_counted", &["forgewire_spans_lost_total"]),
    (
        "moved::a_connection_that_is_made_moves_what_is_known_of_nats_and_stream",
        &["forgewire_ready", "forgewire_nats_round_trip_seconds", "forgewire_stream_usable"],
    ),
    (
        "moved::settings_of_the_object_store_that_were_left_are_drift_of_its_own",
        &["forgewire_stream_drift_settings objects"],
    ),
    (
        "moved::what_is_retained_and_the_size_of_the_spool_are_told",
        &[
            "forgewire_spool_retained_messages",
            "forgewire_spool_disk_bytes",
            "forgewire_spool_max_bytes",
        ],
    ),
    ("metrics::a_spool_without_room_says_so_and_counts_what_is_refused", &["forgewire_spool_full"]),
    ("moved::a_disk_that_fails_breaks_the_spool_until_a_restart", &["forgewire_spool_broken"]),
    (
        "moved::figures_of_the_process_are_those_of_the_process",
        &[
            "forgewire_build_info",
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_start_time_seconds",
            "process_open_fds",
            "process_max_fds",
        ],
    ),
];

/// The text of a test, with that of the constants of its file that it names.
fn text_of(path: &str) -> String {
    let (module, name) = path.split_once("::").unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/{module}.rs"));
    let code = std::fs::read_to_string(file).unwrap();
    let start =
        code.find(&format!("\nasync fn {name}()")).or_else(|| code.find(&format!("\nfn {name}()")));
    let test = code.get(start.unwrap_or_else(|| panic!("there is no test {path}"))..).unwrap();
    let mut whole = test.split("\n}\n").next().unwrap().to_owned();
    for constant in code.split("\nconst ").chain(code.split("\npub(crate) const ")).skip(1) {
        let name = constant.split(':').next().unwrap();
        if whole.contains(name) && name.len() > 3 && name != "MOVED_BY" {
            whole += constant.split(";\n").next().unwrap();
        }
    }
    whole
}

#[tokio::test]
async fn every_metric_and_every_code_has_a_test_that_moves_it() {
    let nats = NatsServer::absent();
    let daemon = Daemon::unready(&nats.url, &sources(), &[]).await;
    let text = String::from_utf8(get(daemon.admin, "/metrics").await.body.to_vec()).unwrap();
    let mut wanted = BTreeSet::new();
    for family in families(&text).into_keys() {
        let of = |line: &&str| line.starts_with(&format!("{family}{{"));
        let label = |line: &str| -> Option<String> {
            let of = |label: &str| line.split(&format!("{label}=\"")).nth(1);
            let value = ["code", "reason", "store"].into_iter().find_map(of)?;
            Some(format!("{family} {}", value.split('"').next()?))
        };
        let labelled: BTreeSet<_> = text.lines().filter(of).filter_map(label).collect();
        wanted.extend(if labelled.is_empty() { [family.clone()].into() } else { labelled });
    }
    let moved =
        || MOVED_BY.iter().flat_map(|(test, moved)| moved.iter().map(move |it| (*test, *it)));
    let rows: BTreeSet<_> = moved().map(|(_, metric)| metric.to_owned()).collect();
    assert_eq!(rows, wanted);
    for (test, metric) in moved() {
        let (family, code) = metric.split_once(' ').unwrap_or((metric, ""));
        let text = text_of(test);
        let name = family.trim_start_matches("forgewire_");
        assert!(text.contains(name) && text.contains(code), "{test} does not name {metric}");
    }
}

#[tokio::test]
async fn a_connection_that_is_made_moves_what_is_known_of_nats_and_stream() {
    let mut nats = NatsServer::absent();
    let without = format!("{}[spool]\nenabled = false\n", sources());
    let daemon = Daemon::unready(&nats.url, &without, &[]).await;
    let before = scrape(&daemon).await;
    assert!(before["forgewire_nats_round_trip_seconds"].is_nan());
    nats.restart();
    let wanted = [("nats_connected", 1.0), ("ready", 1.0), ("stream_usable", 1.0)];
    moves(&daemon, "a connection", &before, &wanted).await;
    let took = scrape(&daemon).await["forgewire_nats_round_trip_seconds"];
    assert!(took > 0.0 && took < 30.0, "{took}");
}

#[tokio::test]
async fn who_is_not_allowed_or_turned_away_moves_its_code_and_no_other() {
    let nats = NatsServer::start();
    let config = format!(
        "[http]\nmax_refused_per_client = 2\n[sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n\
         clients = [\"192.0.2.0/24\"]\n"
    );
    let daemon = Daemon::with(&nats, &config).await;
    let received = (r#"deliveries_received_total{source="gitea"}"#, 1.0);
    for (status, code) in
        [(403, "client_not_allowed"), (403, "client_not_allowed"), (429, "too_many_refused")]
    {
        let before = scrape(&daemon).await;
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("a")).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code));
        let refused = format!("deliveries_refused_total{{source=\"gitea\",code=\"{code}\"}}");
        let mut wanted = vec![(&*refused, 1.0), received];
        // Who is turned away is not even timed.
        wanted.extend((status == 403).then_some(ANSWERED));
        moves(&daemon, code, &before, &wanted).await;
    }
    let before = scrape(&daemon).await;
    assert_eq!(request(daemon.hooks, "POST", "/hooks/nobody", &[], b"").await.status, 429);
    let wanted = [(r#"requests_refused_total{code="too_many_refused"}"#, 1.0)];
    moves(&daemon, "a stranger without a source", &before, &wanted).await;
}

/// A push of 700 kB.
fn padded() -> Vec<u8> {
    let body = push("main", &sha('1'), &sha('2'));
    let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["padding"] = "x".repeat(700_000).into();
    serde_json::to_vec(&body).unwrap()
}

#[tokio::test]
async fn a_body_that_finds_no_memory_is_counted_as_overload() {
    let nats = NatsServer::start();
    // Room for one body, which is held for 2.7 s while JetStream is waited for; another one waits for 2 s.
    let config = format!(
        "{}[http]\nmax_body_bytes = 800_000\nmax_buffered_bytes = 900_000\n\
         [spool]\nenabled = false\n[publish]\nack_timeout = \"1s 500ms\"\n",
        sources()
    );
    let daemon = Daemon::with(&nats, &config).await;
    nats.freeze();
    let body = padded();
    let of = |id: &str| Hook::new("gitea", "push", Some("push"), id, SECRET, &body);
    let pushes = r#"forgewire_events_total{event="push"}"#;
    // A machine that is very slow may let the first end before the second has waited long enough.
    for attempt in 0.. {
        let before = scrape(&daemon).await;
        let (hooks, holding) = (daemon.hooks, of(&format!("holding-{attempt}")));
        let held = tokio::spawn(async move { deliver(hooks, "/hooks/gitea", &holding).await });
        eventually("the first is read", || async {
            (scrape(&daemon).await[pushes] > before[pushes]).then_some(())
        })
        .await;
        let answer = deliver(daemon.hooks, "/hooks/gitea", &of(&format!("late-{attempt}"))).await;
        assert_eq!(&*held.await.unwrap().code(), "not_stored");
        if answer.code() == "not_stored" && attempt < 5 {
            continue;
        }
        assert_eq!((answer.status.as_u16(), &*answer.code()), (503, "overloaded"));
        let wanted = [
            (r#"deliveries_received_total{source="gitea"}"#, 2.0),
            (r#"deliveries_refused_total{source="gitea",code="not_stored"}"#, 1.0),
            (r#"deliveries_refused_total{source="gitea",code="overloaded"}"#, 1.0),
            (r#"events_total{event="push"}"#, 1.0),
            ("request_duration_seconds_count", 2.0),
        ];
        return moves(&daemon, "an overload", &before, &wanted).await;
    }
}

/// A daemon that speaks TLS, with the files for it in `dir`.
async fn with_tls(nats: &NatsServer, dir: &Path, issued: &Issued) -> Daemon {
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| dir.join(name));
    std::fs::write(&cert, &issued.certificate).unwrap();
    std::fs::write(&key, &issued.key).unwrap();
    let (cert, key) = (cert.display(), key.display());
    let config = format!(
        "[http]\nheader_timeout = \"1s\"\ntls_cert_file = \"{cert}\"\ntls_key_file = \"{key}\"\n"
    );
    Daemon::with(nats, &(config + &sources())).await
}

#[tokio::test]
async fn http_where_tls_is_spoken_moves_its_code_and_no_other() {
    let (nats, dir, ca) = (NatsServer::start(), tempfile::tempdir().unwrap(), Ca::new());
    let daemon = with_tls(&nats, dir.path(), &ca.issue()).await;
    let before = scrape(&daemon).await;
    let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("plain")).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "tls_expected"));
    let wanted = [(r#"requests_refused_total{code="tls_expected"}"#, 1.0)];
    moves(&daemon, "HTTP without TLS", &before, &wanted).await;
}

#[tokio::test]
async fn a_handshake_that_fails_or_never_ends_is_counted_and_a_look_at_the_port_is_not() {
    let (nats, dir, ca) = (NatsServer::start(), tempfile::tempdir().unwrap(), Ca::new());
    let daemon = with_tls(&nats, dir.path(), &ca.issue()).await;
    let before = scrape(&daemon).await;
    drop(TcpStream::connect(daemon.hooks).await.unwrap());
    // Who does not know the authority ends the handshake.
    assert!(Ca::new().client().connect(daemon.hooks).await.is_err());
    let wanted = [(r#"tls_handshake_failures_total{reason="failed"}"#, 1.0)];
    moves(&daemon, "a client that trusts another authority", &before, &wanted).await;
    let before = scrape(&daemon).await;
    let silent = TcpStream::connect(daemon.hooks).await.unwrap();
    let mut slow = TcpStream::connect(daemon.hooks).await.unwrap();
    // A record of a handshake of which nothing follows.
    slow.write_all(&[22, 3, 1]).await.unwrap();
    let wanted = [(r#"tls_handshake_failures_total{reason="timeout"}"#, 1.0)];
    moves(&daemon, "a client that goes to sleep", &before, &wanted).await;
    ca.client().connect(daemon.hooks).await.unwrap();
    moves(&daemon, "that, and a good client", &before, &wanted).await;
    drop((silent, slow));
}

#[tokio::test]
async fn the_expiry_is_that_of_the_certificate_in_use() {
    let (nats, dir, ca) = (NatsServer::start(), tempfile::tempdir().unwrap(), Ca::new());
    let expiry = "forgewire_certificate_expiry_timestamp_seconds";
    assert!(!scrape(&Daemon::start(&nats).await).await.contains_key(expiry));
    let daemon = with_tls(&nats, dir.path(), &ca.issue_for_years(2020, 2060)).await;
    assert_eq!(scrape(&daemon).await[expiry], 2_840_140_800.0);
    let next = ca.issue_for_years(2020, 2061);
    std::fs::write(dir.path().join("cert.pem"), &next.certificate).unwrap();
    std::fs::write(dir.path().join("key.pem"), &next.key).unwrap();
    daemon.signal(Signal::HUP);
    eventually("the new one is in use", || async {
        (scrape(&daemon).await[expiry] == 2_871_763_200.0).then_some(())
    })
    .await;
    std::fs::write(dir.path().join("cert.pem"), "none").unwrap();
    daemon.signal(Signal::HUP);
    daemon.logged("The new configuration is refused, and the old one stays in force.").await;
    assert_eq!(scrape(&daemon).await[expiry], 2_871_763_200.0, "what is not in use says nothing");
}

#[tokio::test]
async fn spans_that_the_collector_does_not_take_are_counted() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let variables = collector.variables();
    let daemon = Daemon::in_environment(&nats.url, &sources(), &variables).await;
    daemon.ready().await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("taken")).await.status, 202);
    collector.spans_of("taken", 4).await;
    let before = scrape(&daemon).await;
    assert_eq!(before["forgewire_spans_lost_total"], 0.0);
    collector.set(Mood::Refusing(400));
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("lost")).await.status, 202);
    let wanted = [
        (r#"deliveries_received_total{source="gitea"}"#, 1.0),
        (r#"events_published_total{source="gitea"}"#, 1.0),
        (r#"events_total{event="push"}"#, 1.0),
        ("publish_duration_seconds_count", 1.0),
        ("spans_lost_total", 4.0),
        ANSWERED,
    ];
    moves(&daemon, "a delivery whose spans nobody takes", &before, &wanted).await;
}

/// `strace` on a process, whose fsyncs fail from now on.
struct FailingDisk(Child);

impl FailingDisk {
    async fn of(daemon: &Daemon, dir: &Path) -> Self {
        let said = dir.join("strace");
        let child = Command::new("strace")
            .args(["--follow-forks", "--trace=fsync,fdatasync"])
            .args(["--inject=fsync,fdatasync:error=EIO", "--attach"])
            .arg(daemon.child.id().unwrap().to_string())
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let disk = Self(child);
        eventually("strace holds the daemon", || async {
            std::fs::read_to_string(&said).unwrap().contains("attached").then_some(())
        })
        .await;
        disk
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        // It lets go of the daemon first.
        let _ = kill_process(Pid::from_child(&self.0), Signal::INT);
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_disk_that_fails_breaks_the_spool_until_a_restart() {
    if !has("strace") {
        return;
    }
    let nats = NatsServer::absent();
    let daemon = Daemon::unready(&nats.url, &sources(), &[]).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("kept")).await.status, 202);
    eventually("the spool is at rest", || async {
        (scrape(&daemon).await["forgewire_spool_waiting_messages"] == 1.0).then_some(())
    })
    .await;
    let before = scrape(&daemon).await;
    let dir = tempfile::tempdir().unwrap();
    let disk = FailingDisk::of(&daemon, dir.path()).await;
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("lost")).await.status, 503);
    let wanted = [
        (r#"deliveries_received_total{source="gitea"}"#, 1.0),
        (r#"deliveries_refused_total{source="gitea",code="not_stored"}"#, 1.0),
        (r#"events_total{event="push"}"#, 1.0),
        ("spool_broken", 1.0),
        ("ready", -1.0),
        ANSWERED,
    ];
    moves(&daemon, "a failed fsync", &before, &wanted).await;
    drop(disk);
    // It would succeed now, and would say nothing of what was lost.
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &hook("again")).await.status, 503);
    assert_eq!(scrape(&daemon).await["forgewire_spool_broken"], 1.0);
}

#[tokio::test]
async fn what_is_retained_and_the_size_of_the_spool_are_told() {
    let (nats, dir) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let spool = format!(
        "[spool]\nretain = \"1h\"\nmax_bytes = 268_435_456\ndir = \"{}\"\n",
        dir.path().display()
    );
    let daemon = Daemon::with(&nats, &format!("{}{spool}", sources())).await;
    let before = scrape(&daemon).await;
    assert_eq!(before["forgewire_spool_retained_messages"], 0.0);
    assert_eq!(before["forgewire_spool_max_bytes"], 268_435_456.0);
    let large = Hook::new("gitea", "push", Some("push"), "kept", SECRET, &padded());
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &large).await.status, 202);
    eventually("it is retained", || async {
        let now = scrape(&daemon).await;
        let more = now["forgewire_spool_disk_bytes"] - before["forgewire_spool_disk_bytes"];
        (now["forgewire_spool_retained_messages"] == 1.0 && more > 500_000.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn settings_of_the_object_store_that_were_left_are_drift_of_its_own() {
    let drift = async |nats: &NatsServer| {
        let daemon = Daemon::start(nats).await;
        let now = scrape(&daemon).await;
        ["stream", "objects"]
            .map(|store| now[&format!("forgewire_stream_drift_settings{{store=\"{store}\"}}")])
    };
    let nats = NatsServer::start();
    assert_eq!(drift(&nats).await, [0.0, 0.0]);
    let nats = NatsServer::start();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let other = object_store::Config {
        bucket: "FORGE_LARGE".to_owned(),
        storage: StorageType::Memory,
        ..Default::default()
    };
    context.create_object_store(other).await.unwrap();
    let [stream, objects] = drift(&nats).await;
    assert!(stream == 0.0 && objects >= 1.0, "stream {stream}, objects {objects}");
}

/// Nothing from outside ends the task that stores a delivery: the fact itself must do.
#[tokio::test]
async fn a_delivery_that_is_abandoned_is_one_that_is_not_stored() {
    let inputs = Inputs::new()
        .with_set("sources.gitea.kind=gitea")
        .with_set(&format!("sources.gitea.secret={SECRET}"));
    let config = Config::load(&inputs).unwrap().config;
    let live = Arc::new(Live::new(config));
    let (jetstream, _replies) = JetStream::start(&live.config().nats).await.unwrap();
    let health = Arc::new(Health::new(jetstream.link()));
    let count = || {
        let (live, health) = (Arc::clone(&live), Arc::clone(&health));
        let scrape = Scrape { live, health, refusals: Arc::default(), tls: None };
        samples(&scrape.write(Format::Prometheus).unwrap())[r#"forgewire_deliveries_refused_total{source="gitea",code="not_stored"}"#]
    };
    assert_eq!(count(), 0.0);
    facts::delivery_abandoned(live.counts_of(&SourceName::new("gitea").unwrap()).unwrap(), "one");
    assert_eq!(count(), 1.0);
}

#[tokio::test]
async fn figures_of_the_process_are_those_of_the_process() {
    let nats = NatsServer::start();
    let daemon = Daemon::with_open_files(&nats, 200).await;
    let before = scrape(&daemon).await;
    assert_eq!(before["process_max_fds"], 200.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - before["process_start_time_seconds"];
    assert!((-1.0..60.0).contains(&age), "{age}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        before[&format!("forgewire_build_info{{version=\"{version}\",contract=\"1\"}}")],
        1.0
    );
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(daemon.hooks).await.unwrap();
        connection.deliver("/hooks/gitea", &hook("a")).await.unwrap();
        open.push(connection);
    }
    let after = scrape(&daemon).await;
    let more = after["process_open_fds"] - before["process_open_fds"];
    assert!((15.0..30.0).contains(&more), "{more}");
    eventually("time is used", || async {
        deliver(daemon.hooks, "/hooks/gitea", &hook("a")).await;
        let now = scrape(&daemon).await["process_cpu_seconds_total"];
        (now > before["process_cpu_seconds_total"]).then_some(())
    })
    .await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.child.id().unwrap()));
    let status = status.unwrap();
    let kibibytes = |name: &str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    for (metric, name) in
        [("process_resident_memory_bytes", "VmRSS:"), ("process_virtual_memory_bytes", "VmSize:")]
    {
        let ratio = after[metric] / (1024.0 * kibibytes(name));
        assert!((0.5..2.0).contains(&ratio), "{metric}: {ratio}");
    }
}
