//! The daemon's side of the socket: who may ask, how many at once, for how long.
//!
//! In come connections, out go the answers of a [`Desk`]. The socket is there as long as the [`Server`], and only its
//! owner may connect to it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Mode};
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::task::JoinSet;

use super::wire::{self, WireError};
use super::{Answer, Ask, Desk, SOCKET, address};
use crate::facts;

/// Most bytes of a question.
const LONGEST_ASK: usize = 64 * 1024;
/// How long a peer may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most connections at once; more wait.
const CONNECTIONS: usize = 16;
/// Most that wait.
const BACKLOG: u32 = 64;
/// How long after a failure to accept it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A socket that takes questions. It is removed with this value.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    _node: Node,
}

/// The socket's file.
#[derive(Debug)]
struct Node {
    directory: File,
}

impl Drop for Node {
    fn drop(&mut self) {
        // Left behind it does no harm: nobody answers there, and the next daemon removes it.
        let _ = rustix::fs::unlinkat(&self.directory, SOCKET, AtFlags::empty());
    }
}

impl Server {
    /// Binds the socket of a spool's directory, whose lock the caller holds: a socket that is there already is one
    /// that a killed daemon left.
    ///
    /// # Errors
    ///
    /// Those of the system; among them that something else than a socket has the name.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        let open = File::open(directory)?;
        let there = rustix::fs::statat(&open, SOCKET, AtFlags::SYMLINK_NOFOLLOW);
        if there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Socket) {
            rustix::fs::unlinkat(&open, SOCKET, AtFlags::empty())?;
        }
        let socket = UnixSocket::new_stream()?;
        // The file gets what of the socket's mode the umask leaves: it is nobody else's from the first moment on.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        socket.bind(address(directory, &open))?;
        let node = Node { directory: open };
        let listener = socket.listen(BACKLOG)?;
        Ok(Self { listener, _node: node })
    }

    /// Answers whoever may ask. It never ends by itself.
    pub async fn run(self, desk: Desk) -> &'static str {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) if may_ask(&stream) => {
                        connections.spawn(serve(stream, desk.clone()));
                    }
                    Ok(_) => facts::control_refused(),
                    Err(error) => {
                        facts::control_cannot_accept(&error);
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }
}

/// Whether the peer is the user that this runs as, or root.
fn may_ask(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| [0, ours].contains(&peer.uid()))
}

async fn serve(mut stream: UnixStream, desk: Desk) {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    loop {
        let answer = match wire::read::<Ask>(&mut read, LONGEST_ASK, PATIENCE).await {
            Ok(Some(ask)) => Ok(desk.answer(ask).await),
            Ok(None) | Err(WireError::Io(_) | WireError::Slow(_)) => return,
            Err(error) => Err(Answer::Failed(error.to_string())),
        };
        let (Ok(say) | Err(say)) = &answer;
        // After what was not understood nobody knows where the next question begins.
        if wire::write(&mut write, say, PATIENCE).await.is_err() || answer.is_err() {
            return;
        }
    }
}
