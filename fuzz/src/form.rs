//! The form decoder, beside the one of the `form_urlencoded` crate.

use forgewire::form::{NoPayload, payload};

/// Holds that both find the same payload. The other one reads values as UTF-8 and replaces what is none.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(form: &[u8]) {
    let mut values =
        form_urlencoded::parse(form).filter(|(name, _)| name == "payload").map(|(_, value)| value);
    let expected = match (values.next(), values.next()) {
        (None, _) => Err(NoPayload::Missing),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(NoPayload::Repeated),
    };
    match (payload(form), expected) {
        (Ok(found), Ok(expected)) => {
            assert_eq!(String::from_utf8_lossy(&found), expected);
            assert!(found.len() <= form.len(), "decoding makes nothing longer");
        }
        (found, expected) => assert_eq!(found.err(), expected.err(), "which refusal"),
    }
}
