//! `forgewire health`: the exit code and the line that a container's health check goes by.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::daemon::{Daemon, sources};
use crate::support::nats::NatsServer;

/// A configuration file, and commands that read it.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("forgewire.toml"), config).unwrap();
        Self { dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("forgewire.toml")
    }

    /// Exit code, standard output, standard error.
    async fn health(&self, arguments: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forgewire"));
        command.arg("health").args(arguments).env("FORGEWIRE_CONFIG", self.file());
        let output = command.envs(env.iter().copied()).kill_on_drop(true).output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn listen(address: SocketAddr) -> String {
    format!("[admin]\nlisten = \"{address}\"\n")
}

/// Answers one request with these bytes.
fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _request = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

#[tokio::test]
async fn a_ready_daemon_is_healthy_wherever_its_address_is_given() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let address = daemon.admin.to_string();
    let everywhere = format!("0.0.0.0:{}", daemon.admin.port());
    let place = Place::new(&listen(daemon.admin));
    let elsewhere = Place::new("[admin]\nlisten = \"192.0.2.1:1\"\n");
    let ready = (0, "ready, deliveries go to: jetstream\n".to_owned(), String::new());
    assert_eq!(place.health(&[], &[]).await, ready);
    assert_eq!(place.health(&["--live"], &[]).await, (0, "alive\n".to_owned(), String::new()));
    assert_eq!(elsewhere.health(&["--admin-listen", &address], &[]).await, ready);
    let set = format!("admin.listen={address}");
    assert_eq!(elsewhere.health(&["--set", &set], &[]).await, ready);
    let env = [("FORGEWIRE_ADMIN__LISTEN", everywhere.as_str())];
    assert_eq!(elsewhere.health(&[], &env).await, ready, "all addresses include the loopback");
}

#[tokio::test]
async fn a_daemon_that_cannot_store_lives_and_is_not_ready() {
    let nats = NatsServer::absent();
    let config = format!("[spool]\nenabled = false\n{}", sources());
    let daemon = Daemon::unready(&nats.url, &config, &[]).await;
    let place = Place::new(&listen(daemon.admin));
    let not_ready = (1, "not ready: nats_not_connected\n".to_owned(), String::new());
    assert_eq!(place.health(&[], &[]).await, not_ready);
    assert_eq!(place.health(&["--live"], &[]).await.0, 0);
}

#[tokio::test]
async fn what_else_is_wrong_with_the_configuration_does_not_matter() {
    let nats = NatsServer::start();
    let daemon = Daemon::start(&nats).await;
    let wrong = "[http]\nlisten = \"nowhere\"\n[sources.gitea]\nkind = \"gitea\"\nsecret_file = \"/not/there\"\n[spol]\n";
    let place = Place::new(&format!("{}{wrong}", listen(daemon.admin)));
    assert_eq!(place.health(&[], &[]).await.0, 0);
    // Where it stands above a file that cannot be read, the file is not needed.
    let broken = Place::new("[admin\n");
    let address = daemon.admin.to_string();
    let env = [("FORGEWIRE_ADMIN__LISTEN", address.as_str())];
    assert_eq!(broken.health(&[], &env).await.0, 0);
}

#[tokio::test]
async fn an_address_that_cannot_be_known_is_an_error_of_the_configuration() {
    let (code, out, err) = Place::new("[admin\n").health(&[], &[]).await;
    assert_eq!((code, out.as_str()), (78, ""));
    assert!(err.contains("forgewire.toml:1: not valid TOML"), "{err}");
    let (code, _, err) = Place::new("[admin]\nlisten = \"here\"\n").health(&[], &[]).await;
    assert_eq!(code, 78);
    assert!(
        err.contains("forgewire.toml:2: `admin.listen` must be an IP address and port"),
        "{err}"
    );
    let (code, _, err) = Place::new("").health(&["--config", "/not/there.toml"], &[]).await;
    assert_eq!(code, 78);
    assert!(err.contains("configuration file /not/there.toml: it does not exist"), "{err}");
    let (code, _, err) = Place::new("[admin]\nlisten = \"127.0.0.1:0\"\n").health(&[], &[]).await;
    assert_eq!(code, 69);
    assert!(err.contains("admin.listen has port 0") && err.contains("--admin-listen"), "{err}");
}

#[tokio::test]
async fn who_does_not_answer_is_named_with_the_reason() {
    // Bound, so that nobody else takes the port, and never listening.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let nobody = nobody.local_addr().unwrap().as_socket().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stranger = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
    for (address, path, reason) in [
        (nobody, "/readyz", "Connection refused"),
        (silent.local_addr().unwrap(), "/livez", "no answer within 3 s"),
        (stranger, "/readyz", "what listens there is not forgewire's: it answered 404 Not Found"),
    ] {
        let options: &[&str] = if path == "/livez" { &["--live"] } else { &[] };
        let (code, out, err) = Place::new(&listen(address)).health(options, &[]).await;
        assert_eq!((code, out.as_str()), (69, ""), "{err}");
        let whole = format!("the daemon does not answer at http://{address}{path}: {reason}");
        assert!(err.contains(&whole), "{err}");
    }
}
