//! The directory of a run: `<state>/dev`, locked and kept; or a temporary one, removed at the end.
//!
//! Owns the lock, the secrets and the placing of `dev.json`.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

use crate::dev_state::{self, DevSource, DevState};
use crate::source::Kind;

/// Where a run keeps its files.
pub(super) struct Place {
    directory: PathBuf,
    /// Held as long as the run lasts; a temporary place needs none.
    lock: Option<File>,
}

impl Place {
    /// Takes the place of a run: nobody else has it until this value is dropped.
    pub(super) fn take(temporary: bool) -> anyhow::Result<Self> {
        if temporary {
            let name = format!("forgewire-dev-{}", hex(&random::<8>()?));
            let directory = std::env::temp_dir().join(name);
            // Not recursive: a directory that is there already is somebody else's.
            let made = DirBuilder::new().mode(0o700).create(&directory);
            made.with_context(|| format!("cannot make {}", directory.display()))?;
            return Ok(Self { directory, lock: None });
        }
        let state = dev_state::directory();
        let state =
            state.context("there is no home directory: set XDG_STATE_HOME, or use --ephemeral")?;
        let directory = state.join("dev");
        make(&directory)?;
        let lock = Some(lock(&directory.join("lock"))?);
        Ok(Self { directory, lock })
    }

    /// A file of this run.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// An empty directory of this run.
    pub(super) fn fresh_directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot empty {}", path.display()));
            }
            _ => make(&path)?,
        }
        Ok(path)
    }

    /// A source for every kind, each with a secret that stays the same.
    pub(super) fn sources(&self) -> anyhow::Result<Vec<DevSource>> {
        let secrets = self.path("secrets");
        make(&secrets)?;
        let source = |kind: &Kind| {
            let secret_file = secrets.join(kind.name());
            let kept = keep_secret(&secret_file);
            kept.with_context(|| format!("cannot keep a secret in {}", secret_file.display()))?;
            Ok(DevSource { name: kind.name().into(), kind: kind.name().into(), secret_file })
        };
        Kind::ALL.iter().map(source).collect()
    }

    /// Tells the other commands. A temporary run leaves that to another that is there already.
    pub(super) fn announce(&self, state: &DevState) -> anyhow::Result<()> {
        let Some(directory) = dev_state::directory() else { return Ok(()) };
        if self.lock.is_none() && DevState::running().is_some() {
            return Ok(());
        }
        make(&directory)?;
        let written = state.write(&directory);
        written.with_context(|| format!("cannot write dev.json in {}", directory.display()))
    }
}

/// Takes back what [`Place::announce`] told.
pub(super) fn withdraw(state: &DevState) {
    if let Some(directory) = dev_state::directory() {
        state.remove(&directory);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.lock.is_none() {
            // What is left is in the system's temporary directory, where leftovers are removed.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Makes a directory that only its owner can look into, if it is missing.
fn make(directory: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("cannot make {}", directory.display()))
}

/// Takes the lock and writes our process id into it, for the message of whoever comes second.
fn lock(path: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let mut holder = String::new();
            file.take(20).read_to_string(&mut holder)?;
            bail!(
                "another `forgewire dev` is running, process {}: stop it, or start this one with --ephemeral and other ports",
                holder.trim()
            );
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Sees to it that there is a secret in the file, and that only its owner can read it.
fn keep_secret(path: &Path) -> anyhow::Result<()> {
    match fs::metadata(path) {
        Ok(file) if file.len() > 0 => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            return Ok(());
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    // In one step: after a crash there is a whole secret or none.
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(hex(&random::<32>()?).as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    Ok(())
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
