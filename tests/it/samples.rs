//! Every sample through the real pipeline: verified, normalized, addressed.

use std::fmt::Write as _;

use bytes::Bytes;
use forgewire::config::{Dedup, NamedSecret, RawPolicy, Source};
use forgewire::delivery::Delivery;
use forgewire::event::{Event, Time};
use forgewire::json::Redaction;
use forgewire::message::Message;
use forgewire::normalize;
use forgewire::samples::{HeaderPart, Sample, Sender};
use forgewire::secret::Secret;
use forgewire::source::{Kind, SourceName};
use forgewire::trace::TraceContext;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;
use sha2::Sha256;

use crate::support::schema::assert_valid;

const SECRET: &[u8] = b"a secret of enough bytes";
const DELIVERY: &str = "5b2f1c0e-8d34-4a6b-9e57-0c1d2e3f4a5b";

fn source(sender: &Sender) -> Source {
    let secret = Secret::new(SECRET.to_vec());
    Source {
        name: SourceName::new(sender.kind).unwrap(),
        kind: Kind::from_name(sender.kind).unwrap(),
        secrets: vec![NamedSecret { id: "default".into(), secret, repositories: None }],
        repositories: None,
        clients: None,
        authorization: None,
        base_url: None,
        accept_get: false,
        dedup: Dedup::Delivery,
        raw: RawPolicy::Keep,
        redact: Redaction::default(),
        redact_data: Redaction::default(),
        danger_accept_unsigned: false,
    }
}

/// Bytes in lower-case hex.
struct Hex<'a>(&'a [u8]);

impl std::fmt::LowerHex for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn headers(sender: &Sender, sample: &Sample, payload: &str) -> HeaderMap {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(payload);
    let signature = format!("{:x}", Hex(&mac.finalize().into_bytes()));
    let mut headers = HeaderMap::new();
    for (name, part) in sender.headers {
        let value = match part {
            HeaderPart::Fixed(text) => (*text).to_owned(),
            HeaderPart::Delivery => DELIVERY.to_owned(),
            HeaderPart::Event => sample.event.to_owned(),
            HeaderPart::EventType => match sample.event_type {
                Some(exact) => exact.to_owned(),
                None => continue,
            },
            HeaderPart::Signature(prefix) => format!("{prefix}{signature}"),
        };
        let value = HeaderValue::from_str(&value).unwrap();
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

/// The first event of a sample, the messages of all of them, and its payload.
fn made(sender: &Sender, sample: &Sample) -> (Event<'static>, Vec<Message>, String) {
    let payload = sender.payload(sample).unwrap();
    let source = source(sender);
    let headers = headers(sender, sample, &payload);
    let delivery = Delivery::new(headers, Bytes::from(payload.clone()));
    let delivery = delivery.verify(&source).unwrap();
    let received_at = Time::parse("2026-11-22T12:00:00Z").unwrap();
    let screened = normalize::Payload::of(&delivery);
    let events = normalize::events(&delivery, &screened, &source, received_at).unwrap();
    let is_several = sample.name.ends_with("-several") || sample.name.ends_with("-swapped");
    assert_eq!(events.len() > 1, is_several, "{} {}", sender.kind, sample.name);
    let message = |event: &Event<'_>| {
        let message = Message::of(event, "forge", TraceContext::of(delivery.headers())).unwrap();
        assert_valid(&message.body);
        message
    };
    let messages: Vec<_> = events.iter().map(message).collect();
    (Event::from_json(&messages[0].body).unwrap(), messages, payload)
}

/// Subject, headers and body for reading. The payload is left out, since it is checked byte for
/// byte elsewhere; the trace differs from run to run.
fn shown(message: &Message) -> String {
    let mut text = format!("{}\n\n", message.subject);
    for (name, value) in message.headers.iter() {
        let value = if name == "traceparent" { "[trace]" } else { value };
        writeln!(text, "{name}: {value}").unwrap();
    }
    let mut body: Value = serde_json::from_slice(&message.body).unwrap();
    if let Some(raw) = body.get_mut("raw") {
        *raw = "[payload]".into();
    }
    write!(text, "\n{}", serde_json::to_string_pretty(&body).unwrap()).unwrap();
    text.replace("2026-11-22T12:00:00Z", "[received_at]")
}

/// The body of every sample's message.
pub(crate) fn bodies() -> Vec<Bytes> {
    let bodies = std::sync::Mutex::new(Vec::new());
    every(|sender, sample| {
        let messages = made(sender, sample).1.into_iter();
        bodies.lock().unwrap().extend(messages.map(|message| message.body));
    });
    bodies.into_inner().unwrap()
}

fn every(check: impl Fn(&Sender, &Sample)) {
    for sender in Sender::ALL {
        for sample in sender.samples {
            check(sender, sample);
        }
    }
}

#[test]
fn every_sample_makes_the_event_that_its_row_says() {
    every(|sender, sample| {
        let (event, ..) = made(sender, sample);
        let made = format!("{}.{}", event.event(), event.action());
        assert_eq!(made, sample.makes, "{} {}", sender.kind, sample.name);
    });
}

#[test]
fn every_sample_is_in_the_message_byte_for_byte() {
    every(|sender, sample| {
        let (_, messages, payload) = made(sender, sample);
        let body = std::str::from_utf8(&messages[0].body).unwrap();
        let spliced = format!("\"raw\":{payload}");
        assert!(body.contains(&spliced), "{} {}", sender.kind, sample.name);
    });
}

#[test]
fn every_message_is_as_its_snapshot() {
    every(|sender, sample| {
        let (_, messages, _) = made(sender, sample);
        let shown: Vec<_> = messages.iter().map(shown).collect();
        let name = format!("{}-{}", sender.kind, sample.name);
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, shown.join("\n\n")));
    });
}

/// Rows of the contract that none of these forges can make.
const OF_OTHER_FORGES: [&str; 4] = [
    "issue_comment.resolved",
    "issue_comment.reopened",
    "commit_comment.resolved",
    "commit_comment.reopened",
];

#[test]
fn every_event_and_action_that_a_forge_can_make_has_a_sample() {
    let samples = || Sender::ALL.iter().flat_map(|sender| sender.samples);
    for spec in forgewire::event::Data::EVENTS {
        for action in spec.actions {
            let made = format!("{}.{action}", spec.name);
            let of_others = OF_OTHER_FORGES.contains(&&*made);
            let is_sent = samples().any(|sample| sample.makes == made);
            assert!(is_sent != of_others, "{made}: {is_sent}");
        }
    }
}

#[test]
fn every_event_name_of_a_kind_has_a_sample() {
    let names: [(&str, &str); 5] = [
        (
            "gitea",
            "create delete fork push issues issue_assign issue_label issue_milestone issue_comment \
             pull_request pull_request_assign pull_request_label pull_request_milestone \
             pull_request_sync pull_request_review_request pull_request_comment \
             pull_request_review_approved pull_request_review_rejected pull_request_review_comment \
             wiki repository release package status workflow_run workflow_job",
        ),
        (
            "forgejo",
            "create delete fork push issues issue_assign issue_label issue_milestone issue_comment \
             pull_request pull_request_assign pull_request_label pull_request_milestone \
             pull_request_sync pull_request_review_request pull_request_comment \
             pull_request_review_approved pull_request_review_rejected pull_request_review_comment \
             wiki repository release package action_run_success action_run_failure \
             action_run_recover",
        ),
        ("gogs", "create delete fork push issues pull_request issue_comment release"),
        (
            "bitbucket-cloud",
            "repo:push repo:fork repo:updated repo:transfer repo:created repo:deleted repo:imported \
             repo:commit_comment_created repo:commit_status_created repo:commit_status_updated \
             project:updated issue:created issue:updated issue:comment_created pullrequest:created \
             pullrequest:updated pullrequest:fulfilled pullrequest:rejected pullrequest:push \
             pullrequest:approved pullrequest:unapproved pullrequest:changes_request_created \
             pullrequest:changes_request_removed pullrequest:comment_created \
             pullrequest:comment_updated pullrequest:comment_deleted pullrequest:comment_resolved \
             pullrequest:comment_reopened pipeline:span_created",
        ),
        (
            "bitbucket-dc",
            "repo:refs_changed repo:modified repo:forked repo:created repo:deleted \
             repo:default_branch_modified repo:comment:added repo:comment:edited repo:comment:deleted \
             repo:secret_detected mirror:repo_synchronized project:created project:deleted \
             project:modified proj:modified pr:opened pr:from_ref_updated pr:to_ref_updated pr:modified \
             pr:reviewer:updated pr:reviewer:approved pr:reviewer:unapproved pr:reviewer:needs_work \
             pr:reviewer:changes_requested pr:merged pr:declined pr:deleted pr:comment:added \
             pr:comment:edited pr:comment:deleted diagnostics:ping",
        ),
    ];
    for (kind, names) in names {
        let sender = Sender::of(Kind::from_name(kind).unwrap()).unwrap();
        for name in names.split_whitespace() {
            let is_so = |sample: &Sample| sample.event_type.unwrap_or(sample.event) == name;
            assert!(sender.samples.iter().any(is_so), "{kind} {name}");
        }
    }
}
