//! The files that a configuration names, and how each was when it was read.
//!
//! A path comes in, a [`NamedFile`] goes out, which can tell later whether something else is there now.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that was read: a secret, a certificate or a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedFile {
    path: PathBuf,
    /// None where there is no file. Device, inode, size and times tell two contents apart without reading them.
    print: Option<Print>,
}

type Print = (u64, u64, u64, [i64; 4]);

impl NamedFile {
    /// The file as it is now; it is not read. Take this before reading it: what changes in between is then seen as a
    /// change.
    pub(super) fn new(path: &Path) -> Self {
        // Of a symbolic link, what it leads to: that is how mounted secrets are replaced.
        Self { path: path.into(), print: path.metadata().ok().map(|found| print(&found)) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same file as it is now.
    #[must_use]
    pub fn now(&self) -> Self {
        Self::new(&self.path)
    }
}

fn print(found: &Metadata) -> Print {
    let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
    (found.dev(), found.ino(), found.size(), times)
}
