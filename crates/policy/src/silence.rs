//! Silence is a finding: a device that stops reporting shows as what it is.

use std::time::Duration;

use moat_model::Timestamp;

/// How long a device may say nothing: as configured, but never less than two of its check-ins apart, or every device would
/// be silent between them.
#[must_use]
pub fn limit(configured: Duration, check_in: Duration) -> Duration {
    configured.max(check_in.saturating_mul(2))
}

/// Since when the device counts as silent; none while it does not. Only check-ins count: a connection that is held open says
/// nothing about the device.
#[must_use]
pub fn evaluate(last_check_in: Timestamp, limit: Duration, now: Timestamp) -> Option<Timestamp> {
    (now.since(last_check_in) >= limit).then_some(last_check_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_without_a_check_in_makes_silent() {
        let (seen, limit) = (Timestamp::from_micros(0), Duration::from_secs(600));
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert_eq!(evaluate(seen, limit, at(599)), None);
        assert_eq!(evaluate(seen, limit, at(600)), Some(seen));
        assert_eq!(evaluate(at(700), limit, at(600)), None, "a clock that went back");
    }

    #[test]
    fn a_device_is_not_silent_between_its_check_ins() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        assert_eq!(limit(minutes(10), minutes(1)), minutes(10));
        assert_eq!(limit(minutes(10), minutes(60)), minutes(120));
    }
}
