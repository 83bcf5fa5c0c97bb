//! Lines as people read them: what stands where, and that nothing in them is obeyed.

use super::*;
use crate::event::{Actor, ActorKind, Delivery, Raw, Reason, RefName};
use crate::event::{Branch, Commit, PullRequest, PullRequestEvent, Push, Unrecognized};
use crate::event::{PullRequestAction, PushAction, UnrecognizedAction};
use proptest::prelude::*;

const SHA_1: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const SHA_2: &str = "5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80";

fn event(data: Data<'static>) -> Event<'static> {
    Event {
        id: "gitea:1".into(),
        source: "gitea".into(),
        forge: "gitea".into(),
        occurred_at: None,
        received_at: Time::parse("2026-11-22T09:30:00.125Z").unwrap(),
        delivery: Delivery {
            id: "1".into(),
            event: Some("push".into()),
            digest: "blake3=00".into(),
            authenticated: true,
            secret: None,
            hook: None,
            attempt: 1,
        },
        actor: Some(Actor {
            id: None,
            login: Some("alice".into()),
            name: None,
            url: None,
            kind: ActorKind::User,
        }),
        repository: Some(Repository {
            owner: Some("Acme".into()),
            name: Some("Widgets".into()),
            ..Repository::default()
        }),
        reference: Some(RefName { kind: RefKind::Branch, name: "main".into() }),
        data,
        raw: Raw::Omitted,
        raw_altered: false,
    }
}

fn commit(message: &str) -> Commit<'static> {
    Commit { id: SHA_2.into(), message: Some(message.to_owned().into()), ..Commit::default() }
}

fn push(message: &str) -> Event<'static> {
    let push = Push {
        before: Some(SHA_1.into()),
        after: Some(SHA_2.into()),
        commits: vec![commit("older"), commit(message)],
        commits_complete: true,
        files_known: true,
        ..Push::default()
    };
    event(Data::Push(PushAction::Updated, Box::new(push)))
}

fn pull(title: &str, head: &str) -> Event<'static> {
    let side = |name: &str, fork| Branch {
        reference: Some(name.to_owned().into()),
        fork,
        ..Branch::default()
    };
    let pull_request = PullRequest {
        id: None,
        number: crate::event::Number(42),
        title: Some(title.to_owned().into()),
        body: None,
        url: None,
        state: None,
        draft: Some(true),
        merged: false,
        mergeable: None,
        author: None,
        head: side(head, Some(true)),
        base: side("main", None),
        labels: Vec::new(),
        assignees: Vec::new(),
        reviewers: Vec::new(),
        reviewer_teams: Vec::new(),
        milestone: None,
        merge_commit: None,
        merge_base: None,
        verdicts: Vec::new(),
        merged_by: None,
        created_at: None,
        updated_at: None,
        closed_at: None,
        merged_at: None,
    };
    let data = PullRequestEvent {
        pull_request,
        changes: None,
        before: None,
        after: None,
        requested_reviewer: None,
        requested_reviewers: Vec::new(),
        closing_commit: None,
        close_reason: None,
    };
    event(Data::PullRequest(PullRequestAction::Opened, Box::new(data)))
}

fn unrecognized(native: &str, reason: &str) -> Event<'static> {
    let data = Unrecognized { reason: Reason::Other(reason.into()) };
    let data = Data::Unrecognized(UnrecognizedAction::from_name(native), Box::new(data));
    let mut event = event(data);
    event.delivery.event = Some(native.to_owned().into());
    event
}

fn line(event: &Event<'_>) -> String {
    Lines::new(false).event(event, None)
}

#[test]
fn a_push_shows_how_many_commits_from_where_to_where_and_the_newest() {
    assert_eq!(
        line(&push("Fix the gears\n\nThey ground.")),
        "2026-11-22 09:30:00 gitea  push.updated         Acme/Widgets     main by alice \
         2 commits 1a2b3c4..5d6e7f8 \"Fix the gears\""
    );
}

#[test]
fn an_incomplete_list_and_a_forced_push_say_so() {
    let mut event = push("x");
    let Data::Push(_, push) = &mut event.data else { panic!("a push") };
    push.commits_complete = false;
    push.total_commits = Some(30);
    push.forced = Some(true);
    let line = line(&event);
    assert!(
        line.ends_with("30 commits 1a2b3c4..5d6e7f8 (forced) \"x\" (list incomplete)"),
        "{line}"
    );
}

#[test]
fn a_pull_request_shows_number_title_branches_and_marks() {
    let line = line(&pull("Better gears", "gears"));
    assert!(
        line.ends_with(
            "Acme/Widgets     #42 by alice \"Better gears\" gears -> main (draft, fork)"
        ),
        "{line}"
    );
}

/// An event as it stands in a stream.
fn read(event: &str, action: &str, data: &str) -> Event<'static> {
    let body = format!(
        r#"{{"version":1,"id":"gitea:1","source":"gitea","forge":"gitea","event":"{event}","action":"{action}",
        "received_at":"2026-11-22T09:30:00Z","data":{data},
        "delivery":{{"id":"1","digest":"blake3=00","authenticated":true,"attempt":1}},
        "repository":{{"owner":"Acme","name":"Widgets"}},"actor":{{"login":"alice","kind":"user"}}}}"#
    );
    Event::from_json(body.as_bytes()).unwrap()
}

#[test]
fn every_other_event_shows_what_one_wants_to_know_of_it() {
    let pull = r#""pull_request":{"number":7,"title":"T","merged":false,"head":{},"base":{},"labels":[],"assignees":[],"reviewers":[]}"#;
    let issue = r#""issue":{"number":7,"title":"T","labels":[{"name":"bug"}],"assignees":[{"login":"bo","kind":"user"}]}"#;
    let sha = |name: &str| format!(r#""{name}":{{"sha":"{SHA_1}"}}"#);
    let cases = [
        (
            "review",
            "approved",
            format!(r#"{pull},"review":{{"body":"Good\nIndeed"}}"#),
            "#7 by alice \"T\" \"Good\"",
        ),
        (
            "pull_request_comment",
            "created",
            format!(r#"{pull},"comment":{{"body":"Why?","path":"a.rs","line":3}}"#),
            "#7 by alice \"T\" a.rs:3 \"Why?\"",
        ),
        ("issue_comment", "edited", format!(r#"{issue},"comment":{{}}"#), "#7 by alice \"T\""),
        (
            "commit_comment",
            "created",
            format!(r#"{},"comment":{{"body":"Hm"}}"#, sha("commit")),
            "by alice at 1a2b3c4 \"Hm\"",
        ),
        ("issue", "assigned", issue.to_owned(), "#7 by alice \"T\" [bo]"),
        ("issue", "labels_updated", issue.to_owned(), "#7 by alice \"T\" [bug]"),
        ("issue", "closed", format!("{issue},{}", sha("closing_commit")), "\"T\" by 1a2b3c4"),
        (
            "release",
            "published",
            r#""release":{"name":"One","prerelease":true,"assets":[{}]}"#.to_owned(),
            "by alice \"One\" (prerelease) 1 file",
        ),
        ("repository", "forked", r#""fork":{"full_name":"bo/w"}"#.to_owned(), "by alice as bo/w"),
        (
            "repository",
            "renamed",
            r#""changes":{"name":{"from":"old"}}"#.to_owned(),
            "by alice was old",
        ),
        (
            "wiki",
            "edited",
            r#""page":{"name":"Home"},"message":"Typo""#.to_owned(),
            "by alice Home \"Typo\"",
        ),
        (
            "package",
            "created",
            r#""package":{"kind":"cargo","name":"w","version":"1"}"#.to_owned(),
            "by alice cargo w 1",
        ),
        (
            "status",
            "failure",
            format!(
                r#""status":{{"context":"ci","description":"2 failed"}},"commit":{{"id":"{SHA_1}"}}"#
            ),
            "by alice ci at 1a2b3c4 \"2 failed\"",
        ),
        (
            "workflow_run",
            "completed",
            format!(
                r#""run":{{"conclusion":"failure",{}}},"workflow":{{"id":"t.yml"}}"#,
                sha("commit")
            ),
            "by alice t.yml at 1a2b3c4 (failure)",
        ),
        (
            "workflow_job",
            "queued",
            r#""job":{"name":"test","status":"parked"}"#.to_owned(),
            "by alice \"test\" (parked)",
        ),
    ];
    assert_ends(&cases);
}

#[test]
fn what_only_bitbucket_says_shows_what_one_wants_to_know_of_it() {
    let pull = r#""pull_request":{"number":7,"title":"T","merged":false,"head":{},"base":{},"labels":[],"assignees":[],"reviewers":[]}"#;
    let sha = |name: &str| format!(r#""{name}":{{"sha":"{SHA_1}"}}"#);
    let cases = [
        (
            "pipeline_span",
            "created",
            r#""spans":[{"name":"bbc.step","run":{"build_number":9,"conclusion":"success","ref":{"kind":"branch","name":"main"}},"attributes":[]},{"attributes":[]}]"#
                .to_owned(),
            "by alice bbc.step #9 for main (success) and 1 more",
        ),
        (
            "project",
            "updated",
            r#""project":{"key":"SHED","name":"The shed"},"changes":{"name":{"from":"Shed"}}"#
                .to_owned(),
            "by alice SHED \"The shed\" was Shed",
        ),
        (
            "pull_request",
            "closed",
            format!(r#"{pull},"close_reason":"No need""#),
            "#7 by alice \"T\" ? -> ? \"No need\"",
        ),
        (
            "mirror",
            "synchronized",
            r#""mirror":{"name":"South"},"changes":[],"changes_complete":false"#.to_owned(),
            "by alice \"South\" (list incomplete)",
        ),
        (
            "secret",
            "detected",
            format!(
                r#""locations":[{{"rule":"A key","path":"a.pem","line":3,{}}},{{}}]"#,
                sha("commit")
            ),
            "by alice a.pem:3 at 1a2b3c4 \"A key\" and 1 more",
        ),
    ];
    assert_ends(&cases);
}

/// Asserts how the line ends of an event, an action and the members of `data`.
fn assert_ends(cases: &[(&str, &str, String, &str)]) {
    for (event, action, data, expected) in cases {
        let line = line(&read(event, action, &format!("{{{data}}}")));
        assert!(line.ends_with(expected), "{event}.{action}: {line}");
    }
}

#[test]
fn an_unrecognized_event_shows_its_name_and_the_reason() {
    let line = line(&unrecognized("schedule", "unknown_event"));
    assert!(
        line.contains(" unrecognized.schedule ") && line.ends_with("schedule: unknown_event"),
        "{line}"
    );
}

#[test]
fn the_date_is_shown_when_it_changes() {
    let mut lines = Lines::new(false);
    let mut event = push("x");
    assert!(lines.event(&event, None).starts_with("2026-11-22 09:30:00 "));
    assert!(lines.event(&event, None).starts_with("09:30:00 "));
    event.received_at = Time::parse("2026-11-23T00:00:00Z").unwrap();
    assert!(lines.event(&event, None).starts_with("2026-11-23 00:00:00 "));
}

#[test]
fn columns_stay_below_each_other_after_a_wide_one() {
    let mut lines = Lines::new(false);
    let mut wide = push("x");
    wide.source = "a-long-source".into();
    lines.event(&wide, None);
    let at = |line: &str| line.find("push.updated").unwrap();
    assert_eq!(at(&lines.event(&wide, None)), at(&lines.event(&push("x"), None)));
}

#[test]
fn a_line_is_cut_to_the_width_and_says_so() {
    let cut = Lines::new(false).event(&push("漢字漢字漢字漢字漢字"), Some(100));
    assert!(cut.ends_with('…') && visible::columns(&cut) <= 100, "{cut}");
    let whole = line(&push("x"));
    let exact = visible::columns(&whole);
    assert_eq!(Lines::new(false).event(&push("x"), Some(exact)), whole);
}

#[test]
fn colours_are_ended_before_the_next_part_and_the_end() {
    let line = Lines::new(true).event(&push("x"), Some(60));
    assert!(line.contains("\u{1b}[32mpush.updated\u{1b}[0m "), "{line:?}");
    assert_eq!(line.matches("\u{1b}[").count(), 2 * line.matches("\u{1b}[0m").count(), "{line:?}");
}

proptest! {
    #[test]
    fn no_line_holds_what_a_terminal_would_obey(
        texts in prop::collection::vec(any::<String>(), 8),
        width in prop::option::of(0_usize..200),
    ) {
        let events = [
            push(&texts[0]),
            pull(&texts[1], &texts[2]),
            unrecognized(&texts[3], &texts[4]),
        ];
        for mut event in events {
            event.source = texts[5].clone().into();
            event.reference = Some(RefName { kind: RefKind::Other(texts[6].clone()), name: texts[6].clone().into() });
            event.actor.as_mut().unwrap().login = Some(texts[7].clone().into());
            event.repository.as_mut().unwrap().name = Some(texts[0].clone().into());
            let line = Lines::new(false).event(&event, width);
            prop_assert!(!line.chars().any(visible::obeyed), "{line:?}");
            prop_assert!(width.is_none_or(|width| visible::columns(&line) <= width.max(1)), "{line:?}");
        }
        let line = Lines::new(false).foreign(None, &texts[1], &texts[2], width);
        prop_assert!(!line.chars().any(visible::obeyed), "{line:?}");
    }
}
