use std::{cmp::Reverse, time::Duration};

use moat_model::{
    Timestamp,
    app_protection::{AlertRef, RemediationAction, ThreatReports, WipeOrderId},
};
use serde::{Deserialize, Serialize};

use super::{EffectiveSettings, conditions, threat, versions};
use crate::Reason;

/// What is known of an app instance when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppFacts {
    pub app_version: String,
    /// Version of the app protection library inside the app.
    pub sdk_version: String,
    pub os_version: String,
    /// Such as `iPhone15,3`; empty where it is not known.
    pub device_model: String,
    pub jailbreak: Jailbreak,
    /// Wrong PINs since the last right one.
    pub failed_pins: u32,
    /// When the server last answered this app.
    pub last_check_in: Timestamp,
    /// The account is disabled or deleted.
    pub account_disabled: bool,
    /// Since when the user is off work; none while working, or where nobody keeps the time.
    pub clocked_out_since: Option<Timestamp>,
    pub threats: ThreatReports,
    pub wipe_order: Option<WipeOrderId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Jailbreak {
    pub jailbroken: bool,
    /// What was seen, for the chain of reasons.
    pub evidence: Vec<Reason>,
}

/// What the app does, from the mildest to the harshest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LaunchAction {
    Allow,
    /// Go on after a notice that can be dismissed.
    Warn,
    /// Go on after signing in and setting a new PIN.
    ResetPin,
    /// The work account and its data stay closed.
    Block,
    /// The work account and its data are removed from the app; personal data stays.
    Wipe,
}

/// The conditions of a launch, in the order in which they are told: library, app, system, device, then the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// There is no lease for this app on this device: only offline.
    Lease,
    WipeOrder,
    SdkVersion,
    AppVersion,
    MinimumOsVersion,
    MaximumOsVersion,
    Jailbroken,
    DeviceModel,
    DeviceThreatLevel,
    DisabledAccount,
    PinAttempts,
    Offline,
    NonWorkingTime,
}

/// What the app shows a user who wants to get on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "guide", rename_all = "camelCase")]
pub enum Remediation {
    /// Install the partner's agent and sign in to it.
    InstallAgent {
        partner: String,
    },
    /// Open the partner's agent, sign in, let it report.
    ActivateAgent {
        partner: String,
    },
    /// Resolve these alerts; the agent shows how. Empty where the partner does not name them.
    ResolveThreat {
        partner: String,
        alerts: Vec<AlertRef>,
    },
    UpdateOs {
        to: String,
    },
    UpdateApp {
        to: String,
    },
    /// Update the app to a version with this version of the protection library.
    UpdateAppForSdk {
        to: String,
    },
    /// Restore the original system of a jailbroken device.
    RestoreDevice,
    ConnectAndSignIn,
    ResetPin,
    WaitForWorkingTime,
    AskAdministrator,
}

/// A condition that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub condition: Condition,
    pub action: LaunchAction,
    pub remediation: Remediation,
    /// From the finding down to the evidence and the setting, with the policies that made it.
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchDecision {
    /// The harshest action among the findings; `Allow` without one.
    pub action: LaunchAction,
    /// Wipe, then block, then new PIN, then warn; within an action in the order of [`Condition`].
    pub findings: Vec<Finding>,
    /// The guide of the first finding: what to do first.
    pub remediation: Option<Remediation>,
    /// Ask again then at the latest: a condition may fail by the passing of time alone.
    pub next_check: Timestamp,
}

/// The conditional launch: what this app may do with work data, now.
#[must_use]
pub fn evaluate(effective: &EffectiveSettings, facts: &AppFacts, now: Timestamp) -> LaunchDecision {
    let findings = [
        conditions::wipe_order(facts.wipe_order),
        versions::sdk(effective, &facts.sdk_version),
        versions::app(effective, &facts.app_version),
        versions::minimum_os(effective, &facts.os_version),
        versions::maximum_os(effective, &facts.os_version),
        conditions::jailbreak(effective, facts),
        conditions::device_model(effective, facts),
        threat::check(effective, &facts.threats),
        conditions::disabled_account(effective, facts),
        conditions::pin_attempts(effective, facts),
        conditions::offline(effective, facts, now),
        conditions::non_working_time(effective, facts, now),
    ];
    LaunchDecision::new(
        findings.into_iter().flatten().collect(),
        next_check(effective, facts, now),
    )
}

impl LaunchDecision {
    pub(super) fn new(mut findings: Vec<Finding>, next_check: Timestamp) -> Self {
        findings.sort_by_key(|finding| (Reverse(finding.action), finding.condition));
        let first = findings.first();
        Self {
            action: first.map_or(LaunchAction::Allow, |finding| finding.action),
            remediation: first.map(|finding| finding.remediation.clone()),
            findings,
            next_check,
        }
    }
}

/// What an action does where blocking is the mildest that can be configured.
pub(super) fn action_of(action: RemediationAction) -> LaunchAction {
    match action {
        RemediationAction::Wipe => LaunchAction::Wipe,
        RemediationAction::Block | RemediationAction::BlockWhenSettingIsSupported | RemediationAction::Warn => {
            LaunchAction::Block
        }
    }
}

/// The next moment at which time alone changes something, and no later than the policy's own rhythm.
fn next_check(effective: &EffectiveSettings, facts: &AppFacts, now: Timestamp) -> Timestamp {
    let settings = &effective.settings;
    // A grace period ends with its last moment, so the change comes just after it.
    let after = |period: Duration| facts.last_check_in.saturating_add(period + Duration::from_micros(1));
    let wipe = settings.period_offline_before_wipe_is_enforced;
    let rhythm = settings.period_online_before_access_check.as_duration().max(MINUTE);
    [
        Some(after(settings.period_offline_before_access_check.as_duration())),
        (!wipe.is_zero()).then(|| after(wipe.as_duration())),
        facts
            .clocked_out_since
            .filter(|_| settings.app_action_if_account_is_clocked_out.is_some())
            .map(|since| conditions::closing_time(effective, since)),
    ]
    .into_iter()
    .flatten()
    .filter(|time| *time > now)
    .fold(now.saturating_add(rhythm), Timestamp::min)
}

/// A policy that wants a check at every moment gets one a minute.
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app_protection::laws::{at, healthy};
    use moat_model::{Period, app_protection::IosAppProtectionSettings};

    fn decide(settings: &IosAppProtectionSettings, facts: &AppFacts, seconds: i64) -> LaunchDecision {
        evaluate(&settings.clone().into(), facts, at(seconds))
    }

    /// The action of the one finding; `Allow` without any.
    fn action(settings: &IosAppProtectionSettings, facts: &AppFacts, seconds: i64) -> LaunchAction {
        let decision = decide(settings, facts, seconds);
        assert!(decision.findings.len() <= 1, "{:#?}", decision.findings);
        decision.action
    }

    #[test]
    fn a_healthy_app_opens_and_is_asked_again_in_time() {
        for settings in [
            IosAppProtectionSettings::default(),
            IosAppProtectionSettings::recommended(),
        ] {
            let decision = decide(&settings, &healthy(), 10);
            assert_eq!(decision.action, LaunchAction::Allow);
            assert_eq!((decision.findings.len(), decision.remediation), (0, None));
            assert_eq!(decision.next_check, at(10 + 30 * 60));
        }
    }

    #[test]
    fn a_jailbroken_device_is_blocked_or_wiped_where_policy_minds() {
        let mut facts = healthy();
        facts.jailbreak = Jailbreak {
            jailbroken: true,
            evidence: vec![Reason::plain("/var/jb is a symlink.")],
        };
        let mut settings = IosAppProtectionSettings::default();
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Allow);
        settings.device_compliance_required = true;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Block);
        settings.app_action_if_device_compliance_required = RemediationAction::BlockWhenSettingIsSupported;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Block);
        settings.app_action_if_device_compliance_required = RemediationAction::Wipe;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Wipe);
        let decision = decide(&settings, &facts, 0);
        assert_eq!(decision.remediation, Some(Remediation::RestoreDevice));
        let because: Vec<_> = decision.findings[0]
            .reason
            .because
            .iter()
            .map(|reason| reason.english().text)
            .collect();
        assert_eq!(because, ["/var/jb is a symlink.", "deviceComplianceRequired is true."]);
    }

    #[test]
    fn only_listed_models_may_hold_work_data() {
        let mut settings = IosAppProtectionSettings {
            allowed_ios_device_models: Some("iPhone14,2; IPHONE15,3 ;".into()),
            app_action_if_ios_device_model_not_allowed: RemediationAction::Wipe,
            ..Default::default()
        };
        let mut facts = healthy();
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Allow);
        facts.device_model = "iPhone15,30".into();
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Wipe);
        facts.device_model = "  ".into();
        assert_eq!(
            action(&settings, &facts, 0),
            LaunchAction::Block,
            "never wiped on a guess"
        );
        settings.allowed_ios_device_models = Some(";".into());
        facts.device_model = "iPhone15,3".into();
        assert_eq!(
            action(&settings, &facts, 0),
            LaunchAction::Wipe,
            "a list that allows none"
        );
    }

    #[test]
    fn a_disabled_account_is_blocked_or_wiped_where_policy_says_so() {
        let facts = AppFacts {
            account_disabled: true,
            ..healthy()
        };
        for (configured, expected) in [
            (None, LaunchAction::Allow),
            (Some(RemediationAction::Block), LaunchAction::Block),
            (Some(RemediationAction::Wipe), LaunchAction::Wipe),
        ] {
            let settings = IosAppProtectionSettings {
                app_action_if_unable_to_authenticate_user: configured,
                ..Default::default()
            };
            assert_eq!(action(&settings, &facts, 0), expected);
            assert_eq!(action(&settings, &healthy(), 0), LaunchAction::Allow);
        }
    }

    #[test]
    fn too_many_wrong_pins_reset_the_pin_or_wipe() {
        let mut settings = IosAppProtectionSettings {
            maximum_pin_retries: 3,
            ..Default::default()
        };
        let mut facts = healthy();
        facts.failed_pins = 3;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Allow, "no PIN is required");
        settings.pin_required = true;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::ResetPin);
        assert_eq!(decide(&settings, &facts, 0).remediation, Some(Remediation::ResetPin));
        settings.app_action_if_maximum_pin_retries_exceeded = RemediationAction::Wipe;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Wipe);
        facts.failed_pins = 2;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Allow);
    }

    #[test]
    fn without_a_check_in_access_closes_and_then_data_goes() {
        let (mut settings, facts) = (IosAppProtectionSettings::default(), healthy());
        let (grace, wipe) = (1440 * 60, 90 * 24 * 3600);
        assert_eq!(action(&settings, &facts, grace), LaunchAction::Allow);
        assert_eq!(action(&settings, &facts, grace + 1), LaunchAction::Block);
        assert_eq!(action(&settings, &facts, wipe), LaunchAction::Block);
        assert_eq!(action(&settings, &facts, wipe + 1), LaunchAction::Wipe);
        settings.period_offline_before_wipe_is_enforced = Period::ZERO;
        assert_eq!(
            action(&settings, &facts, wipe + 1),
            LaunchAction::Block,
            "zero is never"
        );
        settings.period_offline_before_access_check = Period::ZERO;
        assert_eq!(action(&settings, &facts, 0), LaunchAction::Allow, "just checked in");
        assert_eq!(
            action(&settings, &facts, 1),
            LaunchAction::Block,
            "zero is no offline use"
        );
    }

    #[test]
    fn off_work_counts_after_the_grace_period() {
        let mut settings = IosAppProtectionSettings {
            app_action_if_account_is_clocked_out: Some(RemediationAction::Block),
            grace_period_to_block_apps_during_off_clock_hours: Some(Period::from_minutes(10)),
            ..Default::default()
        };
        let facts = AppFacts {
            clocked_out_since: Some(at(100)),
            ..healthy()
        };
        assert_eq!(action(&settings, &facts, 699), LaunchAction::Allow);
        assert_eq!(decide(&settings, &facts, 200).next_check, at(700));
        assert_eq!(action(&settings, &facts, 700), LaunchAction::Block);
        settings.app_action_if_account_is_clocked_out = Some(RemediationAction::Warn);
        assert_eq!(action(&settings, &facts, 700), LaunchAction::Warn);
        settings.grace_period_to_block_apps_during_off_clock_hours = None;
        assert_eq!(action(&settings, &facts, 100), LaunchAction::Warn);
        assert_eq!(action(&settings, &healthy(), 700), LaunchAction::Allow);
        settings.app_action_if_account_is_clocked_out = None;
        assert_eq!(action(&settings, &facts, 700), LaunchAction::Allow);
    }

    #[test]
    fn an_order_to_wipe_needs_no_setting() {
        let facts = AppFacts {
            wipe_order: Some(WipeOrderId("00000000-0000-0000-0000-000000000005".parse().unwrap())),
            ..healthy()
        };
        assert_eq!(
            action(&IosAppProtectionSettings::default(), &facts, 0),
            LaunchAction::Wipe
        );
    }

    #[test]
    fn wipe_comes_before_block_before_new_pin_before_warn() {
        let settings = IosAppProtectionSettings {
            minimum_warning_sdk_version: Some("99".into()),
            minimum_warning_app_version: Some("99".into()),
            minimum_required_os_version: Some("99".into()),
            device_compliance_required: true,
            allowed_ios_device_models: Some("iPad4,1".into()),
            app_action_if_ios_device_model_not_allowed: RemediationAction::Wipe,
            pin_required: true,
            ..Default::default()
        };
        let mut facts = healthy();
        facts.jailbreak.jailbroken = true;
        facts.failed_pins = 9;
        let order: Vec<_> = decide(&settings, &facts, 0)
            .findings
            .into_iter()
            .map(|finding| (finding.action, finding.condition))
            .collect();
        assert_eq!(
            order,
            [
                (LaunchAction::Wipe, Condition::DeviceModel),
                (LaunchAction::Block, Condition::MinimumOsVersion),
                (LaunchAction::Block, Condition::Jailbroken),
                (LaunchAction::ResetPin, Condition::PinAttempts),
                (LaunchAction::Warn, Condition::SdkVersion),
                (LaunchAction::Warn, Condition::AppVersion),
            ]
        );
    }

    #[test]
    fn a_decision_is_read_back_from_json() {
        let mut facts = healthy();
        facts.os_version = "9".into();
        let settings = IosAppProtectionSettings {
            minimum_required_os_version: Some("17".into()),
            ..Default::default()
        };
        let decision = decide(&settings, &facts, 0);
        let value = serde_json::to_value(&decision).unwrap();
        assert_eq!(value["action"], "block");
        assert_eq!(value["findings"][0]["condition"], "minimumOsVersion");
        assert_eq!(
            value["remediation"],
            serde_json::json!({ "guide": "updateOs", "to": "17" })
        );
        assert_eq!(serde_json::from_value::<LaunchDecision>(value).unwrap(), decision);
    }
}
