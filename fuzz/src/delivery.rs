//! The whole way of a delivery in process: verified, normalized, addressed, read back.
//!
//! In comes [`Input`]: a first line of kind, event name, event type and delivery id with a tab between
//! them, then the body. So a seed can be read and written by hand.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use forgewire::config::{Config, Inputs, Source};
use forgewire::delivery::Delivery;
use forgewire::event::{Event, Raw, Time};
use forgewire::message::Message;
use forgewire::normalize::{self, Payload};
use forgewire::samples::{HeaderPart, Sender};
use forgewire::source::{Kind, UnsignedHeaders};
use forgewire::subject::Token;
use forgewire::trace::TraceContext;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// A delivery as it stands in an input. A name that is empty is not sent.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Kind of forge; what is none stands for the first of them.
    pub kind: &'a [u8],
    /// Value of the headers that name the event.
    pub event: &'a [u8],
    /// Value of the headers that name the hook exactly.
    pub event_type: &'a [u8],
    /// Value of the headers with the delivery's id.
    pub id: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes an input apart: any bytes are one.
    #[must_use]
    pub fn read(data: &'a [u8]) -> Self {
        let end = data.iter().position(|&b| b == b'\n');
        let (line, body) = match end {
            Some(end) => (&data[..end], &data[end + 1..]),
            None => (&b""[..], data),
        };
        let mut names = line.split(|&b| b == b'\t');
        let mut name = || names.next().unwrap_or_default();
        Self { kind: name(), event: name(), event_type: name(), id: name(), body }
    }

    /// The bytes of this input.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        let names = [self.kind, self.event, self.event_type, self.id].join(&b'\t');
        [&names[..], self.body].join(&b'\n')
    }

    fn kind(&self) -> Kind {
        let named = std::str::from_utf8(self.kind).ok().and_then(Kind::from_name);
        named.unwrap_or(Kind::ALL[0])
    }

    /// The headers that a forge of this kind would write; a value that HTTP does not allow is left out.
    fn headers(&self, kind: Kind) -> HeaderMap {
        let sender = Sender::of(kind).expect("every kind has a sender");
        let mut headers = HeaderMap::new();
        for (name, part) in sender.headers {
            let value = match part {
                HeaderPart::Fixed(text) => text.as_bytes(),
                HeaderPart::Delivery => self.id,
                HeaderPart::Event => self.event,
                HeaderPart::EventType => self.event_type,
                HeaderPart::Signature(_) => continue,
            };
            if let Ok(value) = HeaderValue::from_bytes(value)
                && !value.is_empty()
            {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }
}

/// A source of each kind that takes what nobody signed: guessing signatures is not what this is about.
static SOURCES: LazyLock<BTreeMap<&str, Source>> = LazyLock::new(|| {
    let set = |kind: &Kind, key: &str, value: &str| format!("sources.{kind}.{key}={value}");
    let inputs = Kind::ALL.iter().fold(Inputs::new(), |inputs, kind| {
        let unsigned = set(kind, "danger_accept_unsigned", "true");
        inputs.with_set(&set(kind, "kind", kind.name())).with_set(&unsigned)
    });
    let config = Config::load(&inputs).expect("a sound configuration").config;
    config.sources.into_values().map(|source| (source.kind.name(), source)).collect()
});

/// Holds what the contract promises for every delivery.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(data: &[u8]) {
    check(&Input::read(data));
}

/// The same for deliveries of one kind alone, whatever kind an input names.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold_of(kind: &str, data: &[u8]) {
    check(&Input { kind: kind.as_bytes(), ..Input::read(data) });
}

fn check(input: &Input<'_>) {
    let made = made(input);
    assert!(!made.is_empty(), "a delivery without an event");
    let first = made[0].0.id.clone();
    for (index, (event, message)) in made.iter().enumerate() {
        check_addressed(message);
        assert_eq!(event.to_json().expect("written"), message.body, "written again it is the same");
        check_raw(event, index, &first, input.body);
        check_spliced(event, message);
    }
}

/// The messages that a delivery makes.
///
/// # Panics
///
/// Where one does not read back.
#[must_use]
pub fn messages(input: &Input<'_>) -> Vec<Message> {
    made(input).into_iter().map(|(_, message)| message).collect()
}

fn made(input: &Input<'_>) -> Vec<(Event<'static>, Message)> {
    let kind = input.kind();
    let source = &SOURCES[kind.name()];
    let body = Bytes::copy_from_slice(input.body);
    let delivery =
        Delivery::new(input.headers(kind), body).verify(source).expect("unsigned is taken");
    let payload = Payload::of(&delivery);
    let received_at = Time::from_unix_ms(1).expect("a time");
    let events = normalize::events(&delivery, &payload, source, received_at).expect("no scope");
    let trace = TraceContext::of(UnsignedHeaders::new(&HeaderMap::new()));
    let addressed = |event: &Event<'_>| {
        let message = Message::of(event, "forge", trace).expect("an event is written");
        let read = Event::from_json(&message.body).expect("a body reads back");
        assert_eq!(&read, event, "what is read is what was written");
        (read, message)
    };
    events.iter().map(addressed).collect()
}

fn check_addressed(message: &Message) {
    let tokens: Vec<_> = message.subject.as_str().split('.').collect();
    assert_eq!(tokens.len(), 7, "{}", message.subject);
    for token in &tokens[1..] {
        assert!(Token::decode(token).is_ok(), "{}", message.subject);
    }
    for (name, value) in message.headers.iter() {
        assert!(value.len() <= 1024, "{name} has {} bytes", value.len());
        assert!(value.bytes().all(|b| matches!(b, 0x21..=0x7e)), "{name}: {value:?}");
    }
}

fn check_raw(event: &Event<'_>, index: usize, first: &str, body: &[u8]) {
    match &event.raw {
        Raw::In(id) => assert!(index > 0 && id == first, "raw_in {id}"),
        Raw::Omitted => panic!("the payload is left out"),
        Raw::Inline(_) | Raw::Binary(_) if index > 0 => panic!("the payload is there again"),
        Raw::Inline(_) | Raw::Binary(_) if event.raw_altered => {}
        Raw::Inline(raw) | Raw::Binary(raw) => assert_eq!(raw, body, "raw is the forge's bytes"),
        Raw::Ref(object) => panic!("no limit was given, and yet the payload is in {object:?}"),
    }
}

fn check_spliced(event: &Event<'_>, message: &Message) {
    if let Raw::Inline(raw) = &event.raw {
        let end = [b",\"raw\":", &raw[..], b"}"].concat();
        assert!(message.body.ends_with(&end), "raw is spliced in as it is");
    }
}
