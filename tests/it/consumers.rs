//! The consumers of docs/consumers against a real stream: one set of facts, held in three languages.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, consumer};
use forgewire::samples::Sender;
use forgewire::source::Kind;
use futures_util::StreamExt as _;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push, push_in, sha};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;
use crate::support::{LIMIT, eventually};

/// What happens to branches of one repository of one source.
const FILTER: &str = "forge.gitea.acme.widgets.push.*.*";
/// Whether `consumer.ts` was checked and translated by this run.
static TRANSLATED: OnceLock<()> = OnceLock::new();
/// Longer than anything takes that is not meant to outlast it.
const LONG: Duration = Duration::from_secs(60);

/// Each fact in each language.
macro_rules! in_every_language {
    ($($fact:ident)*) => {
        in_every_language!(rust Rust: $($fact)*);
        in_every_language!(python Python: $($fact)*);
        in_every_language!(typescript TypeScript: $($fact)*);
    };
    ($module:ident $language:ident: $($fact:ident)*) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $fact() {
                    if let Some(place) = super::Place::new(super::Language::$language).await {
                        super::$fact(place).await;
                    }
                }
            )*
        }
    };
}

in_every_language! {
    headers_are_decoded_once_and_only_what_the_filter_names_arrives
    a_message_that_is_stored_twice_is_acted_on_once
    a_crash_between_action_and_acknowledgement_repeats_nothing
    an_action_that_failed_is_tried_again
    what_can_never_be_read_is_terminated_and_holds_nobody_up
    an_action_longer_than_ack_wait_keeps_its_message
    a_stop_finishes_what_has_begun
    the_file_of_ids_survives_half_a_line_and_stays_short
    only_what_is_signed_ours_and_touches_the_path_is_acted_on
    a_durable_is_made_only_when_asked_and_never_read_with_another_filter
    what_is_too_large_for_a_message_is_read_from_the_object_store_and_compared
}

#[derive(Clone, Copy, Debug)]
enum Language {
    Rust,
    Python,
    TypeScript,
}

impl Language {
    /// The program as it stands in the tree, or why it cannot be run.
    fn command(self) -> Result<Command, String> {
        match self {
            Self::Rust => {
                // Cargo builds examples together with tests.
                let test = std::env::current_exe().unwrap();
                let program = test.parent().unwrap().with_file_name("examples").join("consumer");
                assert!(program.exists(), "first: cargo build --example consumer");
                Ok(Command::new(program))
            }
            Self::Python => {
                let python = prepared("python", "requirements.txt")?.join("bin/python");
                starts(&python)?;
                let mut command = Command::new(python);
                command.arg("-X").arg("dev").arg(root().join("docs/consumers/consumer.py"));
                Ok(command)
            }
            Self::TypeScript => {
                let folder = prepared("typescript", "package-lock.json")?;
                starts(Path::new("node"))?;
                TRANSLATED.get_or_init(|| check_and_translate(&folder));
                let mut command = Command::new("node");
                command.arg(folder.join("build/consumer.js"));
                Ok(command)
            }
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where `make consumers-deps` has put the packages, if it has put those of today.
fn prepared(language: &str, list: &str) -> Result<PathBuf, String> {
    let folder = root().join("target/consumers").join(language);
    let wanted = std::fs::read(root().join("docs/consumers").join(list)).unwrap();
    let there = std::fs::read(folder.join("prepared").join(list));
    if there.is_ok_and(|there| there == wanted) {
        Ok(folder)
    } else {
        Err("its packages are not there: make consumers-deps".to_owned())
    }
}

/// Says so where a program cannot be started at all.
fn starts(program: &Path) -> Result<(), String> {
    let version = std::process::Command::new(program).arg("--version").output();
    version.map(drop).map_err(|error| format!("{}: {error}", program.display()))
}

/// Node runs no TypeScript; the compiler finds the packages above the file only.
fn check_and_translate(folder: &Path) {
    for name in ["consumer.ts", "tsconfig.json", "package.json"] {
        std::fs::copy(root().join("docs/consumers").join(name), folder.join(name)).unwrap();
    }
    let compiler = std::process::Command::new("node")
        .arg("node_modules/typescript/bin/tsc")
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compiler.stdout);
    assert!(compiler.status.success(), "consumer.ts: {said}");
}

/// A stream that a daemon fills, and a folder that a consumer works in.
struct Place {
    language: Language,
    nats: NatsServer,
    daemon: Daemon,
    dir: TempDir,
}

impl Place {
    /// `None`, loudly, where the language cannot be run; under CI that is a failure.
    async fn new(language: Language) -> Option<Self> {
        if let Err(why) = language.command() {
            let why = format!("NOT RUN: the consumer in {language:?}: {why}");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
            // The test harness swallows what macros print, except for failures.
            std::io::stderr().write_all(format!("{why}\n").as_bytes()).unwrap();
            return None;
        }
        let nats = NatsServer::start();
        let config = format!(
            "[stream]\nduplicate_window = \"100ms\"\n{}\
             [sources.open]\nkind = \"gitea\"\ndanger_accept_unsigned = true\n",
            sources()
        );
        let daemon = Daemon::with(&nats, &config).await;
        Some(Self { language, nats, daemon, dir: tempfile::tempdir().unwrap() })
    }

    async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(&self.nats.url).await.unwrap())
    }

    /// Makes the durable `ci` as an administrator would.
    async fn durable(&self, filter: &str, ack_wait: Duration) {
        let config = pull::Config {
            durable_name: Some("ci".to_owned()),
            filter_subject: filter.to_owned(),
            ack_wait,
            ..pull::Config::default()
        };
        self.jetstream().await.create_consumer_on_stream(config, "FORGE").await.unwrap();
    }

    async fn info(&self) -> consumer::Info {
        let jetstream = self.jetstream().await;
        let consumer: PullConsumer =
            jetstream.get_consumer_from_stream("ci", "FORGE").await.unwrap();
        consumer.cached_info().clone()
    }

    /// What consumers of `ci` say to the server from now on.
    async fn acknowledgements(&self) -> async_nats::Subscriber {
        let client = async_nats::connect(&self.nats.url).await.unwrap();
        let heard = client.subscribe("$JS.ACK.FORGE.ci.>").await.unwrap();
        client.flush().await.unwrap();
        heard
    }

    /// Waits until the server has heard that nothing need come again.
    async fn everything_is_settled(&self) {
        eventually("every message is settled", || async {
            let info = self.info().await;
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }

    /// Sends a delivery, and says whether it is a second copy of a stored one.
    async fn send(&self, hook: &Hook) -> bool {
        let answer = deliver(self.daemon.hooks, "/hooks/gitea", hook).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["events"][0]["duplicate"] == true
    }

    async fn push(&self, id: &str) {
        self.send(&hook("push", id, &push("main", &sha('1'), &sha('2')))).await;
    }

    /// The consumer with the durable `ci`, not started yet.
    fn consumer(&self, filter: &str, arguments: &[&str]) -> Command {
        let mut command = self.language.command().unwrap();
        command
            .args(["ci", filter, "--ids", "ids", "--retry", "0.05"])
            .args(arguments)
            .current_dir(self.dir.path())
            .env("NATS_URL", &self.nats.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.consumer(FILTER, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs it to its end, and gives the lines that it prints.
    async fn run(&self, filter: &str, arguments: &[&str]) -> Vec<Value> {
        let output = output(self.consumer(filter, arguments)).await;
        let notes = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {notes}", output.status);
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// What is in a file of the folder; nothing if it is not there.
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// Ids of the events that the command `cat >> acted` was told.
    fn acted(&self) -> Vec<String> {
        self.text("acted").lines().map(id).collect()
    }

    /// A pipe that the command `cat go` waits at. While the end that this gives is open, it waits.
    fn gate(&self) -> impl AsyncFnOnce() -> std::fs::File {
        let path = self.dir.path().join("go");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        async move || {
            eventually("the action has begun", || async {
                // Without a reader this fails instead of waiting.
                let flags = rustix::fs::OFlags::NONBLOCK.bits().try_into().unwrap();
                std::fs::OpenOptions::new().write(true).custom_flags(flags).open(&path).ok()
            })
            .await
        }
    }
}

async fn output(mut command: Command) -> std::process::Output {
    tokio::time::timeout(LIMIT, command.output()).await.expect("ends in time").unwrap()
}

fn hook(event: &str, id: &str, body: &[u8]) -> Hook {
    Hook::new("gitea", event, Some(event), id, SECRET, body)
}

fn id(line: &str) -> String {
    let line: Value = serde_json::from_str(line).expect(line);
    line["id"].as_str().unwrap().to_owned()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
}

async fn headers_are_decoded_once_and_only_what_the_filter_names_arrives(place: Place) {
    place.durable(FILTER, LONG).await;
    let other = push_in("acme", "other", 8, "main", &sha('1'), &sha('2'));
    place.send(&hook("push", "other", &other)).await;
    let tag = String::from_utf8(push("x", &sha('0'), &sha('2'))).unwrap();
    place.send(&hook("push", "tag", tag.replace("refs/heads/x", "refs/tags/v1").as_bytes())).await;
    // Decoded twice, it would lose `25`.
    place.send(&hook("push", "odd", &push("größe-100%25", &sha('1'), &sha('2')))).await;
    let lines = place.run(FILTER, &["--max", "1"]).await;
    let expected = json!({
        "id": "gitea:odd",
        "subject": "forge.gitea.acme.widgets.push.updated.gr%C3%B6%C3%9Fe-100%2525",
        "type": "dev.forgewire.push.updated",
        "about": "acme/widgets@größe-100%25",
        "event": "push",
        "action": "updated",
        "repository": "acme/widgets",
        "ref": "größe-100%25",
        "clone_url": "https://git.example.com/acme/widgets.git",
        "commit": sha('2'),
    });
    assert_eq!(lines, [expected]);
    place.everything_is_settled().await;
    assert_eq!(place.info().await.delivered.consumer_sequence, 1);
}

async fn a_message_that_is_stored_twice_is_acted_on_once(place: Place) {
    place.durable(FILTER, LONG).await;
    place.push("one").await;
    assert_eq!(ids(&place.run(FILTER, &["--max", "1"]).await), ["gitea:one"]);
    eventually("the window of duplicates has passed", || async {
        let again = hook("push", "one", &push("main", &sha('1'), &sha('2')));
        (!place.send(&again).await).then_some(())
    })
    .await;
    place.push("two").await;
    let messages = stored(&place.nats).await;
    let stored: Vec<_> = messages.iter().map(|message| &*message.headers["Nats-Msg-Id"]).collect();
    assert_eq!(stored, ["gitea:one", "gitea:one", "gitea:two"]);
    assert_eq!(ids(&place.run(FILTER, &["--max", "2"]).await), ["gitea:two"]);
    place.everything_is_settled().await;
}

async fn a_crash_between_action_and_acknowledgement_repeats_nothing(mut place: Place) {
    place.durable(FILTER, Duration::from_secs(1)).await;
    place.push("crash").await;
    let gate = place.gate();
    let mut child = place.start(&["--run", "cat >> acted && cat go"]);
    let action = gate().await;
    // From here on no acknowledgement can arrive.
    place.nats.kill();
    drop(action);
    eventually("the id is on disk", || async {
        (place.text("ids") == "gitea:crash\n").then_some(())
    })
    .await;
    child.kill().await.unwrap();
    place.nats.restart();
    place.run(FILTER, &["--run", "cat >> acted", "--max", "1"]).await;
    assert_eq!(place.acted(), ["gitea:crash"]);
    place.everything_is_settled().await;
}

async fn an_action_that_failed_is_tried_again(place: Place) {
    place.durable(FILTER, LONG).await;
    place.push("again").await;
    let fails_once = "cat >> acted; test -e second || { : > second; exit 3; }";
    place.run(FILTER, &["--run", fails_once, "--max", "1"]).await;
    assert_eq!(place.acted(), ["gitea:again", "gitea:again"]);
    assert_eq!(place.text("ids"), "gitea:again\n");
    place.everything_is_settled().await;
    // Long before `ack_wait`: because the consumer said so.
    assert_eq!(place.info().await.delivered.consumer_sequence, 2);
}

async fn what_can_never_be_read_is_terminated_and_holds_nobody_up(place: Place) {
    place.durable(FILTER, LONG).await;
    place.push("good").await;
    let good = stored(&place.nats).await.remove(0);
    let subject = "forge.gitea.acme.widgets.push.updated.main";
    let deep = "[".repeat(100_000).into_bytes();
    let bare = br#"{"version":1,"id":"gitea:good","event":"push","action":"updated"}"#.to_vec();
    let newer = br#"{"version":2,"id":"gitea:good","data":{}}"#.to_vec();
    let whole = good.bytes.to_vec();
    let bad: [(&str, &str, Vec<u8>); 9] = [
        ("ce-id", "gitea:good", b"no JSON".to_vec()),
        ("ce-id", "gitea:good", b"\xff\xfe".to_vec()),
        ("ce-id", "gitea:good", b"null".to_vec()),
        ("ce-id", "gitea:good", deep),
        ("ce-id", "gitea:good", bare),
        ("ce-id", "gitea:good", newer),
        ("ce-id", "gitea:else", whole.clone()),
        ("ce-specversion", "2.0", whole.clone()),
        ("content-type", "application/cloudevents+json", whole),
    ];
    let jetstream = place.jetstream().await;
    let count = bad.len() + 4;
    for (name, value, body) in bad {
        let mut headers = HeaderMap::new();
        for (name, value) in good.headers.iter().filter(|(name, _)| *name != "Nats-Msg-Id") {
            headers.insert(name.as_str(), value.as_str());
        }
        headers.insert(name, value);
        let sent = jetstream.publish_with_headers(subject, headers, body.into()).await.unwrap();
        sent.await.unwrap();
    }
    jetstream.publish(subject, "no headers".into()).await.unwrap().await.unwrap();
    place.push("next").await;
    // The last word of a run is heard too.
    jetstream.publish(subject, "".into()).await.unwrap().await.unwrap();
    let mut heard = place.acknowledgements().await;
    let lines = place.run(FILTER, &["--max", &count.to_string()]).await;
    assert_eq!(ids(&lines), ["gitea:good", "gitea:next"]);
    // All but the two are terminated, not acknowledged as if they had been acted on.
    for _ in 2..count {
        let terminated = async { while heard.next().await.unwrap().payload != "+TERM" {} };
        tokio::time::timeout(LIMIT, terminated).await.expect("all are terminated");
    }
    place.everything_is_settled().await;
    assert_eq!(place.info().await.delivered.consumer_sequence, count as u64);
}

async fn an_action_longer_than_ack_wait_keeps_its_message(place: Place) {
    let ack_wait = Duration::from_secs(3);
    place.durable(FILTER, ack_wait).await;
    let mut heard = place.acknowledgements().await;
    place.push("long").await;
    let gate = place.gate();
    let run = ["--run", "cat >> acted && cat go", "--max", "1"];
    let mut child = place.start(&run);
    let action = gate().await;
    // More than `ack_wait`, since it speaks every third of that.
    for _ in 0..4 {
        let word = tokio::time::timeout(LIMIT, heard.next()).await.expect("in time").unwrap();
        assert_eq!(&*word.payload, b"+WPI");
    }
    drop(action);
    let ended = tokio::time::timeout(LIMIT, child.wait()).await.expect("ends in time");
    assert!(ended.unwrap().success());
    assert_eq!(place.acted(), ["gitea:long"]);
    assert_eq!(place.info().await.delivered.consumer_sequence, 1);
}

async fn a_stop_finishes_what_has_begun(place: Place) {
    place.durable(FILTER, LONG).await;
    for signal in [Signal::TERM, Signal::INT] {
        let _ = std::fs::remove_file(place.dir.path().join("go"));
        place.push(&format!("stop-{}", signal.as_raw())).await;
        let gate = place.gate();
        let mut child = place.start(&["--run", "cat >> acted && cat go"]);
        let action = gate().await;
        let pid = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        drop(action);
        let ended = tokio::time::timeout(LIMIT, child.wait()).await.expect("ends in time");
        assert!(ended.unwrap().success());
        place.everything_is_settled().await;
    }
    assert_eq!(place.acted(), ["gitea:stop-15", "gitea:stop-2"]);
}

async fn the_file_of_ids_survives_half_a_line_and_stays_short(place: Place) {
    place.durable(FILTER, LONG).await;
    std::fs::write(place.dir.path().join("ids"), "gitea:seen\ngitea:to").unwrap();
    for id in ["seen", "torn", "c", "d", "e"] {
        place.push(id).await;
    }
    let lines = place.run(FILTER, &["--max", "2", "--remember", "2"]).await;
    assert_eq!(ids(&lines), ["gitea:torn"]);
    assert_eq!(place.text("ids"), "gitea:seen\ngitea:torn\n");
    // Cut back to two as soon as it is more than twice that.
    let lines = place.run(FILTER, &["--max", "3", "--remember", "2"]).await;
    assert_eq!(ids(&lines), ["gitea:c", "gitea:d", "gitea:e"]);
    assert_eq!(place.text("ids"), "gitea:d\ngitea:e\n");
}

/// A push to `main` with one commit that changes one file, of so many commits in all.
fn one_file(file: &str, commits: u64) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&push("main", &sha('1'), &sha('2'))).unwrap();
    body["commits"] = json!([{
        "id": sha('2'), "message": "Change\n", "timestamp": "2026-11-02T11:01:44+01:00",
        "author": { "name": "J", "email": "j@example.com" },
        "added": [], "removed": [], "modified": [file],
    }]);
    body["total_commits"] = commits.into();
    serde_json::to_vec(&body).unwrap()
}

/// A pull request that is opened from the repository itself, or from a fork.
fn pull_request(fork: bool) -> Vec<u8> {
    let sender = Sender::of(Kind::from_name("gitea").unwrap()).unwrap();
    let sample = sender.sample("pull-request-opened").unwrap();
    let mut body: Value = serde_json::from_str(&sender.payload(sample).unwrap()).unwrap();
    if fork {
        body["pull_request"]["head"]["repo_id"] = 77.into();
        body["pull_request"]["head"]["repo"]["id"] = 77.into();
        body["pull_request"]["head"]["repo"]["full_name"] = "stranger/Widgets".into();
    }
    serde_json::to_vec(&body).unwrap()
}

async fn only_what_is_signed_ours_and_touches_the_path_is_acted_on(place: Place) {
    let filter = "forge.*.acme.widgets.>";
    place.durable(filter, LONG).await;
    let unsigned = hook("push", "unsigned", &one_file("src/a", 1)).unsigned();
    let answer = deliver(place.daemon.hooks, "/hooks/open", &unsigned).await;
    assert_eq!(answer.status, 202);
    let mut gone: Value = serde_json::from_slice(&push("main", &sha('1'), &sha('2'))).unwrap();
    gone["ref"] = "main".into();
    gone["ref_type"] = "branch".into();
    gone["pusher_type"] = "user".into();
    for member in ["before", "after", "commits", "total_commits", "head_commit", "compare_url"] {
        gone.as_object_mut().unwrap().remove(member);
    }
    let deliveries = [
        ("delete", "gone", serde_json::to_vec(&gone).unwrap()),
        ("push", "elsewhere", one_file("docs/src/a", 1)),
        ("push", "touches", one_file("src/a", 1)),
        // The forge lists one of nine.
        ("push", "incomplete", one_file("docs/a", 9)),
        // Moved back: no commit is new, and yet everything may differ.
        ("push", "moved", push("main", &sha('1'), &sha('2'))),
        ("something_new", "unknown", push("main", &sha('1'), &sha('2'))),
        ("pull_request", "fork", pull_request(true)),
        ("pull_request", "own", pull_request(false)),
    ];
    let count = deliveries.len() + 1;
    for (event, id, body) in deliveries {
        place.send(&hook(event, id, &body)).await;
    }
    let events: Vec<_> = stored(&place.nats).await;
    let events: Vec<_> = events.iter().map(|message| &message.body["event"]).collect();
    let expected = "push push push push push push unrecognized pull_request pull_request";
    assert_eq!(events, expected.split(' ').collect::<Vec<_>>());
    let lines = place.run(filter, &["--path", "src/", "--max", &count.to_string()]).await;
    assert_eq!(ids(&lines), ["gitea:touches", "gitea:incomplete", "gitea:moved", "gitea:own"]);
    place.everything_is_settled().await;
}

async fn a_durable_is_made_only_when_asked_and_never_read_with_another_filter(place: Place) {
    place.push("first").await;
    let missing = output(place.consumer(FILTER, &["--max", "1"])).await;
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    let jetstream = place.jetstream().await;
    let found = jetstream.get_consumer_from_stream::<pull::Config, _, _>("ci", "FORGE").await;
    assert!(found.is_err(), "made without being asked");
    let lines = place.run(FILTER, &["--max", "1", "--create"]).await;
    assert_eq!(ids(&lines), ["gitea:first"]);
    let made = place.info().await.config;
    assert_eq!((made.ack_wait, made.max_deliver), (Duration::from_secs(60), 10));
    assert_eq!((made.max_ack_pending, &*made.filter_subject), (100, FILTER));
    place.push("second").await;
    let other = output(place.consumer("forge.>", &["--max", "1", "--create"])).await;
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert!(other.stdout.is_empty(), "{other:?}");
    assert_eq!(place.info().await.config.filter_subject, FILTER, "changed");
    // Nothing comes any more: it ends by itself.
    let lines = place.run(FILTER, &["--idle", "0.5"]).await;
    assert_eq!(ids(&lines), ["gitea:second"]);
}

/// A push that is too large for a message: by its payload alone, or by its files.
fn large(files: usize, padding: usize) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&one_file("src/a", 1)).unwrap();
    let files: Vec<_> = (0..files).map(|n| format!("src/{n:0>100}")).collect();
    body["commits"][0]["added"] = files.into();
    body["padding"] = "x".repeat(padding).into();
    serde_json::to_vec(&body).unwrap()
}

async fn what_is_too_large_for_a_message_is_read_from_the_object_store_and_compared(place: Place) {
    place.durable(FILTER, LONG).await;
    let deliveries = [("payload", large(0, 1 << 20)), ("files", large(10_000, 0))];
    for (id, body) in &deliveries {
        place.send(&hook("push", id, body)).await;
    }
    let options = ["--path", "src/", "--payload", "--max", "2"];
    let lines = place.run(FILTER, &options).await;
    assert_eq!(ids(&lines), ["gitea:payload", "gitea:files"]);
    for (line, (_, body)) in lines.iter().zip(&deliveries) {
        assert_eq!(line["commit"], sha('2'));
        assert!(line["payload"] == serde_json::from_slice::<Value>(body).unwrap());
    }
    // Not there: it comes again until it is. Somebody else's: it never will be ours.
    place.send(&hook("push", "gone", &large(10_001, 0))).await;
    place.send(&hook("push", "forged", &large(10_002, 0))).await;
    let messages = stored(&place.nats).await;
    let name = |n: usize| messages[n].body["body_ref"]["object"].as_str().unwrap().to_owned();
    let store = place.jetstream().await.get_object_store("FORGE_LARGE").await.unwrap();
    let mut gone = Vec::new();
    let mut object = store.get(name(2)).await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut object, &mut gone).await.unwrap();
    store.delete(name(2)).await.unwrap();
    store.put(&*name(3), &mut &b"{\"version\":1,\"id\":\"gitea:forged\"}"[..]).await.unwrap();
    let mut heard = place.acknowledgements().await;
    let child = place.start(&["--path", "src/", "--run", "cat >> acted", "--max", "2"]);
    let mut told = Vec::new();
    while told.iter().filter(|word: &&String| word.starts_with("-NAK")).count() < 2 {
        let word = tokio::time::timeout(LIMIT, heard.next()).await.expect("in time").unwrap();
        told.push(String::from_utf8_lossy(&word.payload).into_owned());
    }
    store.put(&*name(2), &mut &gone[..]).await.unwrap();
    let ended = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("ends in time");
    assert!(ended.unwrap().status.success());
    assert_eq!(place.acted(), ["gitea:gone"]);
    place.everything_is_settled().await;
}
