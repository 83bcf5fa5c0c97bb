//! Every way to be refused: status, stable code and text, in one table.
//!
//! The answer is an RFC 9457 problem. It says what the sender may know: that a signature was refused, not
//! why; our log says why.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::gate::TurnedAway;
use crate::listen::body::BodyError;

/// Seconds after which a forge, or its administrator, may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Problem {
    /// The body broke off.
    BodyAborted,
    /// The body took longer than `http.body_timeout`.
    BodyTimeout,
    /// The body is over `http.max_body_bytes`.
    BodyTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The source takes nothing from this client's network.
    ClientNotAllowed,
    /// The body is compressed.
    Compressed,
    /// A method that this path does not take.
    MethodNotAllowed {
        /// Those that it takes.
        allow: &'static str,
    },
    /// A form or query without a `payload`, or with several.
    NoPayload,
    /// There is no source of that name.
    NoSuchSource,
    /// Not signed with a secret of this source.
    NotAuthenticated,
    /// There is nothing at this path.
    NotFound,
    /// JetStream did not acknowledge every event.
    NotStored,
    /// The repository is outside the scope of the source or secret.
    OutOfScope,
    /// Too much is going on.
    Overloaded,
    /// This client, or all that are unknown, was refused too often.
    TooManyRefused {
        /// Seconds until it may try again.
        retry_after: u64,
    },
    /// The URL is longer than is taken.
    UriTooLong,
}

impl Problem {
    /// Status and code. The code is stable, and the same in answers, logs and the README.
    #[must_use]
    pub const fn verdict(self) -> (StatusCode, &'static str) {
        match self {
            Self::BodyAborted => (StatusCode::BAD_REQUEST, "body_aborted"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::ClientNotAllowed => (StatusCode::FORBIDDEN, "client_not_allowed"),
            Self::Compressed => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed"),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NoPayload => (StatusCode::BAD_REQUEST, "no_payload"),
            Self::NoSuchSource => (StatusCode::NOT_FOUND, "no_such_source"),
            Self::NotAuthenticated => (StatusCode::UNAUTHORIZED, "not_authenticated"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::NotStored => (StatusCode::SERVICE_UNAVAILABLE, "not_stored"),
            Self::OutOfScope => (StatusCode::FORBIDDEN, "out_of_scope"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::TooManyRefused { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_refused"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "uri_too_long"),
        }
    }

    /// Whether it is for the account of who sent the request: nothing of it was authentic.
    #[must_use]
    pub const fn is_strangers(self) -> bool {
        !matches!(
            self,
            Self::NotStored | Self::OutOfScope | Self::Overloaded | Self::TooManyRefused { .. }
        )
    }

    /// Whether the delivery was taken for what it says it is, and failed for another reason.
    #[must_use]
    pub const fn is_after_reading(self) -> bool {
        matches!(self, Self::NotStored | Self::OutOfScope)
    }

    /// What to tell an administrator who reads this in the forge's delivery log.
    const fn detail(self) -> &'static str {
        match self {
            Self::BodyAborted => "The body ended before it was complete.",
            Self::BodyTimeout => "The body took longer than http.body_timeout.",
            Self::BodyTooLarge { .. } => "The body is larger than http.max_body_bytes.",
            Self::ClientNotAllowed => {
                "This source takes deliveries from other networks: see `clients` of the source."
            }
            Self::Compressed => "Compressed bodies are not read: send it without Content-Encoding.",
            Self::MethodNotAllowed { .. } => {
                "Webhooks come by POST; by GET only to a source with accept_get = true."
            }
            Self::NoPayload => {
                "A form or query must have exactly one member named payload; JSON needs Content-Type: application/json."
            }
            Self::NoSuchSource => {
                "No source of this name is configured: the URL is /hooks/ and its name."
            }
            Self::NotAuthenticated => {
                "The signature was refused: compare the secret of the hook with that of the source."
            }
            Self::NotFound => {
                "There is nothing here: webhooks go to /hooks/ and the name of a source."
            }
            Self::NotStored => {
                "JetStream has not acknowledged every event of this delivery: deliver it again."
            }
            Self::OutOfScope => "This source, or the secret used, is not for this repository.",
            Self::Overloaded => "Too many bodies are being received: deliver it again.",
            Self::TooManyRefused { .. } => {
                "Too many requests were refused: compare the hooks' secrets and URLs, and deliver it again."
            }
            Self::UriTooLong => "The URL is too long: deliver by POST.",
        }
    }
}

impl From<TurnedAway> for Problem {
    fn from(TurnedAway { retry_after }: TurnedAway) -> Self {
        Self::TooManyRefused { retry_after }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Aborted => Self::BodyAborted,
            BodyError::Overloaded => Self::Overloaded,
            BodyError::TimedOut => Self::BodyTimeout,
            BodyError::TooLarge { limit } => Self::BodyTooLarge { limit },
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = self.verdict();
        let mut body = json!({
            "type": format!("urn:forgewire:problem:{code}"),
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": code,
            "detail": self.detail(),
        });
        if let (Self::BodyTooLarge { limit }, Some(members)) = (self, body.as_object_mut()) {
            members.insert("limit_bytes".into(), limit.into());
        }
        let content_type: (HeaderName, HeaderValue) =
            (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (status, [content_type], body.to_string()).into_response();
        let extra = match self {
            Self::MethodNotAllowed { allow } => {
                Some((header::ALLOW, HeaderValue::from_static(allow)))
            }
            Self::NotStored | Self::Overloaded => Some((header::RETRY_AFTER, RETRY_AFTER)),
            Self::TooManyRefused { retry_after } => Some((header::RETRY_AFTER, retry_after.into())),
            _ => None,
        };
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
