//! Bitbucket Cloud tells the story.

use serde_json::{Value, json};

use super::facts::{
    APPROVED, BASE, BRANCH, COMMENT, COMMENTED, FIRST, MERGE, MERGED, Moment, OPENED, PUSHED_AGAIN,
    SECOND, Sent, Step, TAG, TARGET, THIRD, TITLE, about, first,
};

const KIND: &str = "bitbucket-cloud";
/// Digits of a hash in a pull request.
const SHORT: usize = 12;

/// What it sends at a step.
pub(super) fn sent(step: Step) -> Vec<Sent> {
    match step {
        Step::BranchCreated => vec![
            Sent::sample(KIND, "push-created")
                .set("/push/changes/0/new/target", commit(FIRST))
                .set("/push/changes/0/commits", json!([commit(FIRST), base()])),
        ],
        Step::Pushed => vec![pushed(BRANCH, FIRST, SECOND, &[SECOND])],
        Step::Opened => vec![pull_request("pull-request-opened", SECOND, OPENED)],
        Step::PushedAgain => vec![
            pushed(BRANCH, SECOND, THIRD, &[THIRD]),
            pull_request("pull-request-synchronized", THIRD, PUSHED_AGAIN),
        ],
        Step::Approved => vec![
            pull_request("review-approved", THIRD, APPROVED)
                .set("/approval/date", APPROVED.with_zone("+00:00")),
        ],
        Step::Commented => vec![
            pull_request("pull-request-comment-created", THIRD, COMMENTED)
                .set("/comment/content/raw", COMMENT)
                .set("/comment/created_on", COMMENTED.with_zone("+00:00"))
                .set("/comment/updated_on", COMMENTED.with_zone("+00:00")),
        ],
        Step::Merged => vec![
            pushed(TARGET, BASE, MERGE, &[MERGE, THIRD, SECOND, FIRST]),
            pull_request("pull-request-merged", THIRD, MERGED)
                .set("/pullrequest/merge_commit/hash", first(MERGE, SHORT)),
        ],
        Step::BranchDeleted => vec![
            Sent::sample(KIND, "push-deleted")
                .set("/push/changes/0/old/name", BRANCH)
                .set("/push/changes/0/old/target", commit(THIRD)),
        ],
        Step::TagPushed => vec![
            Sent::sample(KIND, "tag-created")
                .set("/push/changes/0/new/name", TAG)
                .set("/push/changes/0/new/target", commit(MERGE)),
        ],
    }
}

fn base() -> Value {
    Sent::sample(KIND, "push").body["push"]["changes"][0]["old"]["target"].clone()
}

/// A commit as the target of a ref, and in lists.
fn commit(id: &str) -> Value {
    let mut commit = Sent::sample(KIND, "push").body["push"]["changes"][0]["new"]["target"].clone();
    let (message, parents) = about(id);
    commit["hash"] = id.into();
    commit["message"] = format!("{message}\n").into();
    commit["links"]["html"]["href"] =
        format!("https://bitbucket.org/acme/widgets/commits/{id}").into();
    commit["parents"] = parents.iter().map(|id| json!({ "type": "commit", "hash": id })).collect();
    commit
}

fn pushed(branch: &str, before: &str, after: &str, commits: &[&str]) -> Sent {
    let old = if before == BASE { base() } else { commit(before) };
    Sent::sample(KIND, "push")
        .set("/push/changes/0/old/name", branch)
        .set("/push/changes/0/new/name", branch)
        .set("/push/changes/0/old/target", old)
        .set("/push/changes/0/new/target", commit(after))
        .set("/push/changes/0/commits", commits.iter().map(|id| commit(id)).collect::<Value>())
}

fn pull_request(name: &str, head: &str, when: Moment) -> Sent {
    Sent::sample(KIND, name)
        .set("/pullrequest/title", TITLE)
        .set("/pullrequest/source/branch/name", BRANCH)
        .set("/pullrequest/source/commit/hash", first(head, SHORT))
        .set("/pullrequest/destination/branch/name", TARGET)
        .set("/pullrequest/destination/commit/hash", first(BASE, SHORT))
        .set("/pullrequest/created_on", OPENED.with_zone("+00:00"))
        .set("/pullrequest/updated_on", when.with_zone("+00:00"))
}
