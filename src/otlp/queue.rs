//! Spans that wait to be sent: not too many, and what is lost is counted.
//!
//! The batches are the SDK's. In front of it stands [`Bounded`], which takes no more spans than may wait, and behind it
//! [`Watched`], which sees what became of each batch; both keep the [`Tally`]. Whoever ends a span never waits.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, Span, SpanData, SpanProcessor};

use crate::facts;

/// How often trouble is told, at most.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// How many spans wait and are lost, and whether that has been said.
#[derive(Debug, Default)]
pub(super) struct Tally {
    waiting: AtomicUsize,
    lost: AtomicU64,
    /// Whether trouble has been told, and its end has not.
    troubled: AtomicBool,
    said: Mutex<Option<Instant>>,
    /// Why the last request was not answered.
    why: Mutex<Option<String>>,
}

impl Tally {
    /// How many spans were lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
        facts::spans_lost(count);
    }

    /// How many spans wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes why a request was not answered, or that it was.
    pub(super) fn note(&self, why: Option<String>) {
        *lock(&self.why) = why;
    }

    fn why(&self) -> Option<String> {
        lock(&self.why).take()
    }

    /// Whether trouble is to be told now.
    fn tell(&self) -> bool {
        let mut said = lock(&self.said);
        let again = said.is_none_or(|said| said.elapsed() >= SAY_AGAIN);
        if !again || self.troubled.swap(true, Ordering::Relaxed) {
            return false;
        }
        *said = Some(Instant::now());
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each is replaced whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes no more spans than may wait. Those that are being sent do not wait any more.
#[derive(Debug)]
pub(super) struct Bounded {
    pub(super) inner: BatchSpanProcessor,
    pub(super) most: usize,
    pub(super) tally: Arc<Tally>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        let tally = &self.tally;
        if tally.waiting.fetch_add(1, Ordering::Relaxed) < self.most {
            return self.inner.on_end(span);
        }
        tally.waiting.fetch_sub(1, Ordering::Relaxed);
        tally.lose(1);
        // Without a lock for whoever comes next.
        if !tally.troubled.load(Ordering::Relaxed) && tally.tell() {
            facts::spans_are_dropped(self.most);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// An exporter of whose batches it is known what became.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) inner: SpanExporter,
    pub(super) tally: Arc<Tally>,
}

impl trace::SpanExporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (count, tally) = (batch.len(), &self.tally);
        tally.waiting.fetch_sub(count, Ordering::Relaxed);
        let sent = self.inner.export(batch).await;
        if let Err(error) = &sent {
            tally.lose(count as u64);
            let why = tally.why();
            if tally.tell() {
                facts::collector_takes_no_spans(&why.unwrap_or_else(|| error.to_string()));
            }
        } else if tally.troubled.swap(false, Ordering::Relaxed) {
            facts::collector_takes_spans_again(tally.lost());
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
