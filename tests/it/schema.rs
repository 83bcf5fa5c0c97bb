//! The JSON Schema: what is committed is what the code says, it takes every body, and it only grows.

mod growth;

use std::path::PathBuf;

use forgewire::event::{Data, SCHEMA_ID, schema};
use serde_json::{Value, json};

use crate::support::program;
use crate::support::schema::{faults, validator};

const COMMITTED: &str = "docs/schema/event-1.json";
const RELEASED: &str = "tests/it/schema/released.json";

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A body with everything that is required.
fn body(event: &str, action: &str, data: &Value) -> Value {
    json!({
        "version": 1, "id": "gitea:1", "source": "gitea", "forge": "gitea", "event": event, "action": action,
        "received_at": "2026-11-22T12:00:00Z",
        "delivery": { "id": "1", "digest": "blake3=00", "authenticated": true, "attempt": 1 },
        "data": data,
    })
}

fn faults_of(schema: &Value, body: &Value) -> Vec<String> {
    faults(&validator(schema), &serde_json::to_vec(body).unwrap())
}

/// Every value below, with the path to it.
fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, value);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| walk(value, &format!("{path}/{name}"), visit));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| walk(value, &format!("{path}/{index}"), visit));
        }
        _ => {}
    }
}

#[test]
fn the_committed_schema_is_what_the_code_says() {
    let now = schema::to_text(&schema::whole());
    assert!(file(COMMITTED) == now, "{COMMITTED} is not what the types say: run `make docs`");
}

#[test]
fn the_schema_has_only_grown_since_the_last_release() {
    let released = serde_json::from_str(&file(RELEASED)).unwrap();
    let lost = growth::lost(&released, &schema::whole());
    assert!(
        lost.is_empty(),
        "A subscriber of the last release cannot read every body any more: {lost:#?}\nWithin one version of \
         the contract the schema only grows. {RELEASED} is replaced by {COMMITTED} when a release is made."
    );
}

#[test]
fn the_command_prints_the_schema_of_all_and_of_each_event() {
    let (code, printed, _) = program::run(&["schema"]);
    assert_eq!((code, printed), (0, schema::to_text(&schema::whole())));
    for spec in Data::EVENTS {
        let (code, printed, _) = program::run(&["schema", "--event", spec.name]);
        let schema = schema::of_event(spec.name).unwrap();
        assert_eq!((code, printed), (0, schema::to_text(&schema)), "{}", spec.name);
    }
}

#[test]
fn an_unknown_event_is_wrong_usage_and_the_error_lists_the_known_ones() {
    let (code, printed, errors) = program::run(&["schema", "--event", "pusch"]);
    assert_eq!((code, printed.as_str()), (64, ""));
    for spec in Data::EVENTS {
        assert!(errors.contains(spec.name), "{errors}");
    }
    assert_eq!(schema::of_event("pusch"), None);
}

#[test]
fn the_schema_of_one_event_holds_the_definitions_that_it_refers_to_and_no_others() {
    for spec in Data::EVENTS {
        let schema = schema::of_event(spec.name).unwrap();
        let mut used = Vec::new();
        walk(&schema, "", &mut |_, value| {
            used.extend(value["$ref"].as_str().map(|name| name.replace("#/$defs/", "")));
        });
        used.sort_unstable();
        used.dedup();
        let defined: Vec<_> = schema["$defs"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(defined, used, "{}", spec.name);
        assert_eq!(schema["$id"], format!("{SCHEMA_ID}:{}", spec.name));
    }
}

#[test]
fn the_schema_of_one_event_takes_no_other() {
    let ping = body("ping", "sent", &json!({}));
    assert_eq!(faults_of(&schema::of_event("ping").unwrap(), &ping), [""; 0]);
    assert_ne!(faults_of(&schema::of_event("push").unwrap(), &ping), [""; 0]);
}

#[test]
fn what_a_later_version_adds_is_taken() {
    let whole = schema::whole();
    let mut later = body("ping", "answered", &json!({ "latency": 3 }));
    later["actor"] = json!({ "kind": "team", "members": 7 });
    later["ref"] = json!({ "kind": "note", "name": "x" });
    later["raw_elsewhere"] = json!({ "bucket": "b" });
    assert_eq!(faults_of(&whole, &later), [""; 0]);
    assert_eq!(faults_of(&whole, &body("eclipse", "seen", &json!({ "before": 7 }))), [""; 0]);
}

#[test]
fn what_contradicts_the_contract_is_not_taken() {
    let whole = schema::whole();
    let good = body(
        "push",
        "updated",
        &json!({ "commits": [], "commits_complete": true, "files_known": true }),
    );
    assert_eq!(faults_of(&whole, &good), [""; 0]);
    let wrong = [
        ("/version", json!(2)),
        ("/id", json!(7)),
        ("/received_at", json!("yesterday")),
        ("/occurred_at", json!(null)),
        ("/delivery", json!({})),
        ("/actor", json!({ "login": "x" })),
        ("/data", json!({ "commits": [] })),
        ("/data/commits", json!(null)),
        ("/data/commits", json!([{ "id": 1 }])),
        ("/data/total_commits", json!(-1)),
        ("/data/before", json!(null)),
        ("/data/files_known", json!("yes")),
        ("/raw_in", json!(1)),
    ];
    for (place, value) in wrong {
        let mut body = good.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value.clone();
        assert_ne!(faults_of(&whole, &body), [""; 0], "{place} = {value}");
    }
    for name in good.as_object().unwrap().keys() {
        let mut body = good.clone();
        body.as_object_mut().unwrap().shift_remove(name);
        assert_ne!(faults_of(&whole, &body), [""; 0], "without {name}");
    }
}

#[test]
fn a_reference_to_a_body_is_taken_and_half_a_one_is_not() {
    let object =
        json!({ "bucket": "FORGE_LARGE", "object": "00", "bytes": 9, "digest": "blake3=00" });
    let good = json!({ "version": 1, "id": "gitea:1", "event": "push", "action": "updated", "body_ref": object });
    for schema in [schema::whole(), schema::of_event("push").unwrap()] {
        assert_eq!(faults_of(&schema, &good), [""; 0]);
        for name in good.as_object().unwrap().keys() {
            let mut body = good.clone();
            body.as_object_mut().unwrap().shift_remove(name);
            assert_ne!(faults_of(&schema, &body), [""; 0], "without {name}");
        }
        let mut body = good.clone();
        body["body_ref"]["bytes"] = "9".into();
        assert_ne!(faults_of(&schema, &body), [""; 0]);
    }
    let mut payload = body("ping", "sent", &json!({}));
    payload["raw_ref"] = object;
    assert_eq!(faults_of(&schema::whole(), &payload), [""; 0]);
    payload["raw_ref"] = json!({ "bucket": "FORGE_LARGE" });
    assert_ne!(faults_of(&schema::whole(), &payload), [""; 0]);
}

#[test]
fn nothing_in_the_schema_is_closed_or_null_or_without_a_description() {
    let whole = schema::whole();
    walk(&whole, "", &mut |path, value| {
        if !path.ends_with("/properties") {
            for closing in ["additionalProperties", "unevaluatedProperties"] {
                assert_ne!(value.get(closing), Some(&json!(false)), "{path} takes no new members");
            }
            for closing in ["enum", "oneOf"] {
                assert_eq!(value.get(closing), None, "{path} takes only what is known now");
            }
        }
        assert!(!path.contains("/type") || *value != "null", "{path}");
        if let Some(alternatives) = value["anyOf"].as_array() {
            let open = alternatives
                .iter()
                .any(|one| one["type"] == "string" && one.get("const").is_none());
            assert!(open, "{path} takes only what is known now");
        }
    });
    let described = |path: &str| {
        walk(&whole[path], path, &mut |path, value| {
            let parent = path.rsplit('/').nth(1).unwrap_or_default();
            let said = value["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(parent != "properties" || said, "{path} has no comment");
        });
    };
    described("$defs");
    described("properties");
}
