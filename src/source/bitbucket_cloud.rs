//! Bitbucket Cloud.
//!
//! Owns how it signs, how it names deliveries and events, and what its payloads mean. In comes a verified
//! delivery, out come facts in forgewire's terms. Sources of the facts: Atlassian's pages "Event payloads" and
//! "Troubleshoot webhooks", the list of `hook_event`s in the description of its API, and recorded bodies.
//!
//! No body names its event. What can be checked is which members it has, and what these say: a pull request
//! that was merged, a comment that was deleted. Three groups of events have bodies that nothing tells apart, so
//! there the header decides: a pull request that is opened, pushed to or edited; a comment that is
//! written, edited or taken up again; a repository that is created, imported or deleted.

mod comment;
mod common;
mod issue;
mod parts;
mod pipeline;
mod project;
mod pull_request;
mod push;
mod repository;
mod status;
mod wire;

use super::{Fact, Facts, Forge, SignatureHeader, UnsignedHeaders};
use crate::event::{
    Data, IssueCommentAction, PullRequestAction, PullRequestCommentAction, Reason,
    RepositoryAction, Unrecognized, UnrecognizedAction,
};
use crate::json;

/// Bitbucket Cloud.
pub(crate) static CLOUD: Cloud = Cloud;

const EVENT: &str = "x-event-key";
const DELIVERY: &str = "x-request-uuid";
const HOOK: &str = "x-hook-uuid";
const ATTEMPT: &str = "x-attempt-number";

/// bitbucket.org.
pub(crate) struct Cloud;

impl Forge for Cloud {
    fn name(&self) -> &'static str {
        "bitbucket-cloud"
    }

    fn signature_headers(&self) -> &'static [SignatureHeader] {
        const { &[SignatureHeader::prefixed("x-hub-signature")] }
    }

    fn signs_decoded_form(&self) -> bool {
        false
    }

    fn delivery_headers(&self) -> &'static [&'static str] {
        &[DELIVERY]
    }

    fn delivery_id<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.said(DELIVERY).map(common::bare)
    }

    fn event_name<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.said(EVENT)
    }

    fn hook<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.said(HOOK).map(common::bare)
    }

    fn attempt(&self, headers: UnsignedHeaders<'_>) -> u32 {
        let said = headers.said(ATTEMPT).and_then(|number| number.parse().ok());
        said.filter(|number| *number > 0).unwrap_or(1)
    }

    fn facts<'a>(
        &self,
        headers: UnsignedHeaders<'_>,
        payload: &'a str,
        _base_url: Option<&'a str>,
    ) -> Facts<'a> {
        let key = self.event_name(headers).ok_or(Reason::NoEventName)?;
        let shape = parts::Shape::of(key).ok_or(Reason::UnknownEvent)?;
        let body: wire::Body<'a> =
            json::read::object(payload).map_err(|_other_shape| Reason::Unreadable)?;
        shape.check(&body)?;
        if key == push::KEY {
            return push::push(body);
        }
        if key == pipeline::KEY {
            return pipeline::spans(&body);
        }
        fact(key, body).map(|fact| vec![fact])
    }

    fn unrecognized<'a>(&self, name: &str, reason: Reason, payload: Option<&'a str>) -> Fact<'a> {
        // Only to address it: whatever else is wrong with the body has been said by the reason.
        let body: wire::Addressed<'_> =
            payload.and_then(|text| json::read::object(text).ok()).unwrap_or_default();
        Fact {
            occurred_at: None,
            actor: body.actor.as_ref().and_then(common::actor),
            repository: body.repository.as_ref().map(common::repository),
            reference: None,
            data: unrecognized(name, reason),
        }
    }
}

fn unrecognized(name: &str, reason: Reason) -> Data<'static> {
    Data::Unrecognized(UnrecognizedAction::from_name(name), Box::new(Unrecognized { reason }))
}

/// Maps a delivery that is about one thing.
fn fact<'a>(key: &str, body: wire::Body<'a>) -> Result<Fact<'a>, Reason> {
    use PullRequestCommentAction as C;
    match key {
        "pullrequest:created" => pull_request::itself(PullRequestAction::Opened, &body),
        "pullrequest:push" => pull_request::itself(PullRequestAction::Synchronized, &body),
        "pullrequest:updated" => pull_request::itself(PullRequestAction::Edited, &body),
        "pullrequest:fulfilled" => pull_request::itself(PullRequestAction::Merged, &body),
        "pullrequest:rejected" => pull_request::itself(PullRequestAction::Closed, &body),
        "pullrequest:approved" => pull_request::approval(&body, true),
        "pullrequest:unapproved" => pull_request::approval(&body, false),
        "pullrequest:changes_request_created" => pull_request::changes_request(&body, true),
        "pullrequest:changes_request_removed" => pull_request::changes_request(&body, false),
        "pullrequest:comment_created" => comment::on_pull_request(C::Created, &body),
        "pullrequest:comment_updated" => comment::on_pull_request(C::Edited, &body),
        "pullrequest:comment_deleted" => comment::on_pull_request(C::Deleted, &body),
        "pullrequest:comment_resolved" => comment::on_pull_request(C::Resolved, &body),
        "pullrequest:comment_reopened" => comment::on_pull_request(C::Reopened, &body),
        "issue:comment_created" => comment::on_issue(IssueCommentAction::Created, &body),
        "repo:commit_comment_created" => comment::on_commit(&body),
        "issue:created" => issue::created(&body),
        "issue:updated" => issue::updated(&body),
        "repo:commit_status_created" | "repo:commit_status_updated" => status::status(body),
        "repo:created" => Ok(repository::itself(RepositoryAction::Created, &body)),
        "repo:deleted" => Ok(repository::itself(RepositoryAction::Deleted, &body)),
        "repo:imported" => Ok(repository::itself(RepositoryAction::Imported, &body)),
        "repo:fork" => repository::fork(&body),
        "repo:transfer" => repository::transfer(&body),
        "repo:updated" => repository::updated(&body),
        "project:updated" => project::updated(&body),
        _ => Err(Reason::UnknownEvent),
    }
}

/// A fact about the repository that a body names, without time and ref.
fn fact_of<'a>(body: &wire::Body<'a>, data: Data<'a>) -> Fact<'a> {
    Fact {
        occurred_at: None,
        actor: body.actor.as_ref().and_then(common::actor),
        repository: body.repository.as_ref().map(common::repository),
        reference: None,
        data,
    }
}
