//! What a spool promises, on real files.

mod dead;
mod disk;
mod kept;
mod killed;
mod opening;
mod retained;
mod shared;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::event::ObjectRef;
use crate::message::{Headers, Message, Object};
use crate::subject::{Address, Subject};

const MIB: u64 = 1024 * 1024;

/// A message with a body of so many bytes that do not repeat.
fn message(id: &str, bytes: usize) -> Message {
    let address = Address { source: "gitea", owner: Some("Acme"), ..Address::default() };
    Message {
        id: id.to_owned(),
        subject: Subject::new("forge", &address),
        headers: Headers::from_lines(&format!("Nats-Msg-Id:{id}\nce-id:{id}\nce-type:\n")).unwrap(),
        body: content(id, bytes),
        payload: None,
        whole: None,
    }
}

fn content(seed: &str, bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(seed.as_bytes()).finalize_xof().fill(&mut content);
    Bytes::from(content)
}

fn object(seed: &str, bytes: usize) -> Object {
    let content = content(seed, bytes);
    let reference = ObjectRef::to("FORGE_LARGE", &content);
    Object { reference, content, sha256: format!("SHA-256={seed}") }
}

fn put(lane: &str, id: &str, bytes: usize) -> Put {
    Put {
        lane: lane.to_owned(),
        message: message(id, bytes),
        source: "gitea".to_owned(),
        delivery: format!("delivery-{id}"),
        sent_at: None,
    }
}

fn open_in(folder: &TempDir, max_bytes: u64) -> Spool {
    Spool::open(&folder.path().join("spool"), max_bytes).unwrap()
}

/// A spool with plenty of room, and the folder that it is in.
fn spool() -> (TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = open_in(&folder, 256 * MIB);
    (folder, spool)
}

/// The database itself, as any other program sees it.
fn database(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("spool/spool.db")).unwrap()
}

fn number(connection: &Connection, sql: &str) -> u64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// All that waits in a lane.
async fn waiting(spool: &Spool, lane: &str) -> Vec<Stored> {
    let rows = spool.next(lane, RowId::START, usize::MAX, u64::MAX).await.unwrap().messages;
    rows.into_iter().map(Result::unwrap).collect()
}

async fn events(spool: &Spool, lane: &str) -> Vec<String> {
    waiting(spool, lane).await.into_iter().map(|stored| stored.entry.event).collect()
}

/// Waits for something that comes by itself.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < limit, "not within 30 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the files take: lengths, or blocks where those are more.
fn on_disk(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let files = std::fs::read_dir(directory).unwrap().filter_map(|file| {
        // A log may go while we look.
        let file = file.unwrap();
        (file.file_name() != "lock").then(|| file.metadata().ok()).flatten()
    });
    files.map(|file| file.len().max(file.blocks() * 512)).sum()
}

/// This test program once more, for one test that does nothing by itself.
fn again(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", test]).env(DIRECTORY, directory);
    command
}

/// Names the directory to a test that runs in a process of its own.
const DIRECTORY: &str = "FORGEWIRE_TEST_SPOOL";

/// Runs a test of this program where `mount` mounted something on `directory`; none where that is not permitted.
fn mounted(mount: &str, test: &str, directory: &Path) -> Option<Output> {
    let script = format!("{mount} || exit 77; exec \"$@\"");
    for unshare in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let test = again(test, directory);
        let mut command = Command::new("unshare");
        command.args(unshare).args(["sh", "-c", &script, "sh"]);
        command.arg(test.get_program()).args(test.get_args()).env(DIRECTORY, directory);
        match command.output() {
            Ok(output) if output.status.success() || output.status.code() == Some(101) => {
                return Some(output);
            }
            _ => {}
        }
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "mounting is not permitted here, so this cannot be tested"
    );
    println!("NOT RUN: mounting is not permitted here");
    None
}

fn assert_passed(output: Option<Output>) {
    if let Some(output) = output {
        let told = [&*output.stdout, &*output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
    }
}
