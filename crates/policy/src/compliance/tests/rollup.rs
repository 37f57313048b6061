use moat_model::compliance::{ComplianceState as State, ComplianceStatus as Status};

use super::world::{DAY, NOW, at};
use crate::compliance::{
    Previous,
    rollup::{device, hours, policy, severity, worst},
};

#[test]
fn severities_are_intunes() {
    let ordered = [
        Status::Unknown,
        Status::NotApplicable,
        Status::Compliant,
        Status::NonCompliant,
        Status::Error,
    ];
    for pair in ordered.windows(2) {
        assert!(severity(pair[0]) < severity(pair[1]), "{pair:?}");
        assert_eq!(worst([pair[1], pair[0]]), pair[1]);
        assert_eq!(worst([pair[0], pair[1]]), pair[1]);
    }
    assert_eq!(worst([]), Status::Compliant);
}

#[test]
fn the_worst_policy_is_the_devices() {
    use State::*;
    assert_eq!(device([]), Compliant);
    assert_eq!(device([Compliant, InGracePeriod]), InGracePeriod);
    assert_eq!(device([Noncompliant, InGracePeriod, Compliant]), Noncompliant);
}

/// Statuses, noncompliant since, error since, grace; to status, state, noncompliant since, error since, next change.
type Row = (
    &'static [Status],
    (Option<i64>, Option<i64>),
    i32,
    (Status, State),
    (Option<i64>, Option<i64>),
    Option<i64>,
);

const WEEK: i64 = 7 * DAY;

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Met, whatever was before.
    (&[], (None, None), 0, (Status::Compliant, State::Compliant), (None, None), None),
    (&[Status::Compliant], (Some(NOW - 9), Some(NOW - 9)), 24, (Status::Compliant, State::Compliant), (None, None), None),
    (&[Status::Unknown], (None, None), 24, (Status::Unknown, State::Compliant), (None, None), None),
    (&[Status::NotApplicable, Status::Unknown], (None, None), 0, (Status::NotApplicable, State::Compliant), (None, None), None),
    // Not met: without grace, at its beginning, before its end, at its end, after it.
    (&[Status::NonCompliant], (None, None), 0, (Status::NonCompliant, State::Noncompliant), (Some(NOW), None), None),
    (&[Status::NonCompliant], (None, None), 6, (Status::NonCompliant, State::InGracePeriod), (Some(NOW), None), Some(NOW + 6)),
    (&[Status::NonCompliant], (Some(NOW - 5), None), 6, (Status::NonCompliant, State::InGracePeriod), (Some(NOW - 5), None), Some(NOW + 1)),
    (&[Status::NonCompliant], (Some(NOW - 6), None), 6, (Status::NonCompliant, State::Noncompliant), (Some(NOW - 6), None), None),
    (&[Status::NonCompliant], (Some(NOW - 99), None), 6, (Status::NonCompliant, State::Noncompliant), (Some(NOW - 99), None), None),
    // An error keeps what was, for a week.
    (&[Status::Error, Status::Compliant], (None, None), 0, (Status::Error, State::Compliant), (None, Some(NOW)), Some(NOW + WEEK)),
    (&[Status::Error], (None, Some(NOW - WEEK + 1)), 0, (Status::Error, State::Compliant), (None, Some(NOW - WEEK + 1)), Some(NOW + 1)),
    (&[Status::Error], (Some(NOW - 1), None), 0, (Status::Error, State::Noncompliant), (Some(NOW - 1), Some(NOW)), None),
    (&[Status::Error], (Some(NOW - 1), None), 6, (Status::Error, State::InGracePeriod), (Some(NOW - 1), Some(NOW)), Some(NOW + 5)),
    // Then it is not met, since the week ended, with the grace of the policy.
    (&[Status::Error], (None, Some(NOW - WEEK)), 0, (Status::NonCompliant, State::Noncompliant), (Some(NOW), Some(NOW - WEEK)), None),
    (&[Status::Error], (None, Some(NOW - WEEK - 2)), 6, (Status::NonCompliant, State::InGracePeriod), (Some(NOW - 2), Some(NOW - WEEK - 2)), Some(NOW + 4)),
    (&[Status::Error], (None, Some(NOW - WEEK - 9)), 6, (Status::NonCompliant, State::Noncompliant), (Some(NOW - 9), Some(NOW - WEEK - 9)), None),
    // An error hides nothing.
    (&[Status::Error, Status::NonCompliant], (None, None), 0, (Status::Error, State::Noncompliant), (Some(NOW), Some(NOW)), None),
];

#[test]
fn settings_make_a_policy() {
    for (statuses, (noncompliant, error), grace, (status, state), (since, error_since), next) in TABLE {
        let previous = Previous {
            noncompliant_since: noncompliant.map(at),
            error_since: error.map(at),
        };
        let outcome = policy(statuses, previous, hours(*grace), at(NOW));
        let what = format!("{statuses:?} {noncompliant:?} {error:?} {grace}");
        assert_eq!((outcome.status, outcome.state), (*status, *state), "{what}");
        assert_eq!(outcome.noncompliant_since, since.map(at), "{what}");
        assert_eq!(outcome.error_since, error_since.map(at), "{what}");
        assert_eq!(outcome.next_change, next.map(at), "{what}");
        assert_eq!(
            outcome.grace_period_expires.is_some(),
            *state == State::InGracePeriod,
            "{what}"
        );
    }
}
