//! Who must go when there is no room: the list of connections, and the choice among them.
//!
//! In come newcomers that need room, or memory that is waited for; out comes the eviction of the slowest
//! connection that has not authenticated anything, if there is one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::registry::Conn;

/// How many victims one look at all connections chooses.
const VICTIMS_AT_ONCE: usize = 64;
/// How long that choice stands.
const VICTIMS_KEPT: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(super) struct List {
    pub(super) next_id: u64,
    pub(super) conns: HashMap<u64, Arc<Conn>>,
    pub(super) per_client: HashMap<IpAddr, usize>,
    victims: Victims,
}

/// Who goes next when newcomers need room.
#[derive(Default)]
struct Victims {
    /// Chosen among this client's connections, or all.
    client: Option<IpAddr>,
    chosen: Option<Instant>,
    /// The slowest last.
    ids: Vec<u64>,
}

impl List {
    pub(super) fn remove(&mut self, id: u64) {
        let Some(conn) = self.conns.remove(&id) else {
            return;
        };
        if let Some(count) = self.per_client.get_mut(&conn.client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&conn.client);
            }
        }
    }

    /// Evicts the slowest connection that nobody has vouched for and that `eligible` admits.
    pub(super) fn evict(&mut self, eligible: impl Fn(&Conn) -> bool) -> bool {
        let now = Instant::now();
        let victim = self.conns.values().filter(|conn| conn.may_be_evicted() && eligible(conn));
        let victim = victim.max_by_key(|conn| conn.slowness(now)).map(|conn| conn.id);
        victim.is_some_and(|id| self.evict_by_id(id))
    }

    /// Like [`List::evict`] among one client's connections or all. In a flood it is called for every
    /// newcomer: one look at all connections serves for many of them.
    pub(super) fn evict_for_newcomer(&mut self, client: Option<IpAddr>) -> bool {
        let now = Instant::now();
        if self.victims.client != client
            || self
                .victims
                .chosen
                .is_none_or(|then| now.saturating_duration_since(then) > VICTIMS_KEPT)
        {
            self.choose_victims(client, now);
        }
        loop {
            match self.victims.ids.pop() {
                Some(id) if self.evict_by_id(id) => return true,
                Some(_gone_or_vouched_for) => {}
                None if self.victims.chosen == Some(now) => return false,
                None => self.choose_victims(client, now),
            }
        }
    }

    fn choose_victims(&mut self, client: Option<IpAddr>, now: Instant) {
        let eligible = |conn: &&Arc<Conn>| {
            conn.may_be_evicted() && client.is_none_or(|client| conn.client == client)
        };
        let mut slowest: Vec<_> = self
            .conns
            .values()
            .filter(eligible)
            .map(|conn| (conn.slowness(now), conn.id))
            .collect();
        // Of equally slow ones the oldest goes first: ids ascend with age.
        let order = |&((grown, slowness), id): &((bool, u128), u64)| {
            (grown, slowness, std::cmp::Reverse(id))
        };
        if slowest.len() > VICTIMS_AT_ONCE {
            let cut = slowest.len() - VICTIMS_AT_ONCE;
            slowest.select_nth_unstable_by_key(cut, order);
            slowest.drain(..cut);
        }
        slowest.sort_unstable_by_key(order);
        self.victims = Victims {
            client,
            chosen: Some(now),
            ids: slowest.into_iter().map(|(_, id)| id).collect(),
        };
    }

    fn evict_by_id(&mut self, id: u64) -> bool {
        let Some(victim) = self.conns.get(&id).filter(|conn| conn.may_be_evicted()).map(Arc::clone)
        else {
            return false;
        };
        self.remove(id);
        victim.evict();
        true
    }
}
