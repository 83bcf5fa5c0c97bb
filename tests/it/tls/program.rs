//! The program itself with TLS: deliveries by other people's clients, and the stop.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::h2::was_not_taken;
use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push_in, sha};
use crate::support::http::Connection;
use crate::support::nats::NatsServer;
use crate::support::program::run;
use crate::support::tls::Ca;

/// A CA, and the files of a daemon with a certificate of it.
struct Place {
    ca: Ca,
    senders: Ca,
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { ca: Ca::new(), senders: Ca::new(), dir: tempfile::tempdir().unwrap() };
        let issued = place.ca.issue();
        for (name, text) in [
            ("ca.pem", place.ca.pem()),
            ("senders.pem", place.senders.pem()),
            ("cert.pem", issued.certificate),
            ("key.pem", issued.key),
        ] {
            std::fs::write(place.dir.path().join(name), text).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn config(&self, more: &str) -> String {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        format!(
            "[http]\ntls_cert_file = \"{cert}\"\ntls_key_file = \"{key}\"\n{more}\n{}",
            sources()
        )
    }
}

fn hook(client: usize, number: usize) -> Hook {
    let body = push_in("acme", &format!("repo-{client}"), 1, "main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), &format!("{client}-{number}"), SECRET, &body)
}

/// Delivers by curl: exit code, and the status with the version of HTTP.
async fn curl(place: &Path, url: &str, hook: &Hook, arguments: &[&str]) -> (i32, String) {
    let body = place.join("body");
    std::fs::write(&body, &hook.body).unwrap();
    let mut command = tokio::process::Command::new("curl");
    command
        .args(["--silent", "--show-error", "--max-time", "20", "--output"])
        .arg(place.join("answer"));
    command
        .args(["--write-out", "%{http_code} %{http_version}", "--cacert"])
        .arg(place.join("ca.pem"));
    for (name, value) in &hook.headers {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    command.arg("--data-binary").arg(format!("@{}", body.display())).args(arguments).arg(url);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|error| {
        panic!("cannot run curl: {error}. This test needs it: install it (`apt-get install curl`)")
    });
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn a_delivery_by_curl_is_published() {
    let (nats, place) = (NatsServer::start(), Place::new());
    let daemon = Daemon::with(&nats, &place.config("")).await;
    let url = format!("https://localhost:{}/hooks/gitea", daemon.hooks.port());
    let versions: [(&[&str], &str); 5] = [
        (&["--tls-max", "1.2", "--http1.1"], "202 1.1"),
        (&["--tlsv1.3", "--http1.1"], "202 1.1"),
        (&["--tls-max", "1.2", "--http2"], "202 2"),
        (&["--tlsv1.3", "--http2"], "202 2"),
        (&["--no-alpn"], "202 1.1"),
    ];
    for (number, (arguments, answer)) in versions.iter().enumerate() {
        let (code, said) = curl(place.dir.path(), &url, &hook(0, number), arguments).await;
        assert_eq!((code, said.as_str()), (0, *answer), "{arguments:?}");
    }
    assert_eq!(stored(&nats).await.len(), versions.len());
}

#[tokio::test]
async fn with_a_client_ca_a_sender_without_its_certificate_publishes_nothing() {
    let (nats, place) = (NatsServer::start(), Place::new());
    let ca = format!("tls_client_ca_file = \"{}\"", place.path("senders.pem"));
    let daemon = Daemon::with(&nats, &place.config(&ca)).await;
    let url = format!("https://localhost:{}/hooks/gitea", daemon.hooks.port());
    let (code, said) = curl(place.dir.path(), &url, &hook(0, 0), &[]).await;
    assert_ne!(code, 0, "{said}");
    daemon.logged("The TLS handshake failed.").await;
    let issued = place.senders.issue();
    std::fs::write(place.path("sender.pem"), issued.certificate + &issued.key).unwrap();
    let shown = ["--cert", &place.path("sender.pem")];
    let (code, said) = curl(place.dir.path(), &url, &hook(0, 1), &shown).await;
    assert_eq!((code, said.get(..3)), (0, Some("202")));
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn forgewire_send_delivers_to_whom_the_ca_file_vouches_for() {
    let (nats, place) = (NatsServer::start(), Place::new());
    let daemon = Daemon::with(&nats, &place.config("")).await;
    std::fs::write(place.path("secret"), SECRET).unwrap();
    let url = format!("https://localhost:{}/hooks/gitea", daemon.hooks.port());
    let send = |ca: &str| {
        let arguments = ["--kind", "gitea", "--url", &url, "--secret-file", &place.path("secret")]
            .map(str::to_owned);
        let ca = place.path(ca);
        tokio::task::spawn_blocking(move || {
            let mut all = vec!["send", "push", "--ca-file", &ca];
            all.extend(arguments.iter().map(String::as_str));
            run(&all)
        })
    };
    let (code, out, err) = send("ca.pem").await.unwrap();
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("202 Accepted"), "{out}");
    let (code, _, err) = send("senders.pem").await.unwrap();
    assert_eq!(code, 69, "{err}");
    assert!(err.contains("UnknownIssuer"), "{err}");
    for (name, text, says) in [
        ("none.pem", "", "none.pem holds no certificate"),
        (
            "odd.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "odd.pem holds something that is no certificate",
        ),
        ("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", "cut.pem is no PEM"),
    ] {
        std::fs::write(place.path(name), text).unwrap();
        let (code, _, err) = send(name).await.unwrap();
        assert_ne!(code, 0);
        assert!(err.contains(says), "{err}");
    }
    let (_, _, err) = send("absent.pem").await.unwrap();
    assert!(err.contains("cannot read --ca-file") && err.contains("absent.pem"), "{err}");
}

/// Sends like Go's client until the port is closed; gives the ids that were answered 202.
async fn client(
    tls: crate::support::tls::Tls,
    hooks: std::net::SocketAddr,
    number: usize,
    answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let (mut kept, mut connection) = (Vec::new(), None);
    for n in 0.. {
        let mut open = match connection.take() {
            Some(open) => open,
            // The listener is closed: nothing is sent, so nothing is lost.
            None => match tls.connect(hooks).await {
                Ok(stream) => Connection::over(stream).await.unwrap(),
                Err(_) => break,
            },
        };
        let answer = open.deliver("/hooks/gitea", &hook(number, n)).await.expect("an answer");
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        answered.fetch_add(1, Ordering::Relaxed);
        kept.push(format!("gitea:{number}-{n}"));
        if answer.headers.get("connection").is_none_or(|value| value != "close") {
            connection = Some(open);
        }
    }
    kept
}

/// The same over HTTP/2. What the server did not take, because it goes, is sent on another connection; nothing
/// else twice.
async fn client_h2(
    tls: crate::support::tls::Tls,
    hooks: std::net::SocketAddr,
    number: usize,
    answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let (mut kept, mut next) = (Vec::new(), 0);
    while let Ok(stream) = tls.connect(hooks).await {
        let io = TokioIo::new(stream);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        loop {
            let id = format!("gitea:{number}-{next}");
            let request = over_h2(&hook(number, next));
            let response = match sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut error) => {
                    let unsent_yet = error.take_message().is_some();
                    let error = error.into_error();
                    assert!(unsent_yet || was_not_taken(&error), "{id} is lost: {error:?}");
                    break;
                }
            };
            assert_eq!(response.status(), 202);
            response.into_body().collect().await.unwrap();
            answered.fetch_add(1, Ordering::Relaxed);
            kept.push(id);
            next += 1;
            if sender.ready().await.is_err() {
                break;
            }
        }
    }
    kept
}

fn over_h2(hook: &Hook) -> Request<Full<Bytes>> {
    let mut request = Request::post("https://localhost/hooks/gitea");
    for (name, value) in &hook.headers {
        request = request.header(name, value);
    }
    request.body(Full::from(hook.body.clone())).unwrap()
}

async fn loses_nothing_when_the_daemon_stops(alpn: &'static [&'static str]) {
    let (nats, place) = (NatsServer::start(), Place::new());
    let config = place.config("drain = \"700ms\"\nstop_timeout = \"10s\"");
    let mut daemon = Daemon::with(&nats, &config).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for n in 0..8 {
        let tls = place.ca.client().offering(alpn);
        if alpn == ["h2"] {
            clients.spawn(client_h2(tls, daemon.hooks, n, Arc::clone(&answered)));
        } else {
            clients.spawn(client(tls, daemon.hooks, n, Arc::clone(&answered)));
        }
    }
    crate::support::eventually("the load runs", || async {
        (answered.load(Ordering::Relaxed) > 200).then_some(())
    })
    .await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let kept: BTreeSet<_> = clients.join_all().await.into_iter().flatten().collect();
    let stored: BTreeSet<_> =
        stored(&nats).await.into_iter().map(|m| m.headers["Nats-Msg-Id"].clone()).collect();
    assert_eq!(stored, kept, "202 means stored, and nothing else was");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_shown_without_a_restart_and_a_bad_one_never() {
    let (nats, mut place) = (NatsServer::start(), Place::new());
    let daemon = Daemon::with(&nats, &(place.config("[reload]\npoll = \"50ms\""))).await;
    let url = format!("https://localhost:{}/hooks/gitea", daemon.hooks.port());
    let deliver =
        async |place: &Place, number| curl(place.dir.path(), &url, &hook(0, number), &[]).await;
    assert_eq!(deliver(&place, 0).await.0, 0);
    // Half of it: the key belongs to no certificate until the other file has come.
    place.ca = Ca::new();
    let issued = place.ca.issue();
    std::fs::write(place.path("key.pem"), &issued.key).unwrap();
    let refused = "The new configuration is refused, and the old one stays in force.";
    daemon.logged_times(refused, 1).await;
    let reason = daemon.logged(refused).await["error"].to_string();
    assert!(reason.contains("does not belong to the first certificate"), "{reason}");
    assert_eq!(deliver(&place, 1).await.0, 0, "the old one is still shown");
    std::fs::write(place.path("cert.pem"), issued.certificate).unwrap();
    daemon.logged_times("Configuration reloaded.", 1).await;
    assert_eq!(deliver(&place, 2).await.0, 60, "curl knows only the old CA");
    std::fs::write(place.path("ca.pem"), place.ca.pem()).unwrap();
    assert_eq!(deliver(&place, 3).await, (0, "202 2".to_owned()));
    assert_eq!(stored(&nats).await.len(), 3);
}

#[tokio::test]
async fn a_client_that_never_sends_twice_loses_nothing_when_the_daemon_stops() {
    loses_nothing_when_the_daemon_stops(&["http/1.1"]).await;
}

#[tokio::test]
async fn a_client_of_http_2_loses_nothing_when_the_daemon_stops() {
    loses_nothing_when_the_daemon_stops(&["h2"]).await;
}
