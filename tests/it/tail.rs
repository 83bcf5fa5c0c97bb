//! `forgewire tail` as a process, reading what was published to a real nats-server.

use std::fs::File;
use std::io::Read as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use forgewire::dev_state::DevState;
use forgewire::event::{
    Actor, ActorKind, Commit, Data, Delivery, Event, Push, PushAction, Raw, RefKind, RefName,
    Repository, TagAction, Time,
};
use forgewire::message::Message;
use forgewire::source::UnsignedHeaders;
use forgewire::trace::TraceContext;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::nats::{LIMIT, NatsServer, eventually_async, free_port};
use crate::support::schema::assert_valid;

/// A NATS with a stream for events, and a home for the commands that has nothing in it.
struct World {
    nats: NatsServer,
    jetstream: Context,
    home: TempDir,
}

impl World {
    async fn new() -> Self {
        let world = Self::without_stream().await;
        world.make_stream().await;
        world
    }

    async fn make_stream(&self) {
        let config = jetstream::stream::Config {
            name: "FORGE".into(),
            subjects: vec!["forge.>".into()],
            ..Default::default()
        };
        eventually_async("the stream is made", async || {
            self.jetstream.create_stream(config.clone()).await.ok()
        })
        .await;
    }

    async fn without_stream() -> Self {
        let nats = NatsServer::start();
        let client = async_nats::connect(&nats.url).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        Self { nats, jetstream: jetstream::new(client), home }
    }

    async fn publish(&self, event: &Event<'_>) {
        let headers = hyper::HeaderMap::new();
        let trace = TraceContext::of(UnsignedHeaders::new(&headers));
        let message = Message::of(event, "forge", trace).unwrap();
        assert_valid(&message.body);
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in message.headers.iter() {
            headers.insert(name, value);
        }
        let subject = message.subject.as_str().to_owned();
        // A server that was just restarted may not have its stream yet.
        eventually_async("published", async || {
            let sent = self.jetstream.publish_with_headers(
                subject.clone(),
                headers.clone(),
                message.body.clone(),
            );
            sent.await.ok()?.await.ok()
        })
        .await;
    }

    async fn publish_foreign(&self, subject: &'static str, body: &'static str) {
        self.jetstream.publish(subject, body.into()).await.unwrap().await.unwrap();
    }

    /// `forgewire tail` for this NATS.
    fn tail(&self, arguments: &[&str]) -> Running {
        let mut command = forgewire(&self.home);
        command.args(["--nats", &self.nats.url]).args(arguments);
        Running::start(command)
    }

    /// Waits until somebody reads the stream.
    async fn read_by_somebody(&self) {
        eventually_async("somebody reads the stream", async || {
            let mut stream = self.jetstream.get_stream("FORGE").await.ok()?;
            (stream.info().await.ok()?.state.consumer_count > 0).then_some(())
        })
        .await;
    }
}

fn forgewire(home: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forgewire"));
    for (name, _) in std::env::vars_os() {
        let set = name.to_string_lossy().starts_with("FORGEWIRE") || name == "NO_COLOR";
        if set {
            command.env_remove(name);
        }
    }
    command.env("XDG_STATE_HOME", home.path()).arg("tail");
    command
}

/// A running `forgewire tail`.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        match timeout(LIMIT, self.lines.next_line()).await {
            Ok(Ok(Some(line))) => line,
            Ok(end) => panic!("no further line ({end:?}): {}", self.errors().await),
            Err(late) => panic!("no line within {LIMIT:?}: {late}"),
        }
    }

    /// The delivery of the next event, of JSON lines.
    async fn delivery(&mut self) -> String {
        let event: Value = serde_json::from_str(&self.line().await).unwrap();
        event["delivery"]["id"].as_str().unwrap().to_owned()
    }

    async fn deliveries(&mut self, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(self.delivery().await);
        }
        found
    }

    async fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).await.unwrap();
        text
    }

    async fn end(&mut self) -> ExitStatus {
        timeout(LIMIT, self.child.wait()).await.expect("ends in time").unwrap()
    }
}

/// A push of one commit to `main` of `acme/widgets`.
fn push(delivery: &str) -> Event<'static> {
    let commit = Commit {
        id: "5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80".into(),
        message: Some("Fix the gears".into()),
        ..Commit::default()
    };
    let push = Push {
        before: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into()),
        after: Some(commit.id.clone()),
        commits: vec![commit],
        commits_complete: true,
        ..Push::default()
    };
    Event {
        id: format!("gitea:{delivery}"),
        source: "gitea".into(),
        forge: "gitea".into(),
        occurred_at: None,
        received_at: Time::parse("2026-11-22T09:30:00Z").unwrap(),
        delivery: Delivery {
            id: delivery.to_owned().into(),
            event: Some("push".into()),
            digest: "blake3=00".into(),
            authenticated: true,
            secret: None,
            hook: None,
            attempt: 1,
        },
        actor: Some(Actor {
            id: None,
            login: Some("alice".into()),
            name: None,
            url: None,
            kind: ActorKind::User,
        }),
        repository: Some(repository("Acme", "Widgets")),
        reference: Some(RefName { kind: RefKind::Branch, name: "main".into() }),
        data: Data::Push(PushAction::Updated, Box::new(push)),
        raw: Raw::Omitted,
        raw_altered: false,
    }
}

fn repository(owner: &str, name: &str) -> Repository<'static> {
    Repository {
        owner: Some(owner.to_owned().into()),
        name: Some(name.to_owned().into()),
        ..Repository::default()
    }
}

fn with(delivery: &str, change: impl FnOnce(&mut Event<'static>)) -> Event<'static> {
    let mut event = push(delivery);
    change(&mut event);
    event
}

fn of_repository(delivery: &str, owner: &str, name: &str) -> Event<'static> {
    with(delivery, |event| event.repository = Some(repository(owner, name)))
}

#[tokio::test]
async fn options_let_through_what_they_name_and_nothing_else() {
    let world = World::new().await;
    let tag = Data::Tag(TagAction::Created, Box::default());
    let branch = RefName { kind: RefKind::Branch, name: "feature/x.y".into() };
    for event in [
        push("1"),
        with("source", |event| event.source = "other".into()),
        of_repository("repo", "Acme", "my.gadgets"),
        of_repository("owner", "Umbrella", "Widgets"),
        with("event", |event| event.data = tag),
        with("action", |event| {
            event.data = Data::Push(PushAction::Deleted, Box::default());
        }),
        with("ref", |event| event.reference = Some(branch)),
    ] {
        world.publish(&event).await;
    }
    let cases: [(&[&str], &[&str]); 8] = [
        (&["--source", "other"], &["source"]),
        (&["--repo", "acme/My.Gadgets"], &["repo"]),
        (&["--repo", "umbrella/*"], &["owner"]),
        (&["--event", "tag"], &["event"]),
        (&["--event", "push.deleted"], &["action"]),
        (&["--ref", "feature/x.y"], &["ref"]),
        (&["--subject", "forge.*.acme.>"], &["1", "source", "repo", "event", "action", "ref"]),
        (&[], &["1", "source", "repo", "owner", "event", "action", "ref"]),
    ];
    for (options, wanted) in cases {
        let mut tail = world.tail(&[&["--all", "--json"], options].concat());
        assert_eq!(tail.deliveries(wanted.len()).await, wanted, "{options:?}");
        // What comes last and matches must be the next line: nothing else was in between.
        let mut last = push("last");
        match options {
            ["--source", ..] => last.source = "other".into(),
            ["--repo", "umbrella/*"] => last.repository = Some(repository("umbrella", "new")),
            ["--repo", _] => last.repository = Some(repository("acme", "my.gadgets")),
            ["--event", "tag"] => {
                last.data = Data::Tag(TagAction::Updated, Box::default());
            }
            ["--event", _] => {
                last.data = Data::Push(PushAction::Deleted, Box::default());
            }
            ["--ref", name] => last.reference.as_mut().unwrap().name = (*name).into(),
            _ => {}
        }
        last.id = format!("last of {options:?}");
        world.publish(&last).await;
        assert_eq!(tail.delivery().await, "last", "{options:?}");
        let stream = world.jetstream.get_stream("FORGE").await.unwrap();
        let sequence = stream.cached_info().state.last_sequence;
        stream.delete_message(sequence).await.unwrap();
    }
}

#[tokio::test]
async fn the_last_are_counted_after_the_filter_and_then_come_new_ones() {
    let world = World::new().await;
    for number in 0..60 {
        let rare = of_repository(&format!("rare-{number}"), "acme", "gadgets");
        let event = if number % 10 == 3 { rare } else { push(&number.to_string()) };
        world.publish(&event).await;
    }
    for (count, wanted) in [
        ("1", &["rare-53"][..]),
        ("3", &["rare-33", "rare-43", "rare-53"]),
        ("99", &["rare-3", "rare-13", "rare-23", "rare-33", "rare-43", "rare-53"]),
    ] {
        let mut tail = world.tail(&["--repo", "acme/gadgets", "--json", "--last", count]);
        assert_eq!(tail.deliveries(wanted.len()).await, wanted, "--last {count}");
    }
    let mut tail = world.tail(&["--json", "--last", "2"]);
    assert_eq!(tail.deliveries(2).await, ["58", "59"]);
    world.publish(&push("new")).await;
    assert_eq!(tail.delivery().await, "new");
}

#[tokio::test]
async fn without_a_start_only_new_events_come() {
    let world = World::new().await;
    world.publish(&push("old")).await;
    let mut tail = world.tail(&["--json"]);
    world.read_by_somebody().await;
    world.publish(&push("new")).await;
    assert_eq!(tail.delivery().await, "new");
}

#[tokio::test]
async fn since_begins_with_what_was_stored_that_long_ago() {
    let world = World::new().await;
    world.publish(&push("old")).await;
    let stored = Instant::now();
    let age = Duration::from_secs(4);
    eventually_async("the first is old", async || (stored.elapsed() > age).then_some(())).await;
    world.publish(&push("young")).await;
    assert_eq!(world.tail(&["--json", "--since", "4s"]).delivery().await, "young");
    assert_eq!(world.tail(&["--json", "--since", "1h"]).delivery().await, "old");
    assert_eq!(world.tail(&["--json", "--since", "500000years"]).delivery().await, "old");
}

#[tokio::test]
async fn a_line_for_people_is_plain_text_where_no_terminal_is() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    let mut tail = world.tail(&["--all", "--count", "1"]);
    insta::assert_snapshot!(
        tail.line().await,
        @r#"2026-11-22 09:30:00 gitea  push.updated         Acme/Widgets     main by alice 1 commit 1a2b3c4..5d6e7f8 "Fix the gears""#
    );
    assert!(tail.end().await.success());
}

#[tokio::test]
async fn colours_come_when_they_are_asked_for_whatever_the_environment_says() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    let mut command = forgewire(&world.home);
    command.args(["--nats", &world.nats.url, "--all", "--color", "always"]).env("NO_COLOR", "1");
    assert!(Running::start(command).line().await.contains("\u{1b}[32mpush.updated\u{1b}[0m"));
}

#[tokio::test]
async fn a_terminal_gets_colours_unless_no_color_is_set_and_lines_of_its_width() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    let (coloured, _) = on_a_terminal(&world, &[("NO_COLOR", "")]).await;
    assert!(coloured.contains("\u{1b}[32mpush.updated\u{1b}[0m"), "{coloured:?}");
    let (plain, columns) = on_a_terminal(&world, &[("NO_COLOR", "1")]).await;
    let plain = plain.trim_end();
    assert!(!plain.contains('\u{1b}') && plain.ends_with('…'), "{plain:?}");
    assert_eq!(plain.chars().count(), columns);
}

/// What one event looks like on a terminal, and how many columns that has.
async fn on_a_terminal(world: &World, environment: &[(&str, &str)]) -> (String, usize) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    const COLUMNS: u16 = 70;
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&terminal, size).unwrap();
    let stdout = File::options().read(true).write(true).open(name).unwrap();
    let mut command = forgewire(&world.home);
    command
        .args(["--nats", &world.nats.url, "--all", "--count", "1"])
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().unwrap())
        .kill_on_drop(true);
    let status = timeout(LIMIT, command.status()).await.expect("ends in time").unwrap();
    assert!(status.success());
    let mut bytes = [0; 4096];
    let read = File::from(terminal).read(&mut bytes).unwrap();
    drop(stdout);
    (String::from_utf8(bytes[..read].to_vec()).unwrap(), usize::from(COLUMNS))
}

#[tokio::test]
async fn a_json_line_is_the_body_without_white_space_and_otherwise_untouched() {
    let world = World::new().await;
    let raw = "{\n  \"b\": [ 1.50, 1e5 ],\r\n\t\"a\": \"\\u0041 x\"\n}\n";
    let event = with("1", |event| event.raw = Raw::Inline(raw.into()));
    world.publish(&event).await;
    let mut tail = world.tail(&["--all", "--json", "--count", "1"]);
    let line = tail.line().await;
    assert!(line.contains(r#""raw":{"b":[1.50,1e5],"a":"\u0041 x"}"#), "{line}");
    let body: Value = serde_json::from_slice(&event.to_json().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), body);
    assert!(tail.end().await.success());
}

#[tokio::test]
async fn with_headers_there_are_subject_sequence_and_headers_too() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    world.publish_foreign("forge.x", "no json").await;
    let mut tail = world.tail(&["--subject", "forge.>", "--all", "--json", "--headers"]);
    let first: Value = serde_json::from_str(&tail.line().await).unwrap();
    assert_eq!(first["subject"], "forge.gitea.acme.widgets.push.updated.main");
    assert_eq!(first["sequence"], 1);
    assert_eq!(first["headers"]["Nats-Msg-Id"], "gitea:1");
    assert_eq!(first["body"]["delivery"]["id"], "1");
    let foreign: Value = serde_json::from_str(&tail.line().await).unwrap();
    assert_eq!((&foreign["body"], &foreign["body_base64"]), (&Value::Null, &"bm8ganNvbg==".into()));
}

#[tokio::test]
async fn control_characters_of_senders_are_shown_and_not_obeyed() {
    let world = World::new().await;
    let event = with("1", |event| {
        event.actor.as_mut().unwrap().login = Some("al\u{1b}[2Jice\u{202e}".into());
        event.reference.as_mut().unwrap().name = "ma\rin".into();
    });
    world.publish(&event).await;
    let line = world.tail(&["--all"]).line().await;
    assert!(line.contains(r"ma\u{d}in by al\u{1b}[2Jice\u{202e} 1 commit"), "{line:?}");
    assert!(!line.chars().any(char::is_control), "{line:?}");
}

#[tokio::test]
async fn a_message_that_is_no_event_is_shown_as_such_and_left_out_of_json() {
    let world = World::new().await;
    world.publish_foreign("forge.some.where", "hello").await;
    world.publish_foreign("forge.some.where", "{\"version\": 7}").await;
    world.publish(&push("1")).await;
    let mut tail = world.tail(&["--subject", "forge.>", "--all"]);
    let line = tail.line().await;
    assert!(line.contains(" forge.some.where not an event: expected value"), "{line}");
    assert!(tail.line().await.contains(" forge.some.where not an event: "));
    assert!(tail.line().await.contains(" push.updated "));
    let mut json = world.tail(&["--subject", "forge.>", "--all", "--json", "--count", "3"]);
    assert_eq!(json.line().await, r#"{"version":7}"#);
    assert_eq!(json.delivery().await, "1");
    assert!(json.end().await.success());
    let errors = json.errors().await;
    assert!(errors.contains("not JSON") && errors.contains("forge.some.where"), "{errors}");
}

#[tokio::test]
async fn it_ends_well_when_nobody_reads_it_any_more_even_if_nothing_happens() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    let mut tail = world.tail(&["--all"]);
    tail.line().await;
    let Running { mut child, lines } = tail;
    drop(lines);
    let status = timeout(LIMIT, child.wait()).await.expect("ends in time").unwrap();
    assert_eq!(status.code(), Some(0));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
    assert_eq!(errors, "");
}

#[tokio::test]
async fn it_ends_well_when_it_is_interrupted() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    for signal in [Signal::INT, Signal::TERM] {
        let mut tail = world.tail(&["--all"]);
        tail.line().await;
        let pid = i32::try_from(tail.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        assert_eq!(tail.end().await.code(), Some(0), "{signal:?}");
        assert_eq!(tail.errors().await, "");
    }
}

#[tokio::test]
async fn it_can_be_interrupted_while_nobody_empties_the_pipe() {
    let world = World::new().await;
    let raw = format!("\"{}\"", "x".repeat(500_000));
    let long = with("long", |event| event.raw = Raw::Inline(raw.into()));
    world.publish(&long).await;
    let mut tail = world.tail(&["--all", "--json"]);
    // More than a pipe holds: the first bytes are there, the rest cannot be.
    timeout(LIMIT, tail.lines.get_mut().fill_buf()).await.expect("in time").unwrap();
    let pid = i32::try_from(tail.child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    assert_eq!(tail.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_missing_stream_is_named() {
    let world = World::without_stream().await;
    let mut tail = world.tail(&["--stream", "NOWHERE"]);
    assert_eq!(tail.end().await.code(), Some(69));
    let errors = tail.errors().await;
    assert!(
        errors.contains("stream NOWHERE does not exist") && errors.contains("--stream"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_nats_that_does_not_answer_is_named() {
    let home = tempfile::tempdir().unwrap();
    let url = format!("nats://127.0.0.1:{}", free_port());
    let mut command = forgewire(&home);
    command.args(["--nats", &url]);
    let mut tail = Running::start(command);
    assert_eq!(tail.end().await.code(), Some(69));
    let errors = tail.errors().await;
    assert!(errors.contains(&url) && errors.contains("--nats"), "{errors}");
}

#[tokio::test]
async fn a_wrong_option_is_named() {
    let home = tempfile::tempdir().unwrap();
    for (options, code, word) in [
        (["--subject", "a.>", "--repo", "a/b"], 64, "--repo"),
        (["--last", "1", "--since", "1h"], 64, "--since"),
        (["--event", "pushes", "--color", "never"], 64, "pull_request"),
        (["--nats", "http://x", "--color", "never"], 78, "--nats"),
        (["--stream", "a.b", "--color", "never"], 78, "--stream"),
    ] {
        let mut command = forgewire(&home);
        command.args(options);
        let mut tail = Running::start(command);
        assert_eq!(tail.end().await.code(), Some(code), "{options:?}");
        let errors = tail.errors().await;
        assert!(errors.contains(word), "{options:?}: {errors}");
    }
}

#[tokio::test]
async fn it_goes_on_where_it_was_when_the_server_comes_back() {
    let mut world = World::new().await;
    world.publish(&push("1")).await;
    let mut all = world.tail(&["--all", "--json"]);
    let mut new = world.tail(&["--json"]);
    assert_eq!(all.delivery().await, "1");
    eventually_async("both read", async || {
        let stream = world.jetstream.get_stream("FORGE").await.ok()?;
        (stream.cached_info().state.consumer_count == 2).then_some(())
    })
    .await;
    for round in ["2", "3"] {
        world.nats.kill();
        world.nats.restart();
        world.publish(&push(round)).await;
        assert_eq!(all.delivery().await, round);
        assert_eq!(new.delivery().await, round);
    }
    world.publish(&push("4")).await;
    assert_eq!(all.delivery().await, "4");
    assert_eq!(new.delivery().await, "4");
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_read_from_its_beginning() {
    let mut world = World::new().await;
    world.publish(&push("1")).await;
    world.publish(&push("2")).await;
    let mut tail = world.tail(&["--all", "--json"]);
    assert_eq!(tail.deliveries(2).await, ["1", "2"]);
    world.nats.kill();
    std::fs::remove_dir_all(world.nats.dir.path().join("store")).unwrap();
    world.nats.restart();
    world.make_stream().await;
    world.publish(&push("3")).await;
    assert_eq!(tail.delivery().await, "3");
}

#[tokio::test]
async fn a_running_dev_says_where_to_read() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    let dev = DevState {
        pid: std::process::id(),
        hooks: "http://127.0.0.1:1".into(),
        admin: "http://127.0.0.1:2".into(),
        nats: world.nats.url.clone(),
        stream: "FORGE".into(),
        subject_prefix: "forge".into(),
        spool: std::path::PathBuf::new(),
        sources: Vec::new(),
    };
    let directory = world.home.path().join("forgewire");
    std::fs::create_dir_all(&directory).unwrap();
    dev.write(&directory).unwrap();
    let mut command = forgewire(&world.home);
    command.args(["--all", "--json"]);
    assert_eq!(Running::start(command).delivery().await, "1");
}

#[tokio::test]
async fn a_configuration_says_where_to_read_and_no_source_is_needed() {
    let world = World::new().await;
    world.publish(&push("1")).await;
    let path = world.home.path().join("forgewire.toml");
    std::fs::write(&path, format!("[nats]\nservers = [\"{}\"]\n", world.nats.url)).unwrap();
    let mut command = forgewire(&world.home);
    command.args(["--all", "--json"]).arg("--config").arg(&path);
    assert_eq!(Running::start(command).delivery().await, "1");
    let mut command = forgewire(&world.home);
    command.args(["--all", "--json"]).env("FORGEWIRE_NATS__SERVERS", &world.nats.url);
    assert_eq!(Running::start(command).delivery().await, "1");
}
