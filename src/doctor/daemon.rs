//! Whether a daemon of this configuration runs: its version if it does, free ports if not.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::Findings;
use super::http::{Place, get};
use crate::config::Config;
use crate::network::from_here;

/// Whether one runs.
pub(super) async fn check(config: &Config, found: &mut Findings) -> bool {
    let admin = config.admin.listen;
    if admin.port() == 0 {
        let text = "not checked: admin.listen has port 0, so nobody knows where a daemon answers";
        found.note("daemon", text, "name the port that it logged by --admin-listen");
        return false;
    }
    let place = Place { address: from_here(admin), tls: None };
    match place.ask(get("/version")).await {
        Ok(answer) if answer.said("/name") == env!("CARGO_PKG_NAME") => {
            version(answer.said("/version"), found);
            readiness(&place, found).await;
            true
        }
        Ok(answer) => {
            let status = answer.status;
            let text = format!(
                "what listens at admin.listen ({admin}) is not forgewire's: it answered {status}"
            );
            found.error("ports", text, "stop it, or set admin.listen to another port");
            false
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            let text = format!("none answers at admin.listen ({admin})");
            found.note("daemon", text, "if it should run, start it: forgewire serve");
            port("admin.listen", admin, found);
            port("http.listen", config.http.listen, found);
            false
        }
        Err(error) => {
            let text = format!("no answer from admin.listen ({admin}): {error}");
            let advice = "if a daemon runs there, its log says more; else stop what has the port, or set admin.listen to an address of this machine";
            found.error("daemon", text, advice);
            false
        }
    }
}

fn version(running: &str, found: &mut Findings) {
    let ours = env!("CARGO_PKG_VERSION");
    if running == ours {
        return found.ok("daemon", format!("runs, version {running}"));
    }
    let text = format!("runs version {running}, and this program is {ours}");
    found.warning("daemon", text, "restart the daemon if it was upgraded, or use its own program");
}

async fn readiness(place: &Place, found: &mut Findings) {
    let check = "readiness";
    match place.ask(get("/readyz")).await {
        Ok(answer) if answer.said("/stores") == "jetstream" => {
            found.ok(check, "deliveries go to JetStream");
        }
        Ok(answer) if answer.said("/stores") == "spool" => {
            let advice =
                "see what the checks of NATS and stream say; it publishes once that is mended";
            found.warning(check, "deliveries go to the spool, not to JetStream", advice);
        }
        Ok(answer) => {
            let text = format!("the daemon cannot store: {}", answer.said("/reason"));
            let advice = "forges are answered 503: see the other findings, and the daemon's log";
            found.error(check, text, advice);
        }
        Err(error) => {
            let text = format!("/readyz does not answer: {error}");
            found.error(check, text, "look at the daemon's log");
        }
    }
}

fn port(key: &'static str, address: SocketAddr, found: &mut Findings) {
    if address.port() == 0 {
        return found.ok("ports", format!("{key} takes any free port"));
    }
    match TcpListener::bind(address) {
        Ok(_closed_at_once) => found.ok("ports", format!("{key} ({address}) is free")),
        Err(error) => {
            let text = format!("{key} ({address}) cannot be opened: {error}");
            let advice = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!(
                        "stop the program that has it (a socket unit, too), or set {key} to another port"
                    )
                }
                ErrorKind::PermissionDenied => {
                    format!(
                        "set {key} to a port from 1024 on, or let the service manager open it (forgewire.socket)"
                    )
                }
                _ => format!("set {key} to an address of this machine"),
            };
            found.error("ports", text, advice);
        }
    }
}
