//! What happens in the story: one set of facts that every teller puts into its forge's own words.

use forgewire::samples::Sender;
use serde_json::Value;

use crate::support::hook::{Hook, SECRET};

pub(super) const BRANCH: &str = "feature/round-corners";
pub(super) const TARGET: &str = "main";
pub(super) const TAG: &str = "v1.4.0";
pub(super) const NUMBER: u64 = 17;
pub(super) const TITLE: &str = "Round the corners of large widgets";
pub(super) const REVIEW: &str = "Round enough.";
pub(super) const COMMENT: &str = "How round?";

/// Where the target branch was, and what the branch begins at.
pub(super) const BASE: &str = "0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d";
/// The commits of the branch, in the order in which they are pushed.
pub(super) const FIRST: &str = "b2e40d7713f8a6950c1d2e3f4a5b6c7d8e9f0a1b";
pub(super) const SECOND: &str = "6f1c2a9e0b4d58c3e7a1f96d20c4b8e5a3d71f02";
pub(super) const THIRD: &str = "a41f7c6d2b905e83f1d6c7b8a9e0f1d2c3b4a596";
/// What merges them.
pub(super) const MERGE: &str = "e83f5b60d19c7a2e4f80b6c5d3a197e2048fbc6d";
pub(super) const ZERO: &str = "0000000000000000000000000000000000000000";

/// What a commit says, and what it follows.
pub(super) fn about(commit: &str) -> (&'static str, &'static [&'static str]) {
    match commit {
        FIRST => ("Measure before cutting", &[BASE]),
        SECOND => ("Round two corners", &[FIRST]),
        THIRD => ("Round the other two", &[SECOND]),
        MERGE => ("Merge the round corners", &[BASE, THIRD]),
        other => panic!("no such commit: {other}"),
    }
}

/// The first digits of a hash.
pub(super) fn first(hash: &str, digits: usize) -> &str {
    hash.split_at(digits).0
}

/// A moment in the two ways in which forges write one.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) text: &'static str,
    pub(super) milliseconds: u64,
}

impl Moment {
    /// The text with another zone, which means the same.
    pub(super) fn with_zone(self, zone: &str) -> String {
        self.text.replace('Z', zone)
    }
}

pub(super) const OPENED: Moment =
    Moment { text: "2026-11-02T10:45:00Z", milliseconds: 1_793_616_300_000 };
pub(super) const PUSHED_AGAIN: Moment =
    Moment { text: "2026-11-02T11:05:00Z", milliseconds: 1_793_617_500_000 };
pub(super) const APPROVED: Moment =
    Moment { text: "2026-11-02T11:25:00Z", milliseconds: 1_793_618_700_000 };
pub(super) const COMMENTED: Moment =
    Moment { text: "2026-11-02T11:45:00Z", milliseconds: 1_793_619_900_000 };
pub(super) const MERGED: Moment =
    Moment { text: "2026-11-02T12:05:00Z", milliseconds: 1_793_621_100_000 };

/// The steps, in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    BranchCreated,
    Pushed,
    Opened,
    PushedAgain,
    Approved,
    Commented,
    Merged,
    BranchDeleted,
    TagPushed,
}

impl Step {
    pub(super) const ALL: [Self; 9] = [
        Self::BranchCreated,
        Self::Pushed,
        Self::Opened,
        Self::PushedAgain,
        Self::Approved,
        Self::Commented,
        Self::Merged,
        Self::BranchDeleted,
        Self::TagPushed,
    ];
}

/// What a forge sends.
pub(super) struct Sent {
    kind: &'static str,
    event: &'static str,
    event_type: Option<&'static str>,
    pub(super) body: Value,
}

impl Sent {
    /// A sample of that forge, to be changed to what the story says.
    pub(super) fn sample(kind: &str, name: &str) -> Self {
        let sender = Sender::ALL.iter().find(|sender| sender.kind == kind).unwrap();
        let sample = sender.sample(name).unwrap_or_else(|| panic!("{kind} has no {name}"));
        let text = sender.payload(sample).unwrap();
        // Gitea's samples have a capital here, Bitbucket's have none.
        let text = text.replace("acme/Widgets", "acme/widgets");
        let body = serde_json::from_str(&text).unwrap();
        Self { kind: sender.kind, event: sample.event, event_type: sample.event_type, body }
    }

    /// Puts a value where the sample has one.
    pub(super) fn set(mut self, place: &str, value: impl Into<Value>) -> Self {
        let name = self.event;
        *self.body.pointer_mut(place).unwrap_or_else(|| panic!("{name} has no {place}")) =
            value.into();
        self
    }

    /// The same, where the forge has that member at all.
    pub(super) fn set_if_there(self, place: &str, value: impl Into<Value>) -> Self {
        if self.body.pointer(place).is_some() { self.set(place, value) } else { self }
    }

    /// Signed and with all headers.
    pub(super) fn hook(&self, id: &str) -> Hook {
        let body = serde_json::to_vec_pretty(&self.body).unwrap();
        Hook::new(self.kind, self.event, self.event_type, id, SECRET, &body)
    }
}
