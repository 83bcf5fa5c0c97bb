//! Instants as the contract writes them: RFC 3339 in UTC, whatever the forge sent.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An instant. Its JSON is RFC 3339 in UTC, for example `2026-11-22T09:30:00Z`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// Takes an RFC 3339 text with any offset.
    ///
    /// The instants that forges send for "never" (Unix 0 and the year 1) are `None`, like a text
    /// that is no time: both say nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        // Go's zero time is the year 1; with an offset it can fall into the last days before it.
        let year_one = jiff::Timestamp::from_second(-62_135_596_800 + 2 * 86_400).ok()?;
        (time.as_second() != 0 && time > year_one).then_some(Self(time))
    }

    /// The instant so many milliseconds after the Unix epoch.
    #[must_use]
    pub fn from_unix_ms(milliseconds: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(milliseconds).ok().map(Self)
    }

    /// The instant so many nanoseconds after the Unix epoch; 0 means "never".
    #[must_use]
    pub fn from_unix_ns(nanoseconds: i128) -> Option<Self> {
        let time = jiff::Timestamp::from_nanosecond(nanoseconds).ok()?;
        (nanoseconds != 0).then_some(Self(time))
    }

    /// Now, in whole milliseconds.
    #[must_use]
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        Self(jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_not_a_time| D::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_becomes_utc() {
        let time = Time::parse("2017-03-13T13:52:11-04:00").unwrap();
        assert_eq!(time.to_string(), "2017-03-13T17:52:11Z");
    }

    #[test]
    fn an_offset_needs_no_colon() {
        for text in [
            "2026-11-02T20:45:32+1000",
            "2026-11-02T20:45:32+10:00",
            "2026-11-02T10:45:32.000+0000",
            "2026-11-02T10:45:32.000000+00:00",
        ] {
            let time = Time::parse(text).unwrap();
            assert_eq!(time.to_string(), "2026-11-02T10:45:32Z", "{text}");
        }
    }

    #[test]
    fn nanoseconds_are_kept() {
        let time = Time::from_unix_ns(1_795_600_000_000_000_001).unwrap();
        assert_eq!(time.to_string(), "2026-11-25T09:46:40.000000001Z");
        assert_eq!(Time::from_unix_ns(0), None);
    }

    #[test]
    fn the_instants_that_mean_never_are_none() {
        for never in
            ["1970-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00", "0001-01-01T00:00:00Z", "", "x"]
        {
            assert_eq!(Time::parse(never), None, "{never}");
        }
    }
}
