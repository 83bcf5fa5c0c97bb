//! Which repositories have something in the spool, and whose turn it is to be published.
//!
//! In come the lanes of messages (what they keep their order with) as they are about to be spooled, are spooled, and
//! are published; out comes whether something is in the way of a new message, and which lane the drain takes next.
//! Nothing here touches disk or network.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::message::Message;
use crate::spool::RowId;

/// All lanes that have something in the spool, or are about to.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// How many there are, to be looked at without a lock: mostly none.
    occupied: AtomicUsize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<Arc<str>, Lane>,
    /// Those that could be published from now.
    ready: VecDeque<Arc<str>>,
    /// Those that could be at some other time.
    later: BTreeSet<(Instant, Arc<str>)>,
}

#[derive(Debug)]
struct Lane {
    /// Deliveries that are on their way into the spool.
    coming: usize,
    /// What waits is behind this one. What is before it is published, though the spool may not have removed it yet.
    after: RowId,
    /// The same of what came since the lane was taken: who spooled something earlier may say so later.
    since: RowId,
    /// Behind this one all up to `after` have left: rows become visible in their order, so who says later that he
    /// spooled one of them says nothing new, though the spool may not have removed it yet.
    from: RowId,
    /// Rows that have left though something before them has not: those behind the first, up to the second.
    left: Option<(RowId, RowId)>,
    /// Whether somebody publishes it, or it stands in one of the lists.
    taken: bool,
}

impl Default for Lane {
    fn default() -> Self {
        let (coming, left, taken) = (0, None, false);
        Self { coming, after: RowId::END, since: RowId::END, from: RowId::END, left, taken }
    }
}

/// The claim of messages that are on their way into the spool: whatever comes after them in their lanes queues
/// behind them. Dropping it gives the claim up.
#[derive(Debug)]
pub(super) struct Claim {
    lanes: Arc<Lanes>,
    names: Vec<Arc<str>>,
}

impl Lane {
    /// Something behind `row` was spooled before what has been published since.
    fn goes_back(&mut self, row: RowId) {
        let (behind, last) = (self.from, self.after);
        if behind != RowId::END {
            self.left = match self.left {
                // It has not come as far again: what is between the two may be published once more.
                Some(before) if last < before.0 => Some(before),
                Some((_, furthest)) => Some((behind, last.max(furthest))),
                None => Some((behind, last)),
            };
        }
        (self.from, self.after) = (row, row);
    }
}

impl Lanes {
    /// Claims a place behind what is spooled, or about to be, in the lanes of these messages. `None` if nothing is in
    /// the way of any of them, unless they are to be spooled `anyway`.
    pub(super) fn claim<'m>(
        self: &Arc<Self>,
        messages: impl Iterator<Item = &'m Message> + Clone,
        anyway: bool,
    ) -> Option<Claim> {
        if !anyway && !self.any() {
            return None;
        }
        let mut state = self.state();
        let State { lanes, .. } = &mut *state;
        if !anyway && !messages.clone().any(|message| lanes.contains_key(message.lane())) {
            return None;
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        for message in messages {
            let name = message.lane();
            // Mostly all are of one repository.
            if !names.iter().rev().any(|known| &**known == name) {
                names.push(name.into());
            }
        }
        for name in &names {
            lanes.entry(Arc::clone(name)).or_default().coming += 1;
        }
        self.count(&state);
        drop(state);
        Some(Claim { lanes: Arc::clone(self), names })
    }

    /// Whether any lane has something in the spool, or about to be.
    pub(super) fn any(&self) -> bool {
        self.occupied.load(Ordering::SeqCst) > 0
    }

    /// Says that messages of a lane are in the spool, none of them before the row `first`.
    pub(super) fn spooled(&self, name: &str, first: RowId) {
        let mut state = self.state();
        let State { lanes, ready, .. } = &mut *state;
        let name: Arc<str> = name.into();
        let lane = lanes.entry(Arc::clone(&name)).or_default();
        lane.since = lane.since.min(first.before());
        if !std::mem::replace(&mut lane.taken, true) {
            ready.push_back(name);
        }
        self.count(&state);
        drop(state);
        self.changed.notify_one();
    }

    /// The lane whose turn it is, and the row that all is behind that waits in it. It is the caller's until
    /// [`Lanes::put_back`].
    pub(super) fn take(&self) -> Option<(Arc<str>, RowId)> {
        let mut state = self.state();
        let State { lanes, ready, later, .. } = &mut *state;
        if !later.is_empty() {
            let now = Instant::now();
            while later.first().is_some_and(|(at, _)| *at <= now) {
                ready.extend(later.pop_first().map(|(_, name)| name));
            }
        }
        loop {
            let name = ready.pop_front()?;
            if let Some(lane) = lanes.get_mut(&name) {
                let since = std::mem::replace(&mut lane.since, RowId::END);
                if since < lane.from {
                    lane.goes_back(since);
                }
                return Some((name, lane.after));
            }
        }
    }

    /// Says that a message of a lane that was taken has left the spool: it is published, or set aside.
    pub(super) fn left(&self, name: &str, row: RowId) {
        if let Some(lane) = self.state().lanes.get_mut(name) {
            lane.after = row;
        }
    }

    /// Whether a message of a lane that was taken has left already, and the spool may only not have removed it yet.
    pub(super) fn has_left(&self, name: &str, row: RowId) -> bool {
        let state = self.state();
        let left = state.lanes.get(name).and_then(|lane| lane.left);
        left.is_some_and(|(behind, last)| behind < row && row <= last)
    }

    /// Gives a lane back. If there is `more` in it, or came since it was taken, it has its next turn when all others
    /// had theirs, or not before `not_before`; if nothing even comes, it is no more in anybody's way.
    pub(super) fn put_back(&self, name: Arc<str>, more: bool, not_before: Option<Instant>) {
        let mut state = self.state();
        let State { lanes, ready, later } = &mut *state;
        let Some(lane) = lanes.get_mut(&name) else { return };
        lane.taken = more || lane.since != RowId::END;
        if lane.taken {
            match not_before {
                Some(at) => drop(later.insert((at, name))),
                None => ready.push_back(name),
            }
        } else if lane.coming == 0 {
            lanes.remove(&name);
        }
        self.count(&state);
        drop(state);
        self.changed.notify_one();
    }

    /// Lets no lane wait for its time.
    pub(super) fn hurry(&self) {
        let mut state = self.state();
        let State { ready, later, .. } = &mut *state;
        ready.extend(std::mem::take(later).into_iter().map(|(_, name)| name));
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until [`Lanes::take`] may have something that it had not before.
    pub(super) async fn changed(&self) {
        let due = self.state().later.first().map(|(at, _)| *at);
        match due {
            Some(at) => {
                let _ = tokio::time::timeout_at(at, self.changed.notified()).await;
            }
            None => self.changed.notified().await,
        }
    }

    fn count(&self, state: &State) {
        self.occupied.store(state.lanes.len(), Ordering::SeqCst);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counts and names: no state that a panic could leave half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The messages are in the spool, in these rows.
    pub(super) fn spooled(self, rows: &[RowId]) {
        let first = rows.iter().min().copied().unwrap_or(RowId::END);
        for name in &self.names {
            self.lanes.spooled(name, first);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        let State { lanes, .. } = &mut *state;
        for name in &self.names {
            if let Some(lane) = lanes.get_mut(name) {
                lane.coming = lane.coming.saturating_sub(1);
                if lane.coming == 0 && !lane.taken {
                    lanes.remove(name);
                }
            }
        }
        self.lanes.count(&state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> RowId {
        number.to_string().parse().unwrap()
    }

    fn taken(lanes: &Lanes) -> Option<i64> {
        lanes.take().map(|(_, after)| after.get())
    }

    #[test]
    fn a_lane_that_comes_again_begins_with_what_came_and_not_with_what_is_being_removed() {
        let lanes = Lanes::default();
        lanes.spooled("a", row(7));
        assert_eq!(taken(&lanes), Some(6));
        lanes.left("a", row(7));
        lanes.put_back("a".into(), false, None);
        assert!(!lanes.any(), "nothing of it waits");
        lanes.spooled("a", row(40));
        assert_eq!(taken(&lanes), Some(39));
    }

    #[test]
    fn who_says_later_that_it_was_spooled_earlier_is_not_passed_over() {
        let lanes = Lanes::default();
        lanes.spooled("a", row(11));
        lanes.spooled("a", row(10));
        assert_eq!(taken(&lanes), Some(9));
        lanes.spooled("a", row(8));
        lanes.left("a", row(11));
        lanes.put_back("a".into(), false, None);
        assert_eq!(taken(&lanes), Some(7));
    }

    #[test]
    fn what_was_published_before_it_was_said_to_be_spooled_is_not_published_again() {
        let lanes = Lanes::default();
        lanes.spooled("a", row(7));
        assert_eq!(taken(&lanes), Some(6));
        // Row 8 came, was read with row 7, and only then was said to be there; nothing of it was seen of row 9.
        lanes.left("a", row(7));
        lanes.left("a", row(8));
        lanes.spooled("a", row(8));
        lanes.spooled("a", row(9));
        lanes.put_back("a".into(), false, None);
        assert_eq!(taken(&lanes), Some(8));
        lanes.left("a", row(9));
        lanes.put_back("a".into(), false, None);
        assert!(!lanes.any());
    }

    #[test]
    fn what_was_published_before_something_earlier_was_said_is_not_published_again() {
        let lanes = Lanes::default();
        lanes.spooled("a", row(10));
        assert_eq!(taken(&lanes), Some(9));
        let left = |rows: [i64; 5]| rows.map(|number| lanes.has_left("a", row(number)));
        assert_eq!(left([8, 9, 10, 11, 12]), [false; 5]);
        lanes.left("a", row(10));
        lanes.left("a", row(11));
        lanes.spooled("a", row(9));
        lanes.put_back("a".into(), true, None);
        assert_eq!(taken(&lanes), Some(8));
        assert_eq!(left([8, 9, 10, 11, 12]), [false, false, true, true, false]);
        // Again, before it has come as far.
        lanes.left("a", row(9));
        lanes.spooled("a", row(6));
        lanes.put_back("a".into(), true, None);
        assert_eq!(taken(&lanes), Some(5));
        assert_eq!(left([6, 8, 10, 11, 12]), [false, false, true, true, false]);
        for number in [6, 9, 10, 11, 12] {
            lanes.left("a", row(number));
        }
        lanes.spooled("a", row(3));
        lanes.put_back("a".into(), true, None);
        assert_eq!(taken(&lanes), Some(2));
        assert_eq!(left([3, 6, 9, 12, 13]), [false, true, true, true, false]);
    }

    #[test]
    fn a_lane_goes_on_behind_what_was_published_of_it() {
        let lanes = Lanes::default();
        lanes.spooled("a", row(1));
        assert_eq!(taken(&lanes), Some(0));
        lanes.left("a", row(5));
        lanes.put_back("a".into(), true, None);
        assert_eq!(taken(&lanes), Some(5));
    }

    #[test]
    fn a_lane_that_is_taken_is_nobody_elses_and_one_that_waits_for_its_time_is_not_taken_before() {
        let lanes = Lanes::default();
        lanes.spooled("a", row(1));
        assert!(lanes.take().is_some());
        lanes.spooled("a", row(2));
        assert!(lanes.take().is_none());
        let later = Instant::now() + std::time::Duration::from_secs(3_600);
        lanes.put_back("a".into(), true, Some(later));
        assert!(lanes.take().is_none());
        lanes.hurry();
        assert!(lanes.take().is_some());
    }

    #[test]
    fn a_claim_stands_in_the_way_until_it_is_given_up_or_published() {
        let lanes = Arc::new(Lanes::default());
        let claim = Claim { lanes: Arc::clone(&lanes), names: vec!["a".into()] };
        lanes.state().lanes.entry("a".into()).or_default().coming += 1;
        claim.spooled(&[row(3), row(4)]);
        assert_eq!(taken(&lanes), Some(2));
        lanes.put_back("a".into(), false, None);
        assert!(lanes.state().lanes.is_empty());
    }
}
