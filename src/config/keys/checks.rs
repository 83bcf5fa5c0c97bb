//! Checks of texts, by key: each says what the text must be if it is not.

use hyper::Uri;
use tracing_subscriber::EnvFilter;

use crate::network::Networks;
use crate::scope::{PATTERN_RULE, Scope};
use crate::source::Kind;

pub(in crate::config) fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.name()).collect()
}

fn holds(good: bool, rule: &'static str) -> Result<(), &'static str> {
    good.then_some(()).ok_or(rule)
}

pub(in crate::config) fn repository_pattern(text: &str) -> Result<(), &'static str> {
    Scope::parse(&[text]).map(drop).map_err(|_rule| PATTERN_RULE)
}

pub(in crate::config) fn network(text: &str) -> Result<(), &'static str> {
    Networks::parse(&[text]).map(drop)
}

pub(in crate::config) fn server(text: &str) -> Result<(), &'static str> {
    const RULE: &str = "must be a URL such as nats://host:4222 or tls://host:4222";
    let url: Uri = text.parse().map_err(|_error| RULE)?;
    let authority = url.authority().ok_or(RULE)?;
    if authority.as_str().contains('@') {
        return Err(
            "must not hold a user, password or token: set nats.user with nats.password_file, \
                    nats.token_file, nats.nkey_file or nats.creds_file",
        );
    }
    let scheme = matches!(url.scheme_str(), Some("nats" | "tls"));
    let port = authority.host().len() == authority.as_str().len() || authority.port_u16().is_some();
    let bare = matches!(url.path(), "" | "/") && url.query().is_none();
    holds(scheme && port && bare && !authority.host().is_empty(), RULE)
}

pub(in crate::config) fn base_url(text: &str) -> Result<(), &'static str> {
    const RULE: &str = "must be a URL such as https://bitbucket.example.com";
    let url: Uri = text.parse().map_err(|_error| RULE)?;
    let authority = url.authority().ok_or(RULE)?;
    if authority.as_str().contains('@') {
        return Err("must not hold a user or password");
    }
    let scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let port = authority.host().len() == authority.as_str().len() || authority.port_u16().is_some();
    let bare = url.query().is_none() && !text.contains('#');
    holds(scheme && port && bare && !authority.host().is_empty() && text.len() <= 1_024, RULE)
}

pub(in crate::config) fn connection_name(text: &str) -> Result<(), &'static str> {
    let good = (1..=128).contains(&text.len()) && !text.contains(char::is_control);
    holds(good, "must have 1 to 128 bytes without control characters")
}

pub(in crate::config) fn user(text: &str) -> Result<(), &'static str> {
    let good = (1..=256).contains(&text.len()) && !text.contains(char::is_control);
    holds(good, "must have 1 to 256 bytes without control characters")
}

pub(in crate::config) fn tokens(text: &str) -> Result<(), &'static str> {
    let bad = |c: char| !c.is_ascii_graphic() || "*>".contains(c);
    let good = text.len() <= 200 && !text.contains(bad) && text.split('.').all(|t| !t.is_empty());
    holds(
        good,
        "must be tokens with dots between them, without spaces and wildcards, at most 200 bytes",
    )
}

pub(in crate::config) fn domain(text: &str) -> Result<(), &'static str> {
    let good = (1..=64).contains(&text.len()) && !text.contains('.') && tokens(text).is_ok();
    holds(good, "must be one token of 1 to 64 bytes without spaces, dots and wildcards")
}

pub(in crate::config) fn stream_name(text: &str) -> Result<(), &'static str> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    holds(
        (1..=255).contains(&text.len()) && !text.contains(bad),
        "must have 1 to 255 bytes without spaces, control characters and . * > / \\",
    )
}

pub(in crate::config) fn bucket_name(text: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    holds(
        (1..=200).contains(&text.len()) && text.bytes().all(plain),
        "must have 1 to 200 of A-Z a-z 0-9 _ -",
    )
}

pub(in crate::config) fn subject_prefix(text: &str) -> Result<(), &'static str> {
    holds(
        crate::subject::is_prefix(text),
        "must be 1 to 5 tokens of A-Z a-z 0-9 _ - with dots between them, at most 200 bytes",
    )
}

pub(in crate::config) fn log_filter(text: &str) -> Result<(), &'static str> {
    let good = text.len() <= 4_096 && EnvFilter::try_new(text).is_ok();
    holds(good, "must be filter directives such as info,forgewire=debug")
}

pub(in crate::config) fn variable(text: &str) -> Result<(), &'static str> {
    let word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let good =
        word && (1..=256).contains(&text.len()) && !text.starts_with(|c: char| c.is_ascii_digit());
    holds(good, "must be the name of an environment variable (A-Z a-z 0-9 _)")
}

pub(in crate::config) fn secret_id(text: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    holds(
        (1..=64).contains(&text.len()) && text.bytes().all(plain),
        "must have 1 to 64 of A-Z a-z 0-9 . _ -",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_forges_are_told_from_other_texts() {
        for good in
            ["https://git.example.com", "http://[::1]:7990/bitbucket/", "https://git/a", "HTTP://x"]
        {
            assert_eq!(base_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "git.example.com",
            "/bitbucket",
            "ssh://git.example.com",
            "https://",
            "https://git.example.com:99999",
            "https://u:p@git.example.com",
            "https://u@git.example.com",
            "https://git.example.com/?a=b",
            "https://git.example.com/#a",
            "https://git example.com",
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_of_servers_are_told_from_other_texts() {
        for good in ["nats://n1:4222", "tls://n1", "nats://[::1]:4222", "nats://10.0.0.1/"] {
            assert_eq!(server(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "n1",
            "n1:4222",
            "http://n1",
            "nats://",
            "nats://n1:99999",
            "nats://n1:x",
            "nats://n1/path",
            "nats://u:p@n1",
            "nats://t@n1",
        ] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }
}
