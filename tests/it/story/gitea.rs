//! Gitea, Forgejo and Gogs tell the story.

use serde_json::{Value, json};

use super::facts::{
    APPROVED, BASE, BRANCH, COMMENT, COMMENTED, FIRST, MERGE, MERGED, Moment, OPENED, PUSHED_AGAIN,
    REVIEW, SECOND, Sent, Step, TAG, THIRD, TITLE, ZERO, about,
};

/// One forge of the family.
pub(super) struct Family(pub(super) &'static str);

impl Family {
    /// What it sends at a step.
    pub(super) fn sent(&self, step: Step) -> Vec<Sent> {
        let head = format!("refs/heads/{BRANCH}");
        match step {
            Step::BranchCreated => vec![
                // Gogs does not say the commit.
                self.sample("branch-created")
                    .set("/sha", if self.0 == "gogs" { "" } else { FIRST }),
                self.push("push-created", &head, ZERO, FIRST, &[FIRST]),
            ],
            Step::Pushed => vec![self.push("push", &head, FIRST, SECOND, &[SECOND])],
            Step::Opened => vec![self.pull_request("pull-request-opened", SECOND, OPENED)],
            Step::PushedAgain => {
                let synchronized =
                    self.pull_request("pull-request-synchronized", THIRD, PUSHED_AGAIN);
                vec![
                    self.push("push", &head, SECOND, THIRD, &[THIRD]),
                    synchronized.set_if_there("/before", SECOND).set_if_there("/after", THIRD),
                ]
            }
            Step::Approved if self.0 == "gogs" => Vec::new(),
            Step::Approved => vec![
                self.pull_request("review-approved", THIRD, APPROVED)
                    .set("/review/content", REVIEW),
            ],
            Step::Commented => vec![self.comment()],
            Step::Merged => {
                let commits = [MERGE, THIRD, SECOND, FIRST];
                vec![self.push("push", "refs/heads/main", BASE, MERGE, &commits), self.merged()]
            }
            Step::BranchDeleted => vec![
                self.sample("branch-deleted"),
                self.sample("push-deleted").set("/ref", head).set("/before", THIRD),
            ],
            Step::TagPushed => self.tag(),
        }
    }

    fn sample(&self, name: &str) -> Sent {
        let mut sent = Sent::sample(self.0, name);
        sent.body["repository"]["name"] = "widgets".into();
        sent.body["repository"]["private"] = true.into();
        sent
    }

    /// A commit, as a push lists it.
    fn commit(&self, id: &str) -> Value {
        let mut commit = self.sample("push").body["commits"][0].clone();
        commit["id"] = id.into();
        commit["message"] = format!("{}\n", about(id).0).into();
        commit["url"] = format!("https://git.example.com/acme/widgets/commit/{id}").into();
        commit["added"] = json!([]);
        commit["modified"] = json!(["src/corner.rs"]);
        commit
    }

    fn push(&self, name: &str, full: &str, before: &str, after: &str, commits: &[&str]) -> Sent {
        let listed: Vec<_> = commits.iter().map(|id| self.commit(id)).collect();
        let page = format!("https://git.example.com/acme/widgets/compare/{before}...{after}");
        self.sample(name)
            .set("/ref", full)
            .set("/before", before)
            .set("/after", after)
            .set("/compare_url", page)
            .set_if_there("/head_commit", listed[0].clone())
            .set_if_there("/total_commits", commits.len())
            .set("/commits", listed)
    }

    /// A pull request whose head is at a commit.
    fn pull_request(&self, name: &str, head: &str, when: Moment) -> Sent {
        self.sample(name)
            .set_if_there("/pull_request/requested_reviewers", self.asked())
            .set("/pull_request/title", TITLE)
            .set_if_there("/pull_request/head/sha", head)
            .set_if_there("/pull_request/base/sha", BASE)
            .set_if_there("/pull_request/created_at", OPENED.text)
            .set_if_there("/pull_request/updated_at", when.text)
    }

    fn asked(&self) -> Value {
        let jonas = self.sample("pull-request-comment-created").body["comment"]["user"].clone();
        json!([jonas])
    }

    fn comment(&self) -> Sent {
        let mut sent = self
            .sample("pull-request-comment-created")
            .set("/comment/body", COMMENT)
            .set("/comment/created_at", COMMENTED.text)
            .set("/comment/updated_at", COMMENTED.text)
            .set("/issue/title", TITLE)
            .set("/issue/created_at", OPENED.text)
            .set("/issue/updated_at", COMMENTED.text);
        if self.0 != "gogs" {
            sent = sent
                .set("/pull_request/title", TITLE)
                .set("/pull_request/requested_reviewers", self.asked())
                .set("/pull_request/head/sha", THIRD)
                .set("/pull_request/base/sha", BASE)
                .set("/pull_request/created_at", OPENED.text)
                .set("/pull_request/updated_at", COMMENTED.text);
        }
        sent
    }

    fn merged(&self) -> Sent {
        let maria = self.sample("push").body["sender"].clone();
        self.pull_request("pull-request-merged", THIRD, MERGED)
            .set("/sender", maria.clone())
            .set("/pull_request/merged_by", maria)
            .set("/pull_request/merge_commit_sha", MERGE)
            .set("/pull_request/merged_at", MERGED.text)
            .set_if_there("/pull_request/closed_at", MERGED.text)
    }

    fn tag(&self) -> Vec<Sent> {
        let made = self.sample("tag-created").set("/sha", MERGE);
        if self.0 == "gogs" {
            return vec![made];
        }
        let pushed = self.push("tag", &format!("refs/tags/{TAG}"), ZERO, MERGE, &[MERGE]);
        vec![pushed.set("/commits", json!([])).set("/total_commits", 0), made]
    }
}
