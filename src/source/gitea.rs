//! Gitea, Forgejo and Gogs: one family, three flavours.
//!
//! Owns how the three sign, how they name deliveries and events, and what their payloads mean. In comes
//! a verified delivery, out come facts in forgewire's terms. Sources of the facts: Gitea
//! `services/webhook/deliver.go` and `modules/webhook/type.go`, Forgejo
//! `services/webhook/shared/payloader.go`, Gogs `internal/database/webhook.go`.

mod comment;
mod common;
mod issue;
mod project;
mod pull_request;
mod refs;
mod review;
mod wire;
mod workflow;

use super::{Fact, Facts, Forge, SignatureHeader, UnsignedHeaders};
use crate::event::{Data, Reason, Unrecognized, UnrecognizedAction};
use crate::json;

/// Which of the three.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flavor {
    Forgejo,
    Gitea,
    Gogs,
}

/// Gitea 1.16 and newer (older ones where they send `X-Gitea-Signature`).
pub(crate) static GITEA: Family = Family {
    name: "gitea",
    flavor: Flavor::Gitea,
    signatures: &[
        SignatureHeader::bare("x-gitea-signature"),
        SignatureHeader::prefixed("x-hub-signature-256"),
    ],
    deliveries: &["x-gitea-delivery"],
    event_types: &["x-gitea-event-type"],
    events: &["x-gitea-event"],
    hook: Some("x-gitea-hook-installation-target-type"),
};

/// Forgejo; it sends all of Gitea's headers beside its own.
pub(crate) static FORGEJO: Family = Family {
    name: "forgejo",
    flavor: Flavor::Forgejo,
    signatures: &[
        SignatureHeader::bare("x-forgejo-signature"),
        SignatureHeader::bare("x-gitea-signature"),
        SignatureHeader::prefixed("x-hub-signature-256"),
    ],
    deliveries: &["x-forgejo-delivery", "x-gitea-delivery"],
    event_types: &["x-forgejo-event-type", "x-gitea-event-type"],
    events: &["x-forgejo-event", "x-gitea-event"],
    hook: None,
};

/// Gogs.
pub(crate) static GOGS: Family = Family {
    name: "gogs",
    flavor: Flavor::Gogs,
    signatures: &[SignatureHeader::bare("x-gogs-signature")],
    deliveries: &["x-gogs-delivery"],
    event_types: &[],
    events: &["x-gogs-event"],
    hook: None,
};

/// One flavour of the family.
pub(crate) struct Family {
    name: &'static str,
    flavor: Flavor,
    signatures: &'static [SignatureHeader],
    deliveries: &'static [&'static str],
    /// Headers that name the hook exactly.
    event_types: &'static [&'static str],
    /// Headers that fold several hooks into one name.
    events: &'static [&'static str],
    hook: Option<&'static str>,
}

impl Forge for Family {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signature_headers(&self) -> &'static [SignatureHeader] {
        self.signatures
    }

    fn signs_decoded_form(&self) -> bool {
        true
    }

    fn delivery_headers(&self) -> &'static [&'static str] {
        self.deliveries
    }

    fn event_name<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.first_said(self.event_types).or_else(|| headers.first_said(self.events))
    }

    fn hook<'h>(&self, headers: UnsignedHeaders<'h>) -> Option<&'h str> {
        headers.first_said(self.hook.as_slice())
    }

    fn facts<'a>(
        &self,
        headers: UnsignedHeaders<'_>,
        payload: &'a str,
        _base_url: Option<&'a str>,
    ) -> Facts<'a> {
        let exact = headers.first_said(self.event_types);
        let name = exact.or_else(|| headers.first_said(self.events));
        let fact = name
            .ok_or(Reason::NoEventName)
            .and_then(|name| self.fact(name, exact.is_some(), payload));
        fact.map(|fact| vec![fact])
    }

    fn unrecognized<'a>(&self, name: &str, reason: Reason, payload: Option<&'a str>) -> Fact<'a> {
        // Only to address it: whatever else is wrong with the body has been said by the reason.
        let body: wire::Addressed<'_> =
            payload.and_then(|text| json::read::object(text).ok()).unwrap_or_default();
        let run = body.run.as_ref();
        let user = body.sender.as_ref().or_else(|| run?.trigger_user.as_ref());
        let place = body.repository.as_ref().or_else(|| run?.repository.as_ref());
        Fact {
            occurred_at: None,
            actor: user.and_then(common::actor),
            repository: place.map(common::repository),
            reference: None,
            data: Data::Unrecognized(
                UnrecognizedAction::from_name(name),
                Box::new(Unrecognized { reason }),
            ),
        }
    }
}

impl Family {
    fn fact<'a>(&self, name: &str, exact: bool, payload: &'a str) -> Result<Fact<'a>, Reason> {
        match name {
            "push" => refs::push(self.flavor, read(payload)?),
            "create" => refs::create(self.flavor, &read(payload)?),
            "delete" => refs::delete(self.flavor, &read(payload)?),
            "fork" => project::fork(self.flavor, &read(payload)?),
            "issue_comment" if exact => comment::on_issue(&read(payload)?),
            "issue_comment" => comment::on_either(&read(payload)?),
            "pull_request_comment" if exact => comment::on_pull_request(&read(payload)?),
            // As an `Event` it is a review; Gitea before 1.16 sends nothing else.
            "pull_request_comment" => review::review(name, &read(payload)?),
            "release" => project::release(&read(payload)?),
            "repository" => project::repository_itself(&read(payload)?),
            "wiki" => project::wiki(&read(payload)?),
            "package" => project::package(&read(payload)?),
            "status" => project::status(read(payload)?),
            "workflow_run" => workflow::run(&read(payload)?),
            "workflow_job" => workflow::job(&read(payload)?),
            "action_run_success" | "action_run_failure" | "action_run_recover" => {
                workflow::action_run(name, &read(payload)?)
            }
            _ if review::is_one(name) => review::review(name, &read(payload)?),
            _ => {
                if let Some(group) = pull_request::Group::of(name, exact) {
                    pull_request::pull_request(group, &read(payload)?)
                } else if let Some(group) = issue::Group::of(name, exact) {
                    issue::issue(group, &read(payload)?)
                } else {
                    Err(Reason::UnknownEvent)
                }
            }
        }
    }
}

fn read<'a, T: serde::Deserialize<'a>>(payload: &'a str) -> Result<T, Reason> {
    json::read::object(payload).map_err(|_other_shape| Reason::Unreadable)
}
