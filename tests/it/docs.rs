//! `docs/events.md`: what is committed is what the code says, and nothing in it is left unsaid.

use std::path::PathBuf;

use forgewire::docs;
use forgewire::event::Data;
use forgewire::samples::Sender;

use crate::support::program;
use crate::support::schema::assert_valid;

#[test]
fn the_committed_page_is_what_the_code_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    let committed = std::fs::read_to_string(path).unwrap();
    let now = docs::events().unwrap();
    assert!(committed == now, "docs/events.md is not what the code says: run `make docs`");
    let (code, printed, errors) = program::run(&["docs-events"]);
    assert_eq!((code, printed), (0, now), "{errors}");
}

#[test]
fn every_body_on_the_page_is_one() {
    let page = docs::events().unwrap();
    let bodies: Vec<_> =
        page.split("```json\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    let sampled = |event: &str| {
        let mut samples = Sender::ALL.iter().flat_map(|sender| sender.samples);
        samples.any(|sample| sample.makes.split('.').next() == Some(event))
    };
    let wanted = Data::EVENTS.iter().filter(|spec| sampled(spec.name)).count();
    assert_eq!(bodies.len(), wanted, "one for each event that a forge makes");
    for body in bodies {
        assert_valid(body.as_bytes());
    }
}

#[test]
fn every_event_and_action_has_a_comment() {
    for spec in Data::EVENTS {
        assert!(spec.doc.ends_with('.'), "{}: {:?}", spec.name, spec.doc);
        assert_eq!(spec.actions.len(), spec.action_docs.len(), "{}", spec.name);
        for (action, doc) in spec.documented_actions() {
            assert!(doc.ends_with('.'), "{}.{action}: {doc:?}", spec.name);
        }
    }
}

/// The part of the page that is about an event.
fn section(page: &str, event: &str) -> String {
    let rest = page.split(&format!("\n## {event}\n")).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no section for {event}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn every_sample_shows_in_the_page_with_its_subscription() {
    let page = docs::events().unwrap();
    for (column, sender) in Sender::ALL.iter().enumerate() {
        for sample in sender.samples {
            let (event, action) = sample.makes.split_once('.').unwrap();
            if event == "unrecognized" {
                continue;
            }
            let section = section(&page, event);
            let Some(subscription) = sender.subscription(sample) else { continue };
            let row = section.lines().find(|line| line.starts_with(&format!("| `{action}` |")));
            let row = row.unwrap_or_else(|| panic!("no row for {}", sample.makes));
            let cell = row.split('|').nth(3 + column).unwrap();
            assert!(cell.contains(&format!("`{subscription}`")), "{}: {row}", sample.name);
        }
    }
}

#[test]
fn a_member_is_marked_for_the_kinds_that_say_it() {
    let page = docs::events().unwrap();
    let row = |event: &str, path: &str| {
        let section = section(&page, event);
        let start = format!("| `{path}` |");
        let row = section.lines().find_map(|line| line.strip_prefix(&start));
        let row = row.unwrap_or_else(|| panic!("no row {path}"));
        row.split(" | ").take(3).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>().join(" ")
    };
    // Gitea 1.27 says both ends of a synchronization; pull requests of Gogs have no hash.
    assert_eq!(row("pull_request", "before"), "yes – –");
    assert_eq!(row("pull_request", "pull_request.head.sha"), "yes yes –");
    assert_eq!(row("pull_request", "pull_request.labels[].name"), "yes yes yes");
    assert_eq!(
        row("pull_request", "pull_request.reviewers[]"),
        "yes yes –",
        "an empty list says nobody"
    );
    // No forge of the family says it; the first two say how many commits are new, and none are where a branch
    // was moved back.
    assert_eq!(row("push", "forced"), "yes yes –");
    assert_eq!(row("pull_request", "pull_request.head.pull_ref"), "yes yes –");
    assert_eq!(row("workflow_run", "run.tag"), "yes – –");
}
