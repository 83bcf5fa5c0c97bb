//! A real nats-server for one test: on a free port, with a store of its own, gone when it is dropped.
//!
//! It can be killed or stopped and started again on the same port and store. `nats-server` comes from `PATH`,
//! or from where `FORGEWIRE_NATS_SERVER` says.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a condition may take to come true: far longer than it does, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A running nats-server with JetStream.
pub(crate) struct NatsServer {
    /// What clients connect to.
    pub(crate) url: String,
    /// Its port, on 127.0.0.1.
    pub(crate) port: u16,
    /// Its store and its log, `nats.log`.
    pub(crate) dir: TempDir,
    child: Option<Child>,
    program: OsString,
}

/// The server that tests run.
pub(crate) fn usual() -> OsString {
    std::env::var_os("FORGEWIRE_NATS_SERVER").unwrap_or_else(|| "nats-server".into())
}

impl NatsServer {
    /// Starts a server, and returns when it takes clients and JetStream is ready.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = usual();
        let child = spawn(&program, dir.path(), "-1");
        let ports = dir.path().join(format!("nats-server_{}.ports", child.id()));
        let mut server = Self { url: String::new(), port: 0, dir, child: Some(child), program };
        server.port = eventually("nats-server says its port", || {
            server.must_run();
            port_in(&ports)
        });
        server.url = format!("nats://127.0.0.1:{}", server.port);
        server.wait();
        server
    }

    /// One that does not run yet, on a port that nothing listens on.
    pub(crate) fn absent() -> Self {
        let port = free_port();
        Self {
            url: format!("nats://127.0.0.1:{port}"),
            port,
            dir: tempfile::tempdir().unwrap(),
            child: None,
            program: usual(),
        }
    }

    /// One with this configuration beside its flags, and what may be said of JetStream beside its store.
    pub(crate) fn configured(text: &str, jetstream: &str) -> Self {
        Self::configured_by(&usual(), text, jetstream)
    }

    /// The same, of another program than the usual one.
    pub(crate) fn configured_by(program: &OsStr, text: &str, jetstream: &str) -> Self {
        let mut server = Self::absent();
        program.clone_into(&mut server.program);
        write_config_with(server.dir.path(), jetstream, text);
        server.restart();
        server
    }

    /// Waits until something listens on its port: one that begins with TLS greets nobody.
    pub(crate) fn wait_for_port(&mut self) {
        let port = self.port;
        eventually("nats-server listens", || {
            self.must_run();
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(drop)
        });
    }

    /// Stops it (SIGSTOP): its connections stay open, and nothing answers. Returns when it has stopped: a signal
    /// is sent before every thread has heard of it, and what comes in between would still be answered.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
        let pid = rustix::process::Pid::from_child(self.child.as_ref().expect("it runs"));
        let stopped = rustix::process::WaitIdOptions::STOPPED;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), stopped).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("it runs");
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
    }

    /// Gives it this configuration beside its flags, from its next start on; a running one reads it now.
    pub(crate) fn configure(&self, text: &str) {
        write_config(self.dir.path(), text);
        if self.child.is_some() {
            let before = self.log().matches("Reloaded server configuration").count();
            self.signal(rustix::process::Signal::HUP);
            eventually("the configuration is read again", || {
                let now = self.log().matches("Reloaded server configuration").count();
                (now > before).then_some(())
            });
        }
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it in order, as an administrator would.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port and store, ending it in order if it still runs.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.launch();
        self.wait();
    }

    /// Starts one that does not run, without waiting for it.
    pub(crate) fn launch(&mut self) {
        self.child = Some(spawn(&self.program, self.dir.path(), &self.port.to_string()));
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("nats.log")).unwrap_or_default()
    }

    /// Waits until it greets clients and has JetStream.
    pub(crate) fn wait(&mut self) {
        let port = self.port;
        eventually("nats-server is ready", || {
            self.must_run();
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
            let mut greeting = String::new();
            BufReader::new(stream).read_line(&mut greeting).ok()?;
            greeting.contains("\"jetstream\":true").then_some(())
        });
    }

    fn must_run(&mut self) {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
        if let Some(status) = ended {
            panic!("nats-server ended with {status}:\n{}", self.log());
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &OsStr, dir: &Path, port: &str) -> Child {
    let config = dir.join("nats.conf");
    if !config.exists() {
        write_config(dir, "");
    }
    Command::new(program)
        .args(["--addr", "127.0.0.1", "--port", port])
        .arg("--config")
        .arg(config)
        .arg("--ports_file_dir")
        .arg(dir)
        .arg("--log")
        .arg(dir.join("nats.log"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "cannot run {}: {error}. These tests need a real nats-server: install it \
                 (`apt-get install nats-server`), or say where it is in FORGEWIRE_NATS_SERVER",
                program.display()
            )
        })
}

/// JetStream is configured in the file: given by flags, a server that reads its file again would end it.
fn write_config(dir: &Path, more: &str) {
    write_config_with(dir, "", more);
}

fn write_config_with(dir: &Path, jetstream: &str, more: &str) {
    let store = dir.join("store");
    let text = format!("jetstream {{ store_dir: \"{}\"\n{jetstream} }}\n{more}\n", store.display());
    fs::write(dir.join("nats.conf"), text).unwrap();
}

/// The first client port in a ports file, once it is written completely. Its name begins with the
/// program's, which is not always `nats-server`.
fn port_in(ports: &Path) -> Option<u16> {
    let text = fs::read(ports).or_else(|_error| fs::read(any_ports_file(ports)?)).ok()?;
    let ports: serde_json::Value = serde_json::from_slice(&text).ok()?;
    ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
}

fn any_ports_file(beside: &Path) -> std::io::Result<PathBuf> {
    let dir = beside.parent().unwrap();
    fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "ports"))
        .ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// A port that nothing listens on, and that nobody else is given here: it is below those that the system gives to
/// clients, which would otherwise take it while a server is away.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PORTS: std::ops::Range<u16> = 10_000..30_000;
    // Processes begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    for _ in PORTS {
        let place = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = u16::try_from(place % u32::from(PORTS.end - PORTS.start)).unwrap();
        let port = PORTS.start + place;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// Waits until `condition` gives something, at most [`LIMIT`].
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Like [`eventually`], for conditions that wait themselves.
pub(crate) async fn eventually_async<T>(
    what: &str,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let looks = async {
        let mut pause = tokio::time::interval(LOOK);
        loop {
            pause.tick().await;
            if let Some(found) = condition().await {
                return found;
            }
        }
    };
    let Ok(found) = tokio::time::timeout(LIMIT, looks).await else {
        panic!("not within {LIMIT:?}: {what}");
    };
    found
}
