//! How the servers and the daemon of a phase are set up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::daemon::Way;
use crate::payload::SOURCE;
use crate::support::hook::SECRET;
use crate::support::nats::{NatsServer, free_port};

/// The duplicate window, which no phase outlasts.
const WINDOW: &str = "1h";

/// What a phase is started with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Three servers, and no proxy before them.
    pub(crate) cluster: bool,
    /// Absent where the daemon has none.
    pub(crate) spool: Option<Spool>,
    /// The library that changes the daemon's clock.
    pub(crate) clock: Option<PathBuf>,
    /// Two daemons with a spool each, behind a balancer.
    pub(crate) pair: bool,
    pub(crate) way: Way,
}

/// The daemon's spool.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    /// On a file system of its own that is soon full.
    pub(crate) small_disk: bool,
    /// What it may take on disk, in bytes.
    pub(crate) max_bytes: u64,
    /// The daemon keeps what it has published for some time.
    pub(crate) retain: bool,
}

impl Setup {
    /// Whether the daemon makes up for what a server forgets.
    pub(crate) fn retains(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| spool.retain)
    }

    /// Whether somebody listens all the time, so that nobody is refused.
    pub(crate) fn always_listens(&self) -> bool {
        self.pair || self.way.activated
    }

    /// Starts one server, or a cluster of three.
    pub(crate) fn start_servers(&self) -> Vec<NatsServer> {
        let count = if self.cluster { 3 } else { 1 };
        let mut servers: Vec<_> = (0..count).map(|_| NatsServer::absent()).collect();
        let ports: Vec<_> = servers.iter().map(|_| free_port()).collect();
        for (index, server) in servers.iter().enumerate() {
            let mut config = rules(true);
            if self.cluster {
                let routes = ports.iter().map(|port| format!("\"nats-route://127.0.0.1:{port}\""));
                let routes = routes.collect::<Vec<_>>().join(", ");
                // Writing to a string cannot fail.
                let _ = write!(
                    config,
                    "server_name: n{index}\ncluster {{ name: chaos, listen: \"127.0.0.1:{}\", \
                 routes: [{routes}] }}\n",
                    ports[index]
                );
            }
            server.configure(&config);
        }
        for server in &mut servers {
            server.launch();
        }
        for server in &mut servers {
            server.wait();
        }
        servers
    }

    /// The daemon's configuration but for its addresses.
    pub(crate) fn configuration(&self, urls: &[String], spool: &Path) -> String {
        let urls = urls.iter().map(|url| format!("\"{url}\"")).collect::<Vec<_>>().join(", ");
        let replicas = if self.cluster { 3 } else { 1 };
        let mut config = format!(
            "[nats]\nservers = [{urls}]\n[stream]\ndiscard = \"new\"\nreplicas = {replicas}\n\
         duplicate_window = \"{WINDOW}\"\n[sources.{SOURCE}]\nkind = \"gitea\"\nsecret = \"{SECRET}\"\n"
        );
        if let Some(settings) = &self.spool {
            let retain = if settings.retain { "retain = \"10m\"\n" } else { "" };
            let (dir, max_bytes) = (spool.display(), settings.max_bytes);
            let _ = write!(
                config,
                "[spool]\nenabled = true\ndir = \"{dir}\"\nmax_bytes = {max_bytes}\n{retain}"
            );
        }
        config
    }

    /// With the library every look at the clock also looks at a file.
    pub(crate) fn environment(&self, dir: &Path) -> Result<Vec<(String, String)>> {
        let Some(library) = &self.clock else { return Ok(Vec::new()) };
        set_clock(dir, "+0")?;
        let pairs = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", dir.join("clock").display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        Ok(pairs.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }
}

/// The server's users: the daemon, which needs no password and may be forbidden to publish, and the bench.
pub(crate) fn rules(may_publish: bool) -> String {
    let deny = if may_publish { "" } else { "\"forge.>\"" };
    format!(
        "authorization {{ users = [\n  {{ user: bench, password: bench }}\n  \
         {{ user: forge, password: forge, permissions: {{ publish: {{ deny: [{deny}] }} }} }}\n] }}\n\
         no_auth_user: forge\n"
    )
}

/// Makes the daemon's clock differ by `offset`, as libfaketime words it.
pub(crate) fn set_clock(dir: &Path, offset: &str) -> Result<()> {
    let new = dir.join("clock.new");
    std::fs::write(&new, offset)?;
    // A reader sees one or the other, never half of it.
    std::fs::rename(new, dir.join("clock")).context("cannot set the clock")
}
