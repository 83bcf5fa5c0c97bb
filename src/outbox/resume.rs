//! What an operator may do about the spool of a running outbox.
//!
//! In come wishes, to try now or to try a dead letter again; the drain hears of them at once.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use super::lanes::Lanes;
use super::spooler::Spooler;
use crate::jetstream::Link;
use crate::spool::{RowId, Spool, WriteError};

/// A hold on the spool of an outbox.
#[derive(Clone, Debug)]
pub struct Resume {
    spool: Arc<Spool>,
    lanes: Arc<Lanes>,
    hurry: Arc<Notify>,
    link: watch::Receiver<Link>,
}

impl Resume {
    pub(super) fn new(spooler: &Spooler, link: watch::Receiver<Link>) -> Self {
        Self {
            spool: Arc::clone(&spooler.spool),
            lanes: Arc::clone(&spooler.lanes),
            hurry: Arc::clone(&spooler.hurry),
            link,
        }
    }

    /// Whether NATS is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        *self.link.borrow() != Link::Down
    }

    /// Tries what waits now, whatever failed before.
    pub fn hurry(&self) {
        self.lanes.hurry();
        self.hurry.notify_one();
    }

    /// Lets the dead letter `row` of `lane` wait again, at the end of the lane, and publishes it when JetStream takes it.
    /// Its new row, or none if it is no dead letter.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; it is dead as before.
    pub async fn retry(&self, row: RowId, lane: &str) -> Result<Option<RowId>, WriteError> {
        let (hold, lane) = (self.clone(), lane.to_owned());
        // Whoever stops waiting takes nothing with it: what waits in the spool must also be known to wait.
        let retried = tokio::spawn(async move {
            let made = hold.spool.dead_retry(row).await?;
            if let Some(row) = made {
                hold.lanes.spooled(&lane, row);
            }
            Ok(made)
        });
        retried.await.map_err(|_gone| WriteError::Closed)?
    }
}
