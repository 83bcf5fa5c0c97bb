//! What callgrind wrote.
//!
//! In: one of its files, with whole names (`--compress-strings=no`). Out: instructions, and allocations.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What something took.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    /// Blocks of memory that were asked for, and grown ones.
    pub(crate) allocations: u64,
}

impl Cost {
    /// One of `count` equal parts.
    pub(crate) const fn per(self, count: u64) -> Self {
        Self { instructions: self.instructions / count, allocations: self.allocations / count }
    }

    /// Reads a file of callgrind.
    ///
    /// # Errors
    ///
    /// When it has no total.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let total = total.and_then(|total| total.split(' ').next()?.parse().ok());
        let instructions = total.context("callgrind's file has no total")?;
        let (mut from, mut to, mut allocations) = ("", "", 0);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                from = name;
            } else if let Some(name) = line.strip_prefix("cfn=") {
                to = name;
            } else if let Some(calls) = line.strip_prefix("calls=")
                && is_allocation(to)
                && !is_allocator(from)
            {
                let count = calls.split(' ').next().and_then(|count| count.parse().ok());
                allocations += count.unwrap_or(0_u64);
            }
        }
        Ok(Self { instructions, allocations })
    }
}

/// Whether a function of this name gives out memory.
fn is_allocation(name: &str) -> bool {
    let name = name.strip_prefix("mi_").unwrap_or(name);
    let name = name.strip_suffix("_aligned").unwrap_or(name);
    matches!(name, "malloc" | "zalloc" | "calloc" | "realloc")
}

/// Whether it belongs to the allocator, which may ask itself.
fn is_allocator(name: &str) -> bool {
    name.starts_with("mi_") || name.starts_with("_mi_")
}
