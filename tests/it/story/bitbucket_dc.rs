//! Bitbucket Data Center tells the story.

use serde_json::{Value, json};

use super::facts::{
    APPROVED, BASE, BRANCH, COMMENT, COMMENTED, FIRST, MERGE, MERGED, Moment, OPENED, PUSHED_AGAIN,
    SECOND, Sent, Step, TAG, TARGET, THIRD, TITLE, ZERO, about, first,
};

const KIND: &str = "bitbucket-dc";
/// Digits of a hash that it shows to people.
const SHOWN: usize = 11;

/// What it sends at a step.
pub(super) fn sent(step: Step) -> Vec<Sent> {
    let head = format!("refs/heads/{BRANCH}");
    match step {
        Step::BranchCreated => vec![changed("push-created", &head, ZERO, FIRST, &[FIRST])],
        Step::Pushed => vec![changed("push", &head, FIRST, SECOND, &[SECOND])],
        Step::Opened => vec![pull_request("pull-request-opened", SECOND, OPENED)],
        Step::PushedAgain => vec![
            changed("push", &head, SECOND, THIRD, &[THIRD]),
            pull_request("pull-request-synchronized", THIRD, PUSHED_AGAIN)
                .set("/previousFromHash", SECOND),
        ],
        Step::Approved => vec![
            pull_request("review-approved", THIRD, APPROVED)
                .set("/participant/lastReviewedCommit", THIRD)
                .set("/pullRequest/reviewers/0/lastReviewedCommit", THIRD),
        ],
        Step::Commented => vec![
            pull_request("pull-request-comment-created", THIRD, COMMENTED)
                .set("/comment/text", COMMENT)
                .set("/comment/createdDate", COMMENTED.milliseconds)
                .set("/comment/updatedDate", COMMENTED.milliseconds),
        ],
        Step::Merged => vec![
            changed("push", "refs/heads/main", BASE, MERGE, &[MERGE, THIRD, SECOND, FIRST]),
            pull_request("pull-request-merged", THIRD, MERGED)
                .set("/pullRequest/closedDate", MERGED.milliseconds)
                .set("/pullRequest/properties/mergeCommit/id", MERGE)
                .set("/pullRequest/properties/mergeCommit/displayId", first(MERGE, SHOWN)),
        ],
        Step::BranchDeleted => vec![
            Sent::sample(KIND, "push-deleted")
                .set("/changes/0/ref/id", &*head)
                .set("/changes/0/refId", &*head)
                .set("/changes/0/fromHash", THIRD),
        ],
        Step::TagPushed => {
            let sent = changed("tag-created", &format!("refs/tags/{TAG}"), ZERO, MERGE, &[MERGE]);
            let maria = Sent::sample(KIND, "push").body["actor"].clone();
            vec![sent.set("/actor", maria)]
        }
    }
}

fn commit(id: &str) -> Value {
    let mut commit = Sent::sample(KIND, "push").body["toCommit"].clone();
    let (message, parents) = about(id);
    commit["id"] = id.into();
    commit["displayId"] = first(id, SHOWN).into();
    commit["message"] = message.into();
    let parent = |id: &&str| json!({ "id": id, "displayId": first(id, SHOWN) });
    commit["parents"] = parents.iter().map(parent).collect();
    commit
}

fn changed(name: &str, full: &str, from: &str, to: &str, commits: &[&str]) -> Sent {
    let short = full.splitn(3, '/').nth(2).unwrap();
    Sent::sample(KIND, name)
        .set("/changes/0/ref/id", full)
        .set("/changes/0/ref/displayId", short)
        .set("/changes/0/refId", full)
        .set("/changes/0/fromHash", from)
        .set("/changes/0/toHash", to)
        .set("/commits", commits.iter().map(|id| commit(id)).collect::<Value>())
        .set("/toCommit", commit(to))
}

fn pull_request(name: &str, head: &str, when: Moment) -> Sent {
    Sent::sample(KIND, name)
        .set("/date", when.with_zone("+0000"))
        .set("/pullRequest/title", TITLE)
        .set("/pullRequest/fromRef/latestCommit", head)
        .set("/pullRequest/fromRef/id", format!("refs/heads/{BRANCH}"))
        .set("/pullRequest/toRef/latestCommit", BASE)
        .set("/pullRequest/toRef/id", format!("refs/heads/{TARGET}"))
        .set("/pullRequest/createdDate", OPENED.milliseconds)
        .set("/pullRequest/updatedDate", when.milliseconds)
}
