//! Issues, and what an update of an issue, a repository or a project changed.

use serde::Deserialize;

use super::{Links, Markup, User, loose::Loose};
use crate::wire::Text;

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Issue<'a> {
    /// Number within the repository.
    pub(crate) id: Option<u64>,
    pub(crate) title: Text<'a>,
    pub(crate) content: Option<Markup<'a>>,
    /// `new`, `open`, `on hold`, `resolved`, `duplicate`, `invalid`, `wontfix` or `closed`.
    pub(crate) state: Text<'a>,
    pub(crate) reporter: Option<User<'a>>,
    pub(crate) assignee: Option<User<'a>>,
    pub(crate) milestone: Option<Milestone<'a>>,
    pub(crate) created_on: Text<'a>,
    pub(crate) updated_on: Text<'a>,
    pub(crate) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Milestone<'a> {
    pub(crate) name: Text<'a>,
}

/// What changed, of whatever has changes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Changes<'a> {
    /// Of an issue: its state.
    pub(crate) status: Option<Change<'a>>,
    /// The same, as the REST API names it.
    pub(crate) state: Option<Change<'a>>,
    pub(crate) assignee: Option<Change<'a>>,
    pub(crate) title: Option<Change<'a>>,
    pub(crate) content: Option<Change<'a>>,
    pub(crate) name: Option<Change<'a>>,
    pub(crate) full_name: Option<Change<'a>>,
    pub(crate) description: Option<Change<'a>>,
    pub(crate) key: Option<Change<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Change<'a> {
    pub(crate) old: Loose<'a>,
    pub(crate) new: Loose<'a>,
}
