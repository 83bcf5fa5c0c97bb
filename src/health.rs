//! Whether the daemon can store: what `/readyz` answers from.
//!
//! In come the state of the connection, what the last look at the stream found, and whether the stream took the last
//! message, out comes [`Readiness`]. A daemon that stops is not ready any more, so that no new work is sent to it.
//! Whether it works at all is what `/livez` answers from ([`Pulse`]).

mod pulse;

use std::sync::Arc;

use tokio::sync::watch;

pub use self::pulse::Pulse;
use crate::jetstream::Link;
use crate::outbox::Taking;
use crate::spool::{Spool, Status};

/// Whether a delivery that comes now could be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readiness {
    /// By JetStream.
    Ready,
    /// By the spool, until JetStream takes events again.
    Spooling,
    /// JetStream cannot, and the spool is broken: the log says how, and only a restart mends it.
    SpoolBroken,
    /// JetStream cannot, and the spool is full.
    SpoolFull,
    /// NATS is not connected.
    NoNats,
    /// The stream is not there, was not looked at since the connection was made, or refuses everything.
    NoStream,
    /// The daemon is about to end.
    Stopping,
}

impl Readiness {
    /// The name in the answer of `/readyz`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Spooling => "spooling",
            Self::SpoolBroken => "spool_broken",
            Self::SpoolFull => "spool_full",
            Self::NoNats => "nats_not_connected",
            Self::NoStream => "stream_not_usable",
            Self::Stopping => "stopping",
        }
    }
}

/// What readiness is made of.
#[derive(Debug)]
pub struct Health {
    link: watch::Receiver<Link>,
    /// The connection on which the stream was last seen to be usable.
    stream_seen_on: watch::Sender<Option<Link>>,
    stopping: watch::Sender<bool>,
    spool: Option<Arc<Spool>>,
    taking: Arc<Taking>,
    pulse: Pulse,
}

impl Health {
    /// Watches a connection.
    #[must_use]
    pub fn new(link: watch::Receiver<Link>) -> Self {
        Self {
            link,
            stream_seen_on: watch::Sender::new(None),
            stopping: watch::Sender::new(false),
            spool: None,
            taking: Arc::default(),
            pulse: Pulse::default(),
        }
    }

    /// Looks at this pulse instead of one of its own.
    #[must_use]
    pub fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.pulse = pulse;
        self
    }

    /// Whether the runtime still gets things done.
    #[must_use]
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Watches also whether the stream takes what is sent to it.
    #[must_use]
    pub fn with_taking(mut self, taking: Arc<Taking>) -> Self {
        self.taking = taking;
        self
    }

    /// Counts on a spool where JetStream cannot store, or refuses to.
    #[must_use]
    pub fn with_spool(mut self, spool: Arc<Spool>) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Says that the stream is usable, or is not, on this connection.
    pub fn stream_is_usable(&self, link: Link, usable: bool) {
        self.stream_seen_on.send_replace(usable.then_some(link));
    }

    /// Says that the daemon is about to end.
    pub fn stopping(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether a delivery that comes now could be stored.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let link = *self.link.borrow();
        let spool = self.spool.as_ref().map(|spool| spool.status());
        if *self.stopping.borrow() {
            Readiness::Stopping
        } else if link != Link::Down && self.stream_is_seen() && !self.taking.refuses() {
            Readiness::Ready
        } else if let Some(status) = spool {
            if status.latched.is_some() {
                Readiness::SpoolBroken
            } else if status.full || status.disk_full {
                Readiness::SpoolFull
            } else {
                Readiness::Spooling
            }
        } else if link == Link::Down {
            Readiness::NoNats
        } else {
            Readiness::NoStream
        }
    }

    /// Whether NATS is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.link.borrow() != Link::Down
    }

    /// Whether the stream was usable at the last look.
    #[must_use]
    pub fn stream_is_seen(&self) -> bool {
        self.stream_seen_on.borrow().is_some()
    }

    /// How the spool is doing, if there is one.
    #[must_use]
    pub fn spool(&self) -> Option<Status> {
        self.spool.as_ref().map(|spool| spool.status())
    }

    /// Waits until the stream has been seen to be usable on the present connection, or any before.
    pub async fn ready(&self) {
        let mut seen = self.stream_seen_on.subscribe();
        // The sender is our own: it outlives the wait.
        let _ = seen.wait_for(Option::is_some).await;
    }
}
