//! Until when certificates and JWTs of files are good.
//!
//! The files are those that the configuration names. What a server shows is checked by the connection itself.

use std::path::Path;
use std::time::Duration;

use super::Findings;
use crate::config::{Config, Login};
use crate::credentials::Credentials;
use crate::event::Time;
use crate::pem;

const CHECK: &str = "certificates";
/// How long before its end a certificate is spoken of.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub(super) fn check(config: &Config, found: &mut Findings) {
    let tls = &config.nats.tls;
    let mut named = Vec::new();
    if let Some(path) = &tls.ca_file {
        named.push(("nats.tls_ca_file", path.as_path()));
    }
    if let Some((certificate, _key)) = &tls.client {
        named.push(("nats.tls_cert_file", certificate.as_path()));
    }
    if let Err(fault) = tls.check() {
        return found.error(
            CHECK,
            fault,
            "put a good file in its place; it is read at each connection",
        );
    }
    let nothing = named.is_empty() && !matches!(config.nats.login, Login::Creds(_));
    for (key, path) in named {
        of_file(key, path, found);
    }
    if let Login::Creds(held) = &config.nats.login {
        of_creds(held, found);
    }
    if nothing {
        found.ok(CHECK, "the configuration names none that could expire");
    }
}

/// The certificate of a file that ends first.
fn of_file(key: &str, path: &Path, found: &mut Findings) {
    let what = format!("{key} ({})", path.display());
    let ends = std::fs::read(path).ok().and_then(|file| {
        let chain = pem::certificates(&file).ok()?;
        chain.iter().filter_map(pem::expires).min()
    });
    judge(&what, ends, "a certificate", found);
}

fn of_creds(held: &crate::config::Held, found: &mut Findings) {
    let credentials = held
        .read()
        .and_then(|secret| Credentials::parse(secret.expose()).map_err(|fault| held.fault(fault)));
    match credentials {
        Ok(Credentials { expires: None, .. }) => {
            found.ok(CHECK, "the user JWT of nats.creds_file does not expire");
        }
        Ok(Credentials { expires, .. }) => judge("nats.creds_file", expires, "a user JWT", found),
        Err(fault) => found.error(CHECK, fault, "put a good file in its place"),
    }
}

fn judge(what: &str, ends: Option<Time>, noun: &str, found: &mut Findings) {
    let Some(ends) = ends else {
        return found.note(
            CHECK,
            format!("{what}: when it expires cannot be read"),
            "look at it by openssl x509",
        );
    };
    let left = ends.unix_ms().saturating_sub(Time::now().unix_ms());
    let soon = i64::try_from(SOON.as_millis()).unwrap_or(i64::MAX);
    let advice = "replace the file: the next connection uses the new one";
    if left <= 0 {
        found.error(CHECK, format!("{what} has {noun} that expired at {ends}"), advice);
    } else if left < soon {
        found.warning(CHECK, format!("{what} has {noun} that expires at {ends}"), advice);
    } else {
        found.ok(CHECK, format!("{what} is good until {ends}"));
    }
}
