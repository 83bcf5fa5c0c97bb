//! Which members the body of each event has.
//!
//! They are what tells the events apart in what the signature covers. A member that is not listed here never
//! matters, so a body may grow.

use super::wire::Body;
use crate::event::Reason;

/// A set of members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Parts(u16);

impl Parts {
    const NONE: Self = Self(0);
    const APPROVAL: Self = Self(1);
    const CHANGES: Self = Self(1 << 1);
    const CHANGES_REQUEST: Self = Self(1 << 2);
    const COMMENT: Self = Self(1 << 3);
    const COMMIT: Self = Self(1 << 4);
    const COMMIT_STATUS: Self = Self(1 << 5);
    const FORK: Self = Self(1 << 6);
    const ISSUE: Self = Self(1 << 7);
    const PREVIOUS_WORKSPACE: Self = Self(1 << 8);
    const PROJECT: Self = Self(1 << 9);
    const PULL_REQUEST: Self = Self(1 << 10);
    const PUSH: Self = Self(1 << 11);
    const REPOSITORY: Self = Self(1 << 12);
    const RESOURCE_SPANS: Self = Self(1 << 13);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of(body: &Body<'_>) -> Self {
        [
            (body.approval.is_some(), Self::APPROVAL),
            (body.changes.is_some(), Self::CHANGES),
            (body.changes_request.is_some(), Self::CHANGES_REQUEST),
            (body.comment.is_some(), Self::COMMENT),
            (body.commit.is_some(), Self::COMMIT),
            (body.commit_status.is_some(), Self::COMMIT_STATUS),
            (body.fork.is_some(), Self::FORK),
            (body.issue.is_some(), Self::ISSUE),
            (body.previous_workspace.is_some(), Self::PREVIOUS_WORKSPACE),
            (body.project.is_some(), Self::PROJECT),
            (body.pullrequest.is_some(), Self::PULL_REQUEST),
            (body.push.is_some(), Self::PUSH),
            (body.repository.is_some(), Self::REPOSITORY),
            (body.resource_spans.is_some(), Self::RESOURCE_SPANS),
        ]
        .into_iter()
        .filter(|(there, _)| *there)
        .fold(Self::NONE, |all, (_, part)| all.and(part))
    }
}

/// What the body of an event has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    needed: Parts,
    allowed: Parts,
}

impl Shape {
    /// The shape of the event of this key; none of a key that is not known.
    pub(super) fn of(key: &str) -> Option<Self> {
        use Parts as P;
        let (needed, allowed) = match key {
            "repo:push" => (P::PUSH, P::NONE),
            "repo:fork" => (P::FORK, P::NONE),
            "repo:updated" => (P::CHANGES, P::NONE),
            "repo:transfer" => (P::PREVIOUS_WORKSPACE, P::NONE),
            "repo:created" | "repo:deleted" | "repo:imported" => (P::NONE, P::NONE),
            "repo:commit_comment_created" => (P::COMMENT, P::COMMIT),
            "repo:commit_status_created" | "repo:commit_status_updated" => {
                (P::COMMIT_STATUS, P::COMMIT)
            }
            "issue:created" => (P::ISSUE, P::NONE),
            "issue:updated" => (P::ISSUE.and(P::CHANGES), P::COMMENT),
            "issue:comment_created" => (P::ISSUE.and(P::COMMENT), P::NONE),
            "pullrequest:created"
            | "pullrequest:push"
            | "pullrequest:updated"
            | "pullrequest:fulfilled" => (P::PULL_REQUEST, P::CHANGES),
            // A recorded one has the last approval too, which cannot mislead: what is declined is not approved.
            "pullrequest:rejected" => (P::PULL_REQUEST, P::CHANGES.and(P::APPROVAL)),
            "pullrequest:approved" | "pullrequest:unapproved" => {
                (P::PULL_REQUEST.and(P::APPROVAL), P::NONE)
            }
            "pullrequest:changes_request_created" | "pullrequest:changes_request_removed" => {
                (P::PULL_REQUEST.and(P::CHANGES_REQUEST), P::NONE)
            }
            "pullrequest:comment_created"
            | "pullrequest:comment_updated"
            | "pullrequest:comment_deleted"
            | "pullrequest:comment_resolved"
            | "pullrequest:comment_reopened" => (P::PULL_REQUEST.and(P::COMMENT), P::CHANGES),
            "project:updated" => {
                return Some(Self { needed: P::PROJECT, allowed: P::CHANGES });
            }
            "pipeline:span_created" => {
                return Some(Self { needed: P::RESOURCE_SPANS, allowed: P::REPOSITORY });
            }
            _ => return None,
        };
        Some(Self { needed: needed.and(P::REPOSITORY), allowed })
    }

    /// Checks that a body has this shape, and that it is one of Cloud.
    ///
    /// # Errors
    ///
    /// [`Reason::EventMismatch`] when it has another.
    pub(super) fn check(self, body: &Body<'_>) -> Result<(), Reason> {
        let parts = Parts::of(body);
        let fits = parts.has(self.needed) && self.needed.and(self.allowed).has(parts);
        let of_data_center = body.event_key.0
            || body
                .repository
                .as_ref()
                .is_some_and(|repository| repository.scm_id.0 || repository.camel_case_name.0);
        if fits && !of_data_center { Ok(()) } else { Err(Reason::EventMismatch) }
    }
}
