//! HTTP: which path and method leads where, and how every answer looks.
//!
//! In come requests from [`crate::listen`], out come receipts and problems. Statuses appear here and
//! nowhere else. One handler for forges and a router for operators, on two listeners.

mod accept;
mod admin;
pub mod client;
mod counted;
mod gate;
mod problem;
mod receipt;
mod receive;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio_util::task::TaskTracker;

use crate::health::Health;
use crate::listen::Refusals;
use crate::listen::answer::{Asked, Extended};
use crate::listen::tls::Tls;
use crate::live::Live;
use crate::outbox::Outbox;
pub use gate::Gate;
pub use problem::Problem;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// The configuration, as of now. A request takes it once and keeps it to its end.
    pub live: ArcSwap<Live>,
    /// What strangers may cost.
    pub gate: Gate,
    /// Where events go.
    pub outbox: Outbox,
    /// What `/livez` and `/readyz` answer from.
    pub health: Arc<Health>,
    /// Work that goes on when a client leaves before its answer.
    pub work: TaskTracker,
}

/// What answers forges: `POST /hooks/<source>`. There is nothing to route: every path and method comes to the
/// one handler, which knows what the source takes.
#[derive(Clone, Debug)]
pub struct Hooks(pub Arc<App>);

impl Service<Asked> for Hooks {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, (connection, request): Asked) -> Self::Future {
        let app = Arc::clone(&self.0);
        Box::pin(
            async move { Ok(receive::receive(app, connection, request).await.into_response()) },
        )
    }
}

/// What operators are answered from.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The daemon.
    pub app: Arc<App>,
    /// What the webhook listener refused by itself.
    pub refusals: Arc<Refusals>,
    /// What the listener for webhooks identifies itself with, if it speaks TLS.
    pub tls: Option<Arc<Tls>>,
}

/// The routes for operators: `/livez`, `/metrics`, `/readyz`, `/version`.
pub fn admin(state: Admin) -> Extended<TowerToHyperService<Router>> {
    let router = Router::new()
        .route("/livez", get(admin::livez))
        .route("/metrics", get(admin::metrics))
        .route("/readyz", get(admin::readyz))
        .route("/version", get(admin::version))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed { allow: "GET, HEAD" })
        .with_state(state);
    Extended(TowerToHyperService::new(router))
}
