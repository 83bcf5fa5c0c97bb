//! Least privilege: what the daemon and subscribers must be allowed at a NATS server, and no more.
//!
//! In come the names of a configuration, out come [`Rights`], and their text for a server's configuration or for `nsc`.
//! Pure: nothing is asked or read. What each may do was tried on real servers (`tests/it/least.rs`).

mod text;

use std::fmt;

use crate::subject::Filter;
pub use text::{Identity, InvalidIdentity, nsc, server};

/// Longest name of a consumer that is taken, in bytes.
const LONGEST_NAME: usize = 200;

/// The names that rights are about.
#[derive(Clone, Debug)]
pub struct Place {
    api_prefix: String,
    stream: String,
    prefix: String,
    bucket: String,
}

/// What a user may do; what is not in it is denied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rights {
    /// Subjects that it may publish to, and so ask.
    pub publish: Vec<String>,
    /// Subjects that it may subscribe to, and so hear.
    pub subscribe: Vec<String>,
}

/// A name that cannot stand in a permission or in the text that gives it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{what} {name:?} has {character:?}: permissions can be printed for names of A-Z a-z 0-9 _ - $ % ~ only"
)]
pub struct InvalidName {
    /// What is named so: a configuration key.
    what: &'static str,
    name: String,
    character: char,
}

impl Place {
    /// Takes the names of the JetStream API's prefix, stream, subjects' prefix and object store.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] names the key whose value has what would end a token, stand for others, or end a quotation.
    pub fn new(
        api_prefix: &str,
        stream: &str,
        prefix: &str,
        bucket: &str,
    ) -> Result<Self, InvalidName> {
        Ok(Self {
            api_prefix: tokens("nats.api_prefix", api_prefix)?,
            stream: checked("stream.name", stream, false)?,
            prefix: tokens("stream.subject_prefix", prefix)?,
            bucket: checked("stream.large_bucket", bucket, false)?,
        })
    }

    /// What the daemon needs: publish events, look after stream and object store, hear the replies by its inbox.
    /// `manage` is `stream.manage`.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] of `nats.inbox_prefix`.
    pub fn bridge(&self, manage: bool, inbox: &str) -> Result<Rights, InvalidName> {
        let Self { api_prefix: api, stream, prefix, bucket } = self;
        // Of each event six tokens come after the prefix.
        let mut publish = vec![format!("{prefix}.*.*.*.*.*.*")];
        let verbs: &[&str] = if manage { &["INFO", "CREATE", "UPDATE"] } else { &["INFO"] };
        publish.extend(verbs.iter().map(|verb| format!("{api}.STREAM.{verb}.{stream}")));
        publish.extend(["C", "M"].map(|part| format!("$O.{bucket}.{part}.*")));
        // Chunks of an object that was not finished are purged.
        let more = verbs.iter().chain(&["PURGE", "MSG.GET"]);
        publish.extend(more.map(|verb| format!("{api}.STREAM.{verb}.OBJ_{bucket}")));
        let subscribe = vec![format!("{}.>", tokens("nats.inbox_prefix", inbox)?)];
        Ok(Rights { publish, subscribe })
    }

    /// What a subscriber needs: to read and acknowledge by a consumer that is there, and with `large` to read every object
    /// of the object store.
    #[must_use]
    pub fn subscriber(&self, consumer: &ConsumerName, large: bool) -> Rights {
        let Self { api_prefix: api, stream, bucket, .. } = self;
        let mut publish = vec![
            format!("{api}.CONSUMER.INFO.{stream}.{consumer}"),
            format!("{api}.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
            format!("$JS.ACK.{stream}.{consumer}.>"),
            // The form with domain and account before the stream.
            format!("$JS.ACK.*.*.{stream}.{consumer}.>"),
        ];
        if large {
            let store = format!("OBJ_{bucket}");
            publish.extend([
                format!("{api}.STREAM.INFO.{store}"),
                format!("{api}.STREAM.MSG.GET.{store}"),
                format!("{api}.DIRECT.GET.{store}.>"),
                // Clients read the chunks by a consumer without a name, or with one that they make up.
                format!("{api}.CONSUMER.CREATE.{store}"),
                format!("{api}.CONSUMER.CREATE.{store}.>"),
                format!("{api}.CONSUMER.INFO.{store}.*"),
                format!("{api}.CONSUMER.MSG.NEXT.{store}.*"),
                format!("{api}.CONSUMER.DELETE.{store}.*"),
                format!("$JS.FC.{store}.>"),
            ]);
        }
        Rights { publish, subscribe: vec![format!("{}.>", consumer.inbox())] }
    }
}

fn tokens(what: &'static str, name: &str) -> Result<String, InvalidName> {
    checked(what, name, true)
}

fn checked(what: &'static str, name: &str, dots: bool) -> Result<String, InvalidName> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-$%~".contains(c) || dots && c == '.';
    match name.chars().find(|c| !plain(*c)) {
        None => Ok(name.to_owned()),
        Some(character) => Err(InvalidName { what, name: name.to_owned(), character }),
    }
}

/// The name of a consumer that an administrator makes: 1 to 200 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConsumerName(Box<str>);

impl ConsumerName {
    /// Takes a name.
    ///
    /// # Errors
    ///
    /// What it must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err("must be a name of 1 to 200 of A-Z a-z 0-9 _ -")
        }
    }

    /// One that tells its filter from every other: its tokens, as far as they are plain, and the beginning of its hash.
    #[must_use]
    pub fn of(filter: &Filter) -> Self {
        let below = filter.as_str().split('.').skip(1);
        let words: Vec<&str> = below.filter(|token| !matches!(*token, "*" | ">" | "-")).collect();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let mut name: String = words.join("-").chars().map(plain).take(LONGEST_NAME - 9).collect();
        if !name.is_empty() {
            name.push('-');
        }
        let hash = blake3::hash(filter.as_str().as_bytes()).to_hex();
        name.extend(hash.chars().take(8));
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First token of the subjects of replies to who reads by it: nobody else's.
    #[must_use]
    pub fn inbox(&self) -> String {
        format!("_INBOX_{}", self.0)
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::new("$JS.hub.API", "FORGE", "ci.forge", "BIG").unwrap()
    }

    #[test]
    fn the_daemon_is_named_every_request_and_no_wildcard_of_a_stream() {
        let rights = place().bridge(true, "_INBOX_fw").unwrap();
        assert_eq!(
            rights.publish,
            [
                "ci.forge.*.*.*.*.*.*",
                "$JS.hub.API.STREAM.INFO.FORGE",
                "$JS.hub.API.STREAM.CREATE.FORGE",
                "$JS.hub.API.STREAM.UPDATE.FORGE",
                "$O.BIG.C.*",
                "$O.BIG.M.*",
                "$JS.hub.API.STREAM.INFO.OBJ_BIG",
                "$JS.hub.API.STREAM.CREATE.OBJ_BIG",
                "$JS.hub.API.STREAM.UPDATE.OBJ_BIG",
                "$JS.hub.API.STREAM.PURGE.OBJ_BIG",
                "$JS.hub.API.STREAM.MSG.GET.OBJ_BIG",
            ]
        );
        assert_eq!(rights.subscribe, ["_INBOX_fw.>"]);
    }

    #[test]
    fn a_daemon_that_does_not_manage_its_stream_may_not_change_it() {
        let rights = place().bridge(false, "_INBOX").unwrap();
        let may = |verb: &str| rights.publish.iter().any(|subject| subject.contains(verb));
        assert!(!may("CREATE") && !may("UPDATE") && may("INFO.FORGE") && may("INFO.OBJ_BIG"));
    }

    #[test]
    fn a_subscriber_reads_by_one_consumer_and_has_the_object_store_only_if_it_is_given() {
        let ci = ConsumerName::parse("ci").unwrap();
        let small = place().subscriber(&ci, false);
        assert_eq!(
            small.publish,
            [
                "$JS.hub.API.CONSUMER.INFO.FORGE.ci",
                "$JS.hub.API.CONSUMER.MSG.NEXT.FORGE.ci",
                "$JS.ACK.FORGE.ci.>",
                "$JS.ACK.*.*.FORGE.ci.>",
            ]
        );
        assert_eq!(small.subscribe, ["_INBOX_ci.>"]);
        let large = place().subscriber(&ci, true);
        let more: Vec<_> = large.publish.iter().filter(|s| !small.publish.contains(s)).collect();
        assert!(more.len() == 9 && more.iter().all(|subject| subject.contains(".OBJ_BIG")));
        assert_eq!(large.subscribe, small.subscribe);
    }

    #[test]
    fn a_name_is_made_of_a_filter_and_of_no_other() {
        let of = |text| ConsumerName::of(&Filter::parse("forge", text).unwrap());
        let name = of("forge.gitea.acme.my%2Erepo.push.*.main");
        assert!(name.as_str().starts_with("gitea-acme-my_2Erepo-push-main-"), "{name}");
        assert_eq!(ConsumerName::parse(name.as_str()), Ok(name.clone()));
        assert_ne!(name, of("forge.gitea.acme.my%2Erepo.push.main.*"));
        assert_eq!(of("forge.>").as_str().len(), 8);
    }

    #[test]
    fn a_name_that_would_end_a_token_or_a_quotation_is_refused_by_its_key() {
        for (names, key) in [
            (["$JS.API", "FOR\"GE", "forge", "B"], "stream.name"),
            (["$JS.API", "FOR.GE", "forge", "B"], "stream.name"),
            (["$JS.A'PI", "FORGE", "forge", "B"], "nats.api_prefix"),
            (["$JS.API", "FORGE", "forge.>", "B"], "stream.subject_prefix"),
            (["$JS.API", "FORGE", "forge", "B,C"], "stream.large_bucket"),
        ] {
            let [api, stream, prefix, bucket] = names;
            let error = Place::new(api, stream, prefix, bucket).unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
        let error = place().bridge(true, "_IN BOX").unwrap_err().to_string();
        assert!(error.starts_with("nats.inbox_prefix") && error.contains("' '"), "{error}");
        for bad in ["", "a.b", "*", ">", "a b", "a/b", "ü", "a\"b", &"x".repeat(201)] {
            assert!(ConsumerName::parse(bad).is_err(), "{bad}");
        }
    }
}
