//! An event as a NATS message: subject, headers, body.
//!
//! In comes an [`Event`] with the trace of its delivery, out comes a [`Message`]. Pure, and the one place
//! that knows which headers there are: nothing that a sender writes becomes a header of its own.

use bytes::Bytes;

use crate::event::{Data, Event, NO_NAME};
use crate::subject::{Address, Subject};
use crate::trace::TraceContext;

/// Longest header value, in bytes.
const MAX_HEADER: usize = 1024;

/// What is published.
#[derive(Clone, Debug)]
pub struct Message {
    /// Event id, and what JetStream recognises a repeat by.
    pub id: String,
    /// Where to.
    pub subject: Subject,
    /// Names with their values; all visible ASCII, none longer than 1 KiB.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Bytes,
}

impl Message {
    /// Writes an event as a message below the subject `prefix`.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`, which the event types do not cause.
    pub fn of(event: &Event<'_>, prefix: &str, trace: TraceContext) -> serde_json::Result<Self> {
        let repository = event.repository.as_ref();
        let action = event.action();
        let address = Address {
            source: &event.source,
            owner: repository.and_then(|repo| repo.owner.as_deref()),
            repo: repository.and_then(|repo| repo.name.as_deref()),
            event: event.event(),
            action: if action == NO_NAME { "" } else { action },
            reference: event.reference.as_ref().map(|reference| &*reference.name),
        };
        Ok(Self {
            id: event.id.clone(),
            subject: Subject::new(prefix, &address),
            headers: headers(event, trace),
            body: Bytes::from(event.to_json()?),
        })
    }
}

fn headers(event: &Event<'_>, trace: TraceContext) -> Vec<(&'static str, String)> {
    let time = event.occurred_at.unwrap_or(event.received_at);
    let mut headers = vec![
        ("Nats-Msg-Id", encoded(&event.id)),
        ("content-type", "application/json".to_owned()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", encoded(&event.id)),
        ("ce-source", encoded(&format!("urn:forgewire:{}", event.source))),
        ("ce-type", encoded(&format!("dev.forgewire.{}.{}", event.event(), event.action()))),
        ("ce-time", time.to_string()),
        ("ce-datacontenttype", "application/json".to_owned()),
        ("ce-dataschema", "urn:forgewire:event:1".to_owned()),
        ("traceparent", trace.to_string()),
        ("Forgewire-Delivery", encoded(&event.delivery.id)),
        ("Forgewire-Digest", event.delivery.digest.to_string()),
    ];
    if let Some(subject) = ce_subject(event) {
        headers.push(("ce-subject", encoded(&subject)));
    }
    if let Some(name) = &event.delivery.event {
        headers.push(("Forgewire-Event", encoded(name)));
    }
    if let Some(id) = event.repository.as_ref().and_then(|repo| repo.id.as_ref()) {
        headers.push(("Forgewire-Repository", encoded(&format!("{}:{id}", event.source))));
    }
    headers
}

/// `acme/widgets@main`, `acme/widgets#42`, or what of it is known.
fn ce_subject(event: &Event<'_>) -> Option<String> {
    let repository = event.repository.as_ref()?;
    let mut subject = repository.owner.as_deref()?.to_owned();
    let Some(name) = &repository.name else { return Some(subject) };
    subject.push('/');
    subject.push_str(name);
    match (&event.data, &event.reference) {
        (Data::PullRequest(_, data), _) => {
            subject.push('#');
            subject.push_str(&data.pull_request.number.to_string());
        }
        (_, Some(reference)) => {
            subject.push('@');
            subject.push_str(&reference.name);
        }
        _ => {}
    }
    Some(subject)
}

/// Encodes a value as the CloudEvents NATS binding says: space, `"`, `%` and everything outside
/// U+0021–U+007E becomes `%XX` of its UTF-8. Cut at 1 KiB, never inside an escape.
fn encoded(value: &str) -> String {
    let stands = |byte: u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'%');
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        let width = if stands(byte) { 1 } else { 3 };
        if out.len() + width > MAX_HEADER {
            break;
        }
        if stands(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = std::fmt::Write::write_fmt(&mut out, format_args!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_encoded_as_the_binding_shows() {
        assert_eq!(encoded("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(encoded("a\r\nNats-Rollup: all\"%"), "a%0D%0ANats-Rollup:%20all%22%25");
    }

    #[test]
    fn no_header_value_is_over_a_kibibyte_or_ends_inside_an_escape() {
        let value = encoded(&format!("a{}", "é".repeat(400)));
        assert_eq!(value.len(), 1024);
        assert!(value.ends_with("%C3") || value.ends_with("%A9"));
    }
}
