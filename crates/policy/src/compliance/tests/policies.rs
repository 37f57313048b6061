//! Several policies, and what every device is asked for.

use moat_model::{
    JailbreakLevel,
    compliance::{ComplianceState as State, ComplianceStatus as Status, IosComplianceSettings},
};

use super::world::*;
use crate::compliance::{HAS_POLICY, IS_ACTIVE, USER_EXISTS};

fn jailbreak() -> IosComplianceSettings {
    IosComplianceSettings {
        security_block_jailbroken_devices: true,
        ..IosComplianceSettings::default()
    }
}

fn email() -> IosComplianceSettings {
    IosComplianceSettings {
        managed_email_profile_required: true,
        ..IosComplianceSettings::default()
    }
}

#[test]
fn a_device_without_a_policy() {
    let mut world = World::new(jailbreak());
    world.policies.clear();
    let decision = world.decide();
    assert_eq!(
        (decision.state, decision.built_in[0].setting),
        (State::Noncompliant, HAS_POLICY)
    );
    assert!(decision.reasons[0].english().remedies()[0].contains("assign a compliance policy"));
    world.tenant.secure_by_default = false;
    let decision = world.decide();
    assert_eq!(
        (decision.state, decision.built_in[0].status),
        (State::Compliant, Status::NotApplicable)
    );
}

#[test]
fn a_device_must_stay_in_touch() {
    let mut world = World::new(jailbreak());
    world.device.last_check_in = Some(at(NOW - 29 * DAY));
    // The partner is heard of, whatever happens.
    world.partners[0].connector.partner_unresponsiveness_threshold_in_days = 365;
    let decision = world.decide();
    assert_eq!(
        (decision.state, decision.next_change),
        (State::Compliant, Some(at(NOW + DAY)))
    );
    let after = world.later(&decision, at(NOW + DAY)).decide();
    assert_eq!((after.state, after.next_change), (State::Noncompliant, None));
    let unmet = after
        .built_in
        .iter()
        .find(|setting| setting.status == Status::NonCompliant);
    assert_eq!(unmet.unwrap().setting, IS_ACTIVE);
    world.device.last_check_in = None;
    assert_eq!(world.decide().state, State::Noncompliant);
}

#[test]
fn a_device_needs_its_user() {
    let mut world = World::new(jailbreak());
    world.device.enrolled_user_exists = false;
    let decision = world.decide();
    assert_eq!(
        (decision.state, decision.built_in[2].setting),
        (State::Noncompliant, USER_EXISTS)
    );
    assert_eq!(decision.built_in[2].status, Status::NonCompliant);
}

#[test]
fn grace_ends_at_its_hour_and_the_first_end_is_the_devices() {
    let mut world = World::new(jailbreak());
    world.device.jailbreak = Some(JailbreakLevel::Confirmed);
    world.device.managed_email_profile = Some(false);
    world.policies[0].actions = vec![block(48)];
    world.policies.push(policy(2, email()));
    world.policies[1].actions = vec![block(6)];
    let decision = world.decide();
    assert_eq!(decision.state, State::InGracePeriod);
    assert_eq!(decision.grace_period_expires, Some(at(NOW + 6)));
    assert_eq!(decision.next_change, Some(at(NOW + 6)));
    assert!(
        decision.reasons[0].english().text.contains("The grace period ends at "),
        "{:?}",
        decision.reasons
    );

    let before = world.later(&decision, at(NOW + 5)).decide();
    assert_eq!(
        (before.state, before.grace_period_expires),
        (State::InGracePeriod, Some(at(NOW + 6)))
    );
    let after = world.later(&decision, at(NOW + 6)).decide();
    assert_eq!((after.state, after.grace_period_expires), (State::Noncompliant, None));
    assert_eq!(after.policies[0].state, State::InGracePeriod);
    assert!(
        after.reasons[0].english().text.contains("Policy 2"),
        "the worst policy comes first"
    );
    assert_eq!(after.next_change, Some(at(NOW + 48)));
}

#[test]
fn being_compliant_again_ends_the_period() {
    let mut world = World::new(jailbreak());
    world.policies[0].actions = vec![block(6)];
    world.device.jailbreak = Some(JailbreakLevel::Confirmed);
    let first = world.decide();
    let mut healed = world.later(&first, at(NOW + 3));
    healed.device.jailbreak = Some(JailbreakLevel::None);
    let second = healed.decide();
    assert_eq!(
        (second.state, second.policies[0].noncompliant_since),
        (State::Compliant, None)
    );
    assert!(second.reasons.is_empty());
    let mut again = healed.later(&second, at(NOW + 5));
    again.device.jailbreak = Some(JailbreakLevel::Confirmed);
    assert_eq!(again.decide().grace_period_expires, Some(at(NOW + 11)));
}

#[test]
fn a_fact_that_is_missing_for_a_week_is_not_met() {
    let mut world = World::new(email());
    world.device.managed_email_profile = None;
    world.partners[0].connector.partner_unresponsiveness_threshold_in_days = 365;
    let first = world.decide();
    assert_eq!(
        (first.state, first.policies[0].status),
        (State::Compliant, Status::Error)
    );
    assert_eq!(first.next_change, Some(at(NOW + 7 * DAY)));
    let last = world.later(&first, at(NOW + 7 * DAY)).decide();
    assert_eq!(
        (last.state, last.policies[0].status),
        (State::Noncompliant, Status::NonCompliant)
    );
    assert!(last.reasons[0].english().text.contains("7 days"));
}

#[test]
fn a_fact_that_is_withheld_does_not_heal() {
    let mut world = World::new(email());
    world.device.managed_email_profile = Some(false);
    let first = world.decide();
    let mut mute = world.later(&first, at(NOW + 1));
    mute.device.managed_email_profile = None;
    let second = mute.decide();
    assert_eq!(second.state, State::Noncompliant);
    assert!(
        second.reasons[0].english().text.contains("not compliant before"),
        "{:?}",
        second.reasons
    );
}

#[test]
fn the_most_restrictive_policy_holds() {
    let minimum = |version: &str| IosComplianceSettings {
        os_minimum_version: Some(version.into()),
        ..IosComplianceSettings::default()
    };
    let mut world = World::new(minimum("17"));
    assert_eq!(world.decide().state, State::Compliant);
    world.policies.push(policy(2, minimum("26")));
    let decision = world.decide();
    assert_eq!(decision.state, State::Noncompliant);
    assert_eq!(decision.reasons[0].english().remedies(), ["Update to 26 or later."]);
}
