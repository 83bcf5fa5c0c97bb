//! Pull requests, what is said of them, and comments on anything.

use serde::Deserialize;

use super::{Commit, Links, Markup, Participant, Repository, User};
use crate::wire::{Id, Present, Text, list};

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct PullRequest<'a> {
    /// Number within the repository.
    pub(crate) id: Option<u64>,
    pub(crate) title: Text<'a>,
    pub(crate) description: Text<'a>,
    pub(crate) summary: Option<Markup<'a>>,
    pub(crate) state: Text<'a>,
    pub(crate) draft: Option<bool>,
    pub(crate) author: Option<User<'a>>,
    pub(crate) source: Option<Side<'a>>,
    pub(crate) destination: Option<Side<'a>>,
    pub(crate) merge_commit: Option<Commit<'a>>,
    #[serde(deserialize_with = "list")]
    pub(crate) participants: Vec<Participant<'a>>,
    #[serde(deserialize_with = "list")]
    pub(crate) reviewers: Vec<User<'a>>,
    pub(crate) closed_by: Option<User<'a>>,
    /// Why it was declined.
    pub(crate) reason: Text<'a>,
    pub(crate) created_on: Text<'a>,
    pub(crate) updated_on: Text<'a>,
    pub(crate) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Side<'a> {
    pub(crate) branch: Option<Branch<'a>>,
    /// With a hash of 12 digits.
    pub(crate) commit: Option<Commit<'a>>,
    pub(crate) repository: Option<Repository<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Branch<'a> {
    pub(crate) name: Text<'a>,
}

/// `approval` and `changes_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Approval<'a> {
    pub(crate) date: Text<'a>,
    pub(crate) user: Option<User<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Comment<'a> {
    pub(crate) id: Id,
    pub(crate) content: Option<Markup<'a>>,
    pub(crate) user: Option<User<'a>>,
    pub(crate) inline: Option<Inline<'a>>,
    pub(crate) parent: Option<Parent>,
    pub(crate) deleted: Option<bool>,
    pub(crate) resolution: Option<Resolution<'a>>,
    /// What it is about; a body that says it twice must say the same.
    pub(crate) commit: Option<Commit<'a>>,
    pub(crate) issue: Present,
    pub(crate) pullrequest: Present,
    pub(crate) created_on: Text<'a>,
    pub(crate) updated_on: Text<'a>,
    pub(crate) links: Option<Links<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Inline<'a> {
    pub(crate) path: Text<'a>,
    /// Line of the old version.
    pub(crate) from: Option<u64>,
    /// Line of the new version.
    pub(crate) to: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parent {
    pub(crate) id: Id,
}

/// Who ended the thread of a comment, and when.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(crate) struct Resolution<'a> {
    pub(crate) created_on: Text<'a>,
}
