//! `docs/events.md`: what is published and when, told from the code.
//!
//! In come the catalogue, the schema and the samples of every kind, which are run through the real pipeline
//! ([`made`]); out comes the text that is committed and that a test compares. Nothing here knows an event
//! by name.

mod fields;
mod made;

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::event::{Data, EventSpec, schema};
use crate::samples::Sender;
use fields::Field;
use made::Made;

const INTRODUCTION: &str = "\
# Events

What forgewire publishes: for each event its actions, what a webhook must be subscribed to for them, the subject,
a body, and which kind of forge says what. This page is made from the code and from a sample of every delivery; write it
anew with `make docs`. The same as a JSON Schema: [schema/event-1.json](schema/event-1.json), or `forgewire schema`.

Subscriptions are named as the forge's API names them. Under a kind of forge, `yes` stands where at least one of its
samples has the member, and – where none has. Members are named by their path, `[]` stands for each item of a list.
";

/// The text of `docs/events.md`.
///
/// # Errors
///
/// Says which sample makes no event, which the samples here do not cause.
pub fn events() -> anyhow::Result<String> {
    let all = made::all()?;
    let mut out = String::from(INTRODUCTION);
    contents(&mut out)?;
    every_body(&mut out)?;
    for spec in Data::EVENTS {
        let made: Vec<_> =
            all.iter().filter(|made| made.text("/event") == Some(spec.name)).collect();
        event(&mut out, spec, &made)?;
    }
    Ok(out)
}

fn contents(out: &mut String) -> fmt::Result {
    out.push_str("\n| event | |\n|---|---|\n");
    for EventSpec { name, doc, .. } in Data::EVENTS {
        writeln!(out, "| [`{name}`](#{name}) | {} |", cell(doc))?;
    }
    Ok(())
}

/// What stands beside `data` in the body of every event.
fn every_body(out: &mut String) -> fmt::Result {
    out.push_str("\n## In every body\n\n| member | always | meaning |\n|---|---|---|\n");
    let schema = schema::whole();
    // A body that is a reference to another is none of those that the page is about.
    let required = [schema.get("required"), schema.pointer("/else/required")];
    let required = required.into_iter().flatten().filter_map(Value::as_array).flatten();
    let required: BTreeSet<_> = required.filter_map(Value::as_str).collect();
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, member) in members {
        let always = mark(required.contains(name.as_str()));
        let meaning = cell(fields::said(member, "description").unwrap_or_default());
        writeln!(out, "| `{name}` | {always} | {meaning} |")?;
    }
    Ok(())
}

fn event(out: &mut String, spec: &EventSpec, made: &[&Made]) -> fmt::Result {
    writeln!(out, "\n## {}\n\n{}", spec.name, spec.doc)?;
    actions(out, spec, made)?;
    subject(out, spec, made)?;
    if let Some(first) = made.first() {
        sample(out, first)?;
    }
    members(out, spec, made)
}

/// Each action, and what a webhook of each kind must be subscribed to for it.
fn actions(out: &mut String, spec: &EventSpec, made: &[&Made]) -> fmt::Result {
    if spec.actions.is_empty() {
        return writeln!(out, "\nThe action is the forge's own name of the event.");
    }
    writeln!(out, "\n| action | meaning |{}", kinds(str::to_owned))?;
    writeln!(out, "|---|---|{}", kinds(|_| "---".to_owned()))?;
    for (action, doc) in spec.documented_actions() {
        let subscriptions = kinds(|kind| {
            let made = made
                .iter()
                .filter(|made| made.kind == kind && made.text("/action") == Some(action));
            let names: BTreeSet<_> = made.filter_map(|made| made.subscription).collect();
            let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
            if names.is_empty() { "–".to_owned() } else { names.join(" ") }
        });
        writeln!(out, "| `{action}` | {} |{subscriptions}", cell(doc))?;
    }
    Ok(())
}

/// The form of the subject. What only some samples name may be missing.
fn subject(out: &mut String, spec: &EventSpec, made: &[&Made]) -> fmt::Result {
    let Some(first) = made.first() else { return Ok(()) };
    let action = if spec.actions.is_empty() { "<name>" } else { "<action>" };
    let owner = Token::of("<owner>", made, "/repository/owner");
    let repo = Token::of("<repo>", made, "/repository/name");
    let reference = Token::of(ref_name(made), made, "/ref/name");
    writeln!(
        out,
        "\nSubject: `forge.<source>.{owner}.{repo}.{}.{action}.{reference}`, for example `{}`.",
        spec.name, first.subject
    )?;
    for token in [owner, repo, reference].iter().filter(|token| token.named == Named::Sometimes) {
        writeln!(out, "Where a delivery names no `{}`, `-` stands in its place.", token.name)?;
    }
    Ok(())
}

/// Whether the samples of an event name something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    Always,
    Never,
    Sometimes,
}

/// One token of the form of a subject.
struct Token {
    name: &'static str,
    named: Named,
}

impl Token {
    fn of(name: &'static str, made: &[&Made], pointer: &str) -> Self {
        let named = made.iter().filter(|made| made.body.pointer(pointer).is_some()).count();
        let named = match named {
            0 => Named::Never,
            all if all == made.len() => Named::Always,
            _ => Named::Sometimes,
        };
        Self { name, named }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.named == Named::Never { "-" } else { self.name })
    }
}

fn ref_name(made: &[&Made]) -> &'static str {
    let kinds = made.iter().filter_map(|made| made.text("/ref/kind"));
    let kinds: BTreeSet<_> = kinds.collect();
    match kinds.into_iter().collect::<Vec<_>>().as_slice() {
        ["branch"] => "<branch>",
        ["tag"] => "<tag>",
        _ => "<ref>",
    }
}

/// A whole body but for the payload, which is the forge's own and long.
fn sample(out: &mut String, made: &Made) -> fmt::Result {
    let mut body = made.body.clone();
    if let Some(raw) = body.get_mut("raw") {
        *raw = json!({ "…": "the payload, exactly as it was sent" });
    }
    writeln!(out, "\nA body, from the sample `{}` of {}:", made.sample, made.kind)?;
    writeln!(out, "\n```json\n{body:#}\n```")
}

/// The members of `data`, and which kind of forge says them.
fn members(out: &mut String, spec: &EventSpec, made: &[&Made]) -> fmt::Result {
    let fields = fields::of(spec, made);
    if fields.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| member of `data` |{} meaning |", kinds(str::to_owned))?;
    writeln!(out, "|---|{}---|", kinds(|_| "---".to_owned()))?;
    for Field { path, doc, filled_by } in fields {
        let marks = kinds(|kind| mark(filled_by.contains(kind)).to_owned());
        writeln!(out, "| `{path}` |{marks} {} |", cell(&doc))?;
    }
    Ok(())
}

/// A cell for every kind of forge.
fn kinds(cell: impl Fn(&'static str) -> String) -> String {
    Sender::ALL.iter().fold(String::new(), |row, sender| {
        let cell = cell(sender.kind);
        if cell == "---" { row + "---|" } else { format!("{row} {cell} |") }
    })
}

fn mark(yes: bool) -> &'static str {
    if yes { "yes" } else { "–" }
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
