//! A plain TCP balancer before several daemons: it knows nothing of HTTP, and asks none whether it is well.
//!
//! Each connection goes to the next daemon in turn, or to the one after it where that does not accept.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

/// A running balancer; dropping it ends it.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Balancer {
    /// Listens, and passes on to `daemons`.
    pub(crate) fn start(runtime: &Handle, daemons: Vec<SocketAddr>) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let task = runtime.spawn(accept(listener, daemons)).abort_handle();
        Ok(Self { address, task })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, mut daemons: Vec<SocketAddr>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connection(client, daemons.clone()));
                    daemons.rotate_left(1);
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(mut client: TcpStream, daemons: Vec<SocketAddr>) {
    for daemon in daemons {
        let Ok(mut server) = TcpStream::connect(daemon).await else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // However it ended, both ends have been told.
        let _ = copy_bidirectional(&mut client, &mut server).await;
        return;
    }
}
