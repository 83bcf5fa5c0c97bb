//! Messages that are kept after they were published.

use super::*;

async fn sequences(spool: &Spool, after: u64, limit: usize) -> Vec<(u64, String)> {
    let rows = spool.retained_after(after, limit, u64::MAX).await.unwrap().into_iter();
    rows.map(|row| row.unwrap().entry).map(|entry| (entry.sequence.unwrap(), entry.event)).collect()
}

#[tokio::test]
async fn retained_messages_come_by_their_sequence() {
    let (_folder, spool) = spool();
    let rows = spool.put(vec![put("a", "1", 10), put("b", "2", 10)]).await.unwrap();
    spool.done_retained(&[(rows[0], 12), (rows[1], 10)]).unwrap();
    spool.retain(vec![(put("a", "3", 10), 11)]).await.unwrap();
    until("all are retained", || spool.status().retained == 3).await;
    assert_eq!(spool.status().waiting, 0);
    let named = |sequence, event: &str| (sequence, event.to_owned());
    assert_eq!(sequences(&spool, 0, 2).await, [named(10, "2"), named(11, "3")]);
    assert_eq!(sequences(&spool, 11, 9).await, [named(12, "1")]);
    let message = spool.show(rows[0]).await.unwrap().unwrap().unwrap().message;
    assert_eq!(message, super::message("1", 10));
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
