//! Times, sizes and marks, as people read them.

use jiff::tz::TimeZone;
use moat_model::Timestamp;

use super::Frame;

/// A state as people see it: the class of its colour, a shape and the message that names it.
#[derive(Clone, Copy)]
pub struct Mark {
    pub class: &'static str,
    pub shape: &'static str,
    pub word: &'static str,
}

pub const fn mark(class: &'static str, shape: &'static str, word: &'static str) -> Mark {
    Mark { class, shape, word }
}

impl Frame {
    /// `5 min ago`.
    pub fn ago(&self, at: &Timestamp) -> String {
        let seconds = self.now.since(*at).as_secs();
        let (message, unit) = match seconds {
            ..60 => ("just-now", 1),
            60..3_600 => ("minutes-ago", 60),
            3_600..86_400 => ("hours-ago", 3_600),
            _ => ("days-ago", 86_400),
        };
        self.n(message, i64::try_from(seconds / unit).unwrap_or(i64::MAX))
    }

    /// `14:03`, or with its day when that is not today.
    pub fn time(&self, at: &Timestamp) -> String {
        match day_of(at) == day_of(&self.now) {
            true => self.clock(at),
            false => format!("{}, {}", self.date(at), self.clock(at)),
        }
    }

    /// `14:03`.
    pub fn clock(&self, at: &Timestamp) -> String {
        zoned(at).strftime("%H:%M").to_string()
    }

    /// With day and second.
    pub fn exact(&self, at: &Timestamp) -> String {
        format!("{}, {}", self.date(at), zoned(at).strftime("%H:%M:%S %Z"))
    }

    pub fn date(&self, at: &Timestamp) -> String {
        let at = zoned(at);
        let numbers = [("day", i64::from(at.day())), ("month", i64::from(at.month()))];
        format!("{} {}", self.language.numbers("date", &numbers), at.year())
    }

    /// `Today`, or the date.
    pub fn day(&self, at: &Timestamp) -> String {
        match day_of(at) == day_of(&self.now) {
            true => self.t("today"),
            false => self.date(at),
        }
    }

    pub fn bytes(&self, bytes: &u64) -> String {
        let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
        match bytes {
            ..10_000 => self.n("bytes", bytes),
            10_000..10_000_000 => self.n("kilobytes", (bytes + 500) / 1_000),
            _ => self.n("megabytes", (bytes + 500_000) / 1_000_000),
        }
    }
}

/// Its day, at this place.
pub fn day_of(at: &Timestamp) -> jiff::civil::Date {
    zoned(at).date()
}

fn zoned(at: &Timestamp) -> jiff::Zoned {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
    at.to_zoned(TimeZone::system())
}
