//! The process as its kernel sees it, by the names that Prometheus has for it.
//!
//! Reads `/proc` at each scrape, which may wait: not for a thread of the runtime. What cannot be read is left out.

use std::fmt;
use std::path::Path;

use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};

use super::scrape::Families;

/// What `/proc/self/stat` says.
struct Stat {
    cpu_ticks: u64,
    /// Since the system started.
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

pub(super) fn encode(families: &mut Families<'_>) -> fmt::Result {
    let (seconds, bytes) = (Some(&Unit::Seconds), Some(&Unit::Bytes));
    if let Some(stat) =
        std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::read)
    {
        let cpu = "Processor time used, by user and system.";
        families.counter_f64("process_cpu", cpu, seconds, in_seconds(stat.cpu_ticks))?;
        let resident = stat.resident_pages * rustix::param::page_size() as u64;
        families.gauge("process_resident_memory", "Memory that is resident.", bytes, resident)?;
        families.gauge("process_virtual_memory", "Virtual memory.", bytes, stat.virtual_bytes)?;
        if let Some(booted) = booted() {
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact for long")]
            let started = booted as f64 + in_seconds(stat.started_ticks);
            let help = "When the process started, since 1970.";
            families.gauge_f64("process_start_time", help, seconds, started)?;
        }
    }
    if let Some(open) = entries(Path::new("/proc/self/fd")) {
        families.gauge("process_open_fds", "File descriptors that are open.", None, open)?;
    }
    // Without a limit there is none to come near to.
    if let Some(most) = getrlimit(Resource::Nofile).current {
        families.gauge("process_max_fds", "Most file descriptors that may be open.", None, most)?;
    }
    Ok(())
}

impl Stat {
    /// Fields are counted from behind the name, which may hold anything; see proc(5).
    fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks are exact for millions of years")]
fn in_seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// When the system started, in seconds since 1970.
fn booted() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// How many descriptors are open, without the one that counts them.
fn entries(directory: &Path) -> Option<u64> {
    let count = std::fs::read_dir(directory).ok()?.count() as u64;
    Some(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_moves_no_field() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 9 0 0 0 11 22 0 0 20 0 4 0 333 4444 55 18446744073709551615";
        let stat = Stat::read(text).unwrap();
        let read = (stat.cpu_ticks, stat.started_ticks, stat.virtual_bytes, stat.resident_pages);
        assert_eq!(read, (33, 333, 4444, 55));
    }

    #[test]
    fn what_is_cut_short_says_nothing() {
        for text in ["", "7 (a", "7 (a) S 1 7 7"] {
            assert!(Stat::read(text).is_none(), "{text}");
        }
    }
}
