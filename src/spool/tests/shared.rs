//! Many at a time, and how it ends.

use std::sync::Arc;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deliveries_at_the_same_moment_stay_whole_and_in_order() {
    let (folder, spool) = spool();
    let spool = Arc::new(spool);
    let tasks = (0..32).map(|task| {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move {
            let mut last = RowId::START;
            for delivery in 0..10 {
                let ids = (0..3).map(|event| format!("{task}-{delivery}-{event}"));
                let puts = ids.map(|id| put(&task.to_string(), &id, 2_000)).collect();
                let rows = spool.put(puts).await.unwrap();
                assert!(last < rows[0] && rows[0].get() + 2 == rows[2].get(), "{rows:?}");
                last = rows[2];
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(spool.status().waiting, 960);
    for task in 0..32 {
        let ids = (0..10).flat_map(|n| (0..3).map(move |event| format!("{task}-{n}-{event}")));
        assert_eq!(events(&spool, &task.to_string()).await, ids.collect::<Vec<_>>());
    }
    assert_eq!(number(&database(&folder), "SELECT count(DISTINCT id) FROM message"), 960);
}

#[tokio::test]
async fn who_stops_waiting_undoes_nothing() {
    let (_folder, spool) = spool();
    let asked = spool.put(vec![put("a", "1", 10)]);
    assert!(
        tokio::time::timeout(Duration::ZERO, asked).await.is_err() || spool.status().waiting == 1
    );
    until("it is there", || spool.status().waiting == 1).await;
}

#[tokio::test]
async fn what_was_asked_for_before_closing_is_there_when_it_is_opened_again() {
    let (folder, spool) = spool();
    let rows = spool.put(vec![put("a", "gone", 10)]).await.unwrap();
    spool.done(&rows).unwrap();
    let puts = (0..50).map(|n| spool.put(vec![put("a", &n.to_string(), 100)]));
    let (kept, ()) = tokio::join!(futures_util::future::join_all(puts), spool.close());
    assert!(kept.iter().all(Result::is_ok));
    assert_eq!(spool.put(vec![put("a", "late", 1)]).await, Err(WriteError::Closed));
    assert_eq!(spool.lanes().await, Err(ReadError::Closed));
    assert_eq!(spool.done(&rows), Err(WriteError::Closed));
    assert!(!spool.failed());
    // The first is not dropped yet, but closed.
    let again = open_in(&folder, 256 * MIB);
    assert_eq!(again.status().waiting, 50);
    drop(again);
    let again = open_in(&folder, 256 * MIB);
    assert_eq!(again.status().waiting, 50);
}

#[tokio::test]
async fn a_thread_that_panics_is_an_error_for_everybody_and_keeps_the_directory() {
    let (folder, spool) = spool();
    spool.put(vec![put("a", "1", 10)]).await.unwrap();
    spool.commands.send(work::Command::Panic).unwrap();
    until("it has failed", || spool.failed()).await;
    assert_eq!(spool.put(vec![put("a", "2", 10)]).await, Err(WriteError::Closed));
    assert_eq!(events(&spool, "a").await, ["1"]);
    let second = Spool::open(&folder.path().join("spool"), MIB).unwrap_err();
    assert!(matches!(second, OpenError::Locked { .. }), "{second}");
    spool.close().await;
    assert_eq!(open_in(&folder, 256 * MIB).status().waiting, 1);
}
