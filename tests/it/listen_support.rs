//! A small router over the connection server, and clients that write and read raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use forgewire::listen::Limits;
use forgewire::listen::answer::Extended;
use forgewire::listen::body::{BodyError, read_body};
use forgewire::listen::registry::ConnHandle;
use forgewire::listen::server::Server;
use forgewire::listen::socket::{Listener, bind};
use forgewire::listen::tls::Tls;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longer than anything a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Lets handlers of `/hold` begin to be seen, and end when told.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) leave: Arc<Semaphore>,
}

pub(crate) fn start(limits: Limits) -> (Server, Gate) {
    let (router, gate) = router();
    (Server::spawn(free_port(), router, limits), gate)
}

/// The same inside of TLS.
pub(crate) fn start_secured(limits: Limits, tls: &Arc<Tls>) -> (Server, Gate) {
    let (router, gate) = router();
    (Server::spawn_secured(free_port(), Arc::clone(tls), router, limits), gate)
}

fn free_port() -> Listener {
    bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn router() -> (Extended<TowerToHyperService<Router>>, Gate) {
    let gate = Gate { entered: Arc::new(Semaphore::new(0)), leave: Arc::new(Semaphore::new(0)) };
    let router =
        Router::new()
            .route("/hello", get(|| async { "hello" }))
            .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
            .route("/panic", get(panics))
            .route("/login", get(login))
            .route(
                "/peer",
                get(|Extension(conn): Extension<ConnHandle>| async move {
                    conn.peer().ip().to_string()
                }),
            )
            .route("/unread", post(|| async { StatusCode::UNAUTHORIZED }))
            .route("/hold", get(hold))
            .route("/body", post(body))
            .with_state(gate.clone());
    (Extended(TowerToHyperService::new(router)), gate)
}

async fn panics() -> StatusCode {
    panic!("a handler's defect")
}

async fn login(Extension(conn): Extension<ConnHandle>) -> &'static str {
    conn.authenticated();
    "known"
}

async fn hold(State(gate): State<Gate>) -> &'static str {
    gate.entered.add_permits(1);
    gate.leave.acquire().await.unwrap().forget();
    "held"
}

async fn body(Extension(conn): Extension<ConnHandle>, body: Body) -> Response {
    let error = match read_body(&conn, body).await {
        Ok(body) => return body.bytes.len().to_string().into_response(),
        Err(error) => error,
    };
    let status = match error {
        BodyError::Aborted => StatusCode::BAD_REQUEST,
        BodyError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
        BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
    };
    status.into_response()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn says(&self, header: &str) -> bool {
        self.head.to_ascii_lowercase().contains(header)
    }
}

pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).await.unwrap()
    }

    pub(crate) async fn try_connect(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(addr)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(crate) async fn connect_from(source: &str, addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        let stream = timeout(PATIENCE, socket.connect(addr)).await.unwrap().unwrap();
        Self { stream, read: Vec::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A client at the end of a stream.
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer, or `None` if the connection ended before its first byte.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer or an end in time")
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("an answer")
    }

    /// Whether the connection ends without another byte.
    pub(crate) async fn ends(&mut self) -> bool {
        self.try_answer().await.is_none()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        self.answer().await
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                let rest = self.read.split_off(end + 4);
                break String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            if !self.more().await {
                assert!(self.read.is_empty(), "cut inside of a head");
                return None;
            }
        };
        let length = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap()))
            .unwrap_or(0);
        while self.read.len() < length {
            assert!(self.more().await, "cut inside of a body");
        }
        let rest = self.read.split_off(length);
        let body = String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head, body })
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.read).await.is_ok_and(|n| n > 0)
    }
}
