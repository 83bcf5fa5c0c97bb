//! What is opened, and what is refused with a word on what to do.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A spool as version 1 wrote it. Later versions go on reading it: this text does not change.
const VERSION_1: &str = include_str!("version_1.sql");

fn refused(folder: &TempDir) -> OpenError {
    Spool::open(&folder.path().join("spool"), 256 * MIB).unwrap_err()
}

/// A spool that held a few messages and is closed.
async fn closed() -> TempDir {
    let (folder, spool) = spool();
    spool.put((0..40).map(|n| put("a", &n.to_string(), 9_000)).collect()).await.unwrap();
    spool.close().await;
    folder
}

#[tokio::test]
async fn what_version_1_wrote_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("spool")).unwrap();
    database(&folder).execute_batch(VERSION_1).unwrap();
    let spool = open_in(&folder, 256 * MIB);
    let status = spool.status();
    assert_eq!((status.waiting, status.waiting_bytes), (2, 700));
    assert_eq!((status.dead, status.retained, status.oldest_stored_at), (1, 1, Some(1_000)));
    let lanes: Vec<_> = spool.lanes().await.unwrap().into_iter().map(|lane| lane.key).collect();
    assert_eq!(lanes, ["gitea:1", "gitea:2"]);
    let first = &waiting(&spool, "gitea:1").await[0];
    assert_eq!(first.message.subject.as_str(), "forge.gitea.acme.widgets.push.updated.main");
    assert_eq!(
        first.message.headers.iter().collect::<Vec<_>>(),
        [("Nats-Msg-Id", "e1"), ("ce-id", "e1")]
    );
    assert_eq!(&*first.message.body, b"{\"one\":1}");
    let payload = first.message.payload.as_ref().unwrap();
    assert_eq!((&*payload.reference.object, &*payload.content), ("abc", &b"large"[..]));
    assert_eq!((&*payload.sha256, payload.reference.bytes), ("SHA-256=xyz", 5));
    let second = &waiting(&spool, "gitea:2").await[0].entry;
    assert_eq!((second.sent_at, &*second.delivery), (Some(1_900), "d2"));
    let dead = &spool.dead_list(RowId::START, 9).await.unwrap()[0];
    assert_eq!((dead.reason.as_deref(), dead.died_at), (Some("10054"), Some(3_500)));
    let which = Forgotten { after: 0, since: i64::MAX, until: i64::MAX };
    let retained = spool.retained(which, RowId::START, 9, u64::MAX).await.unwrap().messages;
    assert_eq!(retained[0].as_ref().unwrap().entry.sequence, Some(77));
    assert_eq!(spool.meta_get("created").await, Ok(Some("then".to_owned())));
    let next = spool.put(vec![put("gitea:1", "new", 10)]).await.unwrap();
    assert_eq!(next[0].get(), 10);
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let (folder, spool) = spool();
    spool.put(vec![put("a", "1", 10)]).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = folder.path().join("spool");
    assert_eq!(mode(&directory), 0o700);
    for name in ["spool.db", "spool.db-wal", "spool.db-shm", "lock"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let (folder, _spool) = spool();
    let writer = Place::writer(&Place {
        directory: folder.path().to_owned(),
        path: folder.path().join("spool/spool.db"),
        database: tempfile::tempfile().unwrap(),
        lock: tempfile::tempfile().unwrap(),
    });
    let writer = writer.unwrap();
    assert_eq!(number(&writer, "PRAGMA synchronous"), 2);
    assert_eq!(number(&writer, "PRAGMA auto_vacuum"), 2);
    let mode: String = writer.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_second_one_is_refused_and_told_who_has_it() {
    let (folder, _spool) = spool();
    let told = refused(&folder).to_string();
    assert!(told.contains(&format!("in use by process {}", std::process::id())), "{told}");
    assert!(told.contains(&folder.path().join("spool").display().to_string()), "{told}");
}

#[tokio::test]
async fn a_later_format_is_refused_with_both_versions_and_stays_as_it_is() {
    let folder = closed().await;
    database(&folder).pragma_update(None, "user_version", 9).unwrap();
    let told = refused(&folder);
    assert!(matches!(told, OpenError::Newer { found: 9, known: 1, .. }), "{told}");
    assert!(
        told.to_string().contains("the format 9") && told.to_string().contains("up to 1"),
        "{told}"
    );
    assert_eq!(number(&database(&folder), "SELECT count(*) FROM message"), 40);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    let folder = closed().await;
    database(&folder).pragma_update(None, "application_id", 7).unwrap();
    assert!(matches!(refused(&folder), OpenError::Foreign { application_id: 7, .. }));
}

#[tokio::test]
async fn damage_is_told_at_the_start() {
    for (at, length) in [(0, 64), (4096 + 8, 600), (8 * 4096, 4096)] {
        let folder = closed().await;
        let path = folder.path().join("spool/spool.db");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at..at + length].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        let told = refused(&folder);
        assert!(matches!(told, OpenError::Corrupt { .. }), "{at}: {told}");
        assert!(told.to_string().contains(&path.display().to_string()), "{told}");
    }
    let folder = closed().await;
    let file = std::fs::File::options().write(true).open(folder.path().join("spool/spool.db"));
    file.unwrap().set_len(5 * 4096).unwrap();
    assert!(matches!(refused(&folder), OpenError::Corrupt { .. }));
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_a_first_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("spool")).unwrap();
    database(&folder).pragma_update(None, "journal_mode", "WAL").unwrap();
    let spool = open_in(&folder, 256 * MIB);
    spool.put(vec![put("a", "1", 10)]).await.unwrap();
    assert_eq!(number(&database(&folder), "PRAGMA auto_vacuum"), 2);
}

#[test]
fn a_file_in_the_place_of_the_directory_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("spool"), "").unwrap();
    assert!(matches!(refused(&folder), OpenError::NotADirectory(_)));
    let below = Spool::open(&folder.path().join("spool/below"), MIB).unwrap_err();
    assert!(matches!(below, OpenError::NotADirectory(_)), "{below}");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let mount = format!("mount --bind '{path}' '{path}' && mount -o remount,bind,ro '{path}'");
    assert_passed(mounted(
        &mount,
        "spool::tests::opening::on_a_disk_that_is_read_only",
        folder.path(),
    ));
}

#[test]
fn on_a_disk_that_is_read_only() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    for place in [directory.to_owned(), directory.join("spool")] {
        let told = Spool::open(&place, 256 * MIB).unwrap_err();
        assert!(matches!(told, OpenError::NotPermitted { .. }), "{told}");
        assert!(told.to_string().contains(&place.display().to_string()), "{told}");
    }
}
