//! Bytes that nobody may see: webhook secrets and required `Authorization` values.
//!
//! Owns [`Secret`]. Whoever reads a secret from somewhere hands its exact bytes in; verification
//! takes them out again by [`Secret::expose`]. Nothing else comes out: there is no `Display`, no
//! `Serialize`, and `Debug` shows dots.

use std::fmt;

use zeroize::Zeroizing;

/// The exact bytes of a secret, wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes` as they are: nothing is trimmed or decoded.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for use as a key. They belong in no log, error or answer.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether `other` has the same bytes. The time taken tells the two lengths, nothing more.
    #[must_use]
    pub fn eq_ct(&self, other: &[u8]) -> bool {
        // Digests compare in constant time, and equal digests mean equal bytes.
        blake3::hash(self.expose()) == blake3::hash(other)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.eq_ct(other.expose())
    }
}

impl Eq for Secret {}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_dots() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(..)");
    }

    #[test]
    fn comparison_sees_every_byte() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert!(secret.eq_ct(b"hunter2"));
        for other in [&b"hunter3"[..], b"Hunter2", b"hunter", b"hunter22", b""] {
            assert!(!secret.eq_ct(other));
        }
    }
}
