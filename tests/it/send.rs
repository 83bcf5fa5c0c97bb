//! `forgewire send`: what it sends, and what it says about the answer.

use forgewire::samples::Sender;
use serde_json::Value;

use crate::process::{Dev, Home};

#[test]
fn every_sample_of_every_kind_is_taken_and_becomes_what_its_row_says() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    for sender in Sender::ALL {
        for sample in sender.samples {
            let ran = home.run(&["send", sender.kind, sample.name, "--json"]);
            let what = format!("{} {}", sender.kind, sample.name);
            assert_eq!(ran.code(), 0, "{what}: {}{}", ran.out(), ran.err());
            let receipt: Value = serde_json::from_str(&ran.out()).unwrap();
            assert_eq!(receipt["status"], "published", "{what}");
            // Most packages are linked to no repository.
            let place = match sample.name {
                "package-created" | "package-deleted" => "acme.-",
                "package-created-of-user" => "maria.-",
                // Spans name the repository by its id alone.
                "pipeline-span" => "-.0d9b53c7-6a2e-4f14-85d0-b7e1c94f3a28",
                "ping" if sender.kind == "bitbucket-dc" => "-.-",
                name if name.starts_with("project-") => "acme.-",
                _ => "acme.widgets",
            };
            let made = sample.makes.replace(':', "%3A");
            let start = format!("forge.{}.{place}.{made}.", sender.kind);
            let subject = receipt["events"][0]["subject"].as_str().unwrap();
            assert!(subject.starts_with(&start), "{what}: {subject}");
        }
    }
    drop(dev);
}

#[test]
fn form_and_query_carry_the_same_payload() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    for mode in ["--form", "--get"] {
        for kind in ["gitea", "forgejo", "gogs"] {
            let ran = home.run(&["send", kind, "push", mode]);
            assert_eq!(ran.code(), 0, "{kind} {mode}: {}{}", ran.out(), ran.err());
            assert!(ran.out().contains(".push.updated.main"), "{}", ran.out());
        }
    }
}

#[test]
fn a_repeated_delivery_is_shown_as_a_duplicate_and_fresh_ones_are_not() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let ran = home.run(&["send", "gitea", "push", "--count", "3", "--delivery", "again"]);
    assert_eq!(ran.out().matches("202 Accepted").count(), 3, "{}", ran.out());
    assert_eq!(ran.out().matches("(duplicate)  id gitea:again").count(), 2, "{}", ran.out());
    let ran = home.run(&["send", "gitea", "push", "--count", "3"]);
    assert_eq!(ran.out().matches("202 Accepted").count(), 3, "{}", ran.out());
    assert!(!ran.out().contains("duplicate"), "{}", ran.out());
}

#[test]
fn an_own_payload_is_sent_as_it_is() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let body = home.write("body.json", "{\"repository\": {\"full_name\": \"me/mine\"}}\n");
    let secret = home.write("secret", std::fs::read(&dev.state.sources[0].secret_file).unwrap());
    let url = format!("{}/hooks/gitea", dev.state.hooks);
    let arguments =
        ["send", "--url", &url, "--kind", "gitea", "--secret-file", secret.to_str().unwrap()];
    let own = ["--file", body.to_str().unwrap(), "--event", "star"];
    let ran = home.run(&[&arguments[..], &own].concat());
    assert_eq!(ran.code(), 0, "{}{}", ran.out(), ran.err());
    assert!(ran.out().contains("forge.gitea.me.mine.unrecognized.star.-"), "{}", ran.out());
}

#[test]
fn a_wrong_secret_is_refused_with_401_and_exit_code_1_and_never_shown() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let secret = home.write("secret", "a wrong secret of enough bytes\n");
    let ran = home.run(&["send", "gitea", "push", "--secret-file", secret.to_str().unwrap()]);
    assert_eq!(ran.code(), 1, "{}", ran.err());
    assert!(ran.out().contains("401 Unauthorized  not_authenticated: "), "{}", ran.out());
    assert!(!(ran.out() + &ran.err()).contains("wrong secret"));
}

#[test]
fn a_secret_is_also_taken_from_a_variable() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let secret = std::fs::read_to_string(&dev.state.sources[0].secret_file).unwrap();
    let sent = |variable: &str| {
        let mut command = home.command(&["send", "gitea", "push", "--secret-env", variable]);
        command.env("HOOK_SECRET", &secret).output().unwrap().status.code()
    };
    assert_eq!(sent("HOOK_SECRET"), Some(0));
    assert_eq!(sent("OTHER_SECRET"), Some(69));
}

#[test]
fn nobody_there_is_exit_code_69_and_names_the_url() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/hooks/gitea");
    let secret = home.write("secret", "a secret of enough bytes");
    let ran = home.run(&[
        "send",
        "--url",
        &url,
        "--kind",
        "gitea",
        "--secret-file",
        secret.to_str().unwrap(),
        "push",
    ]);
    assert_eq!(ran.code(), 69);
    assert!(ran.err().contains(&format!("cannot reach {url}")), "{}", ran.err());
}

#[test]
fn the_list_has_every_sample_and_what_it_makes() {
    let home = Home::new();
    let all = home.run(&["send", "--list"]).out();
    let gogs = home.run(&["send", "gogs", "--list"]).out();
    for sender in Sender::ALL {
        for sample in sender.samples {
            let row =
                |line: &&str| line.split_whitespace().eq([sender.kind, sample.name, sample.makes]);
            assert!(all.lines().any(|line| row(&line)), "{} {}", sender.kind, sample.name);
            assert_eq!(gogs.lines().any(|line| row(&line)), sender.kind == "gogs");
        }
    }
}

#[test]
fn wrong_usage_is_exit_code_64_and_says_what_to_do() {
    let home = Home::new();
    let secret = home.write("secret", "a secret of enough bytes");
    let file = ["--secret-file", secret.to_str().unwrap()];
    let url = ["send", "--url", "http://localhost/hooks/x", "--kind"];
    for (arguments, told) in [
        (vec!["send"], "forgewire send gitea push"),
        (vec!["send", "gitea"], "forgewire send gitea push"),
        (vec!["send", "--list", "github"], "gitea, forgejo, gogs, bitbucket-cloud, bitbucket-dc"),
        ([&url[..], &["gitea", "push"]].concat(), "--secret-file or --secret-env"),
        (
            [&url[..], &["github", "push"], &file].concat(),
            "gitea, forgejo, gogs, bitbucket-cloud, bitbucket-dc",
        ),
        ([&url[..], &["gogs", "tag"], &file].concat(), "forgewire send --list gogs"),
        ([&url[..], &["gitea", "gitea", "push"], &file].concat(), "no source"),
        (
            ["send", "push", "--url", "localhost", "--kind", "gitea"]
                .iter()
                .chain(&file)
                .copied()
                .collect(),
            "a whole URL",
        ),
        (vec!["send", "--url", "http://localhost/", "push"], "--kind"),
    ] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code(), 64, "{arguments:?}: {}", ran.err());
        assert!(ran.err().contains(told), "{arguments:?}: {}", ran.err());
    }
}
