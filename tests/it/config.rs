//! Configuration from outside: what each layer gives, and what an operator reads when it is wrong.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use forgewire::config::{Config, ConfigError, Dedup, Inputs, Loaded, Origin};
use forgewire::source::SourceName;
use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

/// A directory with a configuration file.
struct Place(TempDir);

impl Place {
    fn new(toml: impl AsRef<[u8]>) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("forgewire.toml", toml);
        place
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn inputs(&self) -> Inputs {
        Inputs::new().with_file(self.0.path().join("forgewire.toml"))
    }

    /// A message without the name of this directory.
    fn plain(&self, message: &impl ToString) -> String {
        message.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }

    fn error(&self) -> String {
        self.plain(&Config::load(&self.inputs()).unwrap_err())
    }
}

fn toml_error(toml: &str) -> String {
    Place::new(toml).error()
}

fn env(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn load_env(variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    Config::load(&Inputs::new().with_env(env(variables)))
}

fn env_error(variables: &[(&str, &str)]) -> String {
    load_env(variables).unwrap_err().to_string()
}

fn set_error(argument: &str) -> String {
    Config::load(&Inputs::new().with_set(argument)).unwrap_err().to_string()
}

fn secret<'a>(loaded: &'a Loaded, source: &str) -> &'a [u8] {
    let name = SourceName::new(source).unwrap();
    loaded.config.sources[&name].secrets[0].secret.expose()
}

const GOOD: &str = "[sources.gitea]\nkind = \"gitea\"\nsecret_file = \"s\"\n";

// Layers.

#[test]
fn default_toml_is_what_the_code_defaults_to() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default.toml");
    let loaded = Config::load(&Inputs::new().with_file(path)).unwrap();
    let (given, default) = (loaded.config, Config::default());
    assert_eq!(given.http, default.http);
    assert_eq!(given.admin, default.admin);
    assert_eq!(given.nats, default.nats);
    assert_eq!(given.publish, default.publish);
    assert_eq!(given.stream, default.stream);
    assert_eq!(given.log, default.log);
    assert!(given.sources.is_empty());
    assert_eq!(loaded.warnings, []);
    for key in forgewire::config::keys() {
        let absent = ["stream.max_bytes", "stream.large_bucket", "nats.domain", "nats.api_prefix"];
        let who = forgewire::config::LOGIN_KEYS.contains(&key.path);
        let file = key.path.contains(".tls_") && key.path.ends_with("_file");
        let optional =
            key.path.starts_with("sources.") || absent.contains(&key.path) || who || file;
        assert_eq!(given.was_named(key.path), !optional, "{}", key.path);
    }
}

#[test]
fn example_toml_is_a_sound_deployment() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.toml");
    let place = Place::new(fs::read(example).unwrap());
    for name in [
        "gitea",
        "gitea-2026-11",
        "gitea-contractor",
        "gitea-research",
        "forgejo",
        "bitbucket",
        "bitbucket-dc",
    ] {
        place.write(&format!("secrets/{name}"), format!("{name}-0123456789abcdef\n"));
    }
    place.write("secrets/forgejo-authorization", "Bearer abc\n");
    place.write("secrets/nats.creds", crate::nats_auth::Operator::new().creds(None));
    let Loaded { config, warnings } = Config::load(&place.inputs()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.require_source(), Ok(()));
    assert_eq!(config.nats.servers.len(), 3);
    assert_eq!(config.nats.files().len(), 1);
    assert!(config.nats.requires_tls());
    assert_eq!(config.stream.replicas, 3);
    let gitea = &config.sources[&SourceName::new("gitea").unwrap()];
    let ids: Vec<_> = gitea.secrets.iter().map(|secret| &*secret.id).collect();
    assert_eq!(ids, ["default", "2026-11", "contractor"]);
    assert_eq!(gitea.secrets[1].secret.expose(), b"gitea-2026-11-0123456789abcdef");
    let contractor = gitea.secrets[2].repositories.as_ref().unwrap();
    assert!(contractor.allows(Some("Acme"), Some("site-2")));
    assert!(!contractor.allows(Some("acme"), Some("widgets")));
    let forgejo = &config.sources[&SourceName::new("forgejo").unwrap()];
    assert_eq!(forgejo.dedup, Dedup::Digest);
    assert_eq!(forgejo.authorization.as_ref().unwrap().expose(), b"Bearer abc");
    let kinds: std::collections::BTreeSet<_> =
        config.sources.values().map(|s| s.kind.name()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["bitbucket-cloud", "bitbucket-dc", "forgejo", "gitea"]
    );
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let place = Place::new("[stream]\nname = \"FILE\"\nreplicas = 2\nmax_age = \"7d\"\n");
    let inputs = place
        .inputs()
        .with_env(env(&[("FORGEWIRE_STREAM__NAME", "ENV"), ("FORGEWIRE_STREAM__REPLICAS", "3")]))
        .with_set("stream.name=FLAG")
        .with_flag("log.format", "human", "--log-format");
    let config = Config::load(&inputs).unwrap().config;
    assert_eq!(config.stream.name, "FLAG");
    assert_eq!(config.stream.replicas, 3);
    assert_eq!(config.stream.max_age, Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(config.stream.subject_prefix, "forge");
    assert_eq!(config.origin("stream.name").to_string(), "flag --set");
    assert_eq!(config.origin("log.format").to_string(), "flag --log-format");
    assert_eq!(
        config.origin("stream.replicas").to_string(),
        "environment variable FORGEWIRE_STREAM__REPLICAS"
    );
    assert!(matches!(config.origin("stream.max_age"), Origin::File { line: 4, .. }));
    assert_eq!(config.origin("stream.discard"), Origin::Default);
    assert!(config.was_named("stream.max_age"));
    assert!(!config.was_named("stream.discard"));
}

#[test]
fn every_type_can_be_given_as_text() {
    let config = load_env(&[
        ("FORGEWIRE_HTTP__LISTEN", "[::1]:0"),
        ("FORGEWIRE_HTTP__MAX_BODY_BYTES", "1_048_576"),
        ("FORGEWIRE_HTTP__DRAIN", "0s"),
        ("FORGEWIRE_NATS__SERVERS", "nats://a:4222, tls://b"),
        ("FORGEWIRE_STREAM__MANAGE", "false"),
        ("FORGEWIRE_STREAM__DISCARD", "new"),
        ("FORGEWIRE_STREAM__MAX_AGE", "0s"),
    ])
    .unwrap()
    .config;
    assert_eq!(config.http.listen.to_string(), "[::1]:0");
    assert_eq!(config.http.max_body_bytes, 1_048_576);
    assert_eq!(config.http.drain, Duration::ZERO);
    assert_eq!(config.nats.servers, ["nats://a:4222", "tls://b"]);
    assert!(!config.stream.manage);
    assert!(config.stream.max_age.is_zero());
}

#[test]
fn names_with_dashes_survive_the_merge() {
    let place = Place::new("[sources.my-gitea_2]\nkind = \"gogs\"\nsecret_file = \"s\"\n");
    place.write("s", "0123456789abcdef");
    let inputs = place
        .inputs()
        .with_env(env(&[("FORGEWIRE_SOURCES__MY-GITEA_2__ACCEPT_GET", "true")]))
        .with_set("sources.my-gitea_2.repositories=acme/*,x/y");
    let config = Config::load(&inputs).unwrap().config;
    let source = &config.sources[&SourceName::new("my-gitea_2").unwrap()];
    assert!(source.accept_get);
    assert!(source.repositories.as_ref().unwrap().allows(Some("x"), Some("y")));
}

#[test]
fn a_base_url_is_a_plain_url_of_a_web_server() {
    let place = |url: &str| {
        let text = format!(
            "[sources.dc]\nkind = \"bitbucket-dc\"\nsecret_file = \"s\"\nbase_url = \"{url}\"\n"
        );
        let place = Place::new(&text);
        place.write("s", "0123456789abcdef");
        Config::load(&place.inputs())
    };
    let url = "https://git.example.com/bitbucket";
    let config = place(url).unwrap().config;
    let source = &config.sources[&SourceName::new("dc").unwrap()];
    assert_eq!(source.base_url.as_deref(), Some(url));
    let error = place("https://jdoe:hunter2@git.example.com").unwrap_err().to_string();
    assert!(error.contains("`sources.dc.base_url` must not hold a user or password"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let error = place("git.example.com").unwrap_err().to_string();
    assert!(error.contains("must be a URL such as https://bitbucket.example.com"), "{error}");
}

#[test]
fn variables_of_others_are_ignored() {
    let loaded = load_env(&[
        ("FORGEWIRE_SERVICE_HOST", "10.0.0.1"),
        ("FORGEWIRE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("FORGEWIRE_LOG", "debug"),
        ("XFORGEWIRE_HTTP__LISTEN", "x"),
        ("FORGEWIRE", "x"),
    ]);
    assert!(loaded.is_ok(), "{loaded:?}");
}

#[test]
fn a_configuration_without_a_source_says_how_to_add_one() {
    let config = Config::load(&Inputs::new()).unwrap().config;
    assert_snapshot!(config.require_source().unwrap_err(), @r#"
    no source is configured: add one to the configuration file, such as
        [sources.gitea]
        kind = "gitea"
        secret_file = "secrets/gitea"
    "#);
}

// Secrets.

const EXACT: &[&str] = &[
    "0012345678901234",
    "1e500",
    "true",
    "  leading and trailing  ",
    "a,b,c",
    "\"quoted\"",
    "${HOME} %41 \\n",
    "ünïcödé",
];

#[test]
fn a_secret_is_exactly_the_text_of_the_variable() {
    for text in EXACT {
        let loaded = load_env(&[
            ("FORGEWIRE_SOURCES__GITEA__KIND", "gitea"),
            ("FORGEWIRE_SOURCES__GITEA__SECRET", text),
            ("FORGEWIRE_SOURCES__GITEA__DANGER_SHORT_SECRET", "true"),
        ])
        .unwrap();
        assert_eq!(secret(&loaded, "gitea"), text.as_bytes());
        assert_eq!(loaded.warnings, []);
    }
}

#[test]
fn a_secret_is_exactly_the_text_of_the_file() {
    for text in EXACT {
        let place = Place::new(format!(
            "[sources.gitea]\nkind = \"gitea\"\ndanger_short_secret = true\nsecret = '''{text}'''\n"
        ));
        let loaded = Config::load(&place.inputs()).unwrap();
        assert_eq!(secret(&loaded, "gitea"), text.as_bytes());
    }
}

#[test]
fn a_secret_is_exactly_the_text_of_the_flag() {
    for text in EXACT {
        let inputs = Inputs::new()
            .with_set("sources.gitea.kind=gitea")
            .with_set("sources.gitea.danger_short_secret=true")
            .with_set(&format!("sources.gitea.secret={text}"));
        assert_eq!(secret(&Config::load(&inputs).unwrap(), "gitea"), text.as_bytes());
    }
}

#[test]
fn a_secret_file_loses_one_newline_and_nothing_else() {
    for (content, expected) in [
        (&b"0123456789abcdef"[..], &b"0123456789abcdef"[..]),
        (b"0123456789abcdef\n", b"0123456789abcdef"),
        (b"0123456789abcdef\r\n", b"0123456789abcdef"),
        (b"0123456789abcdef\n\n", b"0123456789abcdef\n"),
        (b"0123456789abcdef\r", b"0123456789abcdef\r"),
        (b" 0123456789abcdef \n", b" 0123456789abcdef "),
        (b"\xff\xfe23456789abcdef\n", b"\xff\xfe23456789abcdef"),
    ] {
        let place = Place::new(GOOD);
        place.write("s", content);
        assert_eq!(secret(&Config::load(&place.inputs()).unwrap(), "gitea"), expected);
    }
}

#[test]
fn a_secret_comes_from_the_variable_that_is_named() {
    let place = Place::new("[sources.gitea]\nkind = \"gitea\"\nsecret_env = \"HOOK\"\n");
    let bytes = OsStr::from_bytes(b" \xff0123456789abcdef\n").to_owned();
    let loaded = Config::load(&place.inputs().with_env([("HOOK".into(), bytes)])).unwrap();
    assert_eq!(secret(&loaded, "gitea"), b" \xff0123456789abcdef\n");
    assert_snapshot!(place.error(), @"forgewire.toml:3: `sources.gitea.secret_env` names an environment variable that is not set");
}

#[test]
fn unwise_secrets_are_warned_about() {
    let place = Place::new(
        "[sources.a]\nkind = \"gitea\"\nsecret = \"0123456789abcdef\"\nauthorization = \"x\"\n\
         secrets = [{ id = \"2\", text = \"fedcba9876543210\" }]\n\
         [sources.b]\nkind = \"gitea\"\nsecret_file = \"s\"\n\
         [sources.c]\nkind = \"gitea\"\n",
    );
    place.write("s", "0123456789abcdef");
    fs::set_permissions(place.0.path().join("s"), fs::Permissions::from_mode(0o644)).unwrap();
    let inputs = place.inputs().with_set("sources.c.secret=0123456789abcdef");
    let warnings = Config::load(&inputs).unwrap().warnings;
    let lines: Vec<_> = warnings.iter().map(|warning| place.plain(warning)).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    forgewire.toml:3: `sources.a.secret` holds a secret in plain text; put it in a file and name that by `sources.a.secret_file`
    forgewire.toml:5: `sources.a.secrets[1].text` holds a secret in plain text; put it in a file and name that by `sources.a.secrets[1].file`
    forgewire.toml:4: `sources.a.authorization` holds a secret in plain text; put it in a file and name that by `sources.a.authorization_file`
    forgewire.toml:8: `sources.b.secret_file`: every user of this machine can read s; take that away with chmod o-r
    flag --set: `sources.c.secret` shows a secret to every user of this machine; put it in a file and name that by `sources.c.secret_file`
    "#);
}

#[test]
fn secrets_that_cannot_be_had_are_all_told() {
    let place = Place::new(
        "[sources.a]\nkind = \"gitea\"\nsecret_file = \"missing\"\n\
         [sources.b]\nkind = \"gitea\"\nsecret_file = \"dir\"\n\
         [sources.c]\nkind = \"gitea\"\nsecret_file = \"empty\"\n\
         [sources.d]\nkind = \"gitea\"\nsecret_file = \"large\"\n\
         [sources.e]\nkind = \"gitea\"\nsecret_file = \"short\"\n\
         [sources.f]\nkind = \"gitea\"\nsecret_file = \"short\"\nsecret_env = \"X\"\n\
         [sources.g]\nkind = \"gitea\"\n\
         [sources.h]\nsecret = \"0123456789abcdef\"\n\
         [sources.i]\n",
    );
    fs::create_dir(place.0.path().join("dir")).unwrap();
    place.write("empty", "\n");
    place.write("large", "x".repeat(64 * 1024 + 1));
    place.write("short", "0123456789abcde\n");
    assert_snapshot!(place.error(), @r#"
    the configuration has 10 errors
      forgewire.toml:3: `sources.a.secret_file` names no file; a relative path starts at the configuration file, or at the working directory if it does not stand in one
      forgewire.toml:6: `sources.b.secret_file` (dir) is a directory; name the file in it
      forgewire.toml:9: `sources.c.secret_file` (empty) is empty
      forgewire.toml:12: `sources.d.secret_file` (large) is larger than 65536 bytes
      forgewire.toml:15: `sources.e.secret_file` is a secret of fewer than 16 bytes: make a longer one, or set `danger_short_secret = true` in `sources.e`
      forgewire.toml:18: `sources.f.secret_file` and `sources.f.secret_env` (forgewire.toml:19) exclude each other: keep one
      forgewire.toml:20: `sources.g` needs a secret: set `secret_file`, `secret_env` or `secrets`
      forgewire.toml:22: `sources.h` needs a `kind`: gitea, forgejo, gogs, bitbucket-cloud, bitbucket-dc
      forgewire.toml:24: `sources.i` needs a `kind`: gitea, forgejo, gogs, bitbucket-cloud, bitbucket-dc
      forgewire.toml:24: `sources.i` needs a secret: set `secret_file`, `secret_env` or `secrets`
    "#);
}

#[test]
fn secrets_of_a_source_must_be_told_apart() {
    let error = toml_error(
        "[sources.a]\nkind = \"gitea\"\nsecret = \"0123456789abcdef\"\nsecrets = [\n\
         { id = \"default\", text = \"0123456789abcdeg\" },\n\
         { id = \"2\", text = \"0123456789abcdef\" },\n\
         { text = \"0123456789abcdeh\" },\n\
         { id = \"3\" },\n\
         { id = \"4\", text = \"0123456789abcdei\", file = \"x\" },\n\
         { id = \"5\", text = \"0123456789abcde\", repositories = [] },\n]\n",
    );
    assert_snapshot!(error, @r#"
    the configuration has 6 errors
      forgewire.toml:7: `sources.a.secrets[3]` needs an `id`, such as "2026-11"
      forgewire.toml:8: `sources.a.secrets[4]` needs a `file` or `env` that holds the secret
      forgewire.toml:9: `sources.a.secrets[5].text` and `sources.a.secrets[5].file` (forgewire.toml:9) exclude each other: keep one
      forgewire.toml:10: `sources.a.secrets[6].text` is a secret of fewer than 16 bytes: make a longer one, or set `danger_short_secret = true` in `sources.a`
      forgewire.toml:5: `sources.a.secrets[1]` has the id of `sources.a.secret`: ids must differ
      forgewire.toml:6: `sources.a.secrets[2]` has the same text as `sources.a.secret`: keep one
    "#);
}

#[test]
fn a_secret_given_another_way_by_a_higher_layer_is_a_conflict() {
    let place = Place::new(GOOD);
    place.write("s", "0123456789abcdef");
    let inputs =
        place.inputs().with_env(env(&[("FORGEWIRE_SOURCES__GITEA__SECRET", "0123456789abcdef")]));
    let error = Config::load(&inputs).unwrap_err();
    assert_snapshot!(place.plain(&error), @"environment variable FORGEWIRE_SOURCES__GITEA__SECRET: `sources.gitea.secret` and `sources.gitea.secret_file` (forgewire.toml:3) exclude each other: keep one");
}

#[test]
fn a_path_outside_of_the_file_starts_at_the_working_directory() {
    let place = Place::new(GOOD);
    place.write("s", "0123456789abcdef");
    let relative = place.inputs().with_set("sources.gitea.secret_file=s");
    assert!(Config::load(&relative).is_err());
    let whole = format!("sources.gitea.secret_file={}/s", place.0.path().display());
    assert!(Config::load(&place.inputs().with_set(&whole)).is_ok());
}

#[test]
fn an_authorization_that_no_header_can_be_is_refused() {
    let place = Place::new(GOOD.to_owned() + "authorization_file = \"auth\"\n");
    place.write("s", "0123456789abcdef");
    for bad in [" Bearer x", "Bearer x ", "Bearer\0x", "a\nb"] {
        place.write("auth", bad);
        insta::allow_duplicates! {
            assert_snapshot!(place.error(), @"forgewire.toml:4: `sources.gitea.authorization_file` is no value that a header can have: it begins or ends with a space, or has control characters");
        }
    }
}

#[test]
fn a_source_that_may_be_unsigned_needs_no_secret() {
    let place = Place::new("[sources.a]\nkind = \"gitea\"\ndanger_accept_unsigned = true\n");
    let config = Config::load(&place.inputs()).unwrap().config;
    let source = &config.sources[&SourceName::new("a").unwrap()];
    assert!(source.danger_accept_unsigned && source.secrets.is_empty());
}

// What is wrong, in the file.

#[test]
fn every_error_of_a_file_is_told_with_its_line() {
    let error = toml_error(
        r#"
lisen = 1
[http]
lisen = "0.0.0.0:8080"
listen = "here"
max_body_bytes = "5"
max_header_bytes = 5
drain = 5
[nats]
servers = ["nats://a", "nats://user:hunter2@b"]
[stream]
name = "a.b"
subject_prefix = "$JS"
manage = "yes"
max_age = "50ms"
discard = "oldest"
replicas = 6
[log]
filter = "a=b=c"
[sources.Gitea]
[sources.gitea]
kind = "github"
secret = 1234567890123456
secret_fil = "x"
secrets = [{ id = "a b", fil = "x" }, { id = 1 }]
repositories = ["acme/*", "acme"]
[streams]
"#,
    );
    assert_snapshot!(error, @r#"
    the configuration has 23 errors
      forgewire.toml:2: unknown key `lisen`
      forgewire.toml:4: unknown key `http.lisen`; did you mean `http.listen`?
      forgewire.toml:5: `http.listen` must be an IP address and port, such as "127.0.0.1:8080"
      forgewire.toml:6: `http.max_body_bytes` must be a whole number from 1024 to 1073741824
      forgewire.toml:7: `http.max_header_bytes` must be a whole number from 8192 to 1048576
      forgewire.toml:8: `http.drain` must be a duration from "0s" to "1h", such as "1h 30m"
      forgewire.toml:10: `nats.servers` item 2 must not hold a user, password or token: set nats.user with nats.password_file, nats.token_file, nats.nkey_file or nats.creds_file
      forgewire.toml:12: `stream.name` must have 1 to 255 bytes without spaces, control characters and . * > / \
      forgewire.toml:13: `stream.subject_prefix` must be 1 to 5 tokens of A-Z a-z 0-9 _ - with dots between them, at most 200 bytes
      forgewire.toml:14: `stream.manage` must be true or false
      forgewire.toml:15: `stream.max_age` must be a duration from "100ms" to "100years", or "0s", such as "1h 30m"
      forgewire.toml:16: `stream.discard` must be one of old, new
      forgewire.toml:17: `stream.replicas` must be a whole number from 1 to 5
      forgewire.toml:19: `log.filter` must be filter directives such as info,forgewire=debug
      forgewire.toml:20: `sources.Gitea` has a name that no source can have: a source name is a lower-case letter, then at most 31 of a-z 0-9 _ - and no "__"
      forgewire.toml:22: `sources.gitea.kind` must be one of gitea, forgejo, gogs, bitbucket-cloud, bitbucket-dc
      forgewire.toml:23: `sources.gitea.secret` must be text: put it in quotes
      forgewire.toml:24: unknown key `sources.gitea.secret_fil`; did you mean `sources.gitea.secret_file`?
      forgewire.toml:25: unknown key `sources.gitea.secrets[1].fil`; did you mean `sources.gitea.secrets[1].file`?
      forgewire.toml:25: `sources.gitea.secrets[1].id` must have 1 to 64 of A-Z a-z 0-9 . _ -
      forgewire.toml:25: `sources.gitea.secrets[2].id` must be text, in quotes
      forgewire.toml:26: `sources.gitea.repositories` item 2 must be owner/name, at most 200 bytes, without spaces, where * stands for any characters
      forgewire.toml:27: unknown key `streams`; did you mean `stream`?
    "#);
}

#[test]
fn tables_and_values_are_not_mixed_up() {
    assert_snapshot!(toml_error("http = 5"), @"forgewire.toml:1: `http` must be a table, such as [http]");
    assert_snapshot!(toml_error("[http.listen]"), @r#"forgewire.toml:1: `http.listen` must be an IP address and port, such as "127.0.0.1:8080""#);
    assert_snapshot!(toml_error("[sources]\ngitea = \"x\""), @"forgewire.toml:2: `sources.gitea` must be a table, such as [http]");
    assert_snapshot!(toml_error("[sources.gitea]\nsecrets = \"x\""), @r#"forgewire.toml:2: `sources.gitea.secrets` must be an array of tables, such as [{ id = "2026-11", file = ".." }]"#);
    assert_snapshot!(toml_error("[sources.gitea]\nsecrets = [\"x\"]"), @"forgewire.toml:2: `sources.gitea.secrets[1]` must be a table");
    assert_snapshot!(toml_error("[nats]\nservers = []"), @"forgewire.toml:2: `nats.servers` must name at least one");
    assert_snapshot!(toml_error("\"http.listen\" = \"0.0.0.0:1\""), @"forgewire.toml:1: unknown key `http.listen`");
}

#[test]
fn two_sources_of_one_name_are_told_with_both_lines() {
    let twice = format!("{GOOD}\n[sources.forgejo]\nkind = \"forgejo\"\n\n[ sources.\"gitea\" ]\n");
    assert_snapshot!(toml_error(&twice), @"forgewire.toml:8: `sources.gitea` is given twice, first at forgewire.toml:1: keep one");
    assert_snapshot!(toml_error("[http]\ndrain = \"1s\"\n[admin]\n[http]\n"), @"forgewire.toml:4: `http` is given twice, first at forgewire.toml:1: keep one");
    assert_snapshot!(toml_error("[admin]\n[http]\ndrain = \"1s\"\ndrain = \"2s\"\n"), @"forgewire.toml:4: `http.drain` is given twice, first at forgewire.toml:3: keep one");
}

#[test]
fn a_file_that_is_no_toml_is_told_by_line_alone() {
    assert_snapshot!(toml_error("[http]\nlisten = hunter2\n"), @"forgewire.toml:2: not valid TOML: string values must be quoted, expected literal string");
    assert_snapshot!(toml_error("[sources.a]\nsecret = \"hunter2\n"), @r#"forgewire.toml:2: not valid TOML: invalid basic string, expected `"`"#);
    assert_snapshot!(toml_error("[sources.a\n"), @"forgewire.toml:1: not valid TOML: unclosed table, expected `]`");
    assert_snapshot!(Place::new(b"[http]\n# \xff\n").error(), @"forgewire.toml:2: not valid TOML: the file is not UTF-8");
    assert_snapshot!(Place::new(" ".repeat(1024 * 1024 + 1)).error(), @"configuration file forgewire.toml: it is larger than 1048576 bytes");
}

#[test]
fn a_named_file_must_be_there() {
    let place = Place::new("");
    let missing = Inputs::new().with_file(place.0.path().join("missing.toml"));
    assert_snapshot!(place.plain(&Config::load(&missing).unwrap_err()), @"configuration file missing.toml: it does not exist; correct the path, or name no file to run with defaults");
    let directory = Inputs::new().with_file(place.0.path().join("."));
    assert_snapshot!(place.plain(&Config::load(&directory).unwrap_err()), @"configuration file .: it is a directory; name the file in it");
}

#[test]
fn settings_that_do_not_fit_are_told_with_both_places() {
    let place = Place::new(
        "[http]\nmax_buffered_bytes = 1_000\ndrain = \"30s\"\n[stream]\nmax_age = \"1m\"\n",
    );
    assert_snapshot!(place.error(), @r#"
    the configuration has 3 errors
      `http.max_buffered_bytes` (forgewire.toml:2) must be at least `http.max_header_bytes` plus `http.max_body_bytes` (default)
      `http.stop_timeout` (default) must be at least `http.drain` (forgewire.toml:3)
      `stream.duplicate_window` (default) must be at most `stream.max_age` (forgewire.toml:5)
    "#);
}

// What is wrong, in the environment and in flags.

#[test]
fn the_environment_is_as_strict_as_the_file() {
    let error = env_error(&[
        ("FORGEWIRE_HTTP__LISEN", "0.0.0.0:1"),
        ("FORGEWIRE_HTTP__LISTEN__", "0.0.0.0:1"),
        ("FORGEWIRE_HTTP__LISTEN", "hunter2"),
        ("FORGEWIRE_HTTP__DRAIN", ""),
        ("FORGEWIRE_HTTP__MAX_CONNECTIONS", "1e3"),
        ("FORGEWIRE_HTPT__LISTEN", "0.0.0.0:1"),
        ("FORGEWIRE_NATS__SERVERS", "nats://a,,nats://b"),
        ("FORGEWIRE_SOURCES__GITEA", "x"),
        ("FORGEWIRE_SOURCES__GITEA__SECRETS", "x"),
        ("FORGEWIRE_SOURCES__1__SECRET", "x"),
        ("FORGEWIRE_SOURCES__GITEA__REPOSITORIES", "acme"),
        ("FORGEWIRE_STREAM__MANAGE", "TRUE"),
        ("FORGEWIRE_STREAM__NAME", "A"),
        ("FORGEWIRE_stream__name", "B"),
        ("FORGEWIRE_____", "x"),
    ]);
    assert_snapshot!(error, @r#"
    the configuration has 14 errors
      environment variable FORGEWIRE_HTPT__LISTEN: unknown key `htpt.listen`; did you mean `http.listen`?
      environment variable FORGEWIRE_HTTP__DRAIN: `http.drain` must be a duration from "0s" to "1h", such as "1h 30m"
      environment variable FORGEWIRE_HTTP__LISEN: unknown key `http.lisen`; did you mean `http.listen`?
      environment variable FORGEWIRE_HTTP__LISTEN: `http.listen` must be an IP address and port, such as "127.0.0.1:8080"
      environment variable FORGEWIRE_HTTP__LISTEN__: unknown key `http.listen.`
      environment variable FORGEWIRE_HTTP__MAX_CONNECTIONS: `http.max_connections` must be a whole number from 1 to 1000000
      environment variable FORGEWIRE_NATS__SERVERS: `nats.servers` item 2 must be a URL such as nats://host:4222 or tls://host:4222
      environment variable FORGEWIRE_SOURCES__1__SECRET: `sources.1.secret` has a name that no source can have: a source name is a lower-case letter, then at most 31 of a-z 0-9 _ - and no "__"
      environment variable FORGEWIRE_SOURCES__GITEA: unknown key `sources.gitea`
      environment variable FORGEWIRE_SOURCES__GITEA__REPOSITORIES: `sources.gitea.repositories` item 1 must be owner/name, at most 200 bytes, without spaces, where * stands for any characters
      environment variable FORGEWIRE_SOURCES__GITEA__SECRETS: `sources.gitea.secrets` can stand only in a file; set `secret_file` or `secret` instead
      environment variable FORGEWIRE_STREAM__MANAGE: `stream.manage` must be true or false
      environment variable FORGEWIRE_____: unknown key `..`
      environment variable FORGEWIRE_stream__name: `stream.name` is given twice, first at environment variable FORGEWIRE_STREAM__NAME: keep one
    "#);
}

#[test]
fn a_variable_that_is_not_utf_8_is_named() {
    let value = OsStr::from_bytes(b"hunter2\xff").to_owned();
    let inputs = Inputs::new().with_env([("FORGEWIRE_STREAM__NAME".into(), value)]);
    assert_snapshot!(Config::load(&inputs).unwrap_err(), @"environment variable FORGEWIRE_STREAM__NAME: `stream.name` must be valid UTF-8");
}

#[test]
fn a_source_from_the_environment_alone_is_checked_too() {
    assert_snapshot!(env_error(&[("FORGEWIRE_SOURCES__GITEA__SECRET", "hunter2")]), @r#"
    the configuration has 2 errors
      environment variable FORGEWIRE_SOURCES__GITEA__SECRET: `sources.gitea` needs a `kind`: gitea, forgejo, gogs, bitbucket-cloud, bitbucket-dc
      environment variable FORGEWIRE_SOURCES__GITEA__SECRET: `sources.gitea.secret` is a secret of fewer than 16 bytes: make a longer one, or set `danger_short_secret = true` in `sources.gitea`
    "#);
}

#[test]
fn flags_are_as_strict_as_the_file() {
    assert_snapshot!(set_error("hunter2"), @"flag --set: it takes key=value, such as stream.replicas=3");
    assert_snapshot!(set_error("=hunter2"), @"flag --set: unknown key ``");
    assert_snapshot!(set_error("stream.replica=3"), @"flag --set: unknown key `stream.replica`; did you mean `stream.replicas`?");
    assert_snapshot!(set_error("stream.replicas=hunter2"), @"flag --set: `stream.replicas` must be a whole number from 1 to 5");
    assert_snapshot!(set_error("sources.gitea.secrets=hunter2"), @"flag --set: `sources.gitea.secrets` can stand only in a file; set `secret_file` or `secret` instead");
    let named = Inputs::new().with_flag("log.format", "hunter2", "--log-format");
    assert_snapshot!(Config::load(&named).unwrap_err(), @"flag --log-format: `log.format` must be one of auto, human, json");
}

// Nothing tells a secret.

// A colon, because keys are shown, and without quotes this can be no key.
const MARKER: &str = "hunter2:5b2f9c";

/// Whether neither message nor debug form of the error shows the marker.
fn keeps_quiet(result: &Result<Loaded, ConfigError>) -> bool {
    let shown = match result {
        Ok(loaded) => format!("{:?}{:?}", loaded.config.sources, loaded.warnings),
        Err(error) => format!("{error} {error:?} {error:#?}"),
    };
    !shown.contains(MARKER)
}

#[test]
fn a_secret_under_any_key_is_in_no_error() {
    let keys: Vec<_> = forgewire::config::keys()
        .map(|key| key.path)
        .filter(|path| !path.contains("[]"))
        .chain(["http.lisen", "sources.<name>.secert", "password"])
        .collect();
    let long = MARKER.repeat(10_000);
    for key in keys {
        let key = key.replace("<name>", "gitea");
        for value in [
            format!("\"{MARKER}\""),
            format!("[\"{MARKER}\"]"),
            format!("{{ a = \"{MARKER}\" }}"),
            MARKER.into(),
            format!("\"{MARKER}"),
            format!("\"{long}\""),
        ] {
            let place = Place::new(format!("{key} = {value}\n"));
            let result = Config::load(&place.inputs());
            assert!(keeps_quiet(&result), "file: {key}: {result:?}");
        }
        let variable = format!("FORGEWIRE_{}", key.replace('.', "__").to_uppercase());
        let result = load_env(&[(&variable, MARKER)]);
        assert!(keeps_quiet(&result), "environment: {key}: {result:?}");
        let inputs = Inputs::new().with_set(&format!("{key}={MARKER}"));
        let result = Config::load(&inputs);
        assert!(keeps_quiet(&result), "flag: {key}: {result:?}");
        assert!(!format!("{inputs:?}").contains(MARKER));
    }
}

#[test]
fn a_secret_in_an_item_is_in_no_error() {
    for item in ["id", "file", "env", "text", "repositories", "fil"] {
        for value in [format!("\"{MARKER}\""), format!("[\"{MARKER}\"]"), MARKER.into()] {
            let toml =
                format!("[sources.a]\nkind = \"gitea\"\nsecrets = [{{ {item} = {value} }}]\n");
            let place = Place::new(toml);
            let result = Config::load(&place.inputs());
            assert!(result.is_err() && keeps_quiet(&result), "{item}: {result:?}");
        }
    }
}

#[test]
fn debug_of_a_configuration_shows_no_secret() {
    let place = Place::new(format!(
        "[nats]\ntoken = \"{MARKER}\"\n[sources.a]\nkind = \"gitea\"\nsecret = \"{MARKER}-x\"\nauthorization = \"{MARKER}\"\n\
         danger_short_secret = true\n"
    ));
    let loaded = Config::load(&place.inputs());
    assert!(loaded.is_ok());
    assert!(!format!("{loaded:?}").contains(MARKER));
}

/// Pieces of configuration files, good and bad.
fn any_toml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[sources.gitea]\n".to_owned()),
        Just("[http]\n".to_owned()),
        Just("listen".to_owned()),
        Just("secret".to_owned()),
        Just("secrets".to_owned()),
        Just(" = ".to_owned()),
        Just("\n".to_owned()),
        Just("\"".to_owned()),
        Just("'''".to_owned()),
        Just(format!("= \"{MARKER}\"\n")),
        Just(format!("= {MARKER}\n")),
        Just(format!("= [{{ text = \"{MARKER}\" }}]\n")),
        Just(format!("= 1979-05-27T07:32:{MARKER}\n")),
        Just(format!("= \"\\u{MARKER}\"\n")),
        "[a-z.]{1,8}",
        "[\\[\\]{}=\",'\\\\0-9]{1,4}",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_file_is_taken_or_refused_without_a_value(toml in any_toml()) {
        let place = Place::new(&toml);
        let result = Config::load(&place.inputs());
        prop_assert!(keeps_quiet(&result), "{:?}", result);
    }

    #[test]
    fn any_variable_is_taken_or_refused_without_its_value(
        name in "(HTTP|NATS|STREAM|SOURCES__G)__[A-Z_]{1,12}|HTTP__LISTEN|NATS__SERVERS|STREAM__MAX_AGE|LOG__FILTER",
        head in any::<Vec<u8>>(),
        tail in any::<Vec<u8>>(),
    ) {
        let value = [&head, MARKER.as_bytes(), &tail].concat();
        let name = OsString::from(format!("FORGEWIRE_{name}"));
        let inputs = Inputs::new().with_env([(name, OsStr::from_bytes(&value).to_owned())]);
        prop_assert!(keeps_quiet(&Config::load(&inputs)));
    }
}

#[test]
fn networks_that_are_none_are_told_by_key_and_item() {
    assert_snapshot!(toml_error("[http]\ntrusted_proxies = [\"10.0.0.1\", \"proxy.example.com\"]"), @"forgewire.toml:2: `http.trusted_proxies` item 2 must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8");
    assert_snapshot!(toml_error("[http]\nforwarded_header = \"X-Real-IP\""), @"forgewire.toml:2: `http.forwarded_header` must be one of x-forwarded-for, forwarded");
    assert_snapshot!(toml_error("[sources.gitea]\nkind = \"gitea\"\nsecret = \"0123456789abcdef\"\nclients = [\"10.0.0.7/8\"]"), @"forgewire.toml:4: `sources.gitea.clients` item 1 must be an address or a network, such as 192.0.2.7 or 10.0.0.0/8");
}
