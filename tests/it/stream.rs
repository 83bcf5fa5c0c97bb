//! The stream: made, compared, changed only as named, never shrunk by accident.

use async_nats::jetstream;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Republish, RetentionPolicy, Source, StorageType,
};
use serde_json::Value;
use std::time::Duration;

use crate::support::daemon::{Daemon, sources};
use crate::support::eventually;
use crate::support::http::get;
use crate::support::nats::NatsServer;

async fn config(nats: &NatsServer) -> Config {
    let client = async_nats::connect(&nats.url).await.unwrap();
    jetstream::new(client).get_stream("FORGE").await.unwrap().cached_info().config.clone()
}

async fn make(nats: &NatsServer, config: Config) {
    let client = async_nats::connect(&nats.url).await.unwrap();
    jetstream::new(client).create_stream(config).await.unwrap();
}

fn existing() -> Config {
    Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_age: Duration::from_secs(90 * 86_400),
        duplicate_window: Duration::from_secs(120),
        description: Some("made by hand".into()),
        max_messages: 5_000,
        ..Config::default()
    }
}

/// The line that says that this setting differs and is left.
async fn left(daemon: &Daemon, key: &str) -> Value {
    eventually("the difference is reported", || async {
        let lines = daemon.log();
        let drift = lines.iter().filter(|line| line.contains("Stream differs from"));
        let mut drift = drift.map(|line| serde_json::from_str::<Value>(line).unwrap());
        drift.find(|line| line["key"] == key)
    })
    .await
}

#[tokio::test]
async fn a_missing_stream_is_made_with_the_defaults() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    daemon.logged("Stream created.").await;
    let made = config(&nats).await;
    assert_eq!(made.subjects, ["forge.>"]);
    assert_eq!(made.retention, RetentionPolicy::Limits);
    assert_eq!(made.discard, DiscardPolicy::Old);
    assert_eq!(made.max_age, Duration::from_secs(30 * 86_400));
    assert_eq!(made.duplicate_window, Duration::from_secs(3_600));
    assert_eq!((made.num_replicas, made.max_bytes, made.max_messages), (1, -1, -1));
}

#[tokio::test]
async fn what_the_configuration_does_not_name_is_reported_and_left() {
    let nats = NatsServer::start();
    make(&nats, existing()).await;
    let daemon = Daemon::start(&nats).await;
    left(&daemon, "stream.max_age").await;
    left(&daemon, "stream.duplicate_window").await;
    let found = config(&nats).await;
    assert_eq!(found.max_age, existing().max_age);
    assert_eq!(found.duplicate_window, existing().duplicate_window);
}

/// Whoever may change the stream could read every event by it.
#[tokio::test]
async fn a_stream_that_publishes_again_what_it_takes_is_reported() {
    let nats = NatsServer::start();
    let elsewhere =
        Republish { source: "forge.>".into(), destination: "copy.>".into(), headers_only: false };
    let same = Config {
        max_age: Duration::from_secs(30 * 86_400),
        duplicate_window: Duration::from_secs(3_600),
        ..existing()
    };
    make(&nats, Config { republish: Some(elsewhere), ..same }).await;
    let daemon = Daemon::start(&nats).await;
    let drift = left(&daemon, "republish").await;
    assert!(drift["found"].as_str().unwrap().contains("copy.>"), "{drift}");
    assert!(drift["means"].as_str().unwrap().starts_with("security: every event"), "{drift}");
}

#[tokio::test]
async fn what_loses_events_or_takes_them_from_elsewhere_is_reported_though_no_key_names_it() {
    let nats = NatsServer::start();
    let other = Config { name: "OTHER".into(), subjects: vec!["other.>".into()], ..existing() };
    make(&nats, other).await;
    let changed = Config {
        storage: StorageType::Memory,
        sources: Some(vec![Source { name: "OTHER".into(), ..Source::default() }]),
        allow_rollup: true,
        max_messages_per_subject: 7,
        deny_delete: true,
        ..existing()
    };
    make(&nats, changed).await;
    let daemon = Daemon::start(&nats).await;
    let keys = eventually("all of it is reported", || async {
        let lines = daemon.log();
        let drift = lines.iter().filter(|line| line.contains("Stream differs from"));
        let drift = drift.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let drift = drift.filter(|line| line["stream"] == "FORGE" && !line["means"].is_null());
        let keys: Vec<_> = drift.map(|line| line["key"].as_str().unwrap().to_owned()).collect();
        (keys.len() >= 5).then_some(keys)
    })
    .await;
    let expected = ["storage", "sources", "allow_rollup_hdrs", "max_msgs", "max_msgs_per_subject"];
    assert_eq!(keys, expected, "and not deny_delete, which only forbids more");
    let found = config(&nats).await;
    assert_eq!((found.max_messages_per_subject, found.allow_rollup), (7, true));
}

#[tokio::test]
async fn what_the_configuration_names_is_changed_and_nothing_else() {
    let nats = NatsServer::start();
    make(&nats, existing()).await;
    let daemon =
        Daemon::with(&nats, &format!("[stream]\nduplicate_window = \"30m\"\n{}", sources())).await;
    daemon.logged("Stream changed as configured.").await;
    let found = config(&nats).await;
    assert_eq!(found.duplicate_window, Duration::from_secs(1_800));
    assert_eq!(found.max_age, existing().max_age);
    assert_eq!((found.description.as_deref(), found.max_messages), (Some("made by hand"), 5_000));
}

#[tokio::test]
async fn a_stream_is_shrunk_only_with_allow_shrink() {
    let nats = NatsServer::start();
    make(&nats, existing()).await;
    let smaller = format!("[stream]\nmax_age = \"1d\"\nduplicate_window = \"2m\"\n{}", sources());
    let daemon = Daemon::with(&nats, &smaller).await;
    let drift = left(&daemon, "stream.max_age").await;
    assert!(drift["outcome"].as_str().unwrap().contains("--allow-shrink"), "{drift}");
    assert_eq!(config(&nats).await.max_age, existing().max_age);
    drop(daemon);
    let daemon = Daemon::unready(&nats.url, &smaller, &["--allow-shrink"]).await;
    daemon.ready().await;
    assert_eq!(config(&nats).await.max_age, Duration::from_secs(86_400));
}

#[tokio::test]
async fn an_unmanaged_stream_is_neither_made_nor_changed() {
    let nats = NatsServer::start();
    let unmanaged = format!(
        "[spool]\nenabled = false\n[stream]\nmanage = false\nduplicate_window = \"30m\"\n{}",
        sources()
    );
    let daemon = Daemon::unready(&nats.url, &unmanaged, &[]).await;
    let line = daemon.logged("Stream cannot be used.").await;
    assert!(line["error"].as_str().unwrap().contains("FORGE does not exist"), "{line}");
    assert_eq!(get(daemon.admin, "/readyz").await.json()["reason"], "stream_not_usable");
    make(&nats, existing()).await;
    daemon.ready().await;
    assert_eq!(config(&nats).await.duplicate_window, existing().duplicate_window);
}

#[tokio::test]
async fn a_stream_without_our_subjects_is_given_them() {
    let nats = NatsServer::start();
    make(&nats, Config { subjects: vec!["other.>".into()], ..existing() }).await;
    let daemon = Daemon::start(&nats).await;
    daemon.logged("Stream changed as configured.").await;
    assert_eq!(config(&nats).await.subjects, ["other.>", "forge.>"]);
}

#[tokio::test]
async fn a_stream_that_drops_what_it_acknowledges_is_reported() {
    let nats = NatsServer::start();
    make(&nats, Config { retention: RetentionPolicy::Interest, ..existing() }).await;
    let daemon = Daemon::start(&nats).await;
    eventually("the retention is reported", || async {
        daemon.log().iter().any(|line| line.contains("\"key\":\"retention\"")).then_some(())
    })
    .await;
}
