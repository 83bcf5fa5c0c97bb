//! Rights as text: for the configuration file of a NATS server, and as a command line of `nsc`.
//!
//! A password is never in it, only the name of a variable: a server that does not know the variable refuses its
//! configuration, so that nobody runs with a password that stands in a manual.

use std::fmt::Write as _;

use super::Rights;

/// Who the server knows a user by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Identity {
    /// A name, with a password.
    User(String),
    /// The public key of an nkey.
    Nkey(String),
}

/// Why somebody cannot be known by this.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidIdentity {
    /// No public key. The text is not repeated: it may be a seed.
    #[error("must be the public key of a user: U and 55 more of A-Z 2-7; a seed (S…) stays secret")]
    Nkey,
    /// No name that can stand between quotation marks.
    #[error("must be a user's name of 1 to 200 of A-Z a-z 0-9 _ - . @ +")]
    User,
}

impl Identity {
    /// One who has a password.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentity::User`].
    pub fn user(name: &str) -> Result<Self, InvalidIdentity> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.@+".contains(&b);
        let good = (1..=200).contains(&name.len()) && name.bytes().all(plain);
        good.then(|| Self::User(name.to_owned())).ok_or(InvalidIdentity::User)
    }

    /// One who signs.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentity::Nkey`].
    pub fn nkey(key: &str) -> Result<Self, InvalidIdentity> {
        let base32 = |b: u8| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b);
        let good = key.len() == 56 && key.starts_with('U') && key.bytes().all(base32);
        good.then(|| Self::Nkey(key.to_owned())).ok_or(InvalidIdentity::Nkey)
    }

    /// The variable of the server that stands for the password.
    fn variable(name: &str) -> String {
        let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        // It begins with a letter: `$2` begins what bcrypt writes.
        let mut variable: String = name.chars().map(upper).collect();
        if !variable.starts_with(|c: char| c.is_ascii_uppercase()) {
            variable.insert_str(0, "USER_");
        }
        variable + "_PASSWORD"
    }
}

/// The user of these rights as an item of `users = [ … ]`; with an account the whole `accounts { … }`.
#[must_use]
pub fn server(rights: &Rights, identity: &Identity, account: Option<&str>) -> String {
    let who = match identity {
        Identity::User(name) => {
            let variable = Identity::variable(name);
            format!(
                "user: \"{name}\"\npassword: ${variable} # of the server's environment, or of this file\n"
            )
        }
        Identity::Nkey(key) => format!("nkey: {key}\n"),
    };
    let user = format!(
        "{{\n{}  permissions: {{\n    publish: {{ allow: [\n{}    ] }}\n    subscribe: {{ allow: [\n{}    ] }}\n  }}\n}}\n",
        indented(&who, 2),
        list(&rights.publish),
        list(&rights.subscribe)
    );
    match account {
        None => user,
        Some(account) => format!(
            "accounts {{\n  \"{account}\": {{\n    jetstream: enabled\n    users: [\n{}    ]\n  }}\n}}\n",
            indented(&user, 6)
        ),
    }
}

fn list(subjects: &[String]) -> String {
    subjects.iter().fold(String::new(), |mut text, subject| {
        // Writing to a String cannot fail. Between quotation marks a `$` is no variable.
        let _ = writeln!(text, "      \"{subject}\"");
        text
    })
}

fn indented(text: &str, by: usize) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{:by$}{line}", "");
        out
    })
}

/// The command line of `nsc` that adds a user of these rights.
#[must_use]
pub fn nsc(rights: &Rights, name: &str, identity: &Identity, account: Option<&str>) -> String {
    let mut line = "nsc add user".to_owned();
    let mut option = |flag: &str, value: &str| {
        let _ = write!(line, " {flag} '{value}'");
    };
    if let Some(account) = account {
        option("--account", account);
    }
    option("--name", name);
    if let Identity::Nkey(key) = identity {
        option("--public-key", key);
    }
    option("--allow-pub", &rights.publish.join(","));
    option("--allow-sub", &rights.subscribe.join(","));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights() -> Rights {
        Rights { publish: vec!["a.>".into(), "$JS.b".into()], subscribe: vec!["_INBOX_c.>".into()] }
    }

    #[test]
    fn a_user_is_an_item_or_a_whole_account() {
        let user = Identity::user("ci-main").unwrap();
        let item = "{\n  user: \"ci-main\"\n  password: $CI_MAIN_PASSWORD # of the server's environment, or of this file\n  permissions: {\n    publish: { allow: [\n      \"a.>\"\n      \"$JS.b\"\n    ] }\n    subscribe: { allow: [\n      \"_INBOX_c.>\"\n    ] }\n  }\n}\n";
        assert_eq!(server(&rights(), &user, None), item);
        let account = server(&rights(), &user, Some("FORGE"));
        assert!(account.starts_with("accounts {\n  \"FORGE\": {\n    jetstream: enabled\n    users: [\n      {\n        user: \"ci-main\"\n"), "{account}");
    }

    #[test]
    fn nsc_is_told_the_same_rights() {
        let key = format!("U{}", "A".repeat(55));
        let line = nsc(&rights(), "ci", &Identity::nkey(&key).unwrap(), Some("FORGE"));
        assert_eq!(
            line,
            format!(
                "nsc add user --account 'FORGE' --name 'ci' --public-key '{key}' --allow-pub 'a.>,$JS.b' --allow-sub '_INBOX_c.>'"
            )
        );
    }

    #[test]
    fn a_variable_never_begins_as_a_hash_does() {
        assert_eq!(Identity::variable("2b"), "USER_2B_PASSWORD");
        assert_eq!(Identity::variable("ci.main"), "CI_MAIN_PASSWORD");
    }

    #[test]
    fn a_seed_is_no_public_key_and_is_not_repeated() {
        let seed = format!("SU{}", "A".repeat(56));
        let error = Identity::nkey(&seed).unwrap_err().to_string();
        assert!(error.contains("public key") && !error.contains(&seed), "{error}");
        for bad in ["", "a b", "a\"b", "a'b", "a\n", "$A"] {
            assert!(Identity::user(bad).is_err(), "{bad}");
        }
    }
}
