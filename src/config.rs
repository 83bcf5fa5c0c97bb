//! What the daemon is told to do: defaults, then a TOML file, then the environment, then flags.
//!
//! [`Inputs`] come in: a path, the environment as pairs, flags. [`Config::load`] checks each layer by itself
//! against one table of keys (`keys`), so that an error can say where the value stands; merges
//! them; and checks what only the whole can show. A [`Config`] with [`Warning`]s goes out, or a
//! [`ConfigError`] with everything that is wrong. No message holds a value.

mod cross;
mod error;
mod file;
mod files;
mod findings;
mod form;
mod inputs;
mod keys;
mod layer;
mod names;
mod nats;
mod redaction;
mod secrets;
mod sections;
mod sources;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;

pub use self::error::{ConfigError, Problem, Warning};
pub use self::files::NamedFile;
pub use self::inputs::Inputs;
pub use self::keys::{KeyDoc, keys};
pub use self::layer::Origin;
pub use self::names::Names;
pub use self::nats::{Held, LOGIN_KEYS, Login, Nats, Tls};
pub use self::sections::{
    Admin, Discard, ForwardedHeader, Http, Log, LogFormat, Publish, Reload, Spool, Stream,
};
pub use self::sources::{Dedup, NamedSecret, RawPolicy, Source};

use self::layer::{Layers, Origins, Values};
use crate::listen::tls::Identity;
use crate::source::SourceName;

/// Everything the daemon is told, checked.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[http]`: the listener for webhooks and its limits.
    pub http: Http,
    /// What `http.tls_cert_file` and the keys beside it name, read and checked. None: plain HTTP.
    pub tls: Option<Identity>,
    /// `[admin]`: the listener for probes.
    pub admin: Admin,
    /// `[nats]`: where NATS is, and how we connect to it.
    pub nats: Nats,
    /// `[publish]`: how long to wait for an acknowledgement.
    pub publish: Publish,
    /// `[spool]`: what JetStream does not acknowledge is kept on this disk.
    pub spool: Spool,
    /// `[stream]`: the JetStream stream that holds the events.
    pub stream: Stream,
    /// `[log]`: what is logged, and how.
    pub log: Log,
    /// `[reload]`: how a newer configuration is noticed.
    pub reload: Reload,
    /// `[sources.<name>]`: the webhook endpoints, by name. May be empty: see
    /// [`Config::require_source`].
    pub sources: BTreeMap<SourceName, Source>,
    origins: Origins,
    /// What the layers say in the end, secrets left out.
    values: Values,
    files: Vec<NamedFile>,
}

/// A configuration, and what an operator should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is allowed but unwise, in the order of the sources.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads, checks and merges `inputs`. Secret files of sources are read here, once; those of `[nats]` are checked here, and read
    /// again at each connection.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists every problem found, each with its key and where it came from. What
    /// only the merged configuration can show is looked for when each layer is sound.
    pub fn load(inputs: &Inputs) -> Result<Loaded, ConfigError> {
        let mut layers = read(inputs);
        ConfigError::unless_empty(std::mem::take(&mut layers.problems))?;

        let values = layers.values();
        let (merged, origins, vault) = layers.merge()?;
        let mut found = error::Findings::default();
        cross::check(&merged, &origins, &mut found);
        let world = sources::World { origins: &origins, vault: &vault, environment: inputs };
        let nats = nats::build(merged.nats, world, &mut found);
        let sources = sources::build(merged.sources, world, &mut found);
        let http = tls::resolve(merged.http, &origins);
        let tls = tls::read(&http, &origins, &mut found);
        ConfigError::unless_empty(found.problems)?;
        Ok(Loaded {
            config: Self {
                http,
                tls,
                admin: merged.admin,
                nats,
                publish: merged.publish,
                spool: Spool {
                    dir: origins.of_value("spool.dir").resolve(&merged.spool.dir),
                    ..merged.spool
                },
                stream: merged.stream,
                log: merged.log,
                reload: merged.reload,
                sources,
                origins,
                values,
                files: found.files,
            },
            warnings: found.warnings,
        })
    }

    /// Reads where the daemon of these `inputs` answers probes (`admin.listen`), and nothing else.
    ///
    /// Who asks a running daemon for its health need not be able to read its secrets, and a mistake made
    /// since it started says nothing of how it is.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with what hides the value: it is wrong, or the file cannot be read and no layer
    /// above it gives one.
    pub fn admin_listen(inputs: &Inputs) -> Result<SocketAddr, ConfigError> {
        const KEY: &str = "admin.listen";
        let mut layers = read(inputs);
        let given = layers.topmost(KEY);
        let mut problems = std::mem::take(&mut layers.problems);
        problems
            .retain(|problem| problem.is_of(KEY) || (given.is_none() && problem.hides_the_file()));
        ConfigError::unless_empty(problems)?;
        match given.map(|text| text.parse()) {
            None => Ok(Admin::default().listen),
            Some(Ok(address)) => Ok(address),
            Some(Err(_)) => Err(Problem::Unmergeable.into()),
        }
    }

    /// Whether a layer above the defaults gives `key`, for example `stream.max_age`.
    #[must_use]
    pub fn was_named(&self, key: &str) -> bool {
        self.origins.find(key).is_some()
    }

    /// The files that were read: secrets and the like, not the configuration file itself.
    #[must_use]
    pub fn files(&self) -> &[NamedFile] {
        &self.files
    }

    /// The keys whose values are others in `newer` and that a reload does not change: all but sources and the log filter. Secrets are not compared.
    #[must_use]
    pub fn keys_that_differ(&self, newer: &Self) -> Vec<String> {
        self.values
            .that_differ(&newer.values)
            .filter(|key| !key.starts_with("sources.") && key != "log.filter")
            .collect()
    }

    /// Where the value of `key` came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.of_value(key)
    }

    /// Checks that there is something to listen for.
    ///
    /// # Errors
    ///
    /// [`Problem::NoSource`] when no source is configured.
    pub fn require_source(&self) -> Result<(), ConfigError> {
        let missing = self.sources.is_empty().then_some(Problem::NoSource);
        ConfigError::unless_empty(missing.into_iter().collect())
    }
}

/// The layers that are given, and what is wrong with each by itself.
fn read(inputs: &Inputs) -> Layers {
    let mut layers = Layers::default();
    if let Some(path) = inputs.file() {
        file::read(path, &mut layers);
    }
    inputs.read_environment(&mut layers);
    inputs.read_flags(&mut layers);
    layers
}
