//! Facts of the spool, and of what is retained.

use std::time::Duration;

use tracing::{debug, error, info, trace, warn};

use crate::jetstream::Unacknowledged;
use crate::message::Message;
use crate::metrics::{SourceCounts, TOTALS};
use crate::spool::WriteError;

/// Events are in the spool, and wait there to be published.
pub fn events_spooled(source: &SourceCounts, count: usize) {
    source.spooled.add(count as u64);
    trace!(source = source.name(), count, "Events spooled.");
}

/// JetStream does not take events; the first goes to the spool.
pub fn spooling(message: &Message, reason: &Unacknowledged) {
    let (delivery, event) = (message.delivery(), &*message.id);
    warn!(delivery, event, %reason, "JetStream does not take events; they go to the spool.");
}

/// JetStream still does not take what is spooled.
pub fn spool_is_stuck(message: &Message, reason: &Unacknowledged) {
    let (lane, delivery, event) = (message.lane(), message.delivery(), &*message.id);
    debug!(lane, delivery, event, %reason, "JetStream does not take what is spooled.");
}

/// Everything that was spooled is published, or set aside.
pub fn spool_is_empty() {
    info!("The spool is empty: everything that was in it is published or set aside.");
}

/// The spool has no room any more, or has some again.
pub fn spool_room(room: bool, disk_bytes: u64, max_bytes: u64, disk_full: bool) {
    if room {
        info!(disk_bytes, max_bytes, "The spool has room again.");
    } else if disk_full {
        error!(
            disk_bytes,
            "The disk of the spool is full: what JetStream does not take is answered 503. Make room there."
        );
    } else {
        error!(
            disk_bytes,
            max_bytes,
            "The spool is full: what JetStream does not take is answered 503. Bring NATS back, or raise spool.max_bytes."
        );
    }
}

/// The disk of the spool failed; it takes nothing until a restart.
pub fn spool_is_broken(reason: &str) {
    error!(
        reason,
        "The spool is broken and takes nothing any more: what JetStream does not take is answered 503. Check its disk, then restart."
    );
}

/// What is in the spool waits for long. Nothing of it is ever deleted by itself.
pub fn spool_is_old(waiting: u64, alarm_age: Duration) {
    error!(
        waiting,
        alarm_age_s = alarm_age.as_secs(),
        "Events in the spool have waited for longer than spool.alarm_age: JetStream does not take them. See `forgewire spool status`."
    );
}

/// The spool cannot be read: what is in it waits.
pub fn spool_cannot_be_read(error: &dyn std::fmt::Display) {
    error!(%error, "The spool cannot be read.");
}

/// Acknowledged messages of a delivery could not be kept in case the server forgets them.
pub fn not_retained(delivery: &str, first: &str, events: usize, error: &WriteError) {
    error!(delivery, event = first, events, %error, "Acknowledged events are not retained: only JetStream has them.");
}

/// The stream is another one than before, though it has the same name.
pub fn stream_was_recreated(created: &str) {
    warn!(created, "The stream was deleted and made anew; what it held is not published again.");
}

/// The same stream has forgotten what it acknowledged.
pub fn stream_went_back(last: u64) {
    TOTALS.stream_losses.one();
    error!(
        last,
        "The stream went back to this sequence: the server forgot what it had acknowledged. What is retained is published again."
    );
}

/// What is known of the stream would be known after a restart, too.
pub fn stream_is_known(highest: u64) {
    debug!(highest, "What is known of the stream is written down.");
}

/// What was acknowledged long enough ago is not retained any more.
pub fn retained_events_are_gone(count: u64) {
    debug!(count, "Old retained events are gone.");
}

/// What was retained has been published again.
pub fn published_again(count: u64) {
    TOTALS.published_again.add(count);
    warn!(count, "Events that the server had forgotten are published again.");
}

/// JetStream will never take this message; it is set aside, with the reason.
pub fn message_is_dead(source: &SourceCounts, message: Option<&Message>, reason: &str) {
    source.dead.one();
    error!(
        delivery = message.map(Message::delivery),
        event = message.map(|message| &*message.id),
        reason,
        "JetStream will never take this message; it is set aside: see `forgewire spool dead`."
    );
}
