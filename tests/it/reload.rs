//! A newer configuration in the running daemon: taken whole or refused whole, and nobody notices but by what it says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::daemon::{Daemon, stored};
use crate::support::hook::{Hook, push_in, sha};
use crate::support::http::{Connection, deliver};
use crate::support::nats::NatsServer;
use crate::support::{eventually, http};

const OLD: &str = "the secret of last year";
const NEW: &str = "the secret of this year";
const RELOADED: &str = "Configuration reloaded.";
const REFUSED: &str = "The new configuration is refused, and the old one stays in force.";

fn hook(id: &str, secret: &str) -> Hook {
    let body = push_in("acme", "widgets", 1, "main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), id, secret, &body)
}

async fn status(daemon: &Daemon, id: &str, secret: &str) -> u16 {
    deliver(daemon.hooks, "/hooks/gitea", &hook(id, secret)).await.status.as_u16()
}

/// A source with these secrets, by id.
fn source(secrets: &[(&str, &str)]) -> String {
    let items = secrets.iter().map(|(id, text)| format!("{{ id = \"{id}\", text = \"{text}\" }}"));
    let items: Vec<_> = items.collect();
    format!("[sources.gitea]\nkind = \"gitea\"\nsecrets = [{}]\n", items.join(", "))
}

async fn reload(daemon: &Daemon, config: &str, times: usize) {
    std::fs::write(daemon.config(), config).unwrap();
    daemon.signal(Signal::HUP);
    daemon.logged_times(RELOADED, times).await;
}

#[tokio::test]
async fn sighup_swaps_sources_and_secrets() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &source(&[("old", OLD)])).await;
    let forgejo = "[sources.forgejo]\nkind = \"forgejo\"\nsecret = \"sixteen bytes and more\"\n";
    reload(&daemon, &format!("{}{forgejo}", source(&[("new", NEW)])), 1).await;
    assert_eq!(status(&daemon, "a", OLD).await, 401);
    assert_eq!(status(&daemon, "b", NEW).await, 202);
    assert_eq!(http::request(daemon.hooks, "POST", "/hooks/forgejo", &[], b"").await.status, 401);
    assert_eq!(stored(&nats).await[0].body["delivery"]["secret"], "new");
    let reloaded = daemon.logged(RELOADED).await;
    assert_eq!((&reloaded["sources"], &reloaded["secrets"]), (&2.into(), &2.into()));
    reload(&daemon, &source(&[("new", NEW)]), 2).await;
    assert_eq!(http::request(daemon.hooks, "POST", "/hooks/forgejo", &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_its_reason_and_the_old_one_stays() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &source(&[("old", OLD)])).await;
    for (number, (bad, reason)) in [
        ("[sources.gitea]\nkind = \"gitae\"\n", "must be one of gitea"),
        ("[sources.gitea]\nkind = \"gitea\"\n", "needs a secret"),
        ("[sources.gitea\n", "not valid TOML"),
        ("", "no source is configured"),
        ("[sources.gitea]\nkind = \"gitea\"\nsecret_file = \"nowhere\"\n", "names no file"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(daemon.config(), bad).unwrap();
        daemon.signal(Signal::HUP);
        daemon.logged_times(REFUSED, number + 1).await;
        let said = daemon.logged(REFUSED).await["error"].to_string();
        assert!(said.contains(reason), "{bad:?}: {said}");
        assert_eq!(status(&daemon, &format!("d{number}"), OLD).await, 202, "{bad:?}");
    }
    std::fs::remove_file(daemon.config()).unwrap();
    daemon.signal(Signal::HUP);
    daemon.logged_times(REFUSED, 6).await;
    assert!(daemon.logged(REFUSED).await["error"].to_string().contains("does not exist"));
    reload(&daemon, &source(&[("new", NEW)]), 1).await;
    assert_eq!(status(&daemon, "e", NEW).await, 202);
}

#[tokio::test]
async fn a_request_in_flight_keeps_the_configuration_that_it_began_with() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &source(&[("old", OLD)])).await;
    let hook = hook("in-flight", OLD);
    let mut stream = TcpStream::connect(daemon.hooks).await.unwrap();
    let sent = hook.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let head = format!(
        "POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        sent.collect::<String>(),
        hook.body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Who is told to go on has been met by the handler.
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    reload(&daemon, &source(&[("new", NEW)]), 1).await;
    assert_eq!(status(&daemon, "after", OLD).await, 401);
    stream.write_all(&hook.body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

#[tokio::test]
async fn a_secret_file_that_changes_is_read_again_without_a_signal() {
    let nats = NatsServer::start();
    let dir = tempfile::tempdir().unwrap();
    // As Kubernetes mounts secrets: the name leads through a link that is replaced.
    for (version, secret) in [("v1", OLD), ("v2", NEW)] {
        std::fs::create_dir(dir.path().join(version)).unwrap();
        std::fs::write(dir.path().join(version).join("gitea"), secret).unwrap();
    }
    let (data, next) = (dir.path().join("..data"), dir.path().join("..next"));
    std::os::unix::fs::symlink("v1", &data).unwrap();
    let config = format!(
        "[reload]\npoll = \"50ms\"\n[sources.gitea]\nkind = \"gitea\"\nsecret_file = \"{}\"\n",
        data.join("gitea").display()
    );
    let daemon = Daemon::with(&nats, &config).await;
    assert_eq!(status(&daemon, "a", OLD).await, 202);
    std::os::unix::fs::symlink("v2", &next).unwrap();
    std::fs::rename(&next, &data).unwrap();
    daemon.logged_times(RELOADED, 1).await;
    assert_eq!(daemon.logged("Reloading the configuration.").await["why"], "a file has changed");
    assert_eq!(status(&daemon, "b", NEW).await, 202);
    assert_eq!(status(&daemon, "c", OLD).await, 401);
    // What it must not become is refused once, and not at every look.
    std::fs::write(data.join("gitea"), "short").unwrap();
    daemon.logged_times(REFUSED, 1).await;
    assert_eq!(status(&daemon, "d", NEW).await, 202);
    std::fs::write(data.join("gitea"), OLD).unwrap();
    daemon.logged_times(RELOADED, 2).await;
    assert_eq!(status(&daemon, "e", OLD).await, 202);
    assert_eq!(daemon.log().iter().filter(|line| line.contains(REFUSED)).count(), 1);
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_stays_as_it_was() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &source(&[("old", OLD)])).await;
    let other = "[stream]\nsubject_prefix = \"other\"\n[http]\nmax_body_bytes = 1_024\n[log]\nfilter = \"debug\"\n";
    reload(&daemon, &format!("{other}{}", source(&[("new", NEW)])), 1).await;
    let said =
        daemon.logged("These settings differ in the new configuration and need a restart.").await;
    assert_eq!(said["keys"], "http.max_body_bytes, stream.subject_prefix");
    assert_eq!(status(&daemon, "a", NEW).await, 202);
    assert!(stored(&nats).await[0].subject.starts_with("forge.gitea.acme.widgets."));
}

#[tokio::test]
async fn the_log_filter_is_changed_without_a_restart() {
    let nats = NatsServer::start();
    let source = source(&[("old", OLD)]);
    let quiet = |filter: &str| format!("[log]\nfilter = \"{filter}\"\n{source}");
    // The variable that the tests set would win over the file.
    let daemon = Daemon::without_filter(&nats, &quiet("info")).await;
    assert_eq!(status(&daemon, "quiet", OLD).await, 202);
    reload(&daemon, &quiet("debug"), 1).await;
    assert_eq!(status(&daemon, "loud", OLD).await, 202);
    daemon.logged("Delivery stored.").await;
    let log = daemon.log().join("\n");
    assert!(log.contains("\"loud\"") && !log.contains("\"quiet\""), "{log}");
    assert!(!log.contains("need a restart"), "{log}");
}

/// Delivers all the time, over one connection, with the secret that the forge has at that moment.
async fn forge(
    hooks: SocketAddr,
    number: usize,
    renewed: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
) -> usize {
    let mut connection = Connection::open(hooks).await.unwrap();
    let mut refused = 0;
    while !over.load(Ordering::Relaxed) {
        let secret = if renewed.load(Ordering::Relaxed) { NEW } else { OLD };
        let id = format!("{number}-{}", sent.fetch_add(1, Ordering::Relaxed));
        let answer = connection.deliver("/hooks/gitea", &hook(&id, secret)).await.unwrap();
        refused += usize::from(answer.status != 202);
    }
    refused
}

async fn more_sent(sent: &AtomicUsize) {
    let before = sent.load(Ordering::Relaxed);
    eventually("deliveries go on", || async {
        (sent.load(Ordering::Relaxed) > before + 50).then_some(())
    })
    .await;
}

/// The guide in the README, step by step, under load.
#[tokio::test]
async fn a_secret_is_rotated_without_one_refused_delivery() {
    let nats = NatsServer::start();
    let both = source(&[("2025", OLD), ("2026", NEW)]);
    let daemon = Daemon::with(&nats, &source(&[("2025", OLD)])).await;
    let (renewed, over, sent) =
        (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let forges: Vec<_> = (0..4)
        .map(|number| {
            let (renewed, over, sent) =
                (Arc::clone(&renewed), Arc::clone(&over), Arc::clone(&sent));
            tokio::spawn(forge(daemon.hooks, number, renewed, over, sent))
        })
        .collect();
    more_sent(&sent).await;
    // 1: the new one beside the old one.
    reload(&daemon, &both, 1).await;
    more_sent(&sent).await;
    // 2: at the forge.
    renewed.store(true, Ordering::Relaxed);
    // 3: the log names the new one, and the events do.
    eventually("the new secret is used", || async {
        let named = |line: &String| line.contains("Secret used.") && line.contains("2026");
        daemon.log().iter().any(named).then_some(())
    })
    .await;
    more_sent(&sent).await;
    // 4: the old one goes.
    reload(&daemon, &source(&[("2026", NEW)]), 2).await;
    more_sent(&sent).await;
    over.store(true, Ordering::Relaxed);
    for forge in forges {
        assert_eq!(forge.await.unwrap(), 0, "refused");
    }
    assert_eq!(status(&daemon, "late", OLD).await, 401);
    let stored = stored(&nats).await;
    let last_old = stored.iter().rposition(|event| event.body["delivery"]["secret"] == "2025");
    let first_new = stored.iter().position(|event| event.body["delivery"]["secret"] == "2026");
    assert!(last_old.is_some() && first_new.is_some());
}

#[tokio::test]
async fn reloads_under_load_refuse_nobody() {
    let nats = NatsServer::start();
    let config = source(&[("2025", OLD)]);
    let daemon = Daemon::with(&nats, &config).await;
    let (over, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let load = forge(daemon.hooks, 0, Arc::default(), Arc::clone(&over), Arc::clone(&sent));
    let load = tokio::spawn(load);
    for times in 1..=20 {
        reload(&daemon, &config, times).await;
    }
    more_sent(&sent).await;
    over.store(true, Ordering::Relaxed);
    assert_eq!(load.await.unwrap(), 0, "refused");
}
