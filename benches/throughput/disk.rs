//! The disk that a run writes to: what a sync costs there bounds what can be promised of a spool.
//!
//! In: a directory. Out: its file system by name, and how long a small write and its sync take.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::figures::percentile;

/// Writes of which the median is taken.
const WRITES: usize = 64;

/// A file system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FileSystem {
    /// As mount(8) calls it.
    pub(crate) name: String,
    /// Memory forgets at a power cut and syncs in no time: figures from there say nothing.
    pub(crate) is_memory: bool,
}

impl FileSystem {
    /// That of `directory`; one that cannot be found out is called unknown.
    pub(crate) fn of(directory: &Path) -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let name = mounted(&mounts, &directory).unwrap_or("unknown").to_owned();
        let is_memory = matches!(name.as_str(), "tmpfs" | "ramfs" | "rootfs");
        Self { name, is_memory }
    }
}

/// The type of the file system that holds `directory`, by a `/proc/self/mounts` text.
pub(crate) fn mounted<'m>(mounts: &'m str, directory: &Path) -> Option<&'m str> {
    let mut best = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(point), Some(name)) = (fields.next(), fields.next()) else { continue };
        let point = point.replace("\\040", " ");
        // Of two on one point the later one hides the other.
        if directory.starts_with(&point) && best.is_none_or(|(length, _)| length <= point.len()) {
            best = Some((point.len(), name));
        }
    }
    best.map(|(_, name)| name)
}

/// Median time that appending `bytes` bytes to a file in `directory` and syncing them takes, in microseconds.
pub(crate) fn sync_time(directory: &Path, bytes: usize) -> Result<f64> {
    let path = directory.join("sync-time");
    let mut file =
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let content = vec![b'x'; bytes];
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&content)?;
        file.sync_data()?;
        times.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(percentile(&times, 50))
}
