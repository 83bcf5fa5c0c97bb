//! The receipt of a delivery: what an administrator reads in the forge's delivery log.
//!
//! In come the receipts of its events, out comes the answer 202.

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::event::write_json;
use crate::outbox::Receipt;

/// What a receipt of one event takes, and some more.
const USUAL_BYTES: usize = 512;
/// Most events that a receipt lists.
const LISTED: usize = 50;

#[derive(Serialize)]
struct Accepted<'a> {
    status: &'static str,
    delivery: &'a str,
    events: Vec<Listed<'a>>,
    count: usize,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate: Option<bool>,
}

impl<'a> Listed<'a> {
    fn of(receipt: &'a Receipt) -> Self {
        let place = receipt.place.as_ref();
        Self {
            id: &receipt.id,
            subject: &receipt.subject,
            stream: place.map(|place| &*place.stream),
            sequence: place.map(|place| place.sequence),
            duplicate: place.map(|place| place.duplicate),
        }
    }
}

/// The answer to a delivery whose events are all stored.
pub(super) fn accepted(delivery: &str, receipts: &[Receipt]) -> Response {
    let events = receipts.iter().take(LISTED).map(Listed::of).collect();
    let published = receipts.iter().all(|receipt| receipt.place.is_some());
    let status = if published { "published" } else { "spooled" };
    let receipt = Accepted { status, delivery, events, count: receipts.len() };
    let mut body = Vec::with_capacity(USUAL_BYTES);
    if write_json(&mut body, &receipt).is_err() {
        // It has nothing that cannot be written.
        return (StatusCode::ACCEPTED, Json(receipt)).into_response();
    }
    let media_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (StatusCode::ACCEPTED, [media_type], body).into_response()
}
