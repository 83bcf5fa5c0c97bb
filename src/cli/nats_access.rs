//! Where NATS is and who we are there, for a command that only reads: flags, and the variables of the `nats` command.
//!
//! Flags come in, and the environment; out come settings above those of a configuration. Who is named by flag or variable
//! takes the place of whoever the configuration names.

use std::path::PathBuf;

use super::{Usage, nats_url};
use crate::config::{Inputs, LOGIN_KEYS};

/// Who we are at the NATS server.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who you are there")]
pub(super) struct Access {
    /// Creds file of your user (`NATS_CREDS`).
    #[arg(long, value_name = "FILE", conflicts_with = "nkey_file")]
    creds: Option<PathBuf>,

    /// File with the seed of your nkey (`NATS_NKEY`).
    #[arg(long, value_name = "FILE")]
    nkey_file: Option<PathBuf>,

    /// Certificates of the authorities to believe, instead of the system's (`NATS_CA`).
    #[arg(long, value_name = "FILE")]
    tls_ca_file: Option<PathBuf>,

    /// Your certificate, if the server asks for one (`NATS_CERT`).
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    tls_cert_file: Option<PathBuf>,

    /// Its private key (`NATS_KEY`).
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,

    /// Begin TLS before the server speaks: it has `handshake_first`.
    #[arg(long)]
    tls_first: bool,

    /// First tokens of the subjects of replies to you, instead of `_INBOX`.
    #[arg(long, value_name = "TOKENS")]
    inbox_prefix: Option<String>,

    /// JetStream domain that has the stream.
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
}

/// Settings with the flag or variable that gives each.
type Given = Vec<(&'static str, String, &'static str)>;

impl Access {
    /// The settings above a configuration. `urls` is where to connect, if that is said; `variables` whether those of the
    /// `nats` command count.
    pub(super) fn onto(
        &self,
        inputs: Inputs,
        urls: &[String],
        variables: bool,
    ) -> Result<Inputs, Usage> {
        let flags = self.flags(urls)?;
        let variables =
            if variables { of_nats(&|name| std::env::var(name).ok())? } else { Vec::new() };
        let is_login = |(key, ..): &(&str, String, &str)| LOGIN_KEYS.contains(key);
        // Two of them are refused where they stand side by side; a flag goes above a variable.
        let by_flag = flags.iter().any(is_login);
        let wanted = |given: &(&str, String, &str)| {
            let by_another = flags.iter().any(|(key, ..)| *key == given.0);
            !(by_another || by_flag && is_login(given))
        };
        let variables: Given = variables.into_iter().filter(wanted).collect();
        let mut inputs = inputs;
        if by_flag || variables.iter().any(is_login) {
            inputs = inputs.without(LOGIN_KEYS);
        }
        for (key, value, name) in variables {
            inputs = inputs.with_variable(key, value, name);
        }
        for (key, value, flag) in flags {
            inputs = inputs.with_flag(key, value, flag);
        }
        Ok(inputs)
    }

    fn flags(&self, urls: &[String]) -> Result<Given, Usage> {
        let path = |path: &Option<PathBuf>, flag: &'static str| match path {
            None => Ok(None),
            Some(path) => match path.to_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(Usage(format!("{flag}: the path must be UTF-8"))),
            },
        };
        let mut given = Given::new();
        if !urls.is_empty() {
            let settings = nats_url::settings(urls)?.into_iter();
            given.extend(settings.map(|(key, value)| (key, value.to_string(), "--nats")));
        }
        for (key, value, flag) in [
            ("nats.creds_file", path(&self.creds, "--creds")?, "--creds"),
            ("nats.nkey_file", path(&self.nkey_file, "--nkey-file")?, "--nkey-file"),
            ("nats.tls_ca_file", path(&self.tls_ca_file, "--tls-ca-file")?, "--tls-ca-file"),
            (
                "nats.tls_cert_file",
                path(&self.tls_cert_file, "--tls-cert-file")?,
                "--tls-cert-file",
            ),
            ("nats.tls_key_file", path(&self.tls_key_file, "--tls-key-file")?, "--tls-key-file"),
            ("nats.tls_first", self.tls_first.then(|| "true".to_owned()), "--tls-first"),
            ("nats.inbox_prefix", self.inbox_prefix.clone(), "--inbox-prefix"),
            ("nats.domain", self.domain.clone(), "--domain"),
        ] {
            given.extend(value.map(|value| (key, value, flag)));
        }
        Ok(given)
    }
}

/// What the variables of the `nats` command say.
fn of_nats(variable: &dyn Fn(&str) -> Option<String>) -> Result<Given, Usage> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let mut given = Given::new();
    if let Some(url) = set("NATS_URL") {
        let settings = nats_url::settings(&[url])?.into_iter();
        given.extend(settings.map(|(key, value)| (key, value.to_string(), "NATS_URL")));
    }
    // As that command reads it, a user without a password is a token.
    let password = set("NATS_PASSWORD");
    let user = if password.is_some() { "nats.user" } else { "nats.token" };
    let named = [
        ("nats.creds_file", set("NATS_CREDS"), "NATS_CREDS"),
        ("nats.nkey_file", set("NATS_NKEY"), "NATS_NKEY"),
        (user, set("NATS_USER"), "NATS_USER"),
        ("nats.password", password, "NATS_PASSWORD"),
        ("nats.token", set("NATS_TOKEN"), "NATS_TOKEN"),
        ("nats.tls_ca_file", set("NATS_CA"), "NATS_CA"),
        ("nats.tls_cert_file", set("NATS_CERT"), "NATS_CERT"),
        ("nats.tls_key_file", set("NATS_KEY"), "NATS_KEY"),
    ];
    given.extend(named.into_iter().filter_map(|(key, value, name)| Some((key, value?, name))));
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_nats_command_become_settings() {
        let environment = |name: &str| match name {
            "NATS_URL" => Some("nats://a".to_owned()),
            "NATS_USER" => Some("me".to_owned()),
            "NATS_CA" => Some("ca.pem".to_owned()),
            "NATS_CREDS" => Some(String::new()),
            _ => None,
        };
        let keys = |given: Given| given.into_iter().map(|(key, value, _)| (key, value));
        let found: Vec<_> = keys(of_nats(&environment).unwrap()).collect();
        let pair = |key, value: &str| (key, value.to_owned());
        assert_eq!(
            found,
            [
                pair("nats.servers", "nats://a"),
                pair("nats.token", "me"),
                pair("nats.tls_ca_file", "ca.pem")
            ]
        );
        let with_password = |name: &str| match name {
            "NATS_PASSWORD" => Some("p".to_owned()),
            name => environment(name),
        };
        assert!(keys(of_nats(&with_password).unwrap()).any(|it| it == pair("nats.user", "me")));
    }
}
