//! The sections of the configuration other than sources and `[nats]`: what each setting means, and its default.
//!
//! The `Default` impls are the only home of defaults in code; `config/default.toml` repeats them
//! for people, and a test holds the two equal. Ranges stand in the table of keys.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::network::Networks;

/// `[http]`: the listener for webhooks and its limits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port of the webhook listener. Default `0.0.0.0:8080`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// PEM file with the certificate of the webhook listener, and those that lead to its CA. With it the
    /// listener speaks https alone, TLS 1.2 or newer. Absent, which is the default: plain HTTP.
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with that certificate's private key, not encrypted. Needed with `tls_cert_file`.
    pub tls_key_file: Option<PathBuf>,
    /// PEM file with certificates of CAs: a sender must show a certificate of one of them. Absent, which is
    /// the default: none is asked for.
    pub tls_client_ca_file: Option<PathBuf>,
    /// Largest body, in bytes; a larger one is answered 413. Default 32 MiB.
    pub max_body_bytes: usize,
    /// Largest request line and headers together, in bytes; more is answered 431. Default 96 KiB,
    /// which leaves room for a payload in a URL of 60 KiB.
    pub max_header_bytes: usize,
    /// How long the headers of a request may take from its first byte. Default 10 s.
    #[serde(deserialize_with = "duration")]
    pub header_timeout: Duration,
    /// How long the body may take after the headers. Default 10 s.
    #[serde(deserialize_with = "duration")]
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request. Default 1 h: forges reuse connections,
    /// and some never resend a delivery that met a closing one.
    #[serde(deserialize_with = "duration")]
    pub idle_timeout: Duration,
    /// Connections at once, in all. Default 4,096.
    pub max_connections: usize,
    /// Connections at once from one client address. Default 1,024.
    pub max_connections_per_client: usize,
    /// Proxies that say truly whose request they pass on. Default none: the other end of a connection is the client.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Networks,
    /// The header in which they say it. Default [`ForwardedHeader::XForwardedFor`].
    pub forwarded_header: ForwardedHeader,
    /// Refused requests of one client in a minute; what comes after is answered 429 unread, unless the client has
    /// delivered something authentic within a day. Default 300.
    pub max_refused_per_client: u32,
    /// Refused requests for one source in a minute; what comes after from clients that have not delivered anything
    /// authentic within a day is answered 429 unread. Default 3,000.
    pub max_refused_per_source: u32,
    /// Bytes of bodies of one client in a minute that turned out not to be authentic, or have not yet turned out to
    /// be; what comes after is answered 429. Default 256 MiB.
    pub max_unauthenticated_bytes: u64,
    /// Bytes of requests in memory at once, in all, until they are answered. Default 128 MiB; it must hold
    /// one request of the largest size.
    pub max_buffered_bytes: usize,
    /// How long open connections are still served once a stop was asked for. Default 5 s.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
    /// How long a stop may take in all before what is left is dropped. Default 20 s; at least
    /// `drain`.
    #[serde(deserialize_with = "duration")]
    pub stop_timeout: Duration,
}

/// The header in which a proxy says whose request it passes on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `Forwarded`, as RFC 7239 defines it.
    Forwarded,
    /// `X-Forwarded-For`: addresses with commas between them, which most proxies write.
    XForwardedFor,
}

impl ForwardedHeader {
    /// Its name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::XForwardedFor => "x-forwarded-for",
        }
    }
}

/// `[admin]`: the listener for probes and metrics.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address and port. Default `127.0.0.1:8081`; it has no authentication.
    pub listen: SocketAddr,
}

/// `[publish]`: how events are handed to JetStream.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// How long to wait for an acknowledgement before the events go to the spool; without one, before the forge
    /// is told to come again. Default 1 s, at most 1.5 s: the answer has to leave within 2 s.
    #[serde(deserialize_with = "duration")]
    pub ack_timeout: Duration,
}

/// `[spool]`: what JetStream does not acknowledge is kept on this disk, and published when it does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// Whether there is one. Default true; without it a forge is answered 503 while NATS is away.
    pub enabled: bool,
    /// Its directory, for one daemon alone. Default `/var/lib/forgewire`; made if it is missing.
    pub dir: PathBuf,
    /// Largest size on disk, journals included, in bytes. Default 1 GiB; what does not fit is answered 503.
    pub max_bytes: u64,
    /// How long what JetStream has acknowledged is kept, to be published again when the server turns out to have
    /// forgotten it. Default zero: not at all.
    #[serde(deserialize_with = "duration")]
    pub retain: Duration,
    /// Age of the oldest waiting message at which the log says so. Default 10 min. Nothing is ever deleted for its
    /// age.
    #[serde(deserialize_with = "duration")]
    pub alarm_age: Duration,
}

/// `[stream]`: the JetStream stream that holds the events.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Stream {
    /// Name of the stream. Default `FORGE`.
    pub name: String,
    /// First tokens of every subject. Default `forge`.
    pub subject_prefix: String,
    /// Whether the stream is created if missing and kept as configured. Default true; false only
    /// uses what is there.
    pub manage: bool,
    /// How long the stream keeps an event. Default 30 days; zero is for ever.
    #[serde(deserialize_with = "duration")]
    pub max_age: Duration,
    /// How long the stream remembers event ids to drop repeats. Default 1 h; at most `max_age`
    /// unless that is zero.
    #[serde(deserialize_with = "duration")]
    pub duplicate_window: Duration,
    /// What a full stream drops. Default [`Discard::Old`].
    pub discard: Discard,
    /// Copies in the cluster, 1 to 5. Default 1.
    pub replicas: usize,
    /// Largest size of the stream, in bytes. Absent, which is the default: no limit.
    pub max_bytes: Option<u64>,
    /// Largest message, headers and body together, in bytes; of a larger one the payload, or all of the body, moves
    /// to the object store. Default 900,000. It must fit the server's `max_payload`.
    pub max_inline_bytes: usize,
    /// Name of the object store for what is larger. Absent, which is the default: see [`Stream::bucket`].
    pub large_bucket: Option<String>,
}

impl Stream {
    /// Name of the object store for what is too large for a message: as configured, else that of the stream with
    /// `_LARGE` after it, where `_` stands for what such a name may not have.
    #[must_use]
    pub fn bucket(&self) -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let derived = || self.name.chars().map(allowed).chain("_LARGE".chars()).collect();
        self.large_bucket.clone().unwrap_or_else(derived)
    }
}

/// What a full stream drops.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Discard {
    /// New events: they are refused, and forges are told to come again.
    New,
    /// The oldest events.
    Old,
}

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The form of a line. Default [`LogFormat::Auto`].
    pub format: LogFormat,
    /// Directives of tracing's `EnvFilter`, for example `info,forgewire=debug`. Default `info`.
    pub filter: String,
}

/// `[reload]`: how a newer configuration is noticed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Reload {
    /// How often the files that the configuration names are looked at: secrets and certificates, not the configuration
    /// file itself, which is read again on SIGHUP. Default 5 s; zero is never.
    #[serde(deserialize_with = "duration")]
    pub poll: Duration,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// For reading.
    Human,
    /// One JSON object each.
    Json,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            tls_cert_file: None,
            tls_key_file: None,
            tls_client_ca_file: None,
            max_body_bytes: 32 * 1024 * 1024,
            max_header_bytes: 96 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60 * 60),
            max_connections: 4_096,
            max_connections_per_client: 1_024,
            trusted_proxies: Networks::default(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            max_refused_per_client: 300,
            max_refused_per_source: 3_000,
            max_unauthenticated_bytes: 256 * 1024 * 1024,
            max_buffered_bytes: 128 * 1024 * 1024,
            drain: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(20),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)) }
    }
}

impl Default for Publish {
    fn default() -> Self {
        Self { ack_timeout: Duration::from_secs(1) }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            enabled: true,
            dir: "/var/lib/forgewire".into(),
            max_bytes: 1 << 30,
            retain: Duration::ZERO,
            alarm_age: Duration::from_secs(10 * 60),
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            name: "FORGE".into(),
            subject_prefix: "forge".into(),
            manage: true,
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            duplicate_window: Duration::from_secs(60 * 60),
            discard: Discard::Old,
            replicas: 1,
            max_bytes: None,
            max_inline_bytes: 900_000,
            large_bucket: None,
        }
    }
}

impl Default for Reload {
    fn default() -> Self {
        Self { poll: Duration::from_secs(5) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info".into() }
    }
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Networks, D::Error> {
    Networks::parse(&Vec::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The layer checked it, and says more about a bad one than could be said here.
    humantime::parse_duration(&text).map_err(|_error| serde::de::Error::custom("no duration"))
}
