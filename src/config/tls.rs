//! The files of `http.tls_*`: where they are, what stands in them, and whether it fits.
//!
//! In comes `[http]` with the places of its keys, out comes an [`Identity`] for the listener, or what is wrong
//! with which file. Nothing here keeps a key: its text is wiped once it has been read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{Findings, KeyName, Problem, Warning};
use super::layer::Origins;
use super::secrets::{self, Content, Fault};
use super::sections::Http;
use crate::listen::tls::{Identity, IdentityError, Part, Pem, Stale};

const CERT: &str = "http.tls_cert_file";
const KEY: &str = "http.tls_key_file";
const CLIENT_CA: &str = "http.tls_client_ca_file";
/// Largest file, in bytes: room for every CA there is.
const LARGEST: usize = 2 << 20;

/// Makes the paths of `http` what they are for this process.
pub(super) fn resolve(http: Http, origins: &Origins) -> Http {
    let whole = |path: Option<PathBuf>, key| path.map(|path| origins.of_value(key).resolve(&path));
    Http {
        tls_cert_file: whole(http.tls_cert_file, CERT),
        tls_key_file: whole(http.tls_key_file, KEY),
        tls_client_ca_file: whole(http.tls_client_ca_file, CLIENT_CA),
        ..http
    }
}

/// Reads and checks the files of a resolved `http`. None if they are not named, or not good.
pub(super) fn read(http: &Http, origins: &Origins, found: &mut Findings) -> Option<Identity> {
    let mut reader = Reader { origins, found };
    let (cert_file, key_file) = match (&http.tls_cert_file, &http.tls_key_file) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => {
            let _ca = http.tls_client_ca_file.as_ref()?;
            return reader.lacks(CLIENT_CA, CERT);
        }
        (Some(_), None) => return reader.lacks(CERT, KEY),
        (None, Some(_)) => return reader.lacks(KEY, CERT),
    };
    let cert = reader.content(CERT, cert_file);
    let key = reader.content(KEY, key_file);
    let client_ca = http.tls_client_ca_file.as_deref();
    let client_ca = client_ca.map(|path| reader.content(CLIENT_CA, path));
    let (cert, key) = (cert?, key?);
    let client_ca = match client_ca {
        Some(content) => Some(content?),
        None => None,
    };
    reader.secrecy(&key, key_file);
    let pem = Pem {
        certificates: &cert.bytes,
        key: &key.bytes,
        client_ca: client_ca.as_ref().map(|content| &**content.bytes),
    };
    let identity = Identity::new(pem).map_err(|error| reader.odd(&error, http)).ok()?;
    reader.time(&identity, cert_file);
    Some(identity)
}

struct Reader<'a> {
    origins: &'a Origins,
    found: &'a mut Findings,
}

impl Reader<'_> {
    /// Notes that `key` is of no use without `other`.
    fn lacks(&mut self, key: &str, other: &str) -> Option<Identity> {
        self.found.problems.push(Problem::Unsound {
            origin: self.origins.of(key),
            key: KeyName::new(key),
            rule: format!("needs `{other}` beside it, which is not set").into(),
        });
        None
    }

    fn content(&mut self, key: &str, path: &Path) -> Option<Content> {
        self.found.watched(path.into());
        let content =
            secrets::content(path, LARGEST).and_then(|content| match content.bytes.len() {
                0 => Err(Fault { path: Some(path.into()), text: "is empty".into() }),
                1..=LARGEST => Ok(content),
                _ => Err(Fault {
                    path: Some(path.into()),
                    text: format!("is larger than {LARGEST} bytes").into(),
                }),
            });
        content
            .map_err(|Fault { path, text }| {
                let (origin, key) = (self.origins.of(key), KeyName::new(key));
                self.found.problems.push(Problem::Secret { origin, key, path, fault: text });
            })
            .ok()
    }

    fn secrecy(&mut self, key: &Content, path: &Path) {
        if key.exposed {
            self.found.warnings.push(Warning::WorldReadable {
                origin: self.origins.of(KEY),
                key: KeyName::new(KEY),
                path: path.into(),
            });
        }
    }

    /// Notes what does not stand in a file that could be read.
    fn odd(&mut self, error: &IdentityError, http: &Http) {
        let (key, path) = match error.part {
            Part::Certificates => (CERT, &http.tls_cert_file),
            Part::Key => (KEY, &http.tls_key_file),
            Part::ClientCa => (CLIENT_CA, &http.tls_client_ca_file),
        };
        self.found.problems.push(Problem::Content {
            origin: self.origins.of(key),
            key: KeyName::new(key),
            path: path.clone().unwrap_or_default(),
            fault: error.fault.into(),
        });
    }

    /// Warns of a certificate that is out of its time. It is used all the same: a sender that does not verify
    /// certificates would lose deliveries without it, and to one that does the port says clearly what is wrong.
    fn time(&mut self, identity: &Identity, path: &Path) {
        let Some(stale) = identity.stale() else {
            return;
        };
        let (was, date) = match stale {
            Stale::Expired(then) => (true, day(then)),
            Stale::NotYetValid(then) => (false, day(then)),
        };
        self.found.warnings.push(Warning::Stale {
            origin: self.origins.of(CERT),
            key: KeyName::new(CERT),
            path: path.into(),
            was,
            date,
        });
    }
}

/// The instant to the second, UTC.
fn day(time: SystemTime) -> Box<str> {
    humantime::format_rfc3339_seconds(time).to_string().into()
}
