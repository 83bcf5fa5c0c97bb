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
    /// Messages that are on their way into the spool.
    coming: usize,
    /// Messages in the spool that wait to be published.
    waiting: usize,
    /// The last one that was published: what comes next is behind it.
    after: RowId,
    /// Whether somebody publishes it, or it stands in one of the lists.
    taken: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { coming: 0, waiting: 0, after: RowId::START, taken: false }
    }
}

/// A lane whose turn it is.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) name: Arc<str>,
    /// The last of its messages that was published.
    pub(super) after: RowId,
    /// How many messages waited when it was taken.
    waiting: usize,
}

/// The claim of messages that are on their way into the spool: whatever comes after them in their lanes queues
/// behind them. Dropping it gives the claim up.
#[derive(Debug)]
pub(super) struct Claim {
    lanes: Arc<Lanes>,
    counts: Vec<(Arc<str>, usize)>,
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
        let mut counts: Vec<(Arc<str>, usize)> = Vec::new();
        for message in messages {
            let name = message.lane();
            // Mostly all are of one repository.
            if let Some((_, count)) = counts.iter_mut().rev().find(|(lane, _)| &**lane == name) {
                *count += 1;
            } else {
                counts.push((name.into(), 1));
            }
        }
        for (name, count) in &counts {
            lanes.entry(Arc::clone(name)).or_default().coming += count;
        }
        self.count(&state);
        drop(state);
        Some(Claim { lanes: Arc::clone(self), counts })
    }

    /// Whether any lane has something in the spool, or about to be.
    pub(super) fn any(&self) -> bool {
        self.occupied.load(Ordering::SeqCst) > 0
    }

    /// Says that messages of a lane are in the spool.
    pub(super) fn spooled(&self, name: &str, count: usize) {
        let mut state = self.state();
        let State { lanes, ready, .. } = &mut *state;
        let name: Arc<str> = name.into();
        let lane = lanes.entry(Arc::clone(&name)).or_default();
        lane.waiting += count;
        if !std::mem::replace(&mut lane.taken, true) {
            ready.push_back(name);
        }
        self.count(&state);
        drop(state);
        self.changed.notify_one();
    }

    /// The lane whose turn it is. It is the caller's until [`Lanes::put_back`].
    pub(super) fn take(&self) -> Option<Taken> {
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
            if let Some(lane) = lanes.get(&name) {
                return Some(Taken { after: lane.after, waiting: lane.waiting, name });
            }
        }
    }

    /// Says that a message of a lane that was taken has left the spool: it is published, or set aside.
    pub(super) fn left(&self, name: &str, row: RowId) {
        let mut state = self.state();
        if let Some(lane) = state.lanes.get_mut(name) {
            lane.waiting = lane.waiting.saturating_sub(1);
            lane.after = row;
        }
    }

    /// Says that nothing of what waited when a lane was taken is there any more, though nobody published it. What
    /// came since waits.
    pub(super) fn gone(&self, taken: &Taken) {
        if let Some(lane) = self.state().lanes.get_mut(&taken.name) {
            lane.waiting = lane.waiting.saturating_sub(taken.waiting);
        }
    }

    /// Gives a lane back, which has its next turn when all others had theirs, or not before `not_before`. A lane in
    /// which nothing waits or comes is no more in anybody's way.
    pub(super) fn put_back(&self, name: Arc<str>, not_before: Option<Instant>) {
        let mut state = self.state();
        let State { lanes, ready, later } = &mut *state;
        let Some(lane) = lanes.get_mut(&name) else { return };
        lane.taken = lane.waiting > 0;
        if lane.waiting == 0 && lane.coming == 0 {
            lanes.remove(&name);
        } else if lane.taken {
            match not_before {
                Some(at) => drop(later.insert((at, name))),
                None => ready.push_back(name),
            }
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
    /// The messages are in the spool.
    pub(super) fn spooled(mut self) {
        let counts = std::mem::take(&mut self.counts);
        for (name, count) in counts {
            self.lanes.spooled(&name, count);
            self.lanes.give_up(&name, count);
        }
    }
}

impl Lanes {
    fn give_up(&self, name: &str, count: usize) {
        let mut state = self.state();
        let State { lanes, .. } = &mut *state;
        if let Some(lane) = lanes.get_mut(name) {
            lane.coming = lane.coming.saturating_sub(count);
            if lane.coming == 0 && lane.waiting == 0 && !lane.taken {
                lanes.remove(name);
            }
        }
        self.count(&state);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        for (name, count) in std::mem::take(&mut self.counts) {
            self.lanes.give_up(&name, count);
        }
    }
}
