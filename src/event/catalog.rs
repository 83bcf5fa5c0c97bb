//! The catalogue: every event, its actions and the type of its `data`.
//!
//! Owns [`Data`], which this one table makes: a new event is a row here and a struct for its facts.
//! Names that this version does not know (a newer forgewire wrote them) are kept as they are.

use serde_json::value::RawValue;

use super::json::{self, Unwritable};
use super::{
    CommitCommentEvent, EventSpec, IssueCommentEvent, IssueEvent, MirrorEvent, PackageEvent, Ping,
    PipelineSpanEvent, ProjectEvent, PullRequestCommentEvent, PullRequestEvent, Push, RefNotice,
    ReleaseEvent, RepositoryEvent, ReviewEvent, SecretEvent, StatusEvent, Tag, Unrecognized,
    WikiEvent, WorkflowJobEvent, WorkflowRunEvent,
};

macro_rules! catalog {
    ($(
        $(#[doc = $doc:literal])*
        $event:ident($name:literal, $data:ty) $actions:ident {
            $( $(#[doc = $action_doc:literal])* $action:ident = $action_name:literal, )*
        }
    )*) => {
        $(
            #[doc = concat!("What can happen to a `", $name, "`.")]
            #[derive(Clone, Debug, Eq, Hash, PartialEq)]
            pub enum $actions {
                $( $(#[doc = $action_doc])* $action, )*
                /// An action that this version of the library does not know.
                Other(Box<str>),
            }

            impl $actions {
                /// Every action known to this version.
                pub const NAMES: &'static [&'static str] = &[$($action_name),*];
                const DOCS: &'static [&'static str] = &[$(concat!($($action_doc),*).trim_ascii()),*];

                /// The action of that name.
                #[must_use]
                pub fn from_name(name: &str) -> Self {
                    match name {
                        $( $action_name => Self::$action, )*
                        other => Self::Other(other.into()),
                    }
                }

                /// The name in subjects and bodies.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    match self {
                        $( Self::$action => $action_name, )*
                        Self::Other(name) => name,
                    }
                }
            }
        )*

        /// What happened, typed by event.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Data<'a> {
            $( $(#[doc = $doc])* $event($actions, Box<$data>), )*
            /// An event that this version of the library does not know.
            Other {
                /// Its name.
                event: Box<str>,
                /// Its action.
                action: Box<str>,
                /// Its facts, as they came.
                data: Box<RawValue>,
            },
        }

        impl<'a> Data<'a> {
            /// Every event known to this version, in the order of the contract.
            pub const EVENTS: &'static [EventSpec] = &[
                $( EventSpec {
                    name: $name,
                    doc: concat!($($doc),*).trim_ascii(),
                    actions: $actions::NAMES,
                    action_docs: $actions::DOCS,
                }, )*
            ];

            /// The schema of the facts of the event of that name.
            #[cfg(feature = "schema")]
            pub(super) fn schema(event: &str, generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
                match event {
                    $( $name => Some(generator.subschema_for::<$data>()), )*
                    _ => None,
                }
            }

            /// The event's name.
            #[must_use]
            pub fn event(&self) -> &str {
                match self {
                    $( Self::$event(..) => $name, )*
                    Self::Other { event, .. } => event,
                }
            }

            /// Its place in [`Data::EVENTS`]; none for an event that this version does not know.
            #[cfg(feature = "daemon")]
            pub(crate) fn number(&self) -> Option<usize> {
                enum Place { $($event,)* }
                match self {
                    $( Self::$event(..) => Some(Place::$event as usize), )*
                    Self::Other { .. } => None,
                }
            }

            /// The action's name.
            #[must_use]
            pub fn action(&self) -> &str {
                match self {
                    $( Self::$event(action, _) => action.as_str(), )*
                    Self::Other { action, .. } => action,
                }
            }

            pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Unwritable> {
                match self {
                    $( Self::$event(_, data) => json::write(out, data), )*
                    Self::Other { data, .. } => {
                        out.extend_from_slice(data.get().as_bytes());
                        Ok(())
                    }
                }
            }

            pub(super) fn read(event: &str, action: &str, data: &RawValue) -> serde_json::Result<Self> {
                Ok(match event {
                    $( $name => Self::$event($actions::from_name(action), serde_json::from_str(data.get())?), )*
                    _ => Self::Other { event: event.into(), action: action.into(), data: data.to_owned() },
                })
            }
        }
    };
}

catalog! {
    /// A branch was created, updated or deleted.
    Push("push", Push<'a>) PushAction {
        /// The branch is new.
        Created = "created",
        /// The branch points to another commit.
        Updated = "updated",
        /// The branch is gone.
        Deleted = "deleted",
    }
    /// A tag was created, updated or deleted.
    Tag("tag", Tag<'a>) TagAction {
        /// The tag is new; on Gitea also a tag that was moved.
        Created = "created",
        /// The tag points to something else.
        Updated = "updated",
        /// The tag is gone.
        Deleted = "deleted",
    }
    /// Another notice of a ref that a push, tag or deletion announces too.
    Ref("ref", RefNotice<'a>) RefAction {
        /// The ref is new.
        Created = "created",
        /// The ref is gone.
        Deleted = "deleted",
    }
    /// Something happened to a pull request.
    PullRequest("pull_request", PullRequestEvent<'a>) PullRequestAction {
        /// It was opened.
        Opened = "opened",
        /// It was closed without being merged.
        Closed = "closed",
        /// It was merged.
        Merged = "merged",
        /// It was opened again.
        Reopened = "reopened",
        /// Its title, body or target changed.
        Edited = "edited",
        /// Its head has other commits.
        Synchronized = "synchronized",
        /// Somebody was made an assignee.
        Assigned = "assigned",
        /// Somebody is no assignee any more.
        Unassigned = "unassigned",
        /// Its labels changed.
        LabelsUpdated = "labels_updated",
        /// All its labels were taken off.
        LabelsCleared = "labels_cleared",
        /// It was given a milestone, or another one.
        Milestoned = "milestoned",
        /// It lost its milestone.
        Demilestoned = "demilestoned",
        /// Somebody was asked for a review.
        ReviewRequested = "review_requested",
        /// Somebody is no longer asked for a review.
        ReviewRequestRemoved = "review_request_removed",
        /// It was deleted.
        Deleted = "deleted",
    }
    /// Somebody reviewed a pull request.
    Review("review", ReviewEvent<'a>) ReviewAction {
        /// It can be merged, says the reviewer.
        Approved = "approved",
        /// It must be changed first, says the reviewer.
        ChangesRequested = "changes_requested",
        /// The reviewer says neither.
        Commented = "commented",
        /// A review no longer stands; `withdrawn` says what it was.
        Dismissed = "dismissed",
    }
    /// Something happened to a comment on a pull request.
    PullRequestComment("pull_request_comment", PullRequestCommentEvent<'a>) PullRequestCommentAction {
        /// It was written.
        Created = "created",
        /// Its text changed.
        Edited = "edited",
        /// It was deleted.
        Deleted = "deleted",
        /// Its thread was resolved.
        Resolved = "resolved",
        /// Its thread was taken up again.
        Reopened = "reopened",
    }
    /// Something happened to a comment on an issue.
    IssueComment("issue_comment", IssueCommentEvent<'a>) IssueCommentAction {
        /// It was written.
        Created = "created",
        /// Its text changed.
        Edited = "edited",
        /// It was deleted.
        Deleted = "deleted",
        /// Its thread was resolved.
        Resolved = "resolved",
        /// Its thread was taken up again.
        Reopened = "reopened",
    }
    /// Something happened to a comment on a commit.
    CommitComment("commit_comment", CommitCommentEvent<'a>) CommitCommentAction {
        /// It was written.
        Created = "created",
        /// Its text changed.
        Edited = "edited",
        /// It was deleted.
        Deleted = "deleted",
        /// Its thread was resolved.
        Resolved = "resolved",
        /// Its thread was taken up again.
        Reopened = "reopened",
    }
    /// Something happened to an issue.
    Issue("issue", IssueEvent<'a>) IssueAction {
        /// It was opened.
        Opened = "opened",
        /// It was closed.
        Closed = "closed",
        /// It was opened again.
        Reopened = "reopened",
        /// Its title or body changed.
        Edited = "edited",
        /// It was deleted.
        Deleted = "deleted",
        /// Somebody was made an assignee.
        Assigned = "assigned",
        /// Somebody is no assignee any more.
        Unassigned = "unassigned",
        /// Its labels changed.
        LabelsUpdated = "labels_updated",
        /// All its labels were taken off.
        LabelsCleared = "labels_cleared",
        /// It was given a milestone, or another one.
        Milestoned = "milestoned",
        /// It lost its milestone.
        Demilestoned = "demilestoned",
    }
    /// Something happened to a release.
    Release("release", ReleaseEvent<'a>) ReleaseAction {
        /// It was published.
        Published = "published",
        /// Its notes, marks or files changed.
        Updated = "updated",
        /// It was deleted.
        Deleted = "deleted",
    }
    /// Something happened to a repository as a whole.
    Repository("repository", RepositoryEvent<'a>) RepositoryAction {
        /// It is new.
        Created = "created",
        /// It is gone.
        Deleted = "deleted",
        /// It has another name.
        Renamed = "renamed",
        /// It has another owner.
        Transferred = "transferred",
        /// Somebody made a fork of it.
        Forked = "forked",
        /// Something else about it changed.
        Updated = "updated",
        /// It is new, and came from elsewhere.
        Imported = "imported",
    }
    /// Something happened to a page of a wiki.
    Wiki("wiki", WikiEvent<'a>) WikiAction {
        /// It is new.
        Created = "created",
        /// Its text or name changed.
        Edited = "edited",
        /// It was deleted.
        Deleted = "deleted",
    }
    /// Something happened to a version of a package.
    Package("package", PackageEvent<'a>) PackageAction {
        /// It was published.
        Created = "created",
        /// It was deleted.
        Deleted = "deleted",
    }
    /// Somebody, mostly a CI service, said how a commit does.
    Status("status", StatusEvent<'a>) StatusAction {
        /// Not known yet.
        Pending = "pending",
        /// All went well.
        Success = "success",
        /// It failed.
        Failure = "failure",
        /// It could not be found out, or was stopped.
        Error = "error",
        /// All went well, with warnings.
        Warning = "warning",
        /// There was nothing to do.
        Skipped = "skipped",
    }
    /// A workflow runs.
    WorkflowRun("workflow_run", WorkflowRunEvent<'a>) WorkflowRunAction {
        /// It was asked for.
        Requested = "requested",
        /// It began.
        InProgress = "in_progress",
        /// It ended; `conclusion` says how.
        Completed = "completed",
        /// It ended well, after one that did not (beside `completed`).
        Recovered = "recovered",
    }
    /// A job of a workflow runs.
    WorkflowJob("workflow_job", WorkflowJobEvent<'a>) WorkflowJobAction {
        /// It waits for a runner.
        Queued = "queued",
        /// It waits for something else: another job or an approval.
        Waiting = "waiting",
        /// It began.
        InProgress = "in_progress",
        /// It ended; `conclusion` says how.
        Completed = "completed",
    }
    /// Steps of a pipeline ended.
    PipelineSpan("pipeline_span", PipelineSpanEvent<'a>) PipelineSpanAction {
        /// Their spans are there.
        Created = "created",
    }
    /// Something happened to a project, which is a group of repositories.
    Project("project", ProjectEvent<'a>) ProjectAction {
        /// It is new.
        Created = "created",
        /// Its key, name or description changed.
        Updated = "updated",
        /// It is gone.
        Deleted = "deleted",
    }
    /// Something happened to a mirror of a repository.
    Mirror("mirror", MirrorEvent<'a>) MirrorAction {
        /// It has what the repository has.
        Synchronized = "synchronized",
    }
    /// The forge looked for secrets in what was pushed.
    Secret("secret", SecretEvent<'a>) SecretAction {
        /// It found some.
        Detected = "detected",
    }
    /// A forge's test delivery.
    Ping("ping", Ping<'a>) PingAction {
        /// An administrator pressed the button.
        Sent = "sent",
    }
    /// An authenticated delivery that nothing else covers; its payload is in `raw`, whole.
    Unrecognized("unrecognized", Unrecognized) UnrecognizedAction {
    }
}

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        let text = |data: &Self| {
            let mut out = Vec::new();
            data.write(&mut out).map(|()| out).ok()
        };
        self.event() == other.event()
            && self.action() == other.action()
            && text(self) == text(other)
    }
}
