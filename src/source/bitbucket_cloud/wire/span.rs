//! Spans of pipelines: OpenTelemetry's JSON, as `pipeline:span_created` has it.

use serde::Deserialize;

use super::loose::Loose;
use crate::wire::{Text, list};

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct ResourceSpans<'a> {
    pub(crate) resource: Option<Resource<'a>>,
    #[serde(rename = "scopeSpans", deserialize_with = "list")]
    pub(crate) scope_spans: Vec<ScopeSpans<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Resource<'a> {
    #[serde(deserialize_with = "list")]
    pub(crate) attributes: Vec<Attribute<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct ScopeSpans<'a> {
    #[serde(deserialize_with = "list")]
    pub(crate) spans: Vec<Span<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Span<'a> {
    #[serde(rename = "traceId")]
    pub(crate) trace: Text<'a>,
    #[serde(rename = "spanId")]
    pub(crate) id: Text<'a>,
    #[serde(rename = "parentSpanId")]
    pub(crate) parent: Text<'a>,
    pub(crate) name: Text<'a>,
    #[serde(rename = "startTimeUnixNano")]
    pub(crate) start: Loose<'a>,
    #[serde(rename = "endTimeUnixNano")]
    pub(crate) end: Loose<'a>,
    #[serde(deserialize_with = "list")]
    pub(crate) attributes: Vec<Attribute<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Attribute<'a> {
    pub(crate) key: Text<'a>,
    pub(crate) value: Option<AnyValue<'a>>,
}

/// A value: 64-bit integers are texts in OpenTelemetry's JSON, and numbers where somebody forgot it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct AnyValue<'a> {
    #[serde(rename = "stringValue")]
    pub(crate) string: Loose<'a>,
    #[serde(rename = "intValue")]
    pub(crate) int: Loose<'a>,
    #[serde(rename = "doubleValue")]
    pub(crate) double: Loose<'a>,
    #[serde(rename = "boolValue")]
    pub(crate) bool: Option<bool>,
}
