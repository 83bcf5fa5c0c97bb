//! The facts of `push`, `tag`, `ref`, `ping` and `unrecognized`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Actor, ObjectHash, Person, Time};

/// The facts of a `push`: what happened to a branch.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Push<'a> {
    /// Commit that the branch pointed to; absent for a new branch, or where the forge does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectHash<'a>>,
    /// Commit that the branch points to; absent for a deleted branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ObjectHash<'a>>,
    /// Whether commits that the branch had are gone from it. Gitea, Forgejo and Gogs do not say it: of them it is
    /// known, and true, where nothing new was pushed, and absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<bool>,
    /// Page that compares before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_url: Option<Cow<'a, str>>,
    /// Commits that are new to the branch, oldest first. Forges cap the list: see `commits_complete`.
    pub commits: Vec<Commit<'a>>,
    /// Whether `commits` surely is every commit of the push. When false, do not filter by path.
    pub commits_complete: bool,
    /// How many commits the push has, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_commits: Option<u64>,
    /// Whether every listed commit names its files. When false, do not filter by path.
    pub files_known: bool,
    /// The commit that `after` names, where the forge sends it and `commits` does not list it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_commit: Option<Commit<'a>>,
    /// Who pushed, where that is somebody else than the event's actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pusher: Option<Actor<'a>>,
}

impl<'a> Push<'a> {
    /// The details of the commit that `after` names, if the forge sent them.
    #[must_use]
    pub fn tip(&self) -> Option<&Commit<'a>> {
        let after = self.after.as_ref()?;
        let mut details = self.commits.iter().rev().chain(&self.head_commit);
        details.find(|commit| commit.id == *after)
    }

    /// The files that the commits of a push to a branch add, remove or change; `None` where these are not
    /// surely all that differ, so that a filter by path must let the push through.
    ///
    /// They are for a branch that was there before. Of a new one it is not known what to compare with, of a
    /// rewritten one not what is gone. A forge that does not say `forced` hides one case from this: commits
    /// that were replaced by others. Who must know compares `before` and `after` with git.
    #[must_use]
    pub fn changed_paths(&self) -> Option<BTreeSet<&str>> {
        let moved_on = self.before.is_some() && self.after.is_some() && self.forced != Some(true);
        let all_known = self.commits_complete && self.files_known && !self.commits.is_empty();
        if !(moved_on && all_known) {
            return None;
        }
        let files = self.commits.iter().flat_map(|c| [&c.added, &c.removed, &c.modified]);
        Some(files.flatten().flatten().map(|file| &**file).collect())
    }
}

/// A commit.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Commit<'a> {
    /// Hash: 40 or 64 hex digits.
    pub id: ObjectHash<'a>,
    /// Message, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// Author, as the commit says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Person<'a>>,
    /// Committer, as the commit says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committer: Option<Person<'a>>,
    /// The commit's own date; Gitea, Forgejo and Gogs give the author's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// Files that it adds; a rename is one added and one removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Vec<Cow<'a, str>>>,
    /// Files that it removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Vec<Cow<'a, str>>>,
    /// Files that it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Vec<Cow<'a, str>>>,
}

/// The facts of a `tag`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tag<'a> {
    /// What the tag pointed to, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectHash<'a>>,
    /// What the tag points to: a commit, or the object of an annotated tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ObjectHash<'a>>,
    /// The commit that the tag leads to, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<ObjectHash<'a>>,
    /// That commit's details, where the forge sends them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_commit: Option<Commit<'a>>,
    /// Who pushed, where that is somebody else than the event's actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pusher: Option<Actor<'a>>,
}

/// The facts of a `ref`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefNotice<'a> {
    /// What the ref pointed to before it was deleted, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectHash<'a>>,
    /// What the new ref points to, where the forge says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ObjectHash<'a>>,
}

/// The facts of a `ping`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ping<'a> {
    /// The ref that the test delivery names, in full or short as sent.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Cow<'a, str>>,
    /// The commit that the test delivery names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<ObjectHash<'a>>,
}

/// The facts of an `unrecognized`: why it is none of the others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unrecognized {
    /// Why.
    pub reason: Reason,
}

/// Why an authenticated delivery became `unrecognized`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The header's event name contradicts the signed body.
    EventMismatch,
    /// The list of changes is empty.
    NoChanges,
    /// The body is no JSON (or no UTF-8); it stands in `raw_base64`.
    NotJson,
    /// The body is nested deeper than 100 levels; it stands in `raw_base64`.
    TooDeep,
    /// No event name was sent.
    NoEventName,
    /// An action that forgewire does not know.
    UnknownAction,
    /// An event name that forgewire does not know.
    UnknownEvent,
    /// A ref, or kind of ref, that is neither branch nor tag.
    UnknownRef,
    /// The body lacks what this event always has, or has it in another form.
    Unreadable,
    /// A reason that this version of the library does not know.
    #[serde(untagged)]
    Other(String),
}

impl Reason {
    /// The name in bodies, logs and metrics.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::EventMismatch => "event_mismatch",
            Self::NoChanges => "no_changes",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::NoEventName => "no_event_name",
            Self::UnknownAction => "unknown_action",
            Self::UnknownEvent => "unknown_event",
            Self::UnknownRef => "unknown_ref",
            Self::Unreadable => "unreadable",
            Self::Other(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push() -> Push<'static> {
        let commit = |id: &'static str, added: &'static str| Commit {
            id: id.into(),
            added: Some(vec![added.into()]),
            removed: Some(Vec::new()),
            modified: Some(vec!["b".into()]),
            ..Commit::default()
        };
        Push {
            before: Some("01".into()),
            after: Some("03".into()),
            commits: vec![commit("02", "a"), commit("03", "c")],
            commits_complete: true,
            files_known: true,
            ..Push::default()
        }
    }

    #[test]
    fn the_tip_is_the_commit_that_the_branch_points_to_wherever_it_stands() {
        assert_eq!(push().tip().map(|tip| &*tip.id), Some("03"));
        let known = Commit { id: "01".into(), ..Commit::default() };
        let moved = Push { after: Some("01".into()), head_commit: Some(known), ..Push::default() };
        assert_eq!(moved.tip().map(|tip| &*tip.id), Some("01"));
        assert_eq!(Push { after: Some("09".into()), ..push() }.tip(), None);
        assert_eq!(Push { after: None, ..push() }.tip(), None);
    }

    #[test]
    fn paths_are_told_only_where_they_are_surely_all() {
        assert_eq!(push().changed_paths(), Some(BTreeSet::from(["a", "b", "c"])));
        for unsure in [
            Push { before: None, ..push() },
            Push { after: None, ..push() },
            Push { forced: Some(true), ..push() },
            Push { commits_complete: false, ..push() },
            Push { files_known: false, ..push() },
            Push { commits: Vec::new(), ..push() },
        ] {
            assert_eq!(unsure.changed_paths(), None, "{unsure:?}");
        }
    }
}
