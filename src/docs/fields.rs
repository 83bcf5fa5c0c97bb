//! The members of an event's `data`: their names and meaning from the schema, and who says them from the samples.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::made::Made;
use crate::event::{EventSpec, schema};

/// A member of `data`.
pub(super) struct Field {
    /// Its path, `[]` for each item of a list.
    pub(super) path: String,
    /// What it means.
    pub(super) doc: String,
    /// The kinds of forge that say it.
    pub(super) filled_by: BTreeSet<&'static str>,
}

/// The members that the schema of an event names, in its order. Inside of what nobody says nothing is listed.
pub(super) fn of(spec: &EventSpec, made: &[&Made]) -> Vec<Field> {
    let mut filled: Filled = BTreeMap::new();
    for made in made {
        if let Some(data) = made.body.get("data") {
            fill(&mut filled, made.kind, "", data);
        }
    }
    let mut fields = Vec::new();
    let root = schema::of_event(spec.name).unwrap_or_default();
    if let Some(data) = root.pointer("/properties/data") {
        list(&mut fields, &filled, &root, "", resolved(&root, data));
    }
    fields
}

/// By path, the kinds that say it.
type Filled = BTreeMap<String, BTreeSet<&'static str>>;

fn fill(filled: &mut Filled, kind: &'static str, path: &str, value: &Value) {
    // An empty list says nothing of its items: it is also what stands where a forge has no such thing.
    let empty = value.as_array().is_some_and(Vec::is_empty);
    if !path.is_empty() && !empty {
        filled.entry(path.to_owned()).or_default().insert(kind);
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                fill(filled, kind, &below(path, name, member), member);
            }
        }
        Value::Array(items) => {
            for item in items.iter().filter(|item| item.is_object()) {
                fill(filled, kind, path, item);
            }
        }
        _ => {}
    }
}

fn list(fields: &mut Vec<Field>, filled: &Filled, root: &Value, path: &str, schema: &Value) {
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, member) in members {
        let inside = resolved(root, member);
        let is_list = said(inside, "type") == Some("array");
        let path = joined(path, name, is_list);
        let filled_by = filled.get(&path).cloned().unwrap_or_default();
        let doc = said(member, "description").or_else(|| said(inside, "description"));
        let doc = [doc.unwrap_or_default(), &known_values(inside)].concat();
        let descend = !filled_by.is_empty();
        fields.push(Field { path: path.clone(), doc, filled_by });
        if descend {
            let item = inside.get("items").map(|item| resolved(root, item));
            list(fields, filled, root, &path, item.unwrap_or(inside));
        }
    }
}

/// The values that the schema names, as a further sentence.
fn known_values(schema: &Value) -> String {
    let alternatives = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let values: Vec<_> = alternatives.filter_map(|one| said(one, "const")).collect();
    if values.is_empty() {
        return String::new();
    }
    format!(" Known: `{}`.", values.join("` `"))
}

/// The text of a keyword.
pub(super) fn said<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword)?.as_str()
}

/// What a schema refers to, or itself.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = said(schema, "$ref").and_then(|name| root.pointer(name.strip_prefix('#')?));
    target.unwrap_or(schema)
}

fn below(path: &str, name: &str, member: &Value) -> String {
    joined(path, name, member.is_array())
}

fn joined(path: &str, name: &str, is_list: bool) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    let list = if is_list { "[]" } else { "" };
    format!("{path}{dot}{name}{list}")
}
