//! Silence is a finding: a device that stops reporting shows as what it is.

use std::time::Duration;

use moat_model::Timestamp;

/// Since when the device counts as silent; none while it does not. A device with an open push connection is not silent.
#[must_use]
pub fn evaluate(last_seen: Timestamp, connected: bool, limit: Duration, now: Timestamp) -> Option<Timestamp> {
    (!connected && now.since(last_seen) >= limit).then_some(last_seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_without_a_word_makes_silent() {
        let (seen, limit) = (Timestamp::from_micros(0), Duration::from_secs(600));
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert_eq!(evaluate(seen, false, limit, at(599)), None);
        assert_eq!(evaluate(seen, false, limit, at(600)), Some(seen));
        assert_eq!(evaluate(seen, true, limit, at(9_999)), None);
        assert_eq!(evaluate(at(700), false, limit, at(600)), None, "a clock that went back");
    }
}
