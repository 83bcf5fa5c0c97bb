//! What answers the requests of a server.
//!
//! In comes a request with the connection that it came over, out comes a response. The connection is beside the request
//! and not one of its extensions: those are a map on the heap, made and dropped for each request.

use std::convert::Infallible;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::Service;

use super::registry::ConnHandle;

/// A request, and the connection that it came over.
pub type Asked = (ConnHandle, Request<Incoming>);

/// What answers requests; an axum `Router` does inside of [`Extended`] and a `TowerToHyperService`.
pub trait Answer:
    Service<
        Asked,
        Response = hyper::Response<axum::body::Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Answer for S where
    S: Service<
            Asked,
            Response = hyper::Response<axum::body::Body>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// What knows requests alone: they carry the connection as an extension.
#[derive(Clone, Debug)]
pub struct Extended<S>(pub S);

impl<S: Service<Request<Incoming>>> Service<Asked> for Extended<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, (connection, mut request): Asked) -> Self::Future {
        request.extensions_mut().insert(connection);
        self.0.call(request)
    }
}
