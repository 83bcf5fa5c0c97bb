//! `forgewire subject`: names become subjects and filters, and subjects names.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::Home;

/// What `subject encode` prints, without the line's end.
fn encoded(arguments: &str) -> String {
    let words: Vec<_> = ["subject", "encode"].into_iter().chain(arguments.split(' ')).collect();
    let words: Vec<_> = words.into_iter().map(|word| word.trim_matches('\'')).collect();
    let ran = Home::new().run(&words);
    assert_eq!(ran.code(), 0, "{arguments}: {}", ran.err());
    ran.out().strip_suffix('\n').unwrap().to_owned()
}

#[test]
fn names_become_the_subject_that_their_events_have() {
    for (arguments, subject) in [
        (
            "--source gitea --owner Acme --repo my.Repo --event push --action updated --ref Feature/x",
            "forge.gitea.acme.my%2Erepo.push.updated.Feature%2Fx",
        ),
        ("--source gitea --event ping --action sent", "forge.gitea.-.-.ping.sent.-"),
        ("--prefix ci.forge --source a --owner - --ref ''", "ci.forge.a.%2D.-.-.-.-"),
    ] {
        assert_eq!(encoded(arguments), subject);
    }
}

#[test]
fn a_filter_lets_through_whatever_was_left_out() {
    for (arguments, filter) in [
        ("--filter", "forge.>"),
        ("--filter --source gitea --owner acme --repo widgets", "forge.gitea.acme.widgets.>"),
        ("--filter --event tag --action created", "forge.*.*.*.tag.created.*"),
        ("--filter --ref main", "forge.*.*.*.*.*.main"),
        ("--filter --source gitea --owner acme --repo ''", "forge.gitea.acme.-.>"),
        ("--filter --owner * --ref >", "forge.*.%2A.*.*.*.%3E"),
    ] {
        assert_eq!(encoded(arguments), filter, "{arguments}");
    }
}

#[test]
fn what_would_never_match_is_refused_with_exit_code_64() {
    for (arguments, told) in [
        (&["--repo", "acme/widgets"][..], "--owner"),
        (&["--ref", "refs/heads/main"], "short name"),
        (&["--prefix", "a..b"], "1 to 5 tokens"),
        (&["--prefix", "a.*"], "1 to 5 tokens"),
        (&["--branch", "main"], "--branch"),
    ] {
        let ran = Home::new().run(&[&["subject", "encode"], arguments].concat());
        assert_eq!(ran.code(), 64, "{arguments:?}");
        assert!(ran.err().contains(told), "{arguments:?}: {}", ran.err());
        assert_eq!(ran.out(), "");
    }
}

fn decode(arguments: &[&str]) -> crate::process::Ran {
    Home::new().run(&[&["subject", "decode"], arguments].concat())
}

fn long_branch() -> String {
    format!("feature/{}", "é".repeat(60))
}

#[test]
fn a_subject_is_shown_part_by_part() {
    let ran = decode(&["forge.gitea.acme.my%2Erepo.push.updated.feature%2Flogin"]);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    assert_eq!(
        ran.out(),
        "forge.gitea.acme.my%2Erepo.push.updated.feature%2Flogin\n  source  gitea\n  owner   acme\n  \
         repo    my.repo\n  event   push\n  action  updated\n  ref     feature/login\n"
    );
}

#[test]
fn a_missing_and_a_cut_value_are_shown_as_what_they_are() {
    let branch = long_branch();
    let subject = encoded(&format!("--source gitea --ref {branch}"));
    let hash = subject.rsplit('~').next().unwrap();
    let shown = decode(&[&subject]).out();
    assert!(shown.contains("\n  owner   (none)\n"), "{shown}");
    let cut = format!("é… (cut; the BLAKE3 hash of the whole begins with {hash})\n");
    assert!(shown.contains("\n  ref     feature/éé") && shown.ends_with(&cut), "{shown}");

    let object: Value = serde_json::from_str(&decode(&["--json", &subject]).out()).unwrap();
    assert_eq!(object["owner"], Value::Null);
    assert_eq!(object["ref"]["blake3"], hash);
    assert!(branch.starts_with(object["ref"]["starts_with"].as_str().unwrap()), "{object}");
}

#[test]
fn lines_of_standard_input_become_an_object_each_also_below_a_long_prefix() {
    let home = Home::new();
    let mut child = home
        .command(&["subject", "decode", "--json", "--prefix", "a.b"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines =
        b"a.b.gitea.acme.widgets.tag.created.v1%2E0\r\n\na.b.\xff\n a.b.gogs.-.-.ping.sent.-";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let objects: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        objects,
        [
            json!({
                "subject": "a.b.gitea.acme.widgets.tag.created.v1%2E0", "prefix": "a.b", "source": "gitea",
                "owner": "acme", "repo": "widgets", "event": "tag", "action": "created", "ref": "v1.0",
            }),
            json!({
                "subject": "a.b.gogs.-.-.ping.sent.-", "prefix": "a.b", "source": "gogs", "owner": null,
                "repo": null, "event": "ping", "action": "sent", "ref": null,
            }),
        ]
    );
    // The one that is none is told, and the others are not lost by it.
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("1 tokens after the prefix") && told.lines().count() == 1, "{told}");
}

#[test]
fn what_is_no_subject_is_exit_code_64_and_the_token_is_named() {
    for (subject, told) in [
        ("forge.gitea.acme.*.push.updated.main", "the token of the repo is \"*\": a wildcard"),
        ("forge.gitea.>", "that is a filter"),
        ("forge.gitea.acme.widgets.push.updated", "5 tokens after the prefix"),
        ("forge.gitea.acme.my.repo.push.updated.main", "7 tokens after the prefix"),
        (
            "forge.gitea.acme.a%2erepo.push.updated.main",
            "the token of the repo is \"a%2erepo\": byte 1",
        ),
        (
            "forge.gitea.acme..push.updated.main",
            "the token of the repo is \"\": a token is never empty",
        ),
        ("forge.gitea.acme.r.push.updated.%FF", "the token of the ref is \"%FF\": the escapes"),
        ("ci.forge.gitea.acme.r.push.updated.x", "--prefix"),
    ] {
        let ran = decode(&[subject]);
        assert_eq!(ran.code(), 64, "{subject}");
        assert!(ran.err().contains(told), "{subject}: {}", ran.err());
        assert_eq!(ran.out(), "");
    }
}

#[test]
fn control_characters_of_names_are_shown_and_not_obeyed() {
    let subject = "forge.gitea.acme.r.push.updated.%1B%5B31m%E2%80%AE";
    assert!(decode(&[subject]).out().ends_with("  ref     \\u{1b}[31m\\u{202e}\n"));
    let object = decode(&["--json", subject]).out();
    assert!(object.contains(r#""ref":"\u001b[31m\u202e""#), "{object}");
    // Of a wrong subject too.
    let told = decode(&["forge.\u{1b}[31m"]).err();
    assert!(!told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn help_shows_examples_that_are_so() {
    let help = Home::new().run(&["subject", "encode", "--help"]).out();
    let joined = help.replace(" \\\n         ", "");
    let mut lines = joined.lines().map(str::trim);
    let mut shown = 0;
    while let Some(line) = lines.next() {
        if let Some(arguments) = line.strip_prefix("forgewire subject encode ") {
            assert_eq!(Some(&*encoded(arguments)), lines.next(), "{arguments}");
            shown += 1;
        }
    }
    assert!(shown > 2, "{help}");
}
