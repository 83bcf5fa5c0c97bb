//! Layers of configuration: sound values by key, where each came from, and their merging.
//!
//! Each reader puts what it found into [`Layers`]; the `config` crate merges them, later ones over
//! earlier ones. Secrets take no part in that: they wait in a [`Vault`], and only their numbers are
//! merged, so no copy of one can be left behind or read as something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use serde::Deserialize;

use super::error::{ConfigError, KeyName, Problem};
use super::form::{Fault, Taken};
use super::nats::RawNats;
use super::sections::{Admin, Http, Log, Publish, Reload, Spool, Stream};
use super::sources::RawSource;
use crate::secret::Secret;

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// No layer gives it.
    Default,
    /// The environment.
    Env {
        /// The variable.
        name: Box<str>,
    },
    /// The configuration file.
    File {
        /// Its path as it was given.
        path: Arc<PathBuf>,
        /// The line of the key, counted from 1.
        line: usize,
    },
    /// The command line.
    Flag {
        /// The flag, for example `--set`.
        name: Box<str>,
    },
}

impl Origin {
    /// A path in a file is relative to that file, any other to the working directory.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        match self {
            Self::File { path: file, .. } => {
                file.parent().map_or_else(|| path.into(), |dir| dir.join(path))
            }
            _ => path.into(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Env { name } => write!(f, "environment variable {}", KeyName::new(name)),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Flag { name } => write!(f, "flag {name}"),
        }
    }
}

/// Where every value above the defaults came from, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(super) fn find(&self, key: &str) -> Option<&Origin> {
        self.0.get(key)
    }

    /// The origin of the value of `key`.
    pub(super) fn of_value(&self, key: &str) -> Origin {
        self.find(key).cloned().unwrap_or(Origin::Default)
    }

    /// The origin of `key`, or of the table or item that it would stand in.
    pub(super) fn of(&self, key: &str) -> Origin {
        let mut path = key;
        loop {
            if let Some(origin) = self.find(path) {
                return origin.clone();
            }
            let Some((parent, _)) = path.rsplit_once(['.', '[']) else {
                return Origin::Default;
            };
            path = parent;
        }
    }
}

/// The secrets that layers gave as text.
#[derive(Default)]
pub(super) struct Vault(Vec<Secret>);

/// The number of a secret in the [`Vault`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Ticket(usize);

impl Vault {
    fn keep(&mut self, secret: Secret) -> Value {
        self.0.push(secret);
        let ticket = u64::try_from(self.0.len() - 1).unwrap_or(u64::MAX);
        Value::new(None, ticket)
    }

    pub(super) fn secret(&self, ticket: Ticket) -> Option<&Secret> {
        self.0.get(ticket.0)
    }
}

/// The values above the defaults, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Values {
    /// The keys whose values are others in `newer`, or are in one of the two only.
    pub(super) fn that_differ(&self, newer: &Self) -> impl Iterator<Item = String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(newer.0.keys()).collect();
        let kind = |values: &Self, key: &str| values.0.get(key).map(|value| value.kind.clone());
        let differ = keys.into_iter().filter(|key| kind(self, key) != kind(newer, key));
        differ.cloned().collect::<Vec<_>>().into_iter()
    }
}

/// The layers read so far, lowest first, and what was wrong with them.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) problems: Vec<Problem>,
    stack: Vec<Layer>,
    origins: Origins,
    vault: Vault,
    /// Keys whose values are numbers of secrets.
    secret_keys: BTreeSet<String>,
}

/// The values of one layer, by their whole paths.
#[derive(Clone, Default)]
struct Layer(Map<String, Value>);

/// What the layers say together, still with secrets unread.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Merged {
    pub(super) http: Http,
    pub(super) admin: Admin,
    pub(super) nats: RawNats,
    pub(super) publish: Publish,
    pub(super) spool: Spool,
    pub(super) stream: Stream,
    pub(super) log: Log,
    pub(super) reload: Reload,
    pub(super) sources: BTreeMap<String, RawSource>,
}

impl Layers {
    /// Begins a layer above all so far.
    pub(super) fn begin(&mut self) {
        self.stack.push(Layer::default());
    }

    /// Turns a checked value into one to be merged; notes a fault as a problem of `key`.
    pub(super) fn take(
        &mut self,
        key: &str,
        origin: &Origin,
        taken: Result<Taken, Fault>,
    ) -> Option<Value> {
        match taken {
            Ok(Taken::Plain(value)) => Some(value),
            Ok(Taken::Secret(secret)) => {
                self.secret_keys.insert(key.into());
                Some(self.vault.keep(secret))
            }
            Err(Fault { item, rule }) => {
                self.problems.push(Problem::BadValue {
                    origin: origin.clone(),
                    key: KeyName::new(key),
                    item,
                    rule,
                });
                None
            }
        }
    }

    /// Sets `key` in the layer begun last.
    pub(super) fn put(&mut self, key: &str, value: Value) {
        if let Some(layer) = self.stack.last_mut() {
            layer.0.insert(key.into(), value);
        }
    }

    /// Takes keys out of all layers so far.
    pub(super) fn forget(&mut self, keys: &[&str]) {
        for key in keys {
            for layer in &mut self.stack {
                layer.0.remove(*key);
            }
            self.origins.0.remove(*key);
        }
    }

    /// Notes where `key` comes from.
    pub(super) fn note(&mut self, key: &str, origin: Origin) {
        self.origins.0.insert(key.into(), origin);
    }

    /// Notes where a table comes from, unless a lower layer has it already.
    pub(super) fn note_if_new(&mut self, key: &str, origin: &Origin) {
        self.origins.0.entry(key.into()).or_insert_with(|| origin.clone());
    }

    /// What the layers say in the end, by whole paths, without what is secret.
    pub(super) fn values(&self) -> Values {
        let mut values = BTreeMap::new();
        for layer in &self.stack {
            values.extend(layer.0.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        values.retain(|key, _| !self.secret_keys.contains(key));
        Values(values)
    }

    /// The text that the highest layer with this key gives it.
    pub(super) fn topmost(&self, key: &str) -> Option<String> {
        let value = self.stack.iter().rev().find_map(|layer| layer.0.get(key))?;
        value.clone().into_string().ok()
    }

    /// Merges the layers, which must be sound.
    pub(super) fn merge(self) -> Result<(Merged, Origins, Vault), ConfigError> {
        let mut builder = config::Config::builder();
        for layer in self.stack {
            builder = builder.add_source(layer);
        }
        // The crate's own error could repeat a value; it names no origin anyway.
        let merged = builder.build().and_then(config::Config::try_deserialize);
        match merged {
            Ok(merged) => Ok((merged, self.origins, self.vault)),
            Err(_error) => Err(ConfigError::from(Problem::Unmergeable)),
        }
    }
}

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A table with nothing in it, which merging keeps.
pub(super) fn empty_table() -> Value {
    Value::new(None, ValueKind::Table(Map::new()))
}
