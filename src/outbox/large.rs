//! Repeats of deliveries that are too large for a message: one after the other, and with one object.
//!
//! In come the digests of deliveries and the references that were published, out comes who may go on and what a
//! repeat should refer to. A body says when it was received, so that of a repeat has other bytes; where the first one
//! is still there, a repeat refers to that.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use crate::message::{Message, Object};

/// Bodies that a repeat is recognised by. A forge that tries again does so within minutes.
const REMEMBERED: usize = 256;

/// Whose turn it is to store the objects of a delivery, until it is dropped.
pub(super) type Alone = OwnedMutexGuard<()>;

/// What is on its way, and what was.
#[derive(Debug, Default)]
pub(super) struct Large {
    busy: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    recent: Mutex<VecDeque<Recent>>,
}

/// A body that was stored as an object.
#[derive(Clone, Debug)]
struct Recent {
    /// Id of the event and digest of the delivery: two deliveries may claim one id.
    key: (String, String),
    /// The body of the message that refers to it.
    reference: Bytes,
    /// The object, without its bytes.
    whole: Object,
}

impl Large {
    /// Waits until nobody else stores objects of the same bytes; nobody else does until what it gives is dropped.
    pub(super) async fn alone(&self, message: &Message) -> Alone {
        let turn = {
            let mut busy = lock(&self.busy);
            // Who is nobody's turn any more goes.
            busy.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(busy.entry(digest(message).to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// The same message as it was published before, if its body was an object then.
    pub(super) fn published(&self, message: &Message) -> Option<Message> {
        message.whole.as_ref()?;
        let key = key(message);
        let recent = lock(&self.recent).iter().find(|recent| recent.key == key).cloned()?;
        Some(Message { body: recent.reference, whole: Some(recent.whole), ..message.clone() })
    }

    /// Remembers a message whose body is stored as an object.
    pub(super) fn remember(&self, message: &Message) {
        let Some(whole) = &message.whole else { return };
        let key = key(message);
        let mut recent = lock(&self.recent);
        recent.retain(|recent| recent.key != key);
        if recent.len() >= REMEMBERED {
            recent.pop_front();
        }
        let whole = Object { content: Bytes::new(), ..whole.clone() };
        recent.push_back(Recent { key, reference: message.body.clone(), whole });
    }
}

fn digest(message: &Message) -> &str {
    message.header("Forgewire-Digest").unwrap_or(&message.id)
}

fn key(message: &Message) -> (String, String) {
    (message.id.clone(), digest(message).to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Neither has a state that a panic could leave half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
