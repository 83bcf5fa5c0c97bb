//! `forgewire spool`: through the socket of a running daemon, and on the directory where none runs.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use async_nats::jetstream::stream::Config;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::spool::{accepted, hook, hook_of, ids, stored_are};
use crate::support::daemon::{Daemon, sources, stored};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::nats::NatsServer;

/// A spool's directory, and commands that look into it.
struct Place {
    home: TempDir,
    dir: PathBuf,
}

/// A command that has ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self::named("spool")
    }

    fn named(name: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(name);
        Self { home, dir }
    }

    /// The configuration of a daemon whose spool this is.
    fn config(&self) -> String {
        format!("{}[spool]\ndir = \"{}\"\n", sources(), self.dir.display())
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("control.sock")
    }

    /// Runs a command on this directory.
    async fn run(&self, arguments: &[&str]) -> Ran {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_forgewire"))
            .arg("spool")
            .args(arguments)
            .arg("--dir")
            .arg(&self.dir)
            .env_remove("FORGEWIRE_CONFIG")
            .env("XDG_STATE_HOME", self.home.path())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs one that succeeds and prints one JSON document.
    async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
    }

    /// Runs one that says why it does not succeed.
    async fn error(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert_eq!((ran.code, &*ran.out), (69, ""), "{arguments:?}: {ran:?}");
        ran.err
    }

    /// A daemon that has taken these deliveries and stopped, with NATS away all the time.
    async fn left_behind(&self, nats: &NatsServer, deliveries: &[&str]) {
        let mut daemon = Daemon::unready(&nats.url, &self.config(), &[]).await;
        for id in deliveries {
            assert_eq!(accepted(&daemon, &hook(id)).await, "spooled");
        }
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.exit_code().await, Some(0));
    }
}

fn events(entries: &Value) -> Vec<&str> {
    entries.as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

fn rows(entries: &Value) -> Vec<i64> {
    entries.as_array().unwrap().iter().map(|entry| entry["row"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_daemon_says_what_waits_in_order_while_nats_is_away() {
    let place = Place::new();
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    for n in 0..3 {
        accepted(&daemon, &hook(&format!("a-{n}"))).await;
        accepted(&daemon, &hook_of("other", &format!("b-{n}"))).await;
    }
    let status = place.json(&["status"]).await;
    assert_eq!((&status["waiting"], &status["dead"]), (&6.into(), &0.into()), "{status}");
    assert_eq!(status["daemon"]["pid"], daemon.child.id().unwrap());
    assert_eq!(status["connected"], false);
    assert!(status["disk_bytes"].as_u64().unwrap() > 0, "{status}");
    let human = place.run(&["status"]).await.out;
    assert!(human.contains("waiting   6 messages, ") && human.contains("NATS is away"), "{human}");

    let all = place.json(&["list"]).await;
    let expected = ["gitea:a-0", "gitea:b-0", "gitea:a-1", "gitea:b-1", "gitea:a-2", "gitea:b-2"];
    assert_eq!(events(&all), expected);
    assert!(rows(&all).is_sorted(), "{all}");
    assert_eq!(events(&place.json(&["list", "--limit", "2"]).await), expected[..2]);
    let lane = all[1]["lane"].as_str().unwrap();
    let other = place.json(&["list", "--lane", lane]).await;
    assert_eq!(events(&other), ["gitea:b-0", "gitea:b-1", "gitea:b-2"]);
    assert_eq!(place.json(&["list", "--lane", "gitea:none"]).await, serde_json::json!([]));
    let human = place.run(&["list"]).await.out;
    let shown: Vec<_> = human.lines().map(|line| line.split("gitea:").last().unwrap()).collect();
    assert_eq!(shown.len(), 7, "a heading, and a line each: {human}");
    assert!(shown[4].starts_with("b-1  forge.gitea.acme.other.push.updated.main"), "{human}");
}

#[tokio::test]
async fn a_message_is_shown_as_it_is_published_and_no_control_character_is_obeyed() {
    let place = Place::new();
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    let payload = push("turned\u{202e}", &sha('1'), &sha('2'));
    let hook = Hook::new("gitea", "push", Some("push"), "s", SECRET, &payload);
    accepted(&daemon, &hook).await;
    let row = rows(&place.json(&["list"]).await)[0].to_string();
    let shown = place.json(&["show", &row]).await;
    assert_eq!((&shown["event"], &shown["state"]), (&"gitea:s".into(), &"waiting".into()));
    assert_eq!(shown["headers"]["Nats-Msg-Id"], "gitea:s");
    assert_eq!(shown["body"]["ref"]["name"], "turned\u{202e}", "{shown}");
    let human = place.run(&["show", &row]).await.out;
    assert!(human.contains("\nNats-Msg-Id: gitea:s\n"), "{human}");
    assert!(human.contains(r#"{"version":1,"#), "{human}");
    assert!(human.contains(r"turned\u{202e}") && !human.contains('\u{202e}'), "{human}");
    let error = place.error(&["show", "99"]).await;
    assert!(error.contains("there is no message 99"), "{error}");
}

#[tokio::test]
async fn a_large_message_is_shown_with_the_sizes_of_its_objects() {
    let place = Place::new();
    let config = format!("{}[stream]\nmax_inline_bytes = 65536\n", place.config());
    let daemon = Daemon::unready(&NatsServer::absent().url, &config, &[]).await;
    let payload = push("main", &sha('1'), &sha('2'));
    let mut payload: Value = serde_json::from_slice(&payload).unwrap();
    payload["padding"] = "x".repeat(100_000).into();
    let payload = serde_json::to_vec(&payload).unwrap();
    let hook = Hook::new("gitea", "push", Some("push"), "l", SECRET, &payload);
    accepted(&daemon, &hook).await;
    let row = rows(&place.json(&["list"]).await)[0].to_string();
    let shown = place.json(&["show", &row]).await;
    let object = &shown["objects"][0];
    assert!(object["bytes"].as_u64().unwrap() > 100_000, "{shown}");
    assert_eq!(object["object"], shown["body"]["raw_ref"]["object"], "{shown}");
}

/// A stream whose messages are so small that not even a reference fits.
pub(crate) async fn tiny_stream(nats: &NatsServer) -> impl AsyncFnOnce() {
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let tiny = Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_message_size: 500,
        ..Config::default()
    };
    let stream = context.create_stream(tiny).await.unwrap();
    let raised = Config { max_message_size: -1, ..stream.cached_info().config.clone() };
    async move || drop(context.update_stream(raised).await.unwrap())
}

#[tokio::test]
async fn a_dead_letter_is_listed_shown_dropped_and_published_once_it_may_be() {
    let place = Place::new();
    let nats = NatsServer::start();
    let raise = tiny_stream(&nats).await;
    let daemon = Daemon::with(&nats, &place.config()).await;
    for id in ["one", "two", "three"] {
        assert_eq!(accepted(&daemon, &hook(id)).await, "spooled");
    }
    let dead = place.json(&["dead", "list"]).await;
    assert_eq!(events(&dead), ["gitea:one", "gitea:two", "gitea:three"]);
    assert!(dead[0]["reason"].as_str().unwrap().contains("10054"), "{dead}");
    assert_eq!(place.json(&["dead", "list", "--limit", "1"]).await[0], dead[0]);
    assert!(place.run(&["dead", "list"]).await.out.contains("10054"));
    let status = place.run(&["status"]).await.out;
    assert!(status.contains("dead      3 messages: see `forgewire spool dead list`"), "{status}");

    let row = |n: usize| rows(&dead)[n].to_string();
    let shown = place.json(&["dead", "show", &row(1)]).await;
    assert_eq!((&shown["event"], &shown["state"]), (&"gitea:two".into(), &"dead".into()));
    let dropped = place.run(&["dead", "drop", &row(1)]).await;
    assert!(
        dropped.out.starts_with("dropped ") && dropped.out.contains("gitea:two"),
        "{dropped:?}"
    );
    let error = place.error(&["dead", "drop", &row(1)]).await;
    assert!(error.contains("there is no dead letter"), "{error}");

    // Refused once more, it is there once more, under another row.
    let retried = place.json(&["dead", "retry", &row(0)]).await;
    let again = eventually("it is dead again", || async {
        let dead = place.json(&["dead", "list"]).await;
        (rows(&dead).len() == 2).then_some(dead)
    })
    .await;
    assert_eq!(events(&again), ["gitea:three", "gitea:one"]);
    assert_eq!(retried[0]["new_row"], again[1]["row"]);

    raise().await;
    let retried = place.run(&["dead", "retry", "--all"]).await;
    assert_eq!((retried.code, retried.out.lines().count()), (0, 2), "{retried:?}");
    assert_eq!(ids(&stored_are(&nats, 2).await), ["gitea:three", "gitea:one"]);
    assert_eq!(place.json(&["dead", "list"]).await, serde_json::json!([]));
    assert_eq!(place.json(&["dead", "retry", "--all"]).await, serde_json::json!([]));
    drop(daemon);
}

#[tokio::test]
async fn a_message_that_waits_is_no_dead_letter() {
    let place = Place::new();
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    accepted(&daemon, &hook("w")).await;
    let row = rows(&place.json(&["list"]).await)[0].to_string();
    for command in ["show", "retry", "drop"] {
        let error = place.error(&["dead", command, &row]).await;
        assert!(error.contains("no dead letter"), "{error}");
    }
    assert_eq!(events(&place.json(&["list"]).await), ["gitea:w"]);
}

#[tokio::test]
async fn a_drain_waits_for_the_daemon_until_nothing_is_left() {
    let place = Place::new();
    let mut nats = NatsServer::absent();
    let daemon = Daemon::unready(&nats.url, &place.config(), &[]).await;
    for n in 0..20 {
        accepted(&daemon, &hook(&format!("d-{n}"))).await;
    }
    let left = place.run(&["drain", "--timeout", "200ms", "--json"]).await;
    assert_eq!(left.code, 75, "{left:?}");
    assert_eq!(serde_json::from_str::<Value>(&left.out).unwrap()["waiting"], 20, "{left:?}");
    let why = "not all is published: 20 messages left, and NATS is not connected";
    assert!(left.err.contains(why), "{left:?}");
    nats.restart();
    let done = place.run(&["drain"]).await;
    assert_eq!((done.code, &*done.out), (0, ""), "{done:?}");
    assert!(done.err.contains("Nothing waits in the spool any more."), "{done:?}");
    let expected: Vec<_> = (0..20).map(|n| format!("gitea:d-{n}")).collect();
    assert_eq!(ids(&stored(&nats).await), expected);
}

#[tokio::test]
async fn without_a_daemon_the_directory_is_looked_into_and_drained() {
    let place = Place::new();
    let mut nats = NatsServer::absent();
    place.left_behind(&nats, &["x", "y", "z"]).await;
    let status = place.json(&["status"]).await;
    assert_eq!((&status["waiting"], &status["daemon"]), (&3.into(), &Value::Null), "{status}");
    let list = place.json(&["list"]).await;
    assert_eq!(events(&list), ["gitea:x", "gitea:y", "gitea:z"]);
    let row = rows(&list)[1].to_string();
    assert_eq!(place.json(&["show", &row]).await["event"], "gitea:y");
    assert_eq!(place.json(&["dead", "list"]).await, serde_json::json!([]));

    let servers = format!("nats.servers={}", nats.url);
    let left = place.run(&["drain", "--timeout", "200ms", "--set", &servers]).await;
    assert_eq!(left.code, 75, "{left:?}");
    nats.restart();
    let context = async_nats::jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let subjects = vec!["forge.>".into()];
    context
        .create_stream(Config { name: "FORGE".into(), subjects, ..Config::default() })
        .await
        .unwrap();
    let done = place.run(&["drain", "--set", &servers]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(ids(&stored(&nats).await), ["gitea:x", "gitea:y", "gitea:z"]);
    assert_eq!(place.json(&["status"]).await["waiting"], 0);
}

#[tokio::test]
async fn without_a_daemon_dead_letters_are_tried_again_by_a_drain_and_refusals_are_told() {
    let place = Place::new();
    let nats = NatsServer::start();
    let raise = tiny_stream(&nats).await;
    let mut daemon = Daemon::with(&nats, &place.config()).await;
    for id in ["one", "two"] {
        assert_eq!(accepted(&daemon, &hook(id)).await, "spooled");
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let servers = format!("nats.servers={}", nats.url);
    let dead = place.json(&["dead", "list"]).await;
    let retried = place.run(&["dead", "retry", &rows(&dead)[0].to_string()]).await;
    assert!(retried.err.contains("No daemon runs"), "{retried:?}");
    let refused = place.run(&["drain", "--json", "--set", &servers]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(serde_json::from_str::<Value>(&refused.out).unwrap()["set_aside"], 1);
    raise().await;
    place.run(&["dead", "retry", "--all"]).await;
    assert_eq!(place.run(&["drain", "--set", &servers]).await.code, 0);
    assert_eq!(ids(&stored(&nats).await), ["gitea:two", "gitea:one"]);
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_goes_with_the_daemon() {
    let place = Place::new();
    let mut daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    let socket = std::fs::metadata(place.socket()).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let directory = std::fs::metadata(&place.dir).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    assert!(!place.socket().exists());
}

#[tokio::test]
async fn the_socket_of_a_killed_daemon_is_in_nobodys_way() {
    let place = Place::new();
    let nats = NatsServer::absent();
    let mut daemon = Daemon::unready(&nats.url, &place.config(), &[]).await;
    accepted(&daemon, &hook("k")).await;
    daemon.child.kill().await.unwrap();
    assert!(place.socket().exists());
    assert_eq!(place.json(&["status"]).await["daemon"], Value::Null);
    let daemon = Daemon::unready(&nats.url, &place.config(), &[]).await;
    let status = place.json(&["status"]).await;
    assert_eq!(status["daemon"]["pid"], daemon.child.id().unwrap());
    assert_eq!(status["waiting"], 1);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_works_all_the_same() {
    let place = Place::named(&"long/".repeat(40));
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    let status = place.json(&["status"]).await;
    assert_eq!(status["daemon"]["pid"], daemon.child.id().unwrap());
    assert!(place.socket().as_os_str().len() > 108);
}

#[tokio::test]
async fn what_is_no_socket_keeps_its_name_and_the_daemon_runs_without_one() {
    let place = Place::new();
    std::fs::create_dir(&place.dir).unwrap();
    std::fs::write(place.socket(), "somebody's").unwrap();
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    let line = "No control socket: `forgewire spool` finds no way to this daemon.";
    assert_eq!(daemon.logged(line).await["level"], "WARN");
    assert_eq!(accepted(&daemon, &hook("n")).await, "spooled");
    let error = place.error(&["status"]).await;
    let by = format!("is in use by process {}", daemon.child.id().unwrap());
    assert!(error.contains(&by) && error.contains("control.sock"), "{error}");
    assert_eq!(std::fs::read_to_string(place.socket()).unwrap(), "somebody's");
}

#[tokio::test]
async fn a_directory_that_somebody_has_without_answering_is_told_with_the_process() {
    let place = Place::new();
    place.left_behind(&NatsServer::absent(), &["x"]).await;
    let lock = std::fs::OpenOptions::new().write(true).truncate(true).open(place.dir.join("lock"));
    let mut lock = lock.unwrap();
    lock.lock().unwrap();
    std::io::Write::write_all(&mut lock, b"4711").unwrap();
    let error = place.error(&["list"]).await;
    assert!(error.contains("is in use by process 4711, and nobody answers"), "{error}");
    assert!(error.contains(&place.dir.display().to_string()), "{error}");
}

#[tokio::test]
async fn nothing_is_made_where_there_is_no_spool() {
    let place = Place::new();
    for command in [&["status"][..], &["list"], &["drain"], &["dead", "list"]] {
        let error = place.error(command).await;
        assert!(error.contains("there is no spool in"), "{error}");
    }
    assert!(!place.dir.exists());
}

#[tokio::test]
async fn a_spool_of_a_later_version_is_refused_with_its_format() {
    let place = Place::new();
    place.left_behind(&NatsServer::absent(), &["x"]).await;
    let database = rusqlite::Connection::open(place.dir.join("spool.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = place.error(&["status"]).await;
    let said = "has the format 99, and this version knows formats up to";
    assert_eq!(error.matches(said).count(), 1, "{error}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_shown_with_what_is_wrong_with_it() {
    let place = Place::new();
    place.left_behind(&NatsServer::absent(), &["x"]).await;
    let database = rusqlite::Connection::open(place.dir.join("spool.db")).unwrap();
    database.execute("UPDATE message SET headers = 'Nats-Rollup:all'", []).unwrap();
    drop(database);
    let row = rows(&place.json(&["list"]).await)[0].to_string();
    let shown = place.json(&["show", &row]).await;
    assert_eq!((&shown["event"], &shown["body"]), (&"gitea:x".into(), &Value::Null));
    assert!(shown["damaged"].as_str().unwrap().contains("Nats-Rollup"), "{shown}");
    assert!(place.run(&["show", &row]).await.out.contains("damaged   \"Nats-Rollup"));
}

async fn answer_to(socket: &Path, said: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // It may hang up while it is still written to.
    let _ = stream.write_all(said).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn nothing_that_is_said_to_the_socket_harms_the_daemon() {
    let place = Place::new();
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    accepted(&daemon, &hook("g")).await;
    let long = vec![b'['; 10 * 1024 * 1024];
    let deep = vec![b'['; 60_000];
    let said: [(&[u8], &str); 8] = [
        (b"\x00\xff\n", "not understood"),
        (b"GET / HTTP/1.1\r\n\r\n", "not understood"),
        (b"{\"version\":1,\"say\":\"burn\"}\n", "not understood"),
        (b"{\"version\":2,\"say\":\"status\"}\n", "version 2 of the control protocol"),
        (b"{\"version\":1,\"say\":{\"drop\":-9223372036854775808}}\n", "\"dropped\":null"),
        (&deep, "not understood"),
        (&long, ""),
        (b"", ""),
    ];
    for (said, promised) in said {
        let answer = answer_to(&place.socket(), said).await;
        assert!(answer.contains(promised), "{answer}");
    }
    // More than are answered at once ask nothing; they are shown to be no burden once they have gone.
    let idle = futures_util::future::join_all((0..15).map(|_| UnixStream::connect(place.socket())));
    let idle = idle.await;
    assert_eq!(events(&place.json(&["list"]).await), ["gitea:g"]);
    drop(idle);
    assert_eq!(accepted(&daemon, &hook("h")).await, "spooled");
    assert_eq!(place.json(&["status"]).await["waiting"], 2);
}

#[tokio::test]
async fn a_daemon_that_does_not_answer_as_it_should_is_said_to() {
    let place = Place::new();
    place.left_behind(&NatsServer::absent(), &["x"]).await;
    let listener = UnixListener::bind(place.socket()).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(&stream), &mut asked).unwrap();
        std::io::Write::write_all(&mut stream, b"{\"version\":7,\"say\":{}}\n").unwrap();
    });
    let error = place.error(&["status"]).await;
    assert!(error.contains("version 7 of the control protocol is spoken there"), "{error}");
    other.join().unwrap();
}

#[tokio::test]
async fn who_reads_no_further_ends_a_list_without_an_error() {
    let place = Place::new();
    let daemon = Daemon::unready(&NatsServer::absent().url, &place.config(), &[]).await;
    accepted(&daemon, &hook("p")).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_forgewire"))
        .args(["spool", "list", "--dir"])
        .arg(&place.dir)
        .stdout(writer)
        .output()
        .await
        .unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}
