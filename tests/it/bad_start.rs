//! A daemon that cannot start says which thing is in the way, and what to do.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::daemon::sources;

/// Runs a daemon that must not start: exit code and what it said last.
fn refused(mut command: Command, dir: &Path, more: &[&str]) -> (Option<i32>, String) {
    let config = dir.join("forgewire.toml");
    std::fs::write(&config, sources()).unwrap();
    std::fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
    let output: Output = command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .args(["--set", "nats.servers=nats://127.0.0.1:1"])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().rfind(|line| line.starts_with("forgewire: ")).unwrap_or_default();
    (output.status.code(), last.to_owned())
}

/// The program; one that starts after all is ended.
fn forgewire() -> Command {
    let mut command = Command::new("timeout");
    command.arg("30").arg(env!("CARGO_BIN_EXE_forgewire"));
    command
}

#[test]
fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let spool = format!("spool.dir={}", dir.path().join("spool").display());
    for flag in ["--listen", "--admin-listen"] {
        // The last one counts of a flag that may be given once only: the other address stays free.
        let other = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        let output = forgewire()
            .args(["serve", flag, &taken, other, "127.0.0.1:0", "--set", &spool])
            .env("FORGEWIRE_SOURCES__GITEA__KIND", "gitea")
            .env("FORGEWIRE_SOURCES__GITEA__SECRET", crate::support::hook::SECRET)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains(&format!("cannot listen on {taken}")), "{flag}: {said}");
        assert!(said.contains("the address is in use"), "{flag}: {said}");
    }
}

#[test]
fn an_address_that_is_not_this_machines_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let spool = format!("spool.dir={}", dir.path().join("spool").display());
    let elsewhere = ["--set", "http.idle_timeout=1h", "--set", &spool];
    let mut command = forgewire();
    command.env("FORGEWIRE_ADMIN__LISTEN", "192.0.2.1:8081");
    // A flag wins over the environment, so this one has none.
    let config = dir.path().join("forgewire.toml");
    std::fs::write(&config, sources()).unwrap();
    let output = command
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .args(elsewhere)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("cannot listen on 192.0.2.1:8081"), "{said}");
}

/// The program as another user than the one who owns what it is given; none where nobody can become another.
fn as_nobody(dir: &Path) -> Option<Command> {
    if !rustix::process::getuid().is_root() {
        return None;
    }
    // It may stand where only its owner may look.
    let program = dir.join("forgewire");
    std::fs::copy(env!("CARGO_BIN_EXE_forgewire"), &program).unwrap();
    std::fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("timeout");
    command
        .args(["30", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program);
    Some(command)
}

#[test]
fn a_spool_of_another_user_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let spool = dir.path().join("spool");
    std::fs::create_dir(&spool).unwrap();
    // Whoever is not root cannot give a directory away, but can take the right to write from itself.
    let mode = if rustix::process::getuid().is_root() { 0o755 } else { 0o555 };
    std::fs::set_permissions(&spool, Permissions::from_mode(mode)).unwrap();
    let command = as_nobody(dir.path()).unwrap_or_else(forgewire);
    let setting = format!("spool.dir={}", spool.display());
    let (code, said) = refused(command, dir.path(), &["--set", &setting]);
    assert_eq!(code, Some(69), "{said}");
    let lock = spool.join("lock");
    let expected = format!("{} cannot be written to: Permission denied", lock.display());
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("give it to the user that runs this"), "{said}");
}

#[test]
fn a_secret_that_the_daemons_user_may_not_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef").unwrap();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o200)).unwrap();
    let command = as_nobody(dir.path()).unwrap_or_else(forgewire);
    let more = format!("sources.locked.secret_file={}", secret.display());
    let (code, said) =
        refused(command, dir.path(), &["--set", &more, "--set", "sources.locked.kind=gitea"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(&format!("({}) may not be read", secret.display())), "{said}");
    assert!(said.contains("check owner and mode"), "{said}");
}
