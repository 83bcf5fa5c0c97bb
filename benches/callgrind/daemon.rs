//! The whole daemon under callgrind, against a real nats-server.
//!
//! In: a program and how many deliveries. Out: its instructions for one of them: what twice as many took more, so that
//! start and end are not counted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer;
use crate::process;
use crate::profile::Cost;
use crate::request::{Requests, Target};
use crate::servers::{Nats, SECRET, Server};
use crate::stages::callgrind;

/// Those of `make bench`, in its scenario `storm`.
const CONNECTIONS: usize = 32;
const BYTES: usize = 9011;
const REPOSITORIES: usize = 256;

/// Instructions that `program` takes per delivery.
///
/// # Errors
///
/// When something does not start, or a delivery is answered otherwise than 202.
pub(crate) fn per_delivery(
    program: &Path,
    nats_server: &Path,
    directory: &Path,
    deliveries: u32,
) -> Result<u64> {
    // One thread, the main one: a child on a leash dies with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let few = instructions(program, nats_server, directory, deliveries).await?;
        let many = instructions(program, nats_server, directory, deliveries * 2).await?;
        Ok(many.saturating_sub(few) / u64::from(deliveries))
    })
}

async fn instructions(
    program: &Path,
    nats_server: &Path,
    directory: &Path,
    deliveries: u32,
) -> Result<u64> {
    let own = tempfile::tempdir_in(directory)?;
    let nats = Nats::start(nats_server, own.path()).await?;
    let output = own.path().join("daemon");
    let mut command = process::leashed(Path::new("valgrind"))?;
    callgrind(&mut command, &output).arg(program);
    let mut server = Server::forgewire_by(command, &nats, own.path(), "", &[]).await?;
    deliver(&server, deliveries).await?;
    let stored = server.stored().await?;
    if stored != u64::from(deliveries) {
        bail!("{deliveries} deliveries were accepted, the stream holds {stored} messages");
    }
    server.daemon.stop().await?;
    let text = std::fs::read_to_string(&output).context("callgrind wrote nothing")?;
    Ok(Cost::read(&text)?.instructions)
}

async fn deliver(server: &Server, deliveries: u32) -> Result<()> {
    let host = server.address.to_string();
    let target = Target { host: &host, path: "/hooks/gitea", sources: 1, secret: SECRET };
    let requests = Arc::new(Requests::prepare(&target, REPOSITORIES, BYTES, 1)?);
    let left = Arc::new(AtomicU32::new(deliveries));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(server.address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        connections.spawn(connection(stream, Arc::clone(&requests), Arc::clone(&left)));
    }
    connections.join_all().await.into_iter().collect()
}

async fn connection(
    mut stream: TcpStream,
    requests: Arc<Requests>,
    left: Arc<AtomicU32>,
) -> Result<()> {
    let mut buffer = Vec::new();
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        requests.write_next(&mut buffer);
        stream.write_all(&buffer).await.context("cannot send")?;
        buffer.clear();
        let status = loop {
            if stream.read_buf(&mut buffer).await.context("cannot read the answer")? == 0 {
                bail!("the daemon closed the connection instead of answering");
            }
            if let Some(status) = answer::status(&buffer)? {
                break status;
            }
        };
        if status != 202 {
            bail!("not 202 but {status}: {}", String::from_utf8_lossy(&buffer));
        }
    }
    Ok(())
}
