//! The spool's directory, room and disk; through the daemon what waits in it. It is not opened.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Findings;
use crate::config::Config;
use crate::control::{Answer, Ask, Client};
use crate::event::Time;

/// How many writes are synced.
const TIMES: usize = 15;
/// From here on a disk is slow: a commit that all wait for takes so long.
const SLOW: Duration = Duration::from_millis(20);
/// `f_type` of a file system in memory.
const TMPFS: i64 = 0x0102_1994;
/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, running: bool, found: &mut Findings) {
    if !config.spool.enabled {
        let text = "there is none (spool.enabled = false)";
        return found.note(
            "spool",
            text,
            "without one a forge is answered 503 while NATS is away, and Gitea does not come again",
        );
    }
    let dir = &config.spool.dir;
    let Some(place) = place(dir, found) else { return };
    room(config, dir, &place, found);
    let measured = tokio::task::spawn_blocking(move || (synced(&place), place)).await;
    if let Ok((measured, place)) = measured {
        sync(&place, measured, found);
    }
    if running {
        waiting(config, found).await;
    }
}

/// The directory, or the one in which it would be made.
fn place(dir: &Path, found: &mut Findings) -> Option<PathBuf> {
    match std::fs::metadata(dir) {
        Ok(there) if there.is_dir() => {
            if there.mode() & 0o077 == 0 {
                found.ok("spool", format!("{} is there, for its user alone", dir.display()));
            } else {
                let text = format!(
                    "{} is open to others than its user (mode {:04o})",
                    dir.display(),
                    there.mode() & 0o7777
                );
                found.warning(
                    "spool",
                    text,
                    format!("chmod 0700 {}: it holds payloads", dir.display()),
                );
            }
            return Some(dir.to_owned());
        }
        Ok(_) => {
            found.error(
                "spool",
                format!("spool.dir ({}) is no directory", dir.display()),
                "name another",
            );
            return None;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            let text = format!("spool.dir ({}) cannot be looked at: {error}", dir.display());
            found.error(
                "spool",
                text,
                "run doctor as the daemon's user, and let that user have the directory",
            );
            return None;
        }
    }
    let parent = dir.ancestors().skip(1).find(|path| path.is_dir())?;
    found.note(
        "spool",
        format!("{} is not there yet", dir.display()),
        "the daemon makes it at its start, if its user may",
    );
    Some(parent.to_owned())
}

fn room(config: &Config, dir: &Path, place: &Path, found: &mut Findings) {
    let Ok(disk) = rustix::fs::statvfs(place) else {
        return found.note(
            "disk",
            "not checked: the system does not say what is free",
            "look by df",
        );
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let files = ["spool.db", "spool.db-wal", "spool.db-shm"];
    let used: u64 = files
        .iter()
        .filter_map(|file| std::fs::metadata(dir.join(file)).ok())
        .map(|file| file.len())
        .sum();
    let needed = config.spool.max_bytes.saturating_sub(used);
    if free < needed {
        let text = format!(
            "{} MiB are free for the spool, and spool.max_bytes lets it grow by {} MiB",
            free >> 20,
            needed >> 20
        );
        found.warning(
            "disk",
            text,
            "make room, or lower spool.max_bytes: a disk that is full is answered 503",
        );
    } else {
        found.ok(
            "disk",
            format!(
                "{} MiB are free, and the spool grows by at most {} MiB",
                free >> 20,
                needed >> 20
            ),
        );
    }
    #[cfg(target_os = "linux")]
    if rustix::fs::statfs(place).is_ok_and(|system| system.f_type as i64 == TMPFS) {
        found.warning(
            "disk",
            "the spool is in memory (tmpfs)",
            "set spool.dir to a disk: it is lost with the machine",
        );
    }
}

/// The median of some writes of a page that are synced to a file beside the spool's.
fn synced(place: &Path) -> std::io::Result<Duration> {
    let path = place.join(format!(".forgewire-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let mut taken = Vec::with_capacity(TIMES);
    let measured: std::io::Result<()> = (0..TIMES).try_for_each(|_| {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        taken.push(begun.elapsed());
        Ok(())
    });
    std::fs::remove_file(&path)?;
    measured?;
    taken.sort_unstable();
    Ok(taken.get(TIMES / 2).copied().unwrap_or_default())
}

fn sync(place: &Path, measured: std::io::Result<Duration>, found: &mut Findings) {
    match measured {
        Ok(median) => {
            let rate = 1.0 / median.as_secs_f64().max(1e-6);
            let text = format!(
                "a synced write of 4 KiB takes {:.2} ms (median of {TIMES}): {rate:.0} commits a second, each of all that wait",
                median.as_secs_f64() * 1e3
            );
            if median > SLOW {
                found.warning(
                    "fsync",
                    text,
                    "put spool.dir on a faster disk: with NATS away every answer waits for one",
                );
            } else {
                found.ok("fsync", text);
            }
        }
        Err(error) => {
            let text = format!("nothing can be written and synced in {}: {error}", place.display());
            found.error("fsync", text, "run doctor as the daemon's user; let that user have the directory, on a disk that is not read-only and has room");
        }
    }
}

/// What the daemon says of it.
async fn waiting(config: &Config, found: &mut Findings) {
    let asked = async {
        let mut client =
            Client::connect(&config.spool.dir).await.map_err(|error| error.to_string())?;
        client.ask(&Ask::Status).await.map_err(|error| error.to_string())
    };
    let status = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Answer::Status(overview))) => overview.spool,
        Ok(Err(error)) => {
            return found.note(
                "backlog",
                format!("not checked: the daemon's control socket does not answer: {error}"),
                "run doctor as the daemon's user or root, with its spool.dir",
            );
        }
        _ => {
            return found.note(
                "backlog",
                "not checked: the daemon does not say",
                "use the program that it runs",
            );
        }
    };
    if let Some(reason) = status.latched {
        found.error(
            "backlog",
            format!("the spool takes nothing any more: {reason}"),
            "check the disk, and restart the daemon",
        );
    }
    if status.full || status.disk_full {
        found.error("backlog", "the spool is full", "docs/incidents.md, Spool full");
    }
    if status.dead > 0 {
        found.warning(
            "backlog",
            format!("{} messages that JetStream will never take as they are", status.dead),
            "forgewire spool dead list",
        );
    }
    let age =
        status.oldest_stored_at.map_or(0, |since| Time::now().unix_ms().saturating_sub(since));
    let age = Duration::from_secs(u64::try_from(age).unwrap_or(0) / 1000);
    let text = format!(
        "{} messages wait, the oldest for {}",
        status.waiting,
        humantime::format_duration(age)
    );
    if status.waiting > 0 && age > config.stream.duplicate_window {
        found.warning("backlog", text, "longer than stream.duplicate_window: what JetStream had already taken arrives twice, marked Forgewire-Resent");
    } else if status.waiting > 0 && age > config.spool.alarm_age {
        found.warning("backlog", text, "see what the checks of NATS and stream say");
    } else {
        found.ok("backlog", text);
    }
}
