//! What a subscriber of an older schema would miss or misread in bodies of a newer one.
//!
//! Two schemas as `forgewire schema` prints them go in; a list of what was lost comes out, empty if the newer
//! one only grew: names are there with the same type, what was always written still is, and no member takes
//! values that it did not take before.

use std::collections::{BTreeMap, BTreeSet};

use forgewire::event::schema;
use serde_json::{Map, Value, json};

/// What says nothing of which bodies are taken.
const ANNOTATIONS: [&str; 8] =
    ["$comment", "$defs", "$id", "$schema", "default", "description", "examples", "title"];
/// What is compared in ways of its own.
const STRUCTURE: [&str; 8] =
    ["$ref", "allOf", "anyOf", "const", "enum", "items", "properties", "required"];

/// Everything that `old` promised and `new` does not. Of a body that is only a reference to another one they promise
/// the same from the day on that there is such a thing; before, nobody could have read what it refers to.
pub(super) fn lost(old: &Value, new: &Value) -> Vec<String> {
    let references = |schema: &Value| schema.get("if").map(|_| schema["required"].clone());
    let mut lost = Vec::new();
    if let Some(before) = references(old)
        && references(new) != Some(before)
    {
        lost.push("what a reference to a body always has".to_owned());
    }
    let (old, new) = (&whole_bodies(old), &whole_bodies(new));
    let mut comparison = Comparison { old, new, seen: BTreeSet::new(), lost };
    comparison.compare("", old, new);
    comparison.lost
}

/// What the schema says of bodies that are there as a whole.
fn whole_bodies(schema: &Value) -> Value {
    let mut whole = schema.clone();
    let members = whole.as_object_mut().unwrap();
    let condition = members.shift_remove("if");
    let (then, otherwise) = (members.shift_remove("then"), members.shift_remove("else"));
    if condition.is_some() {
        assert_eq!(
            condition,
            Some(json!({ "required": ["body_ref"] })),
            "no other condition is known here"
        );
        assert_eq!(then, Some(json!({})), "a reference promises what every body does");
        let mut required = otherwise.unwrap()["required"].as_array().unwrap().clone();
        required.extend(members["required"].as_array().unwrap().iter().cloned());
        members.insert("required".to_owned(), required.into());
    }
    whole
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs of definitions that were compared, since types may contain themselves.
    seen: BTreeSet<(String, String)>,
    lost: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn compare(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        if let (Some(one), Some(other)) = (old["$ref"].as_str(), new["$ref"].as_str())
            && !self.seen.insert((one.to_owned(), other.to_owned()))
        {
            return;
        }
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        self.values(path, &old, &new);
        self.members(path, &old, &new);
        self.rules(path, &old, &new);
        self.everything_else(path, &old, &new);
        if let Some(one) = old.get("items") {
            match new.get("items") {
                Some(other) => self.compare(&format!("{path}[]"), one, other),
                None => self.lose(path, "the type of its items"),
            }
        }
    }

    /// Values that were named are still named; where no others were possible, none are added.
    fn values(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        let (old, new) = (Values::of(old), Values::of(new));
        for value in old.known.difference(&new.known) {
            self.lose(path, &format!("the value {value}"));
        }
        if old.open.is_empty() && !old.known.is_empty() {
            for value in new.known.difference(&old.known) {
                self.lose(path, &format!("that it is never {value}"));
            }
            if !new.open.is_empty() || new.known.is_empty() {
                self.lose(path, "that it has no other values");
            }
        }
        if !old.open.is_empty() && !new.open.is_subset(&old.open) {
            self.lose(path, "the type of its other values");
        }
    }

    fn members(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        let theirs = new.get("properties").and_then(|members| members.as_object());
        for (name, one) in old.get("properties").and_then(|it| it.as_object()).into_iter().flatten()
        {
            let path = format!("{path}.{name}");
            match theirs.and_then(|members| members.get(name)) {
                Some(other) => self.compare(&path, one, other),
                None => self.lose(&path, "the member"),
            }
        }
        let required = |schema: &Object<'a>| -> BTreeSet<&'a str> {
            let names = schema.get("required").and_then(|names| names.as_array());
            names.into_iter().flatten().filter_map(Value::as_str).collect()
        };
        for name in required(old).difference(&required(new)) {
            self.lose(&format!("{path}.{name}"), "that it is always there");
        }
    }

    /// What holds for each event: a rule of `allOf` whose `if` is the same.
    fn rules(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        let rules = |schema: &Object<'a>| -> BTreeMap<String, &'a Value> {
            let rules = schema.get("allOf").and_then(|rules| rules.as_array());
            rules
                .into_iter()
                .flatten()
                .map(|rule| (rule["if"].to_string(), &rule["then"]))
                .collect()
        };
        let theirs = rules(new);
        for (condition, one) in rules(old) {
            match theirs.get(&condition) {
                Some(other) => self.compare(&format!("{path}[{condition}]"), one, other),
                None => self.lose(path, &format!("what holds if {condition}")),
            }
        }
    }

    /// Types, formats and limits stay as they are.
    fn everything_else(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        for (name, value) in old {
            let own_way = ANNOTATIONS.contains(name) || STRUCTURE.contains(name);
            if !own_way && new.get(name) != Some(value) {
                self.lose(path, &format!("{name} {value}"));
            }
        }
    }

    fn lose(&mut self, path: &str, what: &str) {
        self.lost.push(format!("{path}: {what}"));
    }
}

/// The members of a schema; those of what it refers to are among them.
type Object<'a> = BTreeMap<&'a str, &'a Value>;

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> Object<'a> {
    let own = schema.as_object().into_iter().flatten();
    let mut members: Object<'a> = own.map(|(name, value)| (name.as_str(), value)).collect();
    if let Some(name) = schema["$ref"].as_str() {
        let target =
            root.pointer(name.strip_prefix('#').expect("a reference into the same document"));
        for (name, value) in resolved(root, target.unwrap_or_else(|| panic!("no {name}"))) {
            members.entry(name).or_insert(value);
        }
    }
    members
}

/// Which values a schema names, and what others are like, if there may be others.
struct Values {
    known: BTreeSet<String>,
    open: BTreeSet<String>,
}

impl Values {
    fn of(schema: &Object<'_>) -> Self {
        let mut values = Self { known: BTreeSet::new(), open: BTreeSet::new() };
        values.known.extend(schema.get("const").map(ToString::to_string));
        let listed = schema.get("enum").and_then(|values| values.as_array());
        values.known.extend(listed.into_iter().flatten().map(Value::to_string));
        for alternative in schema.get("anyOf").and_then(|it| it.as_array()).into_iter().flatten() {
            if let Some(value) = alternative.get("const") {
                values.known.insert(value.to_string());
            } else {
                let told = alternative.as_object().into_iter().flatten();
                let told = told.filter(|(name, _)| !ANNOTATIONS.contains(&name.as_str()));
                values.open.insert(format!("{:?}", told.collect::<BTreeMap<_, _>>()));
            }
        }
        values
    }
}

/// The schema of now with one change.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut schema = schema::whole();
    change(&mut schema);
    assert_ne!(schema, schema::whole(), "the change does something");
    schema
}

fn remove(schema: &mut Value, parent: &str, name: &str) {
    let members: &mut Map<_, _> = schema.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    members.shift_remove(name).unwrap_or_else(|| panic!("{parent} has no {name}"));
}

/// Takes the items out of a list that fit.
fn without(schema: &mut Value, list: &str, fits: impl Fn(&Value) -> bool) {
    schema.pointer_mut(list).unwrap().as_array_mut().unwrap().retain(|item| !fits(item));
}

fn set(schema: &mut Value, place: &str, value: Value) {
    *schema.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
}

/// Schemas that are less than the one of now, each with what must be said of it.
fn shrunk() -> Vec<(&'static str, Value)> {
    let push = "/$defs/Push";
    let open = |one: &Value| one.get("const").is_none();
    vec![
        (".ref: the member", changed(|it| remove(it, "/properties", "ref"))),
        (".data.before: the member", changed(|it| remove(it, "/$defs/Push/properties", "before"))),
        (
            ".data: that it is always there",
            changed(|it| without(it, "/else/required", |name| name == "data")),
        ),
        (
            ".data.commits: that it is always there",
            changed(|it| without(it, &format!("{push}/required"), |name| name == "commits")),
        ),
        (
            ".event: the value \"tag\"",
            changed(|it| without(it, "/properties/event/anyOf", |one| one["const"] == "tag")),
        ),
        (
            "what holds if",
            changed(|it| {
                without(it, "/allOf", |rule| {
                    rule["then"]["properties"]["data"]["$ref"] == "#/$defs/Tag"
                });
            }),
        ),
        (
            ".action: the value \"deleted\"",
            changed(|it| {
                without(it, "/allOf/0/then/properties/action/anyOf", |one| {
                    one["const"] == "deleted"
                });
            }),
        ),
        (
            ".kind: the value \"ghost\"",
            changed(|it| without(it, "/$defs/ActorKind/anyOf", |one| one["const"] == "ghost")),
        ),
        (
            ".data.compare_url: type",
            changed(|it| set(it, "/$defs/Push/properties/compare_url/type", json!("integer"))),
        ),
        (
            ".data.compare_url: type",
            changed(|it| {
                set(it, "/$defs/Push/properties/compare_url/type", json!(["string", "null"]));
            }),
        ),
        (
            ".data.compare_url: type",
            changed(|it| remove(it, "/$defs/Push/properties/compare_url", "type")),
        ),
        (
            ".data.commits: the type of its items",
            changed(|it| remove(it, "/$defs/Push/properties/commits", "items")),
        ),
        (
            ".data.commits[].added[]: type",
            changed(|it| set(it, "/$defs/Commit/properties/added/items/type", json!("object"))),
        ),
        (".received_at: format", changed(|it| remove(it, "/properties/received_at", "format"))),
        (
            ".data.total_commits: minimum",
            changed(|it| set(it, "/$defs/Push/properties/total_commits/minimum", json!(-1))),
        ),
        (".version: the value 1", changed(|it| set(it, "/properties/version/const", json!(2)))),
        (
            ".version: that it has no other values",
            changed(|it| {
                remove(it, "/properties/version", "const");
                it["properties"]["version"]["anyOf"] =
                    json!([{ "const": 1 }, { "type": "integer" }]);
            }),
        ),
        (
            ".version: that it is never 2",
            changed(|it| {
                remove(it, "/properties/version", "const");
                it["properties"]["version"]["enum"] = json!([1, 2]);
            }),
        ),
        (
            ".kind: the type of its other values",
            changed(|it| {
                without(it, "/$defs/ActorKind/anyOf", open);
                it["$defs"]["ActorKind"]["anyOf"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "type": "integer" }));
            }),
        ),
        (".actor", changed(|it| set(it, "/properties/actor/$ref", json!("#/$defs/RefName")))),
    ]
}

/// The same for bodies that are references.
fn shrunk_references() -> Vec<(&'static str, Value)> {
    let required = |gone: &'static str| changed(|it| without(it, "/required", |name| name == gone));
    vec![
        (".id: that it is always there", required("id")),
        ("what a reference to a body always has", required("action")),
        (
            ".raw_ref.digest: the member",
            changed(|it| remove(it, "/$defs/ObjectRef/properties", "digest")),
        ),
    ]
}

#[test]
fn a_schema_that_shrank_in_any_way_is_found_out() {
    let now = schema::whole();
    for (said, shrunk) in shrunk().into_iter().chain(shrunk_references()) {
        let lost = lost(&now, &shrunk);
        assert!(lost.iter().any(|line| line.contains(said)), "{said}: {lost:?}");
    }
}

#[test]
fn a_schema_that_grew_has_lost_nothing() {
    let grown = changed(|it| {
        let event = json!({ "type": "string", "const": "eclipse" });
        it["properties"]["event"]["anyOf"].as_array_mut().unwrap().insert(0, event);
        let rule =
            json!({ "if": { "properties": { "event": { "const": "eclipse" } } }, "then": {} });
        it["allOf"].as_array_mut().unwrap().insert(0, rule);
        it["properties"]["raw_elsewhere"] = json!({ "type": "object" });
        it["$defs"]["Push"]["properties"]["signed"] = json!({ "type": "boolean" });
        it["$defs"]["Push"]["required"]
            .as_array_mut()
            .unwrap()
            .extend([json!("signed"), json!("after")]);
        let kind = json!({ "type": "string", "const": "team" });
        it["$defs"]["ActorKind"]["anyOf"].as_array_mut().unwrap().insert(0, kind);
        it["$defs"]["Push"]["description"] = json!("In other words.");
    });
    assert_eq!(lost(&schema::whole(), &grown), [""; 0]);
    assert_ne!(lost(&grown, &schema::whole()), [""; 0], "the other way round it shrank");
}

#[test]
fn names_of_definitions_may_change() {
    let text = schema::to_text(&schema::whole()).replace("#/$defs/Push", "#/$defs/BranchPush");
    let renamed = serde_json::from_str(&text.replace("\"Push\":", "\"BranchPush\":")).unwrap();
    assert_eq!(lost(&schema::whole(), &renamed), [""; 0]);
}

#[test]
fn a_type_that_contains_itself_is_compared_to_its_end() {
    let tree = json!({ "$ref": "#/$defs/Tree", "$defs": {
        "Tree": { "type": "object", "properties": { "child": { "$ref": "#/$defs/Tree" }, "n": { "type": "integer" } } },
    } });
    let mut other = tree.clone();
    remove(&mut other, "/$defs/Tree/properties", "n");
    assert_eq!(lost(&tree, &tree), [""; 0]);
    assert_eq!(lost(&tree, &other), [".n: the member"]);
}
