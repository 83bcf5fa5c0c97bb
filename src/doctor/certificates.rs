//! Until when certificates and JWTs of files are good.
//!
//! The files are those that the configuration names. What a server shows is checked by the connection itself.

use std::path::Path;
use std::time::Duration;

use super::Findings;
use crate::config::{Config, Held, Login};
use crate::credentials::Credentials;
use crate::event::Time;
use crate::pem;

const CHECK: &str = "certificates";
/// How long before its end a certificate is spoken of.
const SOON: Duration = Duration::from_secs(21 * 24 * 60 * 60);
/// Largest file that is read, in bytes; as the configuration reads them.
const LARGEST: u64 = 2 << 20;

pub(super) fn check(config: &Config, found: &mut Findings) {
    let before = found.all().len();
    let (nats, http) = (&config.nats.tls, &config.http);
    let client = nats.client.as_ref().map(|(certificate, _key)| certificate);
    for (key, path) in
        [("nats.tls_cert_file", client), ("http.tls_cert_file", http.tls_cert_file.as_ref())]
    {
        if let Some(path) = path {
            chain(key, path, found);
        }
    }
    for (key, path) in [
        ("nats.tls_ca_file", nats.ca_file.as_ref()),
        ("http.tls_client_ca_file", http.tls_client_ca_file.as_ref()),
    ] {
        if let Some(path) = path {
            authorities(key, path, found);
        }
    }
    if let Login::Creds(held) = &config.nats.login {
        creds(held, found);
    }
    if found.all().len() == before {
        found.ok(CHECK, "the configuration names none that could expire");
    }
}

/// A certificate and those that lead to its authority: the first that ends, ends it.
fn chain(key: &str, path: &Path, found: &mut Findings) {
    if let Some(ends) = ends(key, path, found) {
        judge(&format!("{key} ({})", path.display()), ends.first().copied(), found);
    }
}

/// Any number of authorities: who is signed by one that is good is believed.
fn authorities(key: &str, path: &Path, found: &mut Findings) {
    let Some(ends) = ends(key, path, found) else { return };
    let what = format!("{key} ({})", path.display());
    let now = Time::now();
    let expired = ends.iter().filter(|end| **end < now).count();
    if expired > 0 && expired < ends.len() {
        let text = format!("{what}: {expired} of {} certificates have expired", ends.len());
        found.note(CHECK, text, "take them out of the file once nobody is signed by them");
    }
    judge(&what, ends.last().copied(), found);
}

/// When the certificates of a file end, the earliest first. What is wrong with the file is said.
fn ends(key: &str, path: &Path, found: &mut Findings) -> Option<Vec<Time>> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map(|_| bytes)
    });
    let read = file
        .map_err(|error| format!("cannot be read: {error}"))
        .and_then(|file| pem::certificates(&file).map_err(str::to_owned));
    match read {
        Ok(chain) => {
            let mut ends: Vec<_> = chain.iter().filter_map(pem::expires).collect();
            ends.sort_unstable();
            Some(ends)
        }
        Err(fault) => {
            let text = format!("{key} ({}) {fault}", path.display());
            found.error(CHECK, text, format!("put a good file where {key} says"));
            None
        }
    }
}

fn creds(held: &Held, found: &mut Findings) {
    let credentials = held
        .read()
        .and_then(|secret| Credentials::parse(secret.expose()).map_err(|fault| held.fault(fault)));
    match credentials {
        Ok(Credentials { expires: None, .. }) => {
            found.ok(CHECK, format!("{}: the user JWT does not expire", held.key));
        }
        Ok(Credentials { expires, .. }) => judge(held.key, expires, found),
        Err(fault) => found.error(CHECK, fault, format!("put a good file where {} says", held.key)),
    }
}

fn judge(what: &str, ends: Option<Time>, found: &mut Findings) {
    let Some(ends) = ends else {
        let text = format!("{what}: when it expires cannot be read");
        return found.note(CHECK, text, "look at it by openssl x509 -noout -enddate");
    };
    let left = ends.unix_ms().saturating_sub(Time::now().unix_ms());
    let soon = i64::try_from(SOON.as_millis()).unwrap_or(i64::MAX);
    let advice = "replace the file: it is read again, without a restart";
    if left <= 0 {
        found.error(CHECK, format!("{what} expired at {ends}"), advice);
    } else if left < soon {
        let days = left / (24 * 60 * 60 * 1000);
        found.warning(CHECK, format!("{what} expires at {ends}, in {days} days"), advice);
    } else {
        found.ok(CHECK, format!("{what} is good until {ends}"));
    }
}
