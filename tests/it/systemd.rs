//! systemd played by the tests: sockets that stay open over restarts, messages to the service manager, and the units
//! as systemd's own tools see them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::Command;

use crate::metrics::scrape;
use crate::support::daemon::{Daemon, sources, stored};
use crate::support::hook::{Hook, SECRET, push_in, sha};
use crate::support::http::{Connection, deliver, get};
use crate::support::nats::{NatsServer, free_port};
use crate::support::{LIMIT, eventually};

fn hook(client: usize, number: usize) -> Hook {
    let body = push_in("acme", &format!("repo-{client}"), 1, "main", &sha('1'), &sha('2'));
    Hook::new("gitea", "push", Some("push"), &format!("{client}-{number}"), SECRET, &body)
}

fn with_drain(drain: &str) -> String {
    format!(
        "[http]\ndrain = \"{drain}\"\nbody_timeout = \"20s\"\nstop_timeout = \"20s\"\n{}",
        sources()
    )
}

/// The configuration of daemons that follow each other on the same spool.
fn with_spool(dir: &Path, drain: &str) -> String {
    format!("{}[spool]\ndir = \"{}\"\n", with_drain(drain), dir.join("spool").display())
}

/// forgewire as systemd starts it: with this descriptor from 3 on, so often, under these names.
fn activated(given: impl Into<OwnedFd>, count: &str, names: Option<&str>) -> Command {
    let mut command = Command::new("sh");
    let script = "exec 3>&1 4>&1 5>&1 >/dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_forgewire")]);
    command.env("LISTEN_FDS", count).stdin(Stdio::null()).stdout(given.into());
    if let Some(names) = names {
        command.env("LISTEN_FDNAMES", names);
    }
    command
}

/// A socket that outlives the daemons which serve it.
struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// A daemon that serves it.
    async fn serve(&self, nats: &NatsServer, config: &str) -> Daemon {
        let command = activated(self.listener.try_clone().unwrap(), "1", Some("hooks"));
        let daemon = Daemon::run(command, &nats.url, config, &[]).await;
        assert_eq!(daemon.hooks, self.address);
        daemon
    }
}

#[tokio::test]
async fn a_socket_that_was_given_is_served_and_the_configured_port_is_not_opened() {
    let (nats, port) = (NatsServer::start(), Port::open());
    // That address is taken: to open it would fail.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let command = activated(port.listener.try_clone().unwrap(), "1", None);
    let taken = other.local_addr().unwrap().to_string();
    let daemon = Daemon::run(command, &nats.url, &sources(), &["--listen", &taken]).await;
    assert_eq!(daemon.hooks, port.address);
    let said = daemon
        .logged("The service manager gave a socket; the address that is configured is not opened.")
        .await;
    assert_eq!(
        (&said["key"], &said["addr"]),
        (&"http.listen".into(), &port.address.to_string().into())
    );
    daemon.ready().await;
    assert_eq!(deliver(port.address, "/hooks/gitea", &hook(0, 0)).await.status, 202);
    assert_eq!(stored(&nats).await.len(), 1);
}

#[tokio::test]
async fn two_sockets_are_told_apart_by_their_names() {
    let (nats, hooks, admin) = (NatsServer::start(), Port::open(), Port::open());
    let mut command = Command::new("sh");
    let script = "exec 3<&0 4>&1 </dev/null >/dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_forgewire")]);
    command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", "admin:hooks");
    command.stdin(OwnedFd::from(admin.listener.try_clone().unwrap()));
    command.stdout(OwnedFd::from(hooks.listener.try_clone().unwrap()));
    let daemon = Daemon::run(command, &nats.url, &sources(), &[]).await;
    assert_eq!((daemon.hooks, daemon.admin), (hooks.address, admin.address));
    daemon.ready().await;
    assert_eq!(get(admin.address, "/livez").await.status, 200);
    assert_eq!(deliver(hooks.address, "/hooks/gitea", &hook(0, 0)).await.status, 202);
}

#[tokio::test]
async fn a_socket_for_another_process_is_none_of_ours() {
    let (nats, port) = (NatsServer::start(), Port::open());
    let mut command = Command::new("sh");
    let script = "exec 3>&1 >/dev/null; LISTEN_PID=1 exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_forgewire")]).env("LISTEN_FDS", "1");
    command.stdin(Stdio::null()).stdout(OwnedFd::from(port.listener.try_clone().unwrap()));
    let daemon = Daemon::run(command, &nats.url, &sources(), &[]).await;
    assert_ne!(daemon.hooks, port.address);
    daemon.ready().await;
}

/// How `serve` ends with this descriptor: its exit code and last words.
async fn refused(given: impl Into<OwnedFd>, count: &str, names: Option<&str>) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("forgewire.toml");
    std::fs::write(&config, with_spool(dir.path(), "0s")).unwrap();
    let mut command = activated(given, count, names);
    command.args(["serve", "--config"]).arg(&config).kill_on_drop(true);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let Output { status, stderr, .. } = output.expect("ends in time").unwrap();
    let said = String::from_utf8(stderr).unwrap();
    (status.code().unwrap(), said.lines().last().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn each_wrong_socket_is_refused_by_name_and_says_what_to_change() {
    let port = Port::open();
    let listener = || port.listener.try_clone().unwrap();
    let is = |(code, said): (i32, String), expected: &str| {
        assert_eq!((code, &*said), (78, &*format!("forgewire: {expected}")));
    };
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let no_tcp = "the socket hooks of the service manager is no TCP socket (fd 3 is not a valid tcp socket); give its \
                  unit ListenStream= with a port, no ListenDatagram= and no path";
    is(refused(datagrams, "1", Some("hooks")).await, no_tcp);
    let dir = tempfile::tempdir().unwrap();
    let path = UnixListener::bind(dir.path().join("socket")).unwrap();
    is(refused(path, "1", Some("forgewire.socket")).await, no_tcp);
    let file = std::fs::File::create(dir.path().join("file")).unwrap();
    is(
        refused(file, "1", Some("admin")).await,
        "the socket admin of the service manager is no TCP socket (fd 3 is not a socket); give its unit ListenStream= \
         with a port, no ListenDatagram= and no path",
    );
    let connection = TcpStream::connect(port.address).unwrap();
    is(
        refused(connection, "1", Some("hooks")).await,
        "the socket hooks of the service manager does not listen; its unit must have Accept=no, the default",
    );
    is(
        refused(listener(), "1", Some("web")).await,
        "the service manager gave a socket named `web`; set FileDescriptorName=hooks or FileDescriptorName=admin in its \
         unit",
    );
    is(
        refused(listener(), "2", Some("forgewire.socket:forgewire.socket")).await,
        "the service manager gave two sockets, and one has no name of its own; set FileDescriptorName=hooks and \
         FileDescriptorName=admin in a unit for each",
    );
    is(
        refused(listener(), "2", Some("hooks:hooks")).await,
        "the service manager gave two sockets named hooks; leave one ListenStream= in the unit: with [::] as its \
         address it takes IPv4, too",
    );
    is(
        refused(listener(), "3", Some("hooks:admin:hooks")).await,
        "the service manager gave 3 sockets; forgewire serves at most two: one named hooks, one named admin",
    );
    is(
        refused(listener(), "many", None).await,
        "LISTEN_FDS: `many` is not a number of sockets; whoever starts forgewire must set it to one",
    );
}

#[tokio::test]
async fn who_connects_while_no_daemon_runs_is_served_by_the_next_one() {
    let (nats, port, dir) = (NatsServer::start(), Port::open(), tempfile::tempdir().unwrap());
    let config = with_spool(dir.path(), "0s");
    let mut first = port.serve(&nats, &config).await;
    first.ready().await;
    let mut idle = Connection::open(port.address).await.unwrap();
    assert_eq!(idle.deliver("/hooks/gitea", &hook(0, 0)).await.unwrap().status, 202);
    first.signal(Signal::TERM);
    assert_eq!(first.exit_code().await, Some(0));
    // The connection is made: nothing that the first daemon did to the socket is in the way.
    let connected = tokio::time::timeout(Duration::from_secs(1), Connection::open(port.address));
    let mut waiting = connected.await.expect("at once").unwrap();
    let answer = tokio::spawn(async move { waiting.deliver("/hooks/gitea", &hook(0, 1)).await });
    let second = port.serve(&nats, &config).await;
    assert_eq!(answer.await.unwrap().unwrap().status, 202);
    second.ready().await;
    assert_eq!(stored(&nats).await.len(), 2);
}

/// Sends like Go's client until it is over: one connection that is kept, and nothing sent twice. Every delivery must be
/// answered.
async fn client(
    port: SocketAddr,
    number: usize,
    answered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) {
    let mut kept: Option<Connection> = None;
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let mut open = match kept.take() {
            Some(open) => open,
            None => Connection::open(port).await.expect("nobody is refused"),
        };
        let answer = open.deliver("/hooks/gitea", &hook(number, n)).await.expect("an answer");
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        answered.fetch_add(1, Ordering::Relaxed);
        if answer.headers.get("connection").is_none_or(|value| value != "close") {
            kept = Some(open);
        }
    }
}

#[tokio::test]
async fn three_restarts_under_load_refuse_nobody_and_leave_nobody_without_an_answer() {
    let (nats, port, dir) = (NatsServer::start(), Port::open(), tempfile::tempdir().unwrap());
    let config = with_spool(dir.path(), "300ms");
    let mut daemon = port.serve(&nats, &config).await;
    let (answered, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let start = |n| tokio::spawn(client(port.address, n, Arc::clone(&answered), Arc::clone(&over)));
    let clients: Vec<_> = (0..6).map(start).collect();
    for _ in 0..3 {
        let before = answered.load(Ordering::Relaxed);
        eventually("the load runs", || async {
            (answered.load(Ordering::Relaxed) > before + 100).then_some(())
        })
        .await;
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.exit_code().await, Some(0));
        daemon = port.serve(&nats, &config).await;
    }
    daemon.ready().await;
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    eventually("what was spooled is published", || async {
        (scrape(&daemon).await["forgewire_spool_waiting_messages"] == 0.0).then_some(())
    })
    .await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let ids: BTreeSet<_> =
        stored(&nats).await.into_iter().map(|m| m.headers["Nats-Msg-Id"].clone()).collect();
    assert_eq!(ids.len(), answered.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_slow_sender_does_not_keep_those_who_wait_from_the_next_daemon() {
    let (nats, port) = (NatsServer::start(), Port::open());
    let mut daemon = port.serve(&nats, &with_drain("0s")).await;
    let mut slow = TcpStream::connect(port.address).unwrap();
    slow.write_all(b"POST /hooks/gitea HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").unwrap();
    daemon.ready().await;
    daemon.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(daemon.exit_code().await, Some(75));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// Plays the service manager that is told.
struct Told {
    socket: UnixDatagram,
    path: PathBuf,
    _dir: TempDir,
}

impl Told {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        Self { socket: UnixDatagram::bind(&path).unwrap(), path, _dir: dir }
    }

    /// forgewire as a service of it.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forgewire"));
        command.env("NOTIFY_SOCKET", &self.path).stdin(Stdio::null());
        command
    }

    async fn next(&self, within: Duration) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = tokio::time::timeout(within, self.socket.recv(&mut buffer)).await.ok()?;
        Some(String::from_utf8(buffer[..length.unwrap()].to_vec()).unwrap())
    }

    /// Waits for this message: it, and those before it.
    async fn until(&self, wanted: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let next = self.next(LIMIT).await;
            told.push(next.unwrap_or_else(|| panic!("not told {wanted}, but {told:?}")));
            if told.last().is_some_and(|last| last == wanted) {
                return told;
            }
        }
    }
}

const EXTEND: &str = "EXTEND_TIMEOUT_USEC=15000000\n";

#[tokio::test]
async fn the_manager_is_told_of_start_state_reload_and_stop_in_order() {
    let (mut nats, told) = (NatsServer::absent(), Told::open());
    let config = with_drain("0s");
    let mut daemon = Daemon::run(told.command(), &nats.url, &config, &[]).await;
    let start = told.until("READY=1\n").await;
    assert_eq!(start, ["STATUS=Opening the spool.\n", EXTEND, "READY=1\n"]);
    let spooling = "STATUS=Spooling: JetStream takes no events.\n";
    assert_eq!(told.until(spooling).await, [spooling], "ready, though NATS is away");
    nats.launch();
    let connected = "STATUS=Connected: events go to JetStream.\n";
    assert_eq!(told.until(connected).await, [connected]);
    daemon.signal(Signal::HUP);
    let reload = told.until("READY=1\n").await;
    assert!(
        reload.len() == 2 && reload[0].starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reload:?}"
    );
    daemon.signal(Signal::TERM);
    let stop = "STOPPING=1\nSTATUS=Finishing what has been sent.\n";
    assert_eq!(told.until(EXTEND).await, [stop, EXTEND]);
    assert_eq!(daemon.exit_code().await, Some(0));
}

#[tokio::test]
async fn beats_come_in_time_and_not_from_a_process_that_stands_still() {
    let (nats, told) = (NatsServer::start(), Told::open());
    let mut command = told.command();
    command.env("WATCHDOG_USEC", "200000");
    let daemon = Daemon::run(command, &nats.url, &sources(), &[]).await;
    let beat = "WATCHDOG=1\n";
    for _ in 0..3 {
        told.until(beat).await;
    }
    daemon.signal(Signal::STOP);
    // What was on its way is read; then nothing comes for longer than the manager waits.
    while told.next(Duration::from_millis(400)).await.is_some() {}
    daemon.signal(Signal::CONT);
    told.until(beat).await;
}

#[tokio::test]
async fn without_a_watchdog_there_are_no_beats_and_a_deaf_manager_harms_nothing() {
    let (nats, told) = (NatsServer::start(), Told::open());
    let mut command = told.command();
    command.env("NOTIFY_SOCKET", told.path.with_extension("gone"));
    let mut daemon = Daemon::run(command, &nats.url, &with_drain("0s"), &[]).await;
    daemon.logged("The service manager that NOTIFY_SOCKET names cannot be told how it goes.").await;
    daemon.ready().await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));

    let mut daemon = Daemon::run(told.command(), &nats.url, &with_drain("0s"), &[]).await;
    daemon.ready().await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let all = told.until(EXTEND).await;
    assert!(!all.iter().any(|message| message.contains("WATCHDOG")), "{all:?}");
}

/// Whether a tool is here; where it must be, its absence is a failure.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
pub(crate) fn has(tool: &str) -> bool {
    let there = std::process::Command::new(tool)
        .arg(if tool == "strace" { "-V" } else { "--version" })
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("CI").is_none(), "{tool} is missing");
    if !there {
        eprintln!("NOT RUN: {tool} is missing.");
    }
    there
}

#[tokio::test]
async fn the_tool_of_systemd_itself_starts_it_with_the_first_connection() {
    if !has("systemd-socket-activate") {
        return;
    }
    let (nats, dir) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let config = dir.path().join("forgewire.toml");
    let text = with_spool(dir.path(), "0s") + &format!("[nats]\nservers = [\"{}\"]\n", nats.url);
    std::fs::write(&config, text).unwrap();
    let address: SocketAddr = format!("127.0.0.1:{}", free_port()).parse().unwrap();
    let mut child = Command::new("systemd-socket-activate")
        .args(["--fdname=hooks", "--listen", &address.to_string(), env!("CARGO_BIN_EXE_forgewire")])
        .args(["serve", "--admin-listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut connection =
        eventually("the tool listens", || async { Connection::open(address).await.ok() }).await;
    assert_eq!(connection.deliver("/hooks/gitea", &hook(0, 0)).await.unwrap().status, 202);
    child.kill().await.unwrap();
}

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd")
}

fn unit(name: &str) -> String {
    std::fs::read_to_string(units().join(name)).unwrap()
}

/// The values of a setting in a unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn analyze(arguments: &[&str]) -> String {
    let output = std::process::Command::new("systemd-analyze").args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !has("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("forgewire.socket"), unit("forgewire.socket")).unwrap();
    let here = unit("forgewire.service");
    let here = here.replace("/usr/local/bin/forgewire", env!("CARGO_BIN_EXE_forgewire"));
    std::fs::write(path("forgewire.service"), here).unwrap();
    let said =
        analyze(&["verify", "--man=no", &path("forgewire.service"), &path("forgewire.socket")]);
    assert_eq!(said, "");
}

#[test]
fn the_exposure_of_the_service_is_the_figure_in_the_readme() {
    if !has("systemd-analyze") {
        return;
    }
    let service = units().join("forgewire.service").display().to_string();
    let said = analyze(&["security", "--offline=yes", "--no-pager", "--threshold=15", &service]);
    // Each version asks for more; the figure is the one of this.
    if !analyze(&["--version"]).starts_with("systemd 252 ") {
        return;
    }
    let figure = said.split("forgewire.service: ").nth(1).and_then(|rest| rest.split(' ').next());
    let readme = std::fs::read_to_string(units().join("../../README.md")).unwrap();
    let promised =
        format!("`systemd-analyze security` gives it an exposure of {}", figure.unwrap());
    assert!(readme.contains(&promised), "not in the README: {promised}");
}

/// The system calls of a set as systemd knows it, with those of the sets in it.
fn system_calls(set: &str, found: &mut BTreeSet<String>) {
    for line in analyze(&["syscall-filter", set]).lines().skip(1).map(str::trim) {
        if line.starts_with('@') {
            system_calls(line, found);
        } else if !line.is_empty() && !line.starts_with('#') {
            found.insert(line.to_owned());
        }
    }
}

/// What `SystemCallFilter=` of a unit leaves.
fn allowed(unit: &str) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for value in values(unit, "SystemCallFilter") {
        let mut named = BTreeSet::new();
        let sets = value.trim_start_matches('~').split(' ');
        sets.for_each(|set| system_calls(set, &mut named));
        if value.starts_with('~') {
            allowed.retain(|call| !named.contains(call));
        } else {
            allowed.extend(named);
        }
    }
    assert!(allowed.len() > 100 && !allowed.contains("chown") && !allowed.contains("setrlimit"));
    allowed
}

#[tokio::test]
async fn the_daemon_does_nothing_that_its_unit_forbids() {
    if !has("systemd-analyze") || !has("strace") {
        return;
    }
    let service = unit("forgewire.service");
    let (allowed, families) = (allowed(&service), values(&service, "RestrictAddressFamilies")[0]);
    let (mut nats, told) = (NatsServer::absent(), Told::open());
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let mut command = Command::new("strace");
    // The tracer is no parent: signals are for the daemon.
    command.args(["-D", "-f", "-q", "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_forgewire"));
    command.env("NOTIFY_SOCKET", &told.path).env("WATCHDOG_USEC", "100000").stdin(Stdio::null());
    let config = with_spool(dir.path(), "0s");
    let mut daemon = Daemon::run(command, &nats.url, &config, &[]).await;
    assert_eq!(
        deliver(daemon.hooks, "/hooks/gitea", &hook(0, 0)).await.json()["status"],
        "spooled"
    );
    nats.launch();
    daemon.ready().await;
    eventually("something is published at once", || async {
        let answer = deliver(daemon.hooks, "/hooks/gitea", &hook(1, 0)).await;
        (answer.json()["status"] == "published").then_some(())
    })
    .await;
    told.until("WATCHDOG=1\n").await;
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let said = eventually("the trace is complete", || async {
        let said = std::fs::read_to_string(&trace).ok()?;
        let ended = said.ends_with("+++ exited with 0 +++\n");
        // Where another thread comes between, the call stands there unfinished.
        (ended && said.contains("exit_group(0")).then_some(said)
    })
    .await;
    let (mut made, mut seen) = (0, BTreeSet::new());
    for line in said.lines() {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let Some((name, arguments)) = call.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        made += 1;
        seen.insert(name);
        // Root's files are given by SQLite to whom the database belongs; the service's user is not root.
        let root = name == "fchown" && rustix::process::geteuid().is_root();
        assert!(root || allowed.contains(name), "SystemCallFilter: {line}");
        let both = arguments.contains("PROT_WRITE|PROT_EXEC");
        assert!(!both, "MemoryDenyWriteExecute: {line}");
        if name == "socket" {
            let family = arguments.split(',').next().unwrap();
            assert!(
                families.split(' ').any(|one| one == family),
                "RestrictAddressFamilies: {line}"
            );
        }
    }
    assert!(made > 500, "{made} system calls");
    for expected in ["accept4", "execve", "fsync", "pwrite64", "sendto", "socket"] {
        assert!(seen.contains(expected), "no {expected} in {seen:?}");
    }
}

#[test]
fn the_units_agree_with_each_other_and_with_the_defaults() {
    let (service, socket) = (unit("forgewire.service"), unit("forgewire.socket"));
    let config = forgewire::config::Http::default();
    assert_eq!(values(&socket, "ListenStream"), [config.listen.to_string()]);
    assert_eq!(values(&socket, "FileDescriptorName"), ["hooks"]);
    assert_eq!(values(&service, "Requires"), ["forgewire.socket"]);
    let state = format!("/var/lib/{}", values(&service, "StateDirectory")[0]);
    assert_eq!(Path::new(&state), forgewire::config::Spool::default().dir);
    let stop: u64 = values(&service, "TimeoutStopSec")[0].parse().unwrap();
    assert!(Duration::from_secs(stop) > config.stop_timeout);
    let files: usize = values(&service, "LimitNOFILE")[0].parse().unwrap();
    assert!(files > config.max_connections + 64);
    let memory = values(&service, "MemoryMax")[0].strip_suffix('G').unwrap();
    assert!(memory.parse::<usize>().unwrap() << 30 >= 4 * config.max_buffered_bytes);
    let users = unit("forgewire.sysusers");
    let user = format!("u {} ", values(&service, "User")[0]);
    assert!(users.lines().any(|line| line.starts_with(&user) && line.ends_with(&state)), "{users}");
}
