//! Who the daemon says it is to NATS: every way of it, and what is said when the server does not agree.

use std::path::Path;

use async_nats::ConnectOptions;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forgewire::config::{Config, Inputs};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::daemon::{Daemon, sources};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::deliver;
use crate::support::nats::NatsServer;

/// What the log says when there is no connection.
pub(crate) const CANNOT: &str = "Cannot connect to NATS; trying again for ever.";

fn hook(id: &str) -> Hook {
    Hook::new("gitea", "push", Some("push"), id, SECRET, &push("main", &sha('1'), &sha('2')))
}

/// Delivers, and says that JetStream has stored it.
pub(crate) async fn publishes(daemon: &Daemon, id: &str) {
    let answer = deliver(daemon.hooks, "/hooks/gitea", &hook(id)).await;
    assert_eq!(answer.status, 202);
    let receipt = answer.json();
    assert_eq!(receipt["status"], "published", "{receipt}");
    assert_eq!(receipt["events"][0]["stream"], "FORGE", "{receipt}");
}

/// The configuration of a daemon with these settings of NATS.
pub(crate) fn configured(nats: &str) -> String {
    format!("[nats]\n{nats}\n{}", sources())
}

/// A server that knows an administrator beside these users.
fn server(users: &str) -> NatsServer {
    let admin = "{ user: admin, password: admin }";
    NatsServer::configured(&format!("authorization {{ users = [ {admin}, {users} ] }}"), "")
}

async fn messages(nats: &NatsServer) -> u64 {
    let options = ConnectOptions::with_user_and_password("admin".into(), "admin".into());
    let client = options.connect(&nats.url).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("FORGE").await.unwrap();
    stream.cached_info().state.messages
}

#[tokio::test]
async fn a_user_with_a_password_delivers() {
    let nats = server("{ user: forgewire, password: \"p@ss word\" }");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "p@ss word\n").unwrap();
    let by_file = format!("user = \"forgewire\"\npassword_file = \"{}\"", file.display());
    for (n, way) in ["user = \"forgewire\"\npassword = \"p@ss word\"", &by_file].iter().enumerate()
    {
        let daemon = Daemon::with(&nats, &configured(way)).await;
        publishes(&daemon, &format!("p-{n}")).await;
    }
    assert_eq!(messages(&nats).await, 2);
}

#[tokio::test]
async fn an_nkey_delivers() {
    let pair = KeyPair::new_user();
    let nats = server(&format!("{{ nkey: {} }}", pair.public_key()));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("user.nk");
    std::fs::write(&file, format!("{}\n", pair.seed().unwrap())).unwrap();
    let daemon =
        Daemon::with(&nats, &configured(&format!("nkey_file = \"{}\"", file.display()))).await;
    publishes(&daemon, "n-1").await;
    assert_eq!(messages(&nats).await, 1);
}

#[tokio::test]
async fn a_token_delivers() {
    let nats = NatsServer::configured("authorization { token: \"s3cr3t token\" }", "");
    let daemon = Daemon::with(&nats, &configured("token = \"s3cr3t token\"")).await;
    publishes(&daemon, "t-1").await;
}

/// An operator with one account, whose users have JWTs.
pub(crate) struct Operator {
    account: KeyPair,
    config: String,
}

fn jwt(issuer: &KeyPair, subject: &str, name: &str, nats: &Value, expires: Option<i64>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = json!({
        "iss": issuer.public_key(), "sub": subject, "name": name, "iat": 1_700_000_000,
        "jti": "X", "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let signed = format!("{}.{}", part(&head), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl Operator {
    pub(crate) fn new() -> Self {
        let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let own = jwt(
            &operator,
            &operator.public_key(),
            "O",
            &json!({ "type": "operator", "version": 2 }),
            None,
        );
        let of_account = jwt(
            &operator,
            &account.public_key(),
            "A",
            &json!({ "type": "account", "version": 2, "limits": limits }),
            None,
        );
        let system = KeyPair::new_account();
        let of_system = jwt(
            &operator,
            &system.public_key(),
            "SYS",
            &json!({ "type": "account", "version": 2, "limits": { "conn": -1, "subs": -1, "data": -1, "payload": -1 } }),
            None,
        );
        let config = format!(
            "operator: {own}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}: {of_account}\n{}: {of_system}\n}}\n",
            system.public_key(),
            account.public_key(),
            system.public_key(),
        );
        Self { account, config }
    }

    /// The text of a creds file for a new user, good until then.
    pub(crate) fn creds(&self, expires: Option<i64>) -> String {
        let user = KeyPair::new_user();
        let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
        let jwt = jwt(&self.account, &user.public_key(), "forgewire", &claims, expires);
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed().unwrap()
        )
    }

    pub(crate) fn server(&self) -> NatsServer {
        NatsServer::configured(&self.config, "")
    }
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

fn with_creds(text: &str) -> (TempDir, std::path::PathBuf, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("user.creds");
    std::fs::write(&file, text).unwrap();
    let config = configured(&format!("creds_file = \"{}\"", file.display()));
    (dir, file, config)
}

#[tokio::test]
async fn a_creds_file_that_was_replaced_is_used_at_the_next_connection() {
    let operator = Operator::new();
    let mut nats = operator.server();
    let (_dir, file, config) = with_creds(&operator.creds(None));
    let daemon = Daemon::with(&nats, &config).await;
    publishes(&daemon, "c-1").await;
    // What is there in the meantime is no creds file, then nothing at all.
    std::fs::write(&file, "hunter2").unwrap();
    nats.restart();
    let reason = |part: &'static str| {
        let daemon = &daemon;
        async move {
            eventually(part, || async {
                let lines = daemon.log();
                let lines = lines.iter().filter(|line| line.contains(CANNOT));
                lines.into_iter().any(|line| line.contains(part)).then_some(())
            })
            .await;
        }
    };
    reason("has no user JWT in it").await;
    std::fs::remove_file(&file).unwrap();
    reason("is gone").await;
    std::fs::write(&file, operator.creds(Some(now() + 3_600))).unwrap();
    daemon.logged("Connected to NATS.").await;
    eventually("it publishes again", || async {
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("c-2")).await;
        (answer.json()["status"] == "published").then_some(())
    })
    .await;
    assert!(!daemon.log().iter().any(|line| line.contains("hunter2")));
}

#[tokio::test]
async fn a_jwt_that_expires_is_named_and_its_successor_is_used() {
    let operator = Operator::new();
    let nats = operator.server();
    let (_dir, file, config) = with_creds(&operator.creds(Some(now() + 3)));
    let daemon = Daemon::with(&nats, &config).await;
    publishes(&daemon, "e-1").await;
    // The server ends the connection at that time, and takes none with the same file.
    let line = daemon.logged(CANNOT).await;
    let look_at = line["look_at"].as_str().unwrap();
    assert!(
        look_at.starts_with("nats.creds_file (") && look_at.contains("expired at 20"),
        "{line}"
    );
    assert_eq!(line["server"], nats.url.as_str(), "{line}");
    std::fs::write(&file, operator.creds(None)).unwrap();
    daemon.ready().await;
    eventually("it publishes again", || async {
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook("e-2")).await;
        (answer.json()["status"] == "published").then_some(())
    })
    .await;
}

/// What a daemon says that cannot connect with these settings.
async fn refusal(nats: &NatsServer, settings: &str) -> Value {
    let daemon = Daemon::unready(&nats.url, &configured(settings), &[]).await;
    let line = daemon.logged(CANNOT).await;
    // Attempts follow each other; what they say is the same, and so it is said once.
    eventually("a few attempts", || async {
        let attempts = daemon.log().iter().filter(|l| l.contains("NATS client reports")).count();
        (attempts >= 4).then_some(())
    })
    .await;
    let said = daemon.log().iter().filter(|line| line.contains(CANNOT)).count();
    assert_eq!(said, 1, "{:?}", daemon.log());
    assert!(!daemon.log().iter().any(|line| line.contains("hunter2")));
    line
}

#[tokio::test]
async fn wrong_credentials_are_refused_once_by_key() {
    let pair = KeyPair::new_user();
    let nats = server(&format!(
        "{{ user: forgewire, password: right }}, {{ nkey: {} }}",
        pair.public_key()
    ));
    let seed = KeyPair::new_user().seed().unwrap();
    for (settings, key) in [
        ("user = \"forgewire\"\npassword = \"hunter2\"", "nats.password is not"),
        (&*format!("nkey = \"{seed}\""), "nats.nkey is not"),
        ("token = \"hunter2\"", "nats.token is not"),
        ("", "set nats.creds_file"),
    ] {
        let line = refusal(&nats, settings).await;
        assert!(line["look_at"].as_str().unwrap().contains(key), "{line}");
        assert!(
            line["reason"].as_str().unwrap().to_lowercase().contains("authorization violation"),
            "{line}"
        );
    }
}

// What is found out before anything is connected.

fn error(toml: &str, files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let path = dir.path().join("forgewire.toml");
    std::fs::write(&path, format!("[nats]\n{toml}")).unwrap();
    let plain = |text: String| text.replace(&format!("{}/", dir.path().display()), "");
    match Config::load(&Inputs::new().with_file(&path)) {
        Err(error) => plain(error.to_string()),
        Ok(loaded) => {
            let shown = format!("{:?}", loaded.config);
            assert!(!shown.contains("hunter2"), "{shown}");
            plain(loaded.warnings.iter().map(ToString::to_string).collect())
        }
    }
}

#[test]
fn two_ways_to_say_who_we_are_exclude_each_other() {
    for (toml, keys) in [
        ("creds_file = \"a\"\ntoken = \"hunter2\"", ["nats.creds_file", "nats.token"]),
        ("nkey = \"hunter2\"\nuser = \"u\"\npassword = \"hunter2\"", ["nats.nkey", "nats.user"]),
        (
            "password_file = \"a\"\npassword_env = \"A\"\nuser = \"u\"",
            ["nats.password_file", "nats.password_env"],
        ),
        ("domain = \"a\"\napi_prefix = \"b\"", ["nats.domain", "nats.api_prefix"]),
    ] {
        let said = error(toml, &[]);
        let both = format!("`{}` and `{}`", keys[0], keys[1]);
        assert!(said.contains(&both) && said.contains("exclude each other"), "{said}");
    }
}

#[test]
fn what_cannot_be_credentials_is_refused_by_key_and_file() {
    for (toml, why) in [
        ("user = \"u\"", "`nats.user` needs a password: set `nats.password_file`"),
        ("password = \"hunter2\"", "`nats.password` needs the name of the user: set `nats.user`"),
        ("nkey = \"hunter2\"", "`nats.nkey` is no nkey seed of a user"),
        ("nkey_file = \"bad\"", "`nats.nkey_file` (bad) is no nkey seed of a user"),
        ("creds_file = \"bad\"", "`nats.creds_file` (bad) has no user JWT in it"),
        ("creds_file = \"hunter2\"", "`nats.creds_file` names no file"),
        ("token_file = \"empty\"", "`nats.token_file` (empty) is empty"),
        (
            "token_env = \"FORGEWIRE_ABSENT\"",
            "`nats.token_env` names an environment variable that is not set",
        ),
        ("inbox_prefix = \"a.>\"", "`nats.inbox_prefix` must be tokens"),
        ("domain = \"a.b\"", "`nats.domain` must be one token"),
    ] {
        let said = error(toml, &[("bad", "hunter2"), ("empty", "")]);
        assert!(said.contains(why), "{toml}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_jwt_that_has_expired_is_warned_about_with_its_time() {
    let text = Operator::new().creds(Some(1_700_000_000));
    let said = error("creds_file = \"old.creds\"", &[("old.creds", &text)]);
    assert!(
        said.contains("`nats.creds_file`: what is in old.creds expired at 2023-11-14T22:13:20Z"),
        "{said}"
    );
}

// Other commands.

fn run(
    home: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forgewire"));
    command.args(arguments).env_clear().env("HOME", home).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_reads_by_every_way_to_say_who_we_are() {
    let operator = Operator::new();
    let nats = operator.server();
    let (dir, file, config) = with_creds(&operator.creds(None));
    let daemon = Daemon::with(&nats, &config).await;
    publishes(&daemon, "tail-1").await;
    let file = file.to_str().unwrap();
    let toml = dir.path().join("forgewire.toml");
    std::fs::write(
        &toml,
        config.replacen("[nats]", &format!("[nats]\nservers = [\"{}\"]", nats.url), 1),
    )
    .unwrap();
    let tail = ["tail", "--all", "--count", "1", "--json"];
    for (more, variables) in [
        (&["--nats", &nats.url, "--creds", file][..], &[][..]),
        (&["--nats", &nats.url], &[("NATS_CREDS", file)]),
        (&[], &[("NATS_URL", &*nats.url), ("NATS_CREDS", file)]),
        (&["--config", toml.to_str().unwrap()], &[]),
    ] {
        let (code, out, err) = run(dir.path(), &[&tail[..], more].concat(), variables);
        assert!(code == Some(0) && out.contains("gitea:tail-1"), "{more:?} {variables:?}: {err}");
    }
    let (code, _, err) = run(dir.path(), &[&tail[..], &["--nats", &nats.url]].concat(), &[]);
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("nats.creds_file") && err.contains("--creds"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_a_url_on_the_command_line_counts() {
    let nats = server("{ user: forgewire, password: \"p@ss\" }");
    let daemon =
        Daemon::with(&nats, &configured("user = \"forgewire\"\npassword = \"p@ss\"")).await;
    publishes(&daemon, "url-1").await;
    let home = tempfile::tempdir().unwrap();
    let url = nats.url.replace("//", "//forgewire:p%40ss@");
    let tail = ["tail", "--all", "--count", "1", "--json", "--nats"];
    let (code, out, err) = run(home.path(), &[&tail[..], &[&url]].concat(), &[]);
    assert!(code == Some(0) && out.contains("gitea:url-1"), "{err}");
    let (_, _, err) =
        run(home.path(), &[&tail[..], &[&url.replace("p%40ss", "hunter2")]].concat(), &[]);
    assert!(err.contains("authorization violation") && !err.contains("hunter2"), "{err}");
}
