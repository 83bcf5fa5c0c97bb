//! The facts of a `wiki`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The facts of a `wiki` event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WikiEvent<'a> {
    /// The page.
    pub page: WikiPage<'a>,
    /// What the editor says about the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
}

/// A page of a wiki.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WikiPage<'a> {
    /// Its name, as it stands in URLs.
    pub name: Cow<'a, str>,
}
