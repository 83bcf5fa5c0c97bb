//! What the catalogue says of one event: its name, its actions, and their comments.

use super::Data;

/// Name and actions of one event, as documentation and schema list them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventSpec {
    /// The event's name in subjects and bodies.
    pub name: &'static str,
    /// What it says: the comment at its row of the table.
    pub doc: &'static str,
    /// Its actions; empty for `unrecognized`, whose action is the forge's own event name.
    pub actions: &'static [&'static str],
    /// What each of them says: the comments at them, in the same order.
    pub action_docs: &'static [&'static str],
}

impl EventSpec {
    /// The event of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        Data::EVENTS.iter().find(|spec| spec.name == name)
    }

    /// Its actions with what they say.
    pub fn documented_actions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.actions.iter().copied().zip(self.action_docs.iter().copied())
    }
}
