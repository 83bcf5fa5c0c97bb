//! Messages that are kept after they were published.

use super::*;

async fn sequences(
    spool: &Spool,
    (after, until, row): (u64, i64, RowId),
    limit: usize,
) -> Vec<(u64, String)> {
    of(spool, Forgotten { after, since: i64::MAX, until }, row, limit).await
}

async fn of(spool: &Spool, which: Forgotten, row: RowId, limit: usize) -> Vec<(u64, String)> {
    let rows = spool.retained(which, row, limit, u64::MAX).await.unwrap().messages.into_iter();
    rows.map(|row| row.unwrap().entry).map(|entry| (entry.sequence.unwrap(), entry.event)).collect()
}

#[tokio::test]
async fn retained_messages_come_from_beyond_a_sequence_by_their_rows() {
    let (_folder, spool) = spool();
    let rows = spool.put(vec![put("a", "1", 10), put("b", "2", 10)]).await.unwrap();
    spool.done_retained(&[(rows[0], 12), (rows[1], 10)]).unwrap();
    spool.retain(vec![(put("a", "3", 10), 11)]).await.unwrap();
    until("all are retained", || spool.status().retained == 3).await;
    assert_eq!(spool.status().waiting, 0);
    let named = |sequence, event: &str| (sequence, event.to_owned());
    let all = (0, i64::MAX, RowId::START);
    assert_eq!(sequences(&spool, all, 2).await, [named(12, "1"), named(10, "2")]);
    assert_eq!(sequences(&spool, (0, i64::MAX, rows[1]), 9).await, [named(11, "3")]);
    assert_eq!(sequences(&spool, (10, i64::MAX, rows[0]), 9).await, [named(11, "3")]);
    assert!(sequences(&spool, (0, 0, RowId::START), 9).await.is_empty(), "stored later");
    let recent = Forgotten { after: 12, since: 0, until: i64::MAX };
    assert_eq!(of(&spool, recent, rows[0], 1).await, [named(10, "2")], "of any sequence");
    let message = spool.show(rows[0]).await.unwrap().unwrap().unwrap().message;
    assert_eq!(message, super::message("1", 10));
}

#[tokio::test]
async fn of_two_messages_with_one_sequence_none_is_skipped() {
    let (_folder, spool) = spool();
    spool.retain(vec![(put("a", "old", 10), 7), (put("a", "new", 10), 7)]).await.unwrap();
    let named = |event: &str| (7, event.to_owned());
    let which = Forgotten { after: 6, since: i64::MAX, until: i64::MAX };
    let first = spool.retained(which, RowId::START, 1, u64::MAX).await.unwrap().messages;
    let first = first[0].as_ref().unwrap().entry.row;
    assert_eq!(sequences(&spool, (6, i64::MAX, RowId::START), 1).await, [named("old")]);
    assert_eq!(sequences(&spool, (6, i64::MAX, first), 1).await, [named("new")]);
}

#[tokio::test]
async fn retained_messages_go_by_their_age_and_nothing_else_does() {
    let (_folder, spool) = spool();
    spool.put(vec![put("a", "1", 10)]).await.unwrap();
    spool.put_dead(put("a", "2", 10), "no".to_owned()).await.unwrap();
    let many = (0..600).map(|n| (put("a", &n.to_string(), 10), n)).collect();
    spool.retain(many).await.unwrap();
    assert_eq!(spool.drop_retained_before(0).await, Ok(0));
    assert_eq!(spool.drop_retained_before(i64::MAX).await, Ok(600));
    let status = spool.status();
    assert_eq!((status.waiting, status.dead, status.retained), (1, 1, 0));
}
