//! Stream, object store, what repeats are recognised by, permissions, and the server's clock.

use std::time::Duration;

use super::Findings;
use crate::config::{Config, Discard};
use crate::event::Time;
use crate::jetstream::api::ApiError;
use crate::jetstream::probe::probes;
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
        clock(&look, before, after, found);
        window(config, &look, found);
        durability(config, &look, found);
        let looked = bucket::look(jetstream, config, &look.report).await;
        let name = format!("OBJ_{}", config.stream.bucket());
        seen("object_store", &name, looked, config, found);
    } else {
        for check in ["object_store", "duplicate_window", "clock"] {
            found.note(
                check,
                "not checked: there is no stream to ask about",
                "ask again once there is",
            );
        }
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
    match looked {
        Ok(look) => {
            if look.report.drift.is_empty() {
                found.ok(check, format!("{name} is as configured"));
            }
            for drift in &look.report.drift {
                drifted(check, name, drift, found);
            }
            Some(look)
        }
        Err(StreamError::Missing(_)) if config.stream.manage => {
            found.note(
                check,
                format!("{name} does not exist"),
                "the daemon makes it when it connects",
            );
            None
        }
        Err(StreamError::Missing(_)) => {
            let advice = "create it, or set stream.manage = true";
            found.error(
                check,
                format!("{name} does not exist, and stream.manage is false"),
                advice,
            );
            None
        }
        Err(StreamError::Api(error @ ApiError::Denied(_))) => {
            found.error(
                check,
                error.to_string(),
                "allow it to this user: see Permissions in the README",
            );
            None
        }
        Err(error) => {
            found.error(check, error.to_string(), "is JetStream on for this account, and is there a leader? The server's log says more");
            None
        }
    }
}

fn drifted(check: &'static str, name: &str, drift: &Drift, found: &mut Findings) {
    let Drift { key, wanted, found: has, outcome } = drift;
    let text = format!("{name}: {key} is {has}, and should be {wanted}");
    match outcome {
        Outcome::Changed => found.note(check, text, "the daemon changes it when it looks next"),
        Outcome::WouldShrink => {
            found.warning(
                check,
                text,
                "start the daemon with --allow-shrink once, or correct the configuration",
            );
        }
        // Without its subjects it takes nothing; these acknowledge what they do not keep, or nothing.
        Outcome::Left
            if matches!(*key, "stream.subject_prefix" | "no_ack" | "sealed" | "retention") =>
        {
            found.error(check, text, "change the stream: as it is, events are lost or refused");
        }
        Outcome::Left => {
            found.warning(check, text, "name the key in the configuration to have it changed, or say there what the stream has");
        }
    }
}

fn clock(look: &Look, before: Time, after: Time, found: &mut Findings) {
    let Some(server) = look.answered_at else {
        let text = "not checked: a server before 2.10 does not tell its time";
        return found.note(
            "clock",
            text,
            "see that this machine and the server's keep theirs by NTP",
        );
    };
    let ahead = before.unix_ms() - server.unix_ms();
    let behind = server.unix_ms() - after.unix_ms();
    let off = ahead.max(behind).max(0);
    if u128::try_from(off).unwrap_or(0) > SKEW.as_millis() {
        let text = format!(
            "this machine's clock is {off} ms {} the NATS server's",
            if ahead > behind { "ahead of" } else { "behind" }
        );
        found.warning(
            "clock",
            text,
            "set both by NTP: times of receipt, JWTs and certificates go by them",
        );
    } else {
        found.ok(
            "clock",
            format!(
                "agrees with the NATS server's to {} ms",
                off.max(after.unix_ms() - before.unix_ms())
            ),
        );
    }
}

fn window(config: &Config, look: &Look, found: &mut Findings) {
    let check = "duplicate_window";
    let window = look.report.seen.duplicate_window;
    let shown = humantime::format_duration(window);
    let (key, needed) = if config.spool.retain > config.spool.alarm_age {
        ("spool.retain", config.spool.retain)
    } else {
        ("spool.alarm_age", config.spool.alarm_age)
    };
    if config.spool.enabled && window < needed {
        let text = format!(
            "repeats are recognised for {shown}, and {key} is {}",
            humantime::format_duration(needed)
        );
        found.warning(
            check,
            text,
            format!(
                "set stream.duplicate_window to more than {key}: what waits longer can arrive twice"
            ),
        );
    } else {
        found.ok(check, format!("repeats are recognised for {shown}"));
    }
}

fn durability(config: &Config, look: &Look, found: &mut Findings) {
    let check = "durability";
    if look.replicas > 1 || !config.spool.retain.is_zero() {
        found.ok(
            check,
            format!(
                "{} copies, spool.retain is {}",
                look.replicas,
                humantime::format_duration(config.spool.retain)
            ),
        );
    } else {
        let text = "one copy of the stream, and nothing is kept after its acknowledgement: a power cut at the server loses what it has not synced";
        found.note(check, text, "docs/jetstream.md: three replicas, or spool.retain of two to three times the server's sync_interval");
    }
    if config.stream.discard == Discard::Old && look.max_bytes {
        let text = "a full stream drops its oldest events (stream.discard is \"old\")";
        found.note(check, text, "with stream.discard = \"new\" nothing is dropped: events wait in the spool until there is room");
    }
}

async fn permissions(config: &Config, jetstream: &JetStream, found: &mut Findings) {
    let before = found.0.len();
    let probes = probes(config, jetstream.api_prefix());
    let tried = probes.len();
    for probe in probes {
        let (subject, why) = (probe.subject.clone(), probe.why);
        if let Err(reason) = jetstream.probe(probe).await {
            let advice = format!("allow it to this user; it is needed to {why}");
            found.error("permissions", format!("{subject}: {reason}"), advice);
        }
    }
    if found.0.len() == before {
        found.ok("permissions", format!("all {tried} that are needed are there"));
    }
}
