//! What stands in a message for something that is too large for one: where it is, and how it is recognised.
//!
//! [`ObjectRef`] names an object of a JetStream object store by its content, so that whoever reads it can tell
//! whether it is the one that was meant. [`EventRef`] is the whole body of a message whose event is in such
//! an object.

use serde::{Deserialize, Serialize};

use super::VERSION;

/// Where something is that is too large for a message: an object in a JetStream object store, which every
/// NATS client can read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ObjectRef {
    /// Name of the object store, for example `FORGE_LARGE`.
    pub bucket: String,
    /// Name of the object in it: the BLAKE3 hash of its bytes in lower-case hex.
    pub object: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// `blake3=<hex>` of its bytes. Compare it: others may be allowed to write to the object store.
    pub digest: String,
}

/// The bytes of an object are not those that an [`ObjectRef`] speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the object's bytes are not those that its digest and size say")]
pub struct OtherBytes;

impl ObjectRef {
    /// The reference to `content` in an object store.
    #[must_use]
    pub fn to(bucket: &str, content: &[u8]) -> Self {
        let hash = blake3::hash(content).to_hex();
        Self {
            bucket: bucket.to_owned(),
            object: hash.as_str().to_owned(),
            bytes: content.len() as u64,
            digest: ["blake3=", hash.as_str()].concat(),
        }
    }

    /// Checks that `content` is what this speaks of.
    ///
    /// # Errors
    ///
    /// [`OtherBytes`] when size or digest differ, or the digest is of a kind that is not known here.
    pub fn check(&self, content: &[u8]) -> Result<(), OtherBytes> {
        let same_size = self.bytes == content.len() as u64;
        let digest = || ["blake3=", blake3::hash(content).to_hex().as_str()].concat();
        if same_size && self.digest == digest() { Ok(()) } else { Err(OtherBytes) }
    }
}

/// The body of a message whose event is too large for one, even without the payload: the event's whole body is
/// in an object store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EventRef {
    /// The version of the contract, 1.
    pub version: u32,
    /// The event's id.
    pub id: String,
    /// What happened, for example `push`.
    pub event: String,
    /// What happened to it, for example `updated`.
    pub action: String,
    /// Where the body is.
    pub body_ref: ObjectRef,
}

impl EventRef {
    /// The reference to a whole body that is in `bucket`; `None` if `body` is not that of an event.
    #[must_use]
    pub fn to(bucket: &str, body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
            event: String,
            action: String,
        }
        let Named { id, event, action } = serde_json::from_slice(body).ok()?;
        Some(Self { version: VERSION, id, event, action, body_ref: ObjectRef::to(bucket, body) })
    }

    /// The same for the body that was just written of `event`, which need not be read again.
    #[cfg(feature = "daemon")]
    pub(crate) fn to_body_of(event: &super::Event<'_>, bucket: &str, body: &[u8]) -> Self {
        Self {
            version: VERSION,
            id: event.id.clone(),
            event: event.event().to_owned(),
            action: event.action().to_owned(),
            body_ref: ObjectRef::to(bucket, body),
        }
    }

    /// Writes it as the body of a message.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts and numbers into memory: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_what_it_holds_and_no_other_bytes_pass_for_it() {
        let reference = ObjectRef::to("FORGE_LARGE", b"abc");
        // The value that BLAKE3's own test vectors give.
        let hex = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        assert_eq!((&*reference.object, reference.bytes), (hex, 3));
        assert_eq!(reference.digest, format!("blake3={hex}"));
        assert_eq!(reference.check(b"abc"), Ok(()));
        assert_eq!(reference.check(b"abd"), Err(OtherBytes));
        let shorter = ObjectRef { bytes: 2, ..reference.clone() };
        assert_eq!(shorter.check(b"abc"), Err(OtherBytes));
        let other = ObjectRef { digest: "md5=0".into(), ..reference };
        assert_eq!(other.check(b"abc"), Err(OtherBytes));
    }

    #[test]
    fn what_is_no_event_has_no_reference() {
        assert_eq!(EventRef::to("B", b"[]"), None);
        assert_eq!(EventRef::to("B", br#"{"id":"a:1","event":"push"}"#), None);
        let body = br#"{"id":"a:1","event":"push","action":"updated","data":{}}"#;
        let reference = EventRef::to("B", body).unwrap();
        assert_eq!((&*reference.id, &*reference.action), ("a:1", "updated"));
        let read: EventRef = serde_json::from_slice(&reference.to_json()).unwrap();
        assert_eq!(read, reference);
    }
}
