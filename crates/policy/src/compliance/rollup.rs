//! From settings to a policy, from policies to the device.

use std::time::Duration;

use moat_model::{
    Timestamp,
    compliance::{ComplianceState, ComplianceStatus as Status, NoncomplianceAction, NoncomplianceActionType},
};

use super::Previous;

/// How long a setting that cannot be judged leaves the last state standing.
pub const ERROR_TOLERANCE: Duration = Duration::from_secs(7 * 86_400);

/// Intune's order of severity; the highest of a policy's settings is the policy's. In grace, which only states know, is 4.
#[must_use]
pub const fn severity(status: Status) -> u8 {
    match status {
        Status::Unknown => 1,
        Status::NotApplicable | Status::NotAssigned => 2,
        Status::Compliant | Status::Remediated => 3,
        Status::NonCompliant => 5,
        Status::Error | Status::Conflict => 6,
    }
}

/// The most severe status; compliant where nothing is asked for.
#[must_use]
pub fn worst(statuses: impl IntoIterator<Item = Status>) -> Status {
    statuses
        .into_iter()
        .max_by_key(|status| (severity(*status), *status))
        .unwrap_or(Status::Compliant)
}

/// The worst of the three states that a policy brings to its device.
#[must_use]
pub fn device(states: impl IntoIterator<Item = ComplianceState>) -> ComplianceState {
    let rank = |state: &ComplianceState| match state {
        ComplianceState::Noncompliant => 2,
        ComplianceState::InGracePeriod => 1,
        _ => 0,
    };
    states
        .into_iter()
        .max_by_key(rank)
        .unwrap_or(ComplianceState::Compliant)
}

/// The hours of the `block` action.
#[must_use]
pub fn grace_period(actions: &[NoncomplianceAction]) -> Duration {
    let block = actions
        .iter()
        .find(|action| action.action_type == NoncomplianceActionType::Block);
    block.map_or(Duration::ZERO, |action| hours(action.grace_period_hours))
}

pub(super) fn hours(count: i32) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0) * 3_600)
}

/// What settings in error do to the state; tolerated where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    Tolerated,
    /// The device was not compliant before, and stays so.
    KeepNoncompliant,
    /// The error lasts for too long.
    Expired,
}

/// What a policy makes of its settings' statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// By the order of severity; `error` only while it is tolerated.
    pub status: Status,
    /// What the policy brings to the device: compliant, in grace, or noncompliant.
    pub state: ComplianceState,
    pub noncompliant_since: Option<Timestamp>,
    pub error_since: Option<Timestamp>,
    pub grace_period_expires: Option<Timestamp>,
    pub errors: Errors,
    /// When time alone changes the state.
    pub next_change: Option<Timestamp>,
}

/// A setting in error keeps the last state for [`ERROR_TOLERANCE`], then the device is not compliant. It never hides that
/// another setting is not met.
#[must_use]
pub fn policy(statuses: &[Status], previous: Previous, grace: Duration, now: Timestamp) -> PolicyOutcome {
    let in_error = statuses.contains(&Status::Error);
    let tolerated_until = |since: Timestamp| since.saturating_add(ERROR_TOLERANCE);
    let expired_at = previous.error_since.map(tolerated_until).filter(|at| now >= *at);
    let errors = match (in_error, expired_at, previous.noncompliant_since) {
        (true, Some(_), _) => Errors::Expired,
        (true, None, Some(_)) => Errors::KeepNoncompliant,
        _ => Errors::Tolerated,
    };
    let noncompliant = statuses.contains(&Status::NonCompliant) || errors != Errors::Tolerated;
    // An error that expired unseen had made the device noncompliant then, whatever is wrong now.
    let first = [previous.noncompliant_since, expired_at].into_iter().flatten().min();
    let noncompliant_since = noncompliant.then(|| first.unwrap_or(now));
    let error_since = in_error.then(|| previous.error_since.unwrap_or(now));
    let expires = noncompliant_since.map(|since| since.saturating_add(grace));
    let grace_period_expires = expires.filter(|at| now < *at);
    let state = match (noncompliant, grace_period_expires) {
        (false, _) => ComplianceState::Compliant,
        (true, Some(_)) => ComplianceState::InGracePeriod,
        (true, None) => ComplianceState::Noncompliant,
    };
    let worst = worst(statuses.iter().copied());
    PolicyOutcome {
        status: match worst {
            Status::Error if errors == Errors::Expired => Status::NonCompliant,
            worst => worst,
        },
        state,
        noncompliant_since,
        error_since,
        grace_period_expires,
        errors,
        next_change: grace_period_expires.or(error_since.map(tolerated_until).filter(|_| !noncompliant)),
    }
}
