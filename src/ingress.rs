//! HTTP: which path and method leads where, and how every answer looks.
//!
//! In come requests from [`crate::listen`], out come receipts and problems. Statuses appear here and
//! nowhere else. Two routers, one for forges and one for operators, on two listeners.

mod admin;
mod problem;
mod receive;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::health::Health;
use crate::outbox::Outbox;
pub use problem::Problem;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// Where events go.
    pub outbox: Outbox,
    /// What `/readyz` answers from.
    pub health: Arc<Health>,
    /// Work that goes on when a client leaves before its answer.
    pub work: TaskTracker,
}

/// The routes for forges: `POST /hooks/<source>`.
pub fn hooks(app: Arc<App>) -> Router {
    // Every method comes to the one handler, which knows what the source takes: a route for GET would
    // answer HEAD by publishing.
    Router::new()
        .route("/hooks/{source}", any(receive::receive))
        .fallback(async || Problem::NotFound)
        .with_state(app)
}

/// The routes for operators: `/livez`, `/readyz`, `/version`.
pub fn admin(health: Arc<Health>) -> Router {
    Router::new()
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .route("/version", get(admin::version))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed { allow: "GET, HEAD" })
        .with_state(health)
}
