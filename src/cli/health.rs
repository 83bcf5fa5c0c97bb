//! `forgewire health`: is the daemon of this configuration well?
//!
//! The daemon's own settings come in, of which only `admin.listen` is read; one request goes to its probes,
//! and one line and an exit code come out. It is what a container without a shell checks its health by.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::{REFUSED, Settings};
use crate::config::Config;
use crate::network::from_here;

/// For connection, request and answer together: a daemon that needs longer on its own machine is not well.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Most bytes of an answer. Ours have less than a hundred.
const LONGEST_ANSWER: usize = 4096;

/// Ask the running daemon whether a delivery could be stored.
///
/// Of the configuration only admin.listen is read: give it as the daemon has it. Exit code 0: ready; 1: it
/// answered that it is not; 69: it did not answer within 3 seconds.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    #[command(flatten)]
    settings: Settings,

    /// Ask only whether it works at all, stored or not.
    #[arg(long)]
    live: bool,
}

/// What a probe answers; see `ingress::admin`.
#[derive(Deserialize)]
struct Said {
    status: Status,
    stores: Option<String>,
    reason: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Alive,
    Ready,
    NotReady,
}

impl Health {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let address = from_here(Config::admin_listen(&self.settings.inputs())?);
        if address.port() == 0 {
            bail!(
                "admin.listen has port 0, so the daemon took any; name the one that it logged by --admin-listen"
            );
        }
        let path = if self.live { "/livez" } else { "/readyz" };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let answered =
            runtime.block_on(async { tokio::time::timeout(TIMEOUT, ask(address, path)).await });
        let said = answered
            .map_err(|_elapsed| anyhow!("no answer within {} s", TIMEOUT.as_secs()))
            .flatten()
            .with_context(|| format!("the daemon does not answer at http://{address}{path}"))?;
        let well = said.status != Status::NotReady;
        // Who only wants the exit code may have closed the pipe.
        let _ = writeln!(std::io::stdout(), "{}", said.line());
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
    }
}

impl Said {
    fn line(&self) -> String {
        let word = |word: &Option<String>| word.as_deref().unwrap_or("it does not say").to_owned();
        match self.status {
            Status::Alive => "alive".to_owned(),
            Status::Ready => format!("ready, deliveries go to: {}", word(&self.stores)),
            Status::NotReady => format!("not ready: {}", word(&self.reason)),
        }
    }
}

async fn ask(address: SocketAddr, path: &str) -> anyhow::Result<Said> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request =
        Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let said = read(sender.send_request(request).await?).await;
    connection.abort();
    said
}

async fn read(response: Response<hyper::body::Incoming>) -> anyhow::Result<Said> {
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    let said = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    said.with_context(|| format!("what listens there is not forgewire's: it answered {status}"))
}
