//! Sockets that the service manager opened and keeps open, so that who connects while we start again waits there.
//!
//! In come `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` as `sd_listen_fds(3)` has them, out comes a listener per
//! port, or what is wrong with the socket unit.

use std::net::TcpListener;

use listenfd::ListenFd;
use socket2::SockRef;

/// What a socket is for, as `FileDescriptorName=` of its unit says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Port {
    Hooks,
    Admin,
}

impl Port {
    const fn name(self) -> &'static str {
        match self {
            Self::Hooks => "hooks",
            Self::Admin => "admin",
        }
    }
}

/// Why a socket of the service manager cannot be used. Each says what to change in its unit.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The number of sockets is none.
    #[error(
        "LISTEN_FDS: `{0}` is not a number of sockets; whoever starts forgewire must set it to one"
    )]
    Count(String),
    /// More sockets than there are ports.
    #[error(
        "the service manager gave {0} sockets; forgewire serves at most two: one named hooks, one named admin"
    )]
    TooMany(usize),
    /// A name that is none of ours.
    #[error(
        "the service manager gave a socket named `{0}`; set FileDescriptorName=hooks or FileDescriptorName=admin in its unit"
    )]
    Name(String),
    /// Two sockets, and which is which is not said.
    #[error(
        "the service manager gave two sockets, and one has no name of its own; set FileDescriptorName=hooks and FileDescriptorName=admin in a unit for each"
    )]
    Unnamed,
    /// Two for the same port.
    #[error(
        "the service manager gave two sockets named {0}; leave one ListenStream= in the unit: with [::] as its address it takes IPv4, too"
    )]
    Twice(&'static str),
    /// A datagram or Unix socket, or something else.
    #[error(
        "the socket {name} of the service manager is no TCP socket ({reason}); give its unit ListenStream= with a port, no ListenDatagram= and no path"
    )]
    NotTcp {
        /// What it is for.
        name: &'static str,
        /// Which descriptor it is.
        reason: std::io::Error,
    },
    /// A connection, or a socket that was never told to listen.
    #[error(
        "the socket {0} of the service manager does not listen; its unit must have Accept=no, the default"
    )]
    NotListening(&'static str),
}

/// Listening TCP sockets that were there before this process.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For webhooks.
    pub hooks: Option<TcpListener>,
    /// For probes.
    pub admin: Option<TcpListener>,
}

impl Sockets {
    /// Those that the environment gives to this process; none is the usual case. To be called once, while there is
    /// one thread: it takes the variables out of the environment.
    ///
    /// # Errors
    ///
    /// [`SocketError`] names the socket and what to change.
    pub fn of_environment() -> Result<Self, SocketError> {
        let text = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        // What was meant for our parent is not ours.
        let pid = text("LISTEN_PID").and_then(|pid| pid.parse().ok());
        let Some(count) = text("LISTEN_FDS").filter(|_| pid == Some(std::process::id())) else {
            return Ok(Self::default());
        };
        let count = count.parse().map_err(|_not_one| SocketError::Count(count))?;
        let ports = ports(count, text("LISTEN_FDNAMES").as_deref())?;
        let mut given = ListenFd::from_env();
        let mut sockets = Self::default();
        for (index, port) in ports.into_iter().enumerate() {
            let place = match port {
                Port::Hooks => &mut sockets.hooks,
                Port::Admin => &mut sockets.admin,
            };
            *place = take(&mut given, index, port.name())?;
        }
        Ok(sockets)
    }
}

fn take(
    given: &mut ListenFd,
    index: usize,
    name: &'static str,
) -> Result<Option<TcpListener>, SocketError> {
    let listener = given.take_tcp_listener(index);
    let listener = listener.map_err(|reason| SocketError::NotTcp { name, reason })?;
    if listener.as_ref().is_some_and(|socket| !SockRef::from(socket).is_listener().unwrap_or(false))
    {
        return Err(SocketError::NotListening(name));
    }
    Ok(listener)
}

/// What each of `count` sockets is for.
fn ports(count: usize, names: Option<&str>) -> Result<Vec<Port>, SocketError> {
    if count > 2 {
        return Err(SocketError::TooMany(count));
    }
    let mut names = names.into_iter().flat_map(|names| names.split(':'));
    let mut ports = Vec::new();
    for _ in 0..count {
        let port = match names.next().unwrap_or_default() {
            "hooks" => Port::Hooks,
            "admin" => Port::Admin,
            // What systemd calls a socket whose unit names none.
            name if name.is_empty() || name == "unknown" || name.ends_with(".socket") => {
                if count > 1 {
                    return Err(SocketError::Unnamed);
                }
                Port::Hooks
            }
            name => return Err(SocketError::Name(name.to_owned())),
        };
        if ports.contains(&port) {
            return Err(SocketError::Twice(port.name()));
        }
        ports.push(port);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_sockets_are_for_and_one_needs_none() {
        use Port::{Admin, Hooks};
        for (count, names, expected) in [
            (0, None, vec![]),
            (1, None, vec![Hooks]),
            (1, Some("unknown"), vec![Hooks]),
            (1, Some("forgewire.socket"), vec![Hooks]),
            (1, Some("admin"), vec![Admin]),
            (2, Some("admin:hooks"), vec![Admin, Hooks]),
        ] {
            assert_eq!(ports(count, names).unwrap(), expected, "{count} {names:?}");
        }
    }
}
