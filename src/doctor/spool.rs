//! The spool's directory, room and disk; through the daemon what waits in it. It is not opened.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Findings;
use crate::config::{Config, Spool};
use crate::control::{Answer, Ask, Client};
use crate::event::Time;
use crate::spool::Status;

/// How many writes are synced.
const TIMES: usize = 15;
/// From here on a disk is slow: a commit that all wait for takes so long.
const SLOW: Duration = Duration::from_millis(20);
/// `f_type` of a file system in memory.
#[cfg(target_os = "linux")]
const TMPFS: u64 = 0x0102_1994;
/// How long the disk may take, and a daemon to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, running: bool, found: &mut Findings) {
    if !config.spool.enabled {
        let text = "there is none (spool.enabled = false)";
        let advice = "set spool.enabled = true: without one a forge is answered 503 while NATS is away, and Gitea does not come again";
        return found.note("spool", text, advice);
    }
    let spool = config.spool.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let mut found = Findings::default();
        if let Some(place) = place(&spool.dir, &mut found) {
            room(&spool, &place, &mut found);
            sync(&place, synced(&place), &mut found);
        }
        found
    });
    if let Ok(Ok(there)) = tokio::time::timeout(PATIENCE, looking).await {
        found.0.extend(there.0);
    } else {
        let text = format!("the disk of spool.dir does nothing for {} s", PATIENCE.as_secs());
        found.error("fsync", text, "put spool.dir on a disk that works; see the system's log");
    }
    if running {
        waiting(config, found).await;
    }
}

/// The directory, or the one in which it would be made.
fn place(dir: &Path, found: &mut Findings) -> Option<PathBuf> {
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Ok(there) if there.is_dir() => {
            let mode = there.mode() & 0o7777;
            let others = mode & 0o077;
            if others == 0 {
                found.ok("spool", format!("{shown} is there, for its user alone"));
            } else {
                let text = format!("{shown} is open to others than its user (mode {mode:04o})");
                found.warning("spool", text, format!("chmod 0700 {shown}: it holds payloads"));
            }
            let us = rustix::process::geteuid().as_raw();
            if there.uid() != us {
                let text = format!(
                    "{shown} belongs to user {}, and this is user {us}: what follows is not what the daemon may",
                    there.uid()
                );
                found.note("spool", text, "run doctor as the daemon's user");
            }
            Some(dir.to_owned())
        }
        Ok(_) => {
            let text = format!("spool.dir ({shown}) is no directory");
            found.error("spool", text, "set spool.dir to a directory, or to one that can be made");
            None
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = dir.ancestors().skip(1).find(|path| path.is_dir());
            let parent = parent.unwrap_or(Path::new("."));
            let advice = "the daemon makes it at its start, if its user may";
            found.note("spool", format!("{shown} is not there yet"), advice);
            Some(parent.to_owned())
        }
        Err(error) => {
            let text = format!("spool.dir ({shown}) cannot be looked at: {error}");
            let advice = "run doctor as the daemon's user, and let that user have the directory";
            found.error("spool", text, advice);
            None
        }
    }
}

fn room(spool: &Spool, place: &Path, found: &mut Findings) {
    let Ok(disk) = rustix::fs::statvfs(place) else {
        let text = "not checked: the system does not say what is free";
        return found.note("disk", text, "look by df");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
    let files = ["spool.db", "spool.db-wal", "spool.db-shm"];
    let files = files.iter().filter_map(|file| std::fs::metadata(spool.dir.join(file)).ok());
    let used: u64 = files.map(|file| file.len()).sum();
    let grows = spool.max_bytes.saturating_sub(used) >> 20;
    if free < grows {
        let text = format!(
            "{free} MiB are free for the spool, and spool.max_bytes lets it grow by {grows} MiB"
        );
        let advice = "make room, or lower spool.max_bytes: a disk that is full is answered 503";
        found.warning("disk", text, advice);
    } else {
        let text = format!("{free} MiB are free, and the spool grows by at most {grows} MiB");
        found.ok("disk", text);
    }
    #[cfg(target_os = "linux")]
    if rustix::fs::statfs(place).is_ok_and(|system| u64::try_from(system.f_type) == Ok(TMPFS)) {
        let text = "the spool is in memory (tmpfs)";
        found.warning("disk", text, "set spool.dir to a disk: it is lost with the machine");
    }
}

/// A file that is removed in any case.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Where nothing can be removed nothing else works either, and that is said.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The median of some writes of a page, each synced, to a file beside the spool's.
fn synced(place: &Path) -> std::io::Result<Duration> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let path = place.join(format!(".forgewire-doctor-{:016x}", u64::from_be_bytes(random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let _scratch = Scratch(path);
    let (begun, mut taken) = (Instant::now(), Vec::with_capacity(TIMES));
    // A slow disk has shown it by then.
    while taken.len() < TIMES && begun.elapsed() < PATIENCE / 2 {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    Ok(taken.get(taken.len() / 2).copied().unwrap_or_default())
}

fn sync(place: &Path, measured: std::io::Result<Duration>, found: &mut Findings) {
    match measured {
        Ok(median) => {
            let milliseconds = median.as_secs_f64() * 1e3;
            let text = format!("a synced write takes {milliseconds:.2} ms (median)");
            if median > SLOW {
                let advice = "put spool.dir on a faster disk: with NATS away every answer waits for such a write";
                found.warning("fsync", text, advice);
            } else {
                found.ok("fsync", text);
            }
        }
        Err(error) => {
            let text = format!("nothing can be written and synced in {}: {error}", place.display());
            let advice = "run doctor as the daemon's user; let that user have spool.dir, on a disk that has room and is not read-only";
            found.error("fsync", text, advice);
        }
    }
}

/// What the daemon says of it.
async fn waiting(config: &Config, found: &mut Findings) {
    let asked = async {
        let client = Client::connect(&config.spool.dir).await;
        let mut client = client.map_err(|error| error.to_string())?;
        let answer = client.ask(&Ask::Status).await;
        answer.map_err(|error| {
            // The reason is below the first line.
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        })
    };
    let reason = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Answer::Status(overview))) => return backlog(config, &overview.spool, found),
        Ok(Ok(_)) => "the answer is none to the question".to_owned(),
        Ok(Err(error)) => error,
        Err(_elapsed) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let text = format!("not checked: the daemon's socket in spool.dir does not answer: {reason}");
    let advice = "run doctor as the daemon's user or root, with its spool.dir";
    found.note("backlog", text, advice);
}

fn backlog(config: &Config, status: &Status, found: &mut Findings) {
    let check = "backlog";
    if let Some(reason) = &status.latched {
        let text = format!("the spool takes nothing any more: {reason}");
        found.error(check, text, "check the disk of spool.dir, and restart the daemon");
    }
    if status.full || status.disk_full {
        let advice = "see docs/runbook.md; what waits is published once NATS takes it, and spool.max_bytes can be raised";
        found.error(check, "the spool is full", advice);
    }
    if status.dead > 0 {
        let text = format!("{} messages that JetStream will never take as they are", status.dead);
        found.warning(check, text, "decide about each: forgewire spool dead list");
    }
    let now = Time::now().unix_ms();
    let age = status.oldest_stored_at.map_or(0, |since| now.saturating_sub(since));
    let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
    let shown = humantime::format_duration(Duration::from_secs(age.as_secs()));
    let text = match status.waiting {
        0 => return found.ok(check, "nothing waits"),
        1 => format!("1 message waits, for {shown}"),
        many => format!("{many} messages wait, the oldest for {shown}"),
    };
    if age > config.stream.duplicate_window {
        let advice = "that is longer than stream.duplicate_window: what JetStream had taken before arrives twice, with Forgewire-Resent; see what the checks of NATS and stream say";
        found.warning(check, text, advice);
    } else if age >= config.spool.alarm_age {
        found.warning(check, text, "see what the checks of NATS and stream say");
    } else {
        found.ok(check, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn levels(status: &Status) -> Vec<(Level, String)> {
        let mut found = Findings::default();
        backlog(&Config::default(), status, &mut found);
        found.0.into_iter().map(|finding| (finding.level, finding.text)).collect()
    }

    #[test]
    fn a_spool_that_is_broken_full_or_has_dead_letters_is_said() {
        let broken = Status { latched: Some("no more".into()), full: true, ..Status::default() };
        let found = levels(&Status { dead: 3, ..broken });
        let levels: Vec<_> = found.iter().map(|(level, _)| *level).collect();
        assert_eq!(levels, [Level::Error, Level::Error, Level::Warning, Level::Ok]);
        assert!(found[0].1.ends_with("no more") && found[2].1.starts_with("3 messages"));
    }

    #[test]
    fn what_waits_is_too_old_from_the_alarm_age_on() {
        let now = Time::now().unix_ms();
        let config = Config::default();
        let since = |age: Duration| Status {
            waiting: 2,
            oldest_stored_at: Some(now - i64::try_from(age.as_millis()).unwrap()),
            ..Status::default()
        };
        let (alarm, window) = (config.spool.alarm_age, config.stream.duplicate_window);
        assert_eq!(levels(&since(alarm / 2))[0].0, Level::Ok);
        let old = levels(&since(alarm));
        assert_eq!(
            (old[0].0, old[0].1.as_str()),
            (Level::Warning, "2 messages wait, the oldest for 10m")
        );
        assert_eq!(levels(&since(window * 2))[0].0, Level::Warning);
        // The clock was set back.
        let later = Status { waiting: 1, oldest_stored_at: Some(i64::MAX), ..Status::default() };
        assert_eq!(levels(&later)[0].0, Level::Ok);
    }
}
