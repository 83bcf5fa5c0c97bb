//! Bodies of the load: pushes as Gitea writes them, of exactly the wanted size.
//!
//! In: the number of a repository and a size in bytes. Out: JSON text with two-space indentation
//! and Gitea's fields in Gitea's order. Size comes from commits, then from their file lists; the
//! last bytes from the repository's description. Below the size of a whole payload, repository
//! and users carry only the fields that every version sends.

use std::fmt::Write as _;

use anyhow::{Result, bail};

const PUSH: &str = include_str!("push/push.json");
const COMMIT: &str = include_str!("push/commit.json");
const USER: &str = include_str!("push/user.json");
const USER_BRIEF: &str = include_str!("push/user-brief.json");
const REPOSITORY: &str = include_str!("push/repository.json");
const REPOSITORY_BRIEF: &str = include_str!("push/repository-brief.json");

/// Gitea lists at most this many commits unless told otherwise.
const MAX_COMMITS: usize = 5;

const MESSAGES: [&str; MAX_COMMITS] = [
    r"Merge branch 'feature/manifests' into main\n",
    r"Reject an empty manifest before it is stored\n\nThe parser took it for a missing one and fell back to the default, so a\nbroken upload looked like a success.\n\nSigned-off-by: Ada Nováková <ada@forge.example>\n",
    r#"Say which layer is missing\n\n"not found" named the manifest, never the blob behind it.\n"#,
    r"Keep the upload session for an hour\n\nRunners behind slow links resume after twenty minutes and more.\n",
    r"Bump the linter to 2.4 and follow its advice\n",
];

/// How much of Gitea's payload is there.
#[derive(Clone, Copy)]
struct Shape {
    commits: usize,
    whole: bool,
}

/// Writes the push payload of repository number `repository` in exactly `bytes` bytes.
///
/// # Errors
///
/// When no push fits into `bytes`; the message names the smallest size.
pub(crate) fn push(repository: usize, bytes: usize) -> Result<String> {
    let whole = (1..=MAX_COMMITS).rev().map(|commits| Shape { commits, whole: true });
    // Without a commit: a branch that begins where another one is.
    let brief = (0..=MAX_COMMITS).rev().map(|commits| Shape { commits, whole: false });
    let mut smallest = 0;
    for shape in whole.chain(brief) {
        let base = render(repository, shape, "", "");
        if base.len() <= bytes {
            return Ok(fill(repository, shape, bytes - base.len()));
        }
        smallest = base.len();
    }
    bail!("--bytes {bytes} is too small for a push: it takes at least {smallest} bytes");
}

/// Renders with `room` more bytes than the bare shape.
fn fill(repository: usize, shape: Shape, room: usize) -> String {
    let mut files = String::new();
    let mut used = 0;
    // A single commit is also the head commit, where every byte of it would count twice.
    if shape.commits > 1 {
        for number in 0.. {
            let file =
                format!(",\n    \"services/registry/{}/{number:05}_test.go\"", folder(number));
            // The list of commits stands two levels deeper: four more spaces.
            used += file.len() + 4;
            if used > room {
                used -= file.len() + 4;
                break;
            }
            files.push_str(&file);
        }
    }
    let pad: String = " and so on".chars().cycle().take(room - used).collect();
    render(repository, shape, &files, &pad)
}

fn folder(number: u64) -> &'static str {
    match number % 3 {
        0 => "manifest",
        1 => "upload/session",
        _ => "blob",
    }
}

fn render(repository: usize, shape: Shape, files: &str, pad: &str) -> String {
    let seed = repository as u64 * 64;
    let commits: Vec<String> = MESSAGES
        .iter()
        .take(shape.commits)
        .enumerate()
        .map(|(number, message)| {
            let oldest = number + 1 == shape.commits;
            commit(seed + number as u64, message, if oldest { files } else { "" })
        })
        .collect();
    let head = match commits.first() {
        Some(head) if shape.whole => indent(head, 1),
        _ => "null".to_owned(),
    };
    let listed: Vec<String> = commits.iter().map(|commit| indent(commit, 2)).collect();
    let user = user(repository, shape.whole);
    let place = if shape.whole { REPOSITORY } else { REPOSITORY_BRIEF };
    PUSH.trim_end()
        .replace("@COMMITS@", &listed.join(",\n    "))
        .replace("@HEAD@", &head)
        .replace("@REPOSITORY@", &indent(place, 1))
        .replace("@OWNER@", &indent(&user, 2))
        .replace("@USER@", &indent(&user, 1))
        .replace("@TOTAL@", &shape.commits.to_string())
        .replace("@BEFORE@", &hash(seed + 63))
        .replace("@HASH@", &hash(seed))
        .replace("@LOGIN@", &format!("team-{}", repository % 16))
        .replace("@REPO@", &format!("Service.{repository}"))
        .replace("@ID@", &(1000 + repository).to_string())
        .replace("@PAD@", pad)
}

fn commit(seed: u64, message: &str, files: &str) -> String {
    let listed = format!(
        "\n    \"services/registry/manifest/store.go\",\n    \"docs/changes/{seed}.md\"{files}\n  "
    );
    COMMIT
        .trim_end()
        .replace("@MESSAGE@", &message.replace('"', "\\\""))
        .replace("@FILES@", &listed)
        .replace("@HASH@", &hash(seed))
}

fn user(repository: usize, whole: bool) -> String {
    let template = if whole { USER } else { USER_BRIEF };
    template.trim_end().replace("@NAME@", &format!("Team {}", repository % 16))
}

fn indent(text: &str, levels: usize) -> String {
    text.trim_end().replace('\n', &format!("\n{}", "  ".repeat(levels)))
}

/// Forty hex digits that look like a commit's name; equal for equal seeds.
fn hash(seed: u64) -> String {
    let mut state = seed;
    let mut digits = String::new();
    while digits.len() < 40 {
        // SplitMix64: small, and no two seeds meet.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Writing to a string cannot fail.
        let _ = write!(digits, "{:016x}", mixed ^ (mixed >> 31));
    }
    digits.truncate(40);
    digits
}
