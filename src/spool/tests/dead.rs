//! Dead letters.

use super::*;

#[tokio::test]
async fn a_dead_letter_is_out_of_its_lane_with_its_reason() {
    let (_folder, spool) = spool();
    let rows = spool.put(vec![put("a", "1", 10), put("a", "2", 10)]).await.unwrap();
    assert!(spool.bury(rows[0], "10054: message size exceeds maximum".to_owned()).await.unwrap());
    assert_eq!(spool.bury(rows[0], "again".to_owned()).await, Ok(false));
    let never = spool.put_dead(put("a", "3", 10), "10097".to_owned()).await.unwrap();
    assert_eq!(events(&spool, "a").await, ["2"]);
    let dead = spool.dead_list(RowId::START, 10).await.unwrap();
    assert_eq!(dead.iter().map(|entry| entry.row).collect::<Vec<_>>(), [rows[0], never]);
    assert_eq!(dead[0].reason.as_deref(), Some("10054: message size exceeds maximum"));
    assert!(dead[0].died_at.is_some());
    let shown = spool.dead_show(never).await.unwrap().unwrap().unwrap();
    assert_eq!(shown.message, message("3", 10));
    assert_eq!(spool.dead_show(rows[1]).await, Ok(None), "it waits");
}

#[tokio::test]
async fn a_dead_letter_that_is_tried_again_is_the_last_of_its_lane() {
    let (_folder, spool) = spool();
    let rows = spool.put(vec![put("a", "1", 9_000), put("a", "2", 10)]).await.unwrap();
    spool.bury(rows[0], "no".to_owned()).await.unwrap();
    let again = spool.dead_retry(rows[0]).await.unwrap().unwrap();
    assert!(again > rows[1]);
    assert_eq!(events(&spool, "a").await, ["2", "1"]);
    let last = &waiting(&spool, "a").await[1];
    assert_eq!((&last.message, &last.entry.reason), (&message("1", 9_000), &None));
    assert_eq!(spool.dead_retry(rows[0]).await, Ok(None));
    assert_eq!((spool.status().dead, spool.status().waiting), (0, 2));
}

#[tokio::test]
async fn only_a_dead_letter_is_dropped() {
    let (_folder, spool) = spool();
    let rows = spool.put(vec![put("a", "1", 10)]).await.unwrap();
    assert_eq!(spool.dead_drop(rows[0]).await, Ok(false));
    spool.bury(rows[0], "no".to_owned()).await.unwrap();
    assert_eq!(spool.dead_drop(rows[0]).await, Ok(true));
    assert_eq!(spool.show(rows[0]).await, Ok(None));
}
