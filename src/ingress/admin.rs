//! Probes: is it alive, can it store, which version is it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;

use crate::health::{Health, Readiness};

/// `GET /livez`: the runtime answers.
pub(super) async fn livez() -> impl IntoResponse {
    Json(json!({ "status": "alive" }))
}

/// `GET /readyz`: 200 when a delivery could be stored, else 503 and why not.
pub(super) async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let readiness = health.readiness();
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
