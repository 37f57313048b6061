//! The condition that threat defense is for: the device's threat level may not be above the policy's.

use moat_model::app_protection::{
    AgentState, AlertRef, DeviceThreatLimit, PartnerPriority, RemediationAction, ThreatReports, ThreatSource,
};

use super::{Condition, EffectiveSettings, Finding, LaunchAction, Remediation};
use crate::{Reason, risk::ActiveAlert, say};

/// None where the level is no condition: not configured, or no connector is switched on for app protection.
/// A missing, inactive or mute agent closes access whatever the policy's action is: nothing is wiped without a level.
pub(super) fn check(effective: &EffectiveSettings, reports: &ThreatReports) -> Option<Finding> {
    let settings = &effective.settings;
    let limit = settings.maximum_allowed_device_threat_level;
    let highest = limit.highest()?;
    let source = chosen(settings.mobile_threat_defense_partner_priority, reports)?;
    let level = match (source.agent, source.level) {
        (AgentState::Active, Some(level)) => level,
        _ => return Some(without_level(effective, limit, source)),
    };
    if level <= highest {
        return None;
    }
    let action = match settings.mobile_threat_defense_remediation_action {
        RemediationAction::Wipe => LaunchAction::Wipe,
        _ => LaunchAction::Block,
    };
    let text = say("because-level-too-high")
        .with("level", level)
        .with("highest", highest);
    let found = say("because-partner-reports")
        .with("partner", &source.name)
        .with("level", level);
    let found = Reason::new(found).because(source.alerts.iter().map(Reason::from));
    let mut reason = Reason::new(text).because([found, effective.reason("maximumAllowedDeviceThreatLevel", limit)]);
    if source.alerts.is_empty() {
        reason = reason.remedy(say("do-open-partner").with("partner", &source.name));
    }
    Some(Finding {
        condition: Condition::DeviceThreatLevel,
        action,
        remediation: Remediation::ResolveThreat {
            partner: source.name.clone(),
            alerts: source.alerts.clone(),
        },
        reason,
    })
}

/// The one partner that counts: of those switched on for app protection, the preferred one, even if its agent is missing.
fn chosen(priority: Option<PartnerPriority>, reports: &ThreatReports) -> Option<&ThreatSource> {
    let own = Some(&reports.own).filter(|source| source.used_for_app_protection);
    let third = reports
        .third_party
        .as_ref()
        .filter(|source| source.used_for_app_protection);
    match priority {
        Some(PartnerPriority::ThirdPartyPartnerOverDefender) => third.or(own),
        Some(PartnerPriority::DefenderOverThirdPartyPartner) | None => own.or(third),
    }
}

fn without_level(effective: &EffectiveSettings, limit: DeviceThreatLimit, source: &ThreatSource) -> Finding {
    let partner = source.name.clone();
    let said = |key| say(key).with("partner", &source.name);
    let (text, remedy, remediation) = match source.agent {
        AgentState::Missing => (
            said("because-partner-missing"),
            said("do-install-partner"),
            Remediation::InstallAgent { partner },
        ),
        AgentState::Inactive => (
            said("because-partner-inactive"),
            said("do-activate-partner"),
            Remediation::ActivateAgent { partner },
        ),
        AgentState::Active => (
            said("because-partner-mute"),
            said("do-wait-for-partner"),
            Remediation::ActivateAgent { partner },
        ),
    };
    Finding {
        condition: Condition::DeviceThreatLevel,
        action: LaunchAction::Block,
        remediation,
        reason: Reason::new(text)
            .remedy(remedy)
            .because([effective.reason("maximumAllowedDeviceThreatLevel", limit)]),
    }
}

impl From<&AlertRef> for Reason {
    fn from(alert: &AlertRef) -> Self {
        let said = say("because-alert").with("alert", &alert.title);
        Self::new(said.with("severity", alert.severity)).remedy(say("do-resolve-alert").with("alert", &alert.title))
    }
}

impl From<&ActiveAlert> for AlertRef {
    fn from(alert: &ActiveAlert) -> Self {
        Self {
            id: alert.id.clone(),
            title: alert.title.clone(),
            severity: alert.severity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app_protection::laws::{alert, healthy, source};
    use moat_model::{ThreatLevel, app_protection::IosAppProtectionSettings};

    fn settings(limit: DeviceThreatLimit, action: RemediationAction) -> EffectiveSettings {
        IosAppProtectionSettings {
            maximum_allowed_device_threat_level: limit,
            mobile_threat_defense_remediation_action: action,
            ..Default::default()
        }
        .into()
    }

    fn reports(own: ThreatSource) -> ThreatReports {
        ThreatReports { own, third_party: None }
    }

    fn action(finding: Option<Finding>) -> LaunchAction {
        finding.map_or(LaunchAction::Allow, |finding| finding.action)
    }

    #[test]
    fn a_level_above_the_limit_blocks_or_wipes() {
        use DeviceThreatLimit as Limit;
        for (limit, over) in [
            (Limit::NotConfigured, &[][..]),
            (Limit::High, &[]),
            (Limit::Medium, &[ThreatLevel::High]),
            (Limit::Low, &[ThreatLevel::Medium, ThreatLevel::High]),
            (Limit::Secured, &ThreatLevel::ALL[1..]),
        ] {
            for level in ThreatLevel::ALL {
                for (configured, expected) in [
                    (RemediationAction::Block, LaunchAction::Block),
                    (RemediationAction::BlockWhenSettingIsSupported, LaunchAction::Block),
                    (RemediationAction::Wipe, LaunchAction::Wipe),
                ] {
                    let found = action(check(&settings(limit, configured), &reports(source("Moat", *level))));
                    let expected = if over.contains(level) {
                        expected
                    } else {
                        LaunchAction::Allow
                    };
                    assert_eq!(found, expected, "{limit} {level} {configured}");
                }
            }
        }
    }

    #[test]
    fn the_chain_goes_down_to_the_alerts() {
        let own = ThreatSource {
            alerts: vec![alert("Device is jailbroken"), alert("Known phishing site")],
            ..source("Moat", ThreatLevel::High)
        };
        let finding = check(
            &settings(DeviceThreatLimit::Low, RemediationAction::Block),
            &reports(own),
        )
        .unwrap();
        assert_eq!(
            finding.reason.english().text,
            "The device's threat level is high; work data may be used up to low."
        );
        assert_eq!(
            finding.reason.english().remedies(),
            [
                "Resolve the alert \"Device is jailbroken\".",
                "Resolve the alert \"Known phishing site\"."
            ]
        );
        assert_eq!(finding.reason.because[0].because.len(), 2);
        assert!(
            matches!(&finding.remediation, Remediation::ResolveThreat { partner, alerts } if partner == "Moat" && alerts.len() == 2)
        );
        let mute = check(
            &settings(DeviceThreatLimit::Low, RemediationAction::Block),
            &reports(source("Moat", ThreatLevel::High)),
        );
        assert_eq!(
            mute.unwrap().reason.english().remedies(),
            ["Open Moat and do what it says."]
        );
    }

    #[test]
    fn without_an_active_agent_access_closes_and_a_guide_opens_it() {
        let own = source("Moat", ThreatLevel::Secured);
        let partner = || "Moat".to_owned();
        for (agent, level, guide) in [
            (
                AgentState::Missing,
                own.level,
                Remediation::InstallAgent { partner: partner() },
            ),
            (
                AgentState::Inactive,
                own.level,
                Remediation::ActivateAgent { partner: partner() },
            ),
            (
                AgentState::Active,
                None,
                Remediation::ActivateAgent { partner: partner() },
            ),
        ] {
            for limit in &DeviceThreatLimit::ALL[1..] {
                let own = ThreatSource {
                    agent,
                    level,
                    ..own.clone()
                };
                let finding = check(&settings(*limit, RemediationAction::Wipe), &reports(own)).unwrap();
                assert_eq!(finding.action, LaunchAction::Block, "nothing is wiped without a level");
                assert_eq!(finding.remediation, guide);
            }
        }
    }

    #[test]
    fn a_connector_that_is_off_has_no_effect() {
        let own = ThreatSource {
            used_for_app_protection: false,
            ..source("Moat", ThreatLevel::High)
        };
        let effective = settings(DeviceThreatLimit::Secured, RemediationAction::Wipe);
        assert_eq!(check(&effective, &reports(own.clone())), None);
        let third = ThreatReports {
            own,
            third_party: Some(source("Lookout", ThreatLevel::High)),
        };
        assert_eq!(action(check(&effective, &third)), LaunchAction::Wipe);
    }

    #[test]
    fn one_partner_counts_by_priority() {
        let reports = ThreatReports {
            own: source("Moat", ThreatLevel::High),
            third_party: Some(source("Lookout", ThreatLevel::Secured)),
        };
        for (priority, expected) in [
            (None, LaunchAction::Block),
            (
                Some(PartnerPriority::DefenderOverThirdPartyPartner),
                LaunchAction::Block,
            ),
            (
                Some(PartnerPriority::ThirdPartyPartnerOverDefender),
                LaunchAction::Allow,
            ),
        ] {
            let mut effective = settings(DeviceThreatLimit::Low, RemediationAction::Block);
            effective.settings.mobile_threat_defense_partner_priority = priority;
            assert_eq!(action(check(&effective, &reports)), expected, "{priority:?}");
        }
        let alone = ThreatReports {
            third_party: None,
            ..reports
        };
        let mut effective = settings(DeviceThreatLimit::Low, RemediationAction::Block);
        effective.settings.mobile_threat_defense_partner_priority =
            Some(PartnerPriority::ThirdPartyPartnerOverDefender);
        assert_eq!(action(check(&effective, &alone)), LaunchAction::Block);
        assert_eq!(action(check(&effective, &healthy().threats)), LaunchAction::Allow);
    }

    #[test]
    fn active_alerts_become_references() {
        let active = ActiveAlert {
            id: "7".into(),
            title: "Device is jailbroken".into(),
            severity: moat_model::Severity::High,
        };
        let reason = Reason::from(&AlertRef::from(&active));
        assert_eq!(
            reason.english().text,
            "The alert \"Device is jailbroken\" (High) is open."
        );
    }
}
