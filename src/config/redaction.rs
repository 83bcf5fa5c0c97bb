//! Checks of what is to be redacted: each says what a pointer must be if it is not.
//!
//! A pointer into the payload can name anything. One into the rest of the body must leave an event that the schema
//! takes and a subscriber reads, and must name nothing that stands in the subject, the headers or the receipt as
//! well: there nothing is redacted.

use std::sync::LazyLock;

use serde_json::Value;

use crate::event::schema;
use crate::json::{Pointer, Step};

/// What also stands in the subject or in a header; of a pull request, a release or a run the ref, of a package or
/// project the owner.
const ELSEWHERE: [&str; 26] = [
    "/id",
    "/source",
    "/forge",
    "/event",
    "/action",
    "/delivery/id",
    "/delivery/event",
    "/delivery/digest",
    "/delivery/secret",
    "/repository/id",
    "/repository/owner",
    "/repository/name",
    "/repository/full_name",
    "/ref/kind",
    "/ref/name",
    "/data/ref",
    "/data/pull_request/base/ref",
    "/data/pull_request/base/repository/id",
    "/data/pull_request/base/repository/owner",
    "/data/pull_request/base/repository/name",
    "/data/pull_request/base/repository/full_name",
    "/data/release/tag",
    "/data/run/branch",
    "/data/job/branch",
    "/data/package/owner/login",
    "/data/project/key",
];

/// What is not there to be redacted by pointers into the body.
const PAYLOAD: [&str; 5] = ["raw", "raw_base64", "raw_in", "raw_ref", "body_ref"];

static SCHEMA: LazyLock<Value> = LazyLock::new(schema::whole);
static REFUSED: LazyLock<Vec<Pointer>> =
    LazyLock::new(|| ELSEWHERE.iter().filter_map(|text| Pointer::parse(text).ok()).collect());

/// A pointer into the payload.
pub(super) fn payload(text: &str) -> Result<(), &'static str> {
    Pointer::parse(text).map(drop)
}

/// A pointer into the rest of the body.
pub(super) fn body(text: &str) -> Result<(), &'static str> {
    let pointer = Pointer::parse(text)?;
    let steps = pointer.steps();
    if PAYLOAD.iter().any(|name| steps.first().is_some_and(|step| step.leads_to(name))) {
        return Err(
            "must begin with a member of the body other than the payload: for that there is `redact`",
        );
    }
    if REFUSED.iter().any(|refused| may_be(steps, refused.steps())) {
        return Err("must not name what stands in the subject, in headers or in receipts, too");
    }
    let reached = reached(steps);
    if reached.is_empty() {
        return Err("must name a member that an event can have: see `forgewire schema`");
    }
    if !reached.iter().all(|node| is_text(node)) {
        return Err("must name texts only: anything else could not be read any more");
    }
    Ok(())
}

/// Whether the steps can lead to what the other pointer names.
fn may_be(steps: &[Step], other: &[Step]) -> bool {
    let same = |(step, other): (&Step, &Step)| match other {
        Step::Any => true,
        Step::Name(name) => step.leads_to(name),
    };
    steps.len() == other.len() && steps.iter().zip(other).all(same)
}

/// What the steps lead to, in the bodies of all events.
fn reached(steps: &[Step]) -> Vec<&'static Value> {
    let root = &*SCHEMA;
    let rules = root.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let mut nodes: Vec<&Value> = rules.filter_map(|rule| rule.get("then")).chain([root]).collect();
    for (level, step) in steps.iter().enumerate() {
        let mut next: Vec<&Value> = Vec::new();
        for node in nodes {
            for member in members(node, step) {
                // Of `data` the rules of the events say more than what holds for all.
                let vague = level == 0 && member.get("$ref").is_none() && step.leads_to("data");
                let vague = vague && member.get("type") == Some(&Value::from("object"));
                if !vague && !next.iter().any(|known| std::ptr::eq(*known, member)) {
                    next.push(member);
                }
            }
        }
        nodes = next.into_iter().flat_map(alternatives).collect();
    }
    nodes
}

/// The schema itself, or what it refers to; of alternatives each.
fn alternatives(node: &'static Value) -> Vec<&'static Value> {
    if let Some(name) = node.get("$ref").and_then(Value::as_str) {
        let target = name.strip_prefix('#').and_then(|path| SCHEMA.pointer(path));
        return target.map(alternatives).unwrap_or_default();
    }
    match node.get("anyOf").and_then(Value::as_array) {
        // Values by name, and any other text: one of them is replaced by another text.
        Some(open) if open.iter().all(|one| one.get("type") == Some(&"string".into())) => {
            vec![node]
        }
        Some(all) => all.iter().flat_map(alternatives).collect(),
        None => vec![node],
    }
}

fn members<'a>(node: &'a Value, step: &Step) -> Vec<&'a Value> {
    let named = node.get("properties").and_then(Value::as_object).into_iter().flatten();
    let named = named.filter(|(name, _)| step.leads_to(name)).map(|(_, member)| member);
    let numbered = match step {
        Step::Any => true,
        Step::Name(name) => name.parse::<u32>().is_ok(),
    };
    let items = node.get("items").filter(|_| numbered);
    let others = node.get("additionalProperties").filter(|it| it.is_object());
    named.chain(items).chain(others).collect()
}

/// Whether any text can stand there.
fn is_text(node: &Value) -> bool {
    if let Some(alternatives) = node.get("anyOf").and_then(Value::as_array) {
        return alternatives.iter().any(is_text);
    }
    let closed = ["format", "const", "enum", "pattern", "contentEncoding"];
    node.get("type") == Some(&"string".into())
        && closed.iter().all(|name| node.get(*name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_can_be_named() {
        for refused in REFUSED.iter() {
            assert!(!reached(refused.steps()).is_empty(), "{refused:?} is in no event");
        }
    }

    #[test]
    fn texts_of_people_can_be_redacted() {
        for good in [
            "/actor/name",
            "/actor/login",
            "/actor/*",
            "/repository/url",
            "/data/commits/*/author/email",
            "/data/commits/*/author/*",
            "/data/commits/0/message",
            "/data/*/author/name",
            "/data/pull_request/head/ref",
            "/data/pull_request/author/name",
            "/data/comment/body",
            "/delivery/hook",
        ] {
            assert_eq!(body(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_would_spoil_the_event_or_stands_elsewhere_too_is_refused() {
        for (bad, why) in [
            ("/id", "in the subject"),
            ("/*", "payload"),
            ("/repository/owner", "in the subject"),
            ("/repository/*", "in the subject"),
            ("/*/name", "payload"),
            ("/data/*/base/ref", "in the subject"),
            ("/data/run/branch", "in the subject"),
            ("/data", "texts only"),
            ("/data/commits", "texts only"),
            ("/data/commits/*", "texts only"),
            // Also what an edit changed, which is no text.
            ("/data/*/title", "texts only"),
            ("/data/commits/*/timestamp", "texts only"),
            ("/data/pull_request/number", "texts only"),
            ("/received_at", "texts only"),
            ("/occurred_at", "texts only"),
            ("/version", "texts only"),
            ("/repository/private", "texts only"),
            ("/data/commits/*/autor/email", "an event can have"),
            ("/pusher/email", "an event can have"),
            ("/raw/pusher/email", "payload"),
            ("actor/name", "JSON pointer"),
        ] {
            assert!(body(bad).is_err_and(|said| said.contains(why)), "{bad}: {:?}", body(bad));
        }
    }
}
