//! `[nats]` as the layers say it, and how a [`Nats`] is made of it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Faulty, Held, Login, Nats, Place, Tls};
use crate::config::error::{Findings, KeyName, Problem, Warning};
use crate::config::layer::Ticket;
use crate::config::secrets::{self, Given};
use crate::config::sources::World;
use crate::credentials::{Credentials, Seed};
use crate::event::Time;

/// The settings, as far as they are given.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RawNats {
    servers: Option<Vec<String>>,
    name: Option<String>,
    creds_file: Option<PathBuf>,
    nkey_file: Option<PathBuf>,
    nkey_env: Option<String>,
    nkey: Option<Ticket>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    password: Option<Ticket>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    token: Option<Ticket>,
    tls_ca_file: Option<PathBuf>,
    tls_cert_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    tls_first: bool,
    inbox_prefix: Option<String>,
    domain: Option<String>,
    api_prefix: Option<String>,
}

/// The keys of a secret: its text, a file, a variable.
type Keys = [&'static str; 3];

const CREDS: Keys = ["", "nats.creds_file", ""];
const NKEY: Keys = ["nats.nkey", "nats.nkey_file", "nats.nkey_env"];
const PASSWORD: Keys = ["nats.password", "nats.password_file", "nats.password_env"];
const TOKEN: Keys = ["nats.token", "nats.token_file", "nats.token_env"];

/// Every key that says who we are.
pub const LOGIN_KEYS: &[&str] = &[
    "nats.creds_file",
    "nats.nkey",
    "nats.nkey_file",
    "nats.nkey_env",
    "nats.user",
    "nats.password",
    "nats.password_file",
    "nats.password_env",
    "nats.token",
    "nats.token_file",
    "nats.token_env",
];

/// What a secret is for.
type Use = fn(&RawNats, Held) -> Login;

/// Makes the settings, and notes what is wrong with them.
pub(in crate::config) fn build(raw: RawNats, world: World<'_>, found: &mut Findings) -> Nats {
    let mut builder = Builder { world, found };
    let login = builder.login(&raw);
    let tls = builder.tls(&raw);
    let servers = raw.servers.clone();
    let name = raw.name.clone();
    let (inbox_prefix, api_prefix, _user) = builder.names(raw);
    let default = Nats::default();
    Nats {
        servers: servers.unwrap_or(default.servers),
        name: name.unwrap_or(default.name),
        login: login.unwrap_or_default(),
        tls,
        inbox_prefix,
        api_prefix,
    }
}

/// The first tokens of replies and of requests to JetStream, and the name of our user; no file is read.
pub(in crate::config) fn names(
    raw: RawNats,
    world: World<'_>,
    found: &mut Findings,
) -> (String, String, Option<String>) {
    Builder { world, found }.names(raw)
}

struct Builder<'a> {
    world: World<'a>,
    found: &'a mut Findings,
}

impl Builder<'_> {
    fn names(&mut self, raw: RawNats) -> (String, String, Option<String>) {
        if raw.domain.is_some() && raw.api_prefix.is_some() {
            self.conflict("nats.domain", "nats.api_prefix");
        }
        let default = Nats::default();
        let domain = raw.domain.map(|domain| format!("$JS.{domain}.API"));
        (
            raw.inbox_prefix.unwrap_or(default.inbox_prefix),
            raw.api_prefix.or(domain).unwrap_or(default.api_prefix),
            raw.user,
        )
    }

    /// Who we are: of the ways to say it at most one may be used.
    fn login(&mut self, raw: &RawNats) -> Option<Login> {
        let ways: [(Given<'_>, Keys, Use); 4] = [
            (given(CREDS, None, raw.creds_file.as_deref(), None), CREDS, |_, held| {
                Login::Creds(held)
            }),
            (
                given(NKEY, raw.nkey, raw.nkey_file.as_deref(), raw.nkey_env.as_deref()),
                NKEY,
                |_, held| Login::Nkey(held),
            ),
            (
                given(
                    PASSWORD,
                    raw.password,
                    raw.password_file.as_deref(),
                    raw.password_env.as_deref(),
                ),
                PASSWORD,
                |raw, held| Login::User(raw.user.clone().unwrap_or_default(), held),
            ),
            (
                given(TOKEN, raw.token, raw.token_file.as_deref(), raw.token_env.as_deref()),
                TOKEN,
                |_, held| Login::Token(held),
            ),
        ];
        let of_user = |keys: Keys| (keys == PASSWORD && raw.user.is_some()).then_some("nats.user");
        let key = |(given, keys, _): &(Given<'_>, Keys, Use)| {
            let first = given.keys().first().copied();
            first.and_then(|first| keys.iter().find(|key| **key == first)).copied()
        };
        let mut used = ways.iter().filter_map(|way| Some((way, of_user(way.1).or(key(way))?)));
        let Some((way, one)) = used.next() else { return Some(Login::Nobody) };
        if let Some((_, other)) = used.next() {
            self.conflict(one, other);
            return None;
        }
        let (given, keys, login) = way;
        if one == "nats.user" && given.is_empty() {
            self.unsound(one, "needs a password: set `nats.password_file`");
            return None;
        }
        if *keys == PASSWORD && raw.user.is_none() {
            self.unsound(one, "needs the name of the user: set `nats.user`");
            return None;
        }
        let (secret, _) = secrets::read(given, self.world, self.found)?;
        let key = key(way)?;
        let place = match given.file.0 {
            Some(path) => Place::File(self.world.origins.of(key).resolve(path)),
            None => Place::Here(secret),
        };
        self.sound(login(raw, Held { key, place }))
    }

    /// Checks that the secret is of the kind that it must be.
    fn sound(&mut self, login: Login) -> Option<Login> {
        let held = login.held()?;
        let secret = held.read().ok()?;
        let text = secret.expose();
        let fault = match &login {
            Login::Creds(_) => match Credentials::parse(text) {
                Ok(credentials) => {
                    self.expired(held.file(), credentials.expires);
                    return Some(login);
                }
                Err(fault) => fault,
            },
            Login::Nkey(_) => match Seed::parse(text) {
                Ok(_seed) => return Some(login),
                Err(fault) => fault,
            },
            _ if std::str::from_utf8(text).is_ok() => return Some(login),
            _ => "is no text: NATS takes UTF-8",
        };
        let path = held.file().map(|(_, path)| path.to_owned());
        self.fault(held.key, path, fault.into());
        None
    }

    fn tls(&mut self, raw: &RawNats) -> Tls {
        let resolve = |key: &str, path: &Path| self.world.origins.of(key).resolve(path);
        let ca_file = raw.tls_ca_file.as_deref().map(|path| resolve("nats.tls_ca_file", path));
        let client = match (raw.tls_cert_file.as_deref(), raw.tls_key_file.as_deref()) {
            (Some(certificate), Some(key)) => Some((
                resolve("nats.tls_cert_file", certificate),
                resolve("nats.tls_key_file", key),
            )),
            (None, None) => None,
            (Some(_), None) => {
                self.unsound("nats.tls_cert_file", "needs its key: set `nats.tls_key_file`");
                None
            }
            (None, Some(_)) => {
                self.unsound("nats.tls_key_file", "needs a certificate: set `nats.tls_cert_file`");
                None
            }
        };
        let tls = Tls { ca_file, client, first: raw.tls_first };
        match tls.look() {
            Ok(expires) => {
                let certificate = tls.files().find(|(key, _)| *key == "nats.tls_cert_file");
                self.expired(certificate, expires);
                self.exposed_key(&tls);
            }
            Err(Faulty { key, path, there, text }) => {
                self.fault(key, there.then_some(path), text);
            }
        }
        tls
    }

    fn exposed_key(&mut self, tls: &Tls) {
        let key = tls.client.as_ref().and_then(|(_, key)| secrets::in_file(key).ok());
        if let Some((_, Some(path))) = key {
            let key = "nats.tls_key_file";
            let origin = self.world.origins.of(key);
            let key = KeyName::new(key);
            self.found.warnings.push(Warning::WorldReadable { origin, key, path });
        }
    }

    fn expired(&mut self, file: Option<(&'static str, &Path)>, expires: Option<Time>) {
        if let (Some((key, path)), Some(at)) = (file, expires)
            && at < Time::now()
        {
            let (origin, path) = (self.world.origins.of(key), path.to_owned());
            self.found.warnings.push(Warning::Expired { origin, key: KeyName::new(key), path, at });
        }
    }

    fn conflict(&mut self, key: &str, other: &str) {
        let origins = self.world.origins;
        self.found.problems.push(Problem::Conflict {
            origin: origins.of(key),
            key: KeyName::new(key),
            other: KeyName::new(other),
            other_origin: origins.of(other),
        });
    }

    fn unsound(&mut self, key: &str, rule: &'static str) {
        self.found.problems.push(Problem::Unsound {
            origin: self.world.origins.of(key),
            key: KeyName::new(key),
            rule: rule.into(),
        });
    }

    fn fault(&mut self, key: &str, path: Option<PathBuf>, fault: Cow<'static, str>) {
        let origin = self.world.origins.of(key);
        self.found.problems.push(Problem::Secret { origin, key: KeyName::new(key), path, fault });
    }
}

/// The ways to give a secret that is known by these keys.
fn given<'a>(
    [inline, file, env]: Keys,
    text: Option<Ticket>,
    path: Option<&'a Path>,
    variable: Option<&'a str>,
) -> Given<'a> {
    Given { inline: (text, inline.into()), file: (path, file.into()), env: (variable, env.into()) }
}
