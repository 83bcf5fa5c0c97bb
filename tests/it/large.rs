//! Events that are too large for a message: what moves to the object store, and what must not happen to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::object_store::ObjectStore;
use async_nats::jetstream::stream::{Config, Stream};
use forgewire::event::{Data, Event, InvalidEvent, ObjectRef, Raw};
use forgewire::jetstream::{JetStream, bucket};
use forgewire::json::Redaction;
use forgewire::message::{Message, Room};
use forgewire::outbox::Outbox;
use forgewire::source::UnsignedHeaders;
use forgewire::trace::TraceContext;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::support::daemon::{Daemon, Stored, sources, stored};
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{Answer, deliver};
use crate::support::nats::NatsServer;
use crate::support::{LIMIT, eventually};

const MIB: usize = 1 << 20;
const STORE: &str = "OBJ_FORGE_LARGE";

fn body() -> Value {
    serde_json::from_slice(&push("main", &sha('1'), &sha('2'))).unwrap()
}

/// A push whose event is small: something that no event tells makes up its size.
fn padded(bytes: usize) -> Vec<u8> {
    let mut body = body();
    body["padding"] = "x".repeat(bytes).into();
    serde_json::to_vec(&body).unwrap()
}

/// A push with one commit that adds so many files.
fn of_files(count: usize) -> Vec<u8> {
    let mut body = body();
    let files: Vec<_> =
        (0..count).map(|n| format!("{}/file-{n:08}.txt", "directory/".repeat(5))).collect();
    body["commits"] = json!([{
        "id": sha('2'), "message": "Add everything\n", "timestamp": "2026-11-02T11:01:44+01:00",
        "author": { "name": "J", "email": "j@example.com" },
        "added": files, "removed": [], "modified": [],
    }]);
    body["total_commits"] = 1.into();
    serde_json::to_vec(&body).unwrap()
}

fn hook(id: &str, body: &[u8]) -> Hook {
    Hook::new("gitea", "push", Some("push"), id, SECRET, body)
}

async fn send(daemon: &Daemon, hook: &Hook) -> Answer {
    let answer = deliver(daemon.hooks, "/hooks/gitea", hook).await;
    assert_eq!(answer.status, 202, "{answer:?}: {:#?}", daemon.log());
    answer
}

async fn context(nats: &NatsServer) -> jetstream::Context {
    jetstream::new(async_nats::connect(&nats.url).await.unwrap())
}

async fn object_store(nats: &NatsServer) -> ObjectStore {
    context(nats).await.get_object_store("FORGE_LARGE").await.unwrap()
}

async fn below(nats: &NatsServer) -> Stream {
    context(nats).await.get_stream(STORE).await.unwrap()
}

/// The object by the client's own reader, after a comparison with what the reference says.
async fn read(nats: &NatsServer, reference: &ObjectRef) -> Vec<u8> {
    assert_eq!(reference.bucket, "FORGE_LARGE");
    let bucket = object_store(nats).await;
    let mut object = bucket.get(&reference.object).await.unwrap();
    let mut bytes = Vec::new();
    // The reader compares the SHA-256 that the object is stored with.
    object.read_to_end(&mut bytes).await.unwrap();
    reference.check(&bytes).unwrap();
    let hash = blake3::hash(&bytes).to_hex();
    assert_eq!(
        (&*reference.object, reference.digest.strip_prefix("blake3=")),
        (&*hash, Some(&*hash))
    );
    bytes
}

fn raw_ref(message: &Stored) -> ObjectRef {
    serde_json::from_value(message.body["raw_ref"].clone()).expect("a reference to the payload")
}

fn body_ref(message: &Stored) -> ObjectRef {
    let refused = Event::from_json(&message.bytes).unwrap_err();
    let InvalidEvent::Elsewhere(reference) = refused else { panic!("{refused}") };
    let members: Vec<_> = message.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["version", "id", "event", "action", "body_ref"]);
    assert_eq!(reference.id, message.headers["Nats-Msg-Id"]);
    reference.body_ref
}

/// Everything in the object store: subject and sequence of each message.
async fn contents(nats: &NatsServer) -> Vec<(String, u64)> {
    let stream = below(nats).await;
    let state = stream.get_info().await.unwrap().state;
    let mut found = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        if let Ok(message) = stream.get_raw_message(sequence).await {
            found.push((message.subject.to_string(), sequence));
        }
    }
    found
}

fn metas(contents: &[(String, u64)]) -> Vec<&(String, u64)> {
    contents.iter().filter(|(subject, _)| subject.starts_with("$O.FORGE_LARGE.M.")).collect()
}

#[tokio::test]
async fn a_payload_that_is_too_large_is_an_object_and_its_event_stays_a_message() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let hook = hook("padded", &padded(MIB));
    send(&daemon, &hook).await;
    let message = stored(&nats).await.remove(0);
    assert!(message.bytes.len() < 4_096, "{}", message.bytes.len());
    let event = Event::from_json(&message.bytes).unwrap();
    assert_eq!(event.raw, Raw::Ref(raw_ref(&message)));
    assert!(read(&nats, &raw_ref(&message)).await == hook.body, "the forge's bytes");
    assert_eq!(raw_ref(&message).digest, message.headers["Forgewire-Digest"]);
    // As other clients write objects: chunks of 128 KiB, then one message.
    let info = object_store(&nats).await.info(&raw_ref(&message).object).await.unwrap();
    assert_eq!((info.size, info.chunks), (hook.body.len(), hook.body.len().div_ceil(128 * 1024)));
    assert_eq!(contents(&nats).await.len(), info.chunks + 1);
    let config = below(&nats).await.cached_info().config.clone();
    assert_eq!(config.max_age, Duration::from_secs(31 * 86_400));
    assert_eq!((config.allow_rollup, config.allow_direct, config.num_replicas), (true, true, 1));
}

#[tokio::test]
async fn a_push_of_twenty_mebibytes_and_tens_of_thousands_of_files_arrives_whole() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let count = 300_000;
    let hook = hook("files", &of_files(count));
    assert!(hook.body.len() > 20 * MIB);
    let started = Instant::now();
    send(&daemon, &hook).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let message = stored(&nats).await.remove(0);
    assert!(message.bytes.len() < 1_024);
    let whole = read(&nats, &body_ref(&message)).await;
    let event = Event::from_json(&whole).unwrap();
    assert_eq!(event.id, message.headers["Nats-Msg-Id"]);
    let Data::Push(_, push) = &event.data else { panic!("{}", event.event()) };
    assert_eq!(push.commits[0].added.as_ref().unwrap().len(), count);
    let Raw::Ref(raw) = &event.raw else { panic!("the payload is elsewhere") };
    assert!(read(&nats, raw).await == hook.body, "the forge's bytes");
}

#[tokio::test]
async fn what_is_no_json_is_an_object_of_the_very_bytes() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let hook = hook("binary", &[b"{\xff".to_vec(), vec![7; MIB]].concat());
    send(&daemon, &hook).await;
    let message = stored(&nats).await.remove(0);
    assert_eq!(message.body["data"]["reason"], "not_json");
    assert!(read(&nats, &raw_ref(&message)).await == hook.body);
}

#[tokio::test]
async fn a_repeat_makes_no_second_object_and_writes_none_again() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let hooks = [hook("padded", &padded(MIB)), hook("files", &of_files(20_000))];
    for hook in &hooks {
        send(&daemon, hook).await;
    }
    let before = contents(&nats).await;
    assert_eq!(metas(&before).len(), 3, "a payload; a payload and a body");
    for hook in &hooks {
        let answer = send(&daemon, hook).await;
        assert_eq!(answer.json()["events"][0]["duplicate"], true);
        // Another hook sends the same: another event, and the same payload.
        let mut copy = hook.clone();
        for (_, value) in copy.headers.iter_mut().filter(|(name, _)| name.ends_with("-Delivery")) {
            value.push_str("-copy");
        }
        send(&daemon, &copy).await;
    }
    let messages = stored(&nats).await;
    assert_eq!(messages.len(), 4);
    assert_eq!(raw_ref(&messages[0]), raw_ref(&messages[2]));
    let after = contents(&nats).await;
    assert_eq!(after[..before.len()], before, "nothing was taken away or written again");
    assert_eq!(metas(&after).len(), 4, "the body of the copy has an id of its own");
    // A daemon that knows nothing of before finds the payload, too.
    drop(daemon);
    let daemon = Daemon::start(&nats).await;
    send(&daemon, &hooks[0]).await;
    assert_eq!(contents(&nats).await, after);
}

#[tokio::test]
async fn repeats_at_the_same_moment_make_one_object_and_one_event() {
    let nats = NatsServer::start();
    let (one, other) = (Daemon::start(&nats).await, Daemon::start(&nats).await);
    for (id, body) in [("padded", padded(3 * MIB)), ("files", of_files(40_000))] {
        let hook = hook(id, &body);
        let all = (0..8).map(|n| {
            let (hook, to) = (hook.clone(), if n % 2 == 0 { one.hooks } else { other.hooks });
            tokio::spawn(async move { deliver(to, "/hooks/gitea", &hook).await.status })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), 202);
        }
    }
    let messages = stored(&nats).await;
    assert_eq!(messages.len(), 2);
    assert!(read(&nats, &raw_ref(&messages[0])).await == padded(3 * MIB));
    let whole = read(&nats, &body_ref(&messages[1])).await;
    let Raw::Ref(raw) = Event::from_json(&whole).unwrap().raw else { panic!("elsewhere") };
    assert!(read(&nats, &raw).await == of_files(40_000));
    // Each daemon has its own body of the second, since each received it at a time of its own.
    let contents = contents(&nats).await;
    assert!((3..=4).contains(&metas(&contents).len()), "{:?}", metas(&contents));
    // Of an upload that came second nothing is left but what a body of its own needs.
    let expected = |reference: &ObjectRef| reference.bytes.div_ceil(128 * 1024) + 1;
    let objects = expected(&raw_ref(&messages[0])) + expected(&raw);
    let bodies = (metas(&contents).len() as u64 - 2) * expected(&body_ref(&messages[1]));
    assert_eq!(contents.len() as u64, objects + bodies);
}

#[tokio::test]
async fn a_slow_reader_keeps_its_chunks_while_the_object_is_repeated_and_written_again() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let hook = hook("slow", &padded(2 * MIB));
    send(&daemon, &hook).await;
    let reference = raw_ref(&stored(&nats).await[0]);
    let bucket = object_store(&nats).await;
    let mut object = bucket.get(&reference.object).await.unwrap();
    let mut read = vec![0; 1_000];
    object.read_exact(&mut read).await.unwrap();
    send(&daemon, &hook).await;
    assert_eq!(metas(&contents(&nats).await).len(), 1);
    // Somebody deletes it, or claims its name: it is put in its place again, beside its old chunks.
    let meta = below(&nats).await;
    let subject = metas(&contents(&nats).await)[0].0.clone();
    let before = meta.get_last_raw_message_by_subject(&subject).await.unwrap();
    let mut gone: Value = serde_json::from_slice(&before.payload).unwrap();
    gone["deleted"] = true.into();
    let context = context(&nats).await;
    context.publish(subject.clone(), gone.to_string().into()).await.unwrap().await.unwrap();
    send(&daemon, &hook).await;
    let after = meta.get_last_raw_message_by_subject(&subject).await.unwrap();
    assert!(after.sequence > before.sequence + 1, "written again");
    object.read_to_end(&mut read).await.unwrap();
    assert!(read == hook.body, "by the chunks of before");
    assert!(self::read(&nats, &reference).await == hook.body, "by those of now");
}

#[tokio::test]
async fn a_server_that_restarts_between_object_and_event_costs_neither() {
    let mut nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let client = async_nats::connect(&nats.url).await.unwrap();
    let mut objects = client.subscribe("$O.FORGE_LARGE.M.>").await.unwrap();
    client.flush().await.unwrap();
    let hook = hook("restart", &padded(MIB));
    let sending = {
        let (to, hook) = (daemon.hooks, hook.clone());
        tokio::spawn(async move { deliver(to, "/hooks/gitea", &hook).await.status })
    };
    tokio::time::timeout(LIMIT, objects.next()).await.expect("the object is written");
    nats.kill();
    nats.restart();
    sending.await.unwrap();
    let before = contents(&nats).await;
    eventually("it is delivered again", || async {
        let status = deliver(daemon.hooks, "/hooks/gitea", &hook).await.status;
        (status == 202).then_some(())
    })
    .await;
    let message = first(&nats).await;
    assert_eq!(stored(&nats).await.len(), 1);
    assert!(read(&nats, &raw_ref(&message)).await == hook.body);
    // The object itself may not have been stored before the server died; if it was, it is the same one.
    let after = contents(&nats).await;
    if let [(_, sequence)] = metas(&before)[..] {
        assert_eq!(metas(&after)[0].1, *sequence);
    }
    assert_eq!(metas(&after).len(), 1);
}

/// The first event, which may be in the spool for a moment.
async fn first(nats: &NatsServer) -> Stored {
    let messages = eventually("an event is in the stream", || async {
        let messages = stored(nats).await;
        (!messages.is_empty()).then_some(messages)
    });
    messages.await.remove(0)
}

#[tokio::test]
async fn an_object_that_lost_chunks_is_written_again() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let hook = hook("chunks", &padded(MIB));
    send(&daemon, &hook).await;
    let chunk = contents(&nats).await[3].1;
    assert!(below(&nats).await.delete_message(chunk).await.unwrap());
    send(&daemon, &hook).await;
    let reference = raw_ref(&stored(&nats).await[0]);
    assert!(read(&nats, &reference).await == hook.body);
}

#[tokio::test]
async fn an_object_store_that_is_deleted_is_made_again_for_the_next_large_event() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    context(&nats).await.delete_object_store("FORGE_LARGE").await.unwrap();
    let hook = hook("deleted", &padded(MIB));
    send(&daemon, &hook).await;
    let reference = raw_ref(&first(&nats).await);
    assert!(read(&nats, &reference).await == hook.body);
}

#[tokio::test]
async fn without_an_object_store_of_ours_to_make_a_large_event_is_not_stored_and_says_why() {
    let nats = NatsServer::start();
    let context = context(&nats).await;
    let stream =
        Config { name: "FORGE".into(), subjects: vec!["forge.>".into()], ..Config::default() };
    context.create_stream(stream).await.unwrap();
    let config = format!(
        "[spool]\nenabled = false\n[stream]\nmanage = false\nlarge_bucket = \"by-hand\"\n{}",
        sources()
    );
    let daemon = Daemon::with(&nats, &config).await;
    let line = daemon.logged("Stream cannot be used.").await;
    assert!(line["error"].as_str().unwrap().contains("OBJ_by-hand does not exist"), "{line}");
    let hook = hook("nowhere", &padded(MIB));
    let refused = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "not_stored"));
    let line = daemon.logged("Delivery not stored.").await;
    assert!(line["error"].as_str().unwrap().contains("by-hand"), "{line}");
    assert_eq!(stored(&nats).await.len(), 0, "no event without what it refers to");
    let small = self::hook("small", &push("main", &sha('1'), &sha('2')));
    send(&daemon, &small).await;
    // Made by an administrator, with what any client gives it, it is used at once.
    let config = jetstream::object_store::Config { bucket: "by-hand".into(), ..Default::default() };
    let bucket = context.create_object_store(config).await.unwrap();
    send(&daemon, &hook).await;
    let reference = raw_ref(&stored(&nats).await[1]);
    let mut read = Vec::new();
    bucket.get(&reference.object).await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == hook.body);
}

#[tokio::test]
async fn an_object_store_that_would_lose_objects_is_changed_and_what_cannot_be_is_reported() {
    let nats = NatsServer::start();
    let context = context(&nats).await;
    let config = jetstream::object_store::Config {
        bucket: "FORGE_LARGE".into(),
        description: Some("made by hand".into()),
        max_age: Duration::from_secs(3_600),
        storage: jetstream::stream::StorageType::Memory,
        ..Default::default()
    };
    context.create_object_store(config).await.unwrap();
    let daemon = Daemon::start(&nats).await;
    let changed = daemon.logged("Stream changed as configured.").await;
    assert_eq!((&changed["stream"], &changed["key"]), (&STORE.into(), &"max_age".into()));
    let left = daemon.logged("Stream differs from the configuration.").await;
    assert_eq!((&left["stream"], &left["key"]), (&STORE.into(), &"storage".into()));
    let found = below(&nats).await.cached_info().config.clone();
    assert_eq!(found.max_age, Duration::from_secs(31 * 86_400));
    assert_eq!(found.description.as_deref(), Some("made by hand"));
}

#[tokio::test]
async fn limits_that_are_smaller_than_configured_are_said_and_lose_nothing() {
    let nats = NatsServer::start();
    nats.configure("max_payload: 300000");
    let stream = Config {
        name: "FORGE".into(),
        subjects: vec!["forge.>".into()],
        max_message_size: 100_000,
        ..Config::default()
    };
    context(&nats).await.create_stream(stream).await.unwrap();
    let daemon = Daemon::start(&nats).await;
    let said = |limit: &'static str, bytes: u64| {
        let found = |line: &String| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["limit"] == limit && line["bytes"] == bytes && line["level"] == "WARN"
        };
        daemon.log().iter().any(found)
    };
    assert!(said("max_payload", 300_000) && said("max_msg_size", 100_000), "{:#?}", daemon.log());
    let hook = hook("between", &padded(150_000));
    send(&daemon, &hook).await;
    let reference = raw_ref(&stored(&nats).await[0]);
    assert!(read(&nats, &reference).await == hook.body);
}

#[tokio::test]
async fn a_limit_that_shrinks_while_the_daemon_runs_loses_nothing() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    nats.configure("max_payload: 200000");
    let hook = hook("shrunk", &padded(400_000));
    send(&daemon, &hook).await;
    let message = first(&nats).await;
    let event = Event::from_json(&read(&nats, &body_ref(&message)).await).unwrap();
    assert_eq!(event.raw, Raw::Inline(hook.body.clone().into()));
    let said = daemon.logged("Messages may be larger than NATS takes; those that are go to the object store. Lower the setting or raise the limit.").await;
    assert_eq!((&said["limit"], &said["bytes"]), (&"max_payload".into(), &200_000.into()));
}

/// What `forgewire tail` prints of the first so many messages, and what it notes.
async fn tail(nats: &NatsServer, arguments: &[&str]) -> (Vec<String>, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_forgewire"));
    command.args(["tail", "--nats", &nats.url, "--all"]).args(arguments);
    command.env("XDG_STATE_HOME", home.path()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("ends").unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let noted = String::from_utf8(output.stderr).unwrap();
    (printed.lines().map(str::to_owned).collect(), noted)
}

#[tokio::test]
async fn tail_shows_events_and_payloads_wherever_they_are() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let binary = [b"{\xff".to_vec(), vec![7; MIB]].concat();
    let bodies = [padded(MIB), of_files(40_000), binary];
    for (n, body) in bodies.iter().enumerate() {
        send(&daemon, &hook(&format!("tail-{n}"), body)).await;
    }
    let (lines, noted) = tail(&nats, &["--json", "--count", "3"]).await;
    for (line, body) in lines.iter().zip(&bodies[..2]) {
        let event = Event::from_json(line.as_bytes()).unwrap();
        assert!(event.raw == Raw::Inline(body.clone().into()), "{}", event.id);
    }
    let event = Event::from_json(lines[2].as_bytes()).unwrap();
    assert!(event.raw == Raw::Binary(bodies[2].clone().into()));
    assert_eq!(noted, "");
    let (lines, noted) = tail(&nats, &["--count", "3"]).await;
    assert!(lines.iter().all(|line| line.contains("acme/widgets") || line.contains("not_json")));
    assert_eq!(noted, "");
    // What is gone, or somebody else's, is not passed off as what was meant.
    let messages = stored(&nats).await;
    let gone = object_store(&nats).await;
    gone.delete(&raw_ref(&messages[0]).object).await.unwrap();
    let body = body_ref(&messages[1]);
    gone.put(&*body.object, &mut &b"{\"id\":\"forged\"}"[..]).await.unwrap();
    let (lines, noted) = tail(&nats, &["--json", "--count", "2"]).await;
    let shown: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown, [messages[0].body.clone(), messages[1].body.clone()]);
    assert!(noted.contains("deleted") && noted.contains("not those"), "{noted}");
}

#[tokio::test]
async fn ten_thousand_events_of_one_delivery_are_stored_in_order_with_one_payload() {
    const COUNT: usize = 10_000;
    let nats = NatsServer::start();
    let config = forgewire::config::Nats { servers: vec![nats.url.clone()], ..Default::default() };
    let (jetstream, replies) = JetStream::start(&config).await.unwrap();
    let replies = tokio::spawn(replies);
    let mut link = jetstream.link();
    link.wait_for(|link| *link != forgewire::jetstream::Link::Down).await.unwrap();
    let config = forgewire::config::Config::default();
    let stream = forgewire::jetstream::stream::ensure(&jetstream, &config, false).await;
    bucket::ensure(&jetstream, &config, &stream.unwrap()).await.unwrap();
    let room = Room { max_bytes: 900_000, bucket: "FORGE_LARGE".into() };
    let outbox = Outbox::new(Arc::new(jetstream), Duration::from_secs(1), room);
    let body = padded(2 * MIB);
    let headers = hyper::HeaderMap::new();
    let trace = TraceContext::of(UnsignedHeaders::new(&headers));
    let event = Event::from_json(crate::samples::bodies()[0].as_ref()).unwrap();
    let messages: Vec<_> = (1..=COUNT)
        .map(|n| {
            let mut event = event.clone();
            event.id = if n == 1 { "gitea:many".into() } else { format!("gitea:many:{n}") };
            event.raw_altered = true;
            event.raw = match n {
                1 => Raw::Inline(body.clone().into()),
                _ => Raw::In("gitea:many".into()),
            };
            let none = Redaction::default();
            Message::fitting(&event, "forge", trace, &outbox.room(), &none).unwrap()
        })
        .collect();
    let kept: usize = messages.iter().map(|it| it.body.len() + it.headers.wire_len()).sum();
    assert!(kept < 64 * MIB, "{kept}");
    let receipts =
        outbox.store(&forgewire::metrics::source("gitea"), messages.clone()).await.unwrap();
    replies.abort();
    let sequences: Vec<_> =
        receipts.iter().map(|receipt| receipt.place.as_ref().unwrap().sequence).collect();
    assert_eq!(sequences, (1..=COUNT as u64).collect::<Vec<_>>());
    assert_eq!(metas(&contents(&nats).await).len(), 1, "one payload");
}

#[tokio::test]
async fn chunks_are_no_larger_than_the_server_takes() {
    let nats = NatsServer::start();
    nats.configure("max_payload: 70000");
    let daemon =
        Daemon::with(&nats, &format!("[stream]\nmax_inline_bytes = 65_536\n{}", sources())).await;
    let hook = hook("chunks", &padded(MIB));
    send(&daemon, &hook).await;
    let reference = raw_ref(&stored(&nats).await[0]);
    assert!(read(&nats, &reference).await == hook.body);
}
