//! What strangers may cost: how many requests of a client, or for a source, may be refused in a minute, and how many
//! bytes may come before any of them was authentic.
//!
//! In come who asks and how it ended, out comes whether the next request is worth reading. A client that has
//! delivered something authentic is no stranger for a day and is never turned away: one hook with a wrong secret must
//! not cost its forge the good ones. All tables are bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::HeaderMap;

use super::client;
use crate::config::{ForwardedHeader, Http};
use crate::facts;
use crate::listen::client_of;
use crate::network::Networks;
use crate::source::SourceName;

/// The time that refusals are counted over.
const MINUTE: Duration = Duration::from_secs(60);
/// How long a client that has delivered something authentic is known.
const KNOWN: Duration = Duration::from_secs(24 * 60 * 60);
/// How often it is noted anew that a client is known.
const NOTE_AGAIN: Duration = Duration::from_secs(60);
/// Most clients in a table. What comes beyond that shares one account.
const MOST_CLIENTS: usize = 16_384;

/// The accounts of all clients.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    proxies: Networks,
    header: ForwardedHeader,
    accounts: Mutex<Accounts>,
    proxy_was_named: AtomicBool,
}

#[derive(Debug)]
struct Limits {
    refused_per_client: u32,
    refused_per_source: u32,
    bytes_per_client: u64,
}

#[derive(Debug)]
struct Accounts {
    since: Instant,
    clients: HashMap<IpAddr, Account>,
    sources: HashMap<SourceName, u32>,
    known: HashMap<IpAddr, Instant>,
}

#[derive(Debug, Default)]
struct Account {
    refused: u32,
    bytes: u64,
}

/// A client's request is not read: it, or everybody who asks for its source, has been refused too often.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TurnedAway {
    /// Seconds until it may try again.
    pub(super) retry_after: u64,
}

/// Who a request is from, for as long as it lasts.
#[derive(Debug)]
pub(super) struct Guest<'g> {
    gate: &'g Gate,
    address: IpAddr,
    /// What shares one account with it.
    client: IpAddr,
    stranger: bool,
    /// Whether it was noted so recently that it need not be again.
    noted: bool,
    charged: u64,
}

impl Gate {
    /// What the configuration allows, and nobody known.
    #[must_use]
    pub fn new(http: &Http) -> Self {
        let limits = Limits {
            refused_per_client: http.max_refused_per_client,
            refused_per_source: http.max_refused_per_source,
            bytes_per_client: http.max_unauthenticated_bytes,
        };
        let accounts = Accounts {
            since: Instant::now(),
            clients: HashMap::new(),
            sources: HashMap::new(),
            known: HashMap::new(),
        };
        Self {
            limits,
            proxies: http.trusted_proxies.clone(),
            header: http.forwarded_header,
            accounts: Mutex::new(accounts),
            proxy_was_named: AtomicBool::new(false),
        }
    }

    /// Whose request it is that came from `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        client::address(peer, headers, &self.proxies, self.header)
    }

    /// The peer, if it passes on the request of another and nobody has said that it may.
    pub(super) fn by_unknown_proxy(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let forwarded = headers.contains_key(self.header.name());
        (forwarded && !self.proxies.contain(peer)).then_some(peer)
    }

    /// Says once that a proxy which nobody trusts passes on what is authentic.
    pub(super) fn name_proxy(&self, unknown: Option<IpAddr>) {
        if let Some(peer) = unknown
            && !self.proxy_was_named.swap(true, Ordering::Relaxed)
        {
            facts::proxy_is_not_trusted(peer, self.header.name());
        }
    }

    /// Lets a client in with a request for `source`, unless it is a stranger and there was enough of that.
    pub(super) fn enter(
        &self,
        address: IpAddr,
        source: Option<&SourceName>,
    ) -> Result<Guest<'_>, TurnedAway> {
        let (client, now) = (client_of(address), Instant::now());
        let mut accounts = self.accounts(now);
        let known = accounts.known_for(client, now);
        let (stranger, noted) = (known.is_none(), known.is_some_and(|known| known < NOTE_AGAIN));
        let guest = Guest { gate: self, address, client, stranger, noted, charged: 0 };
        if !stranger {
            return Ok(guest);
        }
        let of_source = source.and_then(|name| accounts.sources.get(name)).copied().unwrap_or(0);
        let full = of_source >= self.limits.refused_per_source;
        let account = accounts.of(client);
        let spent = account.refused >= self.limits.refused_per_client
            || account.bytes >= self.limits.bytes_per_client;
        if spent || full { Err(accounts.turn_away()) } else { Ok(guest) }
    }

    fn accounts(&self, now: Instant) -> MutexGuard<'_, Accounts> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(accounts.since) >= MINUTE {
            accounts.since = now;
            accounts.clients.clear();
            accounts.sources.clear();
        }
        accounts
    }
}

impl Guest<'_> {
    /// Where it comes from.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts bytes of a body that nobody has vouched for yet.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), TurnedAway> {
        if !self.stranger {
            return Ok(());
        }
        self.charged += bytes;
        let now = Instant::now();
        let mut accounts = self.gate.accounts(now);
        let account = accounts.of(self.client);
        account.bytes = account.bytes.saturating_add(bytes);
        let too_many = account.bytes > self.gate.limits.bytes_per_client;
        if too_many && accounts.known_for(self.client, now).is_none() {
            return Err(accounts.turn_away());
        }
        Ok(())
    }

    /// Notes that the request was authentic: its client is no stranger from now on.
    pub(super) fn authenticated(&self) {
        if !self.noted {
            let now = Instant::now();
            self.gate.accounts(now).note(self.client, now);
        }
    }

    /// Notes that the request was not refused for its sender's sake: its bytes cost nothing.
    pub(super) fn spared(&mut self) {
        let charged = std::mem::take(&mut self.charged);
        if charged > 0 {
            let mut accounts = self.gate.accounts(Instant::now());
            let account = accounts.of(self.client);
            account.bytes = account.bytes.saturating_sub(charged);
        }
    }

    /// Notes that the request was refused. Says in the log when it was the last that is borne.
    pub(super) fn refused(&self, source: Option<&SourceName>) {
        let mut accounts = self.gate.accounts(Instant::now());
        let Limits { refused_per_client, refused_per_source, .. } = self.gate.limits;
        let account = accounts.of(self.client);
        account.refused = account.refused.saturating_add(1);
        let client_spent = account.refused == refused_per_client && self.stranger;
        let of_source = source.map(|name| {
            let count = accounts.sources.entry(name.clone()).or_default();
            *count = count.saturating_add(u32::from(self.stranger));
            (name, *count == refused_per_source && self.stranger)
        });
        drop(accounts);
        if client_spent {
            facts::client_turned_away(self.client, refused_per_client);
        }
        if let Some((name, true)) = of_source {
            facts::source_turns_strangers_away(name.as_str(), refused_per_source);
        }
    }
}

impl Accounts {
    /// How long ago an authentic request of the client was noted, if it is still known for that.
    fn known_for(&self, client: IpAddr, now: Instant) -> Option<Duration> {
        let since = self.known.get(&client)?;
        Some(now.saturating_duration_since(*since)).filter(|known| *known < KNOWN)
    }

    fn note(&mut self, client: IpAddr, now: Instant) {
        if let Some(since) = self.known.get_mut(&client) {
            if now.saturating_duration_since(*since) >= NOTE_AGAIN {
                *since = now;
            }
            return;
        }
        if self.known.len() >= MOST_CLIENTS {
            self.known.retain(|_, since| since.elapsed() < KNOWN);
        }
        if self.known.len() < MOST_CLIENTS {
            self.known.insert(client, now);
        }
    }

    fn of(&mut self, client: IpAddr) -> &mut Account {
        let shared = self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&client);
        let client = if shared { IpAddr::from([0, 0, 0, 0]) } else { client };
        self.clients.entry(client).or_default()
    }

    fn turn_away(&self) -> TurnedAway {
        let left = MINUTE.saturating_sub(self.since.elapsed());
        TurnedAway { retry_after: left.as_secs() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(&Http {
            max_refused_per_client: 3,
            max_refused_per_source: 5,
            max_unauthenticated_bytes: 1_000,
            ..Http::default()
        })
    }

    fn at(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn source() -> SourceName {
        SourceName::new("gitea").unwrap()
    }

    fn refuse(gate: &Gate, client: IpAddr) {
        gate.enter(client, Some(&source())).unwrap().refused(Some(&source()));
    }

    #[test]
    fn a_stranger_is_turned_away_after_so_many_refusals_and_a_known_client_never() {
        let gate = gate();
        for client in [at(1), at(2)] {
            if client == at(2) {
                gate.enter(client, None).unwrap().authenticated();
            }
            for _ in 0..3 {
                gate.enter(client, None).unwrap().refused(None);
            }
        }
        let away = gate.enter(at(1), None).unwrap_err();
        assert!((1..=60).contains(&away.retry_after), "{away:?}");
        assert!(gate.enter(at(2), None).is_ok());
        assert!(gate.enter(at(3), None).is_ok());
    }

    #[test]
    fn a_source_turns_strangers_away_and_lets_known_clients_in() {
        let gate = gate();
        gate.enter(at(9), Some(&source())).unwrap().authenticated();
        for client in [1, 1, 2, 2, 3] {
            refuse(&gate, at(client));
        }
        assert!(gate.enter(at(4), Some(&source())).is_err());
        assert!(gate.enter(at(9), Some(&source())).is_ok());
        assert!(gate.enter(at(4), Some(&SourceName::new("other").unwrap())).is_ok());
    }

    #[test]
    fn bytes_count_until_they_turn_out_to_be_authentic() {
        let gate = gate();
        let mut guest = gate.enter(at(1), None).unwrap();
        guest.charge(900).unwrap();
        let mut other = gate.enter(at(1), None).unwrap();
        assert!(other.charge(101).is_err());
        assert!(gate.enter(at(1), None).is_err());
        guest.authenticated();
        assert!(gate.enter(at(1), None).unwrap().charge(10_000).is_ok());
        // Who is taken without a signature stays a stranger, and pays for nothing.
        for _ in 0..3 {
            let mut guest = gate.enter(at(2), None).unwrap();
            guest.charge(900).unwrap();
            guest.spared();
        }
        assert!(gate.enter(at(2), None).unwrap().charge(1_001).is_err());
    }

    #[test]
    fn a_crowd_of_clients_takes_bounded_memory_and_costs_known_ones_nothing() {
        let gate = gate();
        gate.enter(at(1), None).unwrap().authenticated();
        for n in 0..40_000_u32 {
            let client = IpAddr::from(n.to_be_bytes());
            if let Ok(mut guest) = gate.enter(client, None) {
                let _ = guest.charge(1);
            }
        }
        let accounts = gate.accounts(Instant::now());
        assert!(accounts.clients.len() <= MOST_CLIENTS + 1, "{}", accounts.clients.len());
        drop(accounts);
        assert!(gate.enter(at(1), None).is_ok());
    }

    #[test]
    fn a_client_that_goes_on_delivering_stays_known() {
        let gate = gate();
        let now = Instant::now();
        let before = now.checked_sub(KNOWN.mul_f64(0.9)).unwrap();
        gate.accounts(now).note(at(1), before);
        gate.enter(at(1), None).unwrap().authenticated();
        let known = gate.accounts(now).known_for(at(1), Instant::now());
        assert!(known.unwrap() < NOTE_AGAIN, "{known:?}");
    }

    #[test]
    fn the_next_minute_begins_anew() {
        let gate = gate();
        (0..3).for_each(|_| refuse(&gate, at(1)));
        assert!(gate.enter(at(1), None).is_err());
        drop(gate.accounts(Instant::now() + MINUTE));
        assert!(gate.enter(at(1), None).is_ok());
    }
}
