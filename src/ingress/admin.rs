//! Probes: is it alive, can it store, which version is it, and what has been counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Admin, Problem, accept};
use crate::health::Readiness;
use crate::metrics::scrape::{Format, Scrape};

/// `GET /livez`: 200 while the runtime gets things done, else 503.
pub(super) async fn livez(State(admin): State<Admin>) -> impl IntoResponse {
    let pulse = admin.app.health.pulse();
    if pulse.is_stuck() {
        let stuck = json!({ "status": "stuck", "seconds": pulse.age().as_secs() });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(stuck));
    }
    (StatusCode::OK, Json(json!({ "status": "alive" })))
}

/// `GET /metrics`: everything that is counted, in the format that `Accept` prefers.
pub(super) async fn metrics(
    State(admin): State<Admin>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = accept::format(&headers);
    let scrape = Scrape {
        live: admin.app.live.load_full(),
        health: Arc::clone(&admin.app.health),
        refusals: admin.refusals,
        tls: admin.tls,
    };
    // It reads files, and is no hurry of anybody who delivers.
    let written = tokio::task::spawn_blocking(move || scrape.write(format)).await;
    let text = written.map_err(|_gone| Problem::Overloaded)?;
    let text = text.map_err(|_impossible| Problem::Overloaded)?;
    let content_type = match format {
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::VARY, "accept")];
    Ok((headers, text).into_response())
}

/// `GET /readyz`: 200 when a delivery could be stored, else 503 and why not.
pub(super) async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let readiness = admin.app.health.readiness();
    let stores = match readiness {
        Readiness::Ready => "jetstream",
        Readiness::Spooling => "spool",
        _ => {
            let reason = json!({ "status": "not_ready", "reason": readiness.as_str() });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(reason));
        }
    };
    (StatusCode::OK, Json(json!({ "status": "ready", "stores": stores })))
}

/// `GET /version`.
pub(super) async fn version() -> impl IntoResponse {
    Json(
        json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "contract": crate::event::VERSION }),
    )
}
