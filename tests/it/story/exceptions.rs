//! What a forge tells otherwise than the others, and why. A row that nobody needs fails the tests.

use super::told;

/// Tellers, event, and why they add or lack it.
type OfEvent = (&'static [&'static str], &'static str, &'static str);

const FAMILY: &[&str] = &["gitea", "forgejo", "gogs"];
const GOGS: &[&str] = &["gogs"];
const CLOUD: &[&str] = &["bitbucket-cloud"];
const DC: &[&str] = &["bitbucket-dc"];
const BITBUCKET: &[&str] = &["bitbucket-cloud", "bitbucket-dc"];

/// Events that are told beside what happened.
pub(super) const ADDED: [OfEvent; 2] = [
    (FAMILY, "ref.created", "a new ref is told by two hooks; Gogs does not push tags"),
    (FAMILY, "ref.deleted", "a deleted branch is told by two hooks"),
];

/// Events that are not told.
pub(super) const MISSING: [OfEvent; 1] = [(GOGS, "review.approved", "it has no reviews")];

fn names(rows: &[OfEvent], kind: &str, event: &str) -> bool {
    rows.iter().any(|(kinds, name, _)| kinds.contains(&kind) && *name == event)
}

pub(super) fn is_added(kind: &str, event: &str) -> bool {
    names(&ADDED, kind, event)
}

pub(super) fn is_missing(kind: &str, event: &str) -> bool {
    names(&MISSING, kind, event)
}

/// What stands where the others have the fact.
pub(super) enum Says {
    /// Nothing.
    Nothing,
    /// The first digits of the hash.
    Short,
    /// This.
    This(&'static str),
    /// The fact with the first text of each pair replaced by the second.
    With(&'static [(&'static str, &'static str)]),
}

/// A fact that some forges tell otherwise, in some events.
pub(super) struct Exception {
    kinds: &'static [&'static str],
    events: &'static [&'static str],
    fact: &'static str,
    says: Says,
    _why: &'static str,
}

impl Exception {
    pub(super) fn is_for(&self, kind: &str, event: &str, fact: &str) -> bool {
        self.kinds.contains(&kind) && self.events.contains(&event) && self.fact == fact
    }

    pub(super) fn allows(&self, expected: Option<&String>, said: Option<&String>) -> bool {
        let allowed = match (&self.says, expected) {
            (Says::Nothing, _) => None,
            (Says::This(text), _) => Some((*text).to_owned()),
            (Says::Short, Some(hash)) => Some(told::short(hash)),
            (Says::With(pairs), Some(fact)) => {
                Some(pairs.iter().fold(fact.clone(), |text, (from, to)| text.replace(from, to)))
            }
            (Says::Short | Says::With(..), None) => return false,
        };
        said == allowed.as_ref()
    }

    /// The row for each forge and event that it is for.
    pub(super) fn each(
        &self,
        number: usize,
    ) -> impl Iterator<Item = (usize, &'static str, String)> + use<> {
        let (kinds, events) = (self.kinds, self.events);
        let one = move |kind: &&'static str| {
            let kind = *kind;
            events.iter().map(move |event| (number, kind, (*event).to_owned()))
        };
        kinds.iter().flat_map(one)
    }
}

const fn row(
    kinds: &'static [&'static str],
    events: &'static [&'static str],
    fact: &'static str,
    says: Says,
    why: &'static str,
) -> Exception {
    Exception { kinds, events, fact, says, _why: why }
}

const PUSHES_AND_TAGS: &[&str] = &["push.created", "push.updated", "push.deleted", "tag.created"];
const PULLS: &[&str] = &["pull_request.opened", "pull_request.synchronized", "pull_request.merged"];
const SYNCHRONIZED: &[&str] = &["pull_request.synchronized"];
const TALK: &[&str] = &["pull_request_comment.created"];
const ON_PULLS: &[&str] = &[
    "pull_request.opened",
    "pull_request.synchronized",
    "review.approved",
    "pull_request_comment.created",
    "pull_request.merged",
];
const ON_PULLS_OF_GOGS: &[&str] = &[
    "pull_request.opened",
    "pull_request.synchronized",
    "pull_request_comment.created",
    "pull_request.merged",
];
const EVERY: &[&str] = &[
    "push.created",
    "push.updated",
    "push.deleted",
    "tag.created",
    "pull_request.opened",
    "pull_request.synchronized",
    "review.approved",
    "pull_request_comment.created",
    "pull_request.merged",
];

const BIG: Says = Says::With(&[("acme", "ACME")]);
const KEYS: &str = "keys of projects have capitals";
const NO_COUNT: &str = "it does not say how many commits there were";
const NO_FILES: &str = "it names no files";
const NO_HASHES: &str = "its pull requests have no hashes";
const NO_PARENT: &str = "the commit before the first is not listed, so there may be more";
const NO_REVIEWERS: &str = "it knows no reviewers";
const NO_TEXT: &str = "an approval has no text";
const NO_TIMES: &str = "its pull requests have no times";
const NOT_OF_DELETED: &str = "the notice does not say where the branch was; that of the push does";
const NOT_SAID: &str = "it says where the head is, not where it was";
const ONLY_THE_HASH: &str = "it sends a hash, which may be that of an annotated tag";
const SHORT: &str = "hashes of pull requests are abbreviated";
const WHOLE_BRANCH: &str = "of a new branch it lists what others have, too";

/// Of what [`told::event`] sees.
pub(super) const FACTS: &[Exception] = &[
    row(FAMILY, &["push.deleted"], "before", Says::Nothing, NOT_OF_DELETED),
    row(&["forgejo", "bitbucket-cloud"], SYNCHRONIZED, "before", Says::Nothing, NOT_SAID),
    row(&["forgejo", "bitbucket-cloud"], SYNCHRONIZED, "after", Says::Nothing, NOT_SAID),
    row(GOGS, &["push.created", "push.updated"], "complete", Says::This("false"), NO_COUNT),
    row(GOGS, &["push.updated"], "paths", Says::Nothing, NO_COUNT),
    row(GOGS, SYNCHRONIZED, "before", Says::Nothing, NO_HASHES),
    row(GOGS, SYNCHRONIZED, "after", Says::Nothing, NO_HASHES),
    row(GOGS, ON_PULLS_OF_GOGS, "head commit", Says::Nothing, NO_HASHES),
    row(GOGS, ON_PULLS_OF_GOGS, "base commit", Says::Nothing, NO_HASHES),
    row(GOGS, ON_PULLS_OF_GOGS, "draft", Says::Nothing, "it has no drafts"),
    row(GOGS, ON_PULLS_OF_GOGS, "asked", Says::Nothing, NO_REVIEWERS),
    row(GOGS, PULLS, "opened", Says::Nothing, NO_TIMES),
    row(
        GOGS,
        &["pull_request.opened", "pull_request.synchronized"],
        "time",
        Says::Nothing,
        NO_TIMES,
    ),
    row(GOGS, TALK, "ref", Says::Nothing, "a comment comes with half a pull request"),
    row(GOGS, TALK, "ref kind", Says::Nothing, "a comment comes with half a pull request"),
    row(GOGS, TALK, "head", Says::Nothing, "a comment comes with half a pull request"),
    row(GOGS, TALK, "base", Says::Nothing, "a comment comes with half a pull request"),
    row(GOGS, TALK, "fork", Says::This("true"), "what is not known may be a fork"),
    row(GOGS, &["tag.created"], "commit", Says::Nothing, ONLY_THE_HASH),
    row(GOGS, &["tag.created"], "message", Says::Nothing, ONLY_THE_HASH),
    row(BITBUCKET, &["push.created", "push.updated"], "files known", Says::This("false"), NO_FILES),
    row(BITBUCKET, &["push.updated"], "paths", Says::Nothing, NO_FILES),
    row(BITBUCKET, &["review.approved"], "text", Says::Nothing, NO_TEXT),
    row(CLOUD, ON_PULLS, "head commit", Says::Short, SHORT),
    row(CLOUD, ON_PULLS, "base commit", Says::Short, SHORT),
    row(CLOUD, &["pull_request.merged"], "merge commit", Says::Short, SHORT),
    row(
        CLOUD,
        &["push.created"],
        "commits",
        Says::This(
            "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d, b2e40d7713f8a6950c1d2e3f4a5b6c7d8e9f0a1b",
        ),
        WHOLE_BRANCH,
    ),
    row(
        CLOUD,
        &["push.created"],
        "messages",
        Says::This("Describe the corners, Measure before cutting"),
        WHOLE_BRANCH,
    ),
    row(DC, EVERY, "owner", BIG, KEYS),
    row(DC, &["push.created"], "complete", Says::This("false"), NO_PARENT),
    row(DC, PUSHES_AND_TAGS, "time", Says::This("2026-11-02T10:30:02Z"), "it says when it pushed"),
];

/// Of what the CI trigger does.
pub(super) const JOBS: &[Exception] = &[
    row(GOGS, &["push.updated"], "paths", Says::Nothing, NO_COUNT),
    row(
        GOGS,
        &["pull_request.opened", "pull_request.synchronized"],
        "commit",
        Says::Nothing,
        NO_HASHES,
    ),
    row(BITBUCKET, &["push.updated"], "paths", Says::Nothing, NO_FILES),
    row(
        CLOUD,
        &["pull_request.opened", "pull_request.synchronized"],
        "commit",
        Says::Nothing,
        SHORT,
    ),
];

/// Of what the chat notifier says.
pub(super) const LINES: &[Exception] = &[
    row(
        GOGS,
        &["push.created", "push.updated"],
        "line",
        Says::With(&[("1 commit", "commits"), ("4 commits", "commits")]),
        NO_COUNT,
    ),
    row(GOGS, SYNCHRONIZED, "line", Says::With(&[(", now at a41f7c6", "")]), NO_HASHES),
    row(
        GOGS,
        &["tag.created"],
        "line",
        Says::With(&[(", “Merge the round corners”", "")]),
        ONLY_THE_HASH,
    ),
    row(
        CLOUD,
        &["push.created"],
        "line",
        Says::With(&[("1 commit", "2 commits by jonas and maria")]),
        WHOLE_BRANCH,
    ),
    row(CLOUD, &["review.approved"], "line", Says::With(&[(", “Round enough.”", "")]), NO_TEXT),
    row(
        DC,
        &["push.created"],
        "line",
        Says::With(&[("acme", "ACME"), ("1 commit", "commits")]),
        NO_PARENT,
    ),
    row(
        DC,
        &["review.approved"],
        "line",
        Says::With(&[("acme", "ACME"), (", “Round enough.”", "")]),
        NO_TEXT,
    ),
    row(
        DC,
        &[
            "push.updated",
            "push.deleted",
            "tag.created",
            "pull_request.opened",
            "pull_request.synchronized",
            "pull_request_comment.created",
            "pull_request.merged",
        ],
        "line",
        BIG,
        KEYS,
    ),
];

/// Of what the audit log keeps.
pub(super) const RECORDS: &[Exception] = &[
    row(FAMILY, &["push.deleted"], "before", Says::Nothing, NOT_OF_DELETED),
    row(&["forgejo", "bitbucket-cloud"], SYNCHRONIZED, "before", Says::Nothing, NOT_SAID),
    row(GOGS, SYNCHRONIZED, "before", Says::Nothing, NO_HASHES),
    row(
        GOGS,
        &["pull_request.opened", "pull_request.synchronized"],
        "after",
        Says::Nothing,
        NO_HASHES,
    ),
    row(
        GOGS,
        &["pull_request.opened", "pull_request.synchronized"],
        "time",
        Says::Nothing,
        NO_TIMES,
    ),
    row(GOGS, TALK, "ref", Says::Nothing, "a comment comes with half a pull request"),
    row(
        CLOUD,
        &[
            "pull_request.opened",
            "pull_request.synchronized",
            "review.approved",
            "pull_request.merged",
        ],
        "after",
        Says::Short,
        SHORT,
    ),
    row(DC, EVERY, "repository", BIG, KEYS),
    row(DC, PUSHES_AND_TAGS, "time", Says::This("2026-11-02T10:30:02Z"), "it says when it pushed"),
];

/// The last token of a subject that is not that of the others.
pub(super) fn token(kind: &str, event: &str) -> Option<&'static str> {
    // A comment of Gogs does not say what the pull request is for.
    (kind == "gogs" && event == "pull_request_comment.created").then_some("-")
}
