//! How a connection is made: who we say we are, whom we believe, and why there is none.
//!
//! In come the settings of `[nats]`, out come the options of the client. Files are read at every attempt, so that what was
//! replaced is used by the next one; one that cannot be read fails that attempt and no more. Each distinct reason for
//! which there is no connection is said once, with the key to look at, until there is one.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Auth, AuthError, ConnectOptions};

use crate::config::{Login, Nats};
use crate::credentials::{Credentials, Seed};
use crate::event::Time;
use crate::facts;

/// A dead peer is noticed when two pings went unanswered and the third is due: after three of these.
const PING_INTERVAL: Duration = Duration::from_secs(4);
/// Longest pause between two attempts to connect, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a whole handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Distinct reasons that are said until there is a connection; a server may make up its words.
const MOST_SAID: usize = 64;

/// What was said already about connections that could not be made.
#[derive(Clone)]
pub(super) struct Troubles {
    nats: Arc<Nats>,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    reasons: HashSet<String>,
    /// How often each server had failed when it was last looked at: the client keeps old reasons.
    failed: HashMap<String, usize>,
    last: Option<Trouble>,
}

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trouble {
    /// URL of the server.
    pub server: String,
    /// What the client or the server says.
    pub reason: String,
    /// The key to look at.
    pub look_at: String,
}

/// How a server failed, as the client remembers it.
struct Failure {
    server: String,
    times: usize,
    words: Option<String>,
}

impl Failure {
    fn of(server: &async_nats::Server) -> Self {
        let addr = &server.addr;
        Self {
            server: format!("{}://{}:{}", addr.scheme(), addr.host(), addr.port()),
            times: server.failed_attempts,
            words: server.last_error.clone(),
        }
    }
}

/// The options of a client that tries for ever.
pub(super) fn options(nats: &Arc<Nats>, troubles: &Troubles) -> ConnectOptions {
    let mut options = if nats.login == Login::Nobody {
        ConnectOptions::new()
    } else {
        let nats = Arc::clone(nats);
        ConnectOptions::with_auth_callback(move |nonce| {
            let nats = Arc::clone(&nats);
            async move {
                let read = tokio::task::spawn_blocking(move || auth(&nats.login, &nonce));
                read.await.map_err(AuthError::new)?.map_err(AuthError::new)
            }
        })
    };
    if let Some(file) = &nats.tls.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &nats.tls.client {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    options = options.require_tls(nats.requires_tls());
    if nats.tls.first {
        options = options.tls_first();
    }
    let troubles = troubles.clone();
    options
        .name(nats.name.as_str())
        .custom_inbox_prefix(&nats.inbox_prefix)
        .retry_on_initial_connect()
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(pause)
        .reconnect_to_server_callback(move |servers, _info| {
            // The only place where the client tells why an attempt failed; which server comes next is its choice.
            let failures = servers.iter().map(Failure::of).collect();
            let troubles = troubles.clone();
            async move {
                troubles.tell(failures).await;
                None
            }
        })
}

/// Who we are, as it stands in the files now.
fn auth(login: &Login, nonce: &[u8]) -> Result<Auth, String> {
    let mut auth = Auth::new();
    let Some(held) = login.held() else { return Ok(auth) };
    let secret = held.read()?;
    let text = || {
        let text = std::str::from_utf8(secret.expose());
        text.map(str::to_owned).map_err(|_error| held.fault("is no text"))
    };
    let fault = |fault| held.fault(fault);
    match login {
        Login::Nobody => {}
        Login::Creds(_) => {
            let credentials = Credentials::parse(secret.expose()).map_err(fault)?;
            auth.signature = Some(credentials.sign(nonce).map_err(fault)?);
            auth.jwt = Some(credentials.jwt.to_string());
        }
        Login::Nkey(_) => {
            let seed = Seed::parse(secret.expose()).map_err(fault)?;
            auth.signature = Some(seed.sign(nonce).map_err(fault)?);
            auth.nkey = Some(seed.public_key());
        }
        Login::Token(_) => auth.token = Some(text()?),
        Login::User(user, _) => {
            auth.username = Some(user.clone());
            auth.password = Some(text()?);
        }
    }
    Ok(auth)
}

impl Troubles {
    pub(super) fn new(nats: &Arc<Nats>) -> Self {
        Self { nats: Arc::clone(nats), said: Arc::default() }
    }

    /// There is a connection: what ends it, or stands in the way of the next, is news.
    pub(super) fn are_over(&self) {
        self.said().reasons.clear();
    }

    /// The last one that was told.
    pub(super) fn last(&self) -> Option<Trouble> {
        self.said().last.clone()
    }

    async fn tell(&self, failures: Vec<Failure>) {
        for failure in failures {
            let server = failure.server.clone();
            let Some(words) = self.said().news(failure) else { continue };
            let nats = Arc::clone(&self.nats);
            let explained = tokio::task::spawn_blocking(move || explain(&nats, &words)).await;
            if let Ok((reason, look_at)) = explained {
                facts::no_connection(&server, &reason, &look_at);
                self.said().last = Some(Trouble { server, reason, look_at });
            }
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        // A panic between two of its changes would only make us say something twice.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    /// The words of a failure, if it is one that was not told yet.
    fn news(&mut self, Failure { server, times, words }: Failure) -> Option<String> {
        let before = self.failed.insert(server.clone(), times);
        let words = words.filter(|_| times > 0 && before != Some(times))?;
        // Some name the time.
        let gist: String = words.chars().filter(|c| !c.is_ascii_digit()).collect();
        let news = self.reasons.len() < MOST_SAID && self.reasons.insert(server + &gist);
        news.then_some(words)
    }
}

impl fmt::Debug for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Troubles").finish_non_exhaustive()
    }
}

/// What the client's words mean to an operator: the reason, and what to look at.
fn explain(nats: &Nats, words: &str) -> (String, String) {
    let mut reason = words;
    for prefix in ["IO error: ", "failed signing nonce: AuthError(", "nats: "] {
        reason = reason.strip_prefix(prefix).unwrap_or(reason);
    }
    // What our own callback says names key and file.
    if words.contains("AuthError(") {
        let reason = reason.strip_suffix(')').unwrap_or(reason);
        return (reason.to_owned(), "it is read again at every attempt".to_owned());
    }
    let lower = reason.to_ascii_lowercase();
    let has = |text: &str| lower.contains(text);
    let hint = if has("authorization violation") || has("authentication") {
        return (reason.to_owned(), about_login(&nats.login));
    } else if has("unknownissuer") || has("badsignature") {
        "nats.tls_ca_file: no authority in it (if it is not set: none of the system) has signed the server's certificate"
    } else if has("notvalidforname") || has("not valid for name") {
        "nats.servers: the server's certificate is for another name than the URL's"
    } else if has("certificate expired") || has("notvalidyet") || has("not valid yet") {
        "the server's certificate is not valid at this time: renew it, or set the clock"
    } else if has("received fatal alert") && nats.tls.client.is_none() {
        "nats.tls_cert_file and nats.tls_key_file: the server wants a certificate of ours"
    } else if has("received fatal alert") {
        "nats.tls_cert_file: the server takes no TLS connection of ours; its log says more"
    } else if has("invalidcontenttype") && nats.tls.first {
        "nats.tls_first: the server does not begin with TLS (its handshake_first)"
    } else if has("invalidcontenttype") {
        "the server does not speak TLS, and nats.tls_* or a tls:// URL asks for it"
    } else if (lower == "timed out" || has("expected info, got nothing")) && !nats.tls.first {
        "nothing came; a server with handshake_first needs nats.tls_first = true"
    } else if has("tls error") {
        return about_files(nats, reason);
    } else {
        "nats.servers: is a nats-server there?"
    };
    (reason.to_owned(), hint.to_owned())
}

fn about_login(login: &Login) -> String {
    let Some(held) = login.held() else {
        return "the server wants to know who we are: set nats.creds_file, nats.nkey_file, nats.user \
                with nats.password_file, or nats.token_file"
            .to_owned();
    };
    if let Login::Creds(_) = login
        && let Ok(secret) = held.read()
        && let Ok(Credentials { expires: Some(at), .. }) = Credentials::parse(secret.expose())
        && at < Time::now()
    {
        return held.fault(&format!("holds a user JWT that expired at {at}: replace the file"));
    }
    held.fault("is not what the server knows")
}

/// The client says nothing of which file it is.
fn about_files(nats: &Nats, reason: &str) -> (String, String) {
    let hint = "the files are read again at every attempt".to_owned();
    match nats.tls.check() {
        Err(fault) => (fault, hint),
        Ok(_) => (reason.to_owned(), "nats.tls_ca_file, nats.tls_cert_file".to_owned()),
    }
}

/// Pauses between attempts: at once, then doubling to [`LONGEST_PAUSE`], each shortened by up to half
/// so that the clients of a restarted server do not come all together.
fn pause(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(1) else { return Duration::ZERO };
    let full = LONGEST_PAUSE.min(Duration::from_millis(50 << doublings.min(8)));
    let mut random = [0; 1];
    // Without randomness the pause is only less well spread.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    full.mul_f64(1.0 - f64::from(random) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_attempt_to_connect_at_once_and_then_every_second() {
        assert_eq!(pause(0), Duration::ZERO);
        for attempt in [1, 2, 6, 20, usize::MAX] {
            assert!(pause(attempt) > Duration::ZERO && pause(attempt) <= Duration::from_secs(1));
        }
        assert!(pause(20) >= Duration::from_millis(500));
    }

    #[test]
    fn the_clients_words_become_a_reason_and_a_key_to_look_at() {
        let nats = Nats::default();
        for (words, reason, hint) in [
            (
                "authorization violation: nats: authorization violation",
                "authorization violation: nats: authorization violation",
                "nats.creds_file",
            ),
            (
                "IO error: invalid peer certificate: UnknownIssuer",
                "invalid peer certificate: UnknownIssuer",
                "nats.tls_ca_file",
            ),
            (
                "failed signing nonce: AuthError(nats.nkey_file (/a) is gone)",
                "nats.nkey_file (/a) is gone",
                "read again",
            ),
            (
                "IO error: Connection refused (os error 111)",
                "Connection refused (os error 111)",
                "nats.servers",
            ),
        ] {
            let (found, key) = explain(&nats, words);
            assert_eq!(found, reason);
            assert!(key.contains(hint), "{key}");
        }
    }
}
