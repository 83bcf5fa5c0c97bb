//! A small HTTP client that does what it is told: one connection, kept open, no retries.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::hook::Hook;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The `code` of a problem, after checking that it is one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["code"].as_str().expect("a code").to_owned()
    }
}

/// An open connection.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> std::io::Result<Self> {
        Self::over(TcpStream::connect(addr).await?).await
    }

    /// One over a stream that is there.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> hyper::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path).header("host", "forgewire");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        self.0.ready().await?;
        let (parts, body) = self.0.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn deliver(&mut self, path: &str, hook: &Hook) -> hyper::Result<Answer> {
        self.request("POST", path, &hook.headers, &hook.body).await
    }
}

/// One request on a connection of its own.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Answer {
    let mut connection = Connection::open(addr).await.expect("connected");
    connection.request(method, path, headers, body).await.expect("an answer")
}

/// One delivery on a connection of its own.
pub(crate) async fn deliver(addr: SocketAddr, path: &str, hook: &Hook) -> Answer {
    request(addr, "POST", path, &hook.headers, &hook.body).await
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> Answer {
    request(addr, "GET", path, &[], &[]).await
}
