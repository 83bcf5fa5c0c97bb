//! Version and limits of the server.

use super::Findings;
use crate::config::Config;
use crate::jetstream::JetStream;

const CHECK: &str = "server";

pub(super) fn check(config: &Config, jetstream: &JetStream, found: &mut Findings) {
    let (version, max_payload) = jetstream.server();
    let advice = "upgrade it, at least to 2.11.16, 2.12.7 or 2.14";
    match fault(&version) {
        None => found.ok(CHECK, format!("nats-server {version}")),
        Some((true, why)) => found.error(CHECK, format!("nats-server {version}: {why}"), advice),
        Some((false, why)) => found.warning(CHECK, format!("nats-server {version}: {why}"), advice),
    }
    let wanted = config.stream.max_inline_bytes;
    if max_payload >= wanted {
        let text = format!("{max_payload} bytes, and a message has at most {wanted}");
        return found.ok("max_payload", text);
    }
    let text = format!(
        "the server's max_payload is {max_payload}, less than stream.max_inline_bytes ({wanted})"
    );
    let advice = format!(
        "raise max_payload at the server, or set stream.max_inline_bytes to at most {max_payload}; what is larger goes to the object store"
    );
    found.warning("max_payload", text, advice);
}

/// What is known to be bad about a version, and whether forgewire cannot work with it.
fn fault(version: &str) -> Option<(bool, &'static str)> {
    let mut parts = version.split(['.', '-', '+']).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Some((false, "it is not known which version that is"));
    };
    let why = match (major, minor, patch) {
        (0 | 1, _, _) | (2, 0..=8, _) => return Some((true, "2.9 or newer is needed")),
        (2, 9, _) => {
            "it is for trials: it syncs once a minute and cannot be told otherwise, and a stream that is made while one of its name is being deleted loses what it takes"
        }
        (2, 10, 0..=22) => "it can lose a stream when it is killed (mended in 2.10.23)",
        (2, 12, 0..=2) => {
            "it can lose acknowledged messages when the cluster's members change (mended in 2.12.3)"
        }
        (2, 10 | 13, _) | (2, 11, 0..=15) | (2, 12, 3..=6) => {
            "it lacks security fixes (they are in 2.11.16, 2.12.7 and 2.14.0)"
        }
        _ => return None,
    };
    Some((false, why))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn versions_with_known_faults_are_named_and_others_are_not() {
        for good in ["2.11.16", "2.12.7", "2.14.0", "2.15.1", "2.15.0-dev", "3.0.0"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["2.9.10", "2.10.22", "2.10.27", "2.11.15", "2.12.0", "2.12.6", "x", ""] {
            assert!(matches!(fault(bad), Some((false, _))), "{bad}");
        }
        assert!(matches!(fault("2.8.4"), Some((true, _))));
    }
}
