//! How messages of the spool look: readable, or as JSON.
//!
//! In comes what the door answered, out come texts. What senders wrote goes through `visible`; times are RFC 3339.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::control::{Content, Overview, Shown};
use crate::event::Time;
use crate::spool::{Entry, State};
use crate::tail::visible;

/// A list as it is written: lines below each other, or one array.
pub(super) struct Table {
    json: bool,
    rows: u64,
}

impl Table {
    pub(super) fn new(json: bool) -> Self {
        Self { json, rows: 0 }
    }

    pub(super) fn write(&mut self, out: &mut impl Write, entry: &Entry) -> io::Result<()> {
        let first = self.rows == 0;
        self.rows += 1;
        if self.json {
            let start = if first { "[" } else { ",\n" };
            return write!(out, "{start}{}", Value::Object(members(entry)));
        }
        if first {
            let reason = if entry.state == State::Dead { "  REASON" } else { "" };
            let (row, since, size, lane) = ("ROW", "SINCE", "SIZE", "LANE");
            writeln!(out, "{row:>6}  {since:24}  {size:>10}  {lane:16}  EVENT  SUBJECT{reason}")?;
        }
        writeln!(out, "{}", line(entry))
    }

    pub(super) fn end(&self, out: &mut impl Write) -> io::Result<()> {
        match (self.json, self.rows) {
            (true, 0) => writeln!(out, "[]"),
            (true, _) => writeln!(out, "]"),
            (false, _) => Ok(()),
        }
    }
}

/// A message on one line.
pub(super) fn line(entry: &Entry) -> String {
    let since = if entry.state == State::Dead { entry.died_at } else { Some(entry.stored_at) };
    let mut text = format!(
        "{:>6}  {:24}  {:>10}  {:16}  {}  {}",
        entry.row,
        time(since.unwrap_or(entry.stored_at)),
        size(entry.bytes),
        visible::text(&entry.lane),
        visible::text(&entry.event),
        visible::text(&entry.subject),
    );
    if let Some(reason) = &entry.reason {
        // Writing to a String cannot fail.
        let _ = write!(text, "  {}", visible::text(reason));
    }
    text
}

/// The members of a message in JSON; what is not known is left out.
pub(super) fn members(entry: &Entry) -> Map<String, Value> {
    let members = json!({
        "row": entry.row,
        "state": entry.state,
        "lane": entry.lane,
        "event": entry.event,
        "subject": entry.subject,
        "source": entry.source,
        "delivery": entry.delivery,
        "bytes": entry.bytes,
        "stored_at": time(entry.stored_at),
        "sent_at": entry.sent_at.map(time),
        "reason": entry.reason,
        "died_at": entry.died_at.map(time),
        "sequence": entry.sequence,
    });
    let Value::Object(mut members) = members else { return Map::new() };
    members.retain(|_, value| !value.is_null());
    members
}

/// What is known of a message, its headers, an empty line, its body.
pub(super) fn message(shown: &Shown) -> String {
    let Entry { row, state, lane, event, subject, source, delivery, bytes, .. } = &shown.entry;
    let entry = &shown.entry;
    let state = match state {
        State::Waiting => "waiting",
        State::Dead => "dead",
        State::Retained => "retained",
    };
    let mut text = String::new();
    let mut put = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<9} {}", visible::text(value));
    };
    put("row", &row.to_string());
    put("state", state);
    for (name, value) in [
        ("reason", entry.reason.clone()),
        ("since", entry.died_at.map(time)),
        ("event", Some(event.clone())),
        ("subject", Some(subject.clone())),
        ("lane", Some(lane.clone())),
        ("source", Some(source.clone())),
        ("delivery", Some(delivery.clone())),
        ("size", Some(size(*bytes))),
        ("stored", Some(time(entry.stored_at))),
        ("sent", entry.sent_at.map(|at| format!("{}, without an answer", time(at)))),
        ("sequence", entry.sequence.map(|sequence| sequence.to_string())),
    ] {
        if let Some(value) = value {
            put(name, &value);
        }
    }
    match &shown.content {
        Content::Unreadable(reason) => put("damaged", reason),
        Content::Readable { headers, body, objects } => {
            for object in objects {
                let name = format!("{}/{}, {}", object.bucket, object.object, size(object.bytes));
                put("object", &name);
            }
            text.push('\n');
            for (name, value) in headers {
                let _ = writeln!(text, "{name}: {}", visible::text(value));
            }
            text.push('\n');
            // Line ends are the body's own.
            let lines: Vec<_> = body.split('\n').map(visible::text).collect();
            text.push_str(&lines.join("\n"));
        }
    }
    text.trim_end().to_owned()
}

/// The same as one object; the body as it is published.
pub(super) fn message_json(shown: &Shown) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Message {
        #[serde(flatten)]
        members: Map<String, Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<Box<RawValue>>,
    }
    let mut members = members(&shown.entry);
    let mut whole = None;
    match &shown.content {
        Content::Unreadable(reason) => {
            members.insert("damaged".to_owned(), json!(reason));
        }
        Content::Readable { headers, body, objects } => {
            let headers: Map<_, _> =
                headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            members.insert("headers".to_owned(), Value::Object(headers));
            members.insert("objects".to_owned(), serde_json::to_value(objects)?);
            whole = Some(RawValue::from_string(body.clone())?);
        }
    }
    serde_json::to_string(&Message { members, body: whole })
}

/// How the spool is doing, a line for each of its sides.
pub(super) fn status(directory: &Path, overview: &Overview) -> String {
    let Overview { daemon, connected, spool } = overview;
    let daemon = match daemon {
        None => "none runs".to_owned(),
        Some(daemon) => {
            let nats = if *connected == Some(true) { "connected to NATS" } else { "NATS is away" };
            format!("process {}, version {}, {nats}", daemon.pid, daemon.version)
        }
    };
    let mut waiting = messages(spool.waiting);
    if spool.waiting > 0 {
        let _ = write!(waiting, ", {}", size(spool.waiting_bytes));
    }
    if let Some(oldest) = spool.oldest_stored_at {
        let _ = write!(waiting, ", since {}", time(oldest));
    }
    let mut dead = messages(spool.dead);
    if spool.dead > 0 {
        dead.push_str(": see `forgewire spool dead list`");
    }
    let text = format!(
        "directory {}\ndaemon    {daemon}\nwaiting   {waiting}\ndead      {dead}\nretained  {}\ndisk      {} of {}",
        visible::text(&directory.display().to_string()),
        messages(spool.retained),
        size(spool.disk_bytes),
        size(spool.max_bytes),
    );
    let trouble = match (&spool.latched, spool.disk_full, spool.full) {
        (Some(reason), ..) => {
            format!("the disk failed ({reason}): check it, then restart the daemon")
        }
        (None, true, _) => "the disk is full: make room there".to_owned(),
        (None, false, true) => "full: the last delivery did not fit (spool.max_bytes)".to_owned(),
        (None, false, false) => return text,
    };
    format!("{text}\ntrouble   {}", visible::text(&trouble))
}

/// The same as one object.
pub(super) fn status_json(directory: &Path, overview: &Overview) -> serde_json::Result<String> {
    let Overview { daemon, connected, spool } = overview;
    serde_json::to_string(&json!({
        "directory": directory.to_string_lossy(),
        "daemon": daemon,
        "connected": connected,
        "waiting": spool.waiting,
        "waiting_bytes": spool.waiting_bytes,
        "oldest_stored_at": spool.oldest_stored_at.map(time),
        "newest_stored_at": spool.newest_stored_at.map(time),
        "dead": spool.dead,
        "retained": spool.retained,
        "disk_bytes": spool.disk_bytes,
        "max_bytes": spool.max_bytes,
        "full": spool.full,
        "disk_full": spool.disk_full,
        "latched": spool.latched,
    }))
}

/// So many messages, in words.
pub(super) fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

fn time(unix_ms: i64) -> String {
    Time::from_unix_ms(unix_ms).map_or_else(|| unix_ms.to_string(), |time| time.to_string())
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let mut unit = (1, "B");
    for larger in [(1 << 10, "KiB"), (1 << 20, "MiB"), (1 << 30, "GiB")] {
        if bytes >= larger.0 {
            unit = larger;
        }
    }
    let (bytes_of, name) = unit;
    let tenths = u128::from(bytes) * 10 / u128::from(bytes_of);
    match bytes % bytes_of {
        0 => format!("{} {name}", bytes / bytes_of),
        _ => format!("{}.{} {name}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_down_to_a_tenth_and_exact_where_they_can_be() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1_073_741_824, "1 GiB"),
            (1_073_741_823, "1023.9 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(size(bytes), shown, "{bytes}");
        }
    }
}
