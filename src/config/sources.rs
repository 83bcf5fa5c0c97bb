//! `[sources.<name>]`: the webhook endpoints, with their secrets read and their rules checked.
//!
//! What the layers say of each source comes in; [`Source`]s go out, and what is wrong or unwise.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::error::{Findings, KeyName, Problem};
use super::inputs::Inputs;
use super::layer::{Origins, Ticket, Vault};
use super::secrets::{self, Given};
use crate::json::Redaction;
use crate::network::Networks;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::source::{Kind, SourceName};

/// A webhook endpoint: `POST /hooks/<name>`.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, in the URL and in subjects.
    pub name: SourceName,
    /// How it signs, and what its payloads mean.
    pub kind: Kind,
    /// The secrets, all valid at once. Empty only if `danger_accept_unsigned`.
    pub secrets: Vec<NamedSecret>,
    /// Repositories that it may speak for; none: all.
    pub repositories: Option<Scope>,
    /// Networks that its deliveries may come from; none: all.
    pub clients: Option<Networks>,
    /// The exact value of a required `Authorization` header; none: the header does not matter.
    pub authorization: Option<Secret>,
    /// URL of the forge, for URLs that its payloads lack; none: what payloads say must do.
    pub base_url: Option<Box<str>>,
    /// Whether deliveries by GET are taken, too. Default false.
    pub accept_get: bool,
    /// What makes two deliveries the same. Default [`Dedup::Delivery`].
    pub dedup: Dedup,
    /// Whether events have the payload. Default [`RawPolicy::Keep`].
    pub raw: RawPolicy,
    /// Values of the payload that are replaced. Default none.
    pub redact: Redaction,
    /// Values of the rest of the body that are replaced. Default none.
    pub redact_data: Redaction,
    /// Whether deliveries without a signature are published. Default false.
    pub danger_accept_unsigned: bool,
}

/// Whether events have what the forge sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum RawPolicy {
    /// They have it.
    #[default]
    Keep,
    /// It is left out.
    Omit,
}

/// A webhook secret, and what it is called in events.
#[derive(Clone, Debug)]
pub struct NamedSecret {
    /// Unique within the source; `default` for `secret`, `secret_file` and `secret_env`.
    pub id: Box<str>,
    /// The exact bytes.
    pub secret: Secret,
    /// Repositories that it may speak for; none: all of the source's.
    pub repositories: Option<Scope>,
}

/// What makes two deliveries the same, so that the second is dropped.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Dedup {
    /// The forge's delivery id.
    #[default]
    Delivery,
    /// The signed bytes: copies from overlapping hooks are dropped, and so is every redelivery.
    Digest,
}

/// A source as the layers say it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSource {
    kind: Option<String>,
    secret: Option<Ticket>,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
    secrets: Vec<RawSecret>,
    repositories: Vec<String>,
    clients: Vec<String>,
    authorization: Option<Ticket>,
    authorization_file: Option<PathBuf>,
    authorization_env: Option<String>,
    base_url: Option<Box<str>>,
    accept_get: bool,
    dedup: Dedup,
    raw: RawPolicy,
    redact: Vec<String>,
    redact_data: Vec<String>,
    danger_accept_unsigned: bool,
    danger_short_secret: bool,
}

/// An item of `secrets` as the file says it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSecret {
    id: Option<String>,
    file: Option<PathBuf>,
    env: Option<String>,
    text: Option<Ticket>,
    repositories: Vec<String>,
}

/// What sources are made from beside their own settings.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) origins: &'a Origins,
    pub(super) vault: &'a Vault,
    pub(super) environment: &'a Inputs,
}

/// Makes the sources that are sound, and notes what is wrong with the others.
pub(super) fn build(
    raw: BTreeMap<String, RawSource>,
    world: World<'_>,
    found: &mut Findings,
) -> BTreeMap<SourceName, Source> {
    let mut sources = BTreeMap::new();
    for (name, raw) in raw {
        let path = format!("sources.{name}");
        let mut builder = Builder { path, world, found };
        match SourceName::new(&name) {
            Ok(name) => sources.extend(builder.source(name, &raw).map(|it| (it.name.clone(), it))),
            Err(error) => builder.unsound("", error.to_string()),
        }
    }
    sources
}

struct Builder<'a> {
    path: String,
    world: World<'a>,
    found: &'a mut Findings,
}

impl Builder<'_> {
    fn source(&mut self, name: SourceName, raw: &RawSource) -> Option<Source> {
        let kind = raw.kind.as_deref().and_then(Kind::from_name);
        if kind.is_none() {
            let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            self.unsound("", format!("needs a `kind`: {}", kinds.join(", ")));
        }
        let secrets = self.secrets(raw);
        let authorization = self.authorization(raw);
        Some(Source {
            name,
            kind: kind?,
            secrets,
            repositories: self.scope(".repositories", &raw.repositories),
            clients: self.clients(&raw.clients),
            authorization,
            base_url: raw.base_url.clone(),
            accept_get: raw.accept_get,
            dedup: raw.dedup,
            raw: raw.raw,
            redact: self.redaction(".redact", &raw.redact),
            redact_data: self.redaction(".redact_data", &raw.redact_data),
            danger_accept_unsigned: raw.danger_accept_unsigned,
        })
    }

    fn secrets(&mut self, raw: &RawSource) -> Vec<NamedSecret> {
        let mut secrets = Vec::new();
        let first = Given {
            inline: (raw.secret, self.key(".secret")),
            file: (raw.secret_file.as_deref(), self.key(".secret_file")),
            env: (raw.secret_env.as_deref(), self.key(".secret_env")),
        };
        if first.is_empty() && raw.secrets.is_empty() && !raw.danger_accept_unsigned {
            self.unsound("", "needs a secret: set `secret_file`, `secret_env` or `secrets`");
        }
        if let Some((secret, key)) = self.secret(&first, raw.danger_short_secret) {
            let secret = NamedSecret { id: "default".into(), secret, repositories: None };
            secrets.push((secret, key.to_owned()));
        }
        for (index, item) in raw.secrets.iter().enumerate() {
            let at = format!(".secrets[{}]", index + 1);
            if let Some(secret) = self.item(item, &at, raw.danger_short_secret) {
                secrets.push((secret, self.key(&at)));
            }
        }
        self.distinct(&secrets);
        secrets.into_iter().map(|(secret, _)| secret).collect()
    }

    fn item(&mut self, raw: &RawSecret, at: &str, short: bool) -> Option<NamedSecret> {
        let given = Given {
            inline: (raw.text, self.key(&format!("{at}.text"))),
            file: (raw.file.as_deref(), self.key(&format!("{at}.file"))),
            env: (raw.env.as_deref(), self.key(&format!("{at}.env"))),
        };
        if raw.id.is_none() {
            self.unsound(at, "needs an `id`, such as \"2026-11\"");
        }
        if given.is_empty() {
            self.unsound(at, "needs a `file` or `env` that holds the secret");
        }
        Some(NamedSecret {
            secret: self.secret(&given, short)?.0,
            id: raw.id.as_deref()?.into(),
            repositories: self.scope(&format!("{at}.repositories"), &raw.repositories),
        })
    }

    fn secret<'k>(&mut self, given: &'k Given<'_>, short: bool) -> Option<(Secret, &'k str)> {
        let (secret, key) = secrets::read(given, self.world, self.found)?;
        let length = secret.expose().len();
        if length < SHORTEST_SECRET && !short {
            self.found.problems.push(Problem::Secret {
                origin: self.world.origins.of(key),
                key: KeyName::new(key),
                path: None,
                fault: format!(
                    "is a secret of fewer than {SHORTEST_SECRET} bytes: make a longer one, \
                     or set `danger_short_secret = true` in `{}`",
                    self.path
                )
                .into(),
            });
            return None;
        }
        Some((secret, key))
    }

    fn authorization(&mut self, raw: &RawSource) -> Option<Secret> {
        let given = Given {
            inline: (raw.authorization, self.key(".authorization")),
            file: (raw.authorization_file.as_deref(), self.key(".authorization_file")),
            env: (raw.authorization_env.as_deref(), self.key(".authorization_env")),
        };
        let (secret, key) = secrets::read(&given, self.world, self.found)?;
        let bytes = secret.expose();
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        let control = bytes.iter().any(|b| b.is_ascii_control() && *b != b'\t');
        if control || blank(bytes.first()) || blank(bytes.last()) {
            self.found.problems.push(Problem::Secret {
                origin: self.world.origins.of(key),
                key: KeyName::new(key),
                path: None,
                fault: "is no value that a header can have: it begins or ends with a space, \
                        or has control characters"
                    .into(),
            });
            return None;
        }
        Some(secret)
    }

    /// Notes ids and secrets that stand twice: an event could not tell which of them signed.
    fn distinct(&mut self, secrets: &[(NamedSecret, String)]) {
        for (index, (secret, key)) in secrets.iter().enumerate() {
            for (other, other_key) in secrets.iter().take(index) {
                let rule = if secret.id == other.id {
                    format!("has the id of `{other_key}`: ids must differ")
                } else if secret.secret.eq_ct(other.secret.expose()) {
                    format!("has the same text as `{other_key}`: keep one")
                } else {
                    continue;
                };
                let suffix = key.strip_prefix(&self.path).unwrap_or_default();
                self.unsound(suffix, rule);
            }
        }
    }

    fn scope(&mut self, at: &str, patterns: &[String]) -> Option<Scope> {
        if patterns.is_empty() {
            return None;
        }
        let scope = Scope::parse(patterns);
        if scope.is_err() {
            self.unsound(at, crate::scope::PATTERN_RULE);
        }
        scope.ok()
    }

    fn clients(&mut self, networks: &[String]) -> Option<Networks> {
        let networks = Networks::parse(networks);
        if let Err(rule) = networks {
            self.unsound(".clients", rule);
        }
        networks.ok().filter(|networks| !networks.is_empty())
    }

    fn redaction(&mut self, at: &str, pointers: &[String]) -> Redaction {
        Redaction::parse(pointers).unwrap_or_else(|rule| {
            self.unsound(at, rule);
            Redaction::default()
        })
    }

    fn key(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.path)
    }

    fn unsound(&mut self, suffix: &str, rule: impl Into<std::borrow::Cow<'static, str>>) {
        let key = self.key(suffix);
        self.found.problems.push(Problem::Unsound {
            origin: self.world.origins.of(&key),
            key: KeyName::new(&key),
            rule: rule.into(),
        });
    }
}

const SHORTEST_SECRET: usize = 16;
