//! The reader beside `serde_json`, on JSON and on what is nearly JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::wire::Text;

/// Every form that payload types are made of.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Sample<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    number: Option<i64>,
    real: Option<f64>,
    yes: bool,
    list: Vec<Self>,
    inner: Option<Box<Self>>,
    names: BTreeMap<String, u8>,
    pair: Option<(u8, u8)>,
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    object(text)
}

fn parsed(text: &str) -> Result<Value> {
    let mut reader = Reader::new(text);
    let value = Value::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[test]
fn a_payload_is_read_and_borrowed() {
    let text = " { \"text\" :\t\"plain\", \"other\": [1, {\"a\": [\"x\\u0041\\n\", -0.5e+3, null, true]}],\n        \"number\": -7,
        \"list\": [ {\"yes\": true}, {} ], \"inner\": null, \"names\": {\"a\\tb\": 3}, \"pair\": [1, 2] }\n";
    let sample: Sample<'_> = read(text).unwrap();
    assert!(matches!(sample.text.said(), Some(Cow::Borrowed("plain"))));
    assert_eq!((sample.number, sample.list.len(), sample.list[0].yes), (Some(-7), 2, true));
    assert_eq!((sample.inner, sample.names["a\tb"], sample.pair), (None, 3, Some((1, 2))));
}

#[test]
fn escapes_are_decoded_and_half_a_pair_becomes_a_replacement() {
    for (json, expected) in [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""a\u00e9\u20AC\ud83d\ude00z""#, "aé€😀z"),
        (r#""\ud83dx""#, "\u{fffd}x"),
        (r#""\ude00""#, "\u{fffd}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\u0000é\\""#, "\0é\\"),
    ] {
        assert_eq!(parsed(json), Ok(json!(expected)), "{json}");
    }
}

#[test]
fn white_space_may_stand_around_every_token() {
    let tokens = "{ \"a\" : [ 1 , true , [ ] , { } , null ] , \"b\" : { \"c\" : \"d\" } }";
    let plain = serde_json::from_str::<Value>(tokens).unwrap();
    for space in ["", " ", "  ", "\n", "\t", "\r\n\t", "\n                    "] {
        let text = [space, &tokens.replace(' ', space), space].concat();
        assert_eq!(parsed(&text), Ok(plain.clone()), "{text:?}");
        assert!(is_json(&text), "{text:?}");
        assert!(read::<Sample<'_>>(&[space, "{", space, "}", space].concat()).is_ok());
        assert_eq!(parsed(&[space, "true", space].concat()), Ok(json!(true)));
    }
}

#[test]
fn what_is_no_json_is_refused_read_or_skipped() {
    for bad in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "[1 2]",
        "[,1]",
        "{,}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{\"a\":1]",
        "01",
        "-",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "tru",
        "nul",
        "falsee",
        "1x",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\t\"",
        "\"\n\"",
        "1 1",
        "null,",
        "\u{feff}1",
        "NaN",
        "'a'",
        "[1]]",
        "\u{a0}1",
    ] {
        assert!(parsed(bad).is_err(), "{bad}");
        assert!(!is_json(bad), "{bad}");
        let inside = format!("{{\"other\":[{bad}]}}");
        if !matches!(bad, "" | " ") {
            assert!(read::<Sample<'_>>(&inside).is_err(), "{inside}");
        }
    }
}

#[test]
fn a_wrong_form_and_a_repeated_member_are_refused() {
    for bad in [
        r#"{"text":1}"#,
        r#"{"number":1.5}"#,
        r#"{"number":1e3}"#,
        r#"{"yes":null}"#,
        r#"{"list":{}}"#,
        r#"{"pair":[1,2,3]}"#,
        r#"{"pair":[1]}"#,
        r#"{"text":"a","text":"b"}"#,
        "[null]",
    ] {
        assert_eq!(read::<Sample<'_>>(bad), Err(Unreadable), "{bad}");
    }
}

#[test]
fn a_hundred_levels_are_read_and_one_more_is_not() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(is_json(&nested(100)) && parsed(&nested(100)).is_ok());
    assert!(!is_json(&nested(101)) && parsed(&nested(101)).is_err());
    assert!(!is_json(&"[{\"a\":".repeat(1_000_000)));
}

#[test]
fn verbatim_is_the_text_of_the_value() {
    #[derive(Deserialize)]
    struct Holder<'a> {
        #[serde(borrow)]
        kept: Option<crate::wire::Verbatim<'a>>,
    }
    for (text, kept) in [
        ("{\"kept\": {\"a\" : [1, \"\\\"}\"]} }", Some("{\"a\" : [1, \"\\\"}\"]}")),
        ("{\"kept\":-1}", Some("-1")),
        ("{\"kept\":null}", None),
    ] {
        let holder: Holder<'_> = read(text).unwrap();
        assert_eq!(holder.kept.map(|kept| kept.0), kept, "{text}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        "\\PC{0,40}|[\\x00-\\x7f]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,12}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_read_as_serde_json_reads_it(value in value(), pretty: bool) {
        let text =
            if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(parsed(&text), Ok(value));
        prop_assert!(is_json(&text));
    }

    #[test]
    fn near_json_is_taken_and_refused_as_serde_json_does(
        text in "([\\[\\]{},:\"\\\\0-9eE.+ \n\t-]|\"a\":|true|null|false|\\\\u00e9|\"x\"){0,12}",
    ) {
        let reference = serde_json::from_str::<de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(is_json(&text), reference);
        // A number that is too large for f64 is only skipped by the one, and infinite for the other.
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(parsed(&text), Ok(value));
        }
    }

    #[test]
    fn a_damaged_text_is_survived(value in value(), at: prop::sample::Index, byte in "\\PC|[\\x00-\\x7f]") {
        let mut text = serde_json::to_string(&value).unwrap();
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &byte);
        prop_assert_eq!(is_json(&text), serde_json::from_str::<de::IgnoredAny>(&text).is_ok());
        let _ = read::<Sample<'_>>(&text);
    }
}
