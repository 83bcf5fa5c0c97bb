//! What some faults need beside the daemon and NATS, and whether it is here.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::{has_spool, until_said};
use crate::options::Spool;

/// What can be done on this machine with this daemon. An error says why not.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) spool: Result<(), &'static str>,
    pub(crate) strace: Result<(), &'static str>,
    pub(crate) faketime: Result<PathBuf, &'static str>,
    pub(crate) mount: Result<(), &'static str>,
    /// A forgewire of before.
    pub(crate) previous: Result<PathBuf, &'static str>,
}

impl Tools {
    pub(crate) fn find(spool: Spool, previous: Option<PathBuf>) -> Self {
        let spool = match spool {
            Spool::On => true,
            Spool::Off => false,
            Spool::Auto => has_spool(),
        };
        Self {
            spool: spool.then_some(()).ok_or("this forgewire has no spool"),
            strace: runs(Command::new("strace").arg("-V")).ok_or("needs strace"),
            faketime: faketime_library().ok_or("needs faketime"),
            previous: previous.ok_or("needs --previous, as of `make upgrade`"),
            mount: can_mount().ok_or("may not mount a tmpfs: needs root"),
        }
    }
}

fn runs(command: &mut Command) -> Option<()> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok()?.success().then_some(())
}

/// What `faketime` itself would preload; the variant for several threads.
fn faketime_library() -> Option<PathBuf> {
    let output =
        Command::new("faketime").args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().split(':').next_back()?.into())
}

fn can_mount() -> Option<()> {
    let dir = tempfile::tempdir().ok()?;
    Tmpfs::mount(dir.path(), 1).ok().map(drop)
}

/// A small file system in memory; unmounted when it is dropped.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    pub(crate) fn mount(at: &Path, mebibytes: u32) -> Result<Self> {
        let size = format!("size={mebibytes}m");
        let mut command = Command::new("mount");
        let command = command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        runs(command).context("cannot mount a tmpfs")?;
        Ok(Self(at.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Whoever still has a file open keeps it; the name is free.
        let _ = runs(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

/// `strace` on a running process, whose fsyncs fail from now on. Dropping it lets go of the process.
pub(crate) struct Strace {
    child: Child,
}

impl Strace {
    /// Returns once it holds the process; its own output goes to `output`.
    pub(crate) fn attach(pid: u32, output: &Path) -> Result<Self> {
        std::fs::remove_file(output).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let messages = std::fs::File::create(output)?;
        let child = Command::new("strace")
            .args(["--follow-forks", "--trace=fsync,fdatasync"])
            .args(["--inject=fsync,fdatasync:error=EIO", "--attach"])
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(messages)
            .spawn()
            .context("cannot start strace")?;
        let strace = Self { child };
        until_said(output, "attached");
        Ok(strace)
    }

    /// How often it has made an fsync fail.
    pub(crate) fn failures(output: &Path) -> usize {
        std::fs::read_to_string(output).unwrap_or_default().matches("(INJECTED)").count()
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

/// Fills a file system with one file until it takes no more.
pub(crate) fn fill(file: &Path) -> Result<()> {
    use std::io::Write as _;
    let mut out = std::fs::File::create(file)?;
    let block = vec![0; 64 * 1024];
    for size in [block.len(), 4096, 1] {
        while out.write(&block[..size]).is_ok_and(|written| written > 0) {}
    }
    let error = out.write(&block[..1]).err().and_then(|error| error.raw_os_error());
    ensure!(error == Some(28), "the file system takes more: {error:?}");
    Ok(())
}
