//! Looks after the spool: says once when it is full, broken or old, and once when it is well again.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Time;
use crate::facts;
use crate::spool::{Spool, Status};

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is wrong with the spool.
#[derive(Clone, Debug, Eq, PartialEq)]
struct State {
    room: bool,
    broken: Option<String>,
    old: bool,
}

/// Looks until the thread that writes the spool has failed: then nothing can be stored there any more.
pub(super) async fn run(spool: Arc<Spool>, alarm_age: Duration) -> &'static str {
    let mut before = State { room: true, broken: None, old: false };
    while !spool.failed() {
        let status = spool.status();
        let now = state(&status, alarm_age, Time::now().unix_ms());
        if now.room != before.room {
            facts::spool_room(now.room, status.disk_bytes, status.max_bytes, status.disk_full);
        }
        if let Some(reason) = &now.broken
            && before.broken.is_none()
        {
            facts::spool_is_broken(reason);
        }
        if now.old && !before.old {
            facts::spool_is_old(status.waiting, alarm_age);
        }
        before = now;
        tokio::time::sleep(LOOK).await;
    }
    "writing the spool"
}

fn state(status: &Status, alarm_age: Duration, now: i64) -> State {
    let age = status.oldest_stored_at.map(|oldest| now.saturating_sub(oldest));
    let age = age.and_then(|age| u128::try_from(age).ok()).unwrap_or_default();
    State {
        room: !status.full && !status.disk_full,
        broken: status.latched.clone(),
        old: age >= alarm_age.as_millis(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_old_from_the_alarm_age_on_and_nothing_else_is() {
        let old = |oldest, now| {
            let status = Status { oldest_stored_at: oldest, ..Status::default() };
            state(&status, Duration::from_secs(1), now).old
        };
        assert!(old(Some(5_000), 6_000));
        assert!(!old(Some(5_000), 5_999));
        assert!(!old(None, i64::MAX));
        // The clock was set back.
        assert!(!old(Some(5_000), 0));
    }
}
