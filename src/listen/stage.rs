//! What a connection is doing, and what the passing of time means for it.
//!
//! In come the steps of a connection and the limits, out comes when it is due, and for what. It reads no clock.

use std::time::{Duration, Instant};

use super::Limits;

/// How long a connection without a single byte is waited for when the server closes.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Open, and not a byte has come; with TLS, none after the handshake.
    Fresh,
    /// The handshake of TLS has begun.
    Handshake,
    /// Some bytes of a request head have come.
    Head,
    /// The request is with its handler, which may be reading the body.
    Handling,
    /// The response is being written.
    Responding,
    /// The response's last byte is with hyper, not yet with the kernel.
    Flushing,
    /// Between two requests.
    Idle,
}

/// What the passing of time means for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this instant.
    Later(Instant),
    /// The head took too long: tell the client.
    SlowHead,
    /// Idle for too long: close unless a request has just arrived.
    Idle,
    /// Nobody there to tell: close.
    Drop,
}

/// Where a connection stands.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) phase: Phase,
    since: Instant,
    /// The request's body has not been read to its end.
    pub(super) unread: bool,
    /// This connection takes no further request.
    pub(super) leaving: bool,
    /// When a client of HTTP/2 was told so.
    pub(super) told: Option<Instant>,
    /// Requests of HTTP/2 that are with their handlers.
    handling: usize,
    /// Those whose responses are being written.
    responding: usize,
    /// When a frame or head of HTTP/2 began that has not ended.
    partial: Option<Instant>,
}

impl Stage {
    /// A connection that began at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Fresh,
            since: now,
            unread: false,
            leaving: false,
            told: None,
            handling: 0,
            responding: 0,
            partial: None,
        }
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }

    /// Notes that bytes came, and returns the phase that they belong to and whether they begin it.
    pub(super) fn received(&mut self, now: impl FnOnce() -> Instant) -> (Phase, bool) {
        let begins = matches!(self.phase, Phase::Fresh | Phase::Idle);
        if begins {
            self.enter(Phase::Head, now());
        }
        (self.phase, begins)
    }

    /// What time says at `now`, in a server that began to close then, if it did.
    pub(super) fn due(&self, now: Instant, limits: &Limits, closing: Option<Instant>) -> Due {
        let (deadline, then) = match (self.phase, closing) {
            (Phase::Fresh, closing) => {
                let mut deadline = self.since + limits.header_timeout;
                if let Some(closing) = closing {
                    deadline = deadline.min(self.since.max(closing) + LAST_CHANCE);
                }
                (deadline, Due::Drop)
            }
            (Phase::Handshake, _) => (self.since + limits.header_timeout, Due::Drop),
            (Phase::Head, _) => (self.since + limits.header_timeout, Due::SlowHead),
            // What has come of a record, and is no head yet, gets as long as a head.
            (Phase::Idle, Some(closing)) => {
                (self.since.max(closing) + limits.header_timeout, Due::Drop)
            }
            (Phase::Idle, None) if self.leaving => {
                (self.since + limits.idle_timeout + limits.header_timeout, Due::Drop)
            }
            (Phase::Idle, None) => (self.since + limits.idle_timeout, Due::Idle),
            (Phase::Responding | Phase::Flushing, _) => {
                (self.since + limits.body_timeout, Due::Drop)
            }
            // The handler has limits of its own.
            (Phase::Handling, _) => return Due::Later(now + limits.body_timeout),
        };
        if now < deadline { Due::Later(deadline) } else { then }
    }

    /// Notes that a request of HTTP/2 is there.
    pub(super) fn stream_begins(&mut self) {
        self.handling += 1;
        self.phase = Phase::Handling;
    }

    /// Notes that one has a response.
    pub(super) fn stream_responds(&mut self, now: Instant) {
        self.handling = self.handling.saturating_sub(1);
        self.responding += 1;
        self.settle(now);
    }

    /// Notes that one is done, or given up by the client.
    pub(super) fn stream_ends(&mut self, responding: bool, now: Instant) {
        let kind = if responding { &mut self.responding } else { &mut self.handling };
        *kind = kind.saturating_sub(1);
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        let phase = match (self.handling, self.responding) {
            (0, 0) => Phase::Idle,
            (0, _) => Phase::Responding,
            _ => Phase::Handling,
        };
        self.enter(phase, now);
    }

    /// Notes that bytes of HTTP/2 came: whether they end inside of a frame or head, and whether one ended in
    /// them.
    pub(super) fn frames_came(&mut self, inside: bool, ended: bool, now: impl FnOnce() -> Instant) {
        if !inside {
            self.partial = None;
        } else if ended || self.partial.is_none() {
            self.partial = Some(now());
        }
    }

    /// What time says at `now` where HTTP/2 is spoken. Idle means to tell the client, who may go on for a
    /// moment, so that it loses nothing that it has sent.
    pub(super) fn due_h2(&self, now: Instant, limits: &Limits) -> Due {
        let (deadline, then) = match self.phase {
            // Each body has limits of its own, and what has begun beside them can wait.
            Phase::Handling => return Due::Later(now + limits.body_timeout),
            Phase::Responding | Phase::Flushing => (self.since + limits.body_timeout, Due::Drop),
            _ => match (self.partial, self.told) {
                (Some(partial), _) => (partial + limits.header_timeout, Due::SlowHead),
                (None, Some(told)) => (self.since.max(told) + LAST_CHANCE, Due::Drop),
                (None, None) if self.phase == Phase::Idle => {
                    (self.since + limits.idle_timeout, Due::Idle)
                }
                (None, None) => (self.since + limits.header_timeout, Due::Idle),
            },
        };
        if now < deadline { Due::Later(deadline) } else { then }
    }
}
