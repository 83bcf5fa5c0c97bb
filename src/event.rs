//! One fact of a forge in forgewire's own terms: the typed event model, and its JSON.
//!
//! Owns [`Event`] (contract section 4) and everything inside it. The daemon fills it from what a
//! forge sent; a subscriber reads it back with [`Event::from_json`]. Knows no forge, no HTTP and no
//! NATS. What a forge did not say is `None` here and left out of the JSON, never an empty text.

use std::borrow::Cow;

mod catalog;
mod comment;
mod common;
mod issue;
mod json;
mod mirror;
mod package;
mod pipeline;
mod project;
mod pull_request;
mod push;
mod reference;
mod release;
mod repository;
mod review;
#[cfg(feature = "schema")]
pub mod schema;
mod secret;
mod spec;
mod status;
mod time;
mod wiki;
mod workflow;

pub use catalog::{
    CommitCommentAction, Data, IssueAction, IssueCommentAction, MirrorAction, PackageAction,
    PingAction, PipelineSpanAction, ProjectAction, PullRequestAction, PullRequestCommentAction,
    PushAction, RefAction, ReleaseAction, RepositoryAction, ReviewAction, SecretAction,
    StatusAction, TagAction, UnrecognizedAction, WikiAction, WorkflowJobAction, WorkflowRunAction,
};
pub use comment::{Comment, CommitCommentEvent, IssueCommentEvent, PullRequestCommentEvent};
pub use common::{
    Actor, ActorKind, Delivery, Id, Number, ObjectHash, Person, RefKind, RefName, Repository,
};
pub use issue::{Issue, IssueEvent, IssueState};
#[cfg(feature = "daemon")]
pub(crate) use json::write as write_json;
pub use json::{InvalidEvent, Raw, Unwritable};
pub use mirror::{Mirror, MirrorEvent, RefChange, SyncKind};
pub use package::{Package, PackageEvent};
pub use pipeline::{PipelineRun, PipelineSpanEvent, Span, SpanAttribute};
pub use project::{Project, ProjectChanges, ProjectEvent};
pub use pull_request::{
    Branch, Change, Changes, Label, Milestone, PullRequest, PullRequestEvent, PullRequestState,
    Sha, StandingVerdict,
};
pub use push::{Commit, Ping, Push, Reason, RefNotice, Tag, Unrecognized};
pub use reference::{EventRef, ObjectRef, OtherBytes};
pub use release::{Asset, Release, ReleaseEvent};
pub use repository::{RepositoryChanges, RepositoryEvent};
pub use review::{Review, ReviewEvent, Verdict};
pub use secret::{SecretEvent, SecretLocation};
pub use spec::EventSpec;
pub use status::{Status, StatusEvent};
pub use time::Time;
pub use wiki::{WikiEvent, WikiPage};
pub use workflow::{
    Conclusion, RunStatus, Runner, Step, Workflow, WorkflowJob, WorkflowJobEvent, WorkflowRun,
    WorkflowRunEvent,
};

/// The version of the message contract that this library writes.
pub const VERSION: u32 = 1;

/// What identifies the JSON Schema of that version: `ce-dataschema` of every message says it.
pub const SCHEMA_ID: &str = "urn:forgewire:event:1";

/// The action of an `unrecognized` event whose delivery named no event.
pub const NO_NAME: &str = "-";

/// An event: something that happened at a forge.
///
/// Its texts may be borrowed from what it was made of; one that was read from a message owns them.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// `<source>:<delivery>` for the first event of a delivery, then `…:2`, `…:3`.
    pub id: String,
    /// Configured name of the webhook endpoint that took the delivery: the trust domain.
    pub source: Cow<'a, str>,
    /// Kind of forge, for example `gitea`.
    pub forge: Cow<'a, str>,
    /// The forge's time of this event; `None` when it said none (as most pushes).
    pub occurred_at: Option<Time>,
    /// When forgewire had read the delivery.
    pub received_at: Time,
    /// The delivery that this event came in.
    pub delivery: Delivery<'a>,
    /// Who did it.
    pub actor: Option<Actor<'a>>,
    /// The repository it happened in; of a pull request the target.
    pub repository: Option<Repository<'a>>,
    /// The branch or tag that the event is about.
    pub reference: Option<RefName<'a>>,
    /// What happened: the event, its action and the facts.
    pub data: Data<'a>,
    /// What the forge sent.
    pub raw: Raw,
    /// Whether `raw` is something else than the forge's bytes, because secrets were taken out.
    pub raw_altered: bool,
}

impl Event<'_> {
    /// The event's name, for example `push`.
    #[must_use]
    pub fn event(&self) -> &str {
        self.data.event()
    }

    /// The action, for example `updated`.
    #[must_use]
    pub fn action(&self) -> &str {
        self.data.action()
    }

    /// The number of the issue or pull request that the event is about, if it is about one.
    #[must_use]
    pub fn number(&self) -> Option<Number> {
        match &self.data {
            Data::PullRequest(_, data) => Some(data.pull_request.number),
            Data::Review(_, data) => Some(data.pull_request.number),
            Data::PullRequestComment(_, data) => Some(data.pull_request.number),
            Data::IssueComment(_, data) => Some(data.issue.number),
            Data::Issue(_, data) => Some(data.issue.number),
            _ => None,
        }
    }
}
