//! Which format a scrape is answered in.
//!
//! In comes `Accept`, out comes the format that it prefers. Nobody is refused for it: what accepts neither gets the
//! plain text, which people read too.

use axum::http::{HeaderMap, header};

use crate::metrics::scrape::Format;

/// Ranges that are looked at, of all headers together.
const MOST: usize = 32;

/// The format that is preferred; where both are alike, or nothing is said, Prometheus text.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let said = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open, mut plain) = (None, None);
    for range in said.flat_map(|value| value.split(',')).take(MOST) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1000, None);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => weight = thousandths(value),
                "version" => version = Some(value),
                _ => {}
            }
        }
        match (media_type.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => open = open.max(Some(weight)),
            ("text/plain" | "text/*" | "*/*", None | Some("0.0.4")) => {
                plain = plain.max(Some(weight));
            }
            _ => {}
        }
    }
    if open.is_some_and(|open| open > plain.unwrap_or(0)) {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

/// A weight, which has at most three decimals; what is none counts as zero.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.len() == 1 && rest.len() <= 3 && rest.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| format!("{whole}{rest:0<3}").parse().ok()).flatten();
    number.unwrap_or(0).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &[&str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        format(&headers)
    }

    #[test]
    fn openmetrics_is_for_who_prefers_it() {
        for accept in [
            // Prometheus 2.42, and 3.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.001",
        ] {
            assert_eq!(of(&[accept]), Format::OpenMetrics, "{accept}");
        }
        assert_eq!(of(&["text/html", "application/openmetrics-text"]), Format::OpenMetrics);
    }

    #[test]
    fn everybody_else_gets_prometheus_text() {
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.5, text/plain",
            "application/openmetrics-text;q=1.5.5",
            "application/openmetrics-text; version=2.0.0",
            "application/openmetrics-text, */*",
            ";;;q=,,=;",
        ] {
            assert_eq!(of(&[accept]), Format::Prometheus, "{accept}");
        }
        assert_eq!(of(&[]), Format::Prometheus);
    }
}
