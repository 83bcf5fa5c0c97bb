//! What is put comes out as it was, in order, until it is done.

use super::*;

#[tokio::test]
async fn a_message_comes_back_as_it_was_put() {
    let (folder, spool) = spool();
    let mut large = put("gitea:1", "large", 300);
    large.message.payload = Some(object("payload", 70_000));
    large.message.whole = Some(object("whole", 1));
    large.sent_at = Some(7);
    let puts = vec![put("gitea:1", "plain", 9_000), large, put("gitea:1", "empty", 0)];
    let rows = spool.put(puts.clone()).await.unwrap();
    spool.close().await;
    drop(spool);
    let spool = open_in(&folder, 256 * MIB);
    let stored = waiting(&spool, "gitea:1").await;
    assert_eq!(stored.len(), 3);
    for ((stored, put), row) in stored.iter().zip(&puts).zip(rows) {
        assert_eq!(stored.message, put.message);
        let entry = &stored.entry;
        assert_eq!((entry.row, entry.state, entry.bytes), (row, State::Waiting, put.bytes()));
        assert_eq!((&*entry.source, &*entry.delivery), ("gitea", &*put.delivery));
        assert_eq!((entry.sent_at, &*entry.event), (put.sent_at, &*put.message.id));
        assert_eq!(spool.show(row).await.unwrap().unwrap().unwrap(), *stored);
    }
}

#[tokio::test]
async fn an_object_is_stored_once_and_goes_with_the_last_message_that_needs_it() {
    let (folder, spool) = spool();
    let mut puts = vec![put("a", "1", 10), put("b", "2", 10), put("b", "3", 10)];
    puts[0].message.payload = Some(object("shared", 50_000));
    puts[1].message.whole = Some(object("shared", 50_000));
    puts[2].message.payload = Some(object("own", 50_000));
    let rows = spool.put(puts).await.unwrap();
    let database = database(&folder);
    let objects = || number(&database, "SELECT count(*) FROM object");
    assert_eq!(objects(), 2);
    spool.done(&rows[..1]).unwrap();
    spool.bury(rows[2], "too large".to_owned()).await.unwrap();
    until("the first goes", || spool.status().waiting == 1).await;
    assert_eq!(objects(), 2);
    spool.done(&rows[1..2]).unwrap();
    until("the second goes", || spool.status().waiting == 0).await;
    assert_eq!(objects(), 1);
    assert!(spool.dead_drop(rows[2]).await.unwrap());
    assert_eq!(objects(), 0);
    assert_eq!(number(&database, "SELECT count(*) FROM body"), 0);
}

#[tokio::test]
async fn lanes_are_apart_and_each_is_in_order() {
    let (_folder, spool) = spool();
    for (lane, id) in [("b", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("b", "5")] {
        spool.put(vec![put(lane, id, 1_000)]).await.unwrap();
    }
    let lanes = spool.lanes().await.unwrap();
    let lanes: Vec<_> = lanes.iter().map(|lane| (&*lane.key, lane.count)).collect();
    assert_eq!(lanes, [("b", 3), ("a", 2)]);
    assert_eq!(events(&spool, "b").await, ["1", "3", "5"]);
    let one = spool.next("b", RowId::START, 10, 1).await.unwrap().messages;
    assert_eq!(one.len(), 1, "at least one, however large");
    let first = one[0].as_ref().unwrap().entry.row;
    let two = spool.next("b", first, 2, u64::MAX).await.unwrap().messages;
    assert_eq!(two.len(), 2);
    let last = two[1].as_ref().unwrap().entry.row;
    assert!(spool.next("b", last, 2, u64::MAX).await.unwrap().messages.is_empty());
    let listed: Vec<_> = spool.list(first, 3).await.unwrap();
    assert_eq!(listed.iter().map(|entry| &*entry.event).collect::<Vec<_>>(), ["2", "3", "4"]);
}

#[tokio::test]
async fn a_row_id_is_never_used_again() {
    let (folder, spool) = spool();
    let first = spool.put(vec![put("a", "1", 10)]).await.unwrap();
    spool.done(&first).unwrap();
    spool.close().await;
    drop(spool);
    let spool = open_in(&folder, 256 * MIB);
    assert_eq!(spool.status().waiting, 0);
    let second = spool.put(vec![put("a", "2", 10)]).await.unwrap();
    assert!(second > first, "{second:?} after {first:?}");
}

#[tokio::test]
async fn when_it_was_first_sent_is_kept() {
    let (_folder, spool) = spool();
    let rows = spool.put(vec![put("a", "1", 10), put("a", "2", 10)]).await.unwrap();
    spool.mark_sent(&rows[..1], 100).unwrap();
    spool.mark_sent(&rows, 200).unwrap();
    // What is asked for later is committed later.
    spool.meta_set("x", "y").await.unwrap();
    let sent: Vec<_> = waiting(&spool, "a").await.iter().map(|row| row.entry.sent_at).collect();
    assert_eq!(sent, [Some(100), Some(200)]);
}

#[tokio::test]
async fn facts_are_kept_and_replaced() {
    let (folder, spool) = spool();
    assert_eq!(spool.meta_get("created").await, Ok(None));
    spool.meta_set("created", "then").await.unwrap();
    spool.meta_set("created", "now").await.unwrap();
    spool.close().await;
    drop(spool);
    let spool = open_in(&folder, 256 * MIB);
    assert_eq!(spool.meta_get("created").await, Ok(Some("now".to_owned())));
}

#[tokio::test]
async fn a_row_that_makes_no_message_is_told_and_can_be_buried() {
    let (folder, spool) = spool();
    let rows =
        spool.put(vec![put("a", "1", 10), put("a", "2", 10), put("a", "3", 10)]).await.unwrap();
    let sql = "UPDATE message SET headers = 'Nats-Rollup:all' || char(10) WHERE event = '1';
               DELETE FROM body WHERE message = (SELECT id FROM message WHERE event = '2')";
    database(&folder).execute_batch(sql).unwrap();
    let read = spool.next("a", RowId::START, 10, u64::MAX).await.unwrap().messages;
    let told = read[0].as_ref().unwrap_err();
    assert_eq!(told.row, rows[0]);
    assert!(told.reason.contains("Nats-Rollup"), "{told}");
    assert!(read[1].is_err() && read[2].is_ok());
    assert!(spool.bury(rows[0], told.reason.clone()).await.unwrap());
    assert_eq!(spool.lanes().await.unwrap()[0].first_row, rows[1]);
}

#[tokio::test]
async fn the_counters_are_what_the_tables_say() {
    let (folder, spool) = spool();
    let puts = (0..60).map(|n| put(&format!("lane-{}", n % 7), &n.to_string(), n * 150));
    let rows = spool.put(puts.collect()).await.unwrap();
    spool.put_dead(put("a", "dead", 5), "never".to_owned()).await.unwrap();
    spool.retain(vec![(put("a", "kept", 5), 9)]).await.unwrap();
    for (at, row) in rows.iter().enumerate() {
        match at % 6 {
            0 => spool.done(&[*row]).unwrap(),
            1 => assert!(spool.bury(*row, "no".to_owned()).await.unwrap()),
            2 => spool.done_retained(&[(*row, at as u64)]).unwrap(),
            3 => assert_eq!(spool.dead_retry(*row).await, Ok(None)),
            4 => assert_eq!(spool.dead_drop(*row).await, Ok(false)),
            // Again and again is once.
            _ => spool.done(&[*row, *row, rows[0]]).unwrap(),
        }
    }
    spool.dead_retry(rows[1]).await.unwrap().unwrap();
    assert!(spool.dead_drop(rows[7]).await.unwrap());
    until("what is lazy is done", || spool.status().waiting == 21).await;
    let kept = spool.status();
    let database = database(&folder);
    let of = |what: &str, state: &str| {
        number(&database, &format!("SELECT {what} FROM message WHERE state = '{state}'"))
    };
    assert_eq!(kept.waiting, of("count(*)", "waiting"));
    assert_eq!(kept.waiting_bytes, of("sum(bytes)", "waiting"));
    assert_eq!((kept.dead, kept.retained), (of("count(*)", "dead"), of("count(*)", "retained")));
    let at = |order: &str| {
        let sql = format!("stored_at FROM message WHERE state = 'waiting' ORDER BY id {order} --");
        i64::try_from(number(&database, &format!("SELECT {sql}"))).ok()
    };
    assert_eq!((kept.oldest_stored_at, kept.newest_stored_at), (at("ASC"), at("DESC")));
    spool.close().await;
    drop(spool);
    let again = open_in(&folder, 256 * MIB).status();
    assert_eq!((again.waiting, again.waiting_bytes), (kept.waiting, kept.waiting_bytes));
    assert_eq!((again.dead, again.retained), (kept.dead, kept.retained));
}
