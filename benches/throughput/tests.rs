//! Tests of the benchmark's own parts: what it sends, what it counts, what it reads from Linux.
//!
//! A target of its own, because the benchmark has no test harness.
#![expect(dead_code, reason = "the parts are here without the run that uses all of them")]

mod answer;
mod disk;
mod figures;
mod load;
mod machine;
mod options;
mod payload;
mod process;
mod refs;
mod request;
mod tests_of_figures;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::Value;
use sha2::Sha256;

use crate::figures::Round;
use crate::options::{Options, Scenario};
use crate::request::{Requests, Target};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TARGET: Target<'_> =
    Target { host: "forge.example", path: "/hooks/gitea", sources: 1, secret: SECRET };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_push_has_exactly_the_wanted_size(repository in 0_usize..100_000, bytes in 2048_usize..60_000) {
        let text = payload::push(repository, bytes).unwrap();
        prop_assert_eq!(text.len(), bytes);
        prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}

#[test]
fn a_push_reads_as_gitea_writes_it() {
    for bytes in [2048, 9011, 20_480, 1 << 24] {
        let text = payload::push(7, bytes).unwrap();
        let push: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(push["ref"], "refs/heads/main");
        assert_ne!(push["before"], push["after"]);
        assert_eq!(push["commits"][0]["id"], push["after"]);
        assert_eq!(push["commits"].as_array().unwrap().len(), push["total_commits"]);
        assert_eq!(push["repository"]["full_name"], "team-7/Service.7");
        assert_eq!(push["repository"]["owner"]["login"], push["sender"]["login"]);
        let left = text.split('@').filter(|word| word.len() > 1 && *word == word.to_uppercase());
        assert_eq!(
            left.collect::<Vec<_>>(),
            Vec::<&str>::new(),
            "placeholders that were forgotten"
        );
    }
}

#[test]
fn a_whole_push_names_its_head_commit_and_files() {
    let push: Value = serde_json::from_str(&payload::push(3, 9011).unwrap()).unwrap();
    assert_eq!(push["head_commit"], push["commits"][0]);
    let oldest = push["commits"].as_array().unwrap().last().unwrap();
    assert!(oldest["modified"].as_array().unwrap().len() > 2, "the size comes from files");
}

#[test]
fn the_smallest_push_is_of_a_branch_without_commits() {
    let text = payload::push(0, 1024).unwrap();
    assert_eq!(text.len(), 1024);
    let push: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&push["total_commits"], &push["commits"]), (&0.into(), &Value::Array(vec![])));
}

#[test]
fn a_size_without_room_names_the_smallest() {
    let error = payload::push(0, 100).unwrap_err().to_string();
    assert!(error.contains("--bytes 100") && error.contains("at least 9"), "{error}");
}

#[test]
fn every_request_is_signed_and_has_its_own_delivery() {
    let requests = Requests::prepare(&TARGET, 8, 2048, 1).unwrap();
    let mut deliveries = HashSet::new();
    let mut bodies = HashSet::new();
    let mut buffer = Vec::new();
    for _ in 0..32 {
        requests.write_next(&mut buffer);
        let text = std::str::from_utf8(&buffer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let line = head.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(": ").unwrap().1.to_owned()
        };
        assert_eq!(header("Content-Length:"), body.len().to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let mut signature = [0; 32];
        for (byte, pair) in
            signature.iter_mut().zip(header("X-Gitea-Signature:").as_bytes().chunks(2))
        {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        mac.verify_slice(&signature).unwrap();
        let delivery = header("X-Gitea-Delivery:");
        assert_eq!(delivery.len(), 36);
        assert_eq!(head.matches(&delivery).count(), 3);
        deliveries.insert(delivery);
        bodies.insert(body.to_owned());
    }
    assert_eq!((deliveries.len(), bodies.len()), (32, 8));
}

#[test]
fn a_push_of_many_refs_has_the_announced_size_and_is_signed() {
    let target = Target { path: "/hooks/bitbucket-dc", ..TARGET };
    let bytes = refs::push(0, 50).len();
    let requests = Requests::prepare(&target, 2, bytes, 50).unwrap();
    let mut buffer = Vec::new();
    requests.write_next(&mut buffer);
    let text = std::str::from_utf8(&buffer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("X-Event-Key: repo:refs_changed\r\n"), "{head}");
    assert!(head.contains("X-Hub-Signature: sha256=") && head.contains("X-Request-Id: "), "{head}");
    assert_eq!(body.len(), bytes);
    let push: Value = serde_json::from_str(body).unwrap();
    assert_eq!(push["changes"].as_array().unwrap().len(), 50);
    assert!(Requests::prepare(&target, 2, bytes + 1, 50).is_err());
}

#[test]
fn bodies_beyond_a_gibibyte_are_refused() {
    assert!(Requests::prepare(&TARGET, 100_000, 20_000, 1).is_err());
}

#[test]
fn an_answer_counts_only_when_complete() {
    let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
    for end in 0..whole.len() {
        assert_eq!(answer::status(&whole[..end]).unwrap(), None, "{end} bytes");
    }
    assert_eq!(answer::status(whole).unwrap(), Some(202));
}

#[test]
fn an_answer_without_a_sane_length_is_an_error() {
    for head in ["HTTP/1.1 202 OK", "HTTP/1.1 202 OK\r\ncontent-length: 99999", "SMTP ready"] {
        let answer = format!("{head}\r\n\r\n");
        assert!(answer::status(answer.as_bytes()).is_err(), "{head}");
    }
    assert!(answer::status(&vec![b'x'; 70_000]).is_err());
}

#[test]
fn the_load_counts_what_was_answered_202() {
    let (address, answering) = serve("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
    let round = run_load(address, None);
    let served: u64 = answering.join().unwrap();
    assert_eq!((round.errors, round.accepted), (0, served));
    assert!(round.measured > 0 && round.measured <= served, "{round:?}");
    assert!(round.p50_us > 0.0 && round.p50_us <= round.p99_us && round.p99_us <= round.max_us);
}

#[test]
fn a_given_rate_is_kept() {
    let (address, answering) = serve("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
    let round = run_load(address, Some(100.0));
    // 220 ms of it, with one more at either end; without a rate there are thousands.
    assert_eq!(round.errors, 0);
    assert!((2..=24).contains(&answering.join().unwrap()), "{round:?}");
}

#[test]
fn repositories_are_dealt_out_to_the_sources() {
    let target = Target { sources: 3, ..TARGET };
    let requests = Requests::prepare(&target, 7, 2048, 1).unwrap();
    let mut buffer = Vec::new();
    let mut paths = HashSet::new();
    for _ in 0..7 {
        requests.write_next(&mut buffer);
        let text = std::str::from_utf8(&buffer).unwrap();
        paths.insert(text.split(' ').nth(1).unwrap().to_owned());
    }
    let wanted = ["/hooks/gitea", "/hooks/gitea-2", "/hooks/gitea-3"].map(str::to_owned);
    assert_eq!(paths, HashSet::from(wanted));
}

#[test]
fn a_refusal_is_an_error_and_is_quoted() {
    let (address, _server) = serve("HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nfull");
    let round = run_load(address, None);
    assert_eq!(round.accepted, 0);
    assert!(round.errors > 0);
    assert!(round.first_error.unwrap().ends_with("full"));
}

/// Answers every request of the first connection with `answer`, and then says how many there were.
fn serve(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut served = 0;
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        while read_request(&mut reader).is_some() {
            served += 1;
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
        served
    });
    (address, server)
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()
}

fn run_load(address: SocketAddr, rate: Option<f64>) -> Round {
    let plan = load::Plan {
        address,
        path: "/hooks/gitea".to_owned(),
        secret: SECRET.to_owned(),
        server_pid: std::process::id(),
        connections: 1,
        bytes: 2048,
        repositories: 4,
        sources: 1,
        refs: 1,
        warm_up: Duration::from_millis(20),
        measured: Duration::from_millis(200),
        rate,
    };
    let json = load::run(&serde_json::to_string(&plan).unwrap()).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn a_directory_is_on_the_nearest_mount() {
    let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /srv tmpfs rw 0 0\n/dev/b /srv/a\\040b xfs rw 0 0\n\
                  /dev/c /srv btrfs rw 0 0\nshort\n";
    let found = |path: &str| disk::mounted(mounts, Path::new(path));
    assert_eq!(found("/home"), Some("ext4"));
    assert_eq!(found("/srv/x"), Some("btrfs"), "the later mount hides the earlier one");
    assert_eq!(found("/srv/a b/x"), Some("xfs"));
    assert_eq!(found("/srvx"), Some("ext4"), "a longer name is another directory");
    assert_eq!(disk::mounted("", Path::new("/")), None);
}

#[test]
fn memory_is_no_disk() {
    let proc = disk::FileSystem::of(Path::new("/proc"));
    assert_eq!((proc.name.as_str(), proc.is_memory), ("proc", false));
    if Path::new("/dev/shm").exists() {
        let shm = disk::FileSystem::of(Path::new("/dev/shm"));
        assert_eq!(shm.is_memory, shm.name == "tmpfs");
    }
}

#[test]
fn a_sync_takes_time_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    assert!(disk::sync_time(folder.path(), 9011).unwrap() > 0.0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(disk::sync_time(&folder.path().join("missing"), 1).is_err());
}

#[test]
fn cpu_time_is_found_behind_any_process_name() {
    let stat = "7 (a ) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5";
    assert_eq!(process::stat_ticks(stat), Some(300));
    assert_eq!(process::stat_ticks("7 (short) S 1"), None);
    assert!(process::cpu_time(std::process::id()).is_ok());
}

#[test]
fn memory_is_now_and_at_most() {
    let status = "Name:\tx\nVmHWM:\t   12345 kB\nVmRSS:\t   11111 kB\n";
    let memory = process::status_memory(status).unwrap();
    assert_eq!((memory.resident_kib, memory.peak_kib), (11_111, 12_345));
    assert!(process::memory(std::process::id()).unwrap().resident_kib > 0);
}

#[test]
fn free_addresses_differ() {
    let addresses: [SocketAddr; 8] = process::free_addresses().unwrap();
    assert_eq!(HashSet::from(addresses).len(), 8);
}

#[test]
fn sha_extensions_are_a_flag_of_their_own() {
    assert!(machine::has_sha_extensions("flags\t\t: fpu sha_ni avx"));
    assert!(machine::has_sha_extensions("Features\t: fp asimd sha2"));
    assert!(!machine::has_sha_extensions("flags\t\t: fpu avx\nmodel name\t: sha_ni"));
    assert_eq!(machine::cpu_model("model name\t: A CPU\n"), Some("A CPU"));
}

#[test]
fn the_command_line_is_well_formed() {
    Options::command().debug_assert();
    let options = Options::parse_from(["throughput", "--rounds", "9", "--bench"]);
    let workloads = options.workloads();
    assert_eq!(workloads.len(), 12);
    assert!(workloads.iter().all(|workload| workload.scenario != Scenario::Soak));
    let storm = &workloads[0];
    assert_eq!((storm.scenario, storm.connections, storm.rounds), (Scenario::Storm, 32, 9));
    assert_eq!((storm.body_bytes, storm.repositories), (9011, 256));
    let outage = &workloads[11];
    assert_eq!((outage.scenario, outage.connections, outage.rounds), (Scenario::Outage, 32, 3));
    assert_eq!((outage.body_bytes, outage.repositories), (9011, 256));
    let soak = Options::parse_from(["throughput", "--scenario", "soak", "--minutes", "1"]);
    assert_eq!((soak.workloads().len(), soak.workloads()[0].scenario), (1, Scenario::Soak));
    assert!(Options::try_parse_from(["throughput", "--seconds", "0"]).is_err());
    assert!(Options::try_parse_from(["throughput", "--self-test", "--only", "yardstick"]).is_err());
}
