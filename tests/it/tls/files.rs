//! The files that the configuration names: what is wrong with one is said with its key, name and remedy.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use forgewire::config::{Config, Inputs, Loaded};

use crate::support::tls::Ca;

/// A directory with a configuration and the files that it names.
struct Place(tempfile::TempDir);

impl Place {
    fn new(keys: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("forgewire.toml", format!("[http]\n{keys}"));
        let issued = Ca::new().issue();
        place.write("cert.pem", issued.certificate);
        place.write("key.pem", issued.key);
        place.write("ca.pem", Ca::new().pem());
        place
    }

    fn with_all() -> Self {
        Self::new(
            "tls_cert_file = \"cert.pem\"\ntls_key_file = \"key.pem\"\ntls_client_ca_file = \"ca.pem\"",
        )
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn load(&self) -> Result<Loaded, String> {
        let inputs = Inputs::new().with_file(self.0.path().join("forgewire.toml"));
        Config::load(&inputs).map_err(|error| self.plain(&error))
    }

    fn error(&self) -> String {
        self.load().unwrap_err()
    }

    /// Without what is different in each run.
    fn plain(&self, text: &impl ToString) -> String {
        text.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn good_files_make_an_identity_and_are_found_beside_the_configuration() {
    let loaded = Place::with_all().load().unwrap();
    assert!(loaded.config.tls.is_some());
    assert_eq!(loaded.warnings, []);
    assert!(Place::new("").load().unwrap().config.tls.is_none());
}

#[test]
fn the_key_that_is_missing_is_named() {
    for (keys, error) in [
        (
            "tls_cert_file = \"cert.pem\"",
            "forgewire.toml:2: `http.tls_cert_file` needs `http.tls_key_file` beside it, which is not set",
        ),
        (
            "tls_key_file = \"key.pem\"",
            "forgewire.toml:2: `http.tls_key_file` needs `http.tls_cert_file` beside it, which is not set",
        ),
        (
            "tls_client_ca_file = \"ca.pem\"",
            "forgewire.toml:2: `http.tls_client_ca_file` needs `http.tls_cert_file` beside it, which is not set",
        ),
    ] {
        assert_eq!(Place::new(keys).error(), error);
    }
}

#[test]
fn what_a_file_does_not_hold_is_told_with_key_and_file() {
    let issued = Ca::new().issue();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
                       MIIB\n-----END RSA PRIVATE KEY-----\n";
    let odd_key = "-----BEGIN PRIVATE KEY-----\nhunter 2!\n-----END PRIVATE KEY-----\n";
    let odd_cert = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    let large = vec![b'\n'; (2 << 20) + 1];
    let cut = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n";
    let cases: [(&str, &[u8], &str); 14] = [
        ("cert.pem", b"", "is empty"),
        (
            "cert.pem",
            issued.key.as_bytes(),
            "holds no certificate: it takes PEM, with BEGIN CERTIFICATE",
        ),
        (
            "cert.pem",
            b"\x30\x82 hunter2",
            "holds no certificate: it takes PEM, with BEGIN CERTIFICATE",
        ),
        ("cert.pem", odd_cert.as_bytes(), "holds something that is no X.509 certificate"),
        ("cert.pem", cut.as_bytes(), "is damaged: it is no PEM from its first to its last line"),
        (
            "key.pem",
            issued.certificate.as_bytes(),
            "holds no private key: it takes PEM, with BEGIN PRIVATE KEY",
        ),
        ("key.pem", b"hunter2", "holds no private key: it takes PEM, with BEGIN PRIVATE KEY"),
        (
            "key.pem",
            issued.key.as_bytes(),
            "holds a key that does not belong to the first certificate of the other file",
        ),
        (
            "key.pem",
            encrypted.as_bytes(),
            "holds an encrypted private key: store it without a passphrase, readable by nobody else",
        ),
        (
            "key.pem",
            traditional.as_bytes(),
            "holds an encrypted private key: store it without a passphrase, readable by nobody else",
        ),
        ("key.pem", odd_key.as_bytes(), "is damaged: it is no PEM from its first to its last line"),
        ("ca.pem", b"# none\n", "holds no certificate: it takes PEM, with BEGIN CERTIFICATE"),
        ("ca.pem", odd_cert.as_bytes(), "holds something that is no X.509 certificate"),
        ("ca.pem", &large, "is larger than 2097152 bytes"),
    ];
    for (file, content, fault) in cases {
        let place = Place::with_all();
        place.write(file, content);
        let (line, key) = match file {
            "cert.pem" => (2, "http.tls_cert_file"),
            "key.pem" => (3, "http.tls_key_file"),
            _ => (4, "http.tls_client_ca_file"),
        };
        assert_eq!(place.error(), format!("forgewire.toml:{line}: `{key}` ({file}) {fault}"));
    }
}

#[test]
fn a_key_of_a_kind_that_is_not_taken_is_told() {
    let place = Place::with_all();
    let small = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
                 -----END PRIVATE KEY-----\n";
    place.write("key.pem", small);
    assert_eq!(
        place.error(),
        "forgewire.toml:3: `http.tls_key_file` (key.pem) holds a private key that is damaged, or of a kind that \
         is not taken: it takes RSA of 2048 bits or more, ECDSA on P-256 or P-384, and Ed25519"
    );
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let place = Place::with_all();
    fs::remove_file(place.0.path().join("cert.pem")).unwrap();
    fs::remove_file(place.0.path().join("key.pem")).unwrap();
    fs::create_dir(place.0.path().join("key.pem")).unwrap();
    assert_eq!(
        place.error(),
        "the configuration has 2 errors\n  \
         forgewire.toml:2: `http.tls_cert_file` names no file; a relative path starts at the configuration file, \
         or at the working directory if it does not stand in one\n  \
         forgewire.toml:3: `http.tls_key_file` (key.pem) is a directory; name the file in it"
    );
}

#[test]
fn a_certificate_out_of_its_time_is_warned_of_with_the_date() {
    for (from, to, says) in [
        (2020, 2021, "that expired on 2021-01-01T00:00:00Z"),
        (2090, 2099, "that is not valid before 2090-01-01T00:00:00Z"),
    ] {
        let place = Place::with_all();
        let issued = Ca::new().issue_for_years(from, to);
        place.write("cert.pem", issued.certificate);
        place.write("key.pem", issued.key);
        let loaded = place.load().unwrap();
        assert!(loaded.config.tls.is_some());
        let warnings: Vec<_> = loaded.warnings.iter().map(|warning| place.plain(warning)).collect();
        let expected = format!(
            "forgewire.toml:2: `http.tls_cert_file` (cert.pem) holds a certificate {says}; senders that verify \
             certificates will not connect"
        );
        assert_eq!(warnings, [expected]);
    }
}

#[test]
fn a_key_that_every_user_can_read_is_warned_of() {
    let place = Place::with_all();
    let path = place.0.path().join("key.pem");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = place.load().unwrap().warnings;
    let warnings: Vec<_> = warnings.iter().map(|warning| place.plain(warning)).collect();
    assert_eq!(
        warnings,
        [
            "forgewire.toml:3: `http.tls_key_file`: every user of this machine can read key.pem; take that away \
          with chmod o-r"
        ]
    );
}
