//! The `payload` of a form body or a query: the other two ways in which the Gitea family delivers.
//!
//! In comes `application/x-www-form-urlencoded` text, out comes the decoded value of the one member
//! named `payload`. Never allocates more than the text is long.

use std::borrow::Cow;

use bytes::Bytes;

/// Why there is no payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoPayload {
    /// No member has that name.
    #[error("there is no member named payload")]
    Missing,
    /// Several have, and which one is signed nobody knows.
    #[error("there are several members named payload")]
    Repeated,
}

/// Finds and decodes the member named `payload`.
///
/// `+` is a space, `%XX` a byte; an escape that is none stays as it is, as browsers and Go's clients
/// read it (the signature decides whether that was what the forge sent).
///
/// # Errors
///
/// [`NoPayload`] when there is not exactly one.
pub fn payload(form: &[u8]) -> Result<Bytes, NoPayload> {
    let mut found = None;
    for member in form.split(|&b| b == b'&') {
        let (name, value) = match memchr::memchr(b'=', member) {
            Some(at) => {
                (member.get(..at).unwrap_or_default(), member.get(at + 1..).unwrap_or_default())
            }
            None => (member, &[][..]),
        };
        if name.len() <= 3 * b"payload".len() && decode(name).as_ref() == b"payload" {
            if found.is_some() {
                return Err(NoPayload::Repeated);
            }
            found = Some(value);
        }
    }
    found.map(|value| Bytes::from(decode(value).into_owned())).ok_or(NoPayload::Missing)
}

fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr2(b'+', b'%', text) else {
        return Cow::Borrowed(text);
    };
    let (plain, mut rest) = text.split_at(first);
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(plain);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match tail {
                [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    out.push(hex(*high) * 16 + hex(*low));
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            _ => {
                let run = memchr::memchr2(b'+', b'%', tail).unwrap_or(tail.len());
                let (same, after) = tail.split_at(run);
                out.push(byte);
                out.extend_from_slice(same);
                rest = after;
            }
        }
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_member_is_found_among_others_and_decoded_once() {
        let form = b"a=1&payload=%7B%22a%22%3A+%22%2525%2B%22%7D&b";
        assert_eq!(payload(form).unwrap(), &b"{\"a\": \"%25+\"}"[..]);
        assert_eq!(payload(b"%70ayload=x").unwrap(), "x");
        assert_eq!(payload(b"payload").unwrap(), "");
    }

    #[test]
    fn none_and_two_are_refused() {
        assert_eq!(payload(b""), Err(NoPayload::Missing));
        assert_eq!(payload(b"{\"a\":1}"), Err(NoPayload::Missing));
        assert_eq!(payload(b"payload=1&payload=1"), Err(NoPayload::Repeated));
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(payload(b"payload=%zz%4%").unwrap(), "%zz%4%");
    }

    fn encode(value: &[u8]) -> Vec<u8> {
        value
            .iter()
            .flat_map(|b| match b {
                b' ' => b"+".to_vec(),
                b if b.is_ascii_alphanumeric() => vec![*b],
                b => format!("%{b:02X}").into_bytes(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn any_bytes_come_out_as_they_were_encoded(value: Vec<u8>) {
            let form = [b"payload=", encode(&value).as_slice()].concat();
            prop_assert_eq!(payload(&form).unwrap(), value);
        }

        #[test]
        fn any_form_is_survived(form: Vec<u8>) {
            let _ = payload(&form);
        }
    }
}
