//! How spans reach the collector: one POST over HTTP/1.1, with or without TLS.
//!
//! In comes a request of the exporter, out comes the answer within the time limit. The exporter has a thread of its
//! own and no runtime; the work is done on the daemon's.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

use super::env::Settings;
use super::{Tally, TracesError};

/// How much of an answer is read. It says what was not taken, in few words.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What sends to the collector.
#[derive(Debug)]
pub(super) struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    timeout: Duration,
    tally: Arc<Tally>,
}

impl Client {
    /// Must be called on the runtime that is to do the work.
    pub(super) fn new(settings: &Settings, tally: Arc<Tally>) -> Result<Self, TracesError> {
        let roots = match &settings.certificate {
            _ if settings.endpoint.scheme_str() != Some("https") => Some(RootCertStore::empty()),
            Some((variable, path)) => Some(read_certificates(variable, path)?),
            None => None,
        };
        let connector = HttpsConnectorBuilder::new();
        let connector = match roots {
            Some(roots) => connector.with_tls_config(trusting(roots)?),
            None => connector.with_native_roots().map_err(TracesError::Roots)?,
        };
        let inner = legacy::Client::builder(TokioExecutor::new())
            .build(connector.https_or_http().enable_http1().build());
        Ok(Self { inner, runtime: Handle::current(), timeout: settings.timeout, tally })
    }
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, TracesError> {
    let provider = Arc::new(ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config.map_err(TracesError::Tls)?.with_root_certificates(roots).with_no_client_auth())
}

fn read_certificates(variable: &'static str, path: &Path) -> Result<RootCertStore, TracesError> {
    let bad = |fault: String| TracesError::Certificate { variable, path: path.to_owned(), fault };
    let mut roots = RootCertStore::empty();
    let all = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
    for certificate in all {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("it holds no certificate in PEM form".to_owned()));
    }
    Ok(roots)
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, timeout) = (self.inner.clone(), self.timeout);
        let exchange = async move {
            let exchange = exchange(client, request.map(Full::new));
            match tokio::time::timeout(timeout, exchange).await {
                Ok(answer) => answer,
                Err(_elapsed) => Err(format!("no answer within {} ms", timeout.as_millis()).into()),
            }
        };
        let answer = self.runtime.spawn(exchange).await.map_err(HttpError::from).flatten();
        // The exporter's own error says only that there was one.
        self.tally.note(answer.as_ref().err().map(|error| in_one_line(&**error)));
        answer
    }
}

async fn exchange(
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = client.request(request).await?.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

/// An error with its causes.
fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
