//! One request to a listener of this machine, and its answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// For connection, request and answer together: a forge waits as long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its body; null where that is no JSON.
    pub(super) json: Value,
}

impl Answer {
    /// A member of the body that is a text.
    pub(super) fn said(&self, name: &str) -> &str {
        self.json.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

pub(super) fn get(path: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    // Our own paths are paths.
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

/// Asks; the error says why there is no answer.
pub(super) async fn ask(
    address: SocketAddr,
    mut request: Request<Full<Bytes>>,
) -> Result<Answer, std::io::Error> {
    let host = HeaderValue::from_str(&address.to_string()).map_err(std::io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let other = std::io::Error::other::<hyper::Error>;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(other)?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(other);
        let answer = async {
            let response = response?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Ok(Answer { status, json: serde_json::from_slice(&body).unwrap_or_default() })
        };
        let answer = answer.await;
        connection.abort();
        answer
    };
    let timed_out = |_elapsed| std::io::Error::from(std::io::ErrorKind::TimedOut);
    tokio::time::timeout(TIMEOUT, asked).await.map_err(timed_out)?
}
