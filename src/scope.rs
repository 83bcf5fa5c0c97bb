//! Which repositories a source, or one of its secrets, may speak for.
//!
//! Owns [`Scope`]: patterns such as `acme/*` come in from the configuration, and for the owner and
//! name of a delivery's repository a yes or no goes out.

use std::fmt;

/// Patterns of `owner/name`; a repository is in the scope when one of them matches.
///
/// Letters match without regard to ASCII case, because forges compare names so. `*` stands for any
/// run of characters within its half, the empty one included.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope(Vec<Pattern>);

/// Why a text is no pattern of a [`Scope`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the pattern \"{}\" {PATTERN_RULE}", .pattern.escape_debug())]
pub struct InvalidPattern {
    /// The pattern as it was given.
    pub pattern: Box<str>,
}

/// What a pattern has to be; reads on after the name of the thing that holds it.
pub(crate) const PATTERN_RULE: &str =
    "must be owner/name, at most 200 bytes, without spaces, where * stands for any characters";

#[derive(Clone, Eq, PartialEq)]
struct Pattern {
    owner: Box<str>,
    name: Box<str>,
}

impl Scope {
    /// Reads `patterns`. An empty list makes a scope that allows nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] names the first that is not of the form `owner/name`.
    pub fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<Self, InvalidPattern> {
        let parse = |text: &T| {
            Pattern::parse(text.as_ref())
                .ok_or_else(|| InvalidPattern { pattern: text.as_ref().into() })
        };
        patterns.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a delivery for this repository is in the scope.
    ///
    /// Events of an owner without a repository pass only patterns that give the whole owner
    /// (`acme/*`), and events without an owner (of the whole instance) pass none.
    #[must_use]
    pub fn allows(&self, owner: Option<&str>, repo: Option<&str>) -> bool {
        let Some(owner) = owner else { return false };
        self.0.iter().any(|pattern| {
            let name = match repo {
                Some(repo) => glob(&pattern.name, repo),
                None => &*pattern.name == "*",
            };
            name && glob(&pattern.owner, owner)
        })
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        let (owner, name) = text.split_once('/')?;
        let good = !owner.is_empty() && !name.is_empty() && !name.contains('/');
        (good && text.len() <= 200 && text.chars().all(plain))
            .then(|| Self { owner: owner.into(), name: name.into() })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Whether `pattern` matches all of `text`, which must not leave its segment (no `/`).
///
/// Taking each literal piece at its first place is enough, so there is no backtracking.
fn glob(pattern: &str, text: &str) -> bool {
    if text.contains('/') {
        return false;
    }
    let mut pieces = pattern.split('*').map(str::as_bytes);
    let text = text.as_bytes();
    let Some((head, mut rest)) = text.split_at_checked(pieces.next().map_or(0, <[u8]>::len)) else {
        return false;
    };
    let first = pattern.as_bytes().get(..head.len()).unwrap_or_default();
    if !head.eq_ignore_ascii_case(first) {
        return false;
    }
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(after) = after_first(piece, rest) else {
            return false;
        };
        rest = after;
    }
    rest.len()
        .checked_sub(last.len())
        .and_then(|start| rest.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(last))
}

/// What follows the first occurrence of `piece` in `text`.
fn after_first<'a>(piece: &[u8], text: &'a [u8]) -> Option<&'a [u8]> {
    if piece.is_empty() {
        return Some(text);
    }
    let start = text.windows(piece.len()).position(|window| window.eq_ignore_ascii_case(piece))?;
    text.get(start + piece.len()..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(patterns: &[&str]) -> Scope {
        Scope::parse(patterns).unwrap()
    }

    /// The definition, spelt out: exponential, but too plain to be wrong.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => {
                naive(rest, text)
                    || matches!(text, [c, after @ ..] if *c != '/' && naive(pattern, after))
            }
            [p, rest @ ..] => {
                matches!(text, [c, after @ ..] if p.eq_ignore_ascii_case(c) && naive(rest, after))
            }
        }
    }

    #[test]
    fn names_match_without_case() {
        let scope = scope(&["Acme/Widgets"]);
        assert!(scope.allows(Some("aCME"), Some("wIDGETS")));
        assert!(!scope.allows(Some("acme"), Some("widgets2")));
        assert!(!scope.allows(Some("acme2"), Some("widgets")));
    }

    #[test]
    fn stars_stay_within_their_half() {
        assert!(scope(&["ac*/w*s"]).allows(Some("acme"), Some("widgets")));
        assert!(!scope(&["*/*"]).allows(Some("a/b"), Some("c")));
        assert!(!scope(&["*/*"]).allows(Some("a"), Some("b/c")));
    }

    #[test]
    fn an_owner_alone_needs_a_whole_owner() {
        assert!(scope(&["acme/*"]).allows(Some("acme"), None));
        assert!(!scope(&["acme/w*", "acme/**"]).allows(Some("acme"), None));
        assert!(!scope(&["*/*"]).allows(None, None));
        assert!(!scope(&["*/*"]).allows(None, Some("widgets")));
    }

    #[test]
    fn an_empty_scope_allows_nothing() {
        assert!(!scope(&[]).allows(Some("acme"), Some("widgets")));
    }

    #[test]
    fn bad_patterns_are_named() {
        for bad in ["", "acme", "acme/", "/x", "a/b/c", "a b/c", "a/b\n", &"a/".repeat(101)] {
            let error = Scope::parse(&["ok/ok", bad]).unwrap_err();
            assert_eq!(&*error.pattern, bad);
        }
        insta::assert_snapshot!(
            Scope::parse(&["acme"]).unwrap_err(),
            @r#"the pattern "acme" must be owner/name, at most 200 bytes, without spaces, where * stands for any characters"#
        );
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[aAbé*]{1,8}", text in "[abBé/]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}
