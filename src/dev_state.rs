//! What a running `forgewire dev` tells the other commands: where it listens, and with which secrets.
//!
//! Owns `dev.json` in the state directory (`$XDG_STATE_HOME/forgewire`, else `~/.local/state/forgewire`).
//! `dev` writes it when it is ready and removes it when it ends; `send`, `tail` and `spool` read it, so that they
//! need no options. It holds paths of webhook secrets, never one itself; only its owner may read it.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A running `forgewire dev`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DevState {
    /// Its process.
    pub pid: u32,
    /// Base URL of the webhook listener, for example `http://127.0.0.1:8080`.
    pub hooks: String,
    /// Base URL of the operators' listener.
    pub admin: String,
    /// URL of its NATS.
    pub nats: String,
    /// Stream that holds the events.
    pub stream: String,
    /// First tokens of every subject.
    pub subject_prefix: String,
    /// Directory of its spool.
    #[serde(default)]
    pub spool: PathBuf,
    /// Its sources.
    pub sources: Vec<DevSource>,
}

/// A source of a running `forgewire dev`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DevSource {
    /// Name, in the URL and in subjects.
    pub name: String,
    /// Kind of forge.
    pub kind: String,
    /// File that holds its secret.
    pub secret_file: PathBuf,
}

/// The directory for what outlives a run: `$XDG_STATE_HOME/forgewire`, else `~/.local/state/forgewire`.
#[must_use]
pub fn directory() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute);
    let home = || std::env::var_os("HOME").map(PathBuf::from).and_then(absolute);
    Some(state.or_else(|| home().map(|home| home.join(".local/state")))?.join("forgewire"))
}

impl DevState {
    /// The `forgewire dev` that runs now, if one does.
    #[must_use]
    pub fn running() -> Option<Self> {
        let text = std::fs::read(directory()?.join("dev.json")).ok()?;
        let state: Self = serde_json::from_slice(&text).ok()?;
        let alive = i32::try_from(state.pid).ok().and_then(rustix::process::Pid::from_raw)?;
        rustix::process::test_kill_process(alive).is_ok().then_some(state)
    }

    /// Writes the file into `directory`, in one step: a reader sees all of it or nothing.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let new = directory.join(format!("dev.json.{}", self.pid));
        // The URL of NATS may hold a password.
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        file?.write_all(&text)?;
        std::fs::rename(&new, directory.join("dev.json"))
    }

    /// Removes the file from `directory`, if it is ours.
    pub fn remove(&self, directory: &Path) {
        let path = directory.join("dev.json");
        let ours =
            std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        if ours.is_some_and(|state| state.pid == self.pid) {
            // Left behind it is harmless: its process does not run.
            let _ = std::fs::remove_file(path);
        }
    }
}
