//! Certificates and keys in PEM files: read, and checked before anybody relies on them.
//!
//! The bytes of files come in, DER and what is wrong go out. No fault repeats what a file holds: it may be a key. What is
//! checked is what an operator mixes up: which file, which key to which certificate, and how long it is good for.

use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::event::Time;

/// The certificates of a file, in its order; at least one.
///
/// # Errors
///
/// What is wrong with the file; reads on after its name.
pub fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file).collect();
    match read {
        Ok(none) if none.is_empty() => {
            Err("has no certificate in it: it must be PEM, with -----BEGIN CERTIFICATE-----")
        }
        Ok(certificates) => Ok(certificates),
        Err(_fault) => Err("is no PEM that can be read"),
    }
}

/// The first private key of a file.
///
/// # Errors
///
/// What is wrong with the file; reads on after its name.
pub fn private_key(file: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(file).map_err(|_fault| {
        "has no private key in it: it must be PEM, with -----BEGIN PRIVATE KEY----- and not encrypted"
    })
}

/// Checks that every certificate of a file can be trusted as a root.
///
/// # Errors
///
/// What is wrong with the file; reads on after its name.
pub fn roots(file: &[u8]) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|_fault| "holds a certificate that cannot be read")?;
    }
    Ok(roots)
}

/// Checks that a private key is the one of a certificate.
///
/// # Errors
///
/// What is wrong with the key; reads on after its name.
pub fn key_fits(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<(), &'static str> {
    let signing = default_provider().key_provider.load_private_key(key);
    let key = signing.map_err(|_fault| "holds a private key of a kind that is not supported")?;
    match CertifiedKey::new(chain, key).keys_match() {
        // Of some kinds of keys it cannot be told; then the handshake tells.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err("holds a private key that does not belong to the certificate")
        }
        Err(_fault) => Err("belongs to a certificate that cannot be read"),
    }
}

/// When a certificate expires; `None` if that cannot be read.
#[must_use]
pub fn expires(certificate: &CertificateDer<'_>) -> Option<Time> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_version, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    for skipped in [INTEGER, SEQUENCE, SEQUENCE] {
        // Serial number, kind of signature, issuer.
        fields = element(fields, skipped)?.1;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_not_before, rest) = moment(validity)?;
    moment(rest)?.0
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The content of a DER element with this tag, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = bytes.iter().fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// An instant as X.509 writes it, and what comes after it.
fn moment(der: &[u8]) -> Option<(Option<Time>, &[u8])> {
    if let Some((text, rest)) = element(der, UTC_TIME) {
        // RFC 5280: two digits of a year from 50 on are of the last century.
        let text = std::str::from_utf8(text).ok()?;
        let century = if text.get(..2)? < "50" { "20" } else { "19" };
        return Some((instant(&format!("{century}{text}")), rest));
    }
    let (text, rest) = element(der, GENERALIZED_TIME)?;
    Some((instant(std::str::from_utf8(text).ok()?), rest))
}

/// `20261126182300Z` as an instant.
fn instant(text: &str) -> Option<Time> {
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    (part(14, text.len())? == "Z")
        .then(|| Time::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_forms_of_an_instant_are_read() {
        let utc = [&[UTC_TIME, 13][..], b"261126182300Z"].concat();
        assert_eq!(moment(&utc).unwrap().0, Time::parse("2026-11-26T18:23:00Z"));
        let old = [&[UTC_TIME, 13][..], b"991126182300Z"].concat();
        assert_eq!(moment(&old).unwrap().0, Time::parse("1999-11-26T18:23:00Z"));
        let general = [&[GENERALIZED_TIME, 15][..], b"20611126182300Z", b"x"].concat();
        let (read, rest) = moment(&general).unwrap();
        assert_eq!((read, rest), (Time::parse("2061-11-26T18:23:00Z"), &b"x"[..]));
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bad in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\x02"] {
            assert_eq!(expires(&CertificateDer::from(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn a_file_without_what_is_looked_for_says_so() {
        assert!(certificates(b"hunter2").unwrap_err().contains("no certificate"));
        assert!(private_key(b"hunter2").unwrap_err().contains("no private key"));
        let torn = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
        assert!(certificates(torn).is_err());
        let odd = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(roots(odd).unwrap_err().contains("cannot be read"));
    }
}
