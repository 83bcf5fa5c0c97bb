//! Certificates made for one test, and clients that speak TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use forgewire::listen::tls::{Identity, Pem};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A CA with a key of its own.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // An issuer is looked for by its name.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("CA {number}"));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub(crate) fn issue(&self) -> Issued {
        self.issue_with(|_| ())
    }

    /// The same, valid in these years.
    pub(crate) fn issue_for_years(&self, from: i32, to: i32) -> Issued {
        self.issue_with(|params| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
        })
    }

    fn issue_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }

    /// What a server of this CA identifies itself with.
    pub(crate) fn identity(&self) -> Identity {
        self.issue().identity(None)
    }

    /// A client that trusts this CA alone.
    pub(crate) fn client(&self) -> Tls {
        Tls { ca: self.pem(), shown: None, alpn: &["http/1.1"], versions: rustls::ALL_VERSIONS }
    }
}

impl Issued {
    /// The same for a server that may want certificates of clients.
    pub(crate) fn identity(&self, client_ca: Option<&Ca>) -> Identity {
        let ca = client_ca.map(Ca::pem);
        Identity::new(Pem {
            certificates: self.certificate.as_bytes(),
            key: self.key.as_bytes(),
            client_ca: ca.as_deref().map(str::as_bytes),
        })
        .unwrap()
    }
}

/// How a client speaks TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    ca: String,
    shown: Option<Issued>,
    alpn: &'static [&'static str],
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Tls {
    /// Shows this certificate if it is asked for one.
    pub(crate) fn showing(mut self, issued: &Issued) -> Self {
        self.shown = Some(issued.clone());
        self
    }

    /// Offers these protocols.
    pub(crate) fn offering(mut self, alpn: &'static [&'static str]) -> Self {
        self.alpn = alpn;
        self
    }

    /// Speaks these versions.
    pub(crate) fn speaking(
        mut self,
        versions: &'static [&'static SupportedProtocolVersion],
    ) -> Self {
        self.versions = versions;
        self
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.shown {
            Some(Issued { certificate, key }) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// Connects and makes the handshake.
    pub(crate) async fn connect(&self, addr: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        self.over(stream).await
    }

    /// Makes the handshake on a connection that is there.
    pub(crate) async fn over<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<TlsStream<S>> {
        let connector = TlsConnector::from(Arc::new(self.config()));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}

/// The certificate that the server showed.
pub(crate) fn shown<S>(stream: &TlsStream<S>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}
