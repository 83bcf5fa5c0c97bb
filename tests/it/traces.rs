//! One delivery can be followed from forge to subscriber: by its ids, and by the spans that a collector gets.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::spool::{accepted, hook, stored_are};
use crate::support::collector::{Collector, Mood, Seen, hex};
use crate::support::daemon::{Daemon, Stored, sources, stored};
use crate::support::hook::{Hook, SECRET, push, sha, signature};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;
use crate::support::{eventually, nats};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
/// The steps of a delivery that is published at once.
const STEPS: [&str; 4] = ["verify", "normalize", "publish", "receive"];
const TAKES_NONE: &str = "The collector does not take spans; they are lost.";

fn sent_within(hook: Hook, sampled: bool) -> Hook {
    hook.with("traceparent", &format!("00-{TRACE}-{SPAN}-0{}", u8::from(sampled)))
}

async fn traced(nats: &NatsServer, collector: &Collector, more: &[(&'static str, &str)]) -> Daemon {
    let daemon = untraced(&nats.url, &sources(), collector, more).await;
    daemon.ready().await;
    daemon
}

/// The same, whether NATS is there or not.
async fn untraced(
    nats_url: &str,
    config: &str,
    collector: &Collector,
    more: &[(&'static str, &str)],
) -> Daemon {
    let mut variables = collector.variables();
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Daemon::in_environment(nats_url, config, &variables).await
}

fn named<'s>(spans: &'s [Seen], name: &str) -> &'s Seen {
    let mut found = spans.iter().filter(|seen| seen.span.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no span {name}: {spans:?}"));
    assert!(found.next().is_none(), "several spans {name}: {spans:?}");
    first
}

fn names(spans: &[Seen]) -> Vec<&str> {
    spans.iter().map(|seen| &*seen.span.name).collect()
}

/// Trace, span and flags of a message.
fn context(message: &Stored) -> [String; 3] {
    let header = &message.headers["traceparent"];
    let parts: Vec<_> = header.split('-').map(str::to_owned).collect();
    assert_eq!((parts.len(), &*parts[0]), (4, "00"), "{header}");
    [parts[1].clone(), parts[2].clone(), parts[3].clone()]
}

fn is_failed(seen: &Seen) -> bool {
    seen.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

#[tokio::test]
async fn a_delivery_is_spans_of_the_senders_trace_with_its_ids() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let attributes = "deployment.environment.name=test,service.name=from-attributes";
    let daemon = traced(&nats, &collector, &[("OTEL_RESOURCE_ATTRIBUTES", attributes)]).await;
    assert_eq!(accepted(&daemon, &sent_within(hook("one"), true)).await, "published");
    let spans = collector.spans_of("one", 4).await;
    assert_eq!(names(&spans), STEPS);
    let [verify, normalize, publish, receive] = STEPS.map(|name| named(&spans, name));
    assert_eq!(hex(&receive.span.trace_id), TRACE);
    assert_eq!(hex(&receive.span.parent_span_id), SPAN);
    for child in [verify, normalize, publish] {
        assert_eq!(child.span.parent_span_id, receive.span.span_id, "{}", child.span.name);
        let inside = |time: u64| {
            (receive.span.start_time_unix_nano..=receive.span.end_time_unix_nano).contains(&time)
        };
        assert!(inside(child.span.start_time_unix_nano) && inside(child.span.end_time_unix_nano));
    }
    let kind = |seen: &Seen| seen.span.kind();
    assert_eq!((kind(receive), kind(publish)), (SpanKind::Server, SpanKind::Producer));
    assert_eq!((kind(verify), kind(normalize)), (SpanKind::Internal, SpanKind::Internal));
    assert!(!spans.iter().any(is_failed));
    assert_eq!(
        Value::Object(receive.attributes.clone()),
        json!({
            "http.request.method": "POST",
            "http.response.status_code": 202,
            "http.route": "/hooks/{source}",
            "url.path": "/hooks/gitea",
            "forgewire.source": "gitea",
            "forgewire.delivery.id": "one",
            "forgewire.event.id": "gitea:one",
            "forgewire.event.count": 1,
        })
    );
    let message = &stored(&nats).await[0];
    assert_eq!(
        Value::Object(publish.attributes.clone()),
        json!({
            "messaging.system": "nats",
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": "forge.gitea.acme.widgets.push.updated.main",
            "messaging.message.id": "gitea:one",
            "messaging.message.body.size": message.bytes.len(),
            "forgewire.source": "gitea",
            "forgewire.delivery.id": "one",
            "forgewire.event.id": "gitea:one",
            "forgewire.stream": "FORGE",
            "forgewire.sequence": 1,
            "forgewire.duplicate": false,
        })
    );
    assert_eq!(normalize.attributes["forgewire.event.type"], "push.updated");
    // The subscriber's parent is the span that published.
    assert_eq!(context(message), [TRACE.to_owned(), hex(&publish.span.span_id), "01".to_owned()]);
    assert_eq!(receive.resource["service.name"], "from-attributes");
    assert_eq!(receive.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(receive.resource["deployment.environment.name"], "test");
    assert_eq!(collector.requests()[0].0, "/v1/traces");
}

#[tokio::test]
async fn without_a_senders_trace_there_is_a_new_one_and_the_service_is_forgewire() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let daemon = traced(&nats, &collector, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).await;
    accepted(&daemon, &hook("one")).await;
    accepted(&daemon, &hook("two").with("traceparent", "00-not-a-trace-01")).await;
    let (one, two) = (collector.spans_of("one", 4).await, collector.spans_of("two", 4).await);
    let (one, two) = (named(&one, "receive"), named(&two, "receive"));
    assert!(one.span.parent_span_id.is_empty() && two.span.parent_span_id.is_empty());
    assert_ne!(one.span.trace_id, two.span.trace_id);
    assert_eq!(one.resource["service.name"], "forgewire");
    assert_eq!(collector.requests()[0].1["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_refused_delivery_says_in_its_spans_why() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let daemon = traced(&nats, &collector, &[]).await;
    let refused = deliver(daemon.hooks, "/hooks/gitea", &hook("no").unsigned()).await;
    assert_eq!(refused.status, 401);
    let spans = eventually("two spans", || async {
        Some(collector.spans()).filter(|spans| spans.len() >= 2)
    })
    .await;
    assert_eq!(names(&spans), ["verify", "receive"]);
    let (verify, receive) = (&spans[0], &spans[1]);
    assert!(is_failed(verify) && !is_failed(receive), "the sender's fault");
    assert_eq!(verify.attributes["error.type"], "not_authenticated");
    let status = verify.span.status.as_ref().unwrap();
    assert_eq!(status.message, "no signature header of this kind of forge was sent");
    assert_eq!(receive.attributes["http.response.status_code"], 401);
    assert_eq!(receive.attributes["forgewire.code"], "not_authenticated");
    assert!(!receive.attributes.contains_key("forgewire.delivery.id"), "nobody signed it");
    // What leads to no source is nobody's span.
    deliver(daemon.hooks, "/hooks/nobody", &hook("no")).await;
    accepted(&daemon, &hook("yes")).await;
    collector.spans_of("yes", 4).await;
    assert_eq!(collector.spans().len(), 6);
}

#[tokio::test]
async fn what_the_sender_does_not_record_is_not_recorded_here_and_its_trace_goes_on() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let daemon = traced(&nats, &collector, &[]).await;
    accepted(&daemon, &sent_within(hook("unsampled"), false)).await;
    accepted(&daemon, &hook("sampled")).await;
    collector.spans_of("sampled", 4).await;
    assert_eq!(collector.spans().len(), 4);
    let [trace, span, flags] = context(&stored(&nats).await[0]);
    assert_eq!((&*trace, &*flags), (TRACE, "00"));
    assert_ne!(span, SPAN);
}

#[tokio::test]
async fn the_sampler_is_the_one_that_the_variables_name() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let all = traced(&nats, &collector, &[("OTEL_TRACES_SAMPLER", "always_on")]).await;
    accepted(&all, &sent_within(hook("unsampled"), false)).await;
    assert_eq!(collector.spans_of("unsampled", 4).await.len(), 4);
    let none = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let none = traced(&nats, &collector, &[none, ("OTEL_TRACES_SAMPLER_ARG", "0")]).await;
    accepted(&none, &hook("root")).await;
    accepted(&none, &sent_within(hook("sampled"), true)).await;
    collector.spans_of("sampled", 8).await;
    assert_eq!(collector.spans().len(), 8, "none of the root");
    let flags: Vec<_> =
        stored(&nats).await.iter().map(|message| context(message)[2].clone()).collect();
    assert_eq!(flags, ["01", "00", "01"]);
}

#[tokio::test]
async fn what_was_spooled_is_published_within_its_trace_even_after_a_restart() {
    let (mut nats, collector) = (NatsServer::absent(), Collector::start(Mood::Well).await);
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{}[spool]\ndir = \"{}\"\n", sources(), dir.path().display());
    let mut daemon = untraced(&nats.url, &config, &collector, &[]).await;
    assert_eq!(accepted(&daemon, &sent_within(hook("kept"), true)).await, "spooled");
    let before = collector.spans_of("kept", 5).await;
    let (receive, spool) = (named(&before, "receive"), named(&before, "spool"));
    assert!(is_failed(named(&before, "publish")));
    assert_eq!(named(&before, "publish").attributes["error.type"], "away");
    assert_eq!(spool.span.parent_span_id, receive.span.span_id);
    assert_eq!(spool.attributes["forgewire.event.id"], "gitea:kept");
    daemon.child.kill().await.unwrap();
    nats.restart();
    let daemon = untraced(&nats.url, &config, &collector, &[]).await;
    daemon.ready().await;
    let message = &stored_are(&nats, 1).await[0];
    // As long as there is no stream, it may be tried in vain.
    let published = |seen: &Seen| seen.span.name == "publish" && !is_failed(seen);
    let late =
        eventually("it is published", || async { collector.spans().into_iter().find(published) })
            .await;
    assert_eq!(hex(&late.span.trace_id), TRACE);
    assert_eq!(late.span.parent_span_id, receive.span.span_id);
    assert_eq!(late.attributes["forgewire.sequence"], 1);
    assert_eq!(context(message), [TRACE.to_owned(), hex(&late.span.span_id), "01".to_owned()]);
}

#[tokio::test]
async fn each_event_of_a_delivery_has_a_span_that_published_it() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let daemon = traced(&nats, &collector, &[]).await;
    let change = |name: &str| {
        json!({
            "ref": { "id": format!("refs/heads/{name}"), "displayId": name, "type": "BRANCH" },
            "refId": format!("refs/heads/{name}"), "fromHash": sha('1'), "toHash": sha('2'), "type": "UPDATE",
        })
    };
    let body = crate::support::hook::push_of("bitbucket-dc", "a", &sha('1'), &sha('2'));
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    body["changes"] = json!([change("a"), change("b"), change("c")]);
    let body = serde_json::to_vec(&body).unwrap();
    let hook = Hook::new("bitbucket-dc", "repo:refs_changed", None, "three", SECRET, &body);
    let answer = deliver(daemon.hooks, "/hooks/bitbucket-dc", &hook).await;
    assert_eq!(answer.json()["count"], 3);
    let spans = collector.spans_of("three", 6).await;
    let published = spans.iter().filter(|seen| seen.span.name == "publish");
    let published: Vec<_> = published.map(|seen| hex(&seen.span.span_id)).collect();
    let carried: Vec<_> =
        stored(&nats).await.iter().map(|message| context(message)[1].clone()).collect();
    assert_eq!((published.len(), published), (3, carried));
}

#[tokio::test]
async fn a_collector_that_is_away_slow_or_wrong_costs_spans_and_one_log_line() {
    for mood in [None, Some(Mood::Silent), Some(Mood::Refusing(400)), Some(Mood::Refusing(503))] {
        let nats = NatsServer::start();
        let collector = Collector::start(mood.unwrap_or(Mood::Well)).await;
        let mut variables = vec![("OTEL_EXPORTER_OTLP_TIMEOUT", "100")];
        let nobody = format!("http://127.0.0.1:{}", nats::free_port());
        if mood.is_none() {
            variables.push(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &nobody));
        }
        let mut daemon = traced(&nats, &collector, &variables).await;
        for n in 0..30 {
            let began = Instant::now();
            assert_eq!(accepted(&daemon, &hook(&format!("d-{n}"))).await, "published");
            assert!(began.elapsed() < Duration::from_secs(2), "{mood:?}: {:?}", began.elapsed());
        }
        let said = daemon.logged(TAKES_NONE).await;
        let reason = match mood {
            None => "Connection refused",
            Some(Mood::Silent) => "no answer within 100 ms",
            Some(Mood::Refusing(400)) => "status code: 400",
            _ => "status code: 503",
        };
        let error = said["error"].as_str().unwrap();
        assert!(error.contains(reason), "{mood:?}: {error}");
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.exit_code().await, Some(0));
        daemon.logged("Not every span was sent.").await;
        let times = daemon.log().iter().filter(|line| line.contains(TAKES_NONE)).count();
        assert_eq!(times, 1, "{mood:?}");
        assert_eq!(stored(&nats).await.len(), 30, "{mood:?}");
    }
}

#[tokio::test]
async fn a_collector_that_answers_nonsense_harms_nobody_and_is_not_quoted() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Babbling).await);
    let daemon = traced(&nats, &collector, &[]).await;
    assert_eq!(accepted(&daemon, &hook("one")).await, "published");
    collector.spans_of("one", 4).await;
    assert_eq!(accepted(&daemon, &hook("two")).await, "published");
    collector.spans_of("two", 4).await;
    assert!(!daemon.log().join("\n").contains("planted-in-the-answer"));
}

#[tokio::test]
async fn a_collector_that_is_back_is_said_with_what_was_lost() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Refusing(400)).await);
    let daemon = traced(&nats, &collector, &[]).await;
    accepted(&daemon, &hook("lost")).await;
    daemon.logged(TAKES_NONE).await;
    collector.set(Mood::Well);
    let deliveries = AtomicUsize::new(1);
    let said = eventually("the collector takes spans", || async {
        accepted(&daemon, &hook("found")).await;
        deliveries.fetch_add(1, Ordering::Relaxed);
        let said = |line: &String| line.contains("The collector takes spans again.");
        daemon.log().into_iter().find(said)
    })
    .await;
    let said: Value = serde_json::from_str(&said).unwrap();
    let lost = usize::try_from(said["lost"].as_u64().unwrap()).unwrap();
    assert!(lost > 0, "{said}");
    // Each of four spans was taken or is in that number, and none in both.
    let made = 4 * deliveries.load(Ordering::Relaxed);
    eventually("every span is accounted for", || async {
        (collector.spans().len() + lost == made).then_some(())
    })
    .await;
}

#[tokio::test]
async fn spans_that_find_no_place_in_the_queue_are_lost_and_deliveries_are_not() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Silent).await);
    let more = [("OTEL_BSP_MAX_QUEUE_SIZE", "3"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")];
    let mut daemon = traced(&nats, &collector, &more).await;
    for n in 0..20 {
        assert_eq!(accepted(&daemon, &hook(&format!("d-{n}"))).await, "published");
    }
    let full = "Spans are made faster than the collector takes them; some are lost.";
    assert_eq!(daemon.logged(full).await["max_queue"], 3);
    daemon.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(daemon.exit_code().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    // 80 were made, at most 3 wait and 3 are on their way.
    let lost = daemon.logged("Not every span was sent.").await["lost"].as_u64().unwrap();
    assert!((74..=80).contains(&lost), "{lost}");
    assert_eq!(daemon.log().iter().filter(|line| line.contains(full)).count(), 1);
}

#[tokio::test]
async fn the_last_spans_are_sent_before_the_end() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let mut daemon = traced(&nats, &collector, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]).await;
    accepted(&daemon, &hook("last")).await;
    assert!(collector.spans().is_empty());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    assert_eq!(names(&collector.spans()), STEPS);
    assert!(!daemon.log().join("\n").contains("Not every span was sent."));
}

#[tokio::test]
async fn headers_for_the_collector_are_sent_and_never_logged() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Refusing(401)).await);
    let headers =
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20planted-token,x-tenant=acme");
    let daemon =
        untraced(&nats.url, &sources(), &collector, &[headers, ("FORGEWIRE_LOG__FILTER", "trace")])
            .await;
    daemon.ready().await;
    accepted(&daemon, &hook("refused")).await;
    daemon.logged(TAKES_NONE).await;
    collector.set(Mood::Well);
    accepted(&daemon, &hook("taken")).await;
    collector.spans_of("taken", 4).await;
    for (_, headers) in collector.requests() {
        assert_eq!(headers["authorization"], "Bearer planted-token");
        assert_eq!(headers["x-tenant"], "acme");
    }
    let log = daemon.log().join("\n");
    assert!(!log.contains("planted-token") && !log.contains("Bearer"), "{log}");
}

#[tokio::test]
async fn no_span_holds_a_secret_a_signature_a_body_or_an_address() {
    let (nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let daemon = traced(&nats, &collector, &[]).await;
    let body = String::from_utf8(push("main", &sha('1'), &sha('2'))).unwrap();
    let planted = r#"{"secret": "planted-secret", "note": "planted-note", "mail": "planted@example.com",
        "pusher": {"login": "jdoe", "email": "planted@example.com", "full_name": "planted-name"},"#;
    let body =
        body.replacen("\"pusher\"", "\"no_pusher\"", 1).replacen('{', planted, 1).into_bytes();
    let good = Hook::new("gitea", "push", Some("push"), "good", SECRET, &body);
    let odd = Hook::new("gitea", "planted-event", None, "odd", SECRET, &body);
    let bad = Hook::new("gitea", "push", Some("push"), "planted-id", "planted-wrong-secret", &body);
    for (hook, status) in [(&good, 202), (&odd, 202), (&bad, 401)] {
        let hook =
            hook.clone().with("User-Agent", "planted-agent").with("Cookie", "planted-cookie");
        assert_eq!(deliver(daemon.hooks, "/hooks/gitea?planted=query", &hook).await.status, status);
    }
    collector.spans_of("odd", 4).await;
    let all = eventually("all spans", || async {
        Some(collector.spans()).filter(|spans| spans.len() >= 10)
    })
    .await;
    let all = format!("{all:?}").replace("planted-event", "");
    for mark in ["planted", SECRET, &signature(SECRET, &body), "@example.com"] {
        assert!(!all.contains(mark), "a span holds {mark}");
    }
}

#[tokio::test]
async fn every_log_line_the_receipt_the_spans_and_the_message_have_the_ids_of_a_delivery() {
    let (mut nats, collector) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let mut daemon = untraced(
        &nats.url,
        &sources(),
        &collector,
        &[("FORGEWIRE_LOG__FILTER", "off,forgewire=trace")],
    )
    .await;
    daemon.ready().await;
    let at_start = daemon.log().len();
    let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("direct")).await.json();
    assert_eq!(
        (&answer["delivery"], &answer["events"][0]["id"]),
        (&json!("direct"), &json!("gitea:direct"))
    );
    let odd = push("main", &sha('1'), &sha('2'));
    let odd = Hook::new("gitea", "nobody-knows", None, "odd", SECRET, &odd);
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &odd).await.json()["delivery"], "odd");
    let refused = deliver(daemon.hooks, "/hooks/gitea", &hook("refused").unsigned()).await;
    assert_eq!(refused.status, 401);
    nats.kill();
    let spooled = deliver(daemon.hooks, "/hooks/gitea", &hook("spooled")).await.json();
    assert_eq!((&spooled["status"], &spooled["delivery"]), (&json!("spooled"), &json!("spooled")));
    nats.restart();
    let messages = stored_are(&nats, 3).await;
    for (message, id) in messages.iter().zip(["direct", "odd", "spooled"]) {
        assert_eq!(message.headers["Forgewire-Delivery"], id);
        assert_eq!(message.headers["Nats-Msg-Id"], format!("gitea:{id}"));
        assert_eq!(message.body["delivery"]["id"], id);
        let spans = collector.spans_of(id, 4).await;
        for seen in spans.iter().filter(|seen| seen.span.name != "verify") {
            assert_eq!(seen.attributes["forgewire.delivery.id"], id, "{seen:?}");
        }
        assert_eq!(hex(&spans[0].span.trace_id), context(message)[0]);
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let about = |line: &Value| {
        let message = line["message"].as_str().unwrap();
        message.starts_with("Delivery")
            || message.contains("go to the spool")
            || message.contains("not take what is spooled")
    };
    let lines = daemon.log().into_iter().skip(at_start);
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()).filter(about);
    let mut seen = Vec::new();
    for line in lines {
        let delivery = line["delivery"].as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
        // What is refused makes no event.
        if line["message"] != "Delivery refused." {
            assert_eq!(line["event"], format!("gitea:{delivery}"), "{line}");
        }
        seen.push((delivery, line["message"].as_str().unwrap().to_owned()));
    }
    for (delivery, message) in [
        ("direct", "Delivery verified."),
        ("direct", "Delivery stored."),
        ("odd", "Delivery not recognized; its payload is published whole."),
        ("refused", "Delivery refused."),
        ("spooled", "JetStream does not take events; they go to the spool."),
        ("spooled", "Delivery stored."),
    ] {
        assert!(seen.contains(&(delivery.to_owned(), message.to_owned())), "{message}: {seen:?}");
    }
}

#[test]
fn a_variable_that_cannot_be_meant_ends_serve_and_check_with_78_and_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("forgewire.toml");
    std::fs::write(&config, sources()).unwrap();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let certificate = dir.path().join("ca.pem");
    std::fs::write(&certificate, "planted-no-certificate").unwrap();
    let certificate = certificate.to_str().unwrap();
    let none = format!(
        "environment variable OTEL_EXPORTER_OTLP_CERTIFICATE: {certificate}: it holds no certificate in PEM form"
    );
    let secure = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9");
    for (command, variables, says) in [
        (
            "serve",
            [endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            "environment variable OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf: forgewire speaks no other protocol (collectors take it on port 4318)",
        ),
        (
            "check",
            [endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "planted-token")],
            "environment variable OTEL_EXPORTER_OTLP_HEADERS must be headers such as name=value,name=value",
        ),
        (
            "serve",
            [("OTEL_TRACES_EXPORTER", "zipkin"), endpoint],
            "environment variable OTEL_TRACES_EXPORTER must be otlp or none: forgewire knows no other exporter",
        ),
        ("serve", [secure, ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate)], &none),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_forgewire"))
            .args([command, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .envs(variables)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{error}");
        assert_eq!(error, format!("forgewire: {says}\n"));
    }
}

#[test]
fn the_readme_lists_every_variable_that_counts_and_no_other() {
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("OTEL_")).map(str::to_owned).collect()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = std::fs::read_to_string(root.join("src/otlp/env.rs")).unwrap();
    let code = names(code.split("#[cfg(test)]").next().unwrap());
    assert!(code.len() > 20, "{code:?}");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `OTEL_"));
    let rows: Vec<_> = rows.map(|row| row.split(" | ").next().unwrap()).collect();
    assert_eq!(names(&rows.join("\n")), code);
}

/// Runs openssl in a directory, where it writes its files.
fn openssl(dir: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let output = command.args(arguments.split(' ')).current_dir(dir).output();
    let output = output.expect("openssl runs: apt-get install openssl");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A process that is killed when the test ends.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_collector_with_tls_is_trusted_by_the_certificate_that_the_variable_names_and_not_without()
 {
    let dir = tempfile::tempdir().unwrap();
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=collector";
    openssl(dir.path(), &format!("req -x509 {new} -keyout ca.key -out ca.pem -days 2"));
    openssl(
        dir.path(),
        &format!(
            "req -x509 {new} -CA ca.pem -CAkey ca.key -keyout key.pem -out cert.pem -days 2 -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
        ),
    );
    let port = nats::free_port();
    let received = std::fs::File::create(dir.path().join("received")).unwrap();
    let server = Command::new("openssl")
        .args(["s_server", "-quiet", "-cert", "cert.pem", "-key", "key.pem", "-accept"])
        .arg(port.to_string())
        .current_dir(dir.path())
        .stdin(std::process::Stdio::piped())
        .stdout(received)
        .stderr(std::process::Stdio::null())
        .spawn();
    let _server = Killed(server.expect("openssl runs"));
    let (nats, unused) = (NatsServer::start(), Collector::start(Mood::Well).await);
    let endpoint = format!("https://127.0.0.1:{port}");
    let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint);
    let certificate = dir.path().join("ca.pem");
    let stranger = traced(&nats, &unused, &[endpoint]).await;
    accepted(&stranger, &hook("stranger")).await;
    let error = stranger.logged(TAKES_NONE).await["error"].to_string();
    assert!(error.contains("certificate"), "{error}");
    let known = ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate.to_str().unwrap());
    let daemon = traced(&nats, &unused, &[endpoint, known]).await;
    accepted(&daemon, &hook("known")).await;
    eventually("the collector is written to", || async {
        let received = std::fs::read(dir.path().join("received")).unwrap();
        // A request comes by and by.
        String::from_utf8_lossy(&received).contains("gitea:known").then_some(())
    })
    .await;
}
