//! Messages as JSON, one per line, for other programs.
//!
//! A body is not written anew: only the white space between its tokens goes, so that numbers, escapes
//! and the order of members stay as the forge sent them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Entry;

/// A body as text, if it is JSON.
pub(super) fn text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_json| text)
}

/// Valid JSON without the white space outside strings.
pub(super) fn compact(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 1);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

#[derive(Serialize)]
struct Document<'a> {
    subject: &'a str,
    sequence: u64,
    headers: BTreeMap<&'a str, Header<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// A header that stands once is a text, a repeated one a list.
#[derive(Serialize)]
#[serde(untagged)]
enum Header<'a> {
    Once(&'a str),
    Repeated(Vec<&'a str>),
}

/// The message with its subject, sequence and headers; a body that is no JSON stands in `body_base64`.
pub(super) fn with_headers(entry: &Entry) -> Vec<u8> {
    let body = text(&entry.body)
        .and_then(|json| String::from_utf8(compact(json)).ok())
        .and_then(|json| RawValue::from_string(json).ok());
    let body_base64 = body.is_none().then(|| STANDARD.encode(&entry.body));
    let document = Document {
        subject: &entry.subject,
        sequence: entry.sequence,
        headers: headers(&entry.headers),
        body,
        body_base64,
    };
    // Texts and numbers into memory: there is nothing that could fail.
    serde_json::to_vec(&document).unwrap_or_default()
}

fn headers(map: &async_nats::HeaderMap) -> BTreeMap<&str, Header<'_>> {
    map.iter()
        .map(|(name, values)| {
            let header = match values.as_slice() {
                [value] => Header::Once(value.as_str()),
                values => {
                    Header::Repeated(values.iter().map(async_nats::HeaderValue::as_str).collect())
                }
            };
            (AsRef::<str>::as_ref(name), header)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ \\\\\"\t\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map("[ \\\\\"a\n]{0,4}", inner, 0..6)
                    .prop_map(Value::from_iter),
            ]
        })
    }

    #[test]
    fn numbers_escapes_and_order_stay() {
        let given =
            "{ \"b\" : [ 1.50 , 1e500,\n -0 ],\t\"a\\u0041 \\\" \" : \" \\\\\" , \"b\":1 }\r\n";
        let wanted = r#"{"b":[1.50,1e500,-0],"a\u0041 \" ":" \\","b":1}"#;
        assert_eq!(String::from_utf8(compact(given)).unwrap(), wanted);
    }

    #[test]
    fn what_is_no_json_has_no_text() {
        for bad in [&b"\xff\"a\""[..], b"\"\xff\"", b"{", b"", b"1 2", b"\"\n\""] {
            assert_eq!(text(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn pretty_json_becomes_what_serde_writes_compactly(value in value()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), serde_json::to_vec(&value).unwrap());
        }

        #[test]
        fn what_is_compact_stays_and_is_one_line(value in value()) {
            let json = serde_json::to_string(&value).unwrap();
            let compacted = compact(&json);
            prop_assert_eq!(&compacted, json.as_bytes());
            prop_assert!(!compacted.contains(&b'\n'));
        }
    }
}
