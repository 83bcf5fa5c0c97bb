//! A running `forgewire dev`, and commands beside it: real processes, in a state directory of their own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use forgewire::dev_state::DevState;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A home of its own, in which commands run.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in its state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.0.path().join("state/forgewire").join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The executable with nothing of the environment but what is needed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forgewire"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("XDG_STATE_HOME", self.0.path().join("state"))
            .env("TMPDIR", self.0.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// The directory for temporary files of its commands.
    pub(crate) fn temporary(&self) -> &Path {
        self.0.path()
    }
}

/// A command that has ended.
pub(crate) struct Ran(Output);

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", self.err()))
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}

/// A running `forgewire dev` on free ports. Killed when dropped.
pub(crate) struct Dev {
    child: Child,
    lines: Receiver<String>,
    pub(crate) state: DevState,
}

impl Dev {
    pub(crate) fn start(home: &Home, options: &[&str]) -> Self {
        let free = ["dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut child = home
            .command(&[&free, options].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Once nobody listens, the pipe is closed.
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let pid = child.id();
        let ours = || {
            let text = std::fs::read(home.state("dev.json")).ok()?;
            serde_json::from_slice(&text).ok().filter(|state: &DevState| state.pid == pid)
        };
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(state) = ours() {
                return Self { child, lines, state };
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("dev ended, {status}: {}", errors(&mut child));
            }
            assert!(Instant::now() < deadline, "dev did not come up");
            pause();
        }
    }

    /// Waits for a line with `text` on standard output.
    pub(crate) fn line(&self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|error| panic!("no line with {text:?}: {error}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// The process of its nats-server: the one whose parent it is.
    pub(crate) fn nats_pid(&self) -> i32 {
        let tasks = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = std::fs::read_to_string(tasks).unwrap();
        let children: Vec<i32> =
            children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(children.len(), 1, "{children:?}");
        children[0]
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Nobody reads standard output any more once the next line is there.
    pub(crate) fn close_stdout(&mut self) {
        self.lines = channel().1;
    }

    /// Waits for its end; status and standard error.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        wait_until("dev ends", || self.child.try_wait().unwrap().is_some());
        (self.child.wait().unwrap(), errors(&mut self.child))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn errors(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Waits for a condition, at most [`LIMIT`].
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        pause();
    }
}

/// Between two looks: looking must not starve what it waits for.
fn pause() {
    std::thread::park_timeout(Duration::from_millis(5));
}

/// Whether a process runs: it is there, and not only waiting to be collected.
pub(crate) fn runs(pid: i32) -> bool {
    let there = test_kill_process(Pid::from_raw(pid).unwrap()).is_ok();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    there && state.flatten().is_some_and(|state| state != 'Z')
}
