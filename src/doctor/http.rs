//! One request to a listener of this machine, and its answer.

use std::io::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// For connection, request and answer together: a forge waits as long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Where to ask.
pub(super) struct Place {
    pub(super) address: SocketAddr,
    /// With what to make a handshake of TLS; none: plain HTTP.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its body; null where that is no JSON.
    json: Value,
}

impl Answer {
    /// A member of the body that is a text; empty where there is none. The pointer is one of RFC 6901.
    pub(super) fn said(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

pub(super) fn get(path: &'static str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = hyper::Uri::from_static(path);
    request
}

impl Place {
    /// Connects, makes the handshake of TLS if there is one, and sends nothing.
    pub(super) async fn connect(&self) -> Result<(), Error> {
        in_time(async {
            let stream = TcpStream::connect(self.address).await?;
            match &self.tls {
                Some(tls) => over(tls, self.address, stream).await.map(drop),
                None => Ok(()),
            }
        })
        .await
    }

    /// Asks; the error says why there is no answer.
    pub(super) async fn ask(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let host = HeaderValue::from_str(&self.address.to_string()).map_err(Error::other)?;
        request.headers_mut().insert(HOST, host);
        in_time(async {
            let stream = TcpStream::connect(self.address).await?;
            match &self.tls {
                Some(tls) => exchange(over(tls, self.address, stream).await?, request).await,
                None => exchange(stream, request).await,
            }
        })
        .await
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_elapsed| Error::other(format!("nothing came within {} s", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, work).await.map_err(late)?
}

async fn over(
    tls: &Arc<ClientConfig>,
    address: SocketAddr,
    stream: TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Error> {
    let name = ServerName::IpAddress(address.ip().into());
    TlsConnector::from(Arc::clone(tls)).connect(name, stream).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Error> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await.map_err(Error::other)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Answer { status, json: serde_json::from_slice(&body).unwrap_or_default() })
    };
    let answer = answer.await;
    connection.abort();
    answer
}
