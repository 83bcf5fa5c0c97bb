//! The table of every configuration key: its path, what it may be, and what it is for.
//!
//! All layers are checked against it, and so is `config/default.toml`. In a path `<name>` stands
//! for the name of a source and `[]` for an item of an array of tables.

mod checks;
mod sources;

use std::time::Duration;

use super::form::{Form, NO_MAX};
use crate::source::SourceName;

/// What documentation says about one key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyDoc {
    /// The path, for example `http.listen` or `sources.<name>.kind`.
    pub path: &'static str,
    /// What a value must be.
    pub rule: String,
    /// What the key is for.
    pub doc: &'static str,
}

/// Every key, in the order of `config/default.toml`.
pub fn keys() -> impl Iterator<Item = KeyDoc> {
    rows().map(|key| KeyDoc { path: key.path, rule: key.form.rule().into_owned(), doc: key.doc })
}

/// One row of the table.
pub(super) struct Key {
    pub(super) path: &'static str,
    pub(super) form: Form,
    doc: &'static str,
}

/// What stands at a path.
pub(super) enum Place {
    Key(&'static Key),
    Table,
}

/// A name within a table that no key has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unknown {
    Key,
    SourceName,
}

/// Finds what `name` is within the table at `pattern` (empty for the root).
///
/// Gives its own pattern, too.
pub(super) fn child(pattern: &str, name: &str) -> Result<(String, Place), Unknown> {
    let segment = if pattern == "sources" {
        SourceName::new(name).map_err(|_rule| Unknown::SourceName)?;
        "<name>"
    } else {
        // A quoted key must not pass for a path.
        if name.contains(['.', '[']) {
            return Err(Unknown::Key);
        }
        name
    };
    let path = join(pattern, segment);
    if let Some(key) = rows().find(|key| key.path == path) {
        return Ok((path, Place::Key(key)));
    }
    if names_in(&path).next().is_some() {
        return Ok((path, Place::Table));
    }
    Err(Unknown::Key)
}

/// The names that the table at `pattern` may hold, with repetitions.
pub(super) fn names_in(pattern: &str) -> impl Iterator<Item = &'static str> {
    rows().filter_map(move |key| {
        let rest = match pattern {
            "" => key.path,
            _ => key.path.strip_prefix(pattern)?.strip_prefix('.')?,
        };
        let name = rest.split('.').next()?;
        Some(name.strip_suffix("[]").unwrap_or(name))
    })
}

/// The path of `name` in the table at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.into(),
        _ => format!("{path}.{name}"),
    }
}

const fn key(path: &'static str, form: Form, doc: &'static str) -> Key {
    Key { path, form, doc }
}

const fn integer(min: u64, max: u64) -> Form {
    Form::Integer { min, max }
}

const fn millis(min: u64, max: u64) -> Form {
    Form::Duration { min: Duration::from_millis(min), max: Duration::from_millis(max), zero: false }
}

const NETWORKS: Form = Form::List { check: checks::network, empty: true };
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const CENTURY: u64 = 36_525 * DAY;
const GIB: u64 = 1 << 30;

/// All rows, in the order of `config/default.toml`.
fn rows() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().chain(sources::ROWS)
}

static SECTIONS: &[Key] = &[
    key("http.listen", Form::Address, "Address and port of the webhook listener."),
    key(
        "http.tls_cert_file",
        Form::Path,
        "Certificate of the webhook listener and what leads to its CA, as PEM: it speaks https then.",
    ),
    key("http.tls_key_file", Form::Path, "Private key of that certificate, as PEM."),
    key(
        "http.tls_client_ca_file",
        Form::Path,
        "Certificates of CAs, as PEM: senders must show a certificate of one of them.",
    ),
    key("http.max_body_bytes", integer(1_024, GIB), "Largest body; a larger one is answered 413."),
    key(
        "http.max_header_bytes",
        integer(8_192, 1_048_576),
        "Largest request line and headers; more is answered 431.",
    ),
    key("http.header_timeout", millis(100, HOUR), "How long the headers of a request may take."),
    key("http.body_timeout", millis(100, HOUR), "How long the body may take after the headers."),
    key(
        "http.idle_timeout",
        millis(1_000, DAY),
        "How long a connection may wait for its next request.",
    ),
    key("http.max_connections", integer(1, 1_000_000), "Connections at once, in all."),
    key(
        "http.max_connections_per_client",
        integer(1, 1_000_000),
        "Connections at once from one client address.",
    ),
    key(
        "http.trusted_proxies",
        NETWORKS,
        "Proxies that say truly whose request they pass on; none if empty.",
    ),
    key(
        "http.forwarded_header",
        Form::OneOf(|| vec!["x-forwarded-for", "forwarded"]),
        "The header in which they say it.",
    ),
    key(
        "http.max_refused_per_client",
        integer(1, 1_000_000),
        "Refused requests of an unknown client in a minute; then it is answered 429.",
    ),
    key(
        "http.max_refused_per_source",
        integer(1, 10_000_000),
        "Refused requests of all unknown clients for one source in a minute; then they are answered 429.",
    ),
    key(
        "http.max_unauthenticated_bytes",
        integer(1_024, 1_024 * GIB),
        "Bytes of bodies of an unknown client in a minute; then it is answered 429.",
    ),
    key(
        "http.max_buffered_bytes",
        integer(1, 1_024 * GIB),
        "Bytes of requests in memory at once, in all.",
    ),
    key("http.drain", millis(0, HOUR), "How long a stop still serves open connections."),
    key("http.stop_timeout", millis(100, HOUR), "How long a stop may take in all."),
    key(
        "admin.listen",
        Form::Address,
        "Address and port of the probes; they have no authentication.",
    ),
    key(
        "nats.servers",
        Form::List { check: checks::server, empty: false },
        "URLs of servers of one cluster, nats:// or tls://.",
    ),
    key(
        "nats.name",
        Form::Text(checks::connection_name),
        "The name that the server shows for our connection.",
    ),
    key("nats.creds_file", Form::Path, "Creds file of our user: its JWT and nkey."),
    key("nats.nkey_file", Form::Path, "File that holds the seed of our user's nkey instead."),
    key(
        "nats.nkey_env",
        Form::Text(checks::variable),
        "Environment variable that holds the seed instead.",
    ),
    key("nats.nkey", Form::Secret, "The seed itself; better in a file of its own."),
    key("nats.user", Form::Text(checks::user), "Name of our user, who has a password instead."),
    key("nats.password_file", Form::Path, "File that holds the password."),
    key(
        "nats.password_env",
        Form::Text(checks::variable),
        "Environment variable that holds the password instead.",
    ),
    key("nats.password", Form::Secret, "The password itself; better in a file of its own."),
    key("nats.token_file", Form::Path, "File that holds a token instead."),
    key(
        "nats.token_env",
        Form::Text(checks::variable),
        "Environment variable that holds the token instead.",
    ),
    key("nats.token", Form::Secret, "The token itself; better in a file of its own."),
    key(
        "nats.tls_ca_file",
        Form::Path,
        "Certificates (PEM) of the authorities to believe; those of the system if absent.",
    ),
    key("nats.tls_cert_file", Form::Path, "Our own certificate (PEM), if the server asks for one."),
    key("nats.tls_key_file", Form::Path, "Its private key (PEM)."),
    key(
        "nats.tls_first",
        Form::Switch,
        "Begin TLS before the server speaks; it must have handshake_first.",
    ),
    key(
        "nats.inbox_prefix",
        Form::Text(checks::tokens),
        "First tokens of the subjects of all replies to us.",
    ),
    key("nats.domain", Form::Text(checks::domain), "JetStream domain that has the stream."),
    key(
        "nats.api_prefix",
        Form::Text(checks::tokens),
        "First tokens of requests to JetStream, instead of a domain.",
    ),
    key(
        "publish.ack_timeout",
        millis(100, 1_500),
        "How long to wait for JetStream before spooling.",
    ),
    key("spool.enabled", Form::Switch, "Keep on disk what JetStream does not acknowledge."),
    key("spool.dir", Form::Path, "Directory of the spool, for one daemon alone."),
    key(
        "spool.max_bytes",
        integer(16 << 20, 1_024 * GIB),
        "Largest size of the spool on disk; what does not fit is answered 503.",
    ),
    key(
        "spool.retain",
        Form::Duration { min: Duration::from_secs(1), max: Duration::from_millis(DAY), zero: true },
        "How long acknowledged events are kept in case the server forgets them; \"0s\" is not at all.",
    ),
    key(
        "spool.alarm_age",
        millis(1_000, CENTURY),
        "Age of waiting events at which the log says so.",
    ),
    key("stream.name", Form::Text(checks::stream_name), "Name of the stream."),
    key(
        "stream.subject_prefix",
        Form::Text(checks::subject_prefix),
        "First tokens of every subject.",
    ),
    key("stream.manage", Form::Switch, "Create the stream and keep it as configured."),
    key(
        "stream.max_age",
        Form::Duration {
            min: Duration::from_millis(100),
            max: Duration::from_millis(CENTURY),
            zero: true,
        },
        "How long an event is kept; \"0s\" is for ever.",
    ),
    key(
        "stream.duplicate_window",
        millis(100, CENTURY),
        "How long event ids are remembered to drop repeats.",
    ),
    key(
        "stream.discard",
        Form::OneOf(|| vec!["old", "new"]),
        "What a full stream drops: old events, or new ones.",
    ),
    key("stream.replicas", integer(1, 5), "Copies in the cluster."),
    key("stream.max_bytes", integer(1, NO_MAX), "Largest size of the stream; unlimited if absent."),
    key(
        "stream.max_inline_bytes",
        integer(65_536, 67_108_864),
        "Largest message; what is larger moves to the object store.",
    ),
    key(
        "stream.large_bucket",
        Form::Text(checks::bucket_name),
        "Name of the object store; the stream's with _LARGE if absent.",
    ),
    key(
        "log.format",
        Form::OneOf(|| vec!["auto", "human", "json"]),
        "Form of a line; auto is human on a terminal, else JSON.",
    ),
    key(
        "log.filter",
        Form::Text(checks::log_filter),
        "What is logged, as tracing's EnvFilter reads it.",
    ),
    key(
        "reload.poll",
        Form::Duration {
            min: Duration::from_millis(50),
            max: Duration::from_millis(DAY),
            zero: true,
        },
        "How often the files of secrets and certificates are looked at for a change; \"0s\" is never.",
    ),
];

#[cfg(test)]
mod tests {
    use toml::de::{DeTable, DeValue};

    use super::*;

    /// Whether the table has a value at `path`, with `<name>` and `[]` standing for the first.
    fn holds_path(table: &DeTable<'_>, path: &str) -> bool {
        let mut value = None;
        let mut table = table;
        for segment in path.split('.') {
            let name = segment.trim_end_matches("[]");
            let found = table
                .iter()
                .find(|(key, _)| name == "<name>" || key.get_ref() == name)
                .map(|(_, value)| value.get_ref());
            value = found;
            table = match found {
                Some(DeValue::Table(inner)) => inner,
                Some(DeValue::Array(items)) => {
                    match items.iter().next().map(toml::Spanned::get_ref) {
                        Some(DeValue::Table(inner)) => inner,
                        _ => continue,
                    }
                }
                Some(_) => continue,
                None => return false,
            };
        }
        value.is_some()
    }

    #[test]
    fn default_toml_shows_and_explains_every_key() {
        let text = include_str!("../../config/default.toml");
        // A setting that is commented out has no space after its `#`; prose has one.
        let uncommented: String = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let all = DeTable::parse(&uncommented).unwrap();
        for key in rows() {
            assert!(holds_path(all.get_ref(), key.path), "{} is not in default.toml", key.path);
            assert!(text.contains(&format!("# {}", key.doc)), "{}: {}", key.path, key.doc);
        }
    }
}
