//! Secrets as they are given: as text, in a file, or in an environment variable.
//!
//! Exactly the bytes that were given go out, less one trailing newline of a file. A path or a name
//! of a variable that leads nowhere is not repeated in an error: it may be the secret itself,
//! written under the wrong key.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{Findings, KeyName, Problem, Warning};
use super::layer::{Origin, Ticket};
use super::sources::World;
use crate::secret::Secret;

/// The three ways to give one secret, each with its key.
pub(super) struct Given<'a> {
    pub(super) inline: (Option<Ticket>, String),
    pub(super) file: (Option<&'a Path>, String),
    pub(super) env: (Option<&'a str>, String),
}

impl Given<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.keys().is_empty()
    }

    /// The keys that are set.
    pub(super) fn keys(&self) -> Vec<&str> {
        let inline = self.inline.0.is_some().then_some(&*self.inline.1);
        let file = self.file.0.is_some().then_some(&*self.file.1);
        let env = self.env.0.is_some().then_some(&*self.env.1);
        [inline, file, env].into_iter().flatten().collect()
    }
}

/// Reads the secret that is given, if it is there and the only one; its key, too.
pub(super) fn read<'a>(
    given: &'a Given<'_>,
    world: World<'_>,
    found: &mut Findings,
) -> Option<(Secret, &'a str)> {
    let keys = given.keys();
    let key = *keys.first()?;
    if let Some(other) = keys.get(1) {
        found.problems.push(Problem::Conflict {
            origin: world.origins.of(key),
            key: KeyName::new(key),
            other: KeyName::new(other),
            other_origin: world.origins.of(other),
        });
        return None;
    }
    let origin = world.origins.of(key);
    let secret = match (given.inline.0, given.file.0, given.env.0) {
        (Some(ticket), _, _) => {
            warn_inline(&origin, key, &given.file.1, found);
            world.vault.secret(ticket).cloned().ok_or_else(|| Fault::from("is lost"))
        }
        (_, Some(path), _) => {
            in_file(&found.watched(origin.resolve(path))).map(|(secret, path)| {
                found.warnings.extend(path.map(|path| Warning::WorldReadable {
                    origin: origin.clone(),
                    key: KeyName::new(key),
                    path,
                }));
                secret
            })
        }
        (_, _, name) => name
            .and_then(|name| world.environment.variable(name))
            .map(|value| Secret::new(value.to_vec()))
            .ok_or_else(|| "names an environment variable that is not set".into()),
    };
    let secret = secret.and_then(|secret| match secret.expose() {
        [] => Err("gives an empty secret".into()),
        _ => Ok(secret),
    });
    match secret {
        Ok(secret) => Some((secret, key)),
        Err(Fault { path, text }) => {
            found.problems.push(Problem::Secret {
                origin,
                key: KeyName::new(key),
                path,
                fault: text,
            });
            None
        }
    }
}

/// Why a secret, or what else stands in a file, cannot be had.
pub(super) struct Fault {
    pub(super) path: Option<PathBuf>,
    pub(super) text: Cow<'static, str>,
}

impl From<&'static str> for Fault {
    fn from(text: &'static str) -> Self {
        Self { path: None, text: text.into() }
    }
}

fn warn_inline(origin: &Origin, key: &str, instead: &str, found: &mut Findings) {
    let (key, instead) = (KeyName::new(key), KeyName::new(instead));
    let origin = origin.clone();
    match origin {
        Origin::File { .. } => found.warnings.push(Warning::InlineSecret { origin, key, instead }),
        Origin::Flag { .. } => {
            found.warnings.push(Warning::SecretOnCommandLine { origin, key, instead });
        }
        Origin::Default | Origin::Env { .. } => {}
    }
}

/// That a path leads to no file.
pub(super) fn absent() -> Fault {
    "names no file; a relative path starts at the configuration file, \
     or at the working directory if it does not stand in one"
        .into()
}

/// The secret in the file at `path`, less one newline at its end; else why it cannot be had, reading on after the path.
pub(super) fn again(path: &Path) -> Result<Secret, Cow<'static, str>> {
    in_file(path).map(|(secret, _)| secret).map_err(|Fault { path, text }| match path {
        Some(_) => text,
        // A file that was there at the start.
        None => "is gone".into(),
    })
}

/// The secret in the file at `path`, and the path if every user can read it.
pub(super) fn in_file(path: &Path) -> Result<(Secret, Option<PathBuf>), Fault> {
    // One more than a secret and its newline may have.
    let Content { bytes, exposed } = content(path, LARGEST + 2)?;
    let fault = |text: Cow<'static, str>| Fault { path: Some(path.into()), text };
    let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = match secret.len() {
        length if length < bytes.len() => secret.strip_suffix(b"\r").unwrap_or(secret),
        _ => secret,
    };
    if secret.len() > LARGEST {
        return Err(fault(format!("is larger than {LARGEST} bytes").into()));
    }
    if secret.is_empty() {
        return Err(fault("is empty".into()));
    }
    Ok((Secret::new(secret.to_vec()), exposed.then(|| path.into())))
}

/// What stands in a file.
pub(super) struct Content {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Every user of the machine can read it.
    pub(super) exposed: bool,
}

/// The first `most` + 1 bytes of the file at `path`.
pub(super) fn content(path: &Path, most: usize) -> Result<Content, Fault> {
    let fault = |text: Cow<'static, str>| Fault { path: Some(path.into()), text };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => fault("may not be read; check owner and mode".into()),
        kind => fault(format!("cannot be read: {kind}").into()),
    };
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(failed(error)),
        Err(_error) => return Err(absent()),
    };
    if metadata.is_dir() {
        return Err(fault("is a directory; name the file in it".into()));
    }
    // Room for all of it at once: a buffer that grows would leave pieces of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    let limit = u64::try_from(most + 1).unwrap_or(u64::MAX);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(Content { bytes, exposed: metadata.permissions().mode() & 0o004 != 0 })
}

const LARGEST: usize = 64 * 1024;
