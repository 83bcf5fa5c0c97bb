//! What a configuration is made from: a file, the environment, flags; and the latter two as layers.
//!
//! The environment is an argument, so tests need not touch the process's own. Of its variables
//! only those with two underscores between levels (`FORGEWIRE_HTTP__LISTEN`) are configuration, and
//! those are checked as strictly as the file. A container platform's `FORGEWIRE_SERVICE_HOST` is
//! none of ours.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{KeyName, Problem, nearest};
use super::form::Form;
use super::keys::{self, Key, Place, Unknown};
use super::layer::{Layers, Origin};

/// What [`Config::load`](super::Config::load) reads, lowest layer first.
#[derive(Clone, Default)]
pub struct Inputs {
    file: Option<PathBuf>,
    environment: BTreeMap<OsString, Zeroizing<Vec<u8>>>,
    flags: Vec<Flag>,
    instead: Vec<&'static str>,
}

#[derive(Clone)]
struct Flag {
    origin: Origin,
    /// Key and value; none where the text had no `=`.
    setting: Option<(Box<str>, Zeroizing<String>)>,
}

impl Inputs {
    /// Nothing but the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the TOML file at `path`, which must exist.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Adds environment variables; usually [`std::env::vars_os`].
    #[must_use]
    pub fn with_env(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        for (name, value) in variables {
            self.environment.insert(name, Zeroizing::new(value.into_encoded_bytes()));
        }
        self
    }

    /// Adds the setting of a flag that stands for one key; `flag` is its name, such as
    /// `--log-format`.
    #[must_use]
    pub fn with_flag(mut self, key: &str, value: impl Into<String>, flag: &str) -> Self {
        self.flags.push(Flag {
            origin: Origin::Flag { name: flag.into() },
            setting: Some((key.into(), Zeroizing::new(value.into()))),
        });
        self
    }

    /// Adds the argument of `--set`: `key=value`.
    #[must_use]
    pub fn with_set(mut self, argument: &str) -> Self {
        let setting = argument
            .split_once('=')
            .map(|(key, value)| (key.trim().into(), Zeroizing::new(value.to_owned())));
        self.flags.push(Flag { origin: Origin::Flag { name: "--set".into() }, setting });
        self
    }

    /// Like [`Inputs::with_flag`], of a variable that is not one of ours, such as `NATS_URL`.
    #[must_use]
    pub fn with_variable(mut self, key: &str, value: impl Into<String>, name: &str) -> Self {
        self.flags.push(Flag {
            origin: Origin::Env { name: name.into() },
            setting: Some((key.into(), Zeroizing::new(value.into()))),
        });
        self
    }

    /// Leaves out what file and environment say of these keys.
    #[must_use]
    pub fn without(mut self, keys: &[&'static str]) -> Self {
        self.instead.extend(keys);
        self
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The exact bytes of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<&[u8]> {
        self.environment.get(OsStr::new(name)).map(|value| value.as_slice())
    }

    pub(super) fn read_environment(&self, layers: &mut Layers) {
        layers.begin();
        let mut seen: BTreeMap<String, Origin> = BTreeMap::new();
        for (variable, value) in &self.environment {
            let variable = variable.to_string_lossy();
            let Some(levels) = levels(&variable) else {
                continue;
            };
            let origin = Origin::Env { name: (&*variable).into() };
            let path = levels.join(".");
            if let Some(first) = seen.insert(path.clone(), origin.clone()) {
                layers.problems.push(Problem::Duplicate {
                    origin,
                    key: KeyName::new(&path),
                    first: Some(first),
                });
                continue;
            }
            match std::str::from_utf8(value) {
                Ok(value) => set(layers, &path, value, origin),
                Err(_error) => {
                    let fault = Err("must be valid UTF-8".into());
                    layers.take(&path, &origin, fault);
                }
            }
        }
    }

    pub(super) fn read_flags(&self, layers: &mut Layers) {
        layers.forget(&self.instead);
        layers.begin();
        for Flag { origin, setting } in &self.flags {
            match (setting, origin) {
                (Some((key, value)), _) => set(layers, key, value, origin.clone()),
                (None, Origin::Flag { name }) => {
                    layers.problems.push(Problem::NoEquals { flag: name.clone() });
                }
                (None, _) => {}
            }
        }
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The levels of the key that a variable names, if it is one of ours.
fn levels(variable: &str) -> Option<Vec<String>> {
    let levels = variable.strip_prefix("FORGEWIRE_")?;
    let levels = levels.contains("__").then(|| levels.to_ascii_lowercase())?;
    Some(levels.split("__").map(str::to_owned).collect())
}

/// Sets the key at `path` to a value that is given as text.
fn set(layers: &mut Layers, path: &str, value: &str, origin: Origin) {
    let row = match find(path) {
        Ok(row) => row,
        Err((unknown, nearest)) => {
            layers.problems.push(Problem::unknown(unknown, origin, path, nearest));
            return;
        }
    };
    let taken = match row.form {
        Form::Tables => {
            Err("can stand only in a file; set `secret_file` or `secret` instead".into())
        }
        _ => row.form.take_text(value),
    };
    let Some(value) = layers.take(path, &origin, taken) else {
        return;
    };
    layers.put(path, value);
    if let Some((section, _)) = path.rsplit_once('.') {
        layers.note_if_new(section, &origin);
    }
    layers.note(path, origin);
}

/// The row of the key at `path`, or why there is none and which path was perhaps meant.
fn find(path: &str) -> Result<&'static Key, (Unknown, Option<String>)> {
    let mut pattern = String::new();
    let mut parent = String::new();
    let mut segments = path.split('.').peekable();
    while let Some(segment) = segments.next() {
        let guess = |pattern: &str, name: &str| {
            let near = nearest(name, keys::names_in(pattern));
            // A guess at a section keeps what follows it.
            let rest = path.get(parent.len() + usize::from(!parent.is_empty()) + segment.len()..);
            near.map(|near| format!("{}{}", keys::join(&parent, near), rest.unwrap_or_default()))
        };
        match keys::child(&pattern, segment) {
            Ok((_, Place::Key(row))) if segments.peek().is_none() => return Ok(row),
            Ok((inner, Place::Table)) => pattern = inner,
            Ok(_) => break,
            Err(unknown) => return Err((unknown, guess(&pattern, segment))),
        }
        parent = keys::join(&parent, segment);
    }
    Err((Unknown::Key, None))
}
