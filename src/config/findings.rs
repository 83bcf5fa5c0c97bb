//! What the checks of a configuration find while it is made: problems, warnings, and the files that were read.

use std::path::PathBuf;

use super::error::{Problem, Warning};
use super::files::NamedFile;

/// What checks after the merge found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
    /// The files that were read.
    pub(super) files: Vec<NamedFile>,
}

impl Findings {
    /// Notes that a file is about to be read.
    pub(super) fn watched(&mut self, path: PathBuf) -> PathBuf {
        self.files.push(NamedFile::new(&path));
        path
    }
}
