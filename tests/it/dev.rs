//! `forgewire dev`: what it prints, and what it leaves behind.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::process::{Dev, Home, runs, wait_until};

#[test]
fn it_prints_urls_and_secrets_and_then_what_arrives() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    for source in &dev.state.sources {
        dev.line(&format!("{}/hooks/{}", dev.state.hooks, source.name));
        let secret = std::fs::read_to_string(&source.secret_file).unwrap();
        assert_eq!(secret.len(), 64);
        dev.line(&secret);
    }
    dev.line("forgewire send gitea push");
    let sent = home.run(&["send", "gitea", "push"]);
    assert_eq!(sent.code(), 0, "{}{}", sent.out(), sent.err());
    dev.line("push");
}

#[test]
fn an_event_that_arrives_before_anything_is_printed_is_printed_all_the_same() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    // dev.json is there before the first line is.
    assert_eq!(home.run(&["send", "gogs", "push"]).code(), 0);
    dev.line("try it:");
    dev.line("push");
}

#[test]
fn a_killed_dev_leaves_no_nats_server_and_the_next_one_starts() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let nats = dev.nats_pid();
    assert!(runs(nats));
    dev.signal(Signal::KILL);
    dev.ended();
    wait_until("the nats-server ends", || !runs(nats));
    let sent = home.run(&["send", "gitea", "push"]);
    assert_eq!(sent.code(), 69, "{}", sent.err());
    assert!(sent.err().contains("no `forgewire dev` is running"), "{}", sent.err());
    Dev::start(&home, &[]);
}

#[test]
fn an_interrupt_ends_it_in_order() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let nats = dev.nats_pid();
    dev.line("try it:");
    dev.signal(Signal::INT);
    let (status, err) = dev.ended();
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(!runs(nats));
    assert!(!home.state("dev.json").exists());
}

#[test]
fn it_ends_in_order_when_nobody_reads_it_any_more() {
    let home = Home::new();
    let mut dev = Dev::start(&home, &[]);
    let nats = dev.nats_pid();
    dev.close_stdout();
    // The first line that the reader cannot pass on closes the pipe; another one meets the closed pipe.
    wait_until("dev meets the closed pipe", || home.run(&["send", "gitea", "push"]).code() != 0);
    let (status, err) = dev.ended();
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(!runs(nats));
}

#[test]
fn a_nats_server_that_ends_ends_it_with_its_last_words() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let nats = rustix::process::Pid::from_raw(dev.nats_pid()).unwrap();
    rustix::process::kill_process(nats, Signal::KILL).unwrap();
    let (status, err) = dev.ended();
    assert_eq!(status.code(), Some(69), "{err}");
    assert!(err.contains("nats-server ended (signal: 9"), "{err}");
    assert!(err.contains("nats-server.log") && err.contains("Server is ready"), "{err}");
    assert!(!home.state("dev.json").exists());
}

#[test]
fn a_missing_nats_server_is_an_error_that_says_how_to_get_one() {
    let home = Home::new();
    let ran = home.run(&["dev", "--nats-server", "no-such-server"]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains("apt-get install nats-server"), "{}", ran.err());
    let ran = home.run(&["dev", "--nats-server", "/nowhere/nats-server"]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains("/nowhere/nats-server (--nats-server)"), "{}", ran.err());
}

#[test]
fn a_nats_server_that_does_not_start_is_quoted() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = home.run(&[
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--nats-port",
        &port,
    ]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains("address already in use"), "{}", ran.err());
}

#[test]
fn a_taken_port_is_named_and_no_nats_server_is_left() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = home.run(&["dev", "--listen", &address, "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains(&address), "{}", ran.err());
    // The server writes this when it has been asked to end.
    let log = std::fs::read_to_string(home.state("dev/nats-server.log")).unwrap();
    assert!(log.contains("Server Exiting"), "{log}");
}

#[test]
fn a_second_one_is_refused_with_the_process_of_the_first() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let ran = home.run(&["dev"]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains(&format!("process {}", dev.pid())), "{}", ran.err());
}

#[test]
fn secrets_are_only_their_owners_and_stay_the_same() {
    let home = Home::new();
    let secrets = |dev: Dev| -> Vec<String> {
        let read = |source: &forgewire::dev_state::DevSource| {
            let mode = std::fs::metadata(&source.secret_file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            std::fs::read_to_string(&source.secret_file).unwrap()
        };
        dev.state.sources.iter().map(read).collect()
    };
    let first = secrets(Dev::start(&home, &[]));
    wait_until("the first has ended", || home.run(&["send", "gitea", "push"]).code() == 69);
    let second = secrets(Dev::start(&home, &[]));
    assert_eq!(first, second);
    assert!(first[0] != first[1] && first[1] != first[2]);
}

#[test]
fn an_ephemeral_one_leaves_nothing_behind() {
    let home = Home::new();
    let dev = Dev::start(&home, &["--ephemeral"]);
    let directory = dev.state.sources[0].secret_file.ancestors().nth(2).unwrap().to_owned();
    assert!(directory.starts_with(home.temporary()) && directory.join("jetstream").exists());
    assert_eq!(home.run(&["send", "gitea", "push"]).code(), 0);
    dev.signal(Signal::TERM);
    let (status, err) = dev.ended();
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(!directory.exists());
    assert!(!home.state("dev").exists() && !home.state("dev.json").exists());
}

#[test]
fn an_existing_nats_server_is_used_and_left_running() {
    let home = Home::new();
    let first = Dev::start(&home, &[]);
    let other = Home::new();
    let second = Dev::start(&other, &["--nats", &first.state.nats]);
    assert_eq!(second.state.nats, first.state.nats);
    assert_eq!(other.run(&["send", "gitea", "tag"]).code(), 0);
    first.line("tag");
    second.signal(Signal::INT);
    assert_eq!(second.ended().0.code(), Some(0));
    assert!(runs(first.nats_pid()));
}

#[test]
fn a_leash_whose_parent_has_ended_starts_nothing() {
    let home = Home::new();
    let trace = home.temporary().join("trace");
    let ran = home.run(&["__leash", "2147483647", "--", "touch", trace.to_str().unwrap()]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains("the parent has ended"), "{}", ran.err());
    assert!(!trace.exists());
    assert!(!home.run(&["--help"]).out().contains("__leash"));
}

#[test]
fn what_the_other_commands_read_is_only_its_owners() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    for (name, mode) in [("dev.json", 0o600), ("dev", 0o700), ("dev/secrets", 0o700)] {
        let found = std::fs::metadata(home.state(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
}
