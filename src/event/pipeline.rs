//! The facts of a `pipeline_span`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Conclusion, Id, RefName, Time};

/// The facts of a `pipeline_span` event: the spans of one repository that came in one delivery. The event's
/// repository has no more than its id, which also stands in for its name.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PipelineSpanEvent<'a> {
    /// The spans, in the order of the payload.
    pub spans: Vec<Span<'a>>,
}

/// A piece of work of a pipeline, as OpenTelemetry traces it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Span<'a> {
    /// What it is: `bbc.pipeline_run`, `bbc.step`, `bbc.command`, `bbc.container`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// Id of the trace, as the forge writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<Cow<'a, str>>,
    /// Id of the span within the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<Cow<'a, str>>,
    /// Id of the span that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<Cow<'a, str>>,
    /// The run of a pipeline that it belongs to, as far as its attributes say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<PipelineRun<'a>>,
    /// Everything that the forge says of it, in the order of the payload.
    pub attributes: Vec<SpanAttribute<'a>>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// A run of a pipeline.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PipelineRun<'a> {
    /// Id of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_id: Option<Id<'a>>,
    /// Id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id<'a>>,
    /// Number of the pipeline within the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_number: Option<u64>,
    /// Number of the run within the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// What started it, in the forge's own word: `PUSH`, `MANUAL`, `SCHEDULED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Cow<'a, str>>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Conclusion>,
    /// The branch or tag that it ran for.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<RefName<'a>>,
}

/// One thing that is said of a span.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SpanAttribute<'a> {
    /// Its name, for example `pipeline.state.result.name`.
    pub key: Cow<'a, str>,
    /// Its value as a text; absent where it is a list or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Cow<'a, str>>,
}
