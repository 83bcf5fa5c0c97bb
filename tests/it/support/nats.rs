//! A nats-server of a test's own: its own process, a free port, its own store.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running nats-server. Dropping it kills it.
pub(crate) struct NatsServer {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
}

impl NatsServer {
    /// Starts one with JetStream and an empty store.
    pub(crate) async fn start() -> Self {
        let mut server = Self { child: None, dir: tempfile::tempdir().unwrap(), port: 0 };
        server.launch().await;
        server
    }

    /// A server that is not running, on a port that nobody uses, to be launched later.
    pub(crate) fn absent() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { child: None, dir: tempfile::tempdir().unwrap(), port: free }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it, again on the same port and store.
    pub(crate) async fn launch(&mut self) {
        assert!(self.child.is_none(), "runs already");
        let program =
            std::env::var_os("FORGEWIRE_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let port = if self.port == 0 { "-1".to_owned() } else { self.port.to_string() };
        let child = Command::new(&program)
            .args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd"])
            .arg(self.dir.path().join("store"))
            .arg("--ports_file_dir")
            .arg(self.dir.path())
            .arg("-l")
            .arg(self.dir.path().join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program:?} cannot be started ({error}): install the package nats-server")
            });
        let ports = self.dir.path().join(format!("nats-server_{}.ports", child.id()));
        self.child = Some(child);
        self.port = self.await_port(ports).await;
    }

    async fn await_port(&self, file: PathBuf) -> u16 {
        let started = Instant::now();
        loop {
            if let Ok(text) = std::fs::read(&file)
                && let Ok(ports) = serde_json::from_slice::<serde_json::Value>(&text)
                && let Some(url) = ports["nats"][0].as_str()
                && let Some(port) = url.rsplit(':').next().and_then(|port| port.parse().ok())
            {
                return port;
            }
            let log = || std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "nats-server did not start: {}",
                log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops it (SIGSTOP): its connections stay open and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw).expect("runs");
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}
