//! SIGTERM and SIGINT as something to wait for, and SIGHUP as something to hand on.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals that ask for the end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals from now on; they no longer end the process by themselves.
    pub(super) fn take() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Takes SIGHUP, which asks for a reload.
    pub(super) fn hangup() -> std::io::Result<Signal> {
        signal(SignalKind::hangup())
    }

    /// Waits for the next of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
