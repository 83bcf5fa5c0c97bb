//! Credentials of NATS users: what a `.creds` file and an nkey's seed are.
//!
//! The text of a file comes in; out comes what proves to a server who we are, or what is wrong with the text. No fault
//! repeats any of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, KeyPairType};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::event::Time;

/// What is in a `.creds` file: a user's JWT, and the key that it is for.
pub struct Credentials {
    /// The JWT, as the server is given it.
    pub jwt: Zeroizing<String>,
    /// When the JWT expires; `None`: never.
    pub expires: Option<Time>,
    key: Seed,
}

/// An nkey of a user.
pub struct Seed(KeyPair);

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    exp: i64,
    sub: Option<String>,
}

impl Credentials {
    /// Reads the text of a `.creds` file, as `nsc` and `nats` write it.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; reads on after the name of the file.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_error| "is no text")?;
        let jwt = block(text, "NATS USER JWT").ok_or(
            "has no user JWT in it: a creds file has a block -----BEGIN NATS USER JWT-----",
        )?;
        let seed = block(text, "USER NKEY SEED")
            .ok_or("has no seed in it: a creds file has a block -----BEGIN USER NKEY SEED-----")?;
        let key = Seed::parse(seed.as_bytes())?;
        let claims = claims(jwt).ok_or("holds a user JWT that cannot be read")?;
        if claims.sub.is_some_and(|user| user != key.public_key()) {
            return Err("holds a seed that does not belong to its user JWT");
        }
        let expires = (claims.exp > 0).then(|| Time::from_unix_ms(claims.exp.saturating_mul(1000)));
        Ok(Self { jwt: Zeroizing::new(jwt.to_owned()), expires: expires.flatten(), key })
    }

    /// Signs what the server gave to be signed.
    ///
    /// # Errors
    ///
    /// As [`Seed::sign`].
    pub fn sign(&self, nonce: &[u8]) -> Result<Vec<u8>, &'static str> {
        self.key.sign(nonce)
    }
}

impl Seed {
    /// Reads a user's seed: `SU` and 56 more of `A-Z 2-7`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; reads on after the name of its key or file.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        const RULE: &str = "is no nkey seed of a user: that is SU and 56 more letters and digits";
        let text = std::str::from_utf8(text).map_err(|_error| RULE)?;
        let pair = KeyPair::from_seed(text.trim_ascii()).map_err(|_error| RULE)?;
        matches!(pair.key_pair_type(), KeyPairType::User).then_some(Self(pair)).ok_or(RULE)
    }

    /// The public key, by which the server knows the user.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.0.public_key()
    }

    /// Signs what the server gave to be signed.
    ///
    /// # Errors
    ///
    /// That it cannot.
    pub fn sign(&self, nonce: &[u8]) -> Result<Vec<u8>, &'static str> {
        self.0.sign(nonce).map_err(|_error| "holds a seed that cannot sign")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// What stands between the lines that begin and end a block; their dashes are more or fewer by who wrote them.
fn block<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&*format!("BEGIN {name}-"))?;
    let (_, rest) = rest.split_once('\n')?;
    // A JWT may have dashes in it, but none at the beginning of a line.
    let (content, _) = rest.split_once("\n-")?;
    let content = content.trim_ascii();
    (!content.is_empty()).then_some(content)
}

fn claims(jwt: &str) -> Option<Claims> {
    let mut parts = jwt.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creds(claims: &str, seed: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!(
            "-----BEGIN NATS USER JWT-----\n{}.{}.{}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n",
            part("{}"),
            part(claims),
            part("signature"),
        )
    }

    #[test]
    fn jwt_and_key_of_a_creds_file_are_found() {
        let pair = KeyPair::new_user();
        let (seed, user) = (pair.seed().unwrap(), pair.public_key());
        let text = creds(&format!("{{\"sub\":\"{user}\",\"exp\":1795717380}}"), &seed);
        let read = Credentials::parse(text.as_bytes()).unwrap();
        assert_eq!(read.jwt.split('.').count(), 3);
        assert_eq!(read.expires, Time::parse("2026-11-26T18:23:00Z"));
        assert_eq!(pair.verify(b"nonce", &read.sign(b"nonce").unwrap()).ok(), Some(()));
        assert!(!format!("{read:?}").contains(&*read.jwt));
        let windows = text.replace('\n', "\r\n");
        assert_eq!(Credentials::parse(windows.as_bytes()).unwrap().jwt, read.jwt);
    }

    #[test]
    fn what_is_no_creds_file_says_what_is_missing() {
        let seed = KeyPair::new_user().seed().unwrap();
        let account = KeyPair::new_account().seed().unwrap();
        let without_seed = creds("{}", &seed).replace("USER NKEY SEED", "SEED");
        for (text, why) in [
            ("hunter2", "no user JWT"),
            (&*without_seed, "no seed"),
            (&*creds("{}", "hunter2"), "no nkey seed of a user"),
            (&*creds("{}", &account), "no nkey seed of a user"),
            (&*creds("[]", &seed), "cannot be read"),
            (&*creds("{\"sub\":\"UX\"}", &seed), "does not belong"),
        ] {
            let fault = Credentials::parse(text.as_bytes()).unwrap_err();
            assert!(fault.contains(why), "{fault}");
            assert!(!fault.contains("hunter2"));
        }
    }
}
