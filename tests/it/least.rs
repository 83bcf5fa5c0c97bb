//! Least privilege: real servers take the rights that `forgewire permissions` prints; with them the daemon and a
//! subscriber do their work, and whatever else a subscriber tries is refused by permission.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::{self, consumer::PullConsumer};
use async_nats::{Client, ConnectOptions, Event};
use futures_util::StreamExt as _;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::nats_auth::{configured, publishes};
use crate::support::daemon::Daemon;
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::deliver;
use crate::support::nats::{NatsServer, usual};

const FILTER: &str = "forge.gitea.acme.widgets.push.*.main";
const MAIN: &str = "forge.gitea.acme.widgets.push.updated.main";
const DENIED: &str = "NATS denies a permission: allow it to our user.";
/// What the daemon is told of NATS.
const OURS: &str = "user = \"bridge\"\npassword = \"p\"\ninbox_prefix = \"_INBOX_fw\"\n";

/// The server that tests run, and the newest one that `make nats-newest` has fetched; says so where there is none.
#[expect(clippy::print_stderr, reason = "what was not tried must be seen")]
pub(crate) fn servers() -> Vec<OsString> {
    let mut servers = vec![usual()];
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/nats");
    let versions = std::fs::read_dir(&fetched).into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("usr/sbin/nats-server"));
    match programs.filter(|program| program.exists()).max_by_key(|program| version(program)) {
        Some(newest) => servers.push(newest.into_os_string()),
        None => eprintln!(
            "no newest nats-server below {}: only {} was tried; `make nats-newest` fetches it",
            fetched.display(),
            servers[0].display()
        ),
    }
    servers
}

pub(crate) fn version(program: &Path) -> Vec<u32> {
    let output = Command::new(program).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = text.trim().rsplit('v').next().unwrap().split(['.', '-']);
    numbers.map_while(|part| part.parse().ok()).collect()
}

/// Runs forgewire with nothing said from outside.
fn forgewire(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forgewire"));
    command.args(arguments).env("HOME", home.path()).env("XDG_STATE_HOME", home.path());
    for name in ["FORGEWIRE_CONFIG", "NATS_URL", "NATS_USER", "NATS_PASSWORD", "NATS_CREDS"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = forgewire(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    text(output.stdout)
}

/// The rights of a daemon that is told [`OURS`].
fn bridge(more: &[&str]) -> String {
    let sets = ["--set", "nats.user=bridge", "--set", "nats.inbox_prefix=_INBOX_fw"];
    printed(&[&["permissions", "bridge"], &sets[..], more].concat())
}

fn subscriber(filter: &str, name: &str, more: &[&str]) -> String {
    printed(&[&["permissions", "subscriber", "--filter", filter, "--bind", name], more].concat())
}

/// A server with these users beside its administrator, who all have the password `p`.
fn server_of(program: &OsString, users: &[String]) -> NatsServer {
    let users = users.join("\n");
    // A variable that nothing uses is an unknown setting.
    let used = ["BRIDGE", "CI", "OTHER"].map(|name| format!("{name}_PASSWORD"));
    let used = used.into_iter().filter(|variable| users.contains(&format!("${variable} ")));
    let passwords: Vec<_> = used.map(|variable| format!("{variable} = p\n")).collect();
    let admin = "{ user: admin, password: p }";
    let text = format!("{}authorization {{ users = [ {admin}\n{users} ] }}", passwords.concat());
    NatsServer::configured_by(program, &text, "")
}

fn large(id: &str) -> Hook {
    let mut body = push("main", &sha('1'), &sha('2'));
    let end = body.pop().unwrap();
    body.extend_from_slice(format!(",\"more\":\"{}\"", "x".repeat(1_000_000)).as_bytes());
    body.push(end);
    Hook::new("gitea", "push", Some("push"), id, SECRET, &body)
}

fn on(branch: &str, id: &str) -> Hook {
    Hook::new("gitea", "push", Some("push"), id, SECRET, &push(branch, &sha('1'), &sha('2')))
}

async fn published(daemon: &Daemon, hook: Hook) {
    let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
    assert_eq!(answer.json()["status"], "published", "{:?}", daemon.log());
}

/// A client, and what the server says to it of its own accord.
struct User {
    client: Client,
    said: Arc<Mutex<Vec<String>>>,
}

impl User {
    async fn connect(nats: &NatsServer, options: ConnectOptions) -> Self {
        let said = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&said);
        let options = options.event_callback(move |event| {
            if let Event::ServerError(error) = event {
                kept.lock().unwrap().push(error.to_string());
            }
            std::future::ready(())
        });
        Self { client: options.connect(&nats.url).await.unwrap(), said }
    }

    /// One with the password `p`, whose replies come by this prefix.
    async fn named(nats: &NatsServer, name: &str, inbox: &str) -> Self {
        let options = ConnectOptions::with_user_and_password(name.into(), "p".into());
        Self::connect(nats, options.custom_inbox_prefix(inbox)).await
    }

    async fn admin(nats: &NatsServer) -> jetstream::Context {
        jetstream::new(Self::named(nats, "admin", "_INBOX_admin").await.client)
    }

    /// Waits until the server has said that it denies this.
    async fn denied(&self, operation: &str, subject: &str) {
        let words =
            format!("permissions violation for {operation} to \"{subject}\"").to_lowercase();
        eventually(&words, || async {
            let said = self.said.lock().unwrap();
            said.iter().any(|line| line.to_lowercase().contains(&words)).then_some(())
        })
        .await;
    }

    async fn may_not_publish(&self, subject: &str, body: Value) {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.unwrap();
        let payload = body.to_string().into();
        self.client.publish_with_reply(subject.to_owned(), inbox, payload).await.unwrap();
        self.denied("publish", subject).await;
        let answer = tokio::time::timeout(Duration::from_millis(1), answers.next()).await;
        assert!(answer.is_err(), "{subject}: {answer:?}");
    }

    async fn may_not_hear(&self, subject: &str) {
        let _subscription = self.client.subscribe(subject.to_owned()).await.unwrap();
        self.denied("subscription", subject).await;
    }

    async fn consumer(&self, name: &str) -> PullConsumer {
        let jetstream = jetstream::new(self.client.clone());
        jetstream.get_consumer_from_stream(name, "FORGE").await.unwrap()
    }
}

/// Makes a consumer as the administrator does.
fn add(nats: &NatsServer, name: &str, filter: &str, more: &[&str]) -> Output {
    let url = nats.url.replace("//", "//admin:p@");
    forgewire(&[&["consumer", "add", name, "--filter", filter, "--nats", &url], more].concat())
}

fn added(nats: &NatsServer, name: &str, filter: &str) {
    let output = add(nats, name, filter, &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(output.stdout), format!("Consumer {name} of FORGE is made.\n"));
}

/// Reads and acknowledges what there is, as a subscriber, and gives the subjects.
async fn read(consumer: &PullConsumer) -> Vec<String> {
    let expires = Duration::from_secs(5);
    let mut subjects = Vec::new();
    let pending = consumer.clone().info().await.unwrap().num_pending;
    for _ in 0..pending {
        let mut batch = consumer.fetch().max_messages(1).expires(expires).messages().await.unwrap();
        let message = batch.next().await.expect("a message comes").unwrap();
        message.double_ack().await.unwrap();
        subjects.push(message.subject.to_string());
    }
    subjects
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_does_all_its_work_with_the_printed_rights() {
    for program in servers() {
        // The whole account, as it is printed.
        let text = format!("BRIDGE_PASSWORD = p\n{}", bridge(&["--account", "FORGE"]));
        let mut nats = NatsServer::configured_by(&program, &text, "");
        let daemon = Daemon::with(&nats, &configured(OURS)).await;
        publishes(&daemon, "a").await;
        published(&daemon, large("b")).await;
        // Written again: what is there already is looked at.
        published(&daemon, large("c")).await;
        nats.stop();
        for hook in [on("main", "d"), large("e")] {
            let answer = deliver(daemon.hooks, "/hooks/gitea", &hook).await;
            assert_eq!(answer.json()["status"], "spooled", "{:?}", daemon.log());
        }
        nats.restart();
        daemon
            .logged("The spool is empty: everything that was in it is published or set aside.")
            .await;
        drop(daemon);
        // One that does not manage its stream has fewer.
        let fewer = bridge(&["--account", "FORGE", "--set", "stream.manage=false"]);
        assert!(!fewer.contains("CREATE") && !fewer.contains("UPDATE"), "{fewer}");
        nats.configure(&format!("BRIDGE_PASSWORD = p\n{fewer}"));
        let daemon = configured(OURS) + "[stream]\nmanage = false\n";
        let daemon = Daemon::with(&nats, &daemon).await;
        published(&daemon, large("f")).await;
        publishes(&daemon, "g").await;
        assert!(!daemon.log().iter().any(|line| line.contains(DENIED)), "{:#?}", daemon.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_reads_by_its_consumer_and_is_refused_everything_else() {
    for program in servers() {
        let rights =
            [bridge(&[]), subscriber(FILTER, "ci", &[]), subscriber("forge.>", "other", &[])];
        let nats = server_of(&program, &rights);
        let daemon = Daemon::with(&nats, &configured(OURS)).await;
        added(&nats, "ci", FILTER);
        added(&nats, "other", "forge.>");
        publishes(&daemon, "a").await;
        published(&daemon, on("secret", "b")).await;
        published(&daemon, large("c")).await;
        let ci = User::named(&nats, "ci", "_INBOX_ci").await;
        let consumer = ci.consumer("ci").await;
        assert_eq!(read(&consumer).await, [MAIN, MAIN]);
        assert_eq!(consumer.clone().info().await.unwrap().num_ack_pending, 0);
        assert_eq!(*ci.said.lock().unwrap(), [""; 0]);

        for (subject, body) in beyond() {
            ci.may_not_publish(&subject, body).await;
        }
        for subject in [
            "forge.>",
            MAIN,
            ">",
            "_INBOX.>",
            "_INBOX_fw.>",
            "_INBOX_other.>",
            "*.>",
            "$O.>",
            "$O.FORGE_LARGE.C.>",
            "$JS.>",
            "pushed",
        ] {
            ci.may_not_hear(subject).await;
        }
        // Nothing of it has changed anything.
        let admin = User::admin(&nats).await;
        let mut stream = admin.get_stream("FORGE").await.unwrap();
        let info = stream.info().await.unwrap();
        assert_eq!((info.state.messages, info.state.consumer_count), (3, 2));
        let now: PullConsumer = stream.get_consumer("ci").await.unwrap();
        assert_eq!(now.cached_info().config.filter_subject, FILTER);
        // What it pulls to a subject of the stream is not stored there.
        published(&daemon, on("main", "d")).await;
        let (next, body) = ("$JS.API.CONSUMER.MSG.NEXT.FORGE.ci", r#"{"batch":1}"#);
        ci.client.publish_with_reply(next, MAIN, body.into()).await.unwrap();
        eventually("the message is delivered there", || async {
            let pending = consumer.clone().info().await.unwrap().num_ack_pending;
            (pending == 1).then_some(())
        })
        .await;
        assert_eq!(stream.info().await.unwrap().state.messages, 4);
        // The other one still has all to read.
        let other = User::named(&nats, "other", "_INBOX_other").await;
        assert_eq!(read(&other.consumer("other").await).await.len(), 4);
    }
}

/// What a subscriber that reads by the consumer `ci` must not be able to ask.
fn beyond() -> Vec<(String, Value)> {
    let config = |more: Value| {
        let mut config = json!({ "name": "ci", "durable_name": "ci", "ack_policy": "explicit" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "stream_name": "FORGE", "config": config })
    };
    let pull = |filter: &str| config(json!({ "filter_subject": filter }));
    let push =
        || config(json!({ "filter_subject": FILTER, "deliver_subject": "_INBOX_ci.pushed" }));
    let api = |request: &str| format!("$JS.API.{request}");
    vec![
        // By another filter, a wildcard, or the same filter under its own name.
        (api("CONSUMER.CREATE.FORGE.ci.forge.gitea.acme.widgets.push.*.secret"), pull(FILTER)),
        (api("CONSUMER.CREATE.FORGE.ci.forge.>"), pull("forge.>")),
        (api("CONSUMER.CREATE.FORGE.ci"), pull("forge.>")),
        (api("CONSUMER.CREATE.FORGE"), pull("forge.>")),
        (api(&format!("CONSUMER.CREATE.FORGE.ci.{FILTER}")), pull(FILTER)),
        (api(&format!("CONSUMER.CREATE.FORGE.mine.{FILTER}")), pull(FILTER)),
        // A push consumer.
        (api("CONSUMER.DURABLE.CREATE.FORGE.ci"), push()),
        (api("CONSUMER.CREATE.FORGE.pushed"), push()),
        // By another's consumer.
        (api("CONSUMER.INFO.FORGE.other"), json!({})),
        (api("CONSUMER.MSG.NEXT.FORGE.other"), json!({ "batch": 1 })),
        (api("CONSUMER.DELETE.FORGE.other"), json!({})),
        (api("CONSUMER.DELETE.FORGE.ci"), json!({})),
        (api("CONSUMER.NAMES.FORGE"), json!({})),
        ("$JS.ACK.FORGE.other.1.1.1.1.0".into(), json!({})),
        // From the stream.
        (api("STREAM.MSG.GET.FORGE"), json!({ "seq": 2 })),
        (api("DIRECT.GET.FORGE"), json!({ "seq": 2 })),
        (api("DIRECT.GET.FORGE.forge.gitea.acme.widgets.push.updated.secret"), json!({})),
        (api("STREAM.INFO.FORGE"), json!({})),
        (api("STREAM.PURGE.FORGE"), json!({})),
        (api("STREAM.DELETE.FORGE"), json!({})),
        (api("STREAM.CREATE.COPY"), json!({ "name": "COPY", "sources": [{ "name": "FORGE" }] })),
        // From the object store.
        (api("STREAM.INFO.OBJ_FORGE_LARGE"), json!({})),
        (api("STREAM.MSG.GET.OBJ_FORGE_LARGE"), json!({ "seq": 1 })),
        (api("DIRECT.GET.OBJ_FORGE_LARGE"), json!({ "seq": 1 })),
        (api("CONSUMER.CREATE.OBJ_FORGE_LARGE"), json!({})),
        (api("CONSUMER.CREATE.OBJ_FORGE_LARGE.x.$O.FORGE_LARGE.C.>"), json!({})),
        // As if it were the daemon, or another's reply.
        (MAIN.into(), json!({})),
        ("$O.FORGE_LARGE.C.x".into(), json!({})),
        ("_INBOX_fw.x".into(), json!({})),
        ("_INBOX_other.x".into(), json!({})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_of_large_events_reads_every_object_and_nothing_else_by_that() {
    for program in servers() {
        let key = KeyPair::new_user();
        let rights = subscriber(FILTER, "ci", &["--large", "--nkey", &key.public_key()]);
        let nats = server_of(&program, &[bridge(&[]), rights]);
        let daemon = Daemon::with(&nats, &configured(OURS)).await;
        added(&nats, "ci", FILTER);
        published(&daemon, large("a")).await;
        let options = ConnectOptions::with_nkey(key.seed().unwrap());
        let ci = User::connect(&nats, options.custom_inbox_prefix("_INBOX_ci")).await;
        let consumer = ci.consumer("ci").await;
        let mut batch = consumer.fetch().max_messages(1).messages().await.unwrap();
        let message = batch.next().await.expect("a message comes").unwrap();
        let event: Value = serde_json::from_slice(&message.payload).unwrap();
        let store =
            jetstream::new(ci.client.clone()).get_object_store("FORGE_LARGE").await.unwrap();
        let mut object = store.get(event["raw_ref"]["object"].as_str().unwrap()).await.unwrap();
        let mut content = Vec::new();
        object.read_to_end(&mut content).await.unwrap();
        assert_eq!(event["raw_ref"]["bytes"], content.len());
        assert_eq!(*ci.said.lock().unwrap(), [""; 0]);

        let api = |request: &str| format!("$JS.API.{request}");
        for subject in [
            api("STREAM.MSG.GET.FORGE"),
            api("CONSUMER.CREATE.FORGE"),
            api("CONSUMER.CREATE.FORGE.ci.forge.>"),
            api("STREAM.PURGE.OBJ_FORGE_LARGE"),
            api("STREAM.DELETE.OBJ_FORGE_LARGE"),
            api("STREAM.UPDATE.OBJ_FORGE_LARGE"),
            api("STREAM.MSG.DELETE.OBJ_FORGE_LARGE"),
            "$O.FORGE_LARGE.C.x".to_owned(),
            "$O.FORGE_LARGE.M.x".to_owned(),
        ] {
            ci.may_not_publish(&subject, json!({ "seq": 1 })).await;
        }
        what_is_pushed_into_the_stream_is_no_event(&nats, &ci).await;
    }
}

/// Who may make consumers of the object store says where its chunks go: also into the stream, but without the headers of
/// an event. It is why the README gives `--large` only to whom one would let publish.
async fn what_is_pushed_into_the_stream_is_no_event(nats: &NatsServer, ci: &User) {
    let config = json!({ "name": "p", "durable_name": "p", "ack_policy": "none", "deliver_policy": "all",
                         "deliver_subject": MAIN, "filter_subject": "$O.FORGE_LARGE.C.>" });
    let body = json!({ "stream_name": "OBJ_FORGE_LARGE", "config": config }).to_string();
    let admin = User::named(nats, "admin", "_INBOX_admin").await;
    let mut heard = admin.client.subscribe(MAIN).await.unwrap();
    admin.client.flush().await.unwrap();
    let request = "$JS.API.CONSUMER.CREATE.OBJ_FORGE_LARGE.p.$O.FORGE_LARGE.C.>";
    let answer = ci.client.request(request, body.into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(answer["error"], Value::Null, "{answer}");
    let chunk = tokio::time::timeout(Duration::from_secs(10), heard.next()).await;
    assert!(chunk.expect("a chunk comes").is_some());
    let mut stream = jetstream::new(admin.client).get_stream("FORGE").await.unwrap();
    let last = stream.info().await.unwrap().state.last_sequence;
    for sequence in 2..=last {
        let injected = stream.get_raw_message(sequence).await.unwrap();
        assert!(injected.headers.is_empty(), "{:?}", injected.headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_made_once_and_one_that_differs_is_left_as_it_is() {
    let nats = server_of(&usual(), &[bridge(&[])]);
    let output = add(&nats, "ci", FILTER, &[]);
    assert_eq!(output.status.code(), Some(69));
    let said = text(output.stderr);
    assert!(said.contains("stream FORGE does not exist"), "{said}");
    let _daemon = Daemon::with(&nats, &configured(OURS)).await;
    added(&nats, "ci", FILTER);
    let again = add(&nats, "ci", FILTER, &[]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(text(again.stdout), "Consumer ci of FORGE is there already, as it should be.\n");
    let more = ["--ack-wait", "30s", "--max-deliver", "5", "--deliver", "all"];
    let other = add(&nats, "ci", "forge.>", &more);
    assert_eq!((other.status.code(), other.stdout), (Some(1), Vec::new()));
    let said = text(other.stderr);
    for line in [
        "consumer ci of FORGE is another, and is left as it is",
        "filter_subject is \"forge.gitea.acme.widgets.push.*.main\", not \"forge.>\"",
        "ack_wait is 60000000000, not 30000000000",
        "max_deliver is 10, not 5",
        "deliver_policy is \"new\", not \"all\"",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
    // A push consumer of that name would be read by whoever hears its subject.
    let stream = User::admin(&nats).await.get_stream("FORGE").await.unwrap();
    let push = jetstream::consumer::push::Config {
        durable_name: Some("pushed".into()),
        deliver_subject: "somewhere".into(),
        filter_subject: FILTER.into(),
        ..Default::default()
    };
    stream.create_consumer(push).await.unwrap();
    let output = add(&nats, "pushed", FILTER, &[]);
    let said = text(output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("deliver_subject is"), "{said}");
}

#[test]
fn who_may_not_make_consumers_is_told_which_permission_is_missing() {
    let nats = server_of(&usual(), &[subscriber(FILTER, "ci", &[])]);
    let url = nats.url.replace("//", "//ci:p@");
    let add = |more: &[&str]| {
        forgewire(
            &[&["consumer", "add", "mine", "--filter", FILTER, "--nats", &url], more].concat(),
        )
    };
    let output = add(&["--inbox-prefix", "_INBOX_ci"]);
    let said = text(output.stderr);
    assert!(said.contains("permission to publish to $JS.API.CONSUMER.INFO.FORGE.mine"), "{said}");
    assert_eq!(output.status.code(), Some(69));
    let said = text(add(&[]).stderr);
    assert!(said.contains("permission to subscribe to _INBOX."), "{said}");
}

#[test]
fn names_and_filters_that_mean_nothing_are_refused_with_what_is_wrong() {
    for (arguments, said) in [
        (
            &["permissions", "subscriber", "--filter", "forge.gitea.acme"][..],
            "tokens after the prefix",
        ),
        (
            &[
                "permissions",
                "subscriber",
                "--filter",
                "forge.gitea.acme.my.repo.push.updated.main",
            ],
            "7 tokens",
        ),
        (&["permissions", "subscriber", "--filter", "ci.>"], "does not begin with the prefix"),
        (&["permissions", "subscriber", "--filter", "forge.>", "--bind", "a.b"], "--bind"),
        (&["permissions", "subscriber", "--filter", "forge.>", "--bind", "*"], "--bind"),
        (&["permissions", "bridge", "--set", "stream.name=FOR\"GE"], "stream.name"),
        (&["permissions", "bridge", "--set", "nats.inbox_prefix=_IN'BOX"], "nats.inbox_prefix"),
        (&["permissions", "bridge", "--set", "nats.api_prefix=$JS,API"], "nats.api_prefix"),
        (&["permissions", "bridge", "--set", "nats.user=a\"b"], "--user"),
        (&["consumer", "add", "a b", "--filter", "forge.>"], "NAME"),
        (&["consumer", "add", "ci", "--filter", "forge.>.a"], "only be the last"),
        (&["consumer", "add", "ci", "--filter", "forge.>", "--ack-wait", "0s"], "from 1s to 1day"),
    ] {
        let output = forgewire(arguments);
        assert_eq!((output.status.code(), output.stdout), (Some(64), Vec::new()), "{arguments:?}");
        let error = text(output.stderr);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn no_secret_is_read_or_printed_and_a_server_does_not_start_without_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("forgewire.toml");
    let toml = "[nats]\nuser = \"bridge\"\npassword = \"hunter2 hunter2\"\ntls_ca_file = \"gone.pem\"\n\
                [sources.gitea]\nkind = \"gitea\"\nsecret_file = \"gone\"\n";
    std::fs::write(&config, toml).unwrap();
    let output = forgewire(&["permissions", "bridge", "--config", config.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
    assert!(err.contains("nats.inbox_prefix = \"_INBOX\""), "{err}");
    let seed = KeyPair::new_user().seed().unwrap();
    let output = forgewire(&["permissions", "bridge", "--nkey", &seed]);
    let said = text(output.stderr);
    assert!(output.status.code() == Some(64) && said.contains("--nkey"), "{said}");
    assert!(!said.contains(&seed), "the seed is repeated");
    for program in servers() {
        let file = dir.path().join("nats.conf");
        let starts = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Command::new(&program).arg("-t").arg("-c").arg(&file).output().unwrap()
        };
        let rights = format!("authorization {{ users = [ {out} ] }}");
        let output = starts(&rights);
        assert!(!output.status.success(), "{output:?}");
        assert!(text(output.stderr).contains("BRIDGE_PASSWORD"));
        let output = starts(&format!("BRIDGE_PASSWORD = p\n{rights}"));
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn both_texts_have_the_same_rights_and_go_by_the_domain() {
    let both = subscriber(FILTER, "ci", &["--set", "nats.domain=hub"]);
    let nsc = subscriber(FILTER, "ci", &["--set", "nats.domain=hub", "--format", "nsc"]);
    assert_eq!(
        nsc,
        "nsc add user --name 'ci' --allow-pub '$JS.hub.API.CONSUMER.INFO.FORGE.ci,$JS.hub.API.CONSUMER.MSG.NEXT.FORGE.ci,\
         $JS.ACK.FORGE.ci.>,$JS.ACK.*.*.FORGE.ci.>' --allow-sub '_INBOX_ci.>'\n"
    );
    let server = subscriber(FILTER, "ci", &["--set", "nats.domain=hub", "--format", "server"]);
    assert_eq!(both, format!("{server}# The same where accounts are kept by nsc:\n# {nsc}"));
    for subject in nsc.split('\'').filter(|part| part.starts_with('$')).flat_map(|s| s.split(',')) {
        assert!(server.contains(&format!("\"{subject}\"\n")), "{subject}");
    }
    assert!(server.contains(&format!("forgewire consumer add ci --filter '{FILTER}'")), "{server}");
}
