//! What stands in for a collector: it takes OTLP over HTTP, and decodes it as collectors do.

use std::convert::Infallible;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::eventually;

/// How it answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    /// It takes what comes.
    Well,
    /// With this status.
    Refusing(u16),
    /// 200, and what is no answer to the request.
    Babbling,
    /// Never.
    Silent,
}

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) span: Span,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) resource: Map<String, Value>,
}

/// A running stand-in.
pub(crate) struct Collector {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    mood: Mutex<Mood>,
    seen: Mutex<Vec<Seen>>,
    requests: Mutex<Vec<(String, HeaderMap)>>,
}

impl Collector {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            mood: Mutex::new(mood),
            seen: Mutex::default(),
            requests: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                let answer = service_fn(move |request| answer(Arc::clone(&shared), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { addr, shared }
    }

    /// Answers so from now on.
    pub(crate) fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// The variables that ask for traces to here, soon.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", self.addr)),
            ("OTEL_BSP_SCHEDULE_DELAY", "20".to_owned()),
        ]
    }

    /// Every span so far.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Path and headers of every request so far.
    pub(crate) fn requests(&self) -> Vec<(String, HeaderMap)> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits until it has seen so many spans of a delivery.
    pub(crate) async fn spans_of(&self, delivery: &str, count: usize) -> Vec<Seen> {
        eventually("the spans of a delivery", || async {
            let all = self.spans();
            let about = |seen: &&Seen| {
                seen.attributes.get("forgewire.delivery.id").is_some_and(|id| id == delivery)
            };
            let trace = all.iter().find(about)?.span.trace_id.clone();
            let of: Vec<_> = all.into_iter().filter(|seen| seen.span.trace_id == trace).collect();
            (of.len() >= count).then_some(of)
        })
        .await
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mood = *shared.mood.lock().unwrap();
    shared.requests.lock().unwrap().push((parts.uri.path().to_owned(), parts.headers.clone()));
    let text = match mood {
        Mood::Silent => std::future::pending().await,
        Mood::Refusing(status) => {
            return Ok(Response::builder().status(status).body(Full::default()).unwrap());
        }
        Mood::Babbling => Bytes::from_static(b"\xff<html>planted-in-the-answer"),
        Mood::Well => Bytes::new(),
    };
    assert_eq!(
        (parts.method.as_str(), parts.headers["content-type"].as_bytes()),
        ("POST", "application/x-protobuf".as_bytes())
    );
    let gzip = parts.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    shared.seen.lock().unwrap().extend(decode(&body, gzip));
    Ok(Response::new(Full::new(text)))
}

fn decode(body: &[u8], gzip: bool) -> Vec<Seen> {
    let mut plain = body.to_vec();
    if gzip {
        plain.clear();
        flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    }
    let request = ExportTraceServiceRequest::decode(&*plain).unwrap();
    let mut seen = Vec::new();
    for of_resource in request.resource_spans {
        let resource = map(&of_resource.resource.unwrap().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let attributes = map(&span.attributes);
            seen.push(Seen { span, attributes, resource: resource.clone() });
        }
    }
    seen
}

fn map(attributes: &[KeyValue]) -> Map<String, Value> {
    let all = attributes.iter().map(|KeyValue { key, value, .. }| {
        let value = match value {
            Some(AnyValue { value: Some(Any::StringValue(text)) }) => text.as_str().into(),
            Some(AnyValue { value: Some(Any::IntValue(number)) }) => (*number).into(),
            Some(AnyValue { value: Some(Any::BoolValue(is)) }) => (*is).into(),
            other => panic!("{key}: {other:?}"),
        };
        (key.clone(), value)
    });
    let all: Vec<_> = all.collect();
    let count = all.len();
    let map: Map<String, Value> = all.into_iter().collect();
    assert_eq!(map.len(), count, "an attribute twice: {attributes:?}");
    map
}

/// The bytes of an id as `traceparent` writes them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
