//! `repo:commit_status_created` and `…_updated`: how a commit does. The state is the action.

use std::borrow::Cow;

use super::common::{branch, commit, piece};
use super::{fact_of, wire};
use crate::event::{Commit, Data, ObjectHash, Reason, Status, StatusAction, StatusEvent};
use crate::source::Fact;
use crate::wire::is_zero_hash;

/// Maps a status.
pub(super) fn status(mut body: wire::Body<'_>) -> Result<Fact<'_>, Reason> {
    let mut sent = body.commit_status.take().ok_or(Reason::EventMismatch)?;
    let action = match sent.state.as_str() {
        Some("INPROGRESS") => StatusAction::Pending,
        Some("SUCCESSFUL") => StatusAction::Success,
        Some("FAILED") => StatusAction::Failure,
        Some("STOPPED") => StatusAction::Error,
        Some(_) => return Err(Reason::UnknownAction),
        None => return Err(Reason::EventMismatch),
    };
    let commit = sent.commit.take().and_then(commit).or_else(|| linked(&sent));
    let commit = commit.filter(|commit| !is_zero_hash(&commit.id)).ok_or(Reason::EventMismatch)?;
    let status = Status {
        id: None,
        context: sent.key.said(),
        name: sent.name.said(),
        description: sent.description.said(),
        url: sent.url.said(),
        created_at: sent.created_on.time(),
        updated_at: sent.updated_on.time(),
    };
    let occurred_at = status.updated_at.or(status.created_at);
    let reference = sent.refname.said().map(branch);
    let data = Data::Status(action, Box::new(StatusEvent { status, commit }));
    Ok(Fact { occurred_at, reference, ..fact_of(&body, data) })
}

/// The commit that only a link names.
fn linked<'a>(status: &wire::CommitStatus<'a>) -> Option<Commit<'a>> {
    let link: Cow<'a, str> = status.links.as_ref()?.commit.as_ref()?.href.said()?;
    let hash = piece(&link, |link| {
        let (_, rest) = link.split_once("/commit/")?;
        let hash = rest.split('/').next()?;
        (!hash.is_empty() && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hash)
    })?;
    Some(Commit { id: ObjectHash(hash), ..Commit::default() })
}
