//! HTTP as Go's client does it, and with it Gitea, Forgejo and Gogs.
//!
//! Connections are kept and used again, five seconds are the limit for a whole exchange, and a POST is sent
//! again only if not a byte of it had been written.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::support::hook::Hook;

/// Gitea's default limit for a delivery.
const LIMIT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoAnswer {
    /// Nobody listens.
    Refused,
    /// It was cut, or took too long.
    Lost,
}

/// Connections to one address.
#[derive(Debug)]
pub(crate) struct Pool {
    address: SocketAddr,
    most_idle: usize,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Pool {
    /// Keeps so many connections while nobody uses them.
    pub(crate) fn new(address: SocketAddr, most_idle: usize) -> Self {
        Self { address, most_idle, idle: Mutex::default() }
    }

    /// Sends a delivery to `path`: the status and the body of its answer.
    pub(crate) async fn deliver(&self, path: &str, hook: &Hook) -> Result<(u16, Bytes), NoAnswer> {
        let exchange = tokio::time::timeout(LIMIT, self.exchange(path, hook)).await;
        exchange.unwrap_or(Err(NoAnswer::Lost))
    }

    async fn exchange(&self, path: &str, hook: &Hook) -> Result<(u16, Bytes), NoAnswer> {
        let mut request = request(path, hook);
        loop {
            let (mut connection, used) = match self.kept().await {
                Some(kept) => (kept, true),
                None => (self.connect().await?, false),
            };
            let answer = match connection.try_send_request(request).await {
                Ok(answer) => answer,
                Err(mut error) => match error.take_message() {
                    Some(unsent) if used => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(NoAnswer::Lost),
                },
            };
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|_cut| NoAnswer::Lost)?;
            let mut idle = self.idle.lock().unwrap();
            if idle.len() < self.most_idle {
                idle.push(connection);
            }
            return Ok((status, body.to_bytes()));
        }
    }

    /// The connection that was used last, if it is still open.
    async fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        loop {
            let mut connection = self.idle.lock().unwrap().pop()?;
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let stream =
            TcpStream::connect(self.address).await.map_err(|error| match error.kind() {
                ErrorKind::ConnectionRefused => NoAnswer::Refused,
                _ => NoAnswer::Lost,
            })?;
        // Go does so too.
        let _ = stream.set_nodelay(true);
        let opened = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = opened.map_err(|_cut| NoAnswer::Lost)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn request(path: &str, hook: &Hook) -> Request<Full<Bytes>> {
    let mut request = Request::post(path).header("host", "forgewire");
    for (name, value) in &hook.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::copy_from_slice(&hook.body))).unwrap()
}
