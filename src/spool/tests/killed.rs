//! A process that is killed in the middle of commits.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::*;

/// How many puts each cycle waits for before it kills.
const ACKNOWLEDGED: [usize; 3] = [1, 40, 300];

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for (cycle, wanted) in ACKNOWLEDGED.into_iter().enumerate() {
        let mut child = again("spool::tests::killed::puts_until_it_is_killed", folder.path());
        let mut child =
            child.env("CYCLE", cycle.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ids = lines
            .map(Result::unwrap)
            .filter_map(|line| line.split_once("acknowledged ").map(|(_, id)| id.to_owned()));
        acknowledged.extend(ids.by_ref().take(wanted));
        child.kill().unwrap();
        acknowledged.extend(ids);
        child.wait().unwrap();
    }
    assert!(acknowledged.len() >= ACKNOWLEDGED.iter().sum(), "{}", acknowledged.len());
    let spool = open_in(&folder, 256 * MIB);
    let mut there = std::collections::HashSet::new();
    for lane in spool.lanes().await.unwrap() {
        let stored = waiting(&spool, &lane.key).await;
        for (at, stored) in stored.iter().enumerate() {
            assert_eq!(stored.message, message(&stored.entry.event, 9_000));
            assert_eq!(
                stored.entry.event,
                format!("{}-{}", lane.key, at),
                "in order, without a gap"
            );
            there.insert(stored.entry.event.clone());
        }
    }
    let missing: Vec<_> = acknowledged.iter().filter(|id| !there.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", acknowledged.len());
}

#[tokio::test]
async fn puts_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let cycle = std::env::var("CYCLE").unwrap();
    let spool = Spool::open(&Path::new(&directory).join("spool"), 256 * MIB).unwrap();
    let tasks = (0..8).map(|task| {
        let (spool, lane) = (&spool, format!("{cycle}-{task}"));
        async move {
            for n in 0..4_000 {
                let id = format!("{lane}-{n}");
                spool.put(vec![put(&lane, &id, 9_000)]).await.unwrap();
                println!("acknowledged {id}");
            }
        }
    });
    futures_util::future::join_all(tasks).await;
}
