//! Laws that hold for every device, partner and policy.

use moat_model::{
    JailbreakLevel, PartnerState, Severity, ThreatLevel, Timestamp,
    compliance::{
        AppListItem, ComplianceState, ComplianceTenantSettings, IosComplianceSettings, PartnerUnresponsive,
        PasscodeType, RequiredSecurityLevel,
    },
};
use proptest::{
    collection::vec,
    option::{of, weighted},
    prelude::*,
    sample::{Index, select},
};

use super::{oracle, world::*};
use crate::compliance::{
    AgentState, ComplianceDecision, DeviceFacts, InstalledApp, PasscodeFacts, Previous, ThreatReport,
};

/// From old to new.
pub const VERSIONS: &[&str] = &["9.3.5", "16.7.12", "17", "17.4.1", "18.7.2", "18.10", "26.1"];
pub const BUILDS: &[&str] = &["13G36", "20E252", "20E772520a", "21E236", "22H124", "23B85"];
const APPS: &[&str] = &["com.example.game", "com.example.chat", "com.example.notes"];

fn rank(decision: &ComplianceDecision) -> u8 {
    match decision.state {
        ComplianceState::Compliant => 0,
        ComplianceState::InGracePeriod => 1,
        ComplianceState::Noncompliant => 2,
        other => panic!("{other}"),
    }
}

fn past() -> impl Strategy<Value = Timestamp> {
    (0..=NOW).prop_map(at)
}

fn text(table: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(table).prop_map(Into::into)
}

/// What the device says, and now and then nothing or nonsense.
fn reported(table: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop_oneof![8 => text(table).prop_map(Some), 1 => Just(None), 1 => Just(Some("newest".into()))]
}

prop_compose! {
    fn passcode()(
        is_set in weighted(0.9, Just(())).prop_map(|set| set.is_some()),
        allows_simple in of(any::<bool>()),
        length in of(3u32..10),
        is_alphanumeric in of(any::<bool>()),
        complex_characters in of(0u32..4),
        changed_at in of(past()),
        history in of(0u32..8),
        minutes_before_lock in of(0u32..8),
        minutes_before_screen_timeout in of(0u32..8),
    ) -> PasscodeFacts {
        PasscodeFacts {
            is_set, allows_simple, length, is_alphanumeric, complex_characters, changed_at, history, minutes_before_lock,
            minutes_before_screen_timeout,
        }
    }
}

prop_compose! {
    fn device()(
        platform in prop_oneof![6 => Just("iOS"), 1 => Just("Linux")],
        os_version in reported(VERSIONS),
        os_build in reported(BUILDS),
        jailbreak in of(select(JailbreakLevel::ALL)),
        passcode in weighted(0.8, passcode().boxed()),
        managed_email_profile in of(any::<bool>()),
        apps in weighted(0.8, vec((text(APPS), any::<bool>()), 0..4)),
        last_check_in in weighted(0.95, (NOW - 10 * DAY..=NOW).prop_map(at)),
        enrolled_user_exists in weighted(0.95, Just(())).prop_map(|user| user.is_some()),
    ) -> DeviceFacts {
        let app = |(bundle_id, managed)| InstalledApp { bundle_id, managed };
        DeviceFacts {
            platform: platform.into(), os_version, os_build, jailbreak, jailbreak_alert: None, passcode, managed_email_profile,
            apps: apps.map(|apps| apps.into_iter().map(app).collect()),
            last_check_in, enrolled_user_exists,
        }
    }
}

prop_compose! {
    fn any_partner(n: u8)(
        state in prop_oneof![6 => Just(PartnerState::Available), 1 => select(PartnerState::ALL)],
        heartbeat in weighted(0.95, past()),
        threshold in 1i32..40,
        ios_enabled in weighted(0.9, Just(())).prop_map(|on| on.is_some()),
        blocked: bool,
        unsupported: bool,
        minimum in of(text(VERSIONS)),
        agent in prop_oneof![4 => Just(AgentState::Active), 1 => Just(AgentState::Inactive), 1 => Just(AgentState::Missing)],
        report in weighted(0.8, (select(ThreatLevel::ALL), past())),
        alerts in vec((0u8..9, select(Severity::ALL)), 0..4),
    ) -> WorldPartner {
        let mut partner = partner(n);
        partner.connector.partner_state = state;
        partner.connector.last_heartbeat_date_time = heartbeat;
        partner.connector.partner_unresponsiveness_threshold_in_days = threshold;
        partner.connector.ios_enabled = ios_enabled;
        partner.connector.ios_device_blocked_on_missing_partner_data = blocked;
        partner.connector.partner_unsupported_os_version_blocked = unsupported;
        partner.minimum_os_version = minimum.filter(|_| n == 1);
        partner.agent = agent;
        partner.report = report.map(|(level, at)| ThreatReport { level, at });
        partner.alerts = alerts.into_iter().map(|(n, severity)| alert(&format!("Alert {n}"), severity)).collect();
        partner
    }
}

fn sometimes() -> impl Strategy<Value = bool> {
    weighted(0.2, Just(())).prop_map(|on| on.is_some())
}

prop_compose! {
    fn passcode_settings()(
        passcode_required in sometimes(),
        passcode_block_simple in sometimes(),
        passcode_minimum_length in weighted(0.2, 4..10),
        passcode_required_type in prop_oneof![4 => Just(PasscodeType::DeviceDefault), 1 => select(PasscodeType::ALL)],
        passcode_minimum_character_set_count in weighted(0.2, 0..4),
        passcode_expiration_days in weighted(0.2, 1..40),
        passcode_previous_passcode_block_count in weighted(0.2, 1..8),
        passcode_minutes_of_inactivity_before_lock in weighted(0.2, 0..8),
        passcode_minutes_of_inactivity_before_screen_timeout in weighted(0.2, 0..8),
    ) -> IosComplianceSettings {
        IosComplianceSettings {
            passcode_required, passcode_block_simple, passcode_minimum_length, passcode_required_type,
            passcode_minimum_character_set_count, passcode_expiration_days, passcode_previous_passcode_block_count,
            passcode_minutes_of_inactivity_before_lock, passcode_minutes_of_inactivity_before_screen_timeout,
            ..IosComplianceSettings::default()
        }
    }
}

fn level() -> impl Strategy<Value = RequiredSecurityLevel> {
    prop_oneof![Just(RequiredSecurityLevel::NotSet), select(RequiredSecurityLevel::ALL)]
}

prop_compose! {
    fn settings()(
        passcode in prop_oneof![Just(IosComplianceSettings::default()), passcode_settings().boxed()],
        jailbroken in sometimes(),
        enabled in sometimes(),
        all in level(),
        own in level(),
        versions in (weighted(0.2, text(VERSIONS)), weighted(0.2, text(VERSIONS))),
        builds in (weighted(0.2, text(BUILDS)), weighted(0.2, text(BUILDS))),
        email in sometimes(),
        apps in weighted(0.2, vec(text(APPS), 1..3)),
        rule in select(PartnerUnresponsive::ALL),
    ) -> IosComplianceSettings {
        let app = |id: String| AppListItem { name: id.clone(), app_id: Some(id), ..AppListItem::default() };
        IosComplianceSettings {
            security_block_jailbroken_devices: jailbroken,
            device_threat_protection_enabled: enabled,
            device_threat_protection_required_security_level: all,
            advanced_threat_protection_required_security_level: own,
            os_minimum_version: versions.0,
            os_maximum_version: versions.1,
            os_minimum_build_version: builds.0,
            os_maximum_build_version: builds.1,
            managed_email_profile_required: email,
            restricted_apps: apps.unwrap_or_default().into_iter().map(app).collect(),
            moat_partner_unresponsive: rule,
            ..passcode
        }
    }
}

prop_compose! {
    fn any_policy(n: u8)(
        settings in settings().boxed(),
        grace in prop_oneof![Just(0), 0..500],
        noncompliant_since in of(past()),
        error_since in of(past()),
    ) -> WorldPolicy {
        let mut policy = policy(n, settings);
        policy.actions = vec![block(grace)];
        policy.previous = Previous { noncompliant_since, error_since };
        policy
    }
}

prop_compose! {
    fn world()(
        device in device().boxed(),
        partners in (of(any_partner(1).boxed()), weighted(0.3, any_partner(2).boxed())),
        policies in (weighted(0.9, any_policy(1).boxed()), of(any_policy(2).boxed()), weighted(0.3, any_policy(3).boxed())),
        secure_by_default: bool,
        validity in 5i32..45,
    ) -> World {
        World {
            device,
            partners: partners.0.into_iter().chain(partners.1).collect(),
            policies: policies.0.into_iter().chain(policies.1).chain(policies.2).collect(),
            tenant: ComplianceTenantSettings {
                secure_by_default,
                device_compliance_checkin_threshold_days: validity,
                ..ComplianceTenantSettings::default()
            },
            now: at(NOW),
        }
    }
}

fn earlier(at: &mut Option<Timestamp>, hours: u32) {
    if let Some(at) = at {
        *at = Timestamp::from_micros(at.as_micros() - i64::from(hours) * 3_600_000_000);
    }
}

type Worsening = fn(&mut World, u32);

/// Each makes a device riskier in one way, or leaves it as it is.
const WORSENINGS: &[(&str, Worsening)] = &[
    ("jailbreak", |world, _| {
        world.device.jailbreak = world.device.jailbreak.map(|level| match level {
            JailbreakLevel::None => JailbreakLevel::Suspected,
            JailbreakLevel::Suspected | JailbreakLevel::Confirmed => JailbreakLevel::Confirmed,
        });
    }),
    ("threat level", |world, n| {
        for report in world.partners.iter_mut().filter_map(|partner| partner.report.as_mut()) {
            report.level = report.level.max(ThreatLevel::ALL[n as usize % 4]);
        }
    }),
    ("agent", |world, n| {
        for partner in &mut world.partners {
            partner.agent = if n % 2 == 0 {
                AgentState::Inactive
            } else {
                AgentState::Missing
            };
        }
    }),
    ("older report", |world, n| {
        for report in world.partners.iter_mut().filter_map(|partner| partner.report.as_mut()) {
            let mut at = Some(report.at);
            earlier(&mut at, n);
            report.at = at.unwrap();
        }
    }),
    ("older system", |world, n| {
        let older = |table: &[&str], text: &mut Option<String>| {
            let place = text
                .as_deref()
                .and_then(|text| table.iter().position(|known| *known == text));
            if let Some(place) = place {
                *text = Some(table[n as usize % (place + 1)].into());
            }
        };
        older(VERSIONS, &mut world.device.os_version);
        older(BUILDS, &mut world.device.os_build);
    }),
    ("no e-mail profile", |world, _| {
        world.device.managed_email_profile = world.device.managed_email_profile.map(|_| false);
    }),
    ("another app", |world, n| {
        if let Some(apps) = &mut world.device.apps {
            apps.push(InstalledApp {
                bundle_id: APPS[n as usize % APPS.len()].into(),
                managed: false,
            });
        }
    }),
    ("no passcode", |world, _| {
        if let Some(passcode) = &mut world.device.passcode {
            passcode.is_set = false;
        }
    }),
    ("weaker passcode", |world, n| {
        if let Some(passcode) = &mut world.device.passcode {
            passcode.allows_simple = passcode.allows_simple.map(|_| true);
            passcode.length = passcode.length.map(|length| length.saturating_sub(n));
            passcode.is_alphanumeric = passcode.is_alphanumeric.map(|_| false);
            passcode.complex_characters = passcode.complex_characters.map(|count| count.saturating_sub(n));
        }
    }),
    ("older passcode", |world, n| {
        if let Some(passcode) = &mut world.device.passcode {
            earlier(&mut passcode.changed_at, n);
            passcode.history = passcode.history.map(|count| count.saturating_sub(n));
        }
    }),
    ("open for longer", |world, n| {
        if let Some(passcode) = &mut world.device.passcode {
            passcode.minutes_before_lock = passcode.minutes_before_lock.map(|minutes| minutes + n);
            passcode.minutes_before_screen_timeout = passcode.minutes_before_screen_timeout.map(|minutes| minutes + n);
        }
    }),
    ("out of touch", |world, n| earlier(&mut world.device.last_check_in, n)),
    ("no user", |world, _| world.device.enrolled_user_exists = false),
    ("longer not compliant", |world, n| {
        for policy in &mut world.policies {
            policy.previous.noncompliant_since.get_or_insert(at(NOW));
            earlier(&mut policy.previous.noncompliant_since, n);
        }
    }),
    ("longer in error", |world, n| {
        for policy in &mut world.policies {
            policy.previous.error_since.get_or_insert(at(NOW));
            earlier(&mut policy.previous.error_since, n);
        }
    }),
];

/// Each takes one setting out of a policy.
const REMOVALS: &[fn(&mut IosComplianceSettings)] = &[
    |settings| settings.security_block_jailbroken_devices = false,
    |settings| settings.device_threat_protection_enabled = false,
    |settings| settings.device_threat_protection_required_security_level = RequiredSecurityLevel::NotSet,
    |settings| settings.advanced_threat_protection_required_security_level = RequiredSecurityLevel::Unavailable,
    |settings| settings.os_minimum_version = None,
    |settings| settings.os_maximum_version = None,
    |settings| settings.os_minimum_build_version = None,
    |settings| settings.os_maximum_build_version = None,
    |settings| settings.managed_email_profile_required = false,
    |settings| settings.passcode_required = false,
    |settings| settings.passcode_block_simple = false,
    |settings| settings.passcode_minimum_length = None,
    |settings| settings.passcode_required_type = PasscodeType::DeviceDefault,
    |settings| settings.passcode_minimum_character_set_count = None,
    |settings| settings.passcode_expiration_days = None,
    |settings| settings.passcode_previous_passcode_block_count = None,
    |settings| settings.passcode_minutes_of_inactivity_before_lock = None,
    |settings| settings.passcode_minutes_of_inactivity_before_screen_timeout = None,
    |settings| settings.restricted_apps.clear(),
];

#[test]
fn every_setting_can_be_taken_out() {
    let json = serde_json::to_value(IosComplianceSettings::default()).unwrap();
    let all = json.as_object().unwrap().len() - 1;
    assert_eq!(
        REMOVALS.len(),
        all,
        "moatPartnerUnresponsive asks for nothing by itself"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_decision_is_the_oracles(world in world()) {
        let decision = world.decide();
        let decided = oracle::Answer {
            state: decision.state,
            grace_period_expires: decision.grace_period_expires,
            noncompliant_since: decision.policies.iter().map(|policy| policy.noncompliant_since).collect(),
        };
        // Both list the policies by id: that is how worlds are made.
        prop_assert_eq!(decided, oracle::answer(&world));
    }

    #[test]
    fn more_risk_never_makes_it_better(world in world(), steps in vec((select(WORSENINGS), 0u32..300), 1..4)) {
        let mut world = world;
        for policy in &mut world.policies {
            // An older system is a risk only where no policy forbids newer ones.
            policy.settings.os_maximum_version = None;
            policy.settings.os_maximum_build_version = None;
        }
        let mut before = world.decide();
        for ((name, worsen), n) in steps {
            worsen(&mut world, n);
            let after = world.decide();
            prop_assert!(rank(&after) >= rank(&before), "{name}: {before:#?} became {after:#?}");
            before = after;
        }
    }

    #[test]
    fn taking_a_setting_out_never_makes_it_worse(world in world(), policy: Index, removal in select(REMOVALS)) {
        let before = world.decide();
        let mut world = world;
        if let Some(policy) = world.policies.len().checked_sub(1).map(|last| policy.index(last + 1)) {
            removal(&mut world.policies[policy].settings);
        }
        prop_assert!(rank(&world.decide()) <= rank(&before));
    }

    #[test]
    fn another_policy_never_makes_it_better(world in world(), policy in any_policy(9).boxed()) {
        let mut world = world;
        world.tenant.secure_by_default = false;
        let before = world.decide();
        world.policies.push(policy);
        prop_assert!(rank(&world.decide()) >= rank(&before));
    }

    #[test]
    fn order_does_not_matter(world in world(), by in 0usize..4) {
        let before = world.decide();
        let mut world = world;
        fn turn<T>(list: &mut [T], by: usize) {
            list.reverse();
            if !list.is_empty() {
                list.rotate_left(by % list.len());
            }
        }
        turn(&mut world.policies, by);
        turn(&mut world.partners, by);
        for partner in &mut world.partners {
            turn(&mut partner.alerts, by);
        }
        for policy in &mut world.policies {
            turn(&mut policy.settings.restricted_apps, by);
        }
        if let Some(apps) = &mut world.device.apps {
            turn(apps, by);
        }
        prop_assert_eq!(world.decide(), before);
    }

    /// Until the next change nothing changes, whether the last decision was stored or not.
    #[test]
    fn the_next_change_is_honest(world in world(), part in 0.0f64..1.0, whole: bool) {
        let decision = world.decide();
        let now = world.now.as_micros();
        let end = decision.next_change.map_or(now + 400 * 86_400_000_000, Timestamp::as_micros);
        prop_assert!(end > now);
        let moment = if whole { end - 1 } else { now + ((end - now - 1) as f64 * part) as i64 };
        let moment = Timestamp::from_micros(moment);
        let stored = world.later(&decision, moment).decide();
        let statuses = |decision: &ComplianceDecision| {
            let settings = decision.policies.iter().flat_map(|policy| policy.settings.iter()).chain(&decision.built_in);
            settings.map(|setting| setting.status).collect::<Vec<_>>()
        };
        prop_assert_eq!(stored.state, decision.state);
        prop_assert_eq!(stored.grace_period_expires, decision.grace_period_expires);
        prop_assert_eq!(statuses(&stored), statuses(&decision));
        prop_assert_eq!(stored.next_change, decision.next_change);
        let mut forgotten = world;
        forgotten.now = moment;
        prop_assert_eq!(forgotten.decide().state, decision.state);
    }

    #[test]
    fn there_are_reasons_exactly_when_it_is_not_compliant(world in world()) {
        let decision = world.decide();
        prop_assert_eq!(decision.reasons.is_empty(), decision.state == ComplianceState::Compliant);
        prop_assert_eq!(decision.grace_period_expires.is_some(), decision.state == ComplianceState::InGracePeriod);
        for reason in &decision.reasons {
            prop_assert!(reason.has_remedy(), "{reason:?}");
        }
    }
}
