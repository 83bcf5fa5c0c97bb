//! The schema that every body is held against, whichever test made it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use forgewire::event::schema;
use jsonschema::Validator;
use serde_json::Value;
use serde_json::value::RawValue;

static WHOLE: LazyLock<Validator> = LazyLock::new(|| validator(&schema::whole()));

/// A validator that also checks formats.
pub(crate) fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .expect("a schema")
}

/// Fails unless the schema takes this body of a message.
pub(crate) fn assert_valid(body: &[u8]) {
    let faults = faults(&WHOLE, body);
    assert!(faults.is_empty(), "{faults:#?} in {}", String::from_utf8_lossy(body));
}

/// What the schema says against a body.
pub(crate) fn faults(validator: &Validator, body: &[u8]) -> Vec<String> {
    // The payload is the forge's own: it may hold what a parsed value cannot, such as a number of 400 digits.
    let members: BTreeMap<&str, &RawValue> = serde_json::from_slice(body).expect("a JSON object");
    let parsed = members.into_iter().map(|(name, text)| match name {
        "raw" => (name.to_owned(), Value::Null),
        _ => (name.to_owned(), serde_json::from_str(text.get()).expect("JSON")),
    });
    let body = Value::Object(parsed.collect());
    let faults = validator.iter_errors(&body);
    faults.map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}
