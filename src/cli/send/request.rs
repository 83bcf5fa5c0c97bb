//! A delivery as an HTTP request: headers of its kind, signature, and the payload as JSON, form or query.

use std::fmt::Write as _;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use super::target::Target;
use crate::cli::Usage;
use crate::samples::{Said, signature};

/// How the payload travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Form,
    Get,
    Json,
}

/// What is sent.
pub(super) struct Delivery {
    pub(super) event: String,
    pub(super) event_type: Option<String>,
    pub(super) payload: Bytes,
    pub(super) mode: Mode,
    /// None: a fresh one for each request.
    pub(super) id: Option<String>,
}

impl Delivery {
    /// Makes the request, signed.
    pub(super) fn request(&self, target: &Target) -> anyhow::Result<Request<Full<Bytes>>> {
        let body = match self.mode {
            Mode::Form => Bytes::from(format!("payload={}", form_encoded(&self.payload))),
            Mode::Get => Bytes::new(),
            Mode::Json => self.payload.clone(),
        };
        let signs_payload = target.kind.forge().signs_decoded_form() || self.mode == Mode::Get;
        let signed = if signs_payload { &self.payload } else { &body };
        let signature = signature(target.secret.expose(), signed);
        let signature = signature.context("the secret is no HMAC key")?;
        let id = self.id.clone().map_or_else(fresh_id, Ok)?;
        let (method, url) = match self.mode {
            Mode::Get => (Method::GET, with_query(&target.url, &self.payload)?),
            Mode::Form | Mode::Json => (Method::POST, target.url.clone()),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = url;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(target.sender.user_agent));
        // Go asks for gzip; the answer is read here as it comes.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(media_type) = self.mode.media_type() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        let said = Said {
            delivery: &id,
            event: &self.event,
            event_type: self.event_type.as_deref(),
            signature: &signature,
        };
        for &(name, part) in target.sender.headers {
            let Some(value) = part.value(&said) else { continue };
            let value = HeaderValue::from_str(&value).map_err(|_control_character| {
                let options = "--event, --event-type and --delivery";
                Usage(format!("{options} take text without control characters"))
            })?;
            headers.insert(name, value);
        }
        Ok(request)
    }
}

impl Mode {
    fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Form => Some("application/x-www-form-urlencoded"),
            Self::Get => None,
            Self::Json => Some("application/json"),
        }
    }
}

/// A random UUID (version 4), which is what forges use.
fn fresh_id() -> anyhow::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("the system gives no random numbers")?;
    let bits = u128::from_be_bytes(random);
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    let mut id = String::with_capacity(36);
    for (index, digit) in text.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    Ok(id)
}

fn form_encoded(payload: &[u8]) -> String {
    payload.iter().fold(String::with_capacity(payload.len() * 2), |mut text, &byte| {
        match byte {
            b' ' => text.push('+'),
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => text.push(char::from(b)),
            b => {
                let _ = write!(text, "%{b:02X}");
            }
        }
        text
    })
}

/// The URL with the payload in its query, beside what stands there already.
fn with_query(url: &Uri, payload: &[u8]) -> anyhow::Result<Uri> {
    let payload = form_encoded(payload);
    let query = match url.query() {
        Some(others) => format!("{others}&payload={payload}"),
        None => format!("payload={payload}"),
    };
    let mut parts = url.clone().into_parts();
    let path = format!("{}?{query}", url.path()).parse();
    parts.path_and_query =
        Some(path.context("the payload is too long for a URL: send it without --get")?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_id_is_a_random_uuid() {
        let id = fresh_id().unwrap();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(id.as_bytes()[14], b'4', "{id}");
        assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        assert_ne!(id, fresh_id().unwrap());
    }

    #[test]
    fn what_is_form_encoded_is_decoded_again() {
        let every: Vec<u8> = (0..=255).collect();
        let form = format!("payload={}", form_encoded(&every));
        assert_eq!(crate::form::payload(form.as_bytes()).unwrap(), every);
    }
}
