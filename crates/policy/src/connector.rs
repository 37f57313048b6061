//! A connector as it stands now: its state, and what may be done with the partner's data.

use std::time::Duration;

use moat_model::{Connector, PartnerState, Timestamp};

use crate::{InvalidField, Message, Reason, say};

const DAY: Duration = Duration::from_secs(86_400);
const LONGEST_THRESHOLD_DAYS: i32 = 365;

/// Whether one use of a partner's data is on, and how good the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataUse {
    /// The switch for this use is off.
    SwitchedOff,
    /// The switch is on, but the partner is not set up: nothing comes in.
    NotSetUp,
    /// The data is as good as the last report about the device.
    Current,
    /// The partner went silent; the policy says what holds.
    Unresponsive,
}

/// What follows from a connector's stored facts at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorView {
    /// The state to show.
    pub state: PartnerState,
    /// Whether the partner's messages about devices are taken. Heartbeats always are: they finish the set-up.
    pub accepts_messages: bool,
    /// For compliance on iOS.
    pub compliance: DataUse,
    /// For app protection on iOS.
    pub app_protection: DataUse,
    /// Without data an iOS device is not compliant; never with compliance switched off.
    pub blocked_on_missing_data: bool,
    /// iOS below the partner's oldest supported version is not compliant; never with compliance switched off.
    pub unsupported_os_blocked: bool,
    /// When the state changes by time alone: the partner becomes unresponsive.
    pub next_change: Option<Timestamp>,
}

#[must_use]
pub fn evaluate(connector: &Connector, now: Timestamp) -> ConnectorView {
    let state = state(connector, now);
    let set_up = !matches!(state, PartnerState::Unavailable | PartnerState::NotSetUp);
    let data = |on: bool| match state {
        _ if !on => DataUse::SwitchedOff,
        PartnerState::Unavailable | PartnerState::NotSetUp => DataUse::NotSetUp,
        PartnerState::Unresponsive => DataUse::Unresponsive,
        PartnerState::Available | PartnerState::Enabled | PartnerState::Error => DataUse::Current,
    };
    ConnectorView {
        state,
        accepts_messages: set_up,
        compliance: data(connector.ios_enabled),
        app_protection: data(connector.ios_mobile_application_management_enabled),
        blocked_on_missing_data: connector.ios_enabled && connector.ios_device_blocked_on_missing_partner_data,
        unsupported_os_blocked: connector.ios_enabled && connector.partner_unsupported_os_version_blocked,
        next_change: unresponsive_at(connector).filter(|at| set_up && *at > now),
    }
}

/// The state for people, with what would change it.
#[must_use]
pub fn explain(connector: &Connector, now: Timestamp) -> Reason {
    let heartbeat = connector.last_heartbeat_date_time;
    match state(connector, now) {
        PartnerState::Unavailable => Reason::new(say("because-partner-gone")).remedy(say("do-set-partner-up")),
        PartnerState::NotSetUp => {
            let text = match heartbeat {
                None => say("because-no-heartbeat"),
                Some(_) => say("because-set-up-unfinished"),
            };
            Reason::new(text).remedy(say("do-finish-at-partner"))
        }
        PartnerState::Available => Reason::new(say("because-partner-unused")).remedy(say("do-switch-platform-on")),
        PartnerState::Enabled => Reason::new(say("because-partner-used")),
        PartnerState::Unresponsive => Reason::new(
            say("because-heartbeat-old")
                .with("at", heartbeat.unwrap_or_default())
                .with("days", days(threshold_days(connector))),
        )
        .remedy(say("do-reach-server")),
        PartnerState::Error => Reason::new(say("because-partner-error")).remedy(say("do-look-at-partner")),
    }
}

/// # Errors
/// The first property that breaks a rule.
pub fn validate(connector: &Connector) -> Result<(), InvalidField> {
    if (1..=LONGEST_THRESHOLD_DAYS).contains(&connector.partner_unresponsiveness_threshold_in_days) {
        return Ok(());
    }
    Err(InvalidField::new(
        "partnerUnresponsivenessThresholdInDays",
        say("rule-range").with("least", 1).with("most", LONGEST_THRESHOLD_DAYS),
    ))
}

/// What set-up and the partner said comes first, then silence, then the partner's error, then the switches.
fn state(connector: &Connector, now: Timestamp) -> PartnerState {
    match connector.partner_state {
        PartnerState::Unavailable => PartnerState::Unavailable,
        PartnerState::NotSetUp => PartnerState::NotSetUp,
        _ if connector.last_heartbeat_date_time.is_none() => PartnerState::NotSetUp,
        _ if unresponsive_at(connector).is_some_and(|at| now >= at) => PartnerState::Unresponsive,
        PartnerState::Error => PartnerState::Error,
        _ if any_platform(connector) => PartnerState::Enabled,
        _ => PartnerState::Available,
    }
}

const fn any_platform(connector: &Connector) -> bool {
    connector.ios_enabled
        || connector.android_enabled
        || connector.windows_enabled
        || connector.mac_enabled
        || connector.ios_mobile_application_management_enabled
        || connector.android_mobile_application_management_enabled
        || connector.windows_mobile_application_management_enabled
}

fn unresponsive_at(connector: &Connector) -> Option<Timestamp> {
    let heartbeat = connector.last_heartbeat_date_time?;
    Some(heartbeat.saturating_add(DAY * threshold_days(connector)))
}

fn threshold_days(connector: &Connector) -> u32 {
    connector
        .partner_unresponsiveness_threshold_in_days
        .max(1)
        .unsigned_abs()
}

/// `1 day`, `7 days`.
pub(crate) fn days(count: u32) -> Message {
    say("days").with("count", count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn day(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 86_400_000_000)
    }

    fn connector(state: PartnerState) -> Connector {
        Connector {
            partner_state: state,
            last_heartbeat_date_time: Some(day(0)),
            ..Connector::default()
        }
    }

    #[test]
    fn each_state_is_shown_when_its_facts_hold() {
        use PartnerState::*;
        let ios = |mut connector: Connector| {
            connector.ios_enabled = true;
            connector
        };
        let silent = |mut connector: Connector| {
            connector.last_heartbeat_date_time = None;
            connector
        };
        let table = [
            (ios(connector(Unavailable)), day(1), Unavailable, false),
            (ios(connector(Unavailable)), day(9), Unavailable, false),
            (ios(connector(NotSetUp)), day(1), NotSetUp, false),
            (ios(silent(connector(Available))), day(1), NotSetUp, false),
            (connector(Available), day(1), Available, true),
            (ios(connector(Available)), day(1), Enabled, true),
            (connector(Enabled), day(1), Available, true),
            (ios(connector(Unresponsive)), day(1), Enabled, true),
            (ios(connector(Available)), day(7), Unresponsive, true),
            (connector(Available), day(8), Unresponsive, true),
            (ios(connector(Error)), day(1), Error, true),
            (ios(connector(Error)), day(7), Unresponsive, true),
        ];
        for (connector, now, state, accepts) in table {
            let view = evaluate(&connector, now);
            assert_eq!((view.state, view.accepts_messages), (state, accepts), "{connector:?}");
            assert_eq!(!explain(&connector, now).has_remedy(), state == Enabled);
        }
    }

    #[test]
    fn each_use_has_its_own_switch() {
        let mut connector = connector(PartnerState::Available);
        connector.ios_device_blocked_on_missing_partner_data = true;
        connector.partner_unsupported_os_version_blocked = true;
        let view = evaluate(&connector, day(1));
        assert_eq!(
            (view.compliance, view.app_protection),
            (DataUse::SwitchedOff, DataUse::SwitchedOff)
        );
        assert!(!view.blocked_on_missing_data && !view.unsupported_os_blocked);

        connector.ios_enabled = true;
        let view = evaluate(&connector, day(1));
        assert_eq!(
            (view.compliance, view.app_protection),
            (DataUse::Current, DataUse::SwitchedOff)
        );
        assert!(view.blocked_on_missing_data && view.unsupported_os_blocked);

        connector.ios_mobile_application_management_enabled = true;
        assert_eq!(evaluate(&connector, day(7)).app_protection, DataUse::Unresponsive);
        connector.partner_state = PartnerState::Error;
        assert_eq!(evaluate(&connector, day(1)).compliance, DataUse::Current);
        connector.partner_state = PartnerState::NotSetUp;
        assert_eq!(evaluate(&connector, day(1)).compliance, DataUse::NotSetUp);
    }

    #[test]
    fn the_next_change_is_when_the_partner_has_been_silent_for_too_long() {
        let mut connector = connector(PartnerState::Available);
        connector.partner_unresponsiveness_threshold_in_days = 3;
        assert_eq!(evaluate(&connector, day(1)).next_change, Some(day(3)));
        assert_eq!(evaluate(&connector, day(3)).next_change, None);
        connector.partner_state = PartnerState::Unavailable;
        assert_eq!(evaluate(&connector, day(1)).next_change, None);
    }

    #[test]
    fn a_threshold_of_no_days_is_refused() {
        for (threshold, fine) in [(-1, false), (0, false), (1, true), (365, true), (366, false)] {
            let connector = Connector {
                partner_unresponsiveness_threshold_in_days: threshold,
                ..Connector::default()
            };
            let field = validate(&connector).map_err(|invalid| invalid.field);
            let expected = "partnerUnresponsivenessThresholdInDays".to_string();
            assert_eq!(field, if fine { Ok(()) } else { Err(expected) }, "{threshold}");
        }
    }
}
