//! What the daemon's own listener says to signatures.
//!
//! A wrong one must be refused: that is asked of every source. A right one is sent where nothing is published by it: under
//! a secret with a scope, the body speaks of no repository, so it is refused after it was verified. Without a scope it would
//! be published (as `unrecognized`), so it is sent only where that is asked for.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request};

use super::Findings;
use super::http::{self, Answer};
use crate::config::{Config, Source};
use crate::network::from_here;
use crate::samples::{Said, Sender, signature};

const CHECK: &str = "listener";
/// It is no delivery of any forge, and says so.
const BODY: &str = r#"{"forgewire":"doctor"}"#;
/// The name of its event.
const EVENT: &str = "forgewire-doctor";

pub(super) async fn check(config: &Config, send: bool, found: &mut Findings) {
    if config.http.listen.port() == 0 {
        let text = "not checked: http.listen has port 0, so nobody knows where the daemon listens";
        return found.note(CHECK, text, "name the port that it logged by --listen");
    }
    let address = from_here(config.http.listen);
    for source in config.sources.values() {
        let name = &source.name;
        if source.secrets.is_empty() {
            let text =
                format!("{name}: not checked: it takes what nobody signed, and would publish it");
            found.note(CHECK, text, "give it a secret, and remove danger_accept_unsigned");
            continue;
        }
        if !refuses(address, source, found).await {
            continue;
        }
        for secret in &source.secrets {
            let scoped = source.repositories.is_some() || secret.repositories.is_some();
            if !scoped && !send {
                let text = format!(
                    "{name}: secret {} was not tried: what it signs is published",
                    secret.id
                );
                found.note(CHECK, text, "with --send it is tried, and published as `unrecognized`");
                continue;
            }
            let answer = ask(address, source, secret.secret.expose()).await;
            accepts(source, &secret.id, answer, found);
        }
    }
}

/// Whether a signature by nobody's key is refused for that.
async fn refuses(address: SocketAddr, source: &Source, found: &mut Findings) -> bool {
    let name = &source.name;
    let mut nobodys = [0; 32];
    if getrandom::fill(&mut nobodys).is_err() {
        found.error(CHECK, "the system gives no random numbers", "look at its log");
        return false;
    }
    match ask(address, source, &nobodys).await {
        Ok(answer) if (answer.status, answer.said("code")) == (401, "not_authenticated") => {
            found.ok(CHECK, format!("{name}: a wrong signature is refused"));
            true
        }
        Ok(answer) => {
            otherwise(source, &answer, found);
            false
        }
        Err(error) => {
            let advice = "is http.listen the address that the daemon logged, or its socket unit's? Give it by --listen";
            found.error(CHECK, format!("{name}: no answer at {address}: {error}"), advice);
            false
        }
    }
}

fn accepts(
    source: &Source,
    id: &str,
    answer: Result<Answer, std::io::Error>,
    found: &mut Findings,
) {
    let name = &source.name;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return found.error(
                CHECK,
                format!("{name}: no answer: {error}"),
                "look at the daemon's log",
            );
        }
    };
    match (answer.status, answer.said("code")) {
        (202, _) => found.ok(
            CHECK,
            format!("{name}: what secret {id} signs is taken: {}", answer.said("status")),
        ),
        (403, "out_of_scope") => {
            found.ok(CHECK, format!("{name}: what secret {id} signs is verified (and this, outside its scope, not published)"));
        }
        (401, _) => {
            let text =
                format!("{name}: the daemon does not know secret {id}, or another Authorization");
            found.error(CHECK, text, "reload it (SIGHUP) if the configuration is newer; else give doctor the daemon's own");
        }
        _ => otherwise(source, &answer, found),
    }
}

fn otherwise(source: &Source, answer: &Answer, found: &mut Findings) {
    let name = &source.name;
    let code = answer.said("code");
    match code {
        "client_not_allowed" => {
            let text = format!("{name}: not checked: it takes nothing from this machine (clients)");
            found.note(CHECK, text, "test it from a forge");
        }
        "too_many_refused" => {
            let text = format!("{name}: not checked: too much was refused within a minute");
            found.note(CHECK, text, "ask again in a minute; the log says who sends it");
        }
        "no_such_source" => {
            let text = format!("{name}: the daemon has no such source");
            found.error(CHECK, text, "reload it (SIGHUP)");
        }
        _ => {
            let text = format!("{name}: it answered {} {code}", answer.status);
            found.error(CHECK, text, "the README lists the answers; is that forgewire's port?");
        }
    }
}

async fn ask(
    address: SocketAddr,
    source: &Source,
    secret: &[u8],
) -> Result<Answer, std::io::Error> {
    let request =
        request(source, secret).ok_or_else(|| std::io::Error::other("it cannot be asked"))?;
    http::ask(address, request).await
}

/// The delivery, as a forge of this kind signs it.
fn request(source: &Source, secret: &[u8]) -> Option<Request<Full<Bytes>>> {
    let sender = Sender::of(source.kind)?;
    let signature = signature(secret, BODY.as_bytes()).ok()?;
    let delivery = format!("doctor-{}", crate::event::Time::now().unix_ms());
    let said = Said { delivery: &delivery, event: EVENT, event_type: None, signature: &signature };
    let mut request = Request::new(Full::from(BODY));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/hooks/{}", source.name).parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(expected) = &source.authorization {
        let mut value = HeaderValue::from_bytes(expected.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for &(name, part) in sender.headers {
        let Some(value) = part.value(&said) else { continue };
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_str(&value).ok()?,
        );
    }
    Some(request)
}
