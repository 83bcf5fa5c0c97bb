//! What a single value may be, whichever layer gives it.
//!
//! A [`Form`] takes a value as TOML or as text (environment, flags) and gives it back in the shape
//! that is merged, or a [`Fault`] that says what it must be. A fault never repeats the value,
//! which may be a secret under a wrong key.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use config::{Value, ValueKind};
use toml::de::{DeInteger, DeValue};

use crate::secret::Secret;

/// A check of a text: what it must be, if it is not.
pub(super) type Check = fn(&str) -> Result<(), &'static str>;

/// What a value may be.
pub(super) enum Form {
    /// An IP address with a port.
    Address,
    /// A span of time in words, for example `1h 30m`.
    Duration {
        min: Duration,
        max: Duration,
        /// Whether zero is allowed below `min`.
        zero: bool,
    },
    /// A whole number.
    Integer { min: u64, max: u64 },
    /// Texts, each checked. In text they are separated by commas.
    List { check: Check, empty: bool },
    /// One of these words.
    OneOf(fn() -> Vec<&'static str>),
    /// The path of a file.
    Path,
    /// A text that nobody may see. It is taken exactly as it is given.
    Secret,
    /// `true` or `false`.
    Switch,
    /// An array of tables: their keys have rows of their own. Only a file can give it.
    Tables,
    /// A text that passes the check.
    Text(Check),
}

/// A sound value.
pub(super) enum Taken {
    Plain(Value),
    Secret(Secret),
}

/// Why a value is not sound.
#[derive(Debug)]
pub(super) struct Fault {
    /// Which item of a list, counted from 1.
    pub(super) item: Option<usize>,
    /// What the value must be or do; reads on after its key.
    pub(super) rule: Cow<'static, str>,
}

impl<T: Into<Cow<'static, str>>> From<T> for Fault {
    fn from(rule: T) -> Self {
        Self { item: None, rule: rule.into() }
    }
}

impl Form {
    /// Takes a value of a TOML file. Tables are the caller's.
    pub(super) fn take_toml(&self, value: &DeValue<'_>) -> Result<Taken, Fault> {
        let taken = match (self, value) {
            (Self::Secret, DeValue::String(text)) => return Ok(secret(text)),
            (Self::Secret, _) => return Err("must be text: put it in quotes".into()),
            (Self::Integer { .. }, DeValue::Integer(number)) => {
                self.integer(integer(number).ok_or_else(|| self.rule())?)?
            }
            (Self::Switch, DeValue::Boolean(on)) => (*on).into(),
            (Self::List { check, empty }, DeValue::Array(items)) => {
                list(items.iter().map(|item| item.get_ref().as_str()), *check, *empty)?
            }
            (
                Self::Address | Self::Duration { .. } | Self::OneOf(_) | Self::Path | Self::Text(_),
                DeValue::String(text),
            ) => self.word(text)?,
            _ => return Err(self.wrong_type()),
        };
        Ok(Taken::Plain(Value::new(None, taken)))
    }

    /// Takes a value of the environment or of a flag.
    pub(super) fn take_text(&self, text: &str) -> Result<Taken, Fault> {
        let taken = match self {
            Self::Secret => return Ok(secret(text)),
            Self::Integer { .. } => self.integer(digits(text).ok_or_else(|| self.rule())?)?,
            Self::Switch => match text {
                "true" => true.into(),
                "false" => false.into(),
                _ => return Err(self.rule().into()),
            },
            Self::List { empty, .. } if text.is_empty() && *empty => ValueKind::Array(Vec::new()),
            Self::List { check, empty } => {
                list(text.split(',').map(|item| Some(item.trim())), *check, *empty)?
            }
            Self::Tables => return Err(self.rule().into()),
            Self::Address | Self::Duration { .. } | Self::OneOf(_) | Self::Path | Self::Text(_) => {
                self.word(text)?
            }
        };
        Ok(Taken::Plain(Value::new(None, taken)))
    }

    /// What a value must be; reads on after its key.
    pub(super) fn rule(&self) -> Cow<'static, str> {
        match self {
            Self::Address => "must be an IP address and port, such as \"127.0.0.1:8080\"".into(),
            Self::Duration { min, max, zero } => format!(
                "must be a duration from \"{}\" to \"{}\"{}, such as \"1h 30m\"",
                humantime::format_duration(*min),
                humantime::format_duration(*max),
                if *zero { ", or \"0s\"" } else { "" },
            )
            .into(),
            Self::Integer { min, max: NO_MAX } => {
                format!("must be a whole number, at least {min}").into()
            }
            Self::Integer { min, max } => {
                format!("must be a whole number from {min} to {max}").into()
            }
            Self::List { .. } => "must be a list of texts".into(),
            Self::OneOf(words) => format!("must be one of {}", words().join(", ")).into(),
            Self::Path => "must be a path".into(),
            Self::Switch => "must be true or false".into(),
            Self::Tables => {
                "must be an array of tables, such as [{ id = \"2026-11\", file = \"..\" }]".into()
            }
            Self::Secret | Self::Text(_) => "must be text".into(),
        }
    }

    fn wrong_type(&self) -> Fault {
        match self {
            // Of these the rule alone would not say that quotes are missing.
            Self::Text(_) | Self::Path | Self::OneOf(_) => {
                format!("{}, in quotes", self.rule()).into()
            }
            _ => self.rule().into(),
        }
    }

    fn word(&self, text: &str) -> Result<ValueKind, Fault> {
        match self {
            Self::Duration { min, max, zero } => {
                let span = humantime::parse_duration(text).ok();
                let good =
                    |span: Duration| (*min..=*max).contains(&span) || (*zero && span.is_zero());
                if !span.is_some_and(good) {
                    return Err(self.rule().into());
                }
            }
            Self::Address if text.parse::<SocketAddr>().is_err() => return Err(self.rule().into()),
            Self::OneOf(words) if !words().contains(&text) => return Err(self.rule().into()),
            Self::Path if text.is_empty() || text.contains('\0') => return Err(self.rule().into()),
            Self::Text(check) => check(text)?,
            _ => {}
        }
        Ok(text.into())
    }

    fn integer(&self, number: u64) -> Result<ValueKind, Fault> {
        match self {
            Self::Integer { min, max } if (*min..=*max).contains(&number) => Ok(number.into()),
            _ => Err(self.rule().into()),
        }
    }
}

/// The upper limit of an integer that has none of its own: what a TOML integer can hold.
pub(super) const NO_MAX: u64 = i64::MAX.unsigned_abs();

fn secret(text: &str) -> Taken {
    Taken::Secret(Secret::new(text.as_bytes().to_vec()))
}

fn integer(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Reads digits with single underscores between them, as TOML writes them.
fn digits(text: &str) -> Option<u64> {
    let groups: Vec<_> = text.split('_').collect();
    let digits = |group: &&str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    groups.iter().all(digits).then(|| groups.concat().parse().ok())?
}

fn list<'a>(
    items: impl Iterator<Item = Option<&'a str>>,
    check: Check,
    empty: bool,
) -> Result<ValueKind, Fault> {
    let mut taken = Vec::new();
    for (index, item) in items.enumerate() {
        let at = |rule| Fault { item: Some(index + 1), rule: Cow::Borrowed(rule) };
        let item = item.ok_or_else(|| at("must be text, in quotes"))?;
        check(item).map_err(at)?;
        taken.push(Value::new(None, item));
    }
    if taken.is_empty() && !empty {
        return Err("must name at least one".into());
    }
    Ok(ValueKind::Array(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_toml_writes_them() {
        assert_eq!(digits("33_554_432"), Some(33_554_432));
        assert_eq!(digits("0"), Some(0));
        for bad in ["", "_1", "1_", "1__0", "+1", "-1", " 1", "1e3", "99999999999999999999"] {
            assert_eq!(digits(bad), None, "{bad:?}");
        }
    }
}
