//! The service manager: told how it goes, and asked for sockets that are open already.
//!
//! In comes the environment that systemd gives to a service (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `LISTEN_FDS`), out
//! go the messages of `sd_notify(3)`. Where nobody listens, nothing is said.

mod sockets;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use crate::facts;
use crate::health::{Health, Readiness};
pub use sockets::{SocketError, Sockets};

/// Messages that may wait for a manager that is slow; more are left out.
const WAITING: usize = 64;
/// How often a manager is told that a start or a stop goes on.
const GOES_ON: Duration = Duration::from_secs(5);
/// How long it waits for the next such word.
const GOES_ON_FOR: Duration = Duration::from_secs(15);
/// How often the state is looked at.
const LOOK: Duration = Duration::from_secs(1);

type Message = Vec<NotifyState<'static>>;

/// The way to the service manager, if there is one. Nothing that is said through it waits.
#[derive(Clone, Debug)]
pub struct Manager {
    to: Option<SyncSender<Message>>,
}

impl Manager {
    /// The one that the environment names.
    ///
    /// # Errors
    ///
    /// The thread that talks to it could not be started.
    pub fn of_environment() -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self { to: None });
        }
        let (to, messages) = sync_channel::<Message>(WAITING);
        // A manager that does not read would hold up whoever talks to it.
        std::thread::Builder::new().name("notify".into()).spawn(move || {
            let mut deaf = false;
            for message in messages {
                let told = sd_notify::notify(&message);
                if let Err(error) = &told
                    && !deaf
                {
                    facts::service_manager_is_deaf(error);
                }
                deaf = told.is_err();
            }
        })?;
        Ok(Self { to: Some(to) })
    }

    /// Ports are open: deliveries are taken. Also says that a reload is over, however it went.
    pub fn ready(&self) {
        self.say([NotifyState::Ready]);
    }

    /// A reload begins; [`Manager::ready`] ends it.
    pub fn reloading(&self) {
        // Without a clock there is nothing to reload by either.
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        self.say([NotifyState::Reloading, now]);
    }

    /// The stop begins. From now on the manager is told again and again that it goes on: its steps have limits
    /// of their own. Must be called inside a tokio runtime.
    #[must_use = "it is over when this is dropped"]
    pub fn stopping(&self) -> GoesOn {
        self.say([NotifyState::Stopping, NotifyState::Status("Finishing what has been sent.")]);
        self.goes_on()
    }

    /// The start goes on, as long as what is returned is kept: a large spool takes long to look through. Must be
    /// called inside a tokio runtime.
    #[must_use = "it is over when this is dropped"]
    pub fn starting(&self) -> GoesOn {
        self.say([NotifyState::Status("Opening the spool.")]);
        self.goes_on()
    }

    fn goes_on(&self) -> GoesOn {
        let manager = self.clone();
        let told = async move {
            let mut ticks = tokio::time::interval(GOES_ON);
            let micros = u32::try_from(GOES_ON_FOR.as_micros()).unwrap_or(u32::MAX);
            loop {
                ticks.tick().await;
                manager.say([NotifyState::ExtendTimeoutUsec(micros)]);
            }
        };
        GoesOn { _task: self.to.as_ref().map(|_| spawn(told)) }
    }

    /// Tells what `health` says whenever that changes, and that we are alive as often as the manager wants to know;
    /// as long as what is returned is kept. Must be called inside a tokio runtime.
    #[must_use = "it is over when this is dropped"]
    pub fn follow(&self, health: Arc<Health>) -> Following {
        let told = self.to.is_some();
        let watchdog = sd_notify::watchdog_enabled().filter(|_| told);
        Following {
            _status: told.then(|| spawn(status(self.clone(), health))),
            _beats: watchdog.map(|limit| spawn(beats(self.clone(), limit / 2))),
        }
    }

    fn say<const N: usize>(&self, message: [NotifyState<'static>; N]) {
        if let Some(to) = &self.to {
            match to.try_send(message.into()) {
                // It does not listen, and has been told enough.
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
    }
}

/// A start or a stop that goes on.
#[derive(Debug)]
pub struct GoesOn {
    _task: Option<AbortOnDropHandle<()>>,
}

/// The state that is told, and the beats.
#[derive(Debug)]
pub struct Following {
    _status: Option<AbortOnDropHandle<()>>,
    _beats: Option<AbortOnDropHandle<()>>,
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

async fn status(manager: Manager, health: Arc<Health>) {
    let mut before = None;
    loop {
        let now = health.readiness();
        // The stop has been told by who asked for it.
        if before != Some(now) && now != Readiness::Stopping {
            manager.say([NotifyState::Status(text(now))]);
        }
        before = Some(now);
        tokio::time::sleep(LOOK).await;
    }
}

const fn text(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "Connected: events go to JetStream.",
        Readiness::Spooling => "Spooling: JetStream takes no events.",
        Readiness::SpoolBroken => {
            "Refusing deliveries: JetStream takes no events, the spool is broken."
        }
        Readiness::SpoolFull => {
            "Refusing deliveries: JetStream takes no events, the spool is full."
        }
        Readiness::NoNats => "Refusing deliveries: NATS is not connected.",
        Readiness::NoStream => "Refusing deliveries: the stream cannot be used.",
        Readiness::Stopping => "Finishing what has been sent.",
    }
}

/// Says so every so often that we are alive, if the runtime has time for a new task each time.
async fn beats(manager: Manager, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if tokio::spawn(async {}).await.is_ok() {
            manager.say([NotifyState::Watchdog]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    use super::*;

    fn manager() -> (Manager, Receiver<Message>) {
        let (to, messages) = sync_channel(WAITING);
        (Manager { to: Some(to) }, messages)
    }

    fn words(message: &[NotifyState<'_>]) -> Vec<String> {
        message.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_reload_begins_with_the_time_and_ends_with_ready() {
        let (manager, messages) = manager();
        manager.reloading();
        manager.ready();
        let began = words(&messages.recv().unwrap());
        assert_eq!(began[0], "RELOADING=1");
        let at: u64 = began[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        assert!(at > 0);
        assert_eq!(words(&messages.recv().unwrap()), ["READY=1"]);
    }

    #[test]
    fn a_manager_that_does_not_read_holds_nobody_up() {
        let (manager, messages) = manager();
        (0..=WAITING).for_each(|_| manager.ready());
        assert_eq!(messages.try_iter().count(), WAITING);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_stop_is_told_again_and_again_until_it_is_over() {
        let (manager, messages) = manager();
        let stopping = manager.stopping();
        tokio::time::sleep(2 * GOES_ON + GOES_ON / 2).await;
        assert_eq!(words(&messages.try_recv().unwrap())[0], "STOPPING=1");
        let goes_on: Vec<_> = messages.try_iter().map(|message| words(&message)).collect();
        assert_eq!(goes_on, vec![["EXTEND_TIMEOUT_USEC=15000000"]; 3]);
        drop(stopping);
        tokio::time::sleep(4 * GOES_ON).await;
        assert!(messages.try_recv().is_err());
    }

    #[test]
    fn beats_stop_while_the_runtime_is_stuck_and_go_on_after_it() {
        let every = Duration::from_millis(10);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let (manager, messages) = manager();
        runtime.spawn(beats(manager, every));
        let beat = |within| messages.recv_timeout(within).map(|message| words(&message));
        let long = Duration::from_secs(30);
        assert_eq!(beat(long).unwrap(), ["WATCHDOG=1"]);
        // The one thread of the runtime waits for us.
        let (stuck, is_stuck) = channel();
        let (free, is_free) = channel::<()>();
        runtime.spawn(async move {
            stuck.send(()).unwrap();
            is_free.recv().unwrap();
        });
        is_stuck.recv().unwrap();
        let _before: Vec<_> = messages.try_iter().collect();
        assert_eq!(beat(20 * every), Err(RecvTimeoutError::Timeout));
        free.send(()).unwrap();
        assert_eq!(beat(long).unwrap(), ["WATCHDOG=1"]);
    }
}
