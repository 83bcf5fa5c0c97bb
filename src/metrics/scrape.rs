//! Everything that is counted or known, as Prometheus reads it.
//!
//! In comes a [`Scrape`], out comes its text in either [`Format`]. Names, help and labels stand here and nowhere else, and
//! in the README's table, which a test holds equal.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::histogram::{Histogram, Snapshot};
use super::{Count, DELIVERY_CODES, REQUEST_CODES, SourceCounts, Store, TOTALS, process};
use crate::event::{Data, Time, VERSION};
use crate::health::{Health, Readiness};
use crate::listen::Refusals;
use crate::listen::tls::Tls;
use crate::live::Live;
use crate::pem;
use crate::spool::Status;

/// How a scrape is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Prometheus,
}

/// What a scrape looks at.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// The sources as they are now.
    pub live: Arc<Live>,
    /// Connection, stream and spool.
    pub health: Arc<Health>,
    /// What the connection server refused by itself.
    pub refusals: Arc<Refusals>,
    /// What the listener for webhooks identifies itself with, if it speaks TLS.
    pub tls: Option<Arc<Tls>>,
}

impl Scrape {
    /// Writes all of it. Reads `/proc`: not for a thread of the runtime.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`], which writing to memory does not cause.
    pub fn write(self, format: Format) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::with_capacity(16 * 1024);
        match format {
            Format::OpenMetrics => text::encode(&mut out, &registry)?,
            Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
        }
        Ok(out)
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.sources(&mut families)?;
        self.requests(&mut families)?;
        self.tls(&mut families)?;
        self.nats(&mut families)?;
        if let Some(status) = self.health.spool() {
            spool(&mut families, &status, Time::now().unix_ms())?;
        }
        self.configuration(&mut families)?;
        process::encode(&mut families)
    }
}

impl Scrape {
    fn sources(&self, families: &mut Families<'_>) -> fmt::Result {
        self.by_source(
            families,
            "forgewire_deliveries_received",
            "Requests to the path of a source.",
            |counts| &counts.received,
        )?;
        let help = "Requests to the path of a source that were answered with a problem.";
        let mut refused =
            families.family("forgewire_deliveries_refused", help, None, MetricType::Counter)?;
        for counts in self.live.counts().values() {
            for (code, count) in DELIVERY_CODES.iter().zip(&counts.refused) {
                let labels = [("source", counts.name()), ("code", code)];
                put_counter(&mut refused.encode_family(&labels)?, count.get())?;
            }
        }
        self.by_source(
            families,
            "forgewire_events_published",
            "Events that JetStream acknowledged as new.",
            |counts| &counts.published,
        )?;
        self.by_source(
            families,
            "forgewire_events_duplicate",
            "Events that JetStream acknowledged as repeats of what it has.",
            |counts| &counts.duplicate,
        )?;
        self.by_source(
            families,
            "forgewire_events_spooled",
            "Events that were put into the spool to be published later.",
            |counts| &counts.spooled,
        )?;
        self.by_source(
            families,
            "forgewire_events_dead",
            "Events that JetStream will never take, set aside.",
            |counts| &counts.dead,
        )?;
        self.by_source(
            families,
            "forgewire_events_resent",
            "Events that JetStream acknowledged with the header Forgewire-Resent: a repeat may not have been recognised.",
            |counts| &counts.resent,
        )?;
        let help = "When the secret last signed a delivery, since 1970; 0: never since the start.";
        let name = "forgewire_secret_last_used_timestamp";
        let mut used = families.family(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (source, secret, at) in self.live.secrets() {
            let labels = [("source", source.as_str()), ("secret", secret)];
            used.encode_family(&labels)?.encode_gauge(&as_f64(at.unwrap_or_default()))?;
        }
        Ok(())
    }

    fn by_source(
        &self,
        families: &mut Families<'_>,
        name: &str,
        help: &str,
        of: fn(&SourceCounts) -> &Count,
    ) -> fmt::Result {
        let mut family = families.family(name, help, None, MetricType::Counter)?;
        for counts in self.live.counts().values() {
            let labels = [("source", counts.name())];
            put_counter(&mut family.encode_family(&labels)?, of(counts).get())?;
        }
        Ok(())
    }

    fn requests(&self, families: &mut Families<'_>) -> fmt::Result {
        let help = "Requests and connections that were refused before a source was known.";
        let mut refused =
            families.family("forgewire_requests_refused", help, None, MetricType::Counter)?;
        let counted = TOTALS.requests_refused.iter().map(Count::get);
        let counted = REQUEST_CODES.into_iter().zip(counted);
        for (code, count) in counted.chain(self.refusals.by_code()) {
            put_counter(&mut refused.encode_family(&[("code", code)])?, count)?;
        }
        let help = "Events of deliveries that were authenticated and read, by their name.";
        let mut events = families.family("forgewire_events", help, None, MetricType::Counter)?;
        for (event, count) in Data::EVENTS.iter().zip(&TOTALS.events) {
            put_counter(&mut events.encode_family(&[("event", event.name)])?, count.get())?;
        }
        families.histogram(
            "forgewire_request_duration",
            "Time from the head of a request to the path of a source to its answer.",
            &TOTALS.request_time,
        )?;
        families.histogram(
            "forgewire_publish_duration",
            "Time from giving a message to the NATS client to its acknowledgement by JetStream.",
            &TOTALS.publish_time,
        )
    }

    fn tls(&self, families: &mut Families<'_>) -> fmt::Result {
        let help = "TLS handshakes that clients began and that came to nothing.";
        let name = "forgewire_tls_handshake_failures";
        let mut failures = families.family(name, help, None, MetricType::Counter)?;
        for (reason, count) in self.refusals.handshakes() {
            put_counter(&mut failures.encode_family(&[("reason", reason)])?, count)?;
        }
        let help = "When the certificate that handshakes are made with expires, since 1970; absent without TLS.";
        let name = "forgewire_certificate_expiry_timestamp";
        let mut expiry = families.family(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        let expires = self.tls.as_ref().and_then(|tls| pem::expires(&tls.certificate()));
        expires.map_or(Ok(()), |at| expiry.encode_gauge(&(at.unix_ms() / 1000)))
    }

    fn nats(&self, families: &mut Families<'_>) -> fmt::Result {
        let seconds = Some(&Unit::Seconds);
        let help = "Whether NATS is connected.";
        families.flag("forgewire_nats_connected", help, self.health.is_connected())?;
        let help = "Connections to NATS that were made after the first.";
        let reconnects = TOTALS.connects.get().saturating_sub(1);
        families.counter("forgewire_nats_reconnects", help, reconnects)?;
        let help = "Time that JetStream last took to say how the stream does; asked every 30 s. NaN: not yet.";
        let nanoseconds = TOTALS.round_trip.get();
        let round_trip = if nanoseconds == 0 { f64::NAN } else { as_f64(nanoseconds) / 1e9 };
        families.gauge_f64("forgewire_nats_round_trip", help, seconds, round_trip)?;
        let help = "Whether the stream was usable when it was last looked at.";
        families.flag("forgewire_stream_usable", help, self.health.stream_is_seen())?;
        let help = "Settings of the stream and the object store that differ from the configuration and were left as they are.";
        let mut drift =
            families.family("forgewire_stream_drift_settings", help, None, MetricType::Gauge)?;
        for store in Store::ALL {
            let labels = [("store", store.as_str())];
            drift.encode_family(&labels)?.encode_gauge(&TOTALS.drift(store).get())?;
        }
        let help = "How often the stream turned out to have lost what it had acknowledged.";
        families.counter("forgewire_stream_losses", help, TOTALS.stream_losses.get())?;
        let help = "Events that the stream had lost and that were published again.";
        families.counter("forgewire_events_published_again", help, TOTALS.published_again.get())
    }

    fn configuration(&self, families: &mut Families<'_>) -> fmt::Result {
        let help = "Reloads of the configuration, by whether it was taken.";
        let mut reloads =
            families.family("forgewire_config_reloads", help, None, MetricType::Counter)?;
        for (result, count) in [("taken", &TOTALS.reloads), ("refused", &TOTALS.reloads_refused)] {
            put_counter(&mut reloads.encode_family(&[("result", result)])?, count.get())?;
        }
        let help =
            "Spans that the collector did not take, or that found no place among those that wait.";
        families.counter("forgewire_spans_lost", help, TOTALS.spans_lost.get())?;
        let help = "Whether the last reload was taken; also 1 if there was none.";
        let good = TOTALS.reload_is_refused.get() == 0;
        families.flag("forgewire_config_last_reload_successful", help, good)?;
        let help = "Whether a delivery that came now could be stored, as /readyz says.";
        let ready = matches!(self.health.readiness(), Readiness::Ready | Readiness::Spooling);
        families.flag("forgewire_ready", help, ready)?;
        let contract = VERSION.to_string();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("contract", &contract)]);
        let help = "Version of the program and of the message contract.";
        build.encode(families.family("forgewire_build", help, None, MetricType::Info)?)
    }
}

/// What waits in the spool, at a time in Unix milliseconds.
fn spool(families: &mut Families<'_>, status: &Status, now: i64) -> fmt::Result {
    let bytes = Some(&Unit::Bytes);
    let help = "Messages in the spool that wait to be published.";
    families.gauge("forgewire_spool_waiting_messages", help, None, status.waiting)?;
    let help = "Headers, bodies and objects of the messages that wait.";
    families.gauge("forgewire_spool_waiting", help, bytes, status.waiting_bytes)?;
    let help = "How long the first of the messages that wait has waited; 0 if none waits.";
    let age = status.oldest_stored_at.map(|oldest| now.saturating_sub(oldest));
    let age = as_f64(age.and_then(|age| u64::try_from(age).ok()).unwrap_or_default()) / 1e3;
    families.gauge_f64("forgewire_spool_oldest_age", help, Some(&Unit::Seconds), age)?;
    let help = "Dead letters in the spool.";
    families.gauge("forgewire_spool_dead_messages", help, None, status.dead)?;
    let help = "Messages that JetStream acknowledged and the spool keeps for a while.";
    families.gauge("forgewire_spool_retained_messages", help, None, status.retained)?;
    let help = "What all files of the spool take on disk.";
    families.gauge("forgewire_spool_disk", help, bytes, status.disk_bytes)?;
    let help = "What they may take: spool.max_bytes.";
    families.gauge("forgewire_spool_max", help, bytes, status.max_bytes)?;
    let help = "Whether the spool, or its disk, had no room for the last delivery.";
    families.flag("forgewire_spool_full", help, status.full || status.disk_full)?;
    let help = "Whether the spool takes nothing until a restart, since its disk failed.";
    families.flag("forgewire_spool_broken", help, status.latched.is_some())
}

/// Writes one family after the other.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        put_counter(&mut self.family(name, help, None, MetricType::Counter)?, value)
    }

    pub(super) fn counter_f64(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: f64,
    ) -> fmt::Result {
        let mut family = self.family(name, help, unit, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, f64, f64>(&value, None)
    }

    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: u64,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    pub(super) fn gauge_f64(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: f64,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn flag(&mut self, name: &str, help: &str, value: bool) -> fmt::Result {
        self.gauge(name, help, None, u64::from(value))
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let Snapshot { buckets, count, sum } = histogram.snapshot();
        let mut family = self.family(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

fn put_counter(encoder: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, u64, f64>(&value, None)
}

#[expect(clippy::cast_precision_loss, reason = "exact for seconds, and for months in nanoseconds")]
fn as_f64(value: u64) -> f64 {
    value as f64
}
