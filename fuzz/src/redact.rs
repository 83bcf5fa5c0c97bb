//! The redaction of documents: what pointers name is replaced, and nothing else is changed.
//!
//! In comes a first line of JSON pointers with a tab between them, then the document. It is compared with what
//! redaction means on the parsed document, told here a second time.

use forgewire::json::{Pointer, REDACTED, Redaction, Step};

use crate::screen::{Document, Node};

/// A member whose text is a document of its own, which pointers go on into.
const EMBEDDED: &str = "event_payload";

/// Holds it for one input.
///
/// # Panics
///
/// Where it does not hold.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (line, json) = text.split_once('\n').unwrap_or(("/a", text));
    let pointers: Vec<&str> = line.split('\t').collect();
    let Ok(redaction) = Redaction::parse(&pointers) else { return };
    let Ok(applied) = redaction.apply(json) else { return };
    let Ok(Document(before)) = serde_json::from_str(json) else { return };
    let parsed: Vec<Pointer> =
        pointers.iter().map(|pointer| Pointer::parse(pointer).expect("parsed before")).collect();
    let left: Vec<&[Step]> = parsed.iter().map(Pointer::steps).collect();
    let expected = redacted(&before, &left, false);
    match applied {
        None => assert!(fits(&before, &expected), "something was named, and nothing replaced"),
        Some(out) => {
            let out = std::str::from_utf8(&out).expect("what was UTF-8 still is");
            let Document(after) = serde_json::from_str(out).expect("what was JSON still is");
            assert!(fits(&after, &expected), "{after:?} is not {expected:?}");
        }
    }
}

/// What must have come out.
#[derive(Debug)]
enum Expected<'n> {
    /// This, as it was.
    Same(&'n Node),
    /// The mark.
    Redacted,
    Array(Vec<Expected<'n>>),
    Object(Vec<(&'n str, Expected<'n>)>),
    /// A text that is this document, or the mark if nobody could look into it.
    Inner(Node, Vec<Vec<Step>>),
}

fn redacted<'n>(node: &'n Node, left: &[&[Step]], embedded: bool) -> Expected<'n> {
    if left.iter().any(|steps| steps.is_empty()) {
        return Expected::Redacted;
    }
    let below = |name: &str, inner: &'n Node, embedded: bool| {
        let leading = left.iter().filter(|steps| steps[0].leads_to(name));
        let leading: Vec<&[Step]> = leading.map(|steps| &steps[1..]).collect();
        if leading.is_empty() {
            return Expected::Same(inner);
        }
        redacted(inner, &leading, embedded)
    };
    match node {
        Node::Object(members) => Expected::Object(
            members
                .iter()
                .map(|(name, inner)| (&**name, below(name, inner, name == EMBEDDED)))
                .collect(),
        ),
        Node::Array(items) => Expected::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, inner)| below(&index.to_string(), inner, false))
                .collect(),
        ),
        Node::Text(_) if embedded => {
            Expected::Inner(node.clone(), left.iter().map(|steps| steps.to_vec()).collect())
        }
        _ => Expected::Same(node),
    }
}

fn fits(node: &Node, expected: &Expected<'_>) -> bool {
    match (node, expected) {
        (Node::Text(text), Expected::Redacted) => text == REDACTED,
        (Node::Array(items), Expected::Array(all)) => {
            items.len() == all.len() && items.iter().zip(all).all(|(item, one)| fits(item, one))
        }
        (Node::Object(members), Expected::Object(all)) => {
            let same = |((name, inner), (other, one)): (&(String, Node), &(&str, Expected<'_>))| {
                name == other && fits(inner, one)
            };
            members.len() == all.len() && members.iter().zip(all).all(same)
        }
        (Node::Text(after), Expected::Inner(Node::Text(before), left)) => {
            inner_fits(before, after, left)
        }
        (_, Expected::Same(same)) => node == *same,
        _ => false,
    }
}

/// What this reader cannot look into, such as half of a surrogate pair, the other one may, and the other way
/// round what is too deep.
fn inner_fits(before: &str, after: &str, left: &[Vec<Step>]) -> bool {
    if after == REDACTED {
        return true;
    }
    let Ok(Document(before)) = serde_json::from_str(before) else { return true };
    let left: Vec<&[Step]> = left.iter().map(Vec::as_slice).collect();
    let Ok(Document(after)) = serde_json::from_str(after) else { return false };
    fits(&after, &redacted(&before, &left, false))
}
