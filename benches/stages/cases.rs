//! What the stages of a delivery are given: pushes of three sizes, and what each kind of forge sends.
//!
//! In: the load's pushes, and the library's own samples. Out: [`Case`]s, each with its source, its headers and its body.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use forgewire::config::{Config, Inputs, Source};
use forgewire::samples::{Said, Sample, Sender, signature};
use forgewire::source::Kind;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::payload;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const DELIVERY: &str = "5b2f1c0e-8d34-4a6b-9e57-0c1d2e3f4a5b";
/// Bodies of pushes, in KiB.
const SIZES: [usize; 3] = [1, 9, 100];
/// Of each kind of forge the first sample that makes one of these, if it sends any.
const EVENTS: [&str; 7] = [
    "push.",
    "pull_request.",
    "pull_request_comment.",
    "review.",
    "workflow_run.",
    "pipeline_span.",
    "status.",
];

/// One delivery before it was verified.
pub(crate) struct Case {
    /// Kind of forge, and the event or the size.
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// All of them, the pushes first.
///
/// # Errors
///
/// When a sample cannot be written or signed, which is a defect here.
pub(crate) fn all() -> Result<Vec<Case>> {
    let gitea = Kind::ALL.iter().find(|kind| kind.name() == "gitea");
    let gitea = gitea.and_then(|kind| Sender::of(*kind)).context("there is no sender of Gitea")?;
    let push = gitea.sample("push").context("Gitea sends no push")?;
    let mut cases = Vec::new();
    for kib in SIZES {
        let body = payload::push(7, kib * 1024)?;
        cases.push(Case::of(format!("gitea push of {kib} KiB"), gitea, push, body)?);
    }
    for sender in Sender::ALL {
        for event in EVENTS {
            let sample = sender.samples.iter().find(|sample| sample.makes.starts_with(event));
            let Some(sample) = sample else { continue };
            let name = format!("{} {}", sender.kind, sample.makes);
            cases.push(Case::of(name, sender, sample, sender.payload(sample)?)?);
        }
    }
    Ok(cases)
}

impl Case {
    fn of(name: String, sender: &Sender, sample: &Sample, body: String) -> Result<Self> {
        let headers = headers(sender, sample, &body)?;
        Ok(Self { name, source: source(sender.kind)?, headers, body: Bytes::from(body) })
    }
}

fn source(kind: &str) -> Result<Source> {
    let set = |key: &str, value: &str| format!("sources.{kind}.{key}={value}");
    let inputs = Inputs::new().with_set(&set("kind", kind)).with_set(&set("secret", SECRET));
    let loaded = Config::load(&inputs).map_err(|error| anyhow::anyhow!("{error}"))?;
    loaded.config.sources.into_values().next().context("the source is missing")
}

fn headers(sender: &Sender, sample: &Sample, body: &str) -> Result<HeaderMap> {
    let said = Said {
        delivery: DELIVERY,
        event: sample.event,
        event_type: sample.event_type,
        signature: &signature(SECRET.as_bytes(), body.as_bytes())?,
    };
    let mut headers = HeaderMap::new();
    for &(name, part) in sender.headers {
        let Some(value) = part.value(&said) else { continue };
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
    }
    Ok(headers)
}
