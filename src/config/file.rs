//! The layer of the TOML file: every key is checked where it stands, so that errors have lines.
//!
//! A path comes in; values, their lines and all problems go into [`Layers`].

mod syntax;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};
use zeroize::Zeroizing;

use super::error::{Problem, nearest};
use super::form::Form;
use super::keys::{self, Key, Place, Unknown};
use super::layer::{Layers, Origin, empty_table};

/// Reads the file at `path` as the next layer.
pub(super) fn read(path: &Path, layers: &mut Layers) {
    layers.begin();
    let bytes = match contents(path) {
        Ok(bytes) => bytes,
        Err(fault) => {
            layers.problems.push(Problem::File { path: path.into(), fault: fault.into() });
            return;
        }
    };
    let lines = Lines::new(path, &bytes);
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let valid = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
        layers.problems.push(Problem::Syntax {
            origin: lines.origin(valid),
            message: "the file is not UTF-8".into(),
        });
        return;
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        Walk { lines, layers }.table(table.get_ref(), "", "");
    } else {
        layers.problems = syntax::problems(text, &lines, &errors);
    }
    // Tables come sorted by name, people read by line.
    layers.problems.sort_by_key(Problem::line);
}

fn contents(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    // Room for all of it at once: a buffer that grows would leave pieces behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(length) if length <= MAX_BYTES => Ok(bytes),
        Ok(_) => Err(format!("it is larger than {MAX_BYTES} bytes")),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound => {
                "it does not exist; correct the path, or name no file to run with defaults".into()
            }
            io::ErrorKind::IsADirectory => "it is a directory; name the file in it".into(),
            io::ErrorKind::PermissionDenied => "it may not be read; check its permissions".into(),
            kind => format!("it cannot be read: {kind}"),
        }),
    }
}

/// Where the lines of the file begin.
struct Lines {
    path: Arc<PathBuf>,
    starts: Vec<usize>,
}

impl Lines {
    fn new(path: &Path, bytes: &[u8]) -> Self {
        let starts = memchr::memchr_iter(b'\n', bytes).map(|end| end + 1).collect();
        Self { path: Arc::new(path.into()), starts }
    }

    fn origin(&self, offset: usize) -> Origin {
        self.at_line(self.starts.partition_point(|start| *start <= offset) + 1)
    }

    fn at_line(&self, line: usize) -> Origin {
        Origin::File { path: Arc::clone(&self.path), line }
    }
}

/// A walk over the tree of a file that is good TOML.
struct Walk<'a> {
    lines: Lines,
    layers: &'a mut Layers,
}

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str, pattern: &str) {
        for (key, value) in table {
            let origin = self.lines.origin(key.span().start);
            let name = key.get_ref();
            let path = keys::join(path, name);
            match (keys::child(pattern, name), value.get_ref()) {
                (Ok((inner, Place::Table)), DeValue::Table(table)) => {
                    if pattern == "sources" {
                        // So that a source without any key is a source.
                        self.layers.put(&path, empty_table());
                    }
                    self.layers.note(&path, origin);
                    self.table(table, &path, &inner);
                }
                (Ok((_, Place::Table)), _) => {
                    let fault = Err("must be a table, such as [http]".into());
                    self.layers.take(&path, &origin, fault);
                }
                (Ok((_, Place::Key(row))), value) => {
                    if let Some(value) = self.value(row, value, &path, origin) {
                        self.layers.put(&path, value);
                    }
                }
                (Err(unknown), _) => self.unknown(unknown, key, &path, pattern),
            }
        }
    }

    fn value(
        &mut self,
        row: &'static Key,
        value: &DeValue<'_>,
        path: &str,
        origin: Origin,
    ) -> Option<Value> {
        let value = match (&row.form, value) {
            (Form::Tables, DeValue::Array(items)) => {
                self.items(items, path, &format!("{}[]", row.path))
            }
            (form, value) => self.layers.take(path, &origin, form.take_toml(value))?,
        };
        self.layers.note(path, origin);
        Some(value)
    }

    fn items(&mut self, items: &DeArray<'_>, path: &str, pattern: &str) -> Value {
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{}]", index + 1);
            let origin = self.lines.origin(item.span().start);
            if let DeValue::Table(table) = item.get_ref() {
                values.push(self.item(table, &path, pattern));
                self.layers.note(&path, origin);
            } else {
                let fault = Err("must be a table".into());
                self.layers.take(&path, &origin, fault);
            }
        }
        Value::new(None, ValueKind::Array(values))
    }

    fn item(&mut self, table: &DeTable<'_>, path: &str, pattern: &str) -> Value {
        let mut fields = Map::new();
        for (key, value) in table {
            let name = key.get_ref();
            let field = keys::join(path, name);
            let origin = self.lines.origin(key.span().start);
            match keys::child(pattern, name) {
                Ok((_, Place::Key(row))) => {
                    if let Some(value) = self.value(row, value.get_ref(), &field, origin) {
                        fields.insert(name.to_string(), value);
                    }
                }
                _ => self.unknown(Unknown::Key, key, &field, pattern),
            }
        }
        Value::new(None, ValueKind::Table(fields))
    }

    fn unknown(
        &mut self,
        unknown: Unknown,
        key: &Spanned<DeString<'_>>,
        path: &str,
        pattern: &str,
    ) {
        let origin = self.lines.origin(key.span().start);
        let parent = path.strip_suffix(key.get_ref().as_ref()).unwrap_or_default();
        let known = nearest(key.get_ref(), keys::names_in(pattern));
        self.layers.problems.push(Problem::unknown(
            unknown,
            origin,
            path,
            known.map(|name| format!("{parent}{name}")),
        ));
    }
}

const MAX_BYTES: usize = 1024 * 1024;
