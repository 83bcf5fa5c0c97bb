//! What the daemon may not do at NATS: said at once and by name, and not by a time-out.

use crate::nats_auth::{configured, publishes};
use crate::support::daemon::Daemon;
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;

/// What the log says of a missing permission.
const DENIED: &str = "NATS denies a permission: allow it to our user.";
/// Everything that a daemon with its defaults publishes to.
const ALL: &str = "forge.>, $JS.API.STREAM.*.FORGE, $JS.API.STREAM.*.OBJ_FORGE_LARGE, $JS.API.STREAM.MSG.GET.OBJ_FORGE_LARGE, $O.FORGE_LARGE.>";

fn rights(publish: &str, subscribe: &str) -> String {
    let list = |subjects: &str| {
        let quoted: Vec<_> = subjects.split(", ").map(|subject| format!("\"{subject}\"")).collect();
        quoted.join(", ")
    };
    format!(
        "authorization {{ users = [ {{ user: u, password: p, permissions: {{ publish: {{ allow: [{}] }}, subscribe: {{ allow: [{}] }} }} }} ] }}",
        list(publish),
        list(subscribe)
    )
}

fn settings(more: &str) -> String {
    configured(&format!("user = \"u\"\npassword = \"p\"\ninbox_prefix = \"_INBOX_fw\"\n{more}"))
}

fn large(id: &str) -> Hook {
    let mut body = push("main", &sha('1'), &sha('2'));
    let end = body.pop().unwrap();
    body.extend_from_slice(format!(",\"more\":\"{}\"", "x".repeat(1_000_000)).as_bytes());
    body.push(end);
    Hook::new("gitea", "push", Some("push"), id, SECRET, &body)
}

/// Waits until the log says that this is denied, and that no request had to time out before it was known.
async fn denies(daemon: &Daemon, operation: &str, subject: &str) {
    eventually(subject, || async {
        let log = daemon.log();
        let line = log.iter().position(|line| {
            line.contains(DENIED)
                && line.contains(&format!("\"operation\":\"{operation}\""))
                && line.contains(&format!("\"subject\":\"{subject}"))
        })?;
        let late = log[..line].iter().any(|line| line.contains("no answer in time"));
        assert!(!late, "{log:#?}");
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_daemon_with_no_other_rights_than_it_needs_does_all_its_work() {
    let nats = NatsServer::configured(&rights(ALL, "_INBOX_fw.>"), "");
    let daemon = Daemon::with(&nats, &settings("")).await;
    publishes(&daemon, "r-1").await;
    let answer = deliver(daemon.hooks, "/hooks/gitea", &large("r-2")).await;
    assert_eq!(answer.json()["status"], "published", "{:?}", daemon.log());
    assert!(!daemon.log().iter().any(|line| line.contains(DENIED)), "{:#?}", daemon.log());
}

#[tokio::test]
async fn a_missing_right_to_an_api_is_said_by_name_before_any_time_out() {
    for (publish, denied) in [
        ("forge.>", "$JS.API.STREAM.INFO.FORGE"),
        ("forge.>, $JS.API.STREAM.INFO.FORGE", "$JS.API.STREAM.CREATE.FORGE"),
        ("forge.>, $JS.API.STREAM.*.FORGE", "$JS.API.STREAM.INFO.OBJ_FORGE_LARGE"),
        (
            "forge.>, $JS.API.STREAM.*.FORGE, $JS.API.STREAM.INFO.OBJ_FORGE_LARGE",
            "$JS.API.STREAM.CREATE.OBJ_FORGE_LARGE",
        ),
    ] {
        let nats = NatsServer::configured(&rights(publish, "_INBOX_fw.>"), "");
        let daemon = Daemon::unready(&nats.url, &settings(""), &[]).await;
        denies(&daemon, "publish", denied).await;
        let line = daemon.logged("Stream cannot be used.").await;
        assert_eq!(line["error"], format!("NATS denies the permission to publish to {denied}"));
        assert!(!daemon.log().iter().any(|line| line.contains("no answer in time")));
    }
}

#[tokio::test]
async fn a_missing_right_to_publish_or_to_write_objects_is_said_by_name() {
    let small = push("main", &sha('1'), &sha('2'));
    let small = Hook::new("gitea", "push", Some("push"), "d", SECRET, &small);
    for (right, hook, denied) in [
        ("forge.>, ", small, "forge.gitea."),
        (", $O.FORGE_LARGE.>", large("o"), "$O.FORGE_LARGE.C."),
    ] {
        let nats = NatsServer::configured(&rights(&ALL.replace(right, ""), "_INBOX_fw.>"), "");
        let daemon = Daemon::with(&nats, &settings("")).await;
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (202, &"spooled".into()));
        denies(&daemon, "publish", denied).await;
        let line = daemon.logged("JetStream does not take events; they go to the spool.").await;
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("permission to publish to {denied}")), "{line}");
    }
}

#[tokio::test]
async fn an_inbox_that_may_not_be_heard_is_said_by_name_and_heard_once_it_may() {
    let nats = NatsServer::configured(&rights(ALL, "_INBOX_other.>"), "");
    let daemon = Daemon::unready(&nats.url, &settings(""), &[]).await;
    denies(&daemon, "subscribe", "_INBOX_fw.").await;
    let line = daemon.logged("Stream cannot be used.").await;
    let error = line["error"].as_str().unwrap();
    assert!(
        error.contains("subscribe to _INBOX_fw.") && error.contains("nats.inbox_prefix"),
        "{line}"
    );
    let hook =
        Hook::new("gitea", "push", Some("push"), "i", SECRET, &push("main", &sha('1'), &sha('2')));
    let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (202, &"spooled".into()));
    nats.configure(&rights(ALL, "_INBOX_fw.>"));
    daemon.ready().await;
    daemon.logged("The spool is empty: everything that was in it is published or set aside.").await;
    publishes(&daemon, "i-2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_by_the_domain_or_prefix_that_is_configured() {
    let nats = NatsServer::configured("", "domain: hub");
    // Nothing answers under another name, so what is answered was asked as configured.
    for (n, setting) in ["domain = \"hub\"", "api_prefix = \"$JS.hub.API\""].iter().enumerate() {
        let daemon = Daemon::with(&nats, &configured(setting)).await;
        publishes(&daemon, &format!("j-{n}")).await;
        let answer = deliver(daemon.hooks, "/hooks/gitea", &large(&format!("l-{n}"))).await;
        assert_eq!(answer.json()["status"], "published", "{:?}", daemon.log());
    }
    let daemon = Daemon::unready(&nats.url, &configured("domain = \"other\""), &[]).await;
    let line = daemon.logged("Stream cannot be used.").await;
    assert!(line["error"].as_str().unwrap().contains("$JS.other.API.STREAM.INFO.FORGE"), "{line}");
    let home = tempfile::tempdir().unwrap();
    let tail = |domain: &'static str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forgewire"));
        command.args(["tail", "--all", "--count", "2", "--json", "--nats", &nats.url]);
        let output = command.args(["--domain", domain]).env("HOME", home.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, out) = tokio::task::block_in_place(|| tail("hub"));
    assert!(code == Some(0) && out.contains("gitea:j-0") && out.contains("xxxx"), "{out:.300}");
    assert_eq!(tokio::task::block_in_place(|| tail("other")).0, Some(69));
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_ends_with_the_name_of_a_permission_that_it_lacks() {
    let nats = NatsServer::configured(&rights(ALL, "_INBOX_fw.>"), "");
    let daemon = Daemon::with(&nats, &settings("")).await;
    publishes(&daemon, "t-1").await;
    let home = tempfile::tempdir().unwrap();
    let url = nats.url.replace("//", "//u:p@");
    let tail = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forgewire"));
        command.args(["tail", "--all", "--count", "1", "--nats", &url]).args(more);
        let output = command.env("HOME", home.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(69));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = tail(&[]);
    assert!(
        said.contains("permission to subscribe to _INBOX.") && said.contains("--inbox-prefix"),
        "{said}"
    );
    let said = tail(&["--inbox-prefix", "_INBOX_fw"]);
    assert!(said.contains("permission to publish to $JS.API.CONSUMER.CREATE.FORGE"), "{said}");
}
