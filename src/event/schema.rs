//! The JSON Schema (2020-12) of a message's body, made from the event types and their comments.
//!
//! Owns [`whole`], the schema of every body, and [`of_event`], that of the bodies of one event. What comes
//! in is the catalogue. Neither closes a list of members, events, actions or values: who validates by an
//! older one also takes what a newer forgewire of the same contract version writes.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema as _, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::json::Head;
use super::{Data, EventSpec, ObjectRef, SCHEMA_ID, VERSION};

/// What stands in a message also where the rest of the body is in an object store.
const IN_A_REFERENCE: [&str; 4] = ["version", "id", "event", "action"];

/// The schema of every body. An event that it does not know may have any `data`.
#[must_use]
pub fn whole() -> Value {
    let mut generator = generator();
    let mut body = Body::new(&mut generator);
    let known = Data::EVENTS.iter().map(|spec| (spec.name, spec.doc));
    body.says("event", one_of(known, "An event that this version does not know."));
    let typed = |spec: &EventSpec| {
        json!({
            "if": { "properties": { "event": { "const": spec.name } }, "required": ["event"] },
            "then": {
                "description": spec.doc,
                "properties": { "action": actions(spec), "data": data(spec, &mut generator) },
            },
        })
    };
    let rules: Vec<_> = Data::EVENTS.iter().map(typed).collect();
    let mut schema = body.document(SCHEMA_ID, "A forgewire event");
    schema.insert("allOf".into(), rules.into());
    finished(schema, generator)
}

/// The schema of the bodies of one event, complete in itself; `None` if there is no such event.
#[must_use]
pub fn of_event(name: &str) -> Option<Value> {
    let spec = EventSpec::of(name)?;
    let mut generator = generator();
    let mut body = Body::new(&mut generator);
    body.says("event", object(json!({ "description": spec.doc, "const": name })));
    body.says("action", actions(spec));
    body.says("data", data(spec, &mut generator));
    let schema =
        body.document(&format!("{SCHEMA_ID}:{name}"), &format!("A forgewire {name} event"));
    Some(finished(schema, generator))
}

/// A schema as it is printed and committed: indented, with a newline at the end.
#[must_use]
pub fn to_text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// What is asked of a writer, not of a reader: a member that is always written is required.
fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

/// The members that every body has, in the order in which they are written.
struct Body {
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Body {
    fn new(generator: &mut SchemaGenerator) -> Self {
        let mut head = object(Head::json_schema(generator).to_value());
        let properties = head.remove("properties").map(object).unwrap_or_default();
        let required = match head.remove("required") {
            Some(Value::Array(names)) => names,
            _ => Vec::new(),
        };
        let mut body = Self { properties, required };
        body.says("version", object(json!({ "const": VERSION })));
        body.properties.extend(tail());
        body.required.push("data".into());
        let object = generator.subschema_for::<ObjectRef>();
        for (name, said) in [
            (
                "raw_ref",
                "In the place of `raw`, where with it the message would be too large: the payload is in an \
                 object store.",
            ),
            (
                "body_ref",
                "Where even without the payload the message would be too large: the whole body, as it is \
                 described here, is in an object store, and beside this there are `version`, `id`, `event` and \
                 `action` only.",
            ),
        ] {
            let mut member = self::object(object.clone().to_value());
            member.insert("description".into(), said.into());
            body.properties.insert(name.into(), member.into());
        }
        body
    }

    /// Says more of a member. What was said of it and is not said again stays.
    fn says(&mut self, name: &str, more: Map<String, Value>) {
        let member = self.properties.entry(name).or_insert_with(|| json!({}));
        if let Value::Object(member) = member {
            member.extend(more);
        }
    }

    fn document(self, id: &str, title: &str) -> Map<String, Value> {
        // The rest is there, or where `body_ref` says.
        let (here, whole): (Vec<_>, Vec<_>) =
            self.required.into_iter().partition(|name| IN_A_REFERENCE.iter().any(|it| name == it));
        object(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": id,
            "title": title,
            "description": "The body of a message. Members and values that are not named here may be \
                added within the same `version`.",
            "type": "object",
            "required": here,
            "properties": self.properties,
            "if": { "required": ["body_ref"] },
            "then": {},
            "else": { "required": whole },
        }))
    }
}

/// What stands after the head: `Event::to_json` writes it piece by piece.
fn tail() -> Map<String, Value> {
    object(json!({
        "data": {
            "description": "The facts; their type depends on `event`. A consumer can act on them alone.",
            "type": "object",
        },
        "raw_altered": {
            "description": "Whether the payload is something else than the forge's bytes, because \
                credentials were taken out.",
            "type": "boolean",
        },
        "raw": { "description": "The payload, exactly as the forge sent it." },
        "raw_base64": {
            "description": "The payload in base64, in the place of `raw`: it is no JSON, or nested too deeply.",
            "type": "string",
            "contentEncoding": "base64",
        },
        "raw_in": {
            "description": "Id of the event that has the payload: the first one of the same delivery.",
            "type": "string",
        },
    }))
}

fn actions(spec: &EventSpec) -> Map<String, Value> {
    if spec.actions.is_empty() {
        let said = "The forge's own name of the event.";
        return object(json!({ "description": said, "type": "string" }));
    }
    one_of(spec.documented_actions(), "An action that this version does not know.")
}

/// Known values with what they mean, and every other text.
fn one_of<'a>(known: impl Iterator<Item = (&'a str, &'a str)>, other: &str) -> Map<String, Value> {
    let known =
        known.map(|(name, doc)| json!({ "description": doc, "type": "string", "const": name }));
    let other = json!({ "description": other, "type": "string" });
    object(json!({ "anyOf": known.chain([other]).collect::<Vec<_>>() }))
}

fn data(spec: &EventSpec, generator: &mut SchemaGenerator) -> Map<String, Value> {
    Data::schema(spec.name, generator).map(|schema| object(schema.to_value())).unwrap_or_default()
}

/// Adds the definitions that were referred to, sorted by name, and takes out what does not hold for a body.
fn finished(mut schema: Map<String, Value>, mut generator: SchemaGenerator) -> Value {
    let mut definitions: Vec<_> = generator.take_definitions(true).into_iter().collect();
    definitions.sort_by(|(one, _), (other, _)| one.cmp(other));
    schema.insert("$defs".into(), Map::from_iter(definitions).into());
    let mut schema = Value::Object(schema);
    simplify(&mut schema);
    // As a schema it is written in an order for reading, descriptions first.
    let ordered =
        Schema::try_from(schema.clone()).ok().and_then(|it| serde_json::to_value(it).ok());
    ordered.unwrap_or(schema)
}

/// Takes out `null`, since what a forge did not say is left out, and formats that only Rust knows.
fn simplify(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_mut_slice() {
                    let only = only.take();
                    members.insert("type".into(), only);
                }
            }
            without_null(members);
            if members.get("format").is_some_and(|name| name.is_string() && name != "date-time") {
                members.shift_remove("format");
            }
            members.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

/// Of the alternatives takes out `null`; one that is left alone stands for itself.
fn without_null(members: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = members.get_mut("anyOf") else { return };
    alternatives.retain(|alternative| *alternative != json!({ "type": "null" }));
    if let [Value::Object(only)] = alternatives.as_mut_slice() {
        let only = std::mem::take(only);
        members.shift_remove("anyOf");
        for (name, value) in only {
            members.entry(name).or_insert(value);
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
