//! What is to be published, on its way to the client: handed over in batches.
//!
//! In come single messages, out they go to the client's task, as many at once as were ready. That task would
//! otherwise run, and write, after each of them: with many deliveries at a time that doubled the number of
//! writes, and the times that the server woke up for one. A message whose sender has given up is forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use tokio::sync::Notify;

use super::acks::{Acks, Unacknowledged};

/// One message as the client takes it.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What its acknowledgement is known by.
    pub(super) token: u64,
    pub(super) subject: Subject,
    pub(super) reply: Subject,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Messages that are ready.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: Mutex<Vec<Outgoing>>,
    some: Notify,
}

impl Queue {
    /// Adds a message. It is taken out again if the returned guard goes before it was handed over.
    pub(super) fn put(&self, message: Outgoing) -> Place<'_> {
        let token = message.token;
        let first = {
            let mut ready = self.ready();
            ready.push(message);
            ready.len() == 1
        };
        if first {
            self.some.notify_one();
        }
        Place { queue: self, token }
    }

    /// Hands over what is ready, for ever.
    pub(super) async fn send(self: Arc<Self>, client: async_nats::Client, acks: Arc<Acks>) {
        loop {
            self.some.notified().await;
            // Whatever else can run now runs first, and may have more to send.
            tokio::task::yield_now().await;
            let batch = std::mem::take(&mut *self.ready());
            for Outgoing { token, subject, reply, headers, body } in batch {
                let sent = client.publish_with_reply_and_headers(subject, reply, headers, body);
                if let Err(error) = sent.await {
                    acks.answer(token, Err(Unacknowledged::from_client(&error)));
                }
            }
        }
    }

    fn ready(&self) -> MutexGuard<'_, Vec<Outgoing>> {
        // A list that is pushed to has no state that a panic could leave half changed.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message's place in the queue.
#[derive(Debug)]
pub(super) struct Place<'q> {
    queue: &'q Queue,
    token: u64,
}

impl Place<'_> {
    /// It is known that the message has been handed over.
    pub(super) fn left(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Mostly it has been handed over long ago, and the queue is short.
        self.queue.ready().retain(|message| message.token != self.token);
    }
}
