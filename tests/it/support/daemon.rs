//! `forgewire serve` as a process of its own, and its stream.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::nats::NatsServer;
use super::{LIMIT, eventually, http};

/// A running daemon. Dropping it kills it.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) hooks: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    dir: TempDir,
}

/// The sources that most tests use: one of each kind, named after it, with [`super::hook::SECRET`].
pub(crate) fn sources() -> String {
    let source = |kind: &str| {
        format!("[sources.{kind}]\nkind = \"{kind}\"\nsecret = \"{}\"\n", super::hook::SECRET)
    };
    forgewire::source::Kind::ALL.iter().map(|kind| source(kind.name())).collect()
}

impl Daemon {
    /// Starts a daemon with the usual sources and waits until it is ready.
    pub(crate) async fn start(nats: &NatsServer) -> Self {
        Self::with(nats, &sources()).await
    }

    /// Starts a daemon with this configuration after the addresses, and waits until it is ready.
    pub(crate) async fn with(nats: &NatsServer, config: &str) -> Self {
        let daemon = Self::unready(&nats.url, config, &[]).await;
        daemon.ready().await;
        daemon
    }

    /// Starts a daemon whose log filter is that of its configuration file, and waits until it is ready.
    pub(crate) async fn without_filter(nats: &NatsServer, config: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "unset FORGEWIRE_LOG__FILTER && exec \"$0\" \"$@\""]);
        command.arg(env!("CARGO_BIN_EXE_forgewire"));
        let daemon = Self::run(command, &nats.url, config, &[]).await;
        daemon.ready().await;
        daemon
    }

    /// Starts a daemon that may have only so many files open, and waits until it is ready.
    pub(crate) async fn with_open_files(nats: &NatsServer, most: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]);
        command.arg(env!("CARGO_BIN_EXE_forgewire")).stdin(Stdio::null());
        let daemon = Self::run(command, &nats.url, &sources(), &[]).await;
        daemon.ready().await;
        daemon
    }

    /// Starts a daemon and waits only until it listens.
    pub(crate) async fn unready(nats_url: &str, config: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forgewire"));
        command.stdin(Stdio::null());
        Self::run(command, nats_url, config, arguments).await
    }

    /// The same with these variables set.
    pub(crate) async fn in_environment(
        nats_url: &str,
        config: &str,
        variables: &[(&str, String)],
    ) -> Self {
        let mut command = Command::new("env");
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(env!("CARGO_BIN_EXE_forgewire"));
        Self::run(command, nats_url, config, &[]).await
    }

    /// Starts a daemon by this command, to which its arguments are added, and waits only until it listens.
    pub(crate) async fn run(
        mut command: Command,
        nats_url: &str,
        config: &str,
        arguments: &[&str],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("forgewire.toml");
        std::fs::write(&path, config).unwrap();
        // A test that has something to say about the spool says where it is, too.
        let spool = format!("spool.dir={}", dir.path().join("spool").display());
        let own = (!config.contains("[spool]")).then_some(["--set", &spool]);
        // A test of the address itself names it.
        let listen = (!arguments.contains(&"--listen")).then_some(["--listen", "127.0.0.1:0"]);
        let mut child = serve(&mut command, &path, nats_url)
            .args(listen.iter().flatten())
            .args(own.iter().flatten())
            .args(arguments)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("forgewire starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        let listening = eventually("forgewire listens", || async {
            find(&log, "Listening.").or_else(|| {
                let ended = log.lock().unwrap().iter().any(|line| line.starts_with("forgewire: "));
                assert!(!ended, "did not start: {:?}", log.lock().unwrap());
                None
            })
        })
        .await;
        let address = |field: &str| listening[field].as_str().unwrap().parse().unwrap();
        Self { hooks: address("hooks"), admin: address("admin"), child, log, dir }
    }

    /// Waits until `/readyz` says that JetStream stores.
    pub(crate) async fn ready(&self) {
        eventually("forgewire is ready", || async {
            let ready = http::get(self.admin, "/readyz").await;
            (ready.status == 200 && ready.json()["stores"] == "jetstream").then_some(())
        })
        .await;
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("forgewire.toml")
    }

    /// Waits until this message has been logged so many times.
    pub(crate) async fn logged_times(&self, message: &str, times: usize) {
        let quoted = format!("\"{message}\"");
        eventually(message, || async {
            let lines = self.log();
            (lines.iter().filter(|line| line.contains(&quoted)).count() >= times).then_some(())
        })
        .await;
    }

    /// Every log line so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a log line with this message, and gives its fields.
    pub(crate) async fn logged(&self, message: &str) -> Value {
        eventually(message, || async { find(&self.log, message) }).await
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = self
            .child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("still running"), signal).unwrap();
    }

    /// Waits for the end, and gives the exit code.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        tokio::time::timeout(LIMIT, self.child.wait()).await.expect("ended in time").unwrap().code()
    }
}

/// The rest of the command: addresses of its own, and a log to be read by tests.
fn serve<'a>(command: &'a mut Command, config: &Path, nats_url: &str) -> &'a mut Command {
    command
        .args(["serve", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
        .args(["--set", &format!("nats.servers={nats_url}"), "--config"])
        .arg(config)
        .env("FORGEWIRE_LOG__FILTER", "debug")
}

fn find(log: &Mutex<Vec<String>>, message: &str) -> Option<Value> {
    let log = log.lock().unwrap();
    let lines = log.iter().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.into_iter().find(|line| line["message"] == message)
}

/// A message of the stream.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) headers: std::collections::BTreeMap<String, String>,
    pub(crate) bytes: bytes::Bytes,
    pub(crate) body: Value,
}

/// Everything in the stream `FORGE`, in order; the schema takes each body.
pub(crate) async fn stored(nats: &NatsServer) -> Vec<Stored> {
    let client = async_nats::connect(&nats.url).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("FORGE").await.unwrap();
    let state = stream.get_info().await.unwrap().state;
    let mut messages = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        super::schema::assert_valid(&message.payload);
        let headers = message.headers.iter().map(|(name, values)| {
            assert_eq!(values.len(), 1, "{name} once");
            (name.to_string(), values[0].as_str().to_owned())
        });
        messages.push(Stored {
            subject: message.subject.to_string(),
            headers: headers.collect(),
            body: serde_json::from_slice(&message.payload).unwrap_or(Value::Null),
            bytes: message.payload,
        });
    }
    messages
}
