//! One push that changes ten thousand refs: as many small events, one payload, bounded memory.

use std::collections::BTreeSet;
use std::time::Instant;

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use forgewire::event::{Data, Event, ObjectRef, PushAction, Raw};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::support::LIMIT;
use crate::support::daemon::Daemon;
use crate::support::hook::{Hook, SECRET, push_name, push_of};
use crate::support::http::{Answer, deliver};
use crate::support::nats::NatsServer;
use crate::support::schema::assert_valid;

const COUNT: usize = 10_000;
/// Most that the daemon may have in memory at once, in bytes: the body twice, the events, and the messages.
/// Without this delivery it takes a tenth of that.
const MOST_MEMORY: usize = 160 << 20;

fn branch(number: usize) -> String {
    format!("release/branch-{number:05}")
}

fn hash(number: usize) -> String {
    format!("{number:040x}")
}

/// A push that moves so many branches, as this kind words it.
fn push_of_many(kind: &str, count: usize) -> Vec<u8> {
    let mut body: Value =
        serde_json::from_slice(&push_of(kind, "main", &hash(1), &hash(2))).unwrap();
    let place = if kind == "bitbucket-cloud" { "/push/changes" } else { "/changes" };
    let changes = body.pointer_mut(place).unwrap();
    *changes = (1..=count).map(|number| change(kind, number)).collect();
    serde_json::to_vec(&body).unwrap()
}

fn change(kind: &str, number: usize) -> Value {
    let (name, before, after) = (branch(number), hash(number), hash(number + COUNT));
    if kind == "bitbucket-cloud" {
        let side = |hash: &str| json!({ "type": "branch", "name": name, "target": { "type": "commit", "hash": hash } });
        return json!({
            "old": side(&before), "new": side(&after),
            "created": false, "closed": false, "forced": false, "truncated": false, "commits": [],
        });
    }
    let id = format!("refs/heads/{name}");
    json!({
        "ref": { "id": id, "displayId": name, "type": "BRANCH" },
        "refId": id, "fromHash": before, "toHash": after, "type": "UPDATE",
    })
}

async fn send(daemon: &Daemon, kind: &str, id: &str, body: &[u8]) -> Answer {
    let hook = Hook::new(kind, push_name(kind), None, id, SECRET, body);
    let answer = deliver(daemon.hooks, &format!("/hooks/{kind}"), &hook).await;
    assert_eq!(answer.status, 202, "{answer:?}: {:#?}", daemon.log().last());
    answer
}

/// The first messages of the stream, with the bytes that each takes.
async fn read(nats: &NatsServer, count: usize) -> Vec<(jetstream::Message, usize)> {
    let context = jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let stream = context.get_stream("FORGE").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, count as u64);
    let consumer = stream.create_consumer(OrderedConfig::default()).await.unwrap();
    let messages = consumer.messages().await.unwrap().take(count);
    let sized = messages.map(|message| {
        let message = message.unwrap();
        let headers = message.headers.iter().flat_map(|headers| headers.iter());
        let pairs = headers.map(|(name, values)| name.to_string().len() + values[0].as_str().len());
        let bytes = message.payload.len() + pairs.sum::<usize>();
        (message, bytes)
    });
    tokio::time::timeout(LIMIT, sized.collect()).await.expect("all of them")
}

/// Most memory that a process ever took, in bytes.
fn peak_memory(daemon: &Daemon) -> usize {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", daemon.child.id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

async fn payload(nats: &NatsServer, reference: &ObjectRef) -> Vec<u8> {
    let context = jetstream::new(async_nats::connect(&nats.url).await.unwrap());
    let bucket = context.get_object_store(&reference.bucket).await.unwrap();
    let mut bytes = Vec::new();
    bucket.get(&reference.object).await.unwrap().read_to_end(&mut bytes).await.unwrap();
    reference.check(&bytes).unwrap();
    bytes
}

/// What must hold of every such push.
async fn assert_told(nats: &NatsServer, kind: &str, body: &[u8], count: usize) {
    let first = format!("{kind}:many");
    let messages = read(nats, count).await;
    let mut ids = BTreeSet::new();
    for (number, (message, _)) in (1..).zip(&messages) {
        let event = Event::from_json(&message.payload).unwrap();
        let expected = if number == 1 { first.clone() } else { format!("{first}:{number}") };
        assert_eq!(event.id, expected);
        let headers = message.headers.as_ref().unwrap();
        assert_eq!(headers.get("Nats-Msg-Id").unwrap().as_str(), event.id);
        ids.insert(event.id);
        let name = branch(number).replace('/', "%2F");
        let of = format!("forge.{kind}.acme.widgets.push.updated.{name}");
        assert_eq!(message.subject.as_str(), of);
        assert_eq!(event.reference.unwrap().name, branch(number));
        let Data::Push(PushAction::Updated, push) = event.data else { panic!("{expected}") };
        assert_eq!(push.before.as_deref(), Some(&*hash(number)));
        assert_eq!(push.after.as_deref(), Some(&*hash(number + COUNT)));
        match event.raw {
            Raw::In(id) => assert!(number > 1 && id == first, "{expected}: {id}"),
            Raw::Inline(raw) => assert!(number == 1 && raw == body, "{expected}"),
            Raw::Ref(place) => {
                assert!(number == 1 && payload(nats, &place).await == body, "{expected}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert_eq!(ids.len(), count);
    for (message, _) in messages.iter().step_by(count / 10) {
        assert_valid(&message.payload);
    }
    let bytes: usize = messages.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes < body.len() * 8, "{bytes} bytes of messages for {}", body.len());
}

fn assert_receipt(answer: &Answer, kind: &str, count: usize) {
    let receipt = answer.json();
    assert_eq!((&receipt["status"], &receipt["count"]), (&json!("published"), &json!(count)));
    let listed = receipt["events"].as_array().unwrap();
    assert_eq!(listed.len(), count.min(50));
    assert_eq!(listed[0]["id"], format!("{kind}:many"));
    assert_eq!(listed[49]["id"], format!("{kind}:many:50"));
    assert!(answer.body.len() < 32 * 1024, "{} bytes", answer.body.len());
}

async fn ten_thousand(kind: &str) {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let before = peak_memory(&daemon);
    let body = push_of_many(kind, COUNT);
    let started = Instant::now();
    let answer = send(&daemon, kind, "many", &body).await;
    let (took, memory) = (started.elapsed(), peak_memory(&daemon));
    // Cloud waits for 10 seconds, Data Center for 20.
    assert!(took.as_secs() < 10, "{took:?}");
    assert!(memory < MOST_MEMORY, "{memory} bytes, {before} before");
    assert_receipt(&answer, kind, COUNT);
    assert_told(&nats, kind, &body, COUNT).await;
    // Again it is the same: nothing is stored twice.
    let again = send(&daemon, kind, "many", &body).await.json();
    assert_eq!(again["count"], COUNT);
    assert!(again["events"].as_array().unwrap().iter().all(|event| event["duplicate"] == true));
    read(&nats, COUNT).await;
}

#[tokio::test]
async fn ten_thousand_refs_in_one_push_of_bitbucket_data_center_are_as_many_small_events() {
    ten_thousand("bitbucket-dc").await;
}

#[tokio::test]
async fn ten_thousand_refs_in_one_push_of_bitbucket_cloud_are_as_many_small_events() {
    ten_thousand("bitbucket-cloud").await;
}

#[tokio::test]
async fn a_payload_that_fits_stands_in_the_first_of_many_events() {
    for kind in ["bitbucket-cloud", "bitbucket-dc"] {
        let nats = NatsServer::start();
        let daemon = Daemon::start(&nats).await;
        let body = push_of_many(kind, 100);
        let answer = send(&daemon, kind, "many", &body).await;
        assert_receipt(&answer, kind, 100);
        assert_told(&nats, kind, &body, 100).await;
    }
}
