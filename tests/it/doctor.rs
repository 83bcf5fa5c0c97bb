//! `forgewire doctor`: each check finds nothing where all is well, and by name what was made wrong.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant, SystemTime};

use forgewire::event::Time;
use forgewire::source::Kind;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::least::{servers, version};
use crate::nats_auth::Operator;
use crate::support::collector::{Collector, Mood};
use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::SECRET;
use crate::support::nats::{NatsServer, free_port, usual};
use crate::support::tls::Ca;
use crate::support::{http, program};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A deployment that does not run, unless its addresses are those of a daemon.
struct Place {
    dir: TempDir,
    nats: String,
    listen: String,
    admin: String,
}

/// What was found.
#[derive(Debug)]
struct Found {
    code: i32,
    said: Value,
}

/// Writes a file that nobody else can read.
fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// An address that nothing listens on.
fn free() -> String {
    format!("127.0.0.1:{}", free_port())
}

impl Place {
    fn new(nats: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, nats: nats.to_owned(), listen: free(), admin: free() }
    }

    fn beside(daemon: &Daemon, nats: &NatsServer) -> Self {
        let (listen, admin) = (daemon.hooks.to_string(), daemon.admin.to_string());
        Self { listen, admin, ..Self::new(&nats.url) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A source of each kind, whose secret is in a file, with this beside it.
    fn sources_with(&self, more: &str) -> String {
        let file = self.path("secret");
        private(&file, SECRET);
        let file = file.to_str().unwrap();
        let source = |kind: &Kind| {
            let name = kind.name();
            format!("[sources.{name}]\nkind = {name:?}\nsecret_file = {file:?}\n{more}\n")
        };
        Kind::ALL.iter().map(source).collect()
    }

    fn sources(&self) -> String {
        self.sources_with("")
    }

    fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    /// The arguments that say where everything is, with this configuration.
    fn arguments(&self, config: &str) -> Vec<String> {
        let file = self.path("forgewire.toml");
        std::fs::write(&file, config).unwrap();
        let nats = format!("nats.servers={}", self.nats);
        let mut arguments: Vec<String> =
            ["doctor", "--config", file.to_str().unwrap(), "--set", &nats].map(Into::into).into();
        for (option, value) in [("--listen", &self.listen), ("--admin-listen", &self.admin)] {
            arguments.extend([option.to_owned(), value.clone()]);
        }
        if !config.contains("[spool]") {
            let spool = format!("spool.dir={}", self.spool().display());
            arguments.extend(["--set".to_owned(), spool]);
        }
        arguments
    }

    async fn run(&self, mut command: Command, config: &str, more: &[&str]) -> Output {
        command.args(self.arguments(config)).args(more).env_remove("FORGEWIRE_CONFIG");
        let began = Instant::now();
        let output = command.kill_on_drop(true).output().await.unwrap();
        let all =
            String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
        assert!(!all.contains(SECRET) && !all.contains("hunter2"), "{all}");
        // With all of the machine at work.
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
        output
    }

    async fn ask(&self, config: &str, more: &[&str]) -> Found {
        self.ask_by(Command::new(env!("CARGO_BIN_EXE_forgewire")), config, more).await
    }

    async fn ask_by(&self, command: Command, config: &str, more: &[&str]) -> Found {
        let output = self.run(command, config, &[more, &["--json"]].concat()).await;
        let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        Found { code: output.status.code().unwrap(), said }
    }
}

impl Found {
    fn all(&self) -> &[Value] {
        self.said["findings"].as_array().unwrap()
    }

    /// Asserts that one finding of this check has this level and text.
    fn has(&self, check: &str, level: &str, text: &str) -> &Self {
        let found = self.all().iter().any(|finding| {
            finding["check"] == check
                && finding["level"] == level
                && finding["text"].as_str().unwrap().contains(text)
        });
        assert!(found, "no {check} {level} {text:?} in {:#}", self.said);
        self
    }

    /// Asserts that these checks alone found something bad, and that the code says so.
    fn bad(&self, checks: &[&str]) -> &Self {
        let bad = |finding: &&Value| matches!(finding["level"].as_str(), Some("warning" | "error"));
        let found: BTreeSet<_> = self.all().iter().filter(bad).collect_checks();
        let wanted: BTreeSet<_> = checks.iter().map(|check| (*check).to_owned()).collect();
        assert_eq!(found, wanted, "{:#}", self.said);
        let code = match self.said["worst"].as_str().unwrap() {
            "ok" | "note" => 0,
            "warning" => 1,
            _ => 69,
        };
        assert_eq!(self.code, code, "{:#}", self.said);
        for finding in self.all() {
            assert_eq!(finding["advice"].is_null(), finding["level"] == "ok", "{finding}");
        }
        self
    }
}

trait Checks {
    fn collect_checks(self) -> BTreeSet<String>;
}

impl<'a, I: Iterator<Item = &'a Value>> Checks for I {
    fn collect_checks(self) -> BTreeSet<String> {
        self.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
    }
}

fn modern(program: &OsStr) -> bool {
    version(Path::new(program)) >= vec![2, 10]
}

/// What is bad of this server itself: that of Debian is old.
fn bad_of_server(program: &OsStr) -> Vec<&'static str> {
    if modern(program) { vec![] } else { vec!["server"] }
}

/// These, and what is bad of the server that tests run.
fn and_server(checks: &[&'static str]) -> Vec<&'static str> {
    [checks, &bad_of_server(&usual())].concat()
}

/// A stream that is as it should be is there once a daemon was.
async fn with_stream(nats: &NatsServer) {
    drop(Daemon::start(nats).await);
}

/// All of stream and object store that does not change by being looked at.
async fn state(nats: &NatsServer) -> Vec<Value> {
    let client = async_nats::connect(&nats.url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let mut state = Vec::new();
    for name in ["FORGE", "OBJ_FORGE_LARGE"] {
        let stream = jetstream.get_stream(name).await.unwrap();
        let info = stream.get_info().await.unwrap();
        let (messages, last) = (info.state.messages, info.state.last_sequence);
        state.push(json!([info.config, messages, last, info.created.to_string()]));
    }
    state
}

#[tokio::test]
async fn beside_a_healthy_daemon_all_is_well_and_everything_stays_as_it_was() {
    for program in servers() {
        let nats = NatsServer::configured_by(&program, "", "");
        let daemon = Daemon::start(&nats).await;
        let spool = daemon.config().parent().unwrap().join("spool");
        let listed = || {
            let files = std::fs::read_dir(&spool).unwrap().map(|file| file.unwrap().file_name());
            files.collect::<BTreeSet<_>>()
        };
        let before = (state(&nats).await, listed());
        let place = Place::beside(&daemon, &nats);
        let dir = format!("spool.dir={}", spool.display());
        let found = place.ask(&place.sources(), &["--set", &dir]).await;
        found.bad(&bad_of_server(&program));
        for (check, text) in [
            ("configuration", "sound"),
            ("certificates", "none"),
            ("nats", "connected"),
            ("stream", "FORGE is as configured"),
            ("object_store", "OBJ_FORGE_LARGE is as configured"),
            ("max_payload", "1048576"),
            ("duplicate_window", "1h"),
            ("permissions", "that were tried are there"),
            ("daemon", env!("CARGO_PKG_VERSION")),
            ("readiness", "JetStream"),
            ("spool", "alone"),
            ("disk", "MiB are free"),
            ("fsync", " ms "),
            ("backlog", "nothing waits"),
            ("listener", "gitea: a wrong signature is refused"),
        ] {
            found.has(check, "ok", text);
        }
        if modern(&program) {
            found.has("server", "ok", "nats-server").has("clock", "ok", "agrees");
        } else {
            found.has("server", "warning", "for trials").has("clock", "note", "before 2.10");
        }
        assert_eq!(before, (state(&nats).await, listed()));
        assert_eq!(http::get(daemon.admin, "/readyz").await.json()["stores"], "jetstream");
    }
}

#[tokio::test]
async fn the_printed_rights_are_enough_and_each_that_is_missing_is_named() {
    for program in servers() {
        let (code, rights, _) = program::run(&["permissions", "bridge", "--format", "server"]);
        assert_eq!(code, 0);
        let user = |rights: &str| {
            format!(
                "FORGEWIRE_PASSWORD = p\nauthorization {{ users = [ {{ user: admin, password: p }}\n{rights} ] }}"
            )
        };
        let nats = NatsServer::configured_by(&program, &user(&rights), "");
        let place = Place::new(&nats.url);
        let password = place.path("password");
        private(&password, "p");
        let file = format!("nats.password_file={}", password.display());
        let login = ["--set", "nats.user=forgewire", "--set", &file];
        let config = format!("[nats]\nuser = \"forgewire\"\npassword = \"p\"\n{}", sources());
        drop(Daemon::with(&nats, &config).await);
        let warned = bad_of_server(&program);
        place.ask(&place.sources(), &login).await.bad(&warned).has("permissions", "ok", "PURGE");
        for (right, subject) in [
            ("forge.*.*.*.*.*.*", "forge.gitea.-.-.unrecognized.-.-"),
            ("$JS.API.STREAM.CREATE.FORGE", "$JS.API.STREAM.CREATE.FORGE"),
            ("$JS.API.STREAM.UPDATE.OBJ_FORGE_LARGE", "$JS.API.STREAM.UPDATE.OBJ_FORGE_LARGE"),
            ("$O.FORGE_LARGE.C.*", "$O.FORGE_LARGE.C.doctor"),
            ("$JS.API.STREAM.MSG.GET.OBJ_FORGE_LARGE", "$JS.API.STREAM.MSG.GET.OBJ_FORGE_LARGE"),
        ] {
            assert!(rights.contains(&format!("\"{right}\"")), "{rights}");
            nats.configure(&user(&rights.replacen(right, "other", 1)));
            let found = place.ask(&place.sources(), &login).await;
            found.bad(&[&["permissions"], &*warned].concat());
            found.has("permissions", "error", &format!("to publish to {subject},"));
            let denied = found.all().iter().filter(|one| one["level"] == "error");
            let kinds = if right.starts_with("forge") { Kind::ALL.len() } else { 1 };
            assert_eq!(denied.count(), kinds, "{:#}", found.said);
        }
        nats.configure(&user(&rights.replace("_INBOX.>", "_OTHER.>")));
        let found = place.ask(&place.sources(), &login).await;
        found.has("permissions", "error", "denies to subscribe to _INBOX.");
        found.has("stream", "error", "subscribe");
    }
}

#[tokio::test]
async fn what_a_secret_with_a_scope_signs_is_verified_and_published_nowhere() {
    let nats = NatsServer::start();
    let files = Place::new("");
    let scoped = files.sources_with("repositories = [\"*/*\"]");
    let daemon = Daemon::with(&nats, &scoped).await;
    let place = Place::beside(&daemon, &nats);
    for more in [&[][..], &["--send"]] {
        let found = place.ask(&scoped, more).await;
        for kind in Kind::ALL {
            let text = format!("{}: what secret default signs is verified", kind.name());
            found.has("listener", "ok", &text);
        }
    }
    assert_eq!(stored(&nats).await.len(), 0);
    std::fs::write(files.path("other"), "another secret of 16 bytes").unwrap();
    let wrong = scoped
        .replace(files.path("secret").to_str().unwrap(), files.path("other").to_str().unwrap());
    let found = place.ask(&wrong, &[]).await;
    found.has("listener", "error", "gitea: the daemon does not know secret default");
    let other = scoped.replace("[sources.gitea]", "[sources.other]");
    let found = place.ask(&other, &[]).await;
    found.has("listener", "error", "other: the daemon has no such source");
    assert_eq!(found.code, 69);
    assert_eq!(stored(&nats).await.len(), 0);
}

#[tokio::test]
async fn without_a_scope_a_secret_is_tried_only_with_send_and_the_event_is_named() {
    let nats = NatsServer::start();
    let open = "[sources.ci]\nkind = \"gitea\"\ndanger_accept_unsigned = true\n";
    let config = format!("{open}{}", sources());
    let daemon = Daemon::with(&nats, &config).await;
    let place = Place::beside(&daemon, &nats);
    let found = place.ask(&config, &[]).await;
    found.has("listener", "note", "gitea: secret default was not tried");
    found.has("listener", "note", "ci: not checked: it takes what nobody signed");
    assert_eq!(stored(&nats).await.len(), 0);
    let found = place.ask(&config, &["--send"]).await;
    let stored = stored(&nats).await;
    assert_eq!(stored.len(), Kind::ALL.len());
    for message in stored {
        let source = message.body["source"]["name"].as_str().unwrap_or_default().to_owned();
        assert!(message.subject.contains(".unrecognized."), "{}", message.subject);
        let id = &message.headers["Nats-Msg-Id"];
        let text = format!("what secret default signs is published, as event {id}");
        found.has("listener", "ok", &text);
        assert_ne!(source, "ci");
    }
    // A scope that the daemon has not read yet would keep nothing back: that is said.
    let scoped = place.sources_with("repositories = [\"acme/*\"]");
    place.ask(&scoped, &[]).await.has("listener", "warning", "none in the daemon's");
}

#[tokio::test]
async fn somebody_elses_listener_is_sent_no_right_signature_and_no_password() {
    let stranger = Collector::start(Mood::Refusing(404)).await;
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let mut place = Place::beside(&daemon, &nats);
    place.listen = stranger.addr.to_string();
    let config = place.sources_with("authorization = \"hunter2 12345678\"");
    let found = place.ask(&config, &["--send"]).await;
    found.has("listener", "error", "gitea: what listens there is not forgewire's");
    let body = br#"{"forgewire":"doctor"}"#;
    let right = crate::support::hook::signature(SECRET, body);
    let requests = stranger.requests();
    assert_eq!(requests.len(), Kind::ALL.len(), "one each, and no second");
    for (_, headers) in requests {
        let all = format!("{headers:?}");
        assert!(!all.contains(&right) && !headers.contains_key("authorization"), "{all}");
    }
    // What does not speak HTTP at all, and nobody.
    place.listen = nats.url.trim_start_matches("nats://").to_owned();
    place.ask(&config, &[]).await.has("listener", "error", "no answer");
    place.listen = free();
    place.ask(&config, &[]).await.has("listener", "error", "no answer at http.listen");
}

#[tokio::test]
async fn a_listener_with_tls_is_asked_if_it_shows_the_certificate_that_is_configured() {
    let (nats, ca) = (NatsServer::start(), Ca::new());
    let place = Place::new(&nats.url);
    let scoped = place.sources_with("repositories = [\"acme/*\"]");
    let configured = |name: &str, more: &str| {
        let issued = ca.issue();
        std::fs::write(place.path(&format!("{name}.pem")), issued.certificate).unwrap();
        std::fs::write(place.path(&format!("{name}.key")), issued.key).unwrap();
        let (cert, key) = (place.path(&format!("{name}.pem")), place.path(&format!("{name}.key")));
        format!(
            "[http]\ntls_cert_file = {:?}\ntls_key_file = {:?}\n{more}{scoped}",
            cert.to_str().unwrap(),
            key.to_str().unwrap()
        )
    };
    let config = configured("one", "");
    let daemon = Daemon::with(&nats, &config).await;
    let beside = Place::beside(&daemon, &nats);
    beside.ask(&config, &[]).await.has("listener", "ok", "gitea: what secret default signs");
    let found = beside.ask(&configured("two", ""), &[]).await;
    found.has("listener", "error", "another certificate than http.tls_cert_file");
    beside.ask(&scoped, &[]).await.has("listener", "error", "400 tls_expected");
    drop(daemon);
    std::fs::write(place.path("ca.pem"), ca.pem()).unwrap();
    let wants = format!("tls_client_ca_file = {:?}\n", place.path("ca.pem").to_str().unwrap());
    let config = configured("three", &wants);
    let daemon = Daemon::with(&nats, &config).await;
    let found = Place::beside(&daemon, &nats).ask(&config, &[]).await;
    found.has("listener", "note", "http.tls_client_ca_file");
}

#[tokio::test]
async fn what_a_source_asks_beside_a_signature_is_known_and_said() {
    let nats = NatsServer::start();
    let source = format!("[sources.gitea]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n");
    let config =
        format!("{source}repositories = [\"a/*\"]\nauthorization = \"hunter2 12345678\"\n");
    let daemon = Daemon::with(&nats, &config).await;
    let place = Place::beside(&daemon, &nats);
    place.ask(&config, &[]).await.has("listener", "ok", "default signs is verified");
    let other = config.replace("12345678", "87654321");
    place.ask(&other, &[]).await.has("listener", "error", "or another `authorization`");
    drop(daemon);
    let config = format!("{source}clients = [\"192.0.2.0/24\"]\n");
    let daemon = Daemon::with(&nats, &config).await;
    let found = Place::beside(&daemon, &nats).ask(&config, &[]).await;
    found.has("listener", "note", "takes nothing from this machine");
}

#[tokio::test]
async fn without_nats_or_with_wrong_credentials_the_reason_is_said() {
    let place = Place::new(&NatsServer::absent().url);
    let found = place.ask(&place.sources(), &[]).await;
    found.has("nats", "error", "refused").has("stream", "note", "not checked");
    found.bad(&["nats"]);
    let nats = NatsServer::configured("authorization { token: \"right-token\" }", "");
    let place = Place::new(&nats.url);
    let token = ["--set", "nats.token=hunter2-hunter2"];
    let found = place.ask(&place.sources(), &token).await;
    // The token stands on the command line.
    found.bad(&["configuration", "nats"]).has("nats", "error", "uthorization");
}

#[tokio::test]
async fn a_server_that_does_not_answer_holds_nobody_up() {
    let nats = NatsServer::start();
    with_stream(&nats).await;
    nats.freeze();
    let place = Place::new(&nats.url);
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&["nats"]).has("nats", "error", "");
    nats.thaw();
    // Nor does a port that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut place = Place::new(&format!("nats://{}", silent.local_addr().unwrap()));
    place.admin = silent.local_addr().unwrap().to_string();
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&["daemon", "nats"]).has("daemon", "error", "nothing came within 5 s");
}

#[tokio::test]
async fn a_missing_stream_is_an_error_only_where_nobody_makes_it() {
    let nats = NatsServer::start();
    let place = Place::new(&nats.url);
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&and_server(&[])).has("stream", "note", "FORGE does not exist");
    let found = place.ask(&place.sources(), &["--set", "stream.manage=false"]).await;
    found.bad(&and_server(&["stream"])).has("stream", "error", "stream.manage is false");
    let client = async_nats::connect(&nats.url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for name in ["FORGE", "OBJ_FORGE_LARGE"] {
        assert!(jetstream.get_stream(name).await.is_err(), "the doctor makes no {name}");
    }
}

#[tokio::test]
async fn without_jetstream_that_is_said() {
    let nats = NatsServer::configured(
        "accounts { A: { users: [{user: a, password: p}] } }\nno_auth_user: a",
        "",
    );
    let place = Place::new(&nats.url);
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&and_server(&["stream"]));
    let text = found.said.to_string();
    assert!(text.contains("is JetStream on for this account"), "{:#}", found.said);
}

#[tokio::test]
async fn drift_is_named_key_by_key_with_what_will_become_of_it() {
    let nats = NatsServer::start();
    with_stream(&nats).await;
    let place = Place::new(&nats.url);
    let set = |text| ["--set", text];
    let before = state(&nats).await;
    let shrinks = place.ask(&place.sources(), &set("stream.max_age=2h")).await;
    shrinks.bad(&and_server(&["stream"]));
    shrinks.has("stream", "warning", "FORGE: stream.max_age is 30days, and should be 2h");
    let grows = place.ask(&place.sources(), &set("stream.max_age=60d")).await;
    grows.bad(&and_server(&[])).has("stream", "note", "stream.max_age is 30days, and should be");
    assert_eq!(before, state(&nats).await);
    // What others made of it.
    let client = async_nats::connect(&nats.url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let mut config = jetstream.get_stream("FORGE").await.unwrap().get_info().await.unwrap().config;
    config.subjects = vec!["elsewhere.>".to_owned()];
    config.discard = async_nats::jetstream::stream::DiscardPolicy::New;
    jetstream.update_stream(config).await.unwrap();
    let store = jetstream.get_stream("OBJ_FORGE_LARGE").await.unwrap();
    let mut config = store.get_info().await.unwrap().config;
    config.max_age = Duration::from_secs(3600);
    jetstream.update_stream(config).await.unwrap();
    let left = place.ask(&place.sources(), &set("stream.manage=false")).await;
    left.bad(&and_server(&["stream", "object_store"]));
    left.has("stream", "error", "stream.subject_prefix is [\"elsewhere.>\"]");
    left.has("stream", "warning", "stream.discard is new, and should be old");
    left.has("object_store", "warning", "OBJ_FORGE_LARGE: max_age is 1h");
    let managed = place.ask(&place.sources(), &[]).await;
    let discard = |one: &&Value| one["text"].as_str().unwrap().contains("stream.discard is");
    let advice = managed.all().iter().find(discard).unwrap()["advice"].as_str().unwrap();
    assert!(advice.starts_with("set stream.discard in the configuration"), "{advice}");
    managed.has("stream", "note", "stream.subject_prefix is").has(
        "object_store",
        "note",
        "max_age",
    );
}

#[tokio::test]
async fn limits_that_are_too_small_are_warned_of() {
    let nats = NatsServer::configured("max_payload: 65536", "");
    with_stream(&nats).await;
    let place = Place::new(&nats.url);
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&and_server(&["max_payload"])).has("max_payload", "warning", "max_payload is 65536");
    let window = place.ask(&place.sources(), &["--set", "spool.alarm_age=2h"]).await;
    window.has("duplicate_window", "warning", "for 1h, and spool.alarm_age is 2h");
    let window = place.ask(&place.sources(), &["--set", "spool.retain=3h"]).await;
    window.has("duplicate_window", "warning", "for 1h, and spool.retain is 3h");
    let client = async_nats::connect(&nats.url).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let mut config = jetstream.get_stream("FORGE").await.unwrap().get_info().await.unwrap().config;
    config.max_message_size = 1000;
    config.duplicate_window = Duration::from_secs(60);
    jetstream.update_stream(config).await.unwrap();
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&and_server(&["max_payload", "stream", "duplicate_window"]));
    found.has("max_payload", "warning", "max_msg_size is 1000");
    found.has("duplicate_window", "warning", "for 1m, and spool.alarm_age is 10m");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_found_where_the_server_tells_its_time() {
    if !crate::systemd::has("faketime") {
        return;
    }
    for program in servers() {
        let nats = NatsServer::configured_by(&program, "", "");
        with_stream(&nats).await;
        let place = Place::new(&nats.url);
        for (shift, text) in [("+1h", "s ahead of the NATS"), ("-1h", "s behind the NATS")] {
            let mut command = Command::new("faketime");
            command.args(["--exclude-monotonic", "-f", shift, env!("CARGO_BIN_EXE_forgewire")]);
            let found = place.ask_by(command, &place.sources(), &[]).await;
            if modern(&program) {
                found.bad(&["clock"]).has("clock", "warning", text);
            } else {
                found.bad(&["server"]).has("clock", "note", "not checked");
            }
        }
    }
}

#[tokio::test]
async fn a_spool_that_cannot_be_used_is_found_before_it_is_needed() {
    let nats = NatsServer::start();
    let place = Place::new(&nats.url);
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&and_server(&[])).has("spool", "note", "is not there yet").has("fsync", "ok", "ms");
    assert!(!place.spool().exists());
    std::fs::create_dir(place.spool()).unwrap();
    std::fs::set_permissions(place.spool(), Permissions::from_mode(0o755)).unwrap();
    let huge = ["--set", "spool.max_bytes=1099511627776"];
    let found = place.ask(&place.sources(), &huge).await;
    found.bad(&and_server(&["spool", "disk"]));
    found.has("spool", "warning", "0755").has("disk", "warning", "MiB are free for the spool");
    assert_eq!(std::fs::read_dir(place.spool()).unwrap().count(), 0, "nothing is left");
    // Not even root can write here.
    let nowhere = format!("[spool]\ndir = \"/proc/self\"\n{}", place.sources());
    place.ask(&nowhere, &[]).await.has("fsync", "error", "nothing can be written");
    let file = place.path("file");
    std::fs::write(&file, "").unwrap();
    let no_directory = format!("[spool]\ndir = {:?}\n{}", file.to_str().unwrap(), place.sources());
    let found = place.ask(&no_directory, &[]).await;
    found.bad(&and_server(&["spool"])).has("spool", "error", "is no directory");
    let none = format!("[spool]\nenabled = false\n{}", place.sources());
    place.ask(&none, &[]).await.bad(&and_server(&[])).has("spool", "note", "there is none");
    if Path::new("/dev/shm").is_dir() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let memory =
            format!("[spool]\ndir = {:?}\n{}", memory.path().to_str().unwrap(), place.sources());
        place.ask(&memory, &[]).await.has("disk", "warning", "in memory");
    }
}

#[tokio::test]
async fn what_waits_in_the_spool_is_said_by_the_daemon() {
    let mut nats = NatsServer::start();
    let place = Place::new(&nats.url);
    let config = format!(
        "[spool]\ndir = {:?}\nalarm_age = \"1s\"\n{}",
        place.spool().to_str().unwrap(),
        place.sources()
    );
    let daemon = Daemon::with(&nats, &config).await;
    let place =
        Place { listen: daemon.hooks.to_string(), admin: daemon.admin.to_string(), ..place };
    nats.stop();
    daemon.logged("Connection to NATS lost; trying to connect again for ever.").await;
    let body = crate::support::hook::push(
        "main",
        &crate::support::hook::sha('1'),
        &crate::support::hook::sha('2'),
    );
    let hook = crate::support::hook::Hook::new("gitea", "push", Some("push"), "w-1", SECRET, &body);
    assert_eq!(http::deliver(daemon.hooks, "/hooks/gitea", &hook).await.status, 202);
    daemon
        .logged("Events in the spool have waited for longer than spool.alarm_age: JetStream does not take them. See `forgewire spool status`.")
        .await;
    let found = place.ask(&config, &[]).await;
    found.bad(&["nats", "readiness", "backlog"]);
    found.has("backlog", "warning", "1 message waits").has("readiness", "warning", "to the spool");
}

#[tokio::test]
async fn ports_are_free_or_somebody_elses() {
    let mut place = Place::new(&NatsServer::absent().url);
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&["nats"]).has("daemon", "note", "none answers");
    found.has("ports", "ok", "http.listen").has("ports", "ok", "admin.listen");
    let taken = TcpListener::bind(&place.listen).unwrap();
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&["nats", "ports"]).has("ports", "error", "http.listen");
    drop(taken);
    place.listen = "192.0.2.1:8080".to_owned();
    let found = place.ask(&place.sources(), &[]).await;
    found.has("ports", "error", "http.listen (192.0.2.1:8080) cannot be opened");
    place.admin = Collector::start(Mood::Refusing(404)).await.addr.to_string();
    let found = place.ask(&place.sources(), &[]).await;
    found.has("ports", "error", "is not forgewire's: it answered 404");
}

#[tokio::test]
async fn a_certificate_that_expired_or_soon_will_is_found() {
    let place = Place::new(&NatsServer::absent().url);
    let at = |days: i64| {
        let day = DAY * u32::try_from(days.unsigned_abs()).unwrap();
        if days < 0 { SystemTime::now() - day } else { SystemTime::now() + day }
    };
    let text = |name: &str| place.path(name).to_str().unwrap().to_owned();
    for (days, level, word) in
        [(-1, "error", "expired at"), (20, "warning", "expires at"), (23, "ok", "is good until")]
    {
        let mut parameters = CertificateParams::new(vec!["forgewire".to_owned()]).unwrap();
        parameters.not_after = at(days).into();
        let key = KeyPair::generate().unwrap();
        std::fs::write(text("cert.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
        private(&place.path("key.pem"), &key.serialize_pem());
        let (cert, key) = (text("cert.pem"), text("key.pem"));
        let pair = format!("tls_cert_file = {cert:?}\ntls_key_file = {key:?}\n");
        for (section, ca) in [("nats", "tls_ca_file"), ("http", "tls_client_ca_file")] {
            let config = format!("[{section}]\n{pair}{ca} = {cert:?}\n{}", place.sources());
            let found = place.ask(&config, &[]).await;
            for name in ["tls_cert_file", ca] {
                let text = format!("{section}.{name} ({cert}) {word}");
                found.has("certificates", level, &text);
            }
            found.bad(if level == "ok" { &["nats"] } else { &["nats", "certificates"] });
        }
        let operator = Operator::new();
        let expires = Time::now().unix_ms() / 1000 + days * 86_400;
        private(&place.path("user.creds"), &operator.creds(Some(expires)));
        let creds = format!("nats.creds_file={}", text("user.creds"));
        let found = place.ask(&place.sources(), &["--set", &creds]).await;
        found.has("certificates", level, "nats.creds_file");
    }
}

#[tokio::test]
async fn of_many_authorities_one_that_expired_is_a_note() {
    let place = Place::new(&NatsServer::absent().url);
    let of = |years: [i32; 2]| {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.not_before = rcgen::date_time_ymd(years[0], 1, 1);
        parameters.not_after = rcgen::date_time_ymd(years[1], 1, 1);
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    };
    let file = place.path("ca.pem");
    std::fs::write(&file, of([2000, 2010]) + &of([2000, 2090])).unwrap();
    let ca = format!("nats.tls_ca_file={}", file.display());
    let found = place.ask(&place.sources(), &["--set", &ca]).await;
    found.bad(&["nats"]).has("certificates", "note", "1 of 2 certificates have expired");
    found.has("certificates", "ok", "good until 2090");
}

#[tokio::test]
async fn a_configuration_that_does_not_load_is_a_finding_for_each_fault() {
    let place = Place::new(&NatsServer::absent().url);
    let wrong = "[http]\nnonsense = 1\n[nats]\nname = 7\n";
    let found = place.ask(wrong, &[]).await;
    assert_eq!((found.code, found.all().len()), (78, 2), "{:#}", found.said);
    found.has("configuration", "error", "nonsense").has("configuration", "error", "nats.name");
    let output = place.run(Command::new(env!("CARGO_BIN_EXE_forgewire")), wrong, &[]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("error   configuration"));
    let mut command = Command::new("env");
    command.args(["OTEL_EXPORTER_OTLP_ENDPOINT=nowhere", env!("CARGO_BIN_EXE_forgewire")]);
    let found = place.ask_by(command, &place.sources(), &[]).await;
    found.has("configuration", "error", "OTEL_EXPORTER_OTLP_ENDPOINT").has("nats", "error", "");
    assert_eq!(found.code, 78);
}

#[tokio::test]
async fn the_document_has_stable_names_and_lines_are_plain_where_nobody_reads() {
    let place = Place::new(&NatsServer::absent().url);
    let none = format!("[spool]\nenabled = false\n{}", place.sources());
    let found = place.ask(&none, &[]).await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found.said), ["version", "worst", "findings"]);
    assert_eq!(found.said["version"], env!("CARGO_PKG_VERSION"));
    assert!(found.all().iter().all(|one| names(one) == ["check", "level", "text", "advice"]));
    let checks: Vec<_> = found.all().iter().map(|one| one["check"].as_str().unwrap()).collect();
    insta::assert_snapshot!(checks.join(" "), @"configuration certificates nats stream daemon ports ports spool listener");
    let output = place.run(Command::new(env!("CARGO_BIN_EXE_forgewire")), &none, &[]).await;
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(lines.starts_with("ok      configuration    is sound\n"), "{lines}");
    assert!(lines.contains("\n                         -> nats.servers: is"), "{lines}");
    assert!(!lines.contains('\x1b') && output.stderr.is_empty(), "{output:?}");
}

/// What answers these paths with these statuses and bodies, as HTTP.
async fn answering(answers: &'static [(&'static str, &'static str, &'static str)]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let known = answers.iter().find(|(path, ..)| head.contains(&format!(" {path} ")));
            let (_, status, body) = known.copied().unwrap_or(("", "404 Not Found", "{}"));
            let length = body.len();
            let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_daemon_of_another_version_or_that_cannot_store_is_said() {
    let mut place = Place::new(&NatsServer::absent().url);
    place.admin = answering(&[
        ("/version", "200 OK", r#"{"name":"forgewire","version":"0.0.9"}"#),
        ("/readyz", "503 Service Unavailable", r#"{"status":"not_ready","reason":"spool_full"}"#),
    ])
    .await;
    let found = place.ask(&place.sources(), &[]).await;
    found.bad(&["nats", "daemon", "readiness", "listener"]);
    found.has("daemon", "warning", "runs version 0.0.9, and this program is");
    found.has("readiness", "error", "cannot store: spool_full");
    found.has("backlog", "note", "does not answer");
}

#[tokio::test]
async fn a_slow_disk_is_warned_of_and_one_that_hangs_is_not_waited_for() {
    if !crate::systemd::has("strace") {
        return;
    }
    let place = Place::new(&NatsServer::absent().url);
    for (microseconds, level, text) in [
        ("30000", "warning", "a synced write takes 3"),
        ("7000000", "error", "does nothing for 5 s"),
    ] {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e"]);
        command.arg(format!("inject=fdatasync:delay_exit={microseconds}"));
        command.arg(env!("CARGO_BIN_EXE_forgewire"));
        let found = place.ask_by(command, &place.sources(), &[]).await;
        found.bad(&["nats", "fsync"]).has("fsync", level, text);
    }
}

#[tokio::test]
async fn what_is_refused_too_often_is_not_checked_and_that_is_said() {
    let nats = NatsServer::start();
    let place = Place::new(&nats.url);
    let config = format!("[http]\nmax_refused_per_client = 1\n{}", place.sources());
    let daemon = Daemon::with(&nats, &config).await;
    let found = Place::beside(&daemon, &nats).ask(&config, &[]).await;
    found.bad(&and_server(&[])).has("listener", "note", "too much was refused within a minute");
}
