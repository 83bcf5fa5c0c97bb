//! Where a delivery goes, as which kind of forge, and with which secret.
//!
//! In come the options and, unless they name a URL, what a running `forgewire dev` says of itself.

use std::path::Path;

use anyhow::{Context as _, bail};
use hyper::Uri;

use super::{Send, kind};
use crate::cli::Usage;
use crate::dev_state::{DevSource, DevState};
use crate::samples::Sender;
use crate::secret::Secret;
use crate::source::Kind;

/// Where a delivery goes.
pub(super) struct Target {
    pub(super) url: Uri,
    pub(super) sender: &'static Sender,
    pub(super) kind: Kind,
    pub(super) secret: Secret,
}

impl Target {
    /// Finds it from the options.
    pub(super) fn find(options: &Send, source: Option<&str>) -> anyhow::Result<Self> {
        let (url, name, secret_file) = match (&options.url, source) {
            (Some(url), _) => (url.clone(), options.kind.clone().unwrap_or_default(), None),
            (None, source) => {
                let (dev, source) = running(source.unwrap_or_default())?;
                let url = format!("{}/hooks/{}", dev.hooks, source.name);
                let name = options.kind.clone().unwrap_or(source.kind);
                (url, name, Some(source.secret_file))
            }
        };
        let sender = kind(&name)?;
        let kind = Kind::from_name(sender.kind).context("every sender has a kind")?;
        let url: Uri = url.parse().ok().filter(is_http).ok_or_else(|| {
            Usage("--url needs a whole URL, for example http://127.0.0.1:8080/hooks/gitea".into())
        })?;
        let secret = match (&options.secret_env, &options.secret_file, &secret_file) {
            (Some(variable), _, _) => in_environment(variable)?,
            (_, Some(path), _) | (_, None, Some(path)) => in_file(path)?,
            (None, None, None) => {
                return Err(Usage(
                    "with --url say where the secret is: --secret-file or --secret-env".into(),
                )
                .into());
            }
        };
        Ok(Self { url, sender, kind, secret })
    }

    /// The URL for messages: without the query, which may hold anything.
    pub(super) fn shown(&self) -> String {
        let host = self.url.host().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}{}", self.url.scheme_str().unwrap_or("http"), self.url.path())
    }
}

fn is_http(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some()
}

/// The running `forgewire dev`, and its source of that name.
fn running(source: &str) -> anyhow::Result<(DevState, DevSource)> {
    let Some(dev) = DevState::running() else {
        bail!(
            "no `forgewire dev` is running: start one in another terminal, or name a daemon with --url, --kind and --secret-file"
        );
    };
    if let Some(found) = dev.sources.iter().find(|known| known.name == source).cloned() {
        return Ok((dev, found));
    }
    let names: Vec<_> = dev.sources.iter().map(|source| source.name.as_str()).collect();
    let names = names.join(", ");
    Err(Usage(format!("forgewire dev has no source {source:?}; it has {names}")).into())
}

/// The sender that a name given to `--list` means: a kind, or a source of a running `forgewire dev`.
pub(super) fn sender_of_source_or_kind(name: &str) -> Result<&'static Sender, Usage> {
    let source = || DevState::running()?.sources.into_iter().find(|source| source.name == name);
    kind(name).or_else(|unknown| source().map_or(Err(unknown), |source| kind(&source.kind)))
}

fn in_environment(variable: &str) -> anyhow::Result<Secret> {
    let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else {
        bail!("the environment variable {variable} (--secret-env) is not set, or empty");
    };
    Ok(Secret::new(value.into_encoded_bytes()))
}

fn in_file(path: &Path) -> anyhow::Result<Secret> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("cannot read the secret in {shown}"))?;
    let text = zeroize::Zeroizing::new(text);
    let secret = match text.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => &text,
    };
    if secret.is_empty() {
        bail!("the secret file {shown} is empty");
    }
    Ok(Secret::new(secret.to_vec()))
}
