//! `pipeline:span_created`: what pipelines did, as OpenTelemetry spans, one fact for each repository.
//!
//! A span names its repository by UUID only, in an attribute of its own or of its resource; where it
//! names none, another span of its trace does.

use std::borrow::Cow;
use std::collections::HashMap;

use super::common::{actor, bare, piece};
use super::wire::span as wire;
use super::wire::{Body, loose::Loose};
use crate::event::{
    Conclusion, Data, Id, PipelineRun, PipelineSpanAction, PipelineSpanEvent, Reason, RefKind,
    RefName, Repository, Span, SpanAttribute, Time,
};
use crate::source::{Fact, Facts};

/// The event's key.
pub(super) const KEY: &str = "pipeline:span_created";
const REPOSITORY: &str = "pipeline.repository.uuid";

/// A span, and the repository that it names.
struct Placed<'w, 'a> {
    repository: Option<Id<'a>>,
    span: &'w wire::Span<'a>,
}

/// Maps every span, in the order in which repositories first come up.
pub(super) fn spans<'a>(body: &Body<'a>) -> Facts<'a> {
    let placed = placed(body);
    if placed.is_empty() {
        return Err(Reason::NoChanges);
    }
    let by_trace: HashMap<&str, &Id<'a>> = placed
        .iter()
        .filter_map(|one| Some((one.span.trace.as_str()?, one.repository.as_ref()?)))
        .collect();
    let mut order: HashMap<Option<Id<'a>>, usize> = HashMap::new();
    let mut groups: Vec<(Option<Id<'a>>, Vec<Span<'a>>)> = Vec::new();
    for one in &placed {
        let of_trace = || Some((*by_trace.get(one.span.trace.as_str()?)?).clone());
        let repository = one.repository.clone().or_else(of_trace);
        let index = *order.entry(repository.clone()).or_insert(groups.len());
        match groups.get_mut(index) {
            Some((_, spans)) => spans.push(span(one.span)),
            None => groups.push((repository, vec![span(one.span)])),
        }
    }
    Ok(groups.into_iter().map(|(repository, spans)| fact(body, repository, spans)).collect())
}

fn fact<'a>(body: &Body<'a>, repository: Option<Id<'a>>, spans: Vec<Span<'a>>) -> Fact<'a> {
    let place = repository.map(|id| Repository {
        name: Some(id.0.clone()),
        id: Some(id),
        ..Repository::default()
    });
    Fact {
        occurred_at: spans.iter().filter_map(|span| span.ended_at).max(),
        actor: body.actor.as_ref().and_then(actor),
        repository: place,
        reference: None,
        data: Data::PipelineSpan(
            PipelineSpanAction::Created,
            Box::new(PipelineSpanEvent { spans }),
        ),
    }
}

fn placed<'w, 'a>(body: &'w Body<'a>) -> Vec<Placed<'w, 'a>> {
    let mut placed = Vec::new();
    for group in body.resource_spans.iter().flatten() {
        let of_resource =
            group.resource.as_ref().and_then(|resource| uuid(&resource.attributes, REPOSITORY));
        for span in group.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let own = uuid(&span.attributes, REPOSITORY);
            placed.push(Placed { repository: own.or_else(|| of_resource.clone()), span });
        }
    }
    placed
}

fn span<'a>(span: &wire::Span<'a>) -> Span<'a> {
    let attribute = |sent: &wire::Attribute<'a>| {
        Some(SpanAttribute { key: sent.key.said()?, value: value(sent) })
    };
    let run = run(&span.attributes);
    Span {
        name: span.name.said(),
        trace_id: span.trace.said(),
        span_id: span.id.said(),
        parent_span_id: span.parent.said(),
        run: (run != PipelineRun::default()).then_some(run),
        attributes: span.attributes.iter().filter_map(attribute).collect(),
        started_at: time(&span.start),
        ended_at: time(&span.end),
    }
}

fn run<'a>(attributes: &[wire::Attribute<'a>]) -> PipelineRun<'a> {
    let number = |key: &str| text(attributes, key).and_then(|number| number.parse().ok());
    let kind = text(attributes, "pipeline.target.ref_type").map(|kind| {
        match kind.to_ascii_lowercase().as_str() {
            "branch" => RefKind::Branch,
            "tag" => RefKind::Tag,
            other => RefKind::Other(other.to_owned()),
        }
    });
    PipelineRun {
        pipeline_id: uuid(attributes, "pipeline.uuid"),
        id: uuid(attributes, "pipeline_run.uuid"),
        build_number: number("pipeline.build_number"),
        number: number("pipeline_run.run_number"),
        url: text(attributes, "pipeline_run.url"),
        trigger: text(attributes, "pipeline.trigger.name"),
        conclusion: text(attributes, "pipeline.state.result.name").map(|name| conclusion(&name)),
        reference: kind
            .zip(text(attributes, "pipeline.target.ref_name"))
            .map(|(kind, name)| RefName { kind, name }),
    }
}

fn conclusion(native: &str) -> Conclusion {
    match native {
        "SUCCESSFUL" => Conclusion::Success,
        "FAILED" => Conclusion::Failure,
        "STOPPED" => Conclusion::Cancelled,
        other => Conclusion::Other(other.to_ascii_lowercase()),
    }
}

fn text<'a>(attributes: &[wire::Attribute<'a>], key: &str) -> Option<Cow<'a, str>> {
    attributes.iter().find(|attribute| attribute.key.as_str() == Some(key)).and_then(value)
}

fn uuid<'a>(attributes: &[wire::Attribute<'a>], key: &str) -> Option<Id<'a>> {
    let uuid = text(attributes, key)?;
    piece(&uuid, |uuid| Some(bare(uuid)).filter(|uuid| !uuid.is_empty())).map(Id)
}

fn value<'a>(attribute: &wire::Attribute<'a>) -> Option<Cow<'a, str>> {
    let value = attribute.value.as_ref()?;
    let text = value.string.said().or_else(|| value.int.said()).or_else(|| value.double.said());
    text.or_else(|| value.bool.map(|yes| Cow::Borrowed(if yes { "true" } else { "false" })))
}

fn time(nanoseconds: &Loose<'_>) -> Option<Time> {
    nanoseconds.as_str()?.parse().ok().and_then(Time::from_unix_ns)
}
