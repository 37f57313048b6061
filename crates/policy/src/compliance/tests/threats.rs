use moat_model::{
    PartnerState, Severity, ThreatLevel,
    compliance::{
        ComplianceState, ComplianceStatus::*, IosComplianceSettings, PartnerUnresponsive, RequiredSecurityLevel,
    },
};

use super::world::*;
use crate::compliance::{AgentState, ThreatReport};

fn asks(level: RequiredSecurityLevel) -> World {
    World::new(IosComplianceSettings {
        device_threat_protection_required_security_level: level,
        ..IosComplianceSettings::default()
    })
}

fn report(level: ThreatLevel) -> Option<ThreatReport> {
    Some(ThreatReport { level, at: at(NOW) })
}

#[test]
fn the_ladder() {
    use RequiredSecurityLevel as R;
    use ThreatLevel as T;
    let table = [
        (R::Secured, T::Secured, Compliant),
        (R::Secured, T::Low, NonCompliant),
        (R::Secured, T::High, NonCompliant),
        (R::Low, T::Low, Compliant),
        (R::Low, T::Medium, NonCompliant),
        (R::Medium, T::Medium, Compliant),
        (R::Medium, T::High, NonCompliant),
        (R::High, T::High, Compliant),
    ];
    for (required, found, status) in table {
        let mut world = asks(required);
        world.partners[0].report = report(found);
        assert_eq!(world.setting().status, status, "{required} {found}");
        assert_eq!(world.setting().setting, "deviceThreatProtectionRequiredSecurityLevel");
        for agent in [AgentState::Inactive, AgentState::Missing] {
            world.partners[0].agent = agent;
            assert_eq!(world.setting().status, NonCompliant, "{required} {agent:?}");
        }
    }
    for unset in [R::Unavailable, R::NotSet] {
        assert!(asks(unset).decide().policies[0].settings.is_empty());
    }
}

#[test]
fn a_device_that_a_partner_never_reported_on() {
    use RequiredSecurityLevel as R;
    let table = [
        (R::Low, AgentState::Active, Unknown, NonCompliant),
        (R::Low, AgentState::Missing, Unknown, NonCompliant),
        (R::High, AgentState::Active, Compliant, Compliant),
        (R::High, AgentState::Missing, NonCompliant, NonCompliant),
    ];
    for (required, agent, open, strict) in table {
        let mut world = asks(required);
        world.partners[0].agent = agent;
        world.partners[0].report = None;
        assert_eq!(world.setting().status, open, "{required} {agent:?}");
        world.partners[0].connector.ios_device_blocked_on_missing_partner_data = true;
        assert_eq!(world.setting().status, strict, "{required} {agent:?}, data demanded");
    }
    let mut world = asks(R::Low);
    world.partners[0].report = None;
    assert_eq!(
        world.decide().state,
        ComplianceState::Compliant,
        "the built-in checks are met"
    );
}

#[test]
fn the_reason_names_the_alerts_above_the_level() {
    let mut world = asks(RequiredSecurityLevel::Low);
    world.partners[0].report = report(ThreatLevel::High);
    world.partners[0].alerts = vec![
        alert("Warning bypassed", Severity::Low),
        alert("Web protection is off", Severity::Medium),
        alert("Device is jailbroken", Severity::High),
    ];
    let reason = world.decide().reasons.remove(0);
    assert_eq!(
        reason.english().remedies(),
        [
            "Resolve the alert \"Device is jailbroken\".",
            "Resolve the alert \"Web protection is off\"."
        ]
    );
    assert_eq!(
        reason.because[0].english().text,
        "The device's threat level is high (Moat)."
    );

    world.partners[0].alerts = (0..9).map(|n| alert(&format!("Alert {n}"), Severity::High)).collect();
    let fact = world.decide().reasons.remove(0).because.remove(0);
    assert_eq!(fact.because.len(), 6);
    assert_eq!(fact.because[5].english().text, "4 more alerts are open.");
}

#[test]
fn threat_protection_alone_asks_for_an_active_agent() {
    let mut world = World::new(IosComplianceSettings {
        device_threat_protection_enabled: true,
        ..IosComplianceSettings::default()
    });
    world.partners[0].report = report(ThreatLevel::High);
    assert_eq!(
        (world.setting().setting, world.setting().status),
        ("deviceThreatProtectionEnabled", Compliant)
    );
    world.partners[0].agent = AgentState::Inactive;
    assert_eq!(world.setting().status, NonCompliant);
    world.partners[0].report = None;
    assert_eq!(world.setting().status, Unknown);
}

#[test]
fn one_setting_is_for_every_partner_and_one_for_moat() {
    let mut world = asks(RequiredSecurityLevel::Low);
    world.partners.push(partner(2));
    world.partners[1].report = report(ThreatLevel::High);
    assert_eq!(world.setting().status, NonCompliant);
    world.partners[1].connector.ios_enabled = false;
    assert_eq!(world.setting().status, Compliant);
    world.partners[1].connector.ios_enabled = true;

    let settings = &mut world.policies[0].settings;
    settings.device_threat_protection_required_security_level = RequiredSecurityLevel::NotSet;
    settings.advanced_threat_protection_required_security_level = RequiredSecurityLevel::Low;
    assert_eq!(world.setting().status, Compliant);
    assert_eq!(world.setting().setting, "advancedThreatProtectionRequiredSecurityLevel");
    world.partners[0].report = report(ThreatLevel::Medium);
    assert_eq!(world.setting().status, NonCompliant);
}

#[test]
fn connectors_that_bring_nothing() {
    let mut world = asks(RequiredSecurityLevel::Low);
    world.partners[0].report = report(ThreatLevel::High);
    world.partners[0].connector.ios_device_blocked_on_missing_partner_data = true;
    world.partners[0].connector.ios_enabled = false;
    assert_eq!(world.setting().status, Unknown, "switched off by an administrator");

    world.partners[0].connector.ios_enabled = true;
    world.partners[0].connector.partner_state = PartnerState::Unavailable;
    assert_eq!(world.setting().status, NonCompliant, "data is demanded");
    world.partners[0].connector.ios_device_blocked_on_missing_partner_data = false;
    assert_eq!(world.setting().status, Unknown);
    world.partners.clear();
    assert_eq!(world.setting().status, Unknown);
}

#[test]
fn an_unresponsive_partner_is_treated_as_the_policy_says() {
    use PartnerUnresponsive as P;
    // The last heartbeat and report are 7 days old; 7 days are allowed.
    let table = [
        (P::KeepLastKnown, Some(ThreatLevel::Secured), Compliant, Compliant),
        (P::KeepLastKnown, Some(ThreatLevel::High), NonCompliant, NonCompliant),
        (P::KeepLastKnown, None, Unknown, NonCompliant),
        (P::Ignore, Some(ThreatLevel::High), Unknown, NonCompliant),
        (P::Ignore, Some(ThreatLevel::Secured), Unknown, NonCompliant),
        (P::Block, Some(ThreatLevel::Secured), NonCompliant, NonCompliant),
    ];
    for (rule, level, open, strict) in table {
        let mut world = asks(RequiredSecurityLevel::Low);
        world.policies[0].settings.moat_partner_unresponsive = rule;
        let partner = &mut world.partners[0];
        partner.connector.last_heartbeat_date_time = Some(at(NOW - 7 * DAY));
        partner.report = level.map(|level| ThreatReport {
            level,
            at: at(NOW - 7 * DAY),
        });
        assert_eq!(world.setting().status, open, "{rule} {level:?}");
        world.partners[0].connector.ios_device_blocked_on_missing_partner_data = true;
        assert_eq!(world.setting().status, strict, "{rule} {level:?}, data demanded");
    }
}

#[test]
fn the_last_known_level_expires_with_the_validity_period() {
    let mut world = asks(RequiredSecurityLevel::Low);
    world.tenant.device_compliance_checkin_threshold_days = 20;
    world.partners[0].connector.last_heartbeat_date_time = Some(at(NOW - 10 * DAY));
    world.partners[0].report = Some(ThreatReport {
        level: ThreatLevel::Secured,
        at: at(NOW - 18 * DAY),
    });
    let decision = world.decide();
    assert_eq!(decision.state, ComplianceState::Compliant);
    assert_eq!(decision.next_change, Some(at(NOW + 2 * DAY)));
    let after = world.later(&decision, at(NOW + 2 * DAY)).decide();
    assert_eq!(after.state, ComplianceState::Noncompliant);
    assert!(after.reasons[0].because[0].english().text.contains("too old"));
}

#[test]
fn a_system_that_a_partner_does_not_support() {
    let mut world = World::new(IosComplianceSettings::default());
    world.partners[0].minimum_os_version = Some("19".into());
    assert_eq!(
        world.decide().state,
        ComplianceState::Compliant,
        "the connector does not ask"
    );
    world.partners[0].connector.partner_unsupported_os_version_blocked = true;
    let decision = world.decide();
    assert_eq!(decision.state, ComplianceState::Noncompliant);
    assert_eq!(decision.reasons[0].english().remedies(), ["Update to 19 or later."]);
    assert_eq!(decision.built_in[3].setting, "partnerUnsupportedOsVersionBlocked");
    world.device.os_version = Some("19.0".into());
    assert_eq!(world.decide().state, ComplianceState::Compliant);
    world.device.os_version = None;
    assert_eq!(world.decide().built_in[3].status, Unknown);
}
