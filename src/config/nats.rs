//! `[nats]`: where NATS is, who we are there, and whom we believe.
//!
//! Owns [`Nats`]. What the layers say becomes one in `raw`, where files are read only to check them: whoever connects
//! reads them again ([`Held::read`]), so that one that was replaced is used from the next connection on.

mod raw;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::secrets::{self, Fault};
use crate::event::Time;
use crate::pem;
use crate::secret::Secret;
pub use raw::LOGIN_KEYS;
pub(super) use raw::{RawNats, build, names};

/// `[nats]`: where NATS is, and how we connect to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nats {
    /// URLs of servers of one cluster, `nats://` or `tls://`. Default `nats://127.0.0.1:4222`.
    pub servers: Vec<String>,
    /// The name that the server shows for our connection. Default `forgewire`.
    pub name: String,
    /// Who we are. Default [`Login::Nobody`].
    pub login: Login,
    /// Whom we believe, and by which certificate we are known.
    pub tls: Tls,
    /// First tokens of the subjects of all replies to us. Default `_INBOX`.
    pub inbox_prefix: String,
    /// First tokens of every request to JetStream. Default `$JS.API`; of a domain `$JS.<domain>.API`.
    pub api_prefix: String,
}

/// What the server is told about who we are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Login {
    /// Nothing.
    #[default]
    Nobody,
    /// A user's JWT, with its key.
    Creds(Held),
    /// A user's key alone.
    Nkey(Held),
    /// A token.
    Token(Held),
    /// A name with a password.
    User(String, Held),
}

/// A secret, and the key that says where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// The configuration key.
    pub key: &'static str,
    place: Place,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Place {
    File(PathBuf),
    Here(Secret),
}

/// What is believed of a server, and shown to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tls {
    /// File with the certificates of the authorities that are believed, instead of those of the system.
    pub ca_file: Option<PathBuf>,
    /// Files with our certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether TLS begins before the server has said anything. Default false.
    pub first: bool,
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            name: "forgewire".into(),
            login: Login::Nobody,
            tls: Tls::default(),
            inbox_prefix: "_INBOX".into(),
            api_prefix: "$JS.API".into(),
        }
    }
}

impl Nats {
    /// Whether a connection without TLS is refused: something is said about TLS, or every URL asks for it. Servers
    /// that the cluster names itself have no URL.
    #[must_use]
    pub fn requires_tls(&self) -> bool {
        self.tls != Tls::default() || self.servers.iter().all(|url| url.starts_with("tls://"))
    }

    /// The files that are read again at each connection, with their keys.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        let login = self.login.held().and_then(Held::file);
        login.into_iter().chain(self.tls.files()).collect()
    }
}

impl Login {
    /// The secret, if there is one.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        match self {
            Self::Nobody => None,
            Self::Creds(held) | Self::Nkey(held) | Self::Token(held) | Self::User(_, held) => {
                Some(held)
            }
        }
    }
}

impl Held {
    /// The secret as it is now: a file is read.
    ///
    /// # Errors
    ///
    /// Key, file, and why it cannot be read.
    pub fn read(&self) -> Result<Secret, String> {
        match &self.place {
            Place::Here(secret) => Ok(secret.clone()),
            Place::File(path) => secrets::again(path).map_err(|fault| self.fault(&fault)),
        }
    }

    /// What is wrong, said of its key and file.
    #[must_use]
    pub fn fault(&self, fault: &str) -> String {
        match self.file() {
            Some((key, path)) => said(key, path, fault),
            None => format!("{} {fault}", self.key),
        }
    }

    fn file(&self) -> Option<(&'static str, &Path)> {
        match &self.place {
            Place::File(path) => Some((self.key, path)),
            Place::Here(_) => None,
        }
    }
}

impl Tls {
    fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let ca = self.ca_file.as_deref().map(|path| ("nats.tls_ca_file", path));
        let client = self.client.as_ref().map(|(certificate, key)| {
            [("nats.tls_cert_file", certificate.as_path()), ("nats.tls_key_file", key.as_path())]
        });
        ca.into_iter().chain(client.into_iter().flatten())
    }

    /// Reads the files, and says what is wrong with them now; when our certificate expires.
    ///
    /// # Errors
    ///
    /// Key, file, and what is wrong with it.
    pub fn check(&self) -> Result<Option<Time>, String> {
        self.look().map_err(|Faulty { key, path, text, .. }| said(key, &path, &text))
    }

    fn look(&self) -> Result<Option<Time>, Faulty> {
        if let Some(path) = &self.ca_file {
            let file = whole("nats.tls_ca_file", path)?;
            pem::roots(&file).map_err(|text| Faulty::of("nats.tls_ca_file", path, text))?;
        }
        let Some((certificate, key)) = &self.client else { return Ok(None) };
        let file = whole("nats.tls_cert_file", certificate)?;
        let chain = pem::certificates(&file)
            .map_err(|text| Faulty::of("nats.tls_cert_file", certificate, text))?;
        let expires = chain.first().and_then(pem::expires);
        let secret = secrets::in_file(key)
            .map_err(|fault| Faulty::from_fault("nats.tls_key_file", key, fault))?;
        let read = pem::private_key(secret.0.expose());
        read.and_then(|key| pem::key_fits(chain, key))
            .map_err(|text| Faulty::of("nats.tls_key_file", key, text))?;
        Ok(expires)
    }
}

fn said(key: &str, path: &Path, fault: &str) -> String {
    format!("{key} ({}) {fault}", path.display())
}

/// What is wrong with a file.
struct Faulty {
    key: &'static str,
    path: PathBuf,
    /// Whether there is such a file: otherwise its path may be a secret under a wrong key.
    there: bool,
    text: Cow<'static, str>,
}

impl Faulty {
    fn of(key: &'static str, path: &Path, text: &'static str) -> Self {
        Self { key, path: path.into(), there: true, text: text.into() }
    }

    fn from_fault(key: &'static str, path: &Path, fault: Fault) -> Self {
        Self { key, path: path.into(), there: fault.path.is_some(), text: fault.text }
    }
}

/// Largest file of certificates, in bytes: those of all public authorities have a quarter of it.
const LARGEST: u64 = 1 << 20;

/// A file that holds no secret.
fn whole(key: &'static str, path: &Path) -> Result<Vec<u8>, Faulty> {
    use std::io::Read as _;
    let gone = |_error| Faulty::from_fault(key, path, secrets::absent());
    let file = std::fs::File::open(path).map_err(gone)?;
    let mut bytes = Vec::new();
    match file.take(LARGEST + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > LARGEST => Err(Faulty::of(key, path, "is too large")),
        Ok(_) => Ok(bytes),
        Err(_error) => Err(Faulty::of(key, path, "cannot be read; is it a directory?")),
    }
}
