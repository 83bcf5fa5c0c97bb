//! What README.md, ARCHITECTURE.md and SECURITY.md say is so: commands run, and keys, codes, tests and files exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::nats::NatsServer;
use crate::support::schema::assert_valid;
use crate::support::{LIMIT, eventually, http};
use forgewire::event::Data;

/// How a command of the README is known to work.
enum Run {
    /// Here, beside a running `forgewire dev`, with these further options; its output holds this.
    Dev(&'static str, &'static str),
    /// Here, with the example configuration in the place of the one in `/etc`.
    Configured,
    /// Here, with all that it installs below a directory.
    Installation,
    /// By the continuous integration: `.ci/run` or the Makefile holds this line.
    Integration(&'static str),
}
use Run::{Configured, Dev, Installation, Integration};

/// Every command of the README, by its first line.
const COMMANDS: &[(&str, Run)] = &[
    ("make run", Integration("make run ARGS=")),
    ("cargo run -q -- send gitea push", Integration("cargo run -q --locked -- send gitea push")),
    ("cargo install --locked --path .", Integration("cargo install --locked --path .")),
    (r#"secret="${XDG_STATE_HOME:-"#, Dev("", "forge.gitea.acme.widgets.push.updated.main")),
    ("forgewire check", Configured),
    ("forgewire serve", Configured),
    ("forgewire doctor", Configured),
    (r#"install -D -m 0755 "$(command -v forgewire)" /usr/local/bin/forgewire"#, Installation),
    (
        "install -D -m 0644 -t /etc/systemd/system deploy/systemd/forgewire.service deploy/systemd/forgewire.socket",
        Installation,
    ),
    (
        "install -D -m 0644 deploy/systemd/forgewire.sysusers /etc/sysusers.d/forgewire.conf",
        Installation,
    ),
    ("systemd-sysusers", Installation),
    ("install -d -m 0750 -g forgewire /etc/forgewire /etc/forgewire/secrets", Installation),
    (
        "install -m 0640 -g forgewire config/example.toml /etc/forgewire/forgewire.toml",
        Installation,
    ),
    ("systemctl enable --now forgewire.service", Installation),
    ("curl --fail --silent http://127.0.0.1:8081/livez", Dev("", r#""alive""#)),
    ("curl --fail --silent http://127.0.0.1:8081/readyz", Dev("", r#""ready""#)),
    ("curl --fail --silent http://127.0.0.1:8081/version", Dev("", r#""forgewire""#)),
    ("curl --fail --silent http://127.0.0.1:8081/metrics", Dev("", "\nforgewire_ready 1\n")),
    ("forgewire send --list", Dev("", "pull-request-merged")),
    ("forgewire send gitea pull-request-merged", Dev("", "pull_request.merged.main")),
    ("forgewire send gitea tag", Dev("", "tag.created")),
    ("forgewire send forgejo tag --form", Dev("", "tag.created")),
    ("forgewire send gogs push --count 3", Dev("", "forge.gogs.acme.widgets.push.updated.main")),
    ("forgewire send --url", Dev("", "forge.gitea.acme.widgets.push.updated.main")),
    ("forgewire schema", Dev("", r#""$id": "urn:forgewire:event:1","#)),
    ("forgewire schema --event push", Dev("", r#""$id": "urn:forgewire:event:1:push","#)),
    ("forgewire tail", Dev("--all --count 1", "push.updated")),
    ("forgewire tail --last 20", Dev("--count 1", "gitea")),
    ("forgewire tail --repo acme/widgets --since 1h", Dev("--count 1", "Widgets")),
    ("forgewire tail --repo 'acme/*' --event push", Dev("--all --count 1", "push.updated")),
    (
        "forgewire tail --event pull_request.merged --ref main",
        Dev("--all --count 1", "pull_request.merged"),
    ),
    (
        "forgewire tail --subject 'forge.gitea.acme.*.tag.created.*'",
        Dev("--all --count 1", "tag.created"),
    ),
    ("forgewire tail --all --json --count 1", Dev("", r#"{"version":1,"#)),
    ("forgewire spool status", Dev("", "waiting   0 messages\n")),
    ("forgewire spool list --limit 20", Dev("", "")),
    ("forgewire spool list --lane gitea:42", Dev("", "")),
    ("forgewire spool drain --timeout 1m", Dev("", "")),
    ("forgewire spool dead list", Dev("", "")),
    ("forgewire spool dead retry --all", Dev("", "")),
    (
        "forgewire subject encode --source gitea --owner acme --repo my.repo --event push --action updated --ref feature/login",
        Dev("", "forge.gitea.acme.my%2Erepo.push.updated.feature%2Flogin\n"),
    ),
    (
        "forgewire subject encode --filter --source gitea --owner acme --repo my.repo",
        Dev("", "forge.gitea.acme.my%2Erepo.>\n"),
    ),
    (
        "forgewire subject decode forge.gitea.acme.my%2Erepo.push.updated.feature%2Flogin",
        Dev("", "  ref     feature/login\n"),
    ),
    (
        "forgewire permissions bridge --set nats.inbox_prefix=_INBOX_forgewire",
        Dev("", "      \"_INBOX_forgewire.>\"\n"),
    ),
    (
        "forgewire permissions subscriber --filter 'forge.gitea.acme.widgets.push.*.main' --bind ci",
        Dev("", "      \"$JS.API.CONSUMER.MSG.NEXT.FORGE.ci\"\n"),
    ),
    (
        "forgewire consumer add ci --filter 'forge.gitea.acme.widgets.push.*.main'",
        Dev("", "Consumer ci of FORGE is made.\n"),
    ),
    ("make consumers-deps", Integration("make consumers-deps")),
    (
        "cargo run -q --example consumer -- ci-rust 'forge.gitea.acme.widgets.push.*.main' --create",
        Integration("acts cargo run -q --locked --example consumer -- ci-rust"),
    ),
    (
        "target/consumers/python/bin/python docs/consumers/consumer.py ci-python 'forge.gitea.acme.widgets.push.*.main' --create",
        Integration("acts target/consumers/python/bin/python docs/consumers/consumer.py ci-python"),
    ),
    (
        "node target/consumers/typescript/build/consumer.js ci-typescript 'forge.gitea.acme.widgets.push.*.main' --create",
        Integration("acts node target/consumers/typescript/build/consumer.js ci-typescript"),
    ),
    ("make bench", Integration("make bench ARGS=")),
    ("make stages", Integration("make stages ARGS=")),
    ("make lint", Integration("lint() { make lint; }")),
    ("make prometheus", Integration("prometheus() { make prometheus; }")),
    ("make doc", Integration("doc() { make doc; }")),
    ("make test", Integration("test() { make test; }")),
    ("make fuzz", Integration("fuzz() { CARGO_TARGET_DIR=$PWD/target make fuzz SECONDS=")),
    ("make deny", Integration("deny() { make deny; }")),
    ("make deploy-check", Integration("deploy() { make deploy-check; }")),
    ("make image-test", Integration("container() { make image-test; }")),
    (".ci/run", Integration("all=(packages versions")),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks whose first line says this after its backticks.
fn blocks(document: &str, info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(said) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if said == info {
                found.push(body.join("\n"));
            }
        }
    }
    found
}

/// The commands of the README: each line is one, except that a block of variables is one script.
fn commands() -> Vec<String> {
    blocks(&text("README.md"), "sh")
        .into_iter()
        .flat_map(|block| {
            let first = block.split_whitespace().next().unwrap_or_default();
            if first.contains('=') { vec![block] } else { block.lines().map(Into::into).collect() }
        })
        .collect()
}

/// The row that a command is covered by: the one that agrees with most of it.
fn row(command: &str) -> &'static (&'static str, Run) {
    let rows = COMMANDS.iter().filter(|(start, _)| {
        command == *start
            || command.starts_with(&format!("{start} --config"))
            || (command.starts_with(start) && (start.ends_with('-') || start.ends_with("--url")))
    });
    rows.max_by_key(|(start, _)| start.len())
        .unwrap_or_else(|| panic!("nothing runs the README's command: {command}"))
}

#[test]
fn every_command_of_the_readme_is_run_by_something() {
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for (start, run) in COMMANDS {
        let used = commands.iter().any(|command| row(command).0 == *start);
        assert!(used, "not in the README any more: {start}");
        if let Integration(line) = run {
            assert!(text(".ci/run").contains(line), ".ci/run does not hold: {line}");
        }
    }
}

/// A running `forgewire dev` with a home of its own.
struct DevRun {
    child: Child,
    home: TempDir,
    state: Value,
    printed: Arc<Mutex<Vec<String>>>,
}

impl DevRun {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = in_home(Command::new(env!("CARGO_BIN_EXE_forgewire")), home.path())
            .args(["dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("forgewire dev starts");
        let printed = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&printed);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        let file = home.path().join(".local/state/forgewire/dev.json");
        let state = eventually("forgewire dev is ready", || async {
            let state = std::fs::read(&file).ok()?;
            serde_json::from_slice(&state).ok()
        })
        .await;
        Self { child, home, state, printed }
    }

    /// Runs a command of the README as a shell does, and gives what it prints.
    async fn run(&self, command: &str) -> String {
        let address = |key: &str| self.state[key].as_str().unwrap();
        let command = command
            .replace("http://127.0.0.1:8080", address("hooks"))
            .replace("http://127.0.0.1:8081", address("admin"));
        let mut shell = in_home(Command::new("sh"), self.home.path());
        let output = shell.args(["-eu", "-c", &command]).kill_on_drop(true).output();
        let output = tokio::time::timeout(2 * LIMIT, output).await;
        let output = output.unwrap_or_else(|_| panic!("does not end: {command}")).unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{said}\n{errors}", output.status);
        said
    }

    async fn stop(mut self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await.expect("ends in time");
        assert!(ended.unwrap().success());
    }
}

/// The command with this home, with forgewire in its path, and with nothing said from outside.
fn in_home(mut command: Command, home: &Path) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_forgewire")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", home)
        .env("XDG_STATE_HOME", home.join(".local/state"))
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("FORGEWIRE_CONFIG");
    command
}

#[tokio::test]
async fn commands_beside_a_running_dev_do_what_the_readme_says() {
    let dev = DevRun::start().await;
    for command in commands() {
        let Dev(options, promised) = row(&command).1 else { continue };
        let said = dev.run(format!("{command} {options}").trim()).await;
        assert!(said.contains(promised), "{command} printed:\n{said}");
        if command.contains("signature=") {
            receipt_is_as_shown(&said);
            event_is_as_shown(&dev, &command).await;
        }
    }
    eventually("dev prints what arrives", || async {
        let printed = dev.printed.lock().unwrap();
        printed.iter().any(|line| line.contains("pull_request.merged")).then_some(())
    })
    .await;
    dev.stop().await;
}

#[tokio::test]
async fn what_is_installed_for_systemd_starts_with_the_machine_and_has_its_user() {
    if !crate::systemd::has("systemctl") || !crate::systemd::has("systemd-sysusers") {
        return;
    }
    let machine = tempfile::tempdir().unwrap();
    let root = machine.path().to_str().unwrap();
    for command in commands() {
        if !matches!(row(&command).1, Installation) {
            continue;
        }
        // The group is there on no machine that has none yet, and nothing is started.
        let adapted = command
            .replace(" /usr/", &format!(" {root}/usr/"))
            .replace(" /etc/", &format!(" {root}/etc/"))
            .replace(" -g forgewire", "")
            .replace("systemd-sysusers", &format!("systemd-sysusers --root={root}"))
            .replace("systemctl enable --now", &format!("systemctl --root={root} enable"));
        let mut shell = in_home(Command::new("sh"), machine.path());
        let output = shell.args(["-eu", "-c", &adapted]).output().await.unwrap();
        assert!(output.status.success(), "{adapted}: {output:?}");
    }
    let there = |path: &str| machine.path().join(path);
    for wanted in [
        "etc/systemd/system/multi-user.target.wants/forgewire.service",
        "etc/systemd/system/sockets.target.wants/forgewire.socket",
    ] {
        let target = std::fs::read_link(there(wanted)).expect(wanted);
        assert!(target.starts_with("/etc/systemd/system"), "{wanted}: {target:?}");
    }
    let users = std::fs::read_to_string(there("etc/passwd")).unwrap();
    assert!(users.lines().any(|line| line.starts_with("forgewire:")), "{users}");
    let version = Command::new(there("usr/local/bin/forgewire")).arg("--version").output().await;
    assert!(version.unwrap().status.success());
    assert!(there("etc/forgewire/forgewire.toml").exists());
}

fn only_block(info: &str) -> Value {
    let blocks = blocks(&text("README.md"), info);
    assert_eq!(blocks.len(), 1, "{info}");
    serde_json::from_str(&blocks[0]).unwrap()
}

fn receipt_is_as_shown(said: &str) {
    let mut receipt: Value = serde_json::from_str(said).unwrap();
    let mut shown = only_block("json receipt");
    for receipt in [&mut receipt, &mut shown] {
        let delivery = receipt["delivery"].take();
        let id = receipt["events"][0]["id"].take();
        assert_eq!(id, format!("gitea:{}", delivery.as_str().unwrap()));
    }
    assert_eq!(receipt, shown);
}

async fn event_is_as_shown(dev: &DevRun, script: &str) {
    let body = dev.run("forgewire tail --last 1 --count 1 --json").await;
    assert_valid(body.as_bytes());
    let mut event: Value = serde_json::from_str(&body).unwrap();
    let sent = script.split("body='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert_eq!(event["raw"], serde_json::from_str::<Value>(sent).unwrap());
    let mut shown = only_block("json event");
    assert_valid(&serde_json::to_vec(&shown).unwrap());
    for event in [&mut event, &mut shown] {
        for place in ["/id", "/delivery/id", "/received_at", "/raw"] {
            *event.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = json!("another");
        }
    }
    assert_eq!(event, shown, "the event in the README");
}

/// The example configuration with secrets, where a deployment has `/etc/forgewire`.
fn deployment() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let example = text("config/example.toml");
    std::fs::write(dir.path().join("forgewire.toml"), &example).unwrap();
    std::fs::create_dir(dir.path().join("secrets")).unwrap();
    for name in example.split('"').filter(|text| text.starts_with("secrets/")) {
        let content = match name.strip_suffix(".creds") {
            Some(_) => crate::nats_auth::Operator::new().creds(None),
            None => format!("a secret for {name}\n"),
        };
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

#[tokio::test]
async fn check_serve_and_doctor_take_the_example_configuration() {
    let nats = NatsServer::start();
    let etc = deployment();
    let commands = commands();
    let configured = |start: &str| {
        let command = commands.iter().find(|command| command.starts_with(start)).unwrap();
        assert!(matches!(row(command).1, Configured));
        let adapted = command.replace("/etc/forgewire", etc.path().to_str().unwrap());
        let mut words = adapted.split(' ').map(str::to_owned);
        assert_eq!(words.next().unwrap(), "forgewire");
        let mut command = in_home(Command::new(env!("CARGO_BIN_EXE_forgewire")), etc.path());
        command.args(words).kill_on_drop(true);
        command
    };
    let checked = configured("forgewire check").output().await.unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert!(String::from_utf8_lossy(&checked.stdout).contains("sound: 5 sources"), "{checked:?}");

    // One server without TLS stands in for the cluster; it has one copy and little room.
    let servers = format!("nats.servers={}", nats.url);
    let sets =
        ["--set", &servers, "--set", "stream.replicas=1", "--set", "stream.max_bytes=1048576"];
    let mut child = configured("forgewire serve")
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(sets)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = loop {
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("says so in time");
        let line = line.unwrap().expect("listens before it ends");
        let line: Value = serde_json::from_str(&line).expect("the example asks for JSON");
        if line["message"] == "Listening." {
            break line;
        }
    };
    let address = |which: &str| listening[which].as_str().unwrap();
    let admin = address("admin").parse().unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    eventually("serve is ready", || async {
        let ready = http::get(admin, "/readyz").await;
        (ready.status == 200 && ready.json()["stores"] == "jetstream").then_some(())
    })
    .await;
    let doctor = configured("forgewire doctor")
        .args(["--listen", address("hooks"), "--admin-listen", address("admin")])
        .args(sets)
        .output()
        .await
        .unwrap();
    let found = String::from_utf8_lossy(&doctor.stdout);
    // What the umask leaves of the secrets' mode, and an old server, are worth a warning.
    assert!(matches!(doctor.status.code(), Some(0 | 1)), "{found}");
    assert!(found.contains("deliveries go to JetStream"), "{found}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = tokio::time::timeout(LIMIT + Duration::from_secs(5), child.wait()).await;
    assert!(ended.expect("ends in time").unwrap().success());
}

#[test]
fn every_key_stands_in_the_readme_with_default_and_meaning() {
    let readme = text("README.md");
    let defaults = defaults();
    for key in forgewire::config::keys() {
        let start = format!("| `{}` | ", key.path);
        let row = readme.lines().find_map(|line| line.strip_prefix(&*start));
        let row = row.unwrap_or_else(|| panic!("the README has no row for {}", key.path));
        assert!(row.ends_with(&format!("| {} |", key.doc)), "{}: {row}", key.path);
        if let Some(default) = defaults.get(key.path) {
            assert!(row.starts_with(&format!("`{default}` |")), "{}: {row}", key.path);
        }
    }
}

/// The settings of `config/default.toml` that have a default, by path.
fn defaults() -> BTreeMap<String, String> {
    let mut section = String::new();
    let mut found = BTreeMap::new();
    for line in text("config/default.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((name, value)) =
            line.split_once(" = ").filter(|_| !line.starts_with('#'))
        {
            found.insert(format!("{section}.{name}"), value.to_owned());
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

#[test]
fn every_event_and_action_stands_in_the_readme() {
    let readme = text("README.md");
    let events = readme.split("## Events").nth(1).unwrap();
    for spec in Data::EVENTS {
        let start = format!("| `{}`", spec.name);
        let row = events.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row for {}", spec.name));
        for action in spec.actions {
            assert!(row.contains(&format!("`{action}`")), "{}.{action}", spec.name);
        }
    }
}

#[test]
fn every_exit_code_and_every_code_of_the_connection_server_stands_in_the_readme() {
    let readme = text("README.md");
    let cli = text("src/cli.rs");
    let codes: Vec<_> = cli
        .lines()
        .filter_map(|line| line.strip_prefix("const ")?.split_once(": u8 = "))
        .map(|(_, code)| format!("| {} | ", code.trim_end_matches(';')))
        .collect();
    assert!(codes.len() > 4, "{codes:?}");
    let last_words = text("src/listen/connection.rs");
    let problems: Vec<_> = last_words
        .lines()
        .filter_map(|line| line.trim().strip_prefix("code: \"")?.strip_suffix("\","))
        .map(|code| format!("| `{code}` | "))
        .collect();
    assert!(problems.len() > 1, "{problems:?}");
    for start in codes.iter().chain(&problems) {
        assert!(readme.lines().any(|line| line.starts_with(start)), "no row {start}");
    }
}

#[test]
fn every_test_that_architecture_and_threat_model_name_is_there() {
    tests_are_there(&text("ARCHITECTURE.md"), "\n## Invariants\n");
    tests_are_there(&text("SECURITY.md"), "\n## The threats\n");
}

/// The last column of the table after `heading` names tests, in every row.
fn tests_are_there(document: &str, heading: &str) {
    let invariants = document.split(heading).nth(1).unwrap();
    let rows = invariants.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 8, "{rows:?}");
    for row in rows {
        let held_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test holds: {row}");
        for test in tests {
            let (module, name) = test.rsplit_once("::").unwrap_or_else(|| panic!("{test}"));
            let path = module.replace("::", "/");
            let places = [
                format!("tests/it/{path}.rs"),
                format!("src/{path}.rs"),
                format!("src/{path}/tests.rs"),
            ];
            let holds = |place: &String| {
                let code = std::fs::read_to_string(root().join(place)).unwrap_or_default();
                code.contains(&format!("fn {name}("))
            };
            assert!(places.iter().any(holds), "there is no test {test}");
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "docs/consumers/README.md",
        "docs/events.md",
    ] {
        let text = text(document);
        let folder = root().join(document).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("https://")) {
            if let Some(anchor) = link.strip_prefix('#') {
                let heading = |line: &str| {
                    let title = line.trim_start_matches('#').trim().to_lowercase();
                    line.starts_with('#') && title.replace(' ', "-") == anchor
                };
                assert!(text.lines().any(heading), "{document}: no heading for {link}");
            } else {
                assert!(folder.join(link).exists(), "{document}: {link}");
            }
        }
    }
}
