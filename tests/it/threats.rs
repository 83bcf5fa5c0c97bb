//! The lines of the threat model in SECURITY.md that no other test is about.

use crate::support::daemon::{Daemon, stored};
use crate::support::hook::{Hook, push, sha};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;

const ONE: &str = "the secret of the first source";
const TWO: &str = "the secret of the second source";

fn two_sources() -> String {
    let source = |name: &str, secret: &str| {
        format!("[sources.{name}]\nkind = \"gitea\"\nsecret = \"{secret}\"\n")
    };
    source("one", ONE) + &source("two", TWO)
}

fn hook(id: &str, event: &str, secret: &str) -> Hook {
    let body = push("main", &sha('1'), &sha('2'));
    Hook::new("gitea", event, Some(event), id, secret, &body)
}

#[tokio::test]
async fn a_replay_keeps_its_digest_whatever_its_headers_say() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &two_sources()).await;
    for (id, event) in [("heard", "push"), ("again", "push"), ("renamed", "pull_request")] {
        let answer = deliver(daemon.hooks, "/hooks/one", &hook(id, event, ONE)).await;
        assert_eq!(answer.status, 202, "{id}");
    }
    let stored = stored(&nats).await;
    let digests: Vec<_> = stored.iter().map(|event| &event.headers["Forgewire-Digest"]).collect();
    assert_eq!(digests, [digests[0]; 3]);
    let subjects: Vec<_> = stored.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects[0], "forge.one.acme.widgets.push.updated.main");
    assert_eq!(subjects[1], subjects[0]);
    assert!(subjects[2].contains(".unrecognized."), "{subjects:?}");
    assert_eq!(stored[2].body["data"]["reason"], "event_mismatch");
}

#[tokio::test]
async fn a_secret_opens_no_other_source() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &two_sources()).await;
    for (path, secret, status) in
        [("/hooks/two", ONE, 401), ("/hooks/one", TWO, 401), ("/hooks/one", ONE, 202)]
    {
        let answer = deliver(daemon.hooks, path, &hook("a", "push", secret)).await;
        assert_eq!(answer.status, status, "{path} {secret}");
    }
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn the_same_repository_of_two_sources_is_two_subjects_and_ids() {
    let nats = NatsServer::start();
    let daemon = Daemon::with(&nats, &two_sources()).await;
    for (path, secret) in [("/hooks/one", ONE), ("/hooks/two", TWO)] {
        let answer = deliver(daemon.hooks, path, &hook("a", "push", secret)).await;
        assert_eq!(answer.status, 202, "{path}");
    }
    let stored = stored(&nats).await;
    let of = |key: &str| stored.iter().map(|event| event.headers[key].as_str()).collect::<Vec<_>>();
    assert_eq!(of("Nats-Msg-Id"), ["one:a", "two:a"]);
    assert_eq!(of("ce-source"), ["urn:forgewire:one", "urn:forgewire:two"]);
    assert_eq!(stored[1].subject, "forge.two.acme.widgets.push.updated.main");
}
