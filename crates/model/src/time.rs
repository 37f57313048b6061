use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z. On the device's own wire it is that number;
/// `Display` gives ISO 8601 with seven fractional digits, as Defender writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date and time such as 2026-11-24T10:00:00Z")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{}", t.strftime("%Y-%m-%dT%H:%M:%S.%6f0Z")),
            Err(_) => write!(f, "9999-12-31T23:59:59.9999999Z"),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Accepts RFC 3339; a time without an offset is taken as UTC, a bare date as its midnight. The last hours of the year 9999,
    /// which people write for "never", become the last time that there is.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let s = s.trim();
        let utc = |c: jiff::civil::DateTime| c.to_zoned(jiff::tz::TimeZone::UTC).map(|z| z.timestamp());
        s.parse::<jiff::Timestamp>()
            .or_else(|_| s.parse::<jiff::civil::DateTime>().and_then(utc))
            .or_else(|error| {
                let written = Pieces::parse(s)?;
                match written.date().year() {
                    9999 => Ok(jiff::Timestamp::MAX),
                    _ => Err(error),
                }
            })
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| InvalidTimestamp(s.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_defender_does_and_reads_itself_back() {
        let t = Timestamp::from_micros(1_764_000_000_123_456);
        assert_eq!(t.to_string(), "2025-11-24T16:00:00.1234560Z");
        assert_eq!(t.to_string().parse(), Ok(t));
    }

    #[test]
    fn reads_the_forms_people_write() {
        let day = Timestamp::from_micros(1_764_028_800_000_000);
        for s in [
            "2025-11-25T00:00:00Z",
            "2025-11-25T00:00:00.0Z",
            "2025-11-25",
            "2025-11-25T01:00:00+01:00",
            " 2025-11-25T00:00:00 ",
        ] {
            assert_eq!(s.parse(), Ok(day), "{s}");
        }
        for wrong in [
            "tomorrow",
            "9999-13-01T00:00:00Z",
            "9999-12-31T25:00:00Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn never_is_the_last_time_that_there_is() {
        let last = Timestamp::from_micros(jiff::Timestamp::MAX.as_microsecond());
        for never in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59",
            "9999-12-31",
            "9999-12-31T23:59:59-12:00",
        ] {
            assert_eq!(never.parse(), Ok(last), "{never}");
        }
        assert_eq!(last.to_string().parse(), Ok(last));
        assert!("9999-06-01T00:00:00Z".parse::<Timestamp>().unwrap() < last);
    }
}
