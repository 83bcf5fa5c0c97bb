//! The facts of a `secret`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Sha;

/// The facts of a `secret` event: where in the event's repository the forge found what looks like a secret.
/// No forge says the secret itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretEvent<'a> {
    /// Each place, in the forge's order.
    pub locations: Vec<SecretLocation<'a>>,
}

/// A place in the history of a repository.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretLocation<'a> {
    /// Name of the rule that it was found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'a, str>>,
    /// File.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Cow<'a, str>>,
    /// Line of that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Commit that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Sha<'a>>,
}
