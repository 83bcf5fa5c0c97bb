//! Settings that must fit each other, which only the merged configuration can show.

use super::error::{Findings, KeyName, Problem};
use super::layer::{Merged, Origins};

/// Checks the sections other than sources.
pub(super) fn check(merged: &Merged, origins: &Origins, found: &mut Findings) {
    let Merged { http, spool, stream, .. } = merged;
    let mut unfit = |good: bool, key: &str, rule: &'static str, other: &str| {
        if !good {
            found.problems.push(Problem::Unfit {
                origin: origins.of_value(key),
                key: KeyName::new(key),
                rule,
                other: KeyName::new(other),
                other_origin: origins.of_value(other),
            });
        }
    };
    unfit(
        http.max_buffered_bytes >= http.max_body_bytes.saturating_add(http.max_header_bytes),
        "http.max_buffered_bytes",
        "must be at least `http.max_header_bytes` plus",
        "http.max_body_bytes",
    );
    // What is written twice for a moment, in the journal and in its place, must fit beside the rest.
    unfit(
        !spool.enabled || spool.max_bytes / 3 >= http.max_body_bytes as u64,
        "spool.max_bytes",
        "must be at least three times",
        "http.max_body_bytes",
    );
    unfit(http.stop_timeout >= http.drain, "http.stop_timeout", "must be at least", "http.drain");
    unfit(
        stream.max_age.is_zero() || stream.duplicate_window <= stream.max_age,
        "stream.duplicate_window",
        "must be at most",
        "stream.max_age",
    );
}
