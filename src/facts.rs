//! One function per notable fact: its log line, spelt once, and what is counted of it.
//!
//! Levels: ERROR is data lost or a person needed, WARN is odd and carried on, INFO is start, stop and
//! reconnection, DEBUG is once per delivery. No line holds a secret, a signature, a body or an address.

mod spool;

use std::net::SocketAddr;
use std::time::Duration;

use tracing::{debug, error, info, trace, warn};

use crate::config::{ConfigError, Warning};
use crate::delivery::NotAuthenticated;
use crate::event::Event;
use crate::jetstream::stream::{Drift, Outcome, Report, StreamError, meaning};
use crate::jetstream::{Ack, Denial, Unfit};
use crate::metrics::{SourceCounts, Store, TOTALS};
use crate::outbox::{NotStored, Receipt};
pub use spool::*;

/// A request came to the path of a source.
pub fn delivery_received(source: &SourceCounts) {
    source.received.one();
    trace!(source = source.name(), "Request received.");
}

/// A request to the path of a source was answered, in this time since its head.
pub fn delivery_answered(source: &SourceCounts, took: Duration) {
    TOTALS.request_time.took(took);
    trace!(source = source.name(), ?took, "Request answered.");
}

/// A request was answered with a problem before it was authenticated, or because of its scope or size. `delivery` is
/// the id that it claims.
pub fn delivery_refused(
    counts: &SourceCounts,
    delivery: Option<&str>,
    code: &'static str,
    why: Option<NotAuthenticated>,
) {
    counts.refused(code);
    let source = counts.name();
    if let Some(error) = why {
        warn!(source, delivery, code, %error, "Delivery refused.");
    } else {
        warn!(source, delivery, code, "Delivery refused.");
    }
}

/// A client nobody knows has been refused too often; it is not read for the rest of the minute.
pub fn client_turned_away(client: std::net::IpAddr, refused: u32) {
    warn!(%client, refused, "Client turned away: too many of its requests were refused.");
}

/// Strangers have been refused too often for a source.
pub fn source_turns_strangers_away(source: &str, refused: u32) {
    warn!(
        source,
        refused,
        "Unknown clients are turned away from this source: too many requests were refused."
    );
}

/// An authentic delivery names whom it was forwarded for, and nobody is trusted to say that.
pub fn proxy_is_not_trusted(peer: std::net::IpAddr, header: &'static str) {
    warn!(
        %peer,
        header,
        "Deliveries are forwarded by a proxy: name it in http.trusted_proxies, or its clients count as one."
    );
}

/// A client left before its body was here: nobody is refused, and anybody can do this ten thousand times.
pub fn delivery_broke_off(source: &SourceCounts, code: &'static str) {
    source.refused(code);
    debug!(source = source.name(), code, "Request refused.");
}

/// A request went to a path or source that is none.
pub fn request_refused(code: &'static str) {
    TOTALS.request_refused(code);
    debug!(code, "Request refused.");
}

/// A configuration is allowed, but unwise.
pub fn configuration_warning(warning: &Warning) {
    warn!(%warning, "Configuration.");
}

/// Somebody asked for a newer configuration, or a file has changed.
pub fn reloading(why: &'static str) {
    info!(why, "Reloading the configuration.");
}

/// The newer configuration is in force.
pub fn reloaded(sources: usize, secrets: usize) {
    TOTALS.reloads.one();
    TOTALS.reload_is_refused.set(0);
    info!(sources, secrets, "Configuration reloaded.");
}

/// The newer configuration is not sound; the old one stays.
pub fn reload_refused(error: &ConfigError) {
    TOTALS.reloads_refused.one();
    TOTALS.reload_is_refused.set(1);
    error!(%error, "The new configuration is refused, and the old one stays in force.");
}

/// What a reload cannot change.
pub fn needs_a_restart(keys: &[String]) {
    let keys = keys.join(", ");
    warn!(keys, "These settings differ in the new configuration and need a restart.");
}

/// The log filter of a newer configuration could not be set.
pub fn filter_not_set(error: &dyn std::fmt::Display) {
    warn!(%error, "The log filter could not be changed.");
}

/// A secret of a source that has several signed a delivery; said once a minute of each.
pub fn secret_used(source: &str, secret: &str) {
    info!(source, secret, "Secret used.");
}

/// A forge tried the connection; that is answered and not published.
pub fn connection_tested(source: &str) {
    debug!(source, "Connection tested.");
}

/// A delivery is authentic and read; storing its events comes next.
pub fn delivery_verified(source: &str, delivery: &str, event: Option<&str>, events: &[Event<'_>]) {
    for event in events {
        TOTALS.event(&event.data);
    }
    trace!(source, delivery, event, "Delivery verified.");
}

/// Every event of a delivery is stored. The first is named: the ids of the others are its own with their number.
pub fn delivery_stored(source: &str, delivery: &str, receipts: &[Receipt]) {
    let first = receipts.first();
    let place = first.and_then(|receipt| receipt.place.as_ref());
    debug!(
        source,
        delivery,
        event = first.map(|receipt| &*receipt.id),
        events = receipts.len(),
        subject = first.map(|receipt| receipt.subject.as_str()),
        sequence = place.map(|place| place.sequence),
        duplicate = place.map(|place| place.duplicate),
        spooled = receipts.iter().filter(|receipt| receipt.place.is_none()).count(),
        "Delivery stored."
    );
}

/// JetStream acknowledged an event, in this time since it was sent.
pub fn event_acknowledged(source: &SourceCounts, id: &str, ack: &Ack, took: Duration) {
    TOTALS.publish_time.took(took);
    if ack.duplicate { &source.duplicate } else { &source.published }.one();
    trace!(
        event = id,
        sequence = ack.sequence,
        duplicate = ack.duplicate,
        ?took,
        "Event acknowledged."
    );
}

/// JetStream acknowledged an event that was sent again too late to be surely recognised.
pub fn event_resent(source: &SourceCounts, id: &str) {
    source.resent.one();
    trace!(event = id, "Event resent.");
}

/// An authenticated delivery became `unrecognized`.
pub fn delivery_unrecognized(event: &Event<'_>, reason: &str) {
    warn!(
        source = &*event.source,
        delivery = &*event.delivery.id,
        event = event.id,
        native = event.action(),
        reason,
        "Delivery not recognized; its payload is published whole."
    );
}

/// An authenticated delivery could not be stored; the forge was told so, and may not send it again.
pub fn delivery_not_stored(source: &SourceCounts, delivery: &str, error: &NotStored) {
    source.refused("not_stored");
    error!(source = source.name(), delivery, event = error.id, error = %error.reason, "Delivery not stored.");
}

/// There is no connection to a server, for a reason that was not said yet. What to look at names the key.
pub fn no_connection(server: &str, reason: &str, look_at: &str) {
    warn!(server, reason, look_at, "Cannot connect to NATS; trying again for ever.");
}

/// The server denies us a permission.
pub fn permission_is_missing(denial: &Denial) {
    let Denial { operation, subject } = denial;
    let operation = operation.as_str();
    error!(operation, subject, "NATS denies a permission: allow it to our user.");
}

/// Storing an authenticated delivery ended by itself, and the forge was told that it is not stored.
pub fn delivery_abandoned(source: &SourceCounts, delivery: &str) {
    source.refused("not_stored");
    error!(
        source = source.name(),
        delivery, "Delivery abandoned; unless the daemon is ending this is a fault of forgewire."
    );
}

/// JetStream said how the stream does, in this time.
pub fn stream_answered(took: Duration) {
    TOTALS.round_trip.set(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    trace!(?took, "Stream looked at.");
}

/// The stream, or the object store, was looked at, and there is news.
pub fn stream_seen(store: Store, name: &str, report: &Report) {
    let left = report.drift.iter().filter(|drift| drift.outcome != Outcome::Changed).count();
    TOTALS.drift(store).set(left as u64);
    if report.created {
        info!(stream = name, "Stream created.");
    }
    for Drift { key, wanted, found, outcome } in &report.drift {
        if *outcome == Outcome::Changed {
            info!(stream = name, key, wanted, found, "Stream changed as configured.");
        } else {
            let means = meaning(key);
            warn!(stream = name, key, wanted, found, means, %outcome, "Stream differs from the configuration.");
        }
    }
}

/// Messages may be larger by the configuration than server or stream take.
pub fn messages_do_not_fit(unfit: &Unfit) {
    let Unfit { limit, bytes, wanted } = unfit;
    warn!(
        key = "stream.max_inline_bytes",
        wanted,
        limit,
        bytes,
        "Messages may be larger than NATS takes; those that are go to the object store. Lower the setting or raise the limit."
    );
}

/// NATS is connected.
pub fn nats_connected() {
    TOTALS.connects.one();
    info!("Connected to NATS.");
}

/// The stream is not there, or cannot be looked at.
pub fn stream_unusable(name: &str, error: &StreamError) {
    warn!(stream = name, %error, "Stream cannot be used.");
}

/// The socket for operators cannot be opened; everything else goes on.
pub fn no_control_socket(directory: &std::path::Path, error: &std::io::Error) {
    warn!(directory = %directory.display(), %error, "No control socket: `forgewire spool` finds no way to this daemon.");
}

/// Somebody else than the daemon's user asked at the control socket.
pub fn control_refused() {
    warn!("Refused a connection to the control socket: it is another user's.");
}

/// A connection to the control socket failed before it was one.
pub fn control_cannot_accept(error: &std::io::Error) {
    warn!(%error, "The control socket takes no connection.");
}

/// A socket that the service manager opened is served, and the address of this key is not.
pub fn socket_taken_over(key: &'static str, addr: SocketAddr) {
    info!(key, %addr, "The service manager gave a socket; the address that is configured is not opened.");
}

/// The service manager cannot be told anything.
pub fn service_manager_is_deaf(error: &std::io::Error) {
    warn!(%error, "The service manager that NOTIFY_SOCKET names cannot be told how it goes.");
}

/// Spans of deliveries go to a collector.
pub fn traces_are_sent(endpoint: &hyper::Uri) {
    info!(%endpoint, "Traces are sent.");
}

/// So many spans were lost: the collector did not take them, or they found no place among those that wait.
pub fn spans_lost(count: u64) {
    TOTALS.spans_lost.add(count);
    trace!(count, "Spans lost.");
}

/// The collector does not take spans; deliveries are none the worse for it. Said once until it takes them again, and
/// at most once a minute.
pub fn collector_takes_no_spans(error: &str) {
    warn!(error, "The collector does not take spans; they are lost.");
}

/// More spans are made than the collector takes; said as seldom.
pub fn spans_are_dropped(max_queue: usize) {
    warn!(max_queue, "Spans are made faster than the collector takes them; some are lost.");
}

/// The collector takes spans again; so many were lost since the start.
pub fn collector_takes_spans_again(lost: u64) {
    info!(lost, "The collector takes spans again.");
}

/// At the end, so many spans had not been sent since the start.
pub fn spans_were_lost(lost: u64) {
    warn!(lost, "Not every span was sent.");
}
