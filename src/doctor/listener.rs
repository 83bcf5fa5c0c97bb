//! What the daemon's own listener says to signatures.
//!
//! A wrong one must be refused: that is asked of every source first, so that nobody but forgewire is sent a right one. That is sent
//! where nothing is published by it: under a secret with a scope, the body speaks of no repository, so it is refused after it
//! was verified. Without a scope it would be published (as `unrecognized`), so it is sent only where that is asked for.

use std::io::Error;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request};

use super::http::{Answer, Place};
use super::{Findings, pinned};
use crate::config::{Config, NamedSecret, Source};
use crate::network::from_here;
use crate::samples::{Said, Sender, signature};
use crate::secret::Secret;

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
    let Some(place) = open(config, found).await else { return };
    if config.http.tls_client_ca_file.is_some() {
        let text = "signatures were not tried: the listener wants a certificate of a sender (http.tls_client_ca_file)";
        return found.note(CHECK, text, "test it from a forge");
    }
    for source in config.sources.values() {
        if source.secrets.is_empty() {
            let name = &source.name;
            let text =
                format!("{name}: not checked: it takes what nobody signed, and would publish it");
            let advice =
                format!("set sources.{name}.secret_file, and remove danger_accept_unsigned");
            found.note(CHECK, text, advice);
            continue;
        }
        match refuses(&place, source, found).await {
            Ok(true) => {}
            Ok(false) => continue,
            // What does not answer once would take as long for every source.
            Err(()) => return,
        }
        for secret in &source.secrets {
            signed(&place, source, secret, send, found).await;
        }
    }
}

/// Where it listens, if something does there, with the certificate that the configuration names.
async fn open(config: &Config, found: &mut Findings) -> Option<Place> {
    let listen = config.http.listen;
    let tls = match &config.http.tls_cert_file {
        None => None,
        Some(file) => match pinned::client(file) {
            Ok(tls) => Some(tls),
            Err(fault) => {
                let text = format!("not checked: http.tls_cert_file cannot be used: {fault}");
                found.note(CHECK, text, "mend that, and ask again");
                return None;
            }
        },
    };
    let place = Place { address: from_here(listen), tls };
    match place.connect().await {
        Ok(()) => Some(place),
        Err(error) if error.to_string().contains(pinned::ANOTHER) => {
            let text = format!("http.listen ({listen}): {}", pinned::ANOTHER);
            found.error(
                CHECK,
                text,
                "reload the daemon (SIGHUP), or stop the program that has its port",
            );
            None
        }
        Err(error) => {
            let text = format!("no answer at http.listen ({listen}): {error}");
            let advice = "is it the address that the daemon logged, or that of its socket unit? Name that by --listen";
            found.error(CHECK, text, advice);
            None
        }
    }
}

/// Whether a signature by nobody's key is refused for that; nothing more is to be asked where nothing answers.
async fn refuses(place: &Place, source: &Source, found: &mut Findings) -> Result<bool, ()> {
    let name = &source.name;
    let mut nobodys = [0; 32];
    if getrandom::fill(&mut nobodys).is_err() {
        found.note(CHECK, "not checked: the system gives no random numbers", "look at its log");
        return Err(());
    }
    match ask(place, source, &nobodys, None).await {
        Ok(answer) if (answer.status, answer.said("/code")) == (401, "not_authenticated") => {
            found.ok(CHECK, format!("{name}: a wrong signature is refused"));
            Ok(true)
        }
        Ok(answer) => {
            otherwise(source, &answer, found);
            Ok(false)
        }
        Err(error) => {
            no_answer(source, &error, found);
            Err(())
        }
    }
}

/// Tries what a secret signs, where it may.
async fn signed(
    place: &Place,
    source: &Source,
    secret: &NamedSecret,
    send: bool,
    found: &mut Findings,
) {
    let (name, id) = (&source.name, &secret.id);
    let scoped = source.repositories.is_some() || secret.repositories.is_some();
    if !scoped && !send {
        let text = format!("{name}: secret {id} was not tried: what it signs would be published");
        return found.note(CHECK, text, "with --send it is, as `unrecognized`");
    }
    let answer = ask(place, source, secret.secret.expose(), source.authorization.as_ref()).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return no_answer(source, &error, found),
    };
    match (answer.status, answer.said("/code")) {
        (202, _) if scoped => {
            let text = format!(
                "{name}: secret {id} has a scope in this configuration and none in the daemon's: it published event {}",
                answer.said("/events/0/id")
            );
            found.warning(CHECK, text, "reload the daemon (SIGHUP)");
        }
        (202, _) => {
            let (status, event) = (answer.said("/status"), answer.said("/events/0/id"));
            let text = format!("{name}: what secret {id} signs is {status}, as event {event}");
            found.ok(CHECK, text);
        }
        (403, "out_of_scope") => {
            let text = format!(
                "{name}: what secret {id} signs is verified (and not published: it was outside the scope)"
            );
            found.ok(CHECK, text);
        }
        (401, _) => {
            let text =
                format!("{name}: the daemon does not know secret {id}, or another `authorization`");
            let advice = format!(
                "reload it (SIGHUP) if sources.{name} is newer; else give doctor the daemon's own configuration"
            );
            found.error(CHECK, text, advice);
        }
        _ => otherwise(source, &answer, found),
    }
}

fn no_answer(source: &Source, error: &Error, found: &mut Findings) {
    let text = format!("{}: no answer: {error}", source.name);
    found.error(
        CHECK,
        text,
        "look at the daemon's log; is http.listen its address, and not another program's?",
    );
}

fn otherwise(source: &Source, answer: &Answer, found: &mut Findings) {
    let name = &source.name;
    match answer.said("/code") {
        "client_not_allowed" => {
            let text = format!(
                "{name}: not checked: it takes nothing from this machine (sources.{name}.clients)"
            );
            found.note(CHECK, text, "test it from a forge");
        }
        "too_many_refused" => {
            let text = format!("{name}: not checked: too much was refused within a minute");
            found.note(CHECK, text, "ask again in a minute; the log says who sends it");
        }
        "no_such_source" => {
            let text = format!("{name}: the daemon has no such source");
            found.error(
                CHECK,
                text,
                format!("reload it (SIGHUP), or give doctor its own sources.{name}"),
            );
        }
        "" => {
            let text = format!(
                "{name}: what listens there is not forgewire's: it answered {}",
                answer.status
            );
            found.error(CHECK, text, "stop it, or name the daemon's own address by --listen");
        }
        code => {
            let text = format!("{name}: it answered {} {code}", answer.status);
            found.error(CHECK, text, "see Answers in the README");
        }
    }
}

async fn ask(
    place: &Place,
    source: &Source,
    secret: &[u8],
    authorization: Option<&Secret>,
) -> Result<Answer, Error> {
    let request = request(source, secret, authorization);
    place.ask(request.ok_or_else(|| Error::other("such a request cannot be made"))?).await
}

/// The delivery, as a forge of this kind signs it.
fn request(
    source: &Source,
    secret: &[u8],
    authorization: Option<&Secret>,
) -> Option<Request<Full<Bytes>>> {
    let sender = Sender::of(source.kind)?;
    let signature = signature(secret, BODY.as_bytes()).ok()?;
    // No two are the same, or the second would be dropped as a repeat.
    let mut random = [0; 8];
    getrandom::fill(&mut random).ok()?;
    let delivery = format!("doctor-{:016x}", u64::from_be_bytes(random));
    let said = Said { delivery: &delivery, event: EVENT, event_type: None, signature: &signature };
    let mut request = Request::new(Full::from(BODY));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/hooks/{}", source.name).parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(expected) = authorization {
        let mut value = HeaderValue::from_bytes(expected.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for &(name, part) in sender.headers {
        let Some(value) = part.value(&said) else { continue };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(request)
}
