//! The names of a configuration: what a NATS server must know of it to give rights.
//!
//! The same layers come in as for a whole [`Config`], and no secret is read: who writes the server's configuration need
//! not be able to read the daemon's files.

use super::error::Findings;
use super::sources::World;
use super::{Config, ConfigError, Inputs, Stream, nats};

/// The names that rights are about.
#[derive(Clone, Debug)]
pub struct Names {
    /// `[stream]`, with the names of stream, object store and prefix.
    pub stream: Stream,
    /// First tokens of the subjects of all replies to the daemon. Default `_INBOX`.
    pub inbox_prefix: String,
    /// First tokens of every request to JetStream. Default `$JS.API`.
    pub api_prefix: String,
    /// Name of the daemon's user, if it has a password.
    pub user: Option<String>,
}

impl Config {
    /// Reads the names of `inputs`. Files that hold secrets or certificates are neither read nor looked for.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists every problem of the layers, each with its key and where it came from.
    pub fn names(inputs: &Inputs) -> Result<Names, ConfigError> {
        let mut layers = super::read(inputs);
        ConfigError::unless_empty(std::mem::take(&mut layers.problems))?;
        let (merged, origins, vault) = layers.merge()?;
        let mut found = Findings::default();
        let world = World { origins: &origins, vault: &vault, environment: inputs };
        let (inbox_prefix, api_prefix, user) = nats::names(merged.nats, world, &mut found);
        ConfigError::unless_empty(found.problems)?;
        Ok(Names { stream: merged.stream, inbox_prefix, api_prefix, user })
    }
}
