//! What must not leave does not: secrets, signatures, addresses and texts are planted in everything that is sent, and
//! then looked for in everything that the daemon says, and everywhere in NATS but in the bodies where they belong.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use async_nats::jetstream::stream::{Config, Stream};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use forgewire::samples::Sender;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::redaction::carried;
use crate::support::collector::{Collector, Mood};
use crate::support::daemon::{Daemon, Stored, stored};
use crate::support::eventually;
use crate::support::hook::{Hook, push_name, push_of, sha, signature};
use crate::support::http::{Answer, deliver, request};
use crate::support::nats::NatsServer;

/// Every mark begins with it, and nothing else of the test has it.
const MARK: &str = "planted";
/// What people write: it belongs into the bodies of messages, and into objects.
const TEXT: &str = "plantedtext";
/// Where people can be written to: there, too.
const MAIL: &str = "mail.planted@people.example";
/// What all others begin with: secrets, which are in no body either.
const SECRETS: &str = "planted-";
const NATS_PASSWORD: &str = "planted-nats-password";
const LET_IN: &str = "Bearer planted-authorization";
const OTLP_TOKEN: &str = "planted-otlp-token";

/// The secret of a kind's source.
fn secret(kind: &str) -> String {
    format!("planted-secret-of-{kind}")
}

fn config(spool: &Path) -> String {
    let source = |name: &str, kind: &str, more: &str| {
        let secret = secret(kind);
        format!(
            "[sources.{name}]\nkind = \"{kind}\"\nauthorization = \"{LET_IN}\"\n\
             secrets = [{{ id = \"now\", text = \"{secret}\" }}, {{ id = \"next\", text = \"{secret}-next\" }}]\n{more}\n"
        )
    };
    let kinds = forgewire::source::Kind::ALL.iter().map(|kind| kind.name());
    let get = |kind| if kind == "gogs" { "accept_get = true" } else { "" };
    format!(
        "[http]\nmax_body_bytes = 4_194_304\n[spool]\ndir = \"{}\"\n\
         [nats]\nuser = \"forge\"\npassword = \"{NATS_PASSWORD}\"\n{}{}",
        spool.display(),
        kinds.map(|kind| source(kind, kind, get(kind))).collect::<String>(),
        source("scoped", "gitea", "repositories = [\"other/*\"]"),
    )
}

/// The server's users: the daemon, and whoever says no name, as tests do.
fn users(password: &str) -> String {
    format!(
        "authorization {{ users = [ {{ user: test, password: test }}, {{ user: forge, password: \"{password}\" }} ] }}\n\
         no_auth_user: test\n"
    )
}

/// Puts marks into a payload, wherever it has an address or what somebody wrote.
fn plant(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            let of_person = members.contains_key("email");
            for (name, member) in members {
                let is_name = of_person && matches!(&**name, "name" | "full_name");
                plant(member, if is_name { "displayName" } else { name });
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, key)),
        Value::String(text) => plant_text(text, key),
        _ => {}
    }
}

fn plant_text(text: &mut String, key: &str) {
    let written = [
        "body",
        "message",
        "description",
        "text",
        "title",
        "note",
        "html",
        "raw",
        "display_name",
        "displayName",
    ];
    match (key, text.find('<')) {
        ("email" | "emailAddress", _) => MAIL.clone_into(text),
        ("raw", Some(at)) if text.ends_with('>') => {
            text.truncate(at);
            let _ = write!(text, "{TEXT} <{MAIL}>");
        }
        _ if written.contains(&key) && !text.is_empty() => {
            let _ = write!(text, " {TEXT}");
        }
        _ => {}
    }
}

/// The planted payload of a sample; what is a forge's own secret is in it, too.
fn payload(sender: &Sender, name: &str) -> Value {
    let sample = sender.sample(name).unwrap();
    let mut body = serde_json::from_str(&sender.payload(sample).unwrap()).unwrap();
    plant(&mut body, "");
    body["secret"] = "planted-member".into();
    body["original_url"] = "https://user:planted-clone-password@example.com/r.git".into();
    body
}

/// Everything that was said, by where; and every signature that was sent.
#[derive(Default)]
struct Heard {
    said: BTreeMap<String, String>,
    signatures: HashSet<String>,
}

impl Heard {
    fn add(&mut self, place: &str, text: &str) {
        let _ = writeln!(self.said.entry(place.to_owned()).or_default(), "{text}");
    }

    /// Fails where anything planted was heard.
    fn is_clean(&self) {
        assert!(self.signatures.len() > 200, "{}", self.signatures.len());
        let mut found = Vec::new();
        for (place, text) in &self.said {
            let heard = search(text, MARK).or_else(|| signature_in(text, &self.signatures));
            found.extend(heard.map(|heard| format!("{place}: {heard}")));
        }
        assert!(found.is_empty(), "{found:#?}");
        let places: Vec<_> =
            self.said.keys().map(|place| place.split(' ').next().unwrap()).collect();
        for place in ["/metrics", "answers", "log", "objects", "spans", "subjects"] {
            assert!(places.contains(&place), "nobody listened: {places:?}");
        }
    }

    /// Fails if a text, which may hold what people wrote, holds a secret or a signature.
    fn has_no_secret(&self, place: &str, text: &str) {
        assert_eq!(search(text, SECRETS), None, "{place}");
        assert_eq!(signature_in(text, &self.signatures), None, "{place}");
    }
}

/// The surroundings of a mark in a text, however it is written there: in capitals, in hex, in base64, as a list of
/// bytes.
fn search(text: &str, mark: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let hex = mark.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let list = mark.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    // Three bytes are four digits: those that it shares with what is before and after it say nothing.
    let base64 = (0..3).map(|before| {
        let digits = STANDARD_NO_PAD.encode([&vec![b' '; before], mark.as_bytes()].concat());
        digits.get([0, 2, 3][before]..(before + mark.len()) * 8 / 6).unwrap().to_owned()
    });
    let plain = [mark.to_owned(), hex, list].into_iter().find_map(|form| lower.find(&form));
    let at = plain.or_else(|| base64.into_iter().find_map(|form| text.find(&form)))?;
    let around = text.as_bytes().get(at.saturating_sub(200)..(at + 60).min(text.len()))?;
    Some(String::from_utf8_lossy(around).into_owned())
}

/// The first of these signatures in a text.
fn signature_in(text: &str, signatures: &HashSet<String>) -> Option<String> {
    let runs = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|run| run.len() >= 64);
    runs.flat_map(|run| (0..=run.len() - 64).filter_map(move |at| run.get(at..at + 64)))
        .map(str::to_ascii_lowercase)
        .find(|digits| signatures.contains(digits))
}

#[test]
fn a_mark_is_found_however_it_is_written() {
    let base64 = |before: &str| STANDARD_NO_PAD.encode(format!("{before}user:planted-password"));
    for text in [
        "of Mail.Planted-".to_owned(),
        format!("{:?}", b"planted-password"),
        "706C616e746564".to_owned() + "2d",
        base64(""),
        base64("1"),
        base64("22"),
    ] {
        assert!(search(&text, SECRETS).is_some(), "{text}");
    }
    assert_eq!(search("plante plan ted", MARK), None);
    let sent = signature(SECRETS, TEXT.as_bytes());
    let text = format!("sha256={sent}");
    assert_eq!(signature_in(&text.to_uppercase(), &HashSet::from([sent.clone()])), Some(sent));
    assert_eq!(signature_in(&text, &HashSet::from([signature(SECRETS, b"other")])), None);
}

/// A daemon that says all it can, and what is around it.
struct Stage {
    nats: NatsServer,
    collector: Collector,
    daemon: Daemon,
    spool: TempDir,
    heard: Heard,
}

impl Stage {
    async fn set() -> Self {
        let nats = NatsServer::configured(&users(NATS_PASSWORD), "");
        let (collector, spool) = (Collector::start(Mood::Well).await, tempfile::tempdir().unwrap());
        let mut variables = collector.variables();
        let token = format!("authorization=Bearer%20{OTLP_TOKEN}");
        variables.push(("OTEL_EXPORTER_OTLP_HEADERS", token));
        variables.push(("FORGEWIRE_LOG__FILTER", "trace".to_owned()));
        let daemon = Daemon::in_environment(&nats.url, &config(spool.path()), &variables).await;
        daemon.ready().await;
        Self { nats, collector, daemon, spool, heard: Heard::default() }
    }

    /// A delivery of a kind, signed with its secret or another, and with more planted around it.
    fn hook(
        &mut self,
        kind: &str,
        event: (&str, Option<&str>),
        id: &str,
        secret: &str,
        body: &[u8],
    ) -> Hook {
        let hook = Hook::new(kind, event.0, event.1, id, secret, body);
        let signatures = hook.headers.iter().filter(|(name, _)| name.contains("ignature"));
        let signatures =
            signatures.map(|(_, value)| value.split('=').next_back().unwrap().to_owned());
        self.heard.signatures.extend(signatures.filter(|digits| !digits.starts_with("0000")));
        hook.with("Authorization", LET_IN)
            .with("User-Agent", "planted-agent")
            .with("Cookie", "planted-cookie")
            .with("X-Planted", "planted-header")
            .with("tracestate", "planted-state=1")
            .with("baggage", "planted-baggage=1")
    }

    /// A push of a kind, with one commit by a planted author.
    fn push(&mut self, kind: &str, id: &str) -> Hook {
        let body = payload(Sender::ALL.iter().find(|it| it.kind == kind).unwrap(), "push");
        let body = serde_json::to_vec(&body).unwrap();
        self.hook(kind, (push_name(kind), None), id, &secret(kind), &body)
    }

    fn heard(&mut self, answer: &Answer) {
        let body = String::from_utf8_lossy(&answer.body);
        self.heard.add("answers", &format!("{} {:?} {body}", answer.status, answer.headers));
    }

    async fn send(&mut self, path: &str, hook: &Hook) -> (u16, Value) {
        let answer = deliver(self.daemon.hooks, path, hook).await;
        self.heard(&answer);
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Sends what must be refused so.
    async fn refused(&mut self, path: &str, hook: &Hook, wanted: (u16, &str)) {
        let (status, problem) = self.send(path, hook).await;
        assert_eq!((status, problem["code"].as_str().unwrap_or_default()), wanted, "{path}");
    }

    /// Sends what must be stored, here.
    async fn stored(&mut self, path: &str, hook: &Hook, wanted: &str) {
        let (status, receipt) = self.send(path, hook).await;
        assert_eq!((status, &receipt["status"]), (202, &wanted.into()), "{path} {receipt}");
    }

    /// What the operators' listener says now.
    async fn ask_admin(&mut self) {
        for (path, accept) in [
            ("/metrics", "text/plain"),
            ("/metrics", "application/openmetrics-text;version=1.0.0"),
            ("/readyz", "*/*"),
            ("/livez", "*/*"),
            ("/version", "*/*"),
        ] {
            let headers = [("accept".to_owned(), accept.to_owned())];
            let answer = request(self.daemon.admin, "GET", path, &headers, b"").await;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!body.is_empty());
            self.heard.add(&format!("{path} as {accept}"), &format!("{:?} {body}", answer.headers));
        }
    }

    /// Every file of the spool, as text.
    fn spool_files(&self) -> String {
        let files = std::fs::read_dir(self.spool.path()).unwrap();
        let read =
            |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).ok();
        files.filter_map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    async fn stream(&self, name: &str) -> Stream {
        let client = async_nats::connect(&self.nats.url).await.unwrap();
        async_nats::jetstream::new(client).get_stream(name).await.unwrap()
    }
}

/// Every sample of every kind, in every way that it can be carried.
async fn good_deliveries(stage: &mut Stage) {
    for sender in Sender::ALL {
        let kind = sender.kind;
        for sample in sender.samples {
            let body = serde_json::to_vec(&payload(sender, sample.name)).unwrap();
            let event = (sample.event, sample.event_type);
            let hook =
                stage.hook(kind, event, &format!("good-{}", sample.name), &secret(kind), &body);
            stage.stored(&format!("/hooks/{kind}?planted-query"), &hook, "published").await;
        }
    }
    for (kind, carrier) in
        [("gitea", "form"), ("forgejo", "form"), ("gogs", "form"), ("gogs", "get")]
    {
        let hook = stage.push(kind, &format!("carried-{carrier}"));
        let answer = carried(&stage.daemon, kind, carrier, hook).await;
        assert_eq!(answer.status, 202, "{kind} {carrier}: {answer:?}");
        stage.heard(&answer);
    }
    let next = format!("{}-next", secret("gitea"));
    for (id, body) in [
        ("not-json", format!("{TEXT} {MAIL}")),
        ("mismatch", json!({ "action": TEXT }).to_string()),
    ] {
        let hook = stage.hook("gitea", ("pull_request", None), id, &next, body.as_bytes());
        stage.stored("/hooks/gitea", &hook, "published").await;
    }
}

/// One of each way to be refused.
async fn refused_deliveries(stage: &mut Stage) {
    for kind in forgewire::source::Kind::ALL {
        let kind = kind.name();
        let body = push_of(kind, TEXT, &sha('1'), &sha('2'));
        let wrong = stage.hook(kind, (push_name(kind), None), "refused", "planted-wrong", &body);
        let path = format!("/hooks/{kind}");
        stage.refused(&path, &wrong, (401, "not_authenticated")).await;
        let made_up =
            wrong.clone().unsigned().with(Hook::signature_header(kind), "planted-signature");
        stage.refused(&path, &made_up, (401, "not_authenticated")).await;
        let not_let_in = stage.push(kind, "refused").without("authorization");
        stage.refused(&path, &not_let_in, (401, "not_authenticated")).await;
        let not_let_in = not_let_in.with("Authorization", "Bearer planted-wrong");
        stage.refused(&path, &not_let_in, (401, "not_authenticated")).await;
    }
    let good = stage.push("gitea", "refused");
    let of = |body: &[u8]| Hook { body: body.to_vec(), ..good.clone() };
    let form = of(TEXT.as_bytes()).without("content-type");
    let form = form.with("content-type", "application/x-www-form-urlencoded");
    let large = of(TEXT.repeat(400_000).as_bytes());
    stage.refused("/hooks/gitea", &form, (400, "no_payload")).await;
    stage.refused("/hooks/gitea", &large, (413, "body_too_large")).await;
    stage
        .refused("/hooks/gitea", &good.clone().with("content-encoding", TEXT), (415, "compressed"))
        .await;
    stage.refused("/hooks/scoped", &good, (403, "out_of_scope")).await;
    stage.refused("/hooks/planted-source", &good, (404, "no_such_source")).await;
    stage.refused("/planted-path?planted-query", &good, (404, "not_found")).await;
    for (method, path) in
        [("PUT", "/hooks/gitea?planted-query"), ("GET", "/hooks/gitea?payload=plantedtext")]
    {
        let answer =
            request(stage.daemon.hooks, method, path, &good.headers, TEXT.as_bytes()).await;
        assert_eq!(answer.code(), "method_not_allowed");
        stage.heard(&answer);
    }
}

/// What is too large for a message: by its payload, and by its event.
async fn large_deliveries(stage: &mut Stage, status: &str) {
    let mut body = payload(Sender::ALL[0], "push");
    body["padding"] = "x".repeat(1 << 20).into();
    let padded = serde_json::to_vec(&body).unwrap();
    body["padding"] = Value::Null;
    body["commits"][0]["message"] = format!("{TEXT} ").repeat(100_000).into();
    let long = serde_json::to_vec(&body).unwrap();
    for (what, body) in [("padded", padded), ("long", long)] {
        let hook = stage.hook(
            "gitea",
            ("push", None),
            &format!("{what}-{status}"),
            &secret("gitea"),
            &body,
        );
        stage.stored("/hooks/gitea", &hook, status).await;
    }
}

/// NATS goes, comes back with another password for the daemon, and then with the right one.
async fn an_outage(stage: &mut Stage) {
    stage.nats.kill();
    for kind in forgewire::source::Kind::ALL {
        let hook = stage.push(kind.name(), "away");
        stage.stored(&format!("/hooks/{kind}"), &hook, "spooled").await;
    }
    large_deliveries(stage, "spooled").await;
    stage.ask_admin().await;
    // The spool has what the stream is to have, and no more.
    let files = stage.spool_files();
    assert!(files.contains(TEXT) && files.contains(MAIL));
    stage.heard.has_no_secret("the spool", &files);
    stage.nats.configure(&users("another"));
    stage.nats.restart();
    eventually("the password is refused", || async {
        let said = |line: &String| {
            line.contains("Cannot connect to NATS") && line.contains("nats.password is not")
        };
        stage.daemon.log().iter().any(said).then_some(())
    })
    .await;
    stage.nats.configure(&users(NATS_PASSWORD));
    stage.nats.restart();
    stage
        .daemon
        .logged("The spool is empty: everything that was in it is published or set aside.")
        .await;
}

/// A stream that takes nothing of any size any more.
async fn dead_letters(stage: &mut Stage) {
    let client = async_nats::connect(&stage.nats.url).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let config = context.get_stream("FORGE").await.unwrap().cached_info().config.clone();
    context.update_stream(Config { max_message_size: 500, ..config }).await.unwrap();
    for kind in forgewire::source::Kind::ALL {
        let hook = stage.push(kind.name(), "dead");
        stage.stored(&format!("/hooks/{kind}"), &hook, "spooled").await;
    }
    let aside =
        "JetStream will never take this message; it is set aside: see `forgewire spool dead`.";
    stage.daemon.logged_times(aside, 5).await;
}

/// A configuration that is taken, and some that are not, each in a line that has a secret.
async fn reloads(stage: &mut Stage) {
    let good = config(stage.spool.path());
    let dir = tempfile::tempdir().unwrap();
    let short = dir.path().join("secret");
    std::fs::write(&short, "planted-file").unwrap();
    let replaced = |from: &str, to: &str| {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        bad
    };
    let now = "text = \"planted-secret-of-gitea\"";
    let bad = [
        replaced(now, "text = \"planted-unclosed"),
        replaced(now, "text = planted-bare"),
        replaced(now, "text = \"planted-short\""),
        replaced(now, "text = [\"planted-list\"]"),
        replaced(now, "text = \"planted-first-secret\", nonsense = \"planted-value\""),
        replaced(now, &format!("file = \"{}\"", short.display())),
        replaced("password = \"", "password = \"\\q"),
        replaced(LET_IN, "planted\\u0001"),
    ];
    for (number, config) in bad.iter().enumerate() {
        std::fs::write(stage.daemon.config(), config).unwrap();
        stage.daemon.signal(Signal::HUP);
        let refused = "The new configuration is refused, and the old one stays in force.";
        stage.daemon.logged_times(refused, number + 1).await;
    }
    let taken = replaced("planted-secret-of-gitea-next", "planted-secret-of-gitea-last");
    std::fs::write(stage.daemon.config(), taken).unwrap();
    stage.daemon.signal(Signal::HUP);
    stage.daemon.logged_times("Configuration reloaded.", 1).await;
}

/// A collector that lets nobody in, and then does.
async fn a_refusing_collector(stage: &mut Stage) {
    stage.collector.set(Mood::Refusing(401));
    let hook = stage.push("gitea", "no-collector");
    stage.send("/hooks/gitea", &hook).await;
    stage.daemon.logged("The collector does not take spans; they are lost.").await;
    stage.collector.set(Mood::Well);
    let hook = stage.push("gitea", "collector");
    stage.send("/hooks/gitea", &hook).await;
    stage.collector.spans_of("collector", 4).await;
    for (_, headers) in stage.collector.requests() {
        assert_eq!(headers["authorization"], format!("Bearer {OTLP_TOKEN}"));
    }
}

/// What is in NATS: heard is all but bodies and objects, and these have what they should.
async fn what_is_in_nats(stage: &mut Stage) {
    let messages = stored(&stage.nats).await;
    for Stored { subject, headers, .. } in &messages {
        stage.heard.add("subjects and headers", &format!("{subject} {headers:?}"));
    }
    let mut belongs: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for message in &messages {
        let (text, kind) =
            (String::from_utf8_lossy(&message.bytes), message.subject.split('.').nth(1));
        let found = belongs.entry(kind.unwrap().to_owned()).or_default();
        found[0] += usize::from(text.contains(TEXT));
        found[1] += usize::from(text.contains(MAIL));
        stage.heard.has_no_secret(&message.subject, &text);
    }
    assert_eq!(belongs.len(), 5, "{belongs:?}");
    assert!(belongs.values().all(|[texts, mails]| *texts >= 10 && *mails >= 10), "{belongs:?}");
    let author =
        &messages.iter().find(|it| it.headers["Nats-Msg-Id"] == "gitea:good-push").unwrap().body;
    let (commit, raw) = (&author["data"]["commits"][0], &author["raw"]);
    for mail in [
        &commit["author"]["email"],
        &commit["committer"]["email"],
        &raw["pusher"]["email"],
        &raw["sender"]["email"],
    ] {
        assert_eq!(mail, MAIL, "{author:#}");
    }

    let objects = stage.stream("OBJ_FORGE_LARGE").await;
    let held = objects.get_info().await.unwrap().state;
    let (mut chunks, mut metas) = (String::new(), 0);
    for sequence in held.first_sequence.max(1)..=held.last_sequence {
        let Ok(message) = objects.get_raw_message(sequence).await else { continue };
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        stage.heard.add("objects", &format!("{} {:?}", message.subject, message.headers));
        if message.subject.contains(".M.") {
            metas += 1;
            stage.heard.add("objects", &payload);
        } else {
            chunks += &payload;
        }
    }
    assert!(metas >= 4 && chunks.contains(TEXT) && chunks.contains(MAIL), "{metas}");
    stage.heard.has_no_secret("objects", &chunks);
}

/// Ends the daemon: what it logged, and what the collector got.
async fn what_was_told(stage: &mut Stage) {
    stage.daemon.signal(Signal::TERM);
    assert_eq!(stage.daemon.exit_code().await, Some(0));
    let log = stage.daemon.log();
    for line in [
        "\"TRACE\"",
        "Delivery refused.",
        "Delivery not recognized",
        "Delivery stored.",
        "they go to the spool",
        "Configuration reloaded.",
        "The collector takes spans again.",
    ] {
        assert!(log.iter().any(|it| it.contains(line)), "no line of this kind: {line}");
    }
    for line in &log {
        stage.heard.add("log", line);
    }
    let spans = stage.collector.spans();
    for name in ["receive", "verify", "normalize", "publish", "spool"] {
        assert!(spans.iter().any(|seen| seen.span.name == name), "{name}");
    }
    for seen in &spans {
        stage.heard.add("spans", &format!("{seen:?}"));
    }
}

#[tokio::test]
async fn no_secret_signature_address_or_text_is_in_a_log_line_metric_span_header_or_answer() {
    let mut stage = Stage::set().await;
    good_deliveries(&mut stage).await;
    refused_deliveries(&mut stage).await;
    large_deliveries(&mut stage, "published").await;
    stage.ask_admin().await;
    an_outage(&mut stage).await;
    a_refusing_collector(&mut stage).await;
    dead_letters(&mut stage).await;
    stage.ask_admin().await;
    reloads(&mut stage).await;
    stage.ask_admin().await;
    what_is_in_nats(&mut stage).await;
    what_was_told(&mut stage).await;
    stage.heard.is_clean();
}
