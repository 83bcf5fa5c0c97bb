//! What is known of a spool without asking its tables.
//!
//! In come the counts after each commit, out comes a [`Status`] at any time, also while a commit takes long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entry::Status;

/// What the thread that writes tells everybody else.
#[derive(Debug, Default)]
pub(super) struct Shared {
    status: Mutex<Status>,
    failed: AtomicBool,
}

impl Shared {
    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        // Numbers have no state that a panic could leave half changed.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the thread that writes ended without being told to.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }
}
