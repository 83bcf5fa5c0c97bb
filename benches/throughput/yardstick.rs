//! The yardstick: the simplest honest way from a signed webhook to a JetStream acknowledgement.
//!
//! **Frozen.** Figures are given as a ratio to this program, so a change here makes every earlier
//! figure incomparable. Repair it only when it no longer builds, and keep what it does.
//!
//! In: `POST /hooks/{source}` with `X-Gitea-Signature` and `X-Gitea-Delivery`. Out: the untouched
//! body on one fixed subject, with the delivery id as `Nats-Msg-Id`, and 202 after the `PubAck`.
//! It parses nothing, limits nothing but the size, and survives nothing: that is the point.

use std::net::SocketAddr;

use async_nats::jetstream::{self, message::PublishMessage};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The receiver's own default, in bytes.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// What the yardstick needs to know.
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) nats: String,
    pub(crate) subject: String,
    pub(crate) secret: String,
}

#[derive(Clone)]
struct App {
    stream: jetstream::Context,
    key: Hmac<Sha256>,
    subject: String,
}

/// Serves until the process is killed.
pub(crate) fn run(settings: Settings) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let client = async_nats::connect(settings.nats).await?;
    let app = App {
        stream: jetstream::new(client),
        key: Hmac::new_from_slice(settings.secret.as_bytes())?,
        subject: settings.subject,
    };
    let router = Router::new()
        .route("/hooks/{source}", post(hook))
        .route("/readyz", get(|| async { StatusCode::OK }))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(settings.listen).await?.tap_io(|connection| {
        // Without it the answers wait for Nagle; an error means the peer has gone already.
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

async fn hook(
    State(app): State<App>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let signature = header(&headers, "x-gitea-signature").and_then(decode_hex);
    let Some(signature) = signature else {
        return (StatusCode::UNAUTHORIZED, String::new());
    };
    let mut mac = app.key.clone();
    mac.update(&body);
    if mac.verify_slice(&signature).is_err() {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let Some(delivery) = header(&headers, "x-gitea-delivery") else {
        return (StatusCode::BAD_REQUEST, String::new());
    };
    let id = format!("{source}:{delivery}");
    match publish(&app, &id, body).await {
        Ok(sequence) => (
            StatusCode::ACCEPTED,
            format!(r#"{{"status":"published","id":"{id}","sequence":{sequence}}}"#),
        ),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

async fn publish(
    app: &App,
    id: &str,
    body: Bytes,
) -> Result<u64, jetstream::context::PublishError> {
    let message = PublishMessage::build().payload(body).message_id(id);
    let ack = app.stream.send_publish(app.subject.clone(), message).await?.await?;
    Ok(ack.sequence)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
