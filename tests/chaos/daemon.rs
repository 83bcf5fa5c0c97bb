//! The daemon under test: on fixed ports, so that it can be killed and started again.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scrape::{Life, Sign, Watch};
use crate::support::nats::eventually;

/// How long a start may take, until it listens, and an orderly stop.
const LIMIT: Duration = Duration::from_secs(30);
/// The program under test.
const THIS_ONE: &str = env!("CARGO_BIN_EXE_forgewire");

/// How a daemon is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    /// On a socket that is open before it runs and after it has ended.
    pub(crate) activated: bool,
    /// By this program at first, instead of the one under test.
    pub(crate) program: Option<PathBuf>,
    /// Its `http.drain`, if not the default.
    pub(crate) drain: Option<&'static str>,
}

/// `forgewire serve`; killed when it is dropped.
pub(crate) struct Daemon {
    pub(crate) hooks: SocketAddr,
    admin: SocketAddr,
    /// What it writes to standard error, of all its lives.
    pub(crate) log: PathBuf,
    program: PathBuf,
    /// The socket for webhooks where it is given one, as by systemd: open all the time.
    socket: Option<TcpListener>,
    config: PathBuf,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    /// What scrapes it while it runs.
    watch: Option<Watch>,
    /// What is known of the processes before.
    lives: Vec<Life>,
}

impl Daemon {
    /// Prepares one that does not run yet, with `config` after the addresses, and its files in `dir` under this name.
    pub(crate) fn prepare(
        dir: &Path,
        name: &str,
        way: &Way,
        config: &str,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        let [hooks, admin] = free_addresses()?;
        let socket = way.activated.then(|| TcpListener::bind(hooks)).transpose()?;
        let path = dir.join(format!("{name}.toml"));
        let drain = way.drain.map(|drain| format!("drain = \"{drain}\"\n")).unwrap_or_default();
        let addresses =
            format!("[http]\nlisten = \"{hooks}\"\n{drain}[admin]\nlisten = \"{admin}\"\n");
        std::fs::write(&path, addresses + config)?;
        let log = dir.join(format!("{name}.log"));
        let program = way.program.clone().unwrap_or_else(|| THIS_ONE.into());
        Ok(Self {
            hooks,
            admin,
            log,
            program,
            socket,
            config: path,
            environment,
            child: None,
            watch: None,
            lives: Vec::new(),
        })
    }

    /// From the next start on it is the program under test.
    pub(crate) fn becomes_this_one(&mut self) {
        self.program = THIS_ONE.into();
    }

    /// Starts it, and returns when it listens.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = self
            .command()?
            .args(["serve", "--log-format", "json", "--config"])
            .arg(&self.config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(log)
            .spawn()
            .context("cannot start forgewire")?;
        self.child = Some(child);
        let began = Instant::now();
        // A socket that is always open tells nothing, and the two are not opened at the same moment.
        while [self.admin, self.hooks].into_iter().any(|port| TcpStream::connect(port).is_err()) {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                bail!("forgewire ended at its start ({status}): {}", self.last_lines());
            }
            ensure!(began.elapsed() < LIMIT, "forgewire does not listen: {}", self.last_lines());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.watch = Some(Watch::begin(self.admin, began));
        Ok(())
    }

    /// What is known of every process so far; of the one that runs, after another look.
    pub(crate) fn lives(&self) -> Vec<Life> {
        let running = self.watch.as_ref().map(Watch::now);
        self.lives.iter().cloned().chain(running).collect()
    }

    /// What the metrics of the process that runs have shown since they were last asked about.
    pub(crate) fn take_signs(&self) -> BTreeSet<Sign> {
        self.watch.as_ref().map(Watch::take_signs).unwrap_or_default()
    }

    /// What they show now.
    pub(crate) fn signs_now(&self) -> BTreeSet<Sign> {
        let now = self.watch.as_ref().map(Watch::now);
        let last = now.as_ref().and_then(|life| life.scrapes.last());
        last.map(|scrape| Sign::all_in(&scrape.series)).unwrap_or_default()
    }

    /// From now on nobody need answer.
    fn is_ending(&self) {
        self.watch.iter().for_each(Watch::is_ending);
    }

    /// The process has ended.
    fn has_ended(&mut self) {
        self.lives.extend(self.watch.take().map(Watch::ended));
    }

    /// The program, with the socket as its descriptor 3 where it is given one.
    fn command(&self) -> Result<Command> {
        let Some(socket) = &self.socket else {
            let mut command = Command::new(&self.program);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            return Ok(command);
        };
        let mut command = Command::new("sh");
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
        command.args(["-c", script]).arg(&self.program);
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "hooks");
        command.stdin(OwnedFd::from(socket.try_clone()?)).stdout(Stdio::null());
        Ok(command)
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.is_ending();
            child.kill().unwrap();
            child.wait().unwrap();
            self.has_ended();
        }
    }

    /// Ends it in order, as a service manager would, and fails unless it says that all is well.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.is_ending();
        kill_process(Pid::from_child(&child), Signal::TERM)?;
        let began = Instant::now();
        let status: ExitStatus = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if began.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                bail!("forgewire does not stop: {}", self.last_lines());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.has_ended();
        ensure!(status.success(), "forgewire stopped with {status}: {}", self.last_lines());
        Ok(())
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
        match ended {
            Some(status) => bail!("forgewire ended by itself ({status}): {}", self.last_lines()),
            None => Ok(()),
        }
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What `forgewire spool status` says of its spool.
    pub(crate) fn spool(&self) -> Result<Value> {
        let output = Command::new(&self.program)
            .args(["spool", "status", "--json", "--config"])
            .arg(&self.config)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "forgewire spool status: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The most memory that it has had in use since it was started, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let pid = self.pid().context("the daemon does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok());
        Ok(1024 * kibibytes.context("no VmHWM")?)
    }

    fn last_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.reverse();
        lines.join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Different ports that nothing listens on.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let [one, two] = listeners;
    Ok([one?.local_addr()?, two?.local_addr()?])
}

/// Whether the daemon has a spool: whether it knows the section.
pub(crate) fn has_spool() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("forgewire.toml");
    let text = format!(
        "[spool]\ndir = \"{}\"\n[sources.gitea]\nkind = \"gitea\"\nsecret = \"{}\"\n",
        dir.path().display(),
        crate::support::hook::SECRET
    );
    std::fs::write(&config, text).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_forgewire"))
        .arg("check")
        .arg("--config")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    check.is_ok_and(|status| status.success())
}

/// Waits until a file has this text.
pub(crate) fn until_said(path: &Path, text: &str) {
    eventually(text, || std::fs::read_to_string(path).ok()?.contains(text).then_some(()));
}
