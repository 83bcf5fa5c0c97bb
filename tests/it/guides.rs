//! The guides in `docs`: whatever they name is there, their commands run, and their configurations start.

use std::path::{Path, PathBuf};
use std::process::Command;

use async_nats::ConnectOptions;
use serde_json::{Value, json};

use crate::least::{servers, version};
use crate::nats_auth::publishes;
use crate::support::daemon::{Daemon, sources};
use crate::support::eventually;
use crate::support::hook::{Hook, SECRET, push, sha};
use crate::support::http::{deliver, get};
use crate::support::nats::NatsServer;
use crate::support::program;

/// Every guide, with the sections that it must have.
const GUIDES: &[(&str, &[&str])] = &[
    (
        "docs/capacity.md",
        &["What one delivery costs", "Worked examples", "Memory", "Disk", "Growing"],
    ),
    (
        "docs/jetstream.md",
        &["In short", "A server", "Rights", "The stream", "Backup", "Versions of nats-server"],
    ),
    (
        "docs/upgrade.md",
        &[
            "What may change between versions",
            "forgewire",
            "Back to an older forgewire",
            "nats-server",
        ],
    ),
    (
        "docs/incidents.md",
        &[
            "NATS is down",
            "The stream is full",
            "The stream was lost or restored",
            "The spool is full",
            "The disk of the spool failed",
            "A webhook secret leaked",
            "NATS credentials leaked",
        ],
    ),
];

/// What each incident says, in this order.
const PARTS: &[&str] = &["**Seen by**", "**By itself**", "**To do**", "**Over** ", "**Lost**"];

/// Every command in a `sh` block of a guide, by its start: what is added to it here, and what it then prints.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("curl --fail --silent http://127.0.0.1:8081/readyz", "", r#""stores":"jetstream""#),
    ("curl --fail --silent http://127.0.0.1:8081/version", "", r#""forgewire""#),
    (
        "curl --fail --silent http://127.0.0.1:8081/metrics | grep '^forgewire_spool_'",
        "",
        "_full 0",
    ),
    (
        "curl --fail --silent http://127.0.0.1:8081/metrics | grep '^forgewire_secret_last_used",
        "",
        "{source=\"gitea\",secret=\"default\"} 1",
    ),
    (
        "curl --fail --silent http://127.0.0.1:8081/metrics | grep -E",
        "",
        "forgewire_nats_connected 1\n",
    ),
    ("forgewire --version", "", "forgewire "),
    ("forgewire check --config", "", ""),
    ("forgewire spool status --config", "", "waiting   0 messages\n"),
    ("forgewire spool list --limit 20", "", ""),
    ("forgewire spool drain --timeout", "", ""),
    ("forgewire spool dead list", "", ""),
    ("forgewire spool dead retry --all", "", ""),
    ("forgewire tail --last 5", "--count 1", "push.updated"),
    ("forgewire consumer add ci", "", "Consumer ci of FORGE is made.\n"),
    ("forgewire permissions bridge --config", "", "\"forge.*.*.*.*.*.*\""),
    ("forgewire permissions bridge --account FORGEWIRE", "", "\"FORGEWIRE\": {"),
    ("forgewire permissions subscriber --filter", "", "CONSUMER.MSG.NEXT.FORGE.ci"),
];

/// Words with underscores that are others' and not in our code: settings of nats-server and names of Gitea's.
const FOREIGN: &[&str] =
    &["hook_task", "max_file_store", "persist_mode", "server_name", "store_dir", "sync_interval"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All code of the program.
fn code() -> String {
    fn add(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut all = String::new();
    add(&root().join("src"), &mut all);
    all
}

/// A guide in its two parts: what is said, and its fenced blocks, each with what stands behind its backticks.
struct Guide {
    name: &'static str,
    prose: String,
    blocks: Vec<(String, String)>,
}

fn guides() -> Vec<Guide> {
    GUIDES.iter().map(|(name, _)| guide(name)).collect()
}

fn guide(name: &'static str) -> Guide {
    let whole = text(name);
    let (mut prose, mut blocks) = (String::new(), Vec::new());
    let mut lines = whole.lines();
    while let Some(line) = lines.next() {
        // In a list a block is indented.
        let Some(info) = line.trim_start().strip_prefix("```") else {
            prose.push_str(line);
            prose.push('\n');
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let inside = lines.by_ref().take_while(|line| line.trim_start() != "```");
        let body: Vec<_> = inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
        blocks.push((info.to_owned(), body.join("\n")));
    }
    Guide { name, prose, blocks }
}

impl Guide {
    fn blocks(&self, info: &str) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter(move |(said, _)| said == info).map(|(_, body)| &**body)
    }

    fn block(&self, info: &str) -> &str {
        let mut found = self.blocks(info);
        let only = found.next().unwrap_or_else(|| panic!("{}: no block {info}", self.name));
        assert!(found.next().is_none(), "{}: two blocks {info}", self.name);
        only
    }

    /// What stands between backticks, where a line break is a space.
    fn spans(&self) -> Vec<String> {
        let mut spans = Vec::new();
        for paragraph in self.prose.split("\n\n") {
            let parts: Vec<_> = paragraph.split('`').collect();
            assert!(parts.len() % 2 == 1, "{}: a backtick too many: {paragraph}", self.name);
            let inside = parts.iter().skip(1).step_by(2);
            spans.extend(inside.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        spans
    }

    /// Commands of forgewire, in blocks and in what is said, up to a pipe.
    fn commands(&self) -> Vec<String> {
        let lines = self.blocks.iter().flat_map(|(_, body)| body.lines()).map(str::to_owned);
        let all = lines.chain(self.spans());
        let ours = all.filter(|line| line.starts_with("forgewire "));
        ours.map(|line| line.split(" | ").next().unwrap().to_owned()).collect()
    }
}

/// The words of a text that are made of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_anchor(document: &str, wanted: &str) -> bool {
    document.lines().any(|line| line.starts_with('#') && anchor(line) == wanted)
}

#[test]
fn every_guide_has_its_sections_and_is_linked_from_the_readme() {
    let readme = text("README.md");
    for (guide, (name, sections)) in guides().iter().zip(GUIDES) {
        assert!(readme.contains(&format!("]({name})")), "the README does not link {name}");
        let headings = guide.prose.lines().filter_map(|line| line.strip_prefix("## "));
        let headings: Vec<_> = headings.collect();
        for section in *sections {
            assert!(headings.contains(section), "{name} has no section {section:?}");
        }
    }
}

#[test]
fn every_incident_says_how_it_shows_what_to_do_and_what_is_lost() {
    let (_, incidents) = GUIDES.last().unwrap();
    let (guide, runbook) = (guide("docs/incidents.md"), text("docs/runbook.md"));
    for incident in *incidents {
        let section = section(&guide.prose, incident);
        let mut rest = section;
        for part in PARTS {
            let after = rest.split_once(&format!("\n{part}")).map(|(_, after)| after);
            rest = after.unwrap_or_else(|| panic!("{incident}: no {part}, or not in its place"));
        }
        // An alert by which it is seen leads to it, or to one that does.
        let seen = section.split("**Seen by**").nth(1).unwrap().split("\n\n").next().unwrap();
        for alert in words(seen).filter(|word| word.starts_with("Forgewire")) {
            let paragraph = self::section(&runbook, alert);
            let leads = paragraph.contains("](incidents.md#");
            assert!(leads, "docs/runbook.md, {alert}: no way to {incident:?}");
        }
    }
}

/// What stands between this heading and the next one of its level.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let rest = document.split(&format!("\n## {heading}\n")).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap()
}

#[test]
fn links_of_the_guides_and_the_runbook_lead_somewhere() {
    for name in GUIDES.iter().map(|(name, _)| *name).chain(["docs/runbook.md"]) {
        let here = text(name);
        let folder = root().join(name).parent().unwrap().to_owned();
        for link in here.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { root().join(name) } else { folder.join(file) };
            let there = std::fs::read_to_string(&path);
            let there = there.unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            assert!(wanted.is_empty() || has_anchor(&there, wanted), "{name}: no heading {link}");
        }
    }
}

#[test]
fn keys_metrics_alerts_headers_and_messages_that_a_guide_names_exist() {
    let (code, readme) = (code(), text("README.md"));
    let rules = text("deploy/prometheus/forgewire.rules.yml");
    let keys: Vec<_> = forgewire::config::keys().map(|key| key.path).collect();
    let sections: Vec<_> = keys.iter().filter_map(|key| key.split('.').next()).collect();
    for guide in guides() {
        let Guide { name, blocks, .. } = &guide;
        for span in guide.spans() {
            let key = span.split(" = ").next().unwrap();
            if key.split_once('.').is_some_and(|(section, _)| sections.contains(&section)) {
                let is_file = code.contains(&format!("\"{key}\""));
                assert!(keys.contains(&key) || is_file, "{name}: no key {key}");
            } else if span.starts_with("--") {
                let option = span.split([' ', '=']).next().unwrap().trim_start_matches('-');
                let is_one = code.contains(&format!("pub(super) {}", option.replace('-', "_")))
                    || readme.contains(&format!("`--{option}"));
                assert!(is_one, "{name}: no option {span}");
            } else if span.starts_with("Forgewire-") {
                let header = span.split(':').next().unwrap();
                assert!(readme.contains(&format!("`{header}")), "{name}: no header {header}");
            } else if span.starts_with(char::is_uppercase) && span.contains(' ') {
                assert!(code.contains(&span), "{name}: nothing logs {span:?}");
            } else if is_a_name(&span) {
                let known = FOREIGN.contains(&&*span) || words(&code).any(|word| word == span);
                assert!(known, "{name}: nothing is called {span}");
            }
        }
        let blocks = blocks.iter().map(|(_, body)| &**body);
        for word in blocks.chain([&*guide.prose]).flat_map(words) {
            if word.starts_with("forgewire_") && !word.ends_with('_') {
                let there = readme.contains(&format!("| `{word}` | "));
                assert!(there || word == "forgewire_", "{name}: no metric {word}");
            } else if word.starts_with("Forgewire") && word != "Forgewire" {
                assert!(rules.contains(&format!("- alert: {word}\n")), "{name}: no alert {word}");
            }
        }
    }
}

/// A name of ours or of NATS: a metric, which is looked for elsewhere, is none here.
fn is_a_name(span: &str) -> bool {
    words(span).eq([span])
        && span.starts_with(char::is_lowercase)
        && span.contains('_')
        && !span.starts_with("forgewire_")
}

#[test]
fn commands_of_the_guides_have_the_options_that_they_are_given() {
    let mut tried = 0;
    for guide in guides() {
        for command in guide.commands() {
            let arguments: Vec<_> = command.split_whitespace().skip(1).collect();
            let own = arguments.iter().take_while(|word| !word.starts_with('-'));
            let own: Vec<_> = own.copied().collect();
            let (exit, help, errors) = program::run(&[&own[..], &["--help"]].concat());
            assert_eq!(exit, 0, "{}: {command}: {errors}", guide.name);
            for option in arguments.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                let there = words_with_dashes(&help).any(|word| word == option);
                assert!(there, "{}: {command}: no option {option}", guide.name);
            }
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

fn words_with_dashes(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

#[tokio::test]
async fn commands_of_the_guides_do_what_they_say() {
    let (nats, spool) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let config = format!(
        "[nats]\nservers = [\"{}\"]\n[spool]\ndir = \"{}\"\n{}",
        nats.url,
        spool.path().display(),
        sources()
    );
    let daemon = Daemon::with(&nats, &config).await;
    publishes(&daemon, "one").await;
    let mut used = vec![false; COMMANDS.len()];
    for guide in guides() {
        for command in guide.blocks("sh").flat_map(str::lines) {
            let row = COMMANDS.iter().position(|(start, ..)| command.starts_with(start));
            let row = row.unwrap_or_else(|| panic!("{}: nothing runs {command}", guide.name));
            let (_, more, promised) = COMMANDS[row];
            // A consumer that is there already is left alone.
            let promised =
                if used[row] && promised.ends_with("is made.\n") { "" } else { promised };
            used[row] = true;
            let said = run(&daemon, &format!("{command} {more}")).await;
            assert!(said.contains(promised), "{}: {command} printed:\n{said}", guide.name);
        }
    }
    for (row, used) in COMMANDS.iter().zip(used) {
        assert!(used, "in no guide any more: {}", row.0);
    }
}

/// Runs a command as a shell does, for this daemon in the place of the one in `/etc`; what it prints.
async fn run(daemon: &Daemon, command: &str) -> String {
    let command = command
        .replace("/etc/forgewire/forgewire.toml", daemon.config().to_str().unwrap())
        .replace("http://127.0.0.1:8081", &format!("http://{}", daemon.admin));
    let programs = Path::new(env!("CARGO_BIN_EXE_forgewire")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-eu", "-c", &command]).kill_on_drop(true);
    shell.env("PATH", format!("{}:{path}", programs.display())).env("NO_PROXY", "127.0.0.1");
    let output = tokio::time::timeout(crate::support::LIMIT, shell.output()).await;
    let output = output.unwrap_or_else(|_| panic!("does not end: {command}")).unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn configurations_and_settings_in_the_guides_are_sound() {
    let keys: Vec<_> = forgewire::config::keys().map(|key| key.path).collect();
    let mut checked = 0;
    for guide in guides() {
        let spans = guide.spans().into_iter();
        let settings =
            spans.filter(|span| keys.iter().any(|key| span.starts_with(&format!("{key} = "))));
        for config in guide.blocks("toml").map(str::to_owned).chain(settings) {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("secrets")).unwrap();
            // Every file that it names holds a secret of its own.
            for file in config.split('"').filter(|word| word.starts_with("secrets/")) {
                std::fs::write(dir.path().join(file), format!("the secret of {file}")).unwrap();
            }
            let source = if config.contains("[sources.") { String::new() } else { sources() };
            let path = dir.path().join("forgewire.toml");
            std::fs::write(&path, format!("{config}\n{source}")).unwrap();
            let (exit, said, errors) = program::run(&["check", "--config", path.to_str().unwrap()]);
            assert_eq!(exit, 0, "{}:\n{config}\n{said}\n{errors}", guide.name);
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
}

/// A configuration of nats-server without what that version does not know.
fn for_version(config: &str, program: &Path) -> String {
    let old = version(program) < vec![2, 10];
    let lines =
        config.lines().filter(|line| !(old && line.contains("# nats-server 2.10 or newer")));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The lines within `jetstream { … }` but for the directory, and all others.
fn parted(config: &str) -> (String, String) {
    let (before, rest) = config.split_once("jetstream {\n").unwrap();
    let (inside, after) = rest.split_once("\n}").unwrap();
    let inside = inside.lines().filter(|line| !line.trim_start().starts_with("store_dir"));
    (inside.flat_map(|line| [line, "\n"]).collect(), format!("{before}{after}\n"))
}

/// The rights that the guide has printed, in an account that has an administrator, too.
fn account() -> String {
    let inbox = "nats.inbox_prefix=_INBOX_forgewire";
    let (exit, printed, errors) =
        program::run(&["permissions", "bridge", "--account", "FORGEWIRE", "--set", inbox]);
    assert_eq!(exit, 0, "{errors}");
    let users = printed.find("users: [").expect("users") + "users: [".len();
    let (before, after) = printed.split_at(users);
    format!("FORGEWIRE_PASSWORD = \"p\"\n{before}\n{{ user: admin, password: p }}\n{after}")
}

#[tokio::test]
async fn the_server_of_the_guide_starts_and_the_daemon_of_the_guide_works_with_it() {
    let guide = guide("docs/jetstream.md");
    for program in servers() {
        let config = for_version(guide.block("nats"), Path::new(&program));
        let (jetstream, rest) = parted(&config);
        let nats = NatsServer::configured_by(&program, &format!("{rest}{}", account()), &jetstream);
        let spool = tempfile::tempdir().unwrap();
        let place = format!("[spool]\ndir = \"{}\"\n", spool.path().display());
        let settings = guide.block("toml").replace("[spool]\n", &place);
        let ours = "user = \"forgewire\"\npassword = \"p\"\ninbox_prefix = \"_INBOX_forgewire\"\n";
        let daemon = Daemon::with(&nats, &format!("[nats]\n{ours}{settings}\n{}", sources())).await;
        publishes(&daemon, "one").await;
        let metrics = get(daemon.admin, "/metrics").await.body;
        let metrics = String::from_utf8(metrics.to_vec()).unwrap();
        for line in [
            "forgewire_stream_drift_settings{store=\"stream\"} 0\n",
            "forgewire_stream_drift_settings{store=\"objects\"} 0\n",
            "forgewire_spool_retained_messages 1\n",
        ] {
            assert!(metrics.contains(line), "{line}:\n{metrics}");
        }
        let warned = daemon
            .log()
            .into_iter()
            .find(|line| line.contains("\"ERROR\"") || line.contains("max_inline_bytes"));
        assert_eq!(warned, None);
        queue_draws_from_the_stream(&guide, &nats, &daemon).await;
    }
}

/// The work queue of the guide has pushes of the stream, whole, and nothing else.
async fn queue_draws_from_the_stream(guide: &Guide, nats: &NatsServer, daemon: &Daemon) {
    let admin = ConnectOptions::with_user_and_password("admin".into(), "p".into());
    let client = admin.connect(&nats.url).await.unwrap();
    let ask = async |subject: &str, request: String| -> Value {
        let answer = client.request(format!("$JS.API.{subject}"), request.into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    };
    let made = ask("STREAM.CREATE.CI", guide.block("json stream").to_owned()).await;
    assert!(made["error"].is_null(), "{made}");
    let body = push("main", &sha('1'), &sha('2'));
    let other = Hook::new("gitea", "nonsense", Some("nonsense"), "other", SECRET, &body);
    assert_eq!(deliver(daemon.hooks, "/hooks/gitea", &other).await.status, 202);
    publishes(daemon, "two").await;
    let state = eventually("the queue has both pushes", || async {
        let info = ask("STREAM.INFO.CI", String::new()).await;
        (info["state"]["messages"].as_u64() >= Some(2)).then(|| info["state"].clone())
    })
    .await;
    assert_eq!(state["messages"], 2, "{state}");
    let second = ask("STREAM.MSG.GET.CI", json!({ "seq": 2 }).to_string()).await;
    assert_eq!(second["message"]["subject"], "forge.gitea.acme.widgets.push.updated.main");
    let whole = ask("STREAM.INFO.FORGE", String::new()).await;
    assert_eq!(whole["state"]["messages"], 3, "the stream keeps everything: {whole}");
}

#[test]
fn the_cluster_of_the_guide_is_taken_by_the_server() {
    let guide = guide("docs/jetstream.md");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nats.conf");
    for program in servers() {
        let config = for_version(guide.block("nats"), Path::new(&program));
        std::fs::write(&path, format!("{config}{}", guide.block("nats cluster"))).unwrap();
        let output = Command::new(&program).arg("-t").arg("-c").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", program.display());
    }
}

/// A number of the guide: `1,132` or `1.15 GB`, in bytes then.
fn number(cell: &str) -> f64 {
    let (digits, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let factor = match unit {
        "" => 1.0,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => panic!("{cell}"),
    };
    digits.replace(',', "").parse::<f64>().unwrap_or_else(|error| panic!("{cell}: {error}"))
        * factor
}

#[test]
fn worked_examples_follow_from_what_one_delivery_costs() {
    let guide = guide("docs/capacity.md");
    let examples = section(&guide.prose, "Worked examples");
    let row = |start: &str| -> Vec<f64> {
        let line = examples.lines().find(|line| line.starts_with(&format!("| {start}")));
        let line = line.unwrap_or_else(|| panic!("no row {start}"));
        line.split('|').skip(2).take(3).map(|cell| number(cell.trim())).collect()
    };
    let people = row("people");
    for (title, each) in [
        ("deliveries in a day", 200.0),
        ("deliveries a second", 200.0 * 0.2 / 3600.0 * 20.0),
        ("CPU in a burst", 200.0 * 0.2 / 3600.0 * 20.0 * 0.000_14),
        ("stream, in a day", 200.0 * 10_000.0),
        ("stream, `max_age", 200.0 * 10_000.0 * 22.0),
        ("spool, for a day", 200.0 * 10_000.0 * 1.15),
        ("ids, `duplicate_window", 200.0 * 200.0),
    ] {
        for (people, said) in people.iter().zip(row(title)) {
            let follows = people * each;
            // Rounded to the last digit that is said.
            let slack = if follows < 1.0 { 0.05 } else { (follows * 0.005).max(0.5) };
            assert!((said - follows).abs() <= slack, "{title}: {said} for {people}, not {follows}");
        }
    }
}

/// What the guide says of the way back: draining is not enough, and moving the files away is.
#[tokio::test]
async fn an_older_program_takes_a_newer_spool_for_what_it_is_even_if_it_is_empty() {
    let (nats, dir) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let config = format!("[spool]\ndir = \"{}\"\n{}", dir.path().display(), sources());
    let mut daemon = Daemon::with(&nats, &config).await;
    daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(daemon.exit_code().await, Some(0));
    let database = dir.path().join("spool.db");
    let spool = rusqlite::Connection::open(&database).unwrap();
    let format: i32 = spool.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    spool.pragma_update(None, "user_version", format + 1).unwrap();
    spool.close().unwrap();
    let path = daemon.config();
    let status = ["spool", "status", "--config", path.to_str().unwrap()];
    let (exit, _, errors) = program::run(&status);
    let said =
        format!("has the format {}, and this version knows formats up to {format}", format + 1);
    assert_eq!(exit, 69, "{errors}");
    assert!(errors.contains(&said), "{errors}");
    // The daemon says the same, once, and what helps: an empty spool keeps its format.
    let (exit, _, errors) = program::run(&["serve", "--config", path.to_str().unwrap()]);
    assert_eq!((exit, errors.matches(&said).count()), (69, 1), "{errors}");
    assert!(errors.contains("move the directory away"), "{errors}");
    let shown = text("docs/upgrade.md");
    assert!(shown.contains("has the format 2, and this version knows formats up to 1"));
    for file in ["spool.db", "spool.db-wal", "spool.db-shm"] {
        // Not each is there always.
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let daemon = Daemon::with(&nats, &config).await;
    publishes(&daemon, "one").await;
}

/// The order that the guide gives for credentials that leaked: the file first, then the server.
#[tokio::test]
async fn credentials_that_are_replaced_before_the_old_ones_go_cost_no_delivery() {
    let users =
        |password| format!("authorization {{ users = [{{ user: fw, password: {password} }}] }}");
    let (nats, dir) = (NatsServer::configured(&users("old"), ""), tempfile::tempdir().unwrap());
    let file = dir.path().join("password");
    std::fs::write(&file, "old").unwrap();
    let ours = format!("[nats]\nuser = \"fw\"\npassword_file = \"{}\"\n", file.display());
    let daemon = Daemon::with(&nats, &format!("{ours}{}", sources())).await;
    publishes(&daemon, "before").await;
    std::fs::write(&file, "new").unwrap();
    publishes(&daemon, "between").await;
    nats.configure(&users("new"));
    daemon.logged_times("Connected to NATS.", 2).await;
    let refused = daemon.log().iter().any(|line| line.contains(crate::nats_auth::CANNOT));
    assert!(!refused, "it came back with the old ones");
    publishes(&daemon, "after").await;
}
