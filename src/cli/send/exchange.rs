//! One request and its answer over HTTP/1.1, with the limits of a forge.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Gitea's default, for connection, request and answer together.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer Gitea reads.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// A client that keeps its connection between requests. Certificates are loaded only for https.
pub(super) enum Client {
    Plain(legacy::Client<HttpConnector, Full<Bytes>>),
    Tls(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    pub(super) fn new(url: &Uri, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        // As Go's client writes them.
        builder.http1_title_case_headers(true);
        if url.scheme_str() != Some("https") {
            return Ok(Self::Plain(builder.build(HttpConnector::new())));
        }
        let connector = HttpsConnectorBuilder::new();
        let roots = if let Some(path) = ca_file {
            connector.with_tls_config(trusting(path)?)
        } else {
            connector.with_native_roots().context("cannot load this system's root certificates")?
        };
        Ok(Self::Tls(builder.build(roots.https_only().enable_http1().build())))
    }

    /// Sends a request and reads the answer.
    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let answered = async { read(self.start(request).await?).await };
        let answered = tokio::time::timeout(TIMEOUT, answered).await;
        answered.map_err(|_elapsed| anyhow!("no answer within {} s", TIMEOUT.as_secs()))?
    }

    fn start(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        }
    }
}

/// Trusts whom the certificates in the file at `path` sign, and nobody else.
fn trusting(path: &Path) -> anyhow::Result<ClientConfig> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("cannot read --ca-file {shown}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_damaged| anyhow!("--ca-file {shown} is no PEM"))?;
        let added = roots.add(certificate);
        added
            .map_err(|_odd| anyhow!("--ca-file {shown} holds something that is no certificate"))?;
    }
    if roots.is_empty() {
        bail!("--ca-file {shown} holds no certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config?.with_root_certificates(roots).with_no_client_auth())
}

async fn read(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    let body = body.map_err(|error| anyhow!("the answer broke off, or is over 1 MiB: {error}"))?;
    Ok(Answer { status, body: body.to_bytes() })
}
