//! The spans of a delivery: one function per step, with what it is called and what it says.
//!
//! In comes what a step knows, out go spans to the tracer that [`crate::otlp`] has set: `receive` with its children
//! `verify`, `normalize`, and `publish` or `spool`. Without a tracer nothing is made, and a step costs one look.
//! Attributes are named by OpenTelemetry's conventions; our own begin with `forgewire.`. None holds a secret, a
//! signature, a body or an address.

use std::borrow::Cow;
use std::sync::OnceLock;

use hyper::{HeaderMap, Method};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use crate::delivery::NotAuthenticated;
use crate::event::Event;
use crate::jetstream::{Ack, Unacknowledged};
use crate::message::Message;
use crate::source::UnsignedHeaders;
use crate::spool::WriteError;
use crate::trace::TraceContext;

/// What makes the spans of this process, if any are made.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Makes spans from now on. A second call changes nothing.
pub fn make_with(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// A step that is going on, if spans are made. It ends when it is dropped, at the latest.
#[derive(Debug)]
pub struct Step(Option<Box<Span>>);

impl Step {
    fn begin(
        name: &'static str,
        kind: SpanKind,
        parent: impl FnOnce() -> Option<(TraceContext, bool)>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = parent().map_or_else(Context::new, |(context, is_remote)| {
            Context::new().with_remote_span_context(span_context(context, is_remote))
        });
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes());
        let span = tracer.build_with_context(builder, &parent);
        // A tracer that has ended makes none. A span is large, and futures hold steps.
        Self(span.span_context().is_valid().then(|| Box::new(span)))
    }

    /// What goes on within this step is in this context; none if no spans are made.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span_context();
        let trace = u128::from_be_bytes(context.trace_id().to_bytes());
        let span = u64::from_be_bytes(context.span_id().to_bytes());
        Some(TraceContext::new(trace, span, context.is_sampled()))
    }

    /// Tells something of the step. `attributes` are made only for a span that somebody will see.
    fn tell<const N: usize>(&mut self, attributes: impl FnOnce() -> [KeyValue; N]) {
        if let Some(span) = self.0.as_mut().filter(|span| span.is_recording()) {
            span.set_attributes(attributes());
        }
    }

    fn failed(&mut self, kind: &'static str, why: impl FnOnce() -> Cow<'static, str>) {
        if let Some(span) = self.0.as_mut().filter(|span| span.is_recording()) {
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(why()));
        }
    }
}

fn span_context(context: TraceContext, is_remote: bool) -> SpanContext {
    SpanContext::new(
        TraceId::from(context.trace()),
        SpanId::from(context.span()),
        TraceFlags::NOT_SAMPLED.with_sampled(context.is_sampled()),
        is_remote,
        TraceState::NONE,
    )
}

/// A request to a source: the whole of it, from its head to the answer.
#[must_use]
pub fn receive(source: &str, method: &Method, headers: &HeaderMap) -> Step {
    let parent = || Some((TraceContext::sent(UnsignedHeaders::new(headers))?, true));
    Step::begin("receive", SpanKind::Server, parent, || {
        vec![
            KeyValue::new("http.request.method", method_name(method)),
            KeyValue::new("http.route", "/hooks/{source}"),
            KeyValue::new("url.path", format!("/hooks/{source}")),
            KeyValue::new("forgewire.source", source.to_owned()),
        ]
    })
}

impl Step {
    /// What was received is this delivery, and these are its messages.
    pub fn is_of(&mut self, delivery: &str, messages: &[Message]) {
        self.tell(|| {
            let first = messages.first().map(|message| message.id.clone());
            [
                KeyValue::new("forgewire.delivery.id", delivery.to_owned()),
                KeyValue::new("forgewire.event.id", first.unwrap_or_default()),
                KeyValue::new("forgewire.event.count", count(messages.len())),
            ]
        });
    }

    /// It was answered so; a refusal has a code.
    pub fn answered(mut self, status: u16, code: Option<&'static str>) {
        self.tell(|| [KeyValue::new("http.response.status_code", i64::from(status))]);
        let Some(code) = code else { return };
        self.tell(|| [KeyValue::new("forgewire.code", code)]);
        // What the sender did wrong is no error of the server.
        if status >= 500 {
            self.failed(code, || code.into());
        }
    }
}

/// A delivery's signature is being checked.
#[must_use]
pub fn verify(parent: Option<TraceContext>) -> Step {
    Step::begin("verify", SpanKind::Internal, || Some((parent?, false)), Vec::new)
}

impl Step {
    /// It was found to be signed with this secret, or to need none; or it is refused.
    pub fn verified(mut self, by: Result<Option<&str>, NotAuthenticated>) {
        match by {
            Ok(Some(id)) => self.tell(|| [KeyValue::new("forgewire.secret.id", id.to_owned())]),
            Ok(None) => {}
            Err(why) => self.failed("not_authenticated", || why.to_string().into()),
        }
    }
}

/// A delivery is being made into events, and these into messages.
#[must_use]
pub fn normalize(parent: Option<TraceContext>) -> Step {
    Step::begin("normalize", SpanKind::Internal, || Some((parent?, false)), Vec::new)
}

impl Step {
    /// It was made into these.
    pub fn normalized(mut self, events: &[Event<'_>]) {
        self.tell(|| {
            let first = events.first();
            let kind = first.map(|event| [event.event(), ".", event.action()].concat());
            let delivery = first.map(|event| event.delivery.id.to_string());
            [
                KeyValue::new("forgewire.delivery.id", delivery.unwrap_or_default()),
                KeyValue::new("forgewire.event.type", kind.unwrap_or_default()),
                KeyValue::new("forgewire.event.count", count(events.len())),
            ]
        });
    }
}

/// A message is on its way to the stream: directly, from the spool, or once more.
#[must_use]
pub fn publish(message: &Message) -> Step {
    Step::begin(
        "publish",
        SpanKind::Producer,
        || parent_of(message),
        || {
            vec![
                KeyValue::new("messaging.system", "nats"),
                KeyValue::new("messaging.operation.name", "publish"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.destination.name", message.subject.as_str().to_owned()),
                KeyValue::new("messaging.message.id", message.id.clone()),
                KeyValue::new("messaging.message.body.size", count(message.body.len())),
                KeyValue::new("forgewire.source", message.source().to_owned()),
                KeyValue::new("forgewire.delivery.id", message.delivery().to_owned()),
                KeyValue::new("forgewire.event.id", message.id.clone()),
            ]
        },
    )
}

impl Step {
    /// The stream has it, or did not say so.
    pub fn published(mut self, stored: &Result<Ack, Unacknowledged>) {
        match stored {
            Ok(ack) => self.tell(|| {
                [
                    KeyValue::new("forgewire.stream", ack.stream.clone()),
                    KeyValue::new("forgewire.sequence", ack.sequence.cast_signed()),
                    KeyValue::new("forgewire.duplicate", ack.duplicate),
                ]
            }),
            Err(reason) => self.failed(kind_of(reason), || reason.to_string().into()),
        }
    }
}

/// Messages of a delivery are on their way into the spool.
#[must_use]
pub fn spool(messages: &[Message]) -> Step {
    let Some(first) = messages.first() else { return Step(None) };
    Step::begin(
        "spool",
        SpanKind::Internal,
        || parent_of(first),
        || {
            vec![
                KeyValue::new("forgewire.source", first.source().to_owned()),
                KeyValue::new("forgewire.delivery.id", first.delivery().to_owned()),
                KeyValue::new("forgewire.event.id", first.id.clone()),
                KeyValue::new("forgewire.event.count", count(messages.len())),
            ]
        },
    )
}

impl Step {
    /// They are there, or could not be written.
    pub fn spooled<T>(mut self, stored: &Result<T, WriteError>) {
        if let Err(error) = stored {
            self.failed("spool", || error.to_string().into());
        }
    }
}

/// What a message carries: of one that was spooled, the context of the delivery that it was received with.
fn parent_of(message: &Message) -> Option<(TraceContext, bool)> {
    Some((TraceContext::parse(message.header("traceparent")?)?, false))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A method as it may be told: anybody can make up others.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::CONNECT => "CONNECT",
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

fn kind_of(reason: &Unacknowledged) -> &'static str {
    match reason {
        Unacknowledged::Away => "away",
        Unacknowledged::Closed => "closed",
        Unacknowledged::Deaf(_) => "deaf",
        Unacknowledged::Denied(_) => "denied",
        Unacknowledged::Disconnected => "disconnected",
        Unacknowledged::Header(_) => "header",
        Unacknowledged::NoBucket(_) => "no_bucket",
        Unacknowledged::NoStream => "no_stream",
        Unacknowledged::Refused { .. } => "refused",
        Unacknowledged::TimedOut => "timed_out",
        Unacknowledged::TooLarge => "too_large",
        Unacknowledged::Unreadable => "unreadable",
    }
}
