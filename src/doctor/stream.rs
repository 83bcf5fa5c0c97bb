//! Stream, object store, what repeats are recognised by, permissions, and the server's clock.

use std::time::Duration;

use super::Findings;
use crate::config::{Config, Discard};
use crate::event::Time;
use crate::jetstream::api::ApiError;
use crate::jetstream::probe::{Probed, probes};
use crate::jetstream::stream::{Drift, Look, Outcome, StreamError};
use crate::jetstream::{JetStream, bucket, stream};

/// A difference of clocks that is spoken of.
const SKEW: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, jetstream: &JetStream, found: &mut Findings) {
    let before = Time::now();
    let looked = stream::look(jetstream, config).await;
    let after = Time::now();
    let name = &config.stream.name;
    if let Some(look) = seen("stream", name, looked, config, found) {
        sizes(config, &look, found);
        clock(&look, before, after, found);
        window(config, &look, found);
        durability(config, &look, found);
        let looked = bucket::look(jetstream, config, &look.report).await;
        let name = format!("OBJ_{}", config.stream.bucket());
        seen("object_store", &name, looked, config, found);
    } else {
        let text = "object store, duplicate window and clock were not checked: nothing is known of the stream";
        found.note("stream", text, "ask again once there is one");
    }
    permissions(config, jetstream, found).await;
}

fn seen(
    check: &'static str,
    name: &str,
    looked: Result<Look, StreamError>,
    config: &Config,
    found: &mut Findings,
) -> Option<Look> {
    let error = match looked {
        Ok(look) => {
            if look.report.drift.is_empty() {
                found.ok(check, format!("{name} is as configured"));
            }
            for drift in &look.report.drift {
                drifted(check, name, drift, config, found);
            }
            return Some(look);
        }
        Err(error) => error,
    };
    match error {
        StreamError::Missing(_) if config.stream.manage => {
            let text = format!("{name} does not exist");
            found.note(check, text, "the daemon makes it when it connects (stream.manage)");
        }
        StreamError::Missing(_) => {
            let text = format!("{name} does not exist, and stream.manage is false");
            found.error(check, text, "create it, or set stream.manage = true");
        }
        StreamError::Api(error @ ApiError::Denied(_)) => {
            found.error(check, error.to_string(), ALLOW);
        }
        StreamError::Api(error) => {
            let advice = "is JetStream on for this account (nats.api_prefix where it has a domain), and is there a leader? The server's log says more";
            found.error(check, error.to_string(), advice);
        }
    }
    None
}

fn drifted(check: &'static str, name: &str, drift: &Drift, config: &Config, found: &mut Findings) {
    let Drift { key, wanted, found: has, outcome } = drift;
    let mut text = format!("{name}: {key} is {has}, and should be {wanted}");
    if let Some(means) = stream::meaning(key) {
        text = [&*text, ": ", means].concat();
    }
    match outcome {
        Outcome::Changed => found.note(check, text, "the daemon changes it when it looks next"),
        Outcome::WouldShrink => {
            let advice = format!("start the daemon with --allow-shrink once, or correct {key}");
            found.warning(check, text, advice);
        }
        // Without its subjects it takes nothing, and so do some of the others; the rest acknowledge what they do not
        // keep, or nothing.
        Outcome::Left
            if matches!(
                *key,
                "stream.subject_prefix"
                    | "subjects"
                    | "no_ack"
                    | "sealed"
                    | "retention"
                    | "storage"
                    | "persist_mode"
                    | "mirror"
                    | "allow_msg_counter"
            ) =>
        {
            found.error(
                check,
                text,
                "change it at the server: as it is, events are lost or refused",
            );
        }
        Outcome::Left if config.stream.manage && key.starts_with("stream.") => {
            let advice = format!(
                "set {key} in the configuration: to this to have it changed, or to what the stream has"
            );
            found.warning(check, text, advice);
        }
        Outcome::Left => {
            let advice = "change it at the server; with stream.manage = false the daemon does not";
            found.warning(check, text, advice);
        }
    }
}

fn sizes(config: &Config, look: &Look, found: &mut Findings) {
    let wanted = config.stream.max_inline_bytes;
    let Some(most) = look.report.max_msg_size.filter(|most| *most < wanted) else { return };
    let text = format!(
        "the stream's max_msg_size is {most}, less than stream.max_inline_bytes ({wanted})"
    );
    let advice = format!("raise it, or set stream.max_inline_bytes to at most {most}");
    found.warning("max_payload", text, advice);
}

fn clock(look: &Look, before: Time, after: Time, found: &mut Findings) {
    let check = "clock";
    let Some(server) = look.answered_at else {
        let text = "not checked: a server before 2.10 does not tell its time";
        return found.note(
            check,
            text,
            "see that this machine and the server's keep theirs by NTP",
        );
    };
    let ahead = before.unix_ms() - server.unix_ms();
    let behind = server.unix_ms() - after.unix_ms();
    let off = Duration::from_millis(u64::try_from(ahead.max(behind)).unwrap_or(0));
    if off <= SKEW {
        return found.ok(check, "agrees with the NATS server's");
    }
    let (off, which) = (off.as_secs(), if ahead > behind { "ahead of" } else { "behind" });
    let text = format!("this machine's clock is {off} s {which} the NATS server's");
    let advice = "set both by NTP: certificates, JWTs and times of receipt go by them";
    found.warning(check, text, advice);
}

fn window(config: &Config, look: &Look, found: &mut Findings) {
    let check = "duplicate_window";
    let window = look.report.seen.duplicate_window;
    let shown = humantime::format_duration(window);
    let needed =
        [("spool.alarm_age", config.spool.alarm_age), ("spool.retain", config.spool.retain)];
    let [short, long] = needed;
    let (key, needed) = if long.1 > short.1 { long } else { short };
    if !config.spool.enabled || window >= needed {
        return found.ok(check, format!("repeats are recognised for {shown}"));
    }
    let needed = humantime::format_duration(needed);
    let text = format!("repeats are recognised for {shown}, and {key} is {needed}");
    let advice = format!(
        "set stream.duplicate_window to more than {key}: what waits in the spool for longer can arrive twice"
    );
    found.warning(check, text, advice);
}

fn durability(config: &Config, look: &Look, found: &mut Findings) {
    let check = "durability";
    let (copies, retain) = (look.replicas, config.spool.retain);
    if copies > 1 || !retain.is_zero() {
        let retain = humantime::format_duration(retain);
        found.ok(check, format!("copies of the stream: {copies}; spool.retain is {retain}"));
    } else {
        let text = "there is one copy of the stream, and spool.retain is 0: a power cut at the server loses what it has not synced";
        let advice = "set stream.replicas to 3 in a cluster, or spool.retain to two to three times the server's sync_interval";
        found.note(check, text, advice);
    }
    if config.stream.discard == Discard::Old && look.max_bytes {
        let text = "a full stream drops its oldest events";
        let advice = "with stream.discard = \"new\" nothing is dropped: events wait in the spool until there is room";
        found.note(check, text, advice);
    }
}

/// What to do about a permission.
const ALLOW: &str =
    "allow it to this user: forgewire permissions bridge prints all that are needed";

async fn permissions(config: &Config, jetstream: &JetStream, found: &mut Findings) {
    let check = "permissions";
    let before = found.all().len();
    let tried = jetstream.probe(probes(config, jetstream.api_prefix())).await;
    let count = tried.len();
    for (probe, outcome) in tried {
        let (subject, why) = (probe.subject, probe.why);
        match outcome {
            Probed::Allowed => {}
            Probed::Denied => {
                let text = format!("NATS denies to publish to {subject}, which is needed to {why}");
                found.error(check, text, ALLOW);
            }
            Probed::Deaf(inbox) => {
                let text = format!("NATS denies to subscribe to {inbox}, where replies come");
                let advice = "allow it to this user, or set nats.inbox_prefix to what is allowed: forgewire permissions bridge prints it";
                return found.error(check, text, advice);
            }
            Probed::Unknown(reason) => {
                let text = format!("not known for {subject}: {reason}");
                found.note(check, text, "ask again");
            }
        }
    }
    if found.all().len() == before {
        let text = format!(
            "all {count} that were tried are there (STREAM.PURGE.OBJ_{} is not tried)",
            config.stream.bucket()
        );
        found.ok(check, text);
    }
}
