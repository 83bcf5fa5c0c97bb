//! Spools of earlier versions: what a daemon left behind when it was killed is published by this one.
//!
//! Each directory in `spools` is named after the version of its tables, and holds the files as they were found after
//! kill -9 of a daemon whose NATS was away (sent: `forgewire send gitea push`, `gogs push`, `gitea tag`), and the ids
//! of its events in their order. Another version is another directory; none is ever changed.

use std::path::PathBuf;

use crate::support::daemon::{Daemon, sources, stored};
use crate::support::eventually;
use crate::support::nats::NatsServer;

fn spools() -> Vec<PathBuf> {
    let all = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/spools");
    std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_spool_that_a_killed_daemon_of_an_earlier_version_left_is_published_in_order() {
    assert!(!spools().is_empty());
    for left in spools() {
        let (nats, dir) = (NatsServer::start(), tempfile::tempdir().unwrap());
        for file in ["spool.db", "spool.db-wal"] {
            std::fs::copy(left.join(file), dir.path().join(file)).unwrap();
        }
        let events = std::fs::read_to_string(left.join("events.txt")).unwrap();
        let events: Vec<_> = events.lines().collect();
        let config = format!("{}[spool]\ndir = \"{}\"\n", sources(), dir.path().display());
        let daemon = Daemon::with(&nats, &config).await;
        let found = eventually("all is published", || async {
            let all = stored(&nats).await;
            (all.len() >= events.len()).then_some(all)
        })
        .await;
        let mut ids: Vec<_> = found.iter().map(|event| &*event.headers["Nats-Msg-Id"]).collect();
        // Order holds within a repository; what is another's may come between.
        ids.sort_by_key(|id| id.split(':').next());
        let mut expected = events.clone();
        expected.sort_by_key(|id| id.split(':').next());
        assert_eq!(ids, expected, "{}", left.display());
        assert!(found.iter().all(|event| event.body["raw"].is_object()), "{found:?}");
        drop(daemon);
    }
}
