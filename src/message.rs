//! An event as a NATS message: subject, headers, body.
//!
//! In comes an [`Event`] with the trace of its delivery, out comes a [`Message`]. Pure, and the one place
//! that knows which headers there are: nothing that a sender writes becomes a header of its own. What is too
//! large for a message comes beside it, as the objects that it refers to (`large`).

mod headers;
mod large;

use bytes::Bytes;

pub use self::headers::Headers;
pub use self::large::{Object, Room};
use crate::event::{Event, NO_NAME, SCHEMA_ID, Unwritable};
use crate::subject::{Address, Subject};
use crate::trace::TraceContext;

/// Every header that a message can have, in the order in which they are written.
pub const HEADERS: [&str; 16] = [
    "Nats-Msg-Id",
    "content-type",
    "ce-specversion",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-time",
    "ce-datacontenttype",
    "ce-dataschema",
    "traceparent",
    "Forgewire-Delivery",
    "Forgewire-Digest",
    "ce-subject",
    "Forgewire-Event",
    REPOSITORY,
    RESENT,
];

const REPOSITORY: &str = "Forgewire-Repository";
const RESENT: &str = "Forgewire-Resent";

/// What is published.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Event id, and what JetStream recognises a repeat by.
    pub id: String,
    /// Where to.
    pub subject: Subject,
    /// Names, of those in [`HEADERS`], with their values.
    pub headers: Headers,
    /// JSON.
    pub body: Bytes,
    /// The payload, where it was too large for the event: to be stored before the message.
    pub payload: Option<Object>,
    /// The event's body, where even that was too large for a message: to be stored before it, too.
    pub whole: Option<Object>,
}

impl Message {
    /// Writes an event as a message below the subject `prefix`, however large it gets.
    ///
    /// # Errors
    ///
    /// [`Unwritable`], which the event types do not cause.
    pub fn of(event: &Event<'_>, prefix: &str, trace: TraceContext) -> Result<Self, Unwritable> {
        let body = Bytes::from(event.to_json()?);
        Ok(Self { body, ..Self::without_body(event, prefix, trace) })
    }

    /// What this message keeps its order with: `<source>:<the forge's id>` of the repository, else the source.
    #[must_use]
    pub fn lane(&self) -> &str {
        self.header(REPOSITORY).unwrap_or_else(|| self.source())
    }

    /// Name of the source.
    #[must_use]
    pub fn source(&self) -> &str {
        // An id begins with it, and it has no colon.
        self.id.split(':').next().unwrap_or_default()
    }

    /// Delivery id.
    #[must_use]
    pub fn delivery(&self) -> &str {
        self.header("Forgewire-Delivery").unwrap_or_default()
    }

    /// Value of a header, as it is encoded on the wire.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The same message for a resend so late that JetStream may not know a repeat of it any more.
    #[must_use]
    pub fn resent(mut self) -> Self {
        self.headers.put(RESENT, &["1"]);
        self
    }

    /// Whether it says so.
    #[must_use]
    pub fn is_resent(&self) -> bool {
        self.header(RESENT).is_some()
    }

    /// The same message in another context of its trace.
    #[must_use]
    pub fn in_trace(mut self, trace: TraceContext) -> Self {
        self.headers.replace("traceparent", &trace.to_string());
        self
    }

    fn without_body(event: &Event<'_>, prefix: &str, trace: TraceContext) -> Self {
        Self {
            id: event.id.clone(),
            subject: Subject::new(prefix, &address(event)),
            headers: headers(event, trace),
            body: Bytes::new(),
            payload: None,
            whole: None,
        }
    }
}

/// What the subject of an event says.
#[must_use]
pub fn address<'e>(event: &'e Event<'_>) -> Address<'e> {
    let repository = event.repository.as_ref();
    let action = event.action();
    Address {
        source: &event.source,
        owner: repository.and_then(|repo| repo.owner.as_deref()),
        repo: repository.and_then(|repo| repo.name.as_deref()),
        event: event.event(),
        action: if action == NO_NAME { "" } else { action },
        reference: event.reference.as_ref().map(|reference| &*reference.name),
    }
}

fn headers(event: &Event<'_>, trace: TraceContext) -> Headers {
    let mut headers = Headers::new();
    headers.put("Nats-Msg-Id", &[&event.id]);
    headers.put("content-type", &["application/json"]);
    headers.put("ce-specversion", &["1.0"]);
    headers.put("ce-id", &[&event.id]);
    headers.put("ce-source", &["urn:forgewire:", &event.source]);
    headers.put("ce-type", &["dev.forgewire.", event.event(), ".", event.action()]);
    let time = event.occurred_at.unwrap_or(event.received_at);
    headers.put_display("ce-time", time);
    headers.put("ce-datacontenttype", &["application/json"]);
    headers.put("ce-dataschema", &[SCHEMA_ID]);
    headers.put_display("traceparent", trace);
    headers.put("Forgewire-Delivery", &[&event.delivery.id]);
    headers.put("Forgewire-Digest", &[&event.delivery.digest]);
    put_subject(&mut headers, event);
    if let Some(name) = &event.delivery.event {
        headers.put("Forgewire-Event", &[name]);
    }
    if let Some(id) = event.repository.as_ref().and_then(|repo| repo.id.as_ref()) {
        headers.put(REPOSITORY, &[&event.source, ":", id]);
    }
    headers
}

/// `acme/widgets@main`, `acme/widgets#42`, or what of it is known.
fn put_subject(headers: &mut Headers, event: &Event<'_>) {
    let repository = event.repository.as_ref();
    let Some(owner) = repository.and_then(|repo| repo.owner.as_deref()) else { return };
    let Some(name) = repository.and_then(|repo| repo.name.as_deref()) else {
        return headers.put("ce-subject", &[owner]);
    };
    match (event.number(), &event.reference) {
        (Some(number), _) => {
            let number = number.to_string();
            headers.put("ce-subject", &[owner, "/", name, "#", &number]);
        }
        (_, Some(reference)) => {
            headers.put("ce-subject", &[owner, "/", name, "@", &reference.name]);
        }
        _ => headers.put("ce-subject", &[owner, "/", name]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &str) -> String {
        let mut headers = Headers::new();
        headers.put("ce-id", &[value]);
        headers.iter().next().unwrap().1.to_owned()
    }

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
