//! How full a stream is.

use serde_json::Value;

/// What the server keeps with each message, in bytes.
const RECORD: u64 = 26;

/// How much is in a stream, and how much may be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fill {
    messages: u64,
    bytes: u64,
    /// `None`: as many as there is room for; so is it where old messages make room for new ones.
    max_messages: Option<u64>,
    max_bytes: Option<u64>,
}

impl Fill {
    /// Reads what the server says of a stream.
    pub(crate) fn of(info: &Value) -> Self {
        let number = |at| info.pointer(at).and_then(Value::as_u64).unwrap_or_default();
        let refuses = info.pointer("/config/discard").and_then(Value::as_str) == Some("new");
        let limit = |at| Some(number(at)).filter(|limit| refuses && *limit > 0);
        Self {
            messages: number("/state/messages"),
            bytes: number("/state/bytes"),
            max_messages: limit("/config/max_msgs"),
            max_bytes: limit("/config/max_bytes"),
        }
    }

    /// Whether a message would be taken whose subject, headers and body have so many bytes.
    #[must_use]
    pub fn has_room_for(self, bytes: usize) -> bool {
        let bytes = RECORD.saturating_add(bytes as u64);
        self.max_messages.is_none_or(|most| self.messages < most)
            && self.max_bytes.is_none_or(|most| self.bytes.saturating_add(bytes) <= most)
    }
}
