//! Bitbucket Data Center and Server.
//!
//! Owns how they sign, how they name deliveries and events, and what their payloads mean. In comes a
//! verified delivery, out come facts in forgewire's terms. The event's name stands in a header and, signed,
//! in the body: both must agree. Sources of the facts: Atlassian's pages "Event payload" and "Manage webhooks"
//! of 5.4 to 10, the names that live servers take and list, and payloads that they sent.

mod comment;
mod common;
mod project;
mod pull_request;
mod refs;
mod wire;

use super::{Fact, Facts, Forge, SignatureHeader, UnsignedHeaders};
use crate::event::{Data, Ping, PingAction, Reason, Unrecognized, UnrecognizedAction};
use crate::json;
use common::Site;

/// The button *Test connection*.
const PING: &str = "diagnostics:ping";

/// Makes facts of a delivery of one event.
type Teller = for<'a, 'h> fn(&Story<'a, 'h>) -> Facts<'a>;

/// Every event that is known, in each of its spellings: documentation and servers do not agree on all.
const EVENTS: &[(&str, Teller)] = &[
    ("repo:refs_changed", refs::changed),
    ("repo:modified", project::repository_modified),
    ("repo:forked", project::forked),
    ("repo:created", project::repository_created),
    ("repo:deleted", project::repository_deleted),
    ("repo:default_branch_modified", project::default_branch_modified),
    ("repo:comment:added", comment::on_commit_added),
    ("repo:comment:edited", comment::on_commit_edited),
    ("repo:comment:deleted", comment::on_commit_deleted),
    ("repo:secret_detected", project::secret_detected),
    ("mirror:repo_synchronized", refs::synchronized),
    ("project:created", project::project_created),
    ("project:deleted", project::project_deleted),
    ("project:modified", project::project_modified),
    ("proj:modified", project::project_modified),
    ("pr:opened", pull_request::opened),
    ("pr:from_ref_updated", pull_request::from_ref_updated),
    ("pr:to_ref_updated", pull_request::modified),
    ("pr:modified", pull_request::modified),
    ("pr:reviewer:updated", pull_request::reviewers_updated),
    ("pr:reviewer:approved", pull_request::approved),
    ("pr:reviewer:unapproved", pull_request::unapproved),
    ("pr:reviewer:needs_work", pull_request::needs_work),
    ("pr:reviewer:changes_requested", pull_request::needs_work),
    ("pr:merged", pull_request::merged),
    ("pr:declined", pull_request::declined),
    ("pr:deleted", pull_request::deleted),
    ("pr:comment:added", comment::on_pull_request_added),
    ("pr:comment:edited", comment::on_pull_request_edited),
    ("pr:comment:deleted", comment::on_pull_request_deleted),
    (PING, pinged),
];

/// Bitbucket Data Center and Server, 5.4 and newer.
pub(crate) static DATA_CENTER: DataCenter = DataCenter;

/// See [`DATA_CENTER`].
pub(crate) struct DataCenter;

impl Forge for DataCenter {
    fn name(&self) -> &'static str {
        "bitbucket-dc"
    }

    fn signature_headers(&self) -> &'static [SignatureHeader] {
        const { &[SignatureHeader::prefixed("x-hub-signature")] }
    }

    fn signs_decoded_form(&self) -> bool {
        false
    }

    fn delivery_headers(&self) -> &'static [&'static str] {
        &["x-request-id"]
    }

    fn event_name<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.said("x-event-key")
    }

    fn hook<'h>(&self, _headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        None
    }

    fn is_connection_test(&self, body: &[u8]) -> bool {
        let mut rest = body;
        let mut take = |token: &[u8]| {
            let white = |b: &&u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
            let start = rest.iter().take_while(white).count();
            let found = rest.get(start..).and_then(|text| text.strip_prefix(token));
            rest = found.unwrap_or_default();
            found.is_some()
        };
        [&b"{"[..], b"\"test\"", b":", b"true", b"}"].into_iter().all(&mut take)
            && rest.trim_ascii().is_empty()
    }

    fn facts<'a>(
        &self,
        headers: UnsignedHeaders<'_>,
        payload: &'a str,
        base_url: Option<&'a str>,
    ) -> Facts<'a> {
        let name = self.event_name(headers);
        let Ok(hook) = json::read::object::<wire::Hook<'_>>(payload) else {
            let head: wire::Head<'_> =
                json::read::object(payload).map_err(|_not_one| Reason::Unreadable)?;
            teller(name, head.event_key.as_str(), head.test)?;
            return Err(Reason::Unreadable);
        };
        let (name, tell) = teller(name, hook.event_key.as_str(), hook.test)?;
        let pull = hook.pull_request.as_ref();
        let links = [
            hook.repository.as_ref().and_then(|repo| repo.links.as_ref()),
            pull.and_then(|pull| pull.links.as_ref()),
            hook.actor.as_ref().and_then(|user| user.links.as_ref()),
        ];
        let site = Site::new(links, base_url);
        tell(&Story { name, hook: &hook, site })
    }

    fn unrecognized<'a>(&self, name: &str, reason: Reason, payload: Option<&'a str>) -> Fact<'a> {
        // Only to address it: whatever else is wrong with the body has been said by the reason.
        let body: wire::Addressed<'_> =
            payload.and_then(|text| json::read::object(text).ok()).unwrap_or_default();
        let target = body.pull_request.as_ref().and_then(|pull| pull.to_ref.as_ref());
        let place = body.repository.as_ref().or_else(|| target?.repository.as_ref());
        let links = body.actor.as_ref().and_then(|user| user.links.as_ref());
        let site = Site::new([links], None);
        Fact {
            occurred_at: body.date.0,
            actor: body.actor.as_ref().and_then(common::actor),
            repository: place.map(|repo| site.repository(repo)),
            reference: None,
            data: Data::Unrecognized(
                UnrecognizedAction::from_name(name),
                Box::new(Unrecognized { reason }),
            ),
        }
    }
}

/// Who tells what happened, if what the header says (which nothing signs) is what the body says.
///
/// Bodies of the plugin *Post Webhooks* have the form of Data Center and other names, mostly in the header
/// alone: they are never taken for the event that they look like.
fn teller<'h>(
    name: Option<&'h str>,
    key: Option<&str>,
    test: Option<bool>,
) -> Result<(&'h str, Teller), Reason> {
    // Some versions send the test without a name.
    let is_test = key.is_none() && test == Some(true);
    let name = name.or(is_test.then_some(PING)).ok_or(Reason::NoEventName)?;
    if key.is_some_and(|key| key != name) {
        return Err(Reason::EventMismatch);
    }
    let known = EVENTS.iter().find(|(known, _)| *known == name);
    let (_, tell) = known.ok_or(Reason::UnknownEvent)?;
    if key.is_none() && !(is_test && name == PING) {
        return Err(Reason::EventMismatch);
    }
    Ok((name, *tell))
}

/// A delivery whose event is known.
struct Story<'a, 'h> {
    name: &'h str,
    hook: &'h wire::Hook<'a>,
    site: Site<'a>,
}

impl<'a> Story<'a, '_> {
    /// A fact about the repository that the payload names, if it names one.
    fn fact(&self, data: Data<'a>) -> Fact<'a> {
        Fact {
            occurred_at: self.hook.date.0,
            actor: self.hook.actor.as_ref().and_then(common::actor),
            repository: self.hook.repository.as_ref().map(|repo| self.site.repository(repo)),
            reference: None,
            data,
        }
    }

    /// A fact about the branch, and the repository, that a pull request is to be merged to.
    fn about_pull_request(&self, data: Data<'a>) -> Fact<'a> {
        let target = self.hook.pull_request.as_ref().and_then(|pull| pull.to_ref.as_ref());
        let place = target.and_then(|target| target.repository.as_ref());
        let fact = self.fact(data);
        Fact {
            repository: place.map(|repo| self.site.repository(repo)).or(fact.repository),
            reference: target.and_then(common::reference),
            ..fact
        }
    }
}

/// A test of the connection that somebody signed; without a signature it does not come here.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the tellers")]
fn pinged<'a>(story: &Story<'a, '_>) -> Facts<'a> {
    Ok(vec![story.fact(Data::Ping(PingAction::Sent, Box::<Ping<'_>>::default()))])
}
