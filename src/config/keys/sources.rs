//! The rows of `[sources.<name>]`.

use super::super::form::Form;
use super::super::redaction;
use super::{Key, NETWORKS, checks, key};

const REPOSITORIES: Form = Form::List { check: checks::repository_pattern, empty: true };

pub(super) static ROWS: &[Key] = &[
    key("sources.<name>.kind", Form::OneOf(checks::kinds), "The kind of forge."),
    key(
        "sources.<name>.secret_file",
        Form::Path,
        "File that holds the secret; its id is \"default\".",
    ),
    key(
        "sources.<name>.secret_env",
        Form::Text(checks::variable),
        "Environment variable that holds it instead.",
    ),
    key("sources.<name>.secret", Form::Secret, "The secret itself; better in a file of its own."),
    key("sources.<name>.secrets", Form::Tables, "Further secrets, all valid at once."),
    key(
        "sources.<name>.secrets[].id",
        Form::Text(checks::secret_id),
        "Name of the secret; events tell it.",
    ),
    key("sources.<name>.secrets[].file", Form::Path, "File that holds it."),
    key(
        "sources.<name>.secrets[].env",
        Form::Text(checks::variable),
        "Environment variable that holds it instead.",
    ),
    key(
        "sources.<name>.secrets[].text",
        Form::Secret,
        "The secret itself; better in a file of its own.",
    ),
    key(
        "sources.<name>.secrets[].repositories",
        REPOSITORIES,
        "Repositories that it may speak for; all if empty.",
    ),
    key(
        "sources.<name>.repositories",
        REPOSITORIES,
        "Repositories that the source may speak for; all if empty.",
    ),
    key(
        "sources.<name>.clients",
        NETWORKS,
        "Networks that deliveries may come from; all if empty.",
    ),
    key(
        "sources.<name>.authorization_file",
        Form::Path,
        "File that holds a required Authorization header.",
    ),
    key(
        "sources.<name>.authorization_env",
        Form::Text(checks::variable),
        "Environment variable that holds the header.",
    ),
    key(
        "sources.<name>.authorization",
        Form::Secret,
        "The header itself; better in a file of its own.",
    ),
    key(
        "sources.<name>.base_url",
        Form::Text(checks::base_url),
        "URL of the forge, for clone URLs that its payloads lack.",
    ),
    key("sources.<name>.accept_get", Form::Switch, "Also take deliveries by GET."),
    key(
        "sources.<name>.dedup",
        Form::OneOf(|| vec!["delivery", "digest"]),
        "What makes two deliveries the same.",
    ),
    key(
        "sources.<name>.raw",
        Form::OneOf(|| vec!["keep", "omit"]),
        "Whether events have the payload.",
    ),
    key(
        "sources.<name>.redact",
        Form::List { check: redaction::payload, empty: true },
        "Values of the payload that are replaced.",
    ),
    key(
        "sources.<name>.redact_data",
        Form::List { check: redaction::body, empty: true },
        "Values of the rest of the body that are replaced.",
    ),
    key("sources.<name>.danger_accept_unsigned", Form::Switch, "Publish what nobody signed."),
    key("sources.<name>.danger_short_secret", Form::Switch, "Allow secrets under 16 bytes."),
];
