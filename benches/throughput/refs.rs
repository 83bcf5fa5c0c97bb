//! Pushes that change many refs at once, as Bitbucket Data Center writes them.
//!
//! In: the number of a repository and how many branches are pushed. Out: JSON text; of equal numbers of
//! branches every text has the same size, and every event that it makes is small.

use std::fmt::Write as _;

/// Writes a push that moves `refs` branches of repository number `repository`.
pub(crate) fn push(repository: usize, refs: usize) -> String {
    let mut text = format!(
        "{{\"eventKey\":\"repo:refs_changed\",\"date\":\"2026-11-02T10:30:02+0000\",\
         \"actor\":{{\"id\":5,\"name\":\"jdoe\",\"slug\":\"jdoe\",\"displayName\":\"Jane Doe\",\
         \"active\":true,\"type\":\"NORMAL\"}},\
         \"repository\":{{\"id\":{},\"slug\":\"service-{repository}\",\"name\":\"Service\",\
         \"public\":false,\"project\":{{\"id\":3,\"key\":\"TEAM\",\"public\":false,\
         \"type\":\"NORMAL\"}}}},\"changes\":[",
        1000 + repository
    );
    for number in 0..refs {
        let comma = if number == 0 { "" } else { "," };
        let (id, name) =
            (format!("refs/heads/release/{number:08}"), format!("release/{number:08}"));
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{comma}{{\"ref\":{{\"id\":\"{id}\",\"displayId\":\"{name}\",\"type\":\"BRANCH\"}},\
             \"refId\":\"{id}\",\"fromHash\":\"{:040x}\",\"toHash\":\"{:040x}\",\"type\":\"UPDATE\"}}",
            number + 1,
            number + 1 + refs
        );
    }
    text.push_str("]}");
    text
}
