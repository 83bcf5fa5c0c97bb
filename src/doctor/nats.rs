//! The connection to NATS, which the checks of server, stream and permissions share.

use std::time::Duration;

use tokio::time::Instant;

use super::{Findings, server, stream};
use crate::config::Config;
use crate::jetstream::{JetStream, Link};

/// How long to wait for a connection: a handshake may take five seconds.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long another server of the list has once one has failed.
const OTHERS: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn check(config: &Config, found: &mut Findings) {
    let (jetstream, work) = match JetStream::start(&config.nats).await {
        Ok(started) => started,
        Err(error) => return found.error("nats", error.to_string(), "correct [nats]"),
    };
    let work = tokio::spawn(work);
    if connected(&jetstream, found).await {
        server::check(config, &jetstream, found);
        stream::check(config, &jetstream, found).await;
        jetstream.drain().await;
    }
    work.abort();
}

async fn connected(jetstream: &JetStream, found: &mut Findings) -> bool {
    let link = jetstream.link();
    let mut deadline = Instant::now() + PATIENCE;
    let mut failed = false;
    while *link.borrow() == Link::Down && Instant::now() < deadline {
        if !failed && jetstream.trouble().is_some() {
            failed = true;
            deadline = deadline.min(Instant::now() + OTHERS);
        }
        tokio::time::sleep(PAUSE).await;
    }
    if *link.borrow() != Link::Down {
        found.ok("nats", "connected");
        return true;
    }
    match jetstream.trouble() {
        Some(trouble) => {
            let text = format!("no connection to {}: {}", trouble.server, trouble.reason);
            found.error("nats", text, format!("look at {}", trouble.look_at));
        }
        None => {
            let text = format!("no connection within {} s", PATIENCE.as_secs());
            found.error(
                "nats",
                text,
                "look at nats.servers: nothing answers there, or a firewall drops it",
            );
        }
    }
    for check in [
        "server",
        "max_payload",
        "stream",
        "object_store",
        "duplicate_window",
        "permissions",
        "clock",
    ] {
        found.note(
            check,
            "not checked: there is no connection to NATS",
            "mend that, and ask again",
        );
    }
    false
}
