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
        Err(error) => {
            let advice = "correct the section [nats] of the configuration";
            return found.error("nats", error.to_string(), advice);
        }
    };
    let work = tokio::spawn(work);
    if connected(config, &jetstream, found).await {
        server::check(config, &jetstream, found);
        stream::check(config, &jetstream, found).await;
        jetstream.drain().await;
    }
    work.abort();
}

async fn connected(config: &Config, jetstream: &JetStream, found: &mut Findings) -> bool {
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
    if let Some(trouble) = jetstream.trouble() {
        let text = format!("no connection to {}: {}", trouble.server, trouble.reason);
        found.error("nats", text, trouble.look_at);
    } else {
        let (servers, seconds) = (config.nats.servers.join(", "), PATIENCE.as_secs());
        let text = format!("no connection to {servers} within {seconds} s");
        let advice = "nats.servers: is a nats-server there, and no firewall before it?";
        found.error("nats", text, advice);
    }
    let rest = "server, stream, object store, permissions and clock were not checked: there is no connection";
    found.note("stream", rest, "mend that, and ask again");
    false
}
