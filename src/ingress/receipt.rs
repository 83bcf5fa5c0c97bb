//! The receipt of a delivery: what an administrator reads in the forge's delivery log.
//!
//! In come the receipts of its events, out comes the answer 202.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::outbox::Receipt;

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
    (StatusCode::ACCEPTED, Json(receipt)).into_response()
}
