//! Who the server is to TLS clients: PEM texts come in, and what handshakes are made with goes out.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, Error, InconsistentKeys};

/// What clients may speak inside of TLS, the server's favourite first.
const PROTOCOLS: &[&[u8]] = &[HTTP_2, b"http/1.1"];
/// What a client that there is no room for is told so in, whatever it likes best: that takes one write.
const REFUSING: &[&[u8]] = &[b"http/1.1"];
/// The name of HTTP/2 in a handshake.
pub(in crate::listen) const HTTP_2: &[u8] = b"h2";

/// The texts that an [`Identity`] is made of.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// Certificates: the server's own, then those that lead to a CA.
    pub certificates: &'a [u8],
    /// The private key of the first of them: PKCS #8, PKCS #1 or SEC 1.
    pub key: &'a [u8],
    /// Certificates of CAs; if there are any, a client must show a certificate of one of them.
    pub client_ca: Option<&'a [u8]>,
}

/// Which of the texts something is wrong with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// [`Pem::certificates`].
    Certificates,
    /// [`Pem::key`].
    Key,
    /// [`Pem::client_ca`].
    ClientCa,
}

/// Why no [`Identity`] can be made. Its text goes on after the name of the file that holds the part.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{fault}")]
pub struct IdentityError {
    /// The part.
    pub part: Part,
    /// What is wrong with it.
    pub fault: &'static str,
}

/// A certificate that clients which look will not take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stale {
    /// It was valid until then.
    Expired(SystemTime),
    /// It is valid from then on.
    NotYetValid(SystemTime),
}

/// A certificate, its key, and whom they are shown to, ready for handshakes. Clones are cheap.
#[derive(Clone)]
pub struct Identity {
    pub(super) serving: Arc<ServerConfig>,
    pub(super) refusing: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes ready what `pem` holds: TLS 1.2 and 1.3.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] says which part is no PEM, lacks what it is for, or does not fit the others.
    pub fn new(pem: Pem<'_>) -> Result<Self, IdentityError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(pem.certificates, Part::Certificates)?;
        let [certificate, ..] = &*chain else {
            return Err(wrong(Part::Certificates, NO_CERTIFICATE));
        };
        let certificate = certificate.clone();
        let certified = CertifiedKey::from_der(chain, key(pem.key)?, &provider);
        let certified = certified.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => wrong(Part::Key, MISMATCH),
            Error::InvalidCertificate(_) => wrong(Part::Certificates, UNREADABLE),
            _ => wrong(Part::Key, ODD_KEY),
        })?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_never| wrong(Part::Key, ODD_KEY))?;
        let config = match pem.client_ca {
            Some(ca) => config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots(ca)?, provider)
                    .build()
                    .map_err(|_empty| wrong(Part::ClientCa, NO_CERTIFICATE))?,
            ),
            None => config.with_no_client_auth(),
        };
        let config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        Ok(Self {
            serving: speaking(&config, PROTOCOLS),
            refusing: speaking(&config, REFUSING),
            certificate,
        })
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// Whether the certificate is out of its time now.
    #[must_use]
    pub fn stale(&self) -> Option<Stale> {
        let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates([self.certificate.clone()]);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        // Only the time is of interest, which is looked at before everything else.
        let name = ServerName::try_from("localhost").ok()?;
        let seen = verifier.verify_server_cert(&self.certificate, &[], &name, &[], UnixTime::now());
        let at = |time: UnixTime| {
            SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(time.as_secs()))
        };
        match seen {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => at(not_after).map(Stale::Expired),
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) => at(not_before).map(Stale::NotYetValid),
            _ => None,
        }
    }
}

const NO_CERTIFICATE: &str = "holds no certificate: it takes PEM, with BEGIN CERTIFICATE";
const NO_KEY: &str = "holds no private key: it takes PEM, with BEGIN PRIVATE KEY";
const ENCRYPTED: &str = "holds an encrypted private key: store it without a passphrase, readable by \
                         nobody else";
const BROKEN: &str = "is damaged: it is no PEM from its first to its last line";
const UNREADABLE: &str = "holds something that is no X.509 certificate";
const MISMATCH: &str =
    "holds a key that does not belong to the first certificate of the other file";
const ODD_KEY: &str = "holds a private key that is damaged, or of a kind that is not taken: it takes \
                       RSA of 2048 bits or more, ECDSA on P-256 or P-384, and Ed25519";

fn wrong(part: Part, fault: &'static str) -> IdentityError {
    IdentityError { part, fault }
}

fn certificates(text: &[u8], part: Part) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    all.map_err(|_damaged| wrong(part, BROKEN))
}

fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
    if encrypted.iter().any(|mark| memchr::memmem::find(text, mark).is_some()) {
        return Err(wrong(Part::Key, ENCRYPTED));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(Part::Key, NO_KEY),
        _ => wrong(Part::Key, BROKEN),
    })
}

fn roots(text: &[u8]) -> Result<Arc<RootCertStore>, IdentityError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text, Part::ClientCa)? {
        roots.add(certificate).map_err(|_odd| wrong(Part::ClientCa, UNREADABLE))?;
    }
    Ok(Arc::new(roots))
}

fn speaking(config: &ServerConfig, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}
