//! The options that stand for configuration: the file, and settings above it.

use std::path::PathBuf;

use crate::config::{Config, ConfigError, Inputs, Loaded};

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Settings {
    /// The configuration file (TOML). Without one, environment and flags must say it all.
    #[arg(short, long, value_name = "FILE", env = "FORGEWIRE_CONFIG")]
    pub(super) config: Option<PathBuf>,

    /// One setting above file and environment, for example `--set http.drain=10s`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,

    /// Address of the webhook listener (http.listen).
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,

    /// Address of the operators' listener (admin.listen).
    #[arg(long, value_name = "ADDR:PORT")]
    admin_listen: Option<String>,

    /// How log lines look: auto, human or json (log.format).
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// What is logged, for example `info,forgewire=debug` (log.filter).
    #[arg(long, value_name = "FILTER")]
    log_filter: Option<String>,
}

impl Settings {
    /// The layers, with the process's own environment.
    pub(super) fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::new().with_env(std::env::vars_os());
        if let Some(path) = &self.config {
            inputs = inputs.with_file(path);
        }
        for (key, value, flag) in [
            ("http.listen", &self.listen, "--listen"),
            ("admin.listen", &self.admin_listen, "--admin-listen"),
            ("log.format", &self.log_format, "--log-format"),
            ("log.filter", &self.log_filter, "--log-filter"),
        ] {
            if let Some(value) = value {
                inputs = inputs.with_flag(key, value, flag);
            }
        }
        self.sets.iter().fold(inputs, |inputs, set| inputs.with_set(set))
    }

    /// Loads the configuration of a daemon: one that has at least one source.
    pub(super) fn load(&self) -> Result<Loaded, ConfigError> {
        let loaded = Config::load(&self.inputs())?;
        loaded.config.require_source()?;
        Ok(loaded)
    }
}
