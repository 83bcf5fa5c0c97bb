//! Instants, in the ways in which Data Center writes them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::event::Time;

/// An instant: milliseconds since the Unix epoch, in 10 and newer an ISO 8601 text; zero is none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::source::bitbucket_dc) struct Moment(pub(in crate::source::bitbucket_dc) Option<Time>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MomentVisitor;
        impl Visitor<'_> for MomentVisitor {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds, a text or null")
            }

            fn visit_i64<E: Error>(self, milliseconds: i64) -> Result<Moment, E> {
                Ok(Moment(Time::from_unix_ms(milliseconds).filter(|_| milliseconds != 0)))
            }

            fn visit_u64<E: Error>(self, milliseconds: u64) -> Result<Moment, E> {
                i64::try_from(milliseconds)
                    .map_or(Ok(Moment(None)), |milliseconds| self.visit_i64(milliseconds))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                Ok(Moment(Time::parse(text)))
            }

            fn visit_unit<E: Error>(self) -> Result<Moment, E> {
                Ok(Moment(None))
            }
        }
        deserializer.deserialize_any(MomentVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    #[derive(Deserialize)]
    struct Dated {
        at: Moment,
    }

    #[test]
    fn an_instant_is_read_in_every_form_that_was_sent() {
        for (json, utc) in [
            ("1505785532000", Some("2017-09-19T01:45:32Z")),
            ("\"2017-09-19T09:45:32+0800\"", Some("2017-09-19T01:45:32Z")),
            ("\"2017-09-19T09:45:32+08:00\"", Some("2017-09-19T01:45:32Z")),
            ("\"2017-09-19T01:45:32.000Z\"", Some("2017-09-19T01:45:32Z")),
            ("0", None),
            ("null", None),
            ("\"\"", None),
            ("\"yesterday\"", None),
            ("18446744073709551615", None),
            ("-9223372036854775808", None),
        ] {
            let dated: Dated = read::object(&format!("{{\"at\":{json}}}")).unwrap();
            assert_eq!(dated.at.0.map(|time| time.to_string()).as_deref(), utc, "{json}");
        }
    }
}
