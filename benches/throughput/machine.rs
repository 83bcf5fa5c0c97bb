//! The machine that the figures were taken on.
//!
//! In: `/proc/cpuinfo`, the installed tools. Out: [`Machine`].

use std::process::Command;

use serde::Serialize;

/// What a reader must know to compare figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) sha_extensions: bool,
    pub(crate) nats_server: String,
    pub(crate) rustc: String,
    /// Figures of a build without optimisation say nothing.
    pub(crate) optimised: bool,
}

impl Machine {
    /// Looks around; what cannot be found is called unknown.
    pub(crate) fn look(nats_server: String) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            cpu: cpu_model(&cpuinfo).unwrap_or("unknown CPU").to_owned(),
            sha_extensions: has_sha_extensions(&cpuinfo),
            nats_server,
            rustc: rustc_version().unwrap_or_else(|| "rustc unknown".to_owned()),
            optimised: !cfg!(debug_assertions),
        }
    }
}

/// The first model name of a `/proc/cpuinfo` text.
pub(crate) fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let (_, name) = cpuinfo.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim())
}

/// Whether SHA-256 has instructions of its own: `sha_ni` on x86, `sha2` on ARM.
pub(crate) fn has_sha_extensions(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("flags") || line.starts_with("Features"))
        .flat_map(str::split_ascii_whitespace)
        .any(|flag| flag == "sha_ni" || flag == "sha2")
}

fn rustc_version() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split('(').next()?.trim();
    (!version.is_empty()).then(|| version.to_owned())
}
