//! Traces by OTLP over HTTP: spans go to a collector when the standard variables ask for it.
//!
//! In come the variables ([`mod@env`]), out go the spans that [`crate::spans`] makes: in batches, from a queue that is
//! bounded (`queue`), by our own HTTP client (`client`). A collector that is away, slow or wrong costs spans and
//! nothing else.

mod client;
pub mod env;
mod queue;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};

use crate::{facts, spans};
use client::Client;
pub use env::Settings;
use queue::{Bounded, Tally, Watched};

/// How long the last spans may take at the end.
const LAST: Duration = Duration::from_secs(2);

/// Why no traces can be sent, though they are asked for.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// A variable's value cannot be meant. The value is not told: it may be a credential.
    #[error("environment variable {variable} {rule}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What it must be.
        rule: Cow<'static, str>,
    },
    /// The certificates to trust cannot be read.
    #[error("environment variable {variable}: {}: {fault}", path.display())]
    Certificate {
        /// The variable that names their file.
        variable: &'static str,
        /// Their file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// This system's root certificates cannot be loaded.
    #[error("traces: cannot load this system's root certificates: {0}")]
    Roots(#[source] std::io::Error),
    /// TLS cannot be set up.
    #[error("traces: cannot set up TLS: {0}")]
    Tls(#[source] rustls::Error),
    /// The exporter refused its settings.
    #[error("traces: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Traces that are being sent.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tally: Arc<Tally>,
}

impl Traces {
    /// Sends the spans of this process from now on, if `settings` ask for it. Must be called on the runtime.
    ///
    /// # Errors
    ///
    /// [`TracesError`] when certificates cannot be read; never because no collector answers.
    pub fn start(settings: Option<&Settings>) -> Result<Option<Self>, TracesError> {
        let Some(settings) = settings else { return Ok(None) };
        let tally = Arc::<Tally>::default();
        let exporter = exporter(settings, &tally)?;
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(settings.max_queue)
            .with_max_export_batch_size(settings.max_batch)
            .with_scheduled_delay(settings.delay)
            .build();
        let watched = Watched { inner: exporter, tally: Arc::clone(&tally) };
        let inner = BatchSpanProcessor::builder(watched).with_batch_config(config).build();
        let bounded = Bounded { inner, most: settings.max_queue, tally: Arc::clone(&tally) };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(bounded)
            .with_sampler(settings.sampler.clone())
            .with_resource(resource(settings))
            .build();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"));
        let scope = scope.with_version(env!("CARGO_PKG_VERSION")).build();
        spans::make_with(provider.tracer_with_scope(scope));
        facts::traces_are_sent(&settings.endpoint);
        Ok(Some(Self { provider, tally }))
    }

    /// Does `work` while its spans are sent, if `settings` ask for it, and sends the last of them.
    ///
    /// # Errors
    ///
    /// Those of [`Traces::start`], and of the work.
    pub async fn during<T, E: From<TracesError>>(
        settings: Option<&Settings>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let traces = Self::start(settings)?;
        let outcome = work.await;
        if let Some(traces) = traces {
            traces.end().await;
        }
        outcome
    }

    /// Sends what waits, in at most two seconds, and no more.
    pub async fn end(self) {
        let Self { provider, tally } = self;
        // It waits for the exporter's thread.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST));
        let in_time = matches!(ended.await, Ok(Ok(())));
        let waiting = if in_time { 0 } else { tally.waiting() as u64 };
        let lost = tally.lost() + waiting;
        if lost > 0 || !in_time {
            facts::spans_were_lost(lost);
        }
    }
}

fn exporter(settings: &Settings, tally: &Arc<Tally>) -> Result<SpanExporter, TracesError> {
    let mut builder = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new(settings, Arc::clone(tally))?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(settings.endpoint.to_string())
        .with_timeout(settings.timeout);
    if settings.gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    Ok(builder.build()?)
}

/// What the spans are of, by the variables; and which program and version they are of, where those do not say it.
fn resource(settings: &Settings) -> Resource {
    let name = env!("CARGO_PKG_NAME");
    let resource = Resource::builder();
    let resource = if settings.is_named { resource } else { resource.with_service_name(name) };
    let known = resource.build();
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder_empty().with_attribute(version);
    let all = known.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    resource.with_attributes(all).build()
}
