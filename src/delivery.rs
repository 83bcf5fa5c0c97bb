//! A delivery and its two states: nobody can read what nobody has verified.
//!
//! In comes a request's body, out comes a [`Delivery<Verified>`], the only thing that gives its payload
//! away. [`Delivery::verify`] is the one door between the two, and the scope of a source is checked
//! against what the verified payload is about.

use bytes::Bytes;
use hyper::HeaderMap;
use ring::hmac;

use crate::config::{NamedSecret, Source};
use crate::scope::Scope;
use crate::source::{SignatureHeader, UnsignedHeaders};

/// The state of a delivery before its signature was checked.
#[derive(Debug)]
pub struct Unverified;

/// The state of a delivery that may be read.
#[derive(Debug)]
pub struct Verified<'s> {
    /// The secret that the signature matched; `None` on a source that takes unsigned deliveries.
    secret: Option<&'s NamedSecret>,
}

/// What a forge sent: headers, and the bytes that it signs.
#[derive(Debug)]
pub struct Delivery<S> {
    headers: HeaderMap,
    signed: Bytes,
    state: S,
}

/// Why a delivery is not authenticated. For our own log: the sender is never told which.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAuthenticated {
    /// The `Authorization` header that this source asks for is missing or another one.
    #[error("the Authorization header is missing or not the configured one")]
    Authorization,
    /// The signature header is there with no value: the hook has no secret.
    #[error("the signature is empty: the hook at the forge has no secret")]
    Empty,
    /// The signature is not 64 lower-case hex digits after the prefix that belongs to its header.
    #[error("the signature is malformed")]
    Malformed,
    /// No signature header of this kind of forge is there.
    #[error("no signature header of this kind of forge was sent")]
    Missing,
    /// The signature header is there more than once.
    #[error("the signature header was sent more than once")]
    Repeated,
    /// No secret of the source gives this signature.
    #[error("no secret of this source gives this signature")]
    Wrong,
}

impl Delivery<Unverified> {
    /// Wraps what a request brought; `signed` is the body, or the decoded payload where the forge signs that.
    #[must_use]
    pub fn new(headers: HeaderMap, signed: Bytes) -> Self {
        Self { headers, signed, state: Unverified }
    }

    /// Whether this is the forge's test of the connection, which it does not sign. It is known by its bytes
    /// alone, and must have the `Authorization` that `source` asks for: forges send that along. One with a
    /// signature is a delivery as any other.
    #[must_use]
    pub fn is_connection_test(&self, source: &Source) -> bool {
        let forge = source.kind.forge();
        let is_signed =
            forge.signature_headers().iter().any(|header| self.headers.contains_key(header.name));
        !is_signed && forge.is_connection_test(&self.signed) && self.is_authorized(source)
    }

    /// Checks that a secret of `source` signed this delivery.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`]; the delivery is gone with it.
    pub fn verify(self, source: &Source) -> Result<Delivery<Verified<'_>>, NotAuthenticated> {
        self.verify_or_headers(source).map_err(|(why, _headers)| why)
    }

    /// The same; of a delivery that is refused the headers are left, which say what it claims to be.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`] with the headers; the payload is gone.
    pub fn verify_or_headers(
        self,
        source: &Source,
    ) -> Result<Delivery<Verified<'_>>, (NotAuthenticated, HeaderMap)> {
        match self.signed_by(source) {
            Ok(secret) => {
                let state = Verified { secret };
                Ok(Delivery { headers: self.headers, signed: self.signed, state })
            }
            Err(why) => Err((why, self.headers)),
        }
    }

    /// The secret that signed this delivery; none where nobody needs to.
    fn signed_by<'s>(
        &self,
        source: &'s Source,
    ) -> Result<Option<&'s NamedSecret>, NotAuthenticated> {
        if !self.is_authorized(source) {
            return Err(NotAuthenticated::Authorization);
        }
        let checked = signature(&self.headers, source.kind.forge().signature_headers());
        match checked {
            // With no secret to check by, a signature proves as much as none.
            Ok(_) | Err(_) if source.danger_accept_unsigned && source.secrets.is_empty() => {
                Ok(None)
            }
            Ok(claimed) => {
                let secret = matching(&source.secrets, &self.signed, &claimed);
                secret.map(Some).ok_or(NotAuthenticated::Wrong)
            }
            Err(NotAuthenticated::Missing | NotAuthenticated::Empty)
                if source.danger_accept_unsigned =>
            {
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether the `Authorization` header is the one that `source` asks for, if it asks for one.
    fn is_authorized(&self, source: &Source) -> bool {
        let Some(expected) = &source.authorization else { return true };
        let mut values = self.headers.get_all(hyper::header::AUTHORIZATION).iter();
        let only = values.next().filter(|_| values.next().is_none());
        only.is_some_and(|value| expected.eq_ct(value.as_bytes()))
    }
}

impl<'s> Delivery<Verified<'s>> {
    /// The bytes that the signature covers: the payload.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.signed
    }

    /// The request's headers, which the signature does not cover.
    #[must_use]
    pub fn headers(&self) -> UnsignedHeaders<'_> {
        UnsignedHeaders::new(&self.headers)
    }

    /// Whether a signature was checked, and not only done without.
    #[must_use]
    pub fn authenticated(&self) -> bool {
        self.state.secret.is_some()
    }

    /// The id of the secret that the signature matched.
    #[must_use]
    pub fn secret_id(&self) -> Option<&'s str> {
        self.state.secret.map(|secret| &*secret.id)
    }

    /// Whether source and secret may speak of this repository.
    #[must_use]
    pub fn may_speak_of(&self, source: &Source, owner: Option<&str>, name: Option<&str>) -> bool {
        let allows = |scope: Option<&Scope>| scope.is_none_or(|scope| scope.allows(owner, name));
        allows(source.repositories.as_ref())
            && allows(self.state.secret.and_then(|secret| secret.repositories.as_ref()))
    }
}

/// Reads the one signature that counts.
fn signature(
    headers: &HeaderMap,
    candidates: &[SignatureHeader],
) -> Result<[u8; 32], NotAuthenticated> {
    let header = candidates.iter().find(|header| headers.contains_key(header.name));
    let header = header.ok_or(NotAuthenticated::Missing)?;
    let mut values = headers.get_all(header.name).iter();
    let value = values.next().ok_or(NotAuthenticated::Missing)?.as_bytes();
    if values.next().is_some() {
        return Err(NotAuthenticated::Repeated);
    }
    if value.is_empty() || value == header.prefix.as_bytes() {
        return Err(NotAuthenticated::Empty);
    }
    let digits = value.strip_prefix(header.prefix.as_bytes()).ok_or(NotAuthenticated::Malformed)?;
    digest(digits).ok_or(NotAuthenticated::Malformed)
}

fn digest(digits: &[u8]) -> Option<[u8; 32]> {
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    if digits.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? * 16 + digit(*low)?;
    }
    Some(out)
}

/// The first secret whose HMAC of the bytes is the claimed one, compared in constant time.
fn matching<'s>(
    secrets: &'s [NamedSecret],
    signed: &[u8],
    claimed: &[u8; 32],
) -> Option<&'s NamedSecret> {
    secrets.iter().find(|named| {
        // Made anew each time, which is little of the work: a key that is kept would not be wiped as secrets are.
        let key = hmac::Key::new(hmac::HMAC_SHA256, named.secret.expose());
        hmac::verify(&key, signed, claimed).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use ::hmac::{Hmac, KeyInit as _, Mac as _};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    use crate::secret::Secret;

    proptest! {
        #[test]
        fn what_opens_a_delivery_is_the_hmac_that_another_library_makes(
            secret in prop::collection::vec(any::<u8>(), 0..200),
            signed in prop::collection::vec(any::<u8>(), 0..1000),
            place in 0..32_usize,
            flipped in 1..=u8::MAX,
        ) {
            let reference = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
            let mut claimed: [u8; 32] = reference.chain_update(&signed).finalize().into_bytes().into();
            let secrets =
                [NamedSecret { id: "x".into(), secret: Secret::new(secret), repositories: None }];
            prop_assert!(matching(&secrets, &signed, &claimed).is_some());
            claimed[place] ^= flipped;
            prop_assert!(matching(&secrets, &signed, &claimed).is_none());
        }
    }
}
