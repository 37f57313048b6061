//! What an app may do by its last lease, without the server.
//!
//! A device's clock can be set back to stay inside a grace period. So time is the latest of: the clock, the latest time that
//! the app has ever seen, and the lease's own time. Time passing never makes a decision milder; only a new lease does.

use moat_model::{
    DeviceId, Timestamp,
    app_protection::{Lease, LeaseError},
};
use serde::{Deserialize, Serialize};

use super::{
    AppFacts, Condition, EffectiveSettings, Finding, Jailbreak, LaunchAction, LaunchDecision, Remediation,
    access::{self, AccessFacts, AccessRequirement},
    launch,
};
use crate::{Reason, say};

/// What an app sees by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalFacts {
    pub device_id: DeviceId,
    pub bundle_id: String,
    pub app_version: String,
    pub sdk_version: String,
    pub os_version: String,
    pub device_model: String,
    /// What the app sees by itself, now; it counts besides what the lease says.
    pub jailbreak: Jailbreak,
    pub failed_pins: u32,
    /// The latest time that this app has ever seen, kept where the user cannot reset it. A new lease starts it afresh
    /// with the lease's `issued_at`, which heals a clock that once ran far ahead.
    pub latest_time_seen: Timestamp,
    pub access: AccessFacts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineDecision {
    pub launch: LaunchDecision,
    /// What the user has to show where the launch allows any use at all.
    pub access: AccessRequirement,
    /// The time that was decided for: keep it as `latest_time_seen`.
    pub time: Timestamp,
    /// The clock stands before a time that the app has seen already.
    pub clock_went_back: bool,
    /// The lease is over or missing: check in at the first chance.
    pub renew: bool,
}

/// Decides by the last lease. A valid lease and one that is over, within the offline grace period, are judged alike, each
/// with what the app sees now; past the grace period access is closed until the next check-in; past the second one data is wiped.
/// Without a lease for just this app on this device access is closed.
#[must_use]
pub fn evaluate(lease: Option<&Lease>, local: &LocalFacts, now: Timestamp) -> OfflineDecision {
    let known = now.max(local.latest_time_seen);
    let mine = lease.map(|lease| (lease, lease.check_holder(local.device_id, &local.bundle_id)));
    let lease = match mine {
        Some((lease, Ok(()))) => lease,
        Some((_, Err(error))) => return without_lease(Some(&error), local, now, known),
        None => return without_lease(None, local, now, known),
    };
    let time = known.max(lease.issued_at);
    let effective = EffectiveSettings::from(lease.settings.clone());
    let facts = AccessFacts {
        // The server knows; an app that claimed it could escape its PIN.
        device_managed: lease.device_managed,
        ..local.access
    };
    let mut decision = launch::evaluate(&effective, &app_facts(lease, local), time);
    if lease.valid_until > time {
        decision.next_check = decision.next_check.min(lease.valid_until);
    }
    OfflineDecision {
        launch: decision,
        access: access::evaluate(&lease.settings, &facts, time),
        time,
        clock_went_back: now < time,
        renew: lease.check_expiry(time).is_err(),
    }
}

fn app_facts(lease: &Lease, local: &LocalFacts) -> AppFacts {
    let mut evidence = local.jailbreak.evidence.clone();
    if lease.jailbroken {
        evidence.push(Reason::new(
            say("because-held-jailbroken-at").with("at", lease.issued_at),
        ));
    }
    AppFacts {
        app_version: local.app_version.clone(),
        sdk_version: local.sdk_version.clone(),
        os_version: local.os_version.clone(),
        device_model: local.device_model.clone(),
        jailbreak: Jailbreak {
            jailbroken: local.jailbreak.jailbroken || lease.jailbroken,
            evidence,
        },
        failed_pins: local.failed_pins,
        last_check_in: lease.issued_at,
        account_disabled: lease.account_disabled,
        clocked_out_since: lease.clocked_out_since,
        threats: lease.threats.clone(),
        wipe_order: lease.wipe_order,
    }
}

fn without_lease(error: Option<&LeaseError>, local: &LocalFacts, now: Timestamp, time: Timestamp) -> OfflineDecision {
    let why = error.map(|error| Reason::new(say("because-lease-unusable").with("error", error.to_string())));
    let finding = Finding {
        condition: Condition::Lease,
        action: LaunchAction::Block,
        remediation: Remediation::ConnectAndSignIn,
        reason: Reason::new(say("because-no-lease"))
            .remedy(say("do-first-sign-in"))
            .because(why),
    };
    OfflineDecision {
        launch: LaunchDecision::new(vec![finding], time),
        access: access::evaluate(&EffectiveSettings::default().settings, &local.access, time),
        time,
        clock_went_back: now < time,
        renew: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app_protection::{
        access::PinStep,
        laws::{at, lease, local},
    };
    use moat_model::{
        Period,
        app_protection::{IosAppProtectionSettings, RemediationAction, WipeOrderId},
    };

    const MINUTE: i64 = 60;
    const DAY: i64 = 24 * 3600;

    fn settings() -> IosAppProtectionSettings {
        IosAppProtectionSettings {
            device_compliance_required: true,
            app_action_if_device_compliance_required: RemediationAction::Wipe,
            period_online_before_access_check: Period::from_days(1),
            ..IosAppProtectionSettings::recommended()
        }
    }

    fn action(lease: &Lease, local: &LocalFacts, seconds: i64) -> LaunchAction {
        evaluate(Some(lease), local, at(seconds)).launch.action
    }

    #[test]
    fn a_lease_carries_an_app_through_its_grace_periods() {
        let (lease, local) = (lease(settings()), local());
        for (seconds, expected, renew) in [
            (14 * MINUTE, LaunchAction::Allow, false),
            (15 * MINUTE, LaunchAction::Allow, true),
            (DAY, LaunchAction::Allow, true),
            (DAY + 1, LaunchAction::Block, true),
            (90 * DAY, LaunchAction::Block, true),
            (90 * DAY + 1, LaunchAction::Wipe, true),
        ] {
            let decision = evaluate(Some(&lease), &local, at(seconds));
            assert_eq!((decision.launch.action, decision.renew), (expected, renew), "{seconds}");
            assert!(!decision.clock_went_back);
        }
        let soon = evaluate(Some(&lease), &local, at(0)).launch.next_check;
        assert_eq!(soon, lease.valid_until, "renewing comes first");
    }

    #[test]
    fn a_clock_that_is_set_back_gains_nothing() {
        let (lease, mut local) = (lease(settings()), local());
        local.latest_time_seen = at(DAY + 1);
        let decision = evaluate(Some(&lease), &local, at(5));
        assert_eq!(decision.launch.action, LaunchAction::Block);
        assert!(decision.clock_went_back);
        assert_eq!(decision.time, at(DAY + 1));
        let later = Lease {
            issued_at: at(200 * DAY),
            valid_until: at(200 * DAY + 900),
            ..lease
        };
        let decision = evaluate(Some(&later), &local, at(5));
        assert_eq!(
            (decision.launch.action, decision.time),
            (LaunchAction::Allow, at(200 * DAY))
        );
        assert!(decision.clock_went_back, "the clock stands before the lease itself");
    }

    #[test]
    fn what_the_app_sees_by_itself_counts_too() {
        let lease = lease(settings());
        let mut facts = local();
        facts.jailbreak = Jailbreak {
            jailbroken: true,
            evidence: vec![Reason::plain("/var/jb is a symlink.")],
        };
        assert_eq!(action(&lease, &facts, 0), LaunchAction::Wipe);
        let known = Lease {
            jailbroken: true,
            ..lease.clone()
        };
        let decision = evaluate(Some(&known), &local(), at(0));
        assert_eq!(decision.launch.action, LaunchAction::Wipe);
        assert!(
            decision.launch.findings[0].reason.because[0]
                .english()
                .text
                .contains("The server held")
        );
        let strict = Lease {
            settings: IosAppProtectionSettings {
                minimum_required_os_version: Some("18.7.2".into()),
                ..settings()
            },
            ..lease
        };
        assert_eq!(action(&strict, &local(), 0), LaunchAction::Block);
    }

    #[test]
    fn an_order_to_wipe_travels_in_the_lease() {
        let lease = Lease {
            wipe_order: Some(WipeOrderId("00000000-0000-0000-0000-000000000005".parse().unwrap())),
            ..lease(settings())
        };
        let decision = evaluate(Some(&lease), &local(), at(0));
        assert_eq!(decision.launch.action, LaunchAction::Wipe);
        assert_eq!(decision.launch.findings[0].condition, Condition::WipeOrder);
    }

    #[test]
    fn without_a_lease_of_its_own_an_app_stays_closed() {
        let (mine, mut other) = (lease(settings()), local());
        other.device_id = DeviceId("00000000-0000-0000-0000-0000000000ff".parse().unwrap());
        let mut chat = local();
        chat.bundle_id = "org.example.Chat".into();
        for (lease, local, why) in [
            (None, local(), None),
            (Some(&mine), other, Some("another device")),
            (Some(&mine), chat, Some("another app")),
        ] {
            let decision = evaluate(lease, &local, at(0));
            assert_eq!(decision.launch.action, LaunchAction::Block);
            assert_eq!(decision.launch.remediation, Some(Remediation::ConnectAndSignIn));
            assert!(decision.renew);
            let because = &decision.launch.findings[0].reason.because;
            assert_eq!(because.len(), usize::from(why.is_some()));
            assert!(
                because
                    .iter()
                    .all(|reason| reason.english().text.contains(why.unwrap()))
            );
        }
    }

    #[test]
    fn pin_timers_run_offline_too() {
        let lease = lease(IosAppProtectionSettings {
            disable_app_pin_if_device_pin_is_set: true,
            ..IosAppProtectionSettings::recommended()
        });
        let mut facts = local();
        assert_eq!(
            evaluate(Some(&lease), &facts, at(30 * MINUTE)).access.pin,
            PinStep::None
        );
        assert_eq!(evaluate(Some(&lease), &facts, at(31 * MINUTE)).access.pin, PinStep::Pin);
        (facts.access.device_managed, facts.access.device_has_passcode) = (true, true);
        assert_eq!(
            evaluate(Some(&lease), &facts, at(31 * MINUTE)).access.pin,
            PinStep::Pin,
            "the server does not know this device as managed"
        );
        let managed = Lease {
            device_managed: true,
            ..lease
        };
        assert_eq!(
            evaluate(Some(&managed), &facts, at(31 * MINUTE)).access.pin,
            PinStep::None
        );
    }
}
