//! TLS to NATS: whom the daemon believes, and how it is known.

use std::path::PathBuf;

use forgewire::config::{Config, Inputs};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::nats_auth::{CANNOT, configured, publishes};
use crate::support::daemon::Daemon;
use crate::support::nats::NatsServer;

/// An authority, and what it has signed, as files.
struct Pki {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        Self { dir, issuer: Issuer::new(params, key) }
    }

    /// Signs a certificate for this name, good until that year; its files are named after `file`.
    fn sign(&self, file: &str, name: &str, until: i32) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{file}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn setting(&self, key: &str, name: &str) -> String {
        format!("{key} = \"{}\"\n", self.path(name).display())
    }

    /// What a server says in its configuration.
    fn of_server(&self, more: &str) -> String {
        let path = |name| self.path(name).display().to_string();
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", {more} }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }

    fn trusted(&self) -> String {
        self.setting("tls_ca_file", "ca.pem")
    }

    fn client(&self, name: &str) -> String {
        self.setting("tls_cert_file", &format!("{name}.pem"))
            + &self.setting("tls_key_file", &format!("{name}.key"))
    }
}

fn pki() -> Pki {
    let pki = Pki::new();
    pki.sign("server", "127.0.0.1", 2099);
    pki.sign("client", "forgewire", 2099);
    pki
}

#[tokio::test]
async fn a_server_is_believed_by_the_authority_that_is_configured() {
    let pki = pki();
    let nats = NatsServer::configured(&pki.of_server(""), "");
    let daemon = Daemon::with(&nats, &configured(&pki.trusted())).await;
    publishes(&daemon, "tls-1").await;
}

/// Reason and what to look at, of a daemon that gets no connection.
async fn refusal(nats: &NatsServer, settings: &str) -> String {
    let daemon = Daemon::unready(&nats.url, &configured(settings), &[]).await;
    let line = daemon.logged(CANNOT).await;
    format!("{} | {}", line["reason"].as_str().unwrap(), line["look_at"].as_str().unwrap())
}

#[tokio::test]
async fn why_there_is_no_tls_connection_is_said_with_the_key() {
    let pki = pki();
    let nats = NatsServer::configured(&pki.of_server("verify: true"), "");
    let stranger = Pki::new();
    for (settings, reason, key) in [
        // Of another authority of the same name the signature is not the right one.
        (stranger.trusted(), "BadSignature", "nats.tls_ca_file: no authority in it"),
        (pki.trusted(), "received fatal alert", "nats.tls_cert_file and nats.tls_key_file"),
    ] {
        let line = refusal(&nats, &settings).await;
        assert!(line.contains(reason) && line.contains(key), "{line}");
    }
    // The system knows none of that name, if it knows any.
    let line = refusal(&nats, "").await;
    assert!(line.contains("nats.tls_ca_file"), "{line}");
    stranger.sign("client", "forgewire", 2099);
    let line = refusal(&nats, &(pki.trusted() + &stranger.client("client"))).await;
    assert!(line.contains("received fatal alert") && line.contains("nats.tls_cert_file"), "{line}");
    pki.sign("server", "elsewhere.example.com", 2099);
    let nats = NatsServer::configured(&pki.of_server(""), "");
    let line = refusal(&nats, &pki.trusted()).await;
    assert!(line.contains("nats.servers: the server's certificate is for another name"), "{line}");
    pki.sign("server", "127.0.0.1", 2021);
    let nats = NatsServer::configured(&pki.of_server(""), "");
    let line = refusal(&nats, &pki.trusted()).await;
    assert!(line.contains("renew it, or set the clock"), "{line}");
    let plain = NatsServer::start();
    let line = refusal(&plain, &pki.trusted()).await;
    assert!(line.contains("the server does not speak TLS"), "{line}");
    let line = refusal(&plain, &(pki.trusted() + "tls_first = true")).await;
    assert!(line.contains("nats.tls_first"), "{line}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_read_again_at_the_next_connection() {
    let pki = pki();
    let mut nats = NatsServer::configured(&pki.of_server("verify: true"), "");
    let daemon = Daemon::with(&nats, &configured(&(pki.trusted() + &pki.client("client")))).await;
    publishes(&daemon, "cert-1").await;
    std::fs::write(pki.path("client.pem"), "hunter2").unwrap();
    nats.restart();
    // While the server was away it was refused before.
    let names_it = |line: &&String| line.contains("\"reason\":\"nats.tls_cert_file (");
    let line = crate::support::eventually("the certificate is named", || async {
        daemon.log().iter().filter(|line| line.contains(CANNOT)).find(names_it).cloned()
    })
    .await;
    assert!(line.contains("no certificate"), "{line}");
    pki.sign("client", "forgewire", 2098);
    crate::support::eventually("it is connected again", || async {
        daemon
            .log()
            .iter()
            .rev()
            .find(|line| line.contains("NATS"))?
            .contains("Connected")
            .then_some(())
    })
    .await;
    daemon.ready().await;
    publishes(&daemon, "cert-2").await;
}

#[tokio::test]
async fn tls_comes_first_where_the_server_wants_it() {
    let pki = pki();
    let mut nats = NatsServer::absent();
    if !has_handshake_first() {
        // Debian's is older: only what the daemon does is seen, which is to begin with TLS.
        nats.restart();
        let line = refusal(&nats, &(pki.trusted() + "tls_first = true")).await;
        assert!(line.contains("nats.tls_first"), "{line}");
        eprintln!(
            "nats-server is older than 2.10.4: handshake_first was not tried; name a newer one in FORGEWIRE_NATS_SERVER"
        );
        return;
    }
    nats.configure(&pki.of_server("handshake_first: true"));
    nats.launch();
    nats.wait_for_port();
    let daemon = Daemon::with(&nats, &configured(&(pki.trusted() + "tls_first = true"))).await;
    publishes(&daemon, "first-1").await;
    let line = refusal(&nats, &pki.trusted()).await;
    assert!(line.contains("nats.tls_first = true"), "{line}");
}

/// Whether the server that tests run is 2.10.4 or newer.
fn has_handshake_first() -> bool {
    let program = std::env::var_os("FORGEWIRE_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
    let output = std::process::Command::new(program).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.trim().rsplit('v').next().unwrap();
    let parts: Vec<u32> = version.split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    parts >= vec![2, 10, 4]
}

fn problem(pki: &Pki, toml: &str) -> String {
    let path = pki.path("forgewire.toml");
    std::fs::write(&path, format!("[nats]\n{toml}")).unwrap();
    let plain = |text: String| text.replace(&format!("{}/", pki.dir.path().display()), "");
    match Config::load(&Inputs::new().with_file(&path)) {
        Err(error) => plain(error.to_string()),
        Ok(loaded) => plain(loaded.warnings.iter().map(ToString::to_string).collect()),
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_by_key_and_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let pki = pki();
    pki.sign("other", "forgewire", 2099);
    pki.sign("old", "forgewire", 2021);
    std::fs::write(pki.path("bad"), "hunter2").unwrap();
    let private = |name: &str| {
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(pki.path(name), mode).unwrap();
    };
    ["client.key", "old.key", "other.key"].into_iter().for_each(private);
    for (toml, why) in [
        ("tls_ca_file = \"bad\"", "`nats.tls_ca_file` (bad) has no certificate in it"),
        ("tls_ca_file = \"hunter2\"", "`nats.tls_ca_file` names no file"),
        ("tls_cert_file = \"client.pem\"", "`nats.tls_cert_file` needs its key"),
        ("tls_key_file = \"client.key\"", "`nats.tls_key_file` needs a certificate"),
        (
            "tls_cert_file = \"client.key\"\ntls_key_file = \"client.key\"",
            "`nats.tls_cert_file` (client.key) has no certificate in it",
        ),
        (
            "tls_cert_file = \"client.pem\"\ntls_key_file = \"bad\"",
            "`nats.tls_key_file` (bad) has no private key in it",
        ),
        (
            "tls_cert_file = \"client.pem\"\ntls_key_file = \"other.key\"",
            "`nats.tls_key_file` (other.key) holds a private key that does not belong",
        ),
        (
            "tls_cert_file = \"old.pem\"\ntls_key_file = \"old.key\"",
            "`nats.tls_cert_file`: what is in old.pem expired at 2021-01-01T00:00:00Z",
        ),
    ] {
        let said = problem(&pki, toml);
        assert!(said.contains(why), "{toml}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(problem(&pki, "tls_cert_file = \"client.pem\"\ntls_key_file = \"client.key\""), "");
}
