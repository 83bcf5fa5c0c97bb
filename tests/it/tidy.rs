//! The rules of the house that a machine can hold.

use std::path::{Path, PathBuf};

/// Longest file, in lines without its tests.
const LONGEST: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(under)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no files under {under}");
    found
}

fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

#[test]
fn files_stay_short_and_say_what_they_own() {
    for folder in ["src", "benches", "docs", "tests", "fuzz/src", "fuzz/fuzz_targets"] {
        for (name, text) in rust_files(folder) {
            assert!(text.starts_with("//!"), "{name}: no module doc");
            let lines = without_tests(&text).lines().count();
            assert!(folder == "tests" || lines <= LONGEST, "{name}: {lines} lines, split it");
        }
    }
}

#[test]
fn layers_point_one_way() {
    let forbidden: [(&str, &[&str]); 9] = [
        (
            "src/event",
            &["crate::source", "crate::config", "crate::message", "async_nats", "axum", "hyper"],
        ),
        (
            "src/source",
            &[
                "crate::outbox",
                "crate::ingress",
                "crate::jetstream",
                "crate::message",
                "async_nats",
                "axum",
                "tokio",
            ],
        ),
        (
            "src/listen",
            &["crate::source", "crate::config", "crate::ingress", "crate::jetstream", "async_nats"],
        ),
        (
            "src/jetstream",
            &["crate::source", "crate::ingress", "crate::delivery", "axum", "hyper::"],
        ),
        ("src/ingress", &["async_nats"]),
        ("src/control", &["async_nats", "axum", "hyper", "crate::config", "crate::ingress"]),
        (
            "src/config",
            &["async_nats", "axum", "crate::ingress", "crate::jetstream", "crate::outbox"],
        ),
        ("src/message.rs", &["async_nats", "axum", "crate::outbox", "crate::source"]),
        (
            "src/normalize.rs",
            &["async_nats", "axum", "crate::outbox", "tokio", "std::fs", "Time::now"],
        ),
    ];
    for (place, imports) in forbidden {
        let files = if Path::new(place).extension().is_some() {
            vec![(place.to_owned(), std::fs::read_to_string(root().join(place)).unwrap())]
        } else {
            rust_files(place)
        };
        for (name, text) in files {
            for import in imports {
                assert!(!without_tests(&text).contains(import), "{name} must not use {import}");
            }
        }
    }
}

#[test]
fn statuses_appear_only_where_http_is_spoken() {
    for (name, text) in rust_files("src") {
        let http = ["src/ingress", "src/listen", "src/cli/send"]
            .iter()
            .any(|place| name.starts_with(place));
        assert!(
            http || !without_tests(&text).contains("StatusCode") || name == "src/jetstream/acks.rs",
            "{name}"
        );
    }
}

#[test]
fn a_source_is_a_module_of_its_own_and_at_most_five_lines_elsewhere() {
    let modules = rust_files("src/source").into_iter().filter_map(|(name, text)| {
        let name = name.strip_prefix("src/source/")?.strip_suffix(".rs")?.to_owned();
        (!name.contains('/') && text.contains("impl Forge for")).then_some(name)
    });
    let modules: Vec<String> = modules.collect();
    assert!(modules.len() >= 3, "{modules:?}");
    for module in modules {
        let own = [format!("src/source/{module}"), format!("src/samples/{module}")];
        let mut lines = Vec::new();
        for (name, text) in rust_files("src") {
            if own.iter().any(|own| name.starts_with(own.as_str())) {
                continue;
            }
            let code = without_tests(&text).to_owned();
            let kind = module.replace('_', "-");
            let names = |line: &&str| {
                let line = line.split("//").next().unwrap_or_default();
                let words = line.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c));
                words.into_iter().any(|word| word == module || word == kind)
            };
            lines.extend(code.lines().filter(names).map(|line| format!("{name}: {line}")));
        }
        // Of the Gitea family three kinds are one module, and it is the one that help texts show.
        let most = if module == "gitea" { usize::MAX } else { 5 };
        assert!(lines.len() <= most, "{module}: {lines:#?}");
    }
}

#[test]
fn nothing_is_left_for_later() {
    for folder in ["src", "benches", "docs", "tests", "fuzz/src", "fuzz/fuzz_targets"] {
        for (name, text) in rust_files(folder) {
            for word in [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("todo", "!("),
                concat!("#[ig", "nore"),
            ] {
                assert!(!text.contains(word), "{name}: {word}");
            }
        }
    }
}

#[test]
fn the_lock_files_name_no_registry_but_the_usual_one() {
    for file in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = std::fs::read_to_string(root().join(file)).unwrap();
        for line in lock.lines().filter(|line| line.starts_with("source = ")) {
            let usual = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
            assert_eq!(line, usual, "{file}");
        }
    }
}

#[test]
fn every_fuzz_target_is_run_by_default() {
    let script = std::fs::read_to_string(root().join("fuzz/run")).unwrap();
    let line = script.lines().find_map(|line| line.split_once("|| targets=(")).unwrap().1;
    let mut run: Vec<_> = line.trim_end_matches(')').split(' ').map(str::to_owned).collect();
    let targets = rust_files("fuzz/fuzz_targets").into_iter();
    let name = |(path, _): (String, String)| {
        Path::new(&path).file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let mut targets: Vec<String> = targets.map(name).collect();
    run.sort_unstable();
    targets.sort_unstable();
    assert_eq!(run, targets);
}

#[test]
fn every_problem_code_stands_in_the_readme() {
    let table = std::fs::read_to_string(root().join("src/ingress/problem.rs")).unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let verdicts =
        table.split("pub const fn verdict").nth(1).unwrap().split("}\n    }").next().unwrap();
    let codes: Vec<_> = verdicts.split('"').skip(1).step_by(2).collect();
    assert!(codes.len() > 10, "{codes:?}");
    for code in codes {
        assert!(readme.contains(&format!("`{code}`")), "README.md does not list {code}");
    }
}

#[test]
fn the_minimum_rust_version_is_the_highest_that_a_dependency_states() {
    let metadata = std::process::Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let version = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().unwrap());
        (parts.next().unwrap(), parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    let packages = metadata["packages"].as_array().unwrap();
    let stated = |package: &serde_json::Value| package["rust_version"].as_str().map(version);
    let ours =
        packages.iter().find(|package| package["name"] == "forgewire").and_then(stated).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let used = |package: &&serde_json::Value| {
        package["name"] != "forgewire" && nodes.iter().any(|node| node["id"] == package["id"])
    };
    let highest = packages.iter().filter(used).filter_map(stated).max().unwrap();
    assert_eq!(ours, highest, "rust-version in Cargo.toml");
}
