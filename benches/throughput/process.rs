//! Child processes and what Linux tells about them.
//!
//! In: a program and where its output goes. Out: a child that dies with this process however that
//! ends, its CPU time, its memory. Linux only: it reads `/proc`.

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

/// First argument that makes this executable a leash: see [`run_leashed`].
pub(crate) const LEASH: &str = "leash";

/// A command that runs `program` on a leash: it is killed when this process ends.
///
/// Call it from the main thread only: Linux sends the signal when the thread that started the
/// child ends.
pub(crate) fn leashed(program: &Path) -> Result<Command> {
    let own = std::env::current_exe().context("cannot find this benchmark's own executable")?;
    let mut command = Command::new(own);
    command.arg(LEASH).arg(std::process::id().to_string()).arg(program);
    Ok(command)
}

/// Becomes the program of `arguments` after asking Linux to kill it with its parent.
///
/// Only code between fork and exec can ask for this, which would be `unsafe` in the parent: so
/// the executable starts itself and replaces itself. Returns only on failure.
pub(crate) fn run_leashed(mut arguments: impl Iterator<Item = OsString>) -> Result<()> {
    let parent = arguments.next().and_then(|text| text.to_str()?.parse::<i32>().ok());
    let program = arguments.next().context("the leash needs a program")?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the request; then no signal will ever come.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != parent {
        bail!("the benchmark has ended");
    }
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

/// How long a process may take to end once it is told to.
const END_LIMIT: Duration = Duration::from_secs(60);

/// A server under measurement; killed when dropped.
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command` with its output in `<directory>/<name>.log`.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        directory: &Path,
    ) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir(directory)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells the process to end, and waits until it has.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .with_context(|| format!("cannot stop {}", self.name))?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > END_LIMIT {
                bail!("{} has not ended within {END_LIMIT:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Fails if the process has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        let tail: Vec<&str> = lines.into_iter().rev().collect();
        bail!("{} ended ({status}); its last lines:\n{}", self.name, tail.join("\n"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time that process `pid` has used since it started.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks =
        stat_ticks(&stat).with_context(|| format!("{path} does not look as proc(5) says"))?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_micros(ticks.saturating_mul(1_000_000) / per_second))
}

/// `utime` + `stime` of a `/proc/PID/stat` line, in clock ticks.
pub(crate) fn stat_ticks(stat: &str) -> Option<u64> {
    // The name in parentheses may hold spaces and parentheses; the numbers follow the last one.
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut fields = numbers.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// Resident memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    pub(crate) peak_kib: u64,
}

/// What process `pid` holds in memory now and held at most.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    status_memory(&status).with_context(|| format!("{path} does not look as proc(5) says"))
}

/// `VmRSS` and `VmHWM` of a `/proc/PID/status` text.
pub(crate) fn status_memory(status: &str) -> Option<Memory> {
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory { resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
}

/// Different loopback addresses whose ports are free now.
pub(crate) fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    let mut held = Vec::new();
    for address in &mut addresses {
        // All stay bound until all are known, so that none comes twice.
        let listener = TcpListener::bind(*address).context("no free loopback port")?;
        *address = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addresses)
}
