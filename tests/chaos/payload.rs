//! Numbered deliveries: a number and a repository make the same signed push every time.

use crate::support::hook::{Hook, SECRET, push_in};

/// The path that deliveries go to, and the source that event ids begin with.
pub(crate) const SOURCE: &str = "gitea";

/// The delivery with this number, as Gitea sends it, with a body of at least `size` bytes. `run` tells the deliveries
/// of one run from another's.
pub(crate) fn hook(run: u32, number: u64, repository: u16, size: usize) -> Hook {
    Hook::new(
        "gitea",
        "push",
        Some("push"),
        &delivery_id(run, number),
        SECRET,
        &body(number, repository, size),
    )
}

/// Its body alone.
pub(crate) fn body(number: u64, repository: u16, size: usize) -> Vec<u8> {
    let hash = |number: u64| format!("{number:040x}");
    let (name, id) = (format!("service-{repository}"), 1000 + u64::from(repository));
    let mut body = push_in("acme", &name, id, "main", &hash(number), &hash(number + 1));
    // Space before its last brace changes nothing but the size.
    let brace = body.pop();
    body.resize(body.len().max(size.saturating_sub(1)), b' ');
    body.extend(brace);
    body
}

fn delivery_id(run: u32, number: u64) -> String {
    format!("{run:08x}-5eed-4000-8000-{number:012x}")
}

/// The id of the only event of a delivery.
pub(crate) fn event_id(run: u32, number: u64) -> String {
    format!("{SOURCE}:{}", delivery_id(run, number))
}

/// The number of the delivery that an event id of this run names.
pub(crate) fn number_of(run: u32, event_id: &str) -> Option<u64> {
    let number = u64::from_str_radix(event_id.rsplit('-').next()?, 16).ok()?;
    (self::event_id(run, number) == event_id).then_some(number)
}
