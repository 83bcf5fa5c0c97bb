//! A TCP proxy between the daemon and NATS that cuts, delays, half-closes and swallows.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use hyper::body::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// Pieces of a delayed connection that are under way at once.
const UNDER_WAY: usize = 1024;

/// What is done to connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Weather {
    /// New connections are closed at once.
    pub(crate) closed: bool,
    /// Every byte arrives so much later.
    pub(crate) delay: Duration,
    /// What the server says does not arrive.
    pub(crate) swallow: bool,
    /// How often all connections have been cut so far.
    cuts: u64,
    /// How often the server's side has been told that the client will say no more.
    halves: u64,
}

/// A running proxy; dropping it ends it.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    weather: watch::Sender<Weather>,
    task: AbortHandle,
}

impl Proxy {
    /// Listens, and passes on to `server`.
    pub(crate) fn start(runtime: &Handle, server: SocketAddr) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::default());
        let task = runtime.spawn(accept(listener, server, seen)).abort_handle();
        Ok(Self { address, weather, task })
    }

    /// Changes what is done to connections.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }

    /// Ends all connections that there are.
    pub(crate) fn cut(&self) {
        self.change(|weather| weather.cuts += 1);
    }

    /// Tells the server on every connection that the client will say no more.
    pub(crate) fn half_close(&self) {
        self.change(|weather| weather.halves += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, weather: watch::Receiver<Weather>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted && !weather.borrow().closed {
                    connections.spawn(connection(client, server, weather.clone()));
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(client: TcpStream, server: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let cuts = weather.borrow().cuts;
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut ways = JoinSet::new();
    pass(&mut ways, client_read, server_write, weather.clone(), false);
    pass(&mut ways, server_read, client_write, weather.clone(), true);
    let cut = async move {
        // The proxy itself ends with an error here, and its connections with it.
        let _ = weather.wait_for(|weather| weather.cuts != cuts).await;
    };
    tokio::select! {
        () = cut => {}
        () = async { while ways.join_next().await.is_some() {} } => {}
    }
}

fn pass(
    ways: &mut JoinSet<()>,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    weather: watch::Receiver<Weather>,
    from_server: bool,
) {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    ways.spawn(receive(from, sender, weather.clone(), from_server));
    ways.spawn(send(receiver, to, weather, from_server));
}

async fn receive(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<(Instant, Bytes)>,
    weather: watch::Receiver<Weather>,
    from_server: bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let now = *weather.borrow();
        if from_server && now.swallow {
            continue;
        }
        let piece = (Instant::now() + now.delay, Bytes::copy_from_slice(&buffer[..read]));
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

async fn send(
    mut pieces: mpsc::Receiver<(Instant, Bytes)>,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    from_server: bool,
) {
    let halves = weather.borrow().halves;
    let half_closed = async {
        let _ = weather.wait_for(|weather| !from_server && weather.halves != halves).await;
    };
    tokio::pin!(half_closed);
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece,
            () = &mut half_closed => None,
        };
        let Some((due, piece)) = piece else { break };
        sleep_until(due).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
    // What still comes is taken and goes nowhere, as with a peer that has closed one direction.
    while pieces.recv().await.is_some() {}
}
