//! Gitea, Forgejo and Gogs: one family, three flavours.
//!
//! Owns how the three sign, how they name deliveries and events, and what their payloads mean. In comes
//! a verified delivery, out come facts in forgewire's terms. Sources of the facts: Gitea
//! `services/webhook/deliver.go` and `modules/webhook/type.go`, Forgejo
//! `services/webhook/shared/payloader.go`, Gogs `internal/database/webhook.go`.

mod common;
mod pull_request;
mod refs;
mod wire;

use pull_request::Group;

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

    fn facts<'a>(&self, headers: UnsignedHeaders<'_>, payload: &'a str) -> Facts<'a> {
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
        Fact {
            occurred_at: None,
            actor: body.sender.as_ref().and_then(common::actor),
            repository: body.repository.as_ref().map(common::repository),
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
            "pull_request" if !exact => pull_request::pull_request(Group::Any, &read(payload)?),
            "pull_request" => pull_request::pull_request(Group::Itself, &read(payload)?),
            "pull_request_assign" => pull_request::pull_request(Group::Assign, &read(payload)?),
            "pull_request_label" => pull_request::pull_request(Group::Label, &read(payload)?),
            "pull_request_milestone" => {
                pull_request::pull_request(Group::Milestone, &read(payload)?)
            }
            "pull_request_review_request" => {
                pull_request::pull_request(Group::ReviewRequest, &read(payload)?)
            }
            "pull_request_sync" => pull_request::pull_request(Group::Sync, &read(payload)?),
            _ => Err(Reason::UnknownEvent),
        }
    }
}

fn read<'a, T: serde::Deserialize<'a>>(payload: &'a str) -> Result<T, Reason> {
    json::read::object(payload).map_err(|_other_shape| Reason::Unreadable)
}
