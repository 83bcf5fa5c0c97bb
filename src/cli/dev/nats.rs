//! The NATS server of a run: found, started on a leash, waited for, stopped.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval, timeout};

use super::leash::leashed;
use super::place::Place;

/// How often the file with the ports is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long the server may take to end before it is killed.
const LONGEST_STOP: Duration = Duration::from_secs(5);
/// Lines of its log that an error quotes.
const LAST_LINES: usize = 10;
/// Where distributions put it for administrators, whose directories a user's PATH lacks.
const ALSO: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// A nats-server that is ours. Killed when dropped; [`Server::stop`] is kinder.
pub(super) struct Server {
    child: Child,
    ports: PathBuf,
    log: PathBuf,
}

/// The file that nats-server writes when it listens.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

impl Server {
    /// Starts it; call it from the main thread (see [`leashed`]).
    pub(super) fn start(
        program: Option<&Path>,
        port: Option<u16>,
        place: &Place,
    ) -> anyhow::Result<Self> {
        let program = find(program)?;
        let ports = place.fresh_directory("ports")?;
        let log = place.path("nats-server.log");
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = leashed(&program)?;
        command
            .args(["-a", "127.0.0.1", "-js", "-p"])
            .arg(port.map_or_else(|| "-1".to_owned(), |port| port.to_string()))
            .arg("-sd")
            .arg(place.path("jetstream"))
            .arg("--ports_file_dir")
            .arg(&ports)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command.spawn().context("cannot start forgewire itself as a leash")?;
        Ok(Self { child, ports, log })
    }

    /// Waits until it listens; the URL.
    pub(super) async fn ready(&mut self, patience: Duration) -> anyhow::Result<String> {
        let deadline = Instant::now() + patience;
        let mut look = interval(LOOK);
        // Named after the program and its process: the leash became the program, so that is the child's.
        let name = format!("_{}.ports", self.child.id());
        while Instant::now() < deadline {
            look.tick().await;
            if let Some(status) = self.child.try_wait()? {
                return Err(self.ended(status));
            }
            let file = std::fs::read_dir(&self.ports)?
                .filter_map(Result::ok)
                .find(|entry| entry.file_name().to_str().is_some_and(|file| file.ends_with(&name)));
            // The file may be half written; then the next look sees the rest.
            let ports = file.and_then(|file| std::fs::read(file.path()).ok());
            let ports = ports.and_then(|text| serde_json::from_slice::<Ports>(&text).ok());
            if let Some(url) = ports.and_then(|ports| ports.nats.into_iter().next()) {
                return Ok(url);
            }
        }
        Err(self.failed(&format!("nats-server did not listen within {} s", patience.as_secs())))
    }

    /// Waits until it ends, which it should not.
    pub(super) async fn died(&mut self) -> anyhow::Error {
        match self.wait().await {
            Ok(status) => self.ended(status),
            Err(error) => error.context("cannot watch nats-server"),
        }
    }

    async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let mut children = signal(SignalKind::child())?;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            children.recv().await;
        }
    }

    /// Asks it to end, and kills it when that takes too long.
    pub(super) async fn stop(mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Only a process that is gone already cannot be signalled.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = timeout(LONGEST_STOP, self.wait()).await;
        }
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        self.failed(&format!("nats-server ended ({status})"))
    }

    /// An error with the last words of the server.
    pub(super) fn failed(&self, what: &str) -> anyhow::Error {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        anyhow!("{what}; the end of its log, {}:\n{}", self.log.display(), last.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Both fail only for a child that is gone already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The program: as named, or from PATH.
fn find(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named.filter(|path| path.components().count() > 1) {
        if !is_executable(path) {
            bail!("{} (--nats-server) is no program that can be started", path.display());
        }
        return Ok(path.into());
    }
    let name = named.unwrap_or(Path::new("nats-server"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = search(name, &path);
    found.ok_or_else(|| {
        anyhow!(
            "{} is not installed: on Debian or Ubuntu `apt-get install nats-server`, elsewhere install the package nats-server; \
             or name a program with --nats-server, or a running server with --nats",
            name.display()
        )
    })
}

fn search(name: &Path, path: &OsStr) -> Option<PathBuf> {
    let also = ALSO.iter().map(PathBuf::from);
    let mut candidates =
        std::env::split_paths(path).chain(also).map(|directory| directory.join(name));
    candidates.find(|candidate| candidate.is_absolute() && is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
