//! What it takes on the disk: never more than it may, and no more than it must.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Puts messages of 9 KB until one is refused; the rows of those that were kept.
async fn fill(spool: &Spool, directory: &Path, max_bytes: u64) -> (Vec<RowId>, WriteError) {
    let mut rows = Vec::new();
    loop {
        let puts = (0..7).map(|n| put("a", &format!("{}-{n}", rows.len()), 9_000)).collect();
        let kept = spool.put(puts).await;
        let taken = on_disk(directory);
        assert!(taken <= max_bytes, "{taken} bytes on disk of {max_bytes}");
        match kept {
            Ok(kept) => rows.extend(kept),
            Err(error) => return (rows, error),
        }
    }
}

#[tokio::test]
async fn it_is_full_at_its_limit_and_has_room_again_when_something_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("spool");
    let max_bytes = 24 * MIB;
    let spool = open_in(&folder, max_bytes);
    for _ in 0..3 {
        let (rows, error) = fill(&spool, &directory, max_bytes).await;
        assert_eq!(error, WriteError::Full);
        let status = spool.status();
        assert!(status.full && !status.disk_full, "{status:?}");
        assert!(status.waiting_bytes > max_bytes / 2, "most of it holds messages: {status:?}");
        assert_eq!(status.waiting, rows.len() as u64);
        // Smaller ones may still fit.
        for (at, row) in rows.iter().enumerate() {
            spool.done(&[*row]).unwrap();
            if at % 100 == 0 {
                spool.meta_set("at", &at.to_string()).await.unwrap();
                assert!(on_disk(&directory) <= max_bytes, "{} in removing", on_disk(&directory));
            }
        }
        until("there is room", || !spool.status().full && spool.status().waiting == 0).await;
    }
    until("the files shrink", || on_disk(&directory) < MIB).await;
    let lengths = ["spool.db", "spool.db-wal", "spool.db-shm"].map(|name| directory.join(name));
    let lengths = || lengths.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    until("the status says so", || spool.status().disk_bytes == lengths()).await;
}

#[tokio::test]
async fn a_delivery_that_does_not_fit_keeps_no_smaller_one_out() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_in(&folder, 24 * MIB);
    let large = vec![put("a", "large", 20 << 20)];
    let small = vec![put("b", "small", 1_000)];
    let (large, small) = tokio::join!(spool.put(large), spool.put(small));
    assert_eq!(large, Err(WriteError::Full));
    assert!(small.is_ok());
    assert!(spool.status().full, "the large one would not fit now");
}

#[tokio::test]
async fn a_delivery_of_64_mebibytes_is_kept_whole_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("spool");
    let max_bytes = 160 * MIB;
    let spool = Arc::new(open_in(&folder, max_bytes));
    let ended = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let (ended, directory) = (Arc::clone(&ended), directory.clone());
        move || {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(on_disk(&directory));
                std::thread::yield_now();
            }
            most
        }
    });
    let mut large = put("a", "large", 100);
    large.message.payload = Some(object("payload", 64 << 20));
    let rows = spool.put(vec![large.clone(), put("a", "next", 9_000)]).await.unwrap();
    assert_eq!(waiting(&spool, "a").await[0].message, large.message);
    spool.done(&rows).unwrap();
    until("the files shrink", || on_disk(&directory) < MIB).await;
    ended.store(true, Ordering::Relaxed);
    let most = watch.join().unwrap();
    assert!(most > 64 * MIB && most <= max_bytes, "{most} bytes on disk of {max_bytes}");
}

#[test]
fn a_disk_that_is_full_is_told_and_is_used_again_when_it_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=12m tmpfs '{}'", folder.path().display());
    assert_passed(mounted(&mount, "spool::tests::disk::on_a_disk_of_12_mebibytes", folder.path()));
}

#[tokio::test]
async fn on_a_disk_of_12_mebibytes() {
    let Some(root) = std::env::var_os(DIRECTORY) else { return };
    let root = Path::new(&root);
    let directory = root.join("spool");
    let spool = Spool::open(&directory, 256 * MIB).unwrap();
    // Somebody else's file takes the disk, and gives it back.
    let other = root.join("other");
    let rows = spool.put(vec![put("b", "first", 9_000)]).await.unwrap();
    while std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&other)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &[1; 4096]))
        .is_ok()
    {}
    let (_, error) = fill(&spool, &directory, 256 * MIB).await;
    assert_eq!(error, WriteError::DiskFull);
    assert!(spool.status().disk_full && spool.status().latched.is_none(), "{:?}", spool.status());
    let before = spool.status().waiting;
    std::fs::remove_file(&other).unwrap();
    until("room is noticed", || !spool.status().disk_full).await;
    spool.done(&rows).unwrap();
    until("what is done goes", || spool.status().waiting == before - 1).await;
    // Now it is the spool that takes the disk, and it frees itself.
    let (_, error) = fill(&spool, &directory, 256 * MIB).await;
    assert_eq!(error, WriteError::DiskFull);
    let all: Vec<_> = waiting(&spool, "a").await.iter().map(|stored| stored.entry.row).collect();
    assert!(all.len() > 300, "{}", all.len());
    spool.done(&all).unwrap();
    until("all of it goes", || spool.status().waiting == 0).await;
    until("the files shrink", || on_disk(&directory) < MIB).await;
    spool.put(vec![put("a", "last", 9_000)]).await.unwrap();
    spool.close().await;
    assert_eq!(Spool::open(&directory, 256 * MIB).unwrap().status().waiting, 1);
    let small = root.join("none");
    while std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&other)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &[1; 512]))
        .is_ok()
    {}
    let told = Spool::open(&small, 256 * MIB).unwrap_err();
    assert!(matches!(told, OpenError::DiskFull(_)), "{told}");
}
