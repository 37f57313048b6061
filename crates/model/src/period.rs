use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Longest text that is looked at, in bytes.
const MAX_TEXT: usize = 64;

/// A length of time in whole seconds, from none to [`Period::MAX`]: Graph's `Edm.Duration`.
///
/// Written as ISO 8601 in days, hours, minutes and seconds (`PT12H`, `P90D`, `P1DT30M`, `PT0S`). Read as ISO 8601, weeks
/// (`P12W6D`) and fractions that come to whole seconds included, and in the two forms that Graph's Python library
/// sends by mistake (`0:30:00`, `90 days, 0:00:00`). Months and years have no fixed length and are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(u64);

/// Why a text is not a [`Period`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    #[error("{0:?} is not a duration such as PT30M, PT12H or P90D")]
    Syntax(String),
    #[error("{0:?} counts in months or years, which have no fixed length: write days, such as P90D")]
    NoFixedLength(String),
    #[error("{0:?} is negative: a duration starts at PT0S")]
    Negative(String),
    #[error("{0:?} has a part of a second: write whole seconds")]
    PartOfSecond(String),
    #[error("{0:?} is longer than 36500 days")]
    TooLong(String),
}

impl Period {
    pub const ZERO: Self = Self(0);
    /// 36,500 days: about a century, far beyond any setting and far below any overflow.
    pub const MAX: Self = Self(36_500 * DAY);

    /// None above [`Period::MAX`].
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds > Self::MAX.0 {
            return None;
        }
        Some(Self(seconds))
    }

    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Self {
        Self(minutes as u64 * MINUTE)
    }

    /// At most [`Period::MAX`].
    #[must_use]
    pub const fn from_days(days: u16) -> Self {
        if days as u64 > Self::MAX.0 / DAY {
            return Self::MAX;
        }
        Self(days as u64 * DAY)
    }

    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl TryFrom<String> for Period {
    type Error = InvalidPeriod;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.0 % DAY / HOUR, 'H'),
            (self.0 % HOUR / MINUTE, 'M'),
            (self.0 % MINUTE, 'S'),
        ];
        let days = self.0 / DAY;
        if self.0 == 0 {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if parts.iter().any(|(count, _)| *count > 0) {
            f.write_str("T")?;
        }
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{count}{unit}")?;
        }
        Ok(())
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(MAX_TEXT).collect::<String>();
        if text.len() > MAX_TEXT {
            return Err(InvalidPeriod::Syntax(shown()));
        }
        let seconds = match clock(text) {
            Some(seconds) => seconds,
            None => iso(text)?,
        };
        Self::from_seconds(seconds).ok_or_else(|| InvalidPeriod::TooLong(shown()))
    }
}

fn iso(text: &str) -> Result<u64, InvalidPeriod> {
    let shown = || text.to_owned();
    let span = jiff::fmt::temporal::SpanParser::new()
        .parse_span(text)
        .map_err(|_| InvalidPeriod::Syntax(shown()))?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(InvalidPeriod::NoFixedLength(shown()));
    }
    let days = i128::from(span.get_weeks()) * 7 + i128::from(span.get_days());
    let time = i128::from(span.get_hours()) * 3600 + i128::from(span.get_minutes()) * 60;
    let parts = i128::from(span.get_milliseconds()) * 1_000_000
        + i128::from(span.get_microseconds()) * 1_000
        + i128::from(span.get_nanoseconds());
    let whole = days * i128::from(DAY) + time + i128::from(span.get_seconds());
    let nanoseconds = whole * 1_000_000_000 + parts;
    if nanoseconds < 0 {
        return Err(InvalidPeriod::Negative(shown()));
    }
    if nanoseconds % 1_000_000_000 != 0 {
        return Err(InvalidPeriod::PartOfSecond(shown()));
    }
    u64::try_from(nanoseconds / 1_000_000_000).map_err(|_| InvalidPeriod::TooLong(shown()))
}

/// `H:MM:SS`, with `N day, ` or `N days, ` before it: how Python prints a length of time. None for anything else.
fn clock(text: &str) -> Option<u64> {
    let (days, time) = match text.split_once(", ") {
        None => (0, text),
        Some((days, time)) => {
            let (count, word) = days.split_once(' ')?;
            let count = digits(count, 1, 7)?;
            (word == if count == 1 { "day" } else { "days" }).then_some((count, time))?
        }
    };
    let mut parts = time.split(':');
    let hours = digits(parts.next()?, 1, 2).filter(|hours| *hours < 24)?;
    let minutes = digits(parts.next()?, 2, 2).filter(|minutes| *minutes < 60)?;
    let seconds = digits(parts.next()?, 2, 2).filter(|seconds| *seconds < 60)?;
    parts
        .next()
        .is_none()
        .then_some(days * DAY + hours * HOUR + minutes * MINUTE + seconds)
}

fn digits(text: &str, least: usize, most: usize) -> Option<u64> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_written_as_iso_8601() {
        for (seconds, text) in [
            (0, "PT0S"),
            (30 * MINUTE, "PT30M"),
            (12 * HOUR, "PT12H"),
            (24 * HOUR, "P1D"),
            (90 * DAY, "P90D"),
            (DAY + HOUR + MINUTE + 1, "P1DT1H1M1S"),
            (Period::MAX.0, "P36500D"),
        ] {
            let period = Period::from_seconds(seconds).unwrap();
            assert_eq!(period.to_string(), text);
            assert_eq!(serde_json::to_string(&period).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn every_form_that_clients_send_is_read() {
        for (text, seconds) in [
            ("PT12H", 12 * HOUR),
            ("PT720M", 12 * HOUR),
            ("P90D", 90 * DAY),
            ("P12W6D", 90 * DAY),
            ("P1W", 7 * DAY),
            ("PT36H", 36 * HOUR),
            ("P1DT12H", 36 * HOUR),
            ("PT0.5M", 30),
            ("PT30.000S", 30),
            ("12:00:00", 12 * HOUR),
            ("0:30:00", 30 * MINUTE),
            ("0:00:00", 0),
            ("1 day, 0:00:00", DAY),
            ("90 days, 0:00:00", 90 * DAY),
            ("2 days, 3:04:05", 2 * DAY + 3 * HOUR + 4 * MINUTE + 5),
        ] {
            assert_eq!(text.parse(), Ok(Period(seconds)), "{text}");
        }
        assert_eq!(Period::from_minutes(1440), Period::from_days(1));
        assert_eq!(Period::from_days(u16::MAX), Period::MAX);
    }

    #[test]
    fn everything_else_is_refused_and_says_why() {
        for (text, why) in [
            ("", "such as PT30M"),
            ("P", "such as PT30M"),
            ("PT", "such as PT30M"),
            ("12", "such as PT30M"),
            ("12h", "such as PT30M"),
            ("PT12H ", "such as PT30M"),
            ("24:00:00", "such as PT30M"),
            ("1:60:00", "such as PT30M"),
            ("1:0:0", "such as PT30M"),
            ("12:00", "such as PT30M"),
            ("1 days, 0:00:00", "such as PT30M"),
            ("2 day, 0:00:00", "such as PT30M"),
            ("-1 day, 12:00:00", "such as PT30M"),
            ("90.00:00:00", "such as PT30M"),
            ("P1M", "months"),
            ("P1Y2D", "years"),
            ("-PT1H", "negative"),
            ("PT0.5S", "whole seconds"),
            ("P36501D", "36500"),
            ("9999999 days, 0:00:00", "36500"),
            (&"9".repeat(1000), "such as PT30M"),
        ] {
            let error = text.parse::<Period>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.len() < 200, "{error}");
        }
        assert!(serde_json::from_str::<Period>("43200").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=Period::MAX.0) {
            let period = Period::from_seconds(seconds).unwrap();
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn what_python_writes_is_read(days in 0..36_500_u64, second in 0..DAY) {
            let time = format!("{}:{:02}:{:02}", second / HOUR, second % HOUR / MINUTE, second % MINUTE);
            let text = match days {
                0 => time,
                1 => format!("1 day, {time}"),
                _ => format!("{days} days, {time}"),
            };
            prop_assert_eq!(text.parse(), Ok(Period(days * DAY + second)));
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            if let Ok(period) = text.parse::<Period>() {
                prop_assert!(period <= Period::MAX);
            }
        }
    }
}
