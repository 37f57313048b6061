use moat_model::{
    JailbreakLevel, Severity,
    compliance::{
        AppListItem, ComplianceState, ComplianceStatus, ComplianceStatus::*, IosComplianceSettings, PasscodeType,
    },
};

use super::world::*;
use crate::compliance::{DeviceFacts, InstalledApp, PasscodeFacts};

fn world(set: impl FnOnce(&mut IosComplianceSettings), bend: impl FnOnce(&mut DeviceFacts)) -> World {
    let mut settings = IosComplianceSettings::default();
    set(&mut settings);
    let mut world = World::new(settings);
    bend(&mut world.device);
    world
}

/// The setting's name, status, and what is said and would help.
fn judge(
    set: impl FnOnce(&mut IosComplianceSettings),
    bend: impl FnOnce(&mut DeviceFacts),
) -> (&'static str, ComplianceStatus, String, Option<String>) {
    let decision = world(set, bend).setting();
    let fact = decision.reason.because.into_iter().next().unwrap();
    let fact = fact.english();
    let remedy = fact.remedies().first().map(ToString::to_string);
    (decision.setting, decision.status, fact.text, remedy)
}

#[test]
fn nothing_configured_is_nothing_evaluated() {
    let mut world = World::new(IosComplianceSettings::default());
    world.device = DeviceFacts {
        last_check_in: world.device.last_check_in,
        enrolled_user_exists: true,
        ..DeviceFacts::default()
    };
    let decision = world.decide();
    assert!(decision.policies[0].settings.is_empty());
    assert_eq!(
        (decision.policies[0].status, decision.state),
        (Compliant, ComplianceState::Compliant)
    );
}

#[test]
fn jailbroken() {
    let block = |settings: &mut IosComplianceSettings| settings.security_block_jailbroken_devices = true;
    let confirmed = judge(block, |device| {
        device.jailbreak = Some(JailbreakLevel::Confirmed);
        device.jailbreak_alert = Some(alert("Device is jailbroken", Severity::High));
    });
    assert_eq!(
        (confirmed.0, confirmed.1),
        ("securityBlockJailbrokenDevices", NonCompliant)
    );
    assert_eq!(
        confirmed.2,
        "The device is jailbroken (alert \"Device is jailbroken\")."
    );
    assert!(confirmed.3.unwrap().starts_with("Restore the device's system;"));

    let suspected = judge(block, |device| device.jailbreak = Some(JailbreakLevel::Suspected));
    assert_eq!(suspected.1, Compliant);
    assert!(suspected.2.contains("suspected but not confirmed"));
    assert_eq!(judge(block, |_| {}).1, Compliant);
    assert_eq!(judge(block, |device| device.jailbreak = None).1, Unknown);

    let mut strict = world(block, |device| device.jailbreak = None);
    strict.partners[0].connector.ios_device_blocked_on_missing_partner_data = true;
    assert_eq!(strict.setting().status, NonCompliant);
    strict.partners[0].own = false;
    assert_eq!(
        strict.setting().status,
        Unknown,
        "another partner does not look for jailbreaks"
    );
}

#[test]
fn the_reason_goes_from_the_policy_down_to_the_alert() {
    let world = world(
        |settings| settings.security_block_jailbroken_devices = true,
        |device| device.jailbreak = Some(JailbreakLevel::Confirmed),
    );
    let reasons = world.decide().reasons;
    assert_eq!(reasons.len(), 1);
    assert_eq!(
        reasons[0].english().text,
        "Compliance policy \"Policy 1\" blocks jailbroken devices."
    );
    assert_eq!(reasons[0].because[0].english().text, "The device is jailbroken.");
    assert_eq!(reasons[0].english().remedies().len(), 1);
}

#[test]
fn os_versions() {
    let table = [
        (Some("18.7.2"), None, "18.7.2", Compliant),
        (Some("18.7.2"), None, "18.7.1", NonCompliant),
        (Some("18.7.2"), None, "18.10", Compliant),
        (Some("17"), None, "17.0", Compliant),
        (Some("17.0"), None, "17", Compliant),
        (Some("17"), None, "16.7.12", NonCompliant),
        (Some("17"), None, "26.1", Compliant),
        (Some("16.5.1"), None, "16.5.1 (c)", Compliant),
        (None, Some("17"), "17.0.0", Compliant),
        (None, Some("17"), "17.0.1", NonCompliant),
        (None, Some("18.7.2"), "9.3.5", Compliant),
        (Some("17"), None, "newest", Error),
        (Some("17"), None, " ", Error),
        (Some("none"), None, "17", Error),
    ];
    for (least, most, found, status) in table {
        let (setting, judged, _, remedy) = judge(
            |settings| {
                settings.os_minimum_version = least.map(Into::into);
                settings.os_maximum_version = most.map(Into::into);
            },
            |device| device.os_version = Some(found.into()),
        );
        assert_eq!(judged, status, "{least:?} {most:?} {found}");
        assert_eq!(
            setting,
            if least.is_some() {
                "osMinimumVersion"
            } else {
                "osMaximumVersion"
            }
        );
        if let (NonCompliant, Some(least)) = (status, least) {
            assert_eq!(remedy, Some(format!("Update to {least} or later.")));
        }
    }
    let never = judge(
        |settings| settings.os_minimum_version = Some("17".into()),
        |device| device.os_version = None,
    );
    assert_eq!(never.1, Error);
}

#[test]
fn os_builds() {
    let table = [
        (Some("20E772520a"), None, "20E772520a", Compliant),
        (Some("20E772520a"), None, "20E772520", NonCompliant),
        (Some("20E772520a"), None, "20E252", NonCompliant),
        (Some("20E772520a"), None, "20F66", Compliant),
        (None, Some("22H124"), "22H124", Compliant),
        (None, Some("22H124"), "23A341", NonCompliant),
        (Some("22H124"), None, "18.7.2", Error),
    ];
    for (least, most, found, status) in table {
        let (setting, judged, _, _) = judge(
            |settings| {
                settings.os_minimum_build_version = least.map(Into::into);
                settings.os_maximum_build_version = most.map(Into::into);
            },
            |device| device.os_build = Some(found.into()),
        );
        assert_eq!(judged, status, "{least:?} {most:?} {found}");
        assert_eq!(
            setting,
            if least.is_some() {
                "osMinimumBuildVersion"
            } else {
                "osMaximumBuildVersion"
            }
        );
    }
    let set = |settings: &mut IosComplianceSettings| settings.os_maximum_build_version = Some("22H124".into());
    assert_eq!(judge(set, |device| device.os_build = None).1, Error);
}

#[test]
fn managed_email_profile() {
    for (profile, status) in [(Some(true), Compliant), (Some(false), NonCompliant), (None, Error)] {
        let judged = judge(
            |settings| settings.managed_email_profile_required = true,
            |device| device.managed_email_profile = profile,
        );
        assert_eq!((judged.0, judged.1), ("managedEmailProfileRequired", status));
        assert_eq!(judged.3.is_some(), status != Compliant);
    }
}

#[test]
fn restricted_apps() {
    let app = |id: &str, managed| InstalledApp {
        bundle_id: id.into(),
        managed,
    };
    let table = [
        (Some(vec![]), Compliant),
        (Some(vec![app("com.example.notes", false)]), Compliant),
        (Some(vec![app("com.example.game", true)]), Compliant),
        (Some(vec![app("com.example.game", false)]), NonCompliant),
        (Some(vec![app("com.example.GAME", false)]), NonCompliant),
        (
            Some(vec![app("com.example.game", true), app("com.example.game", false)]),
            NonCompliant,
        ),
        (None, Error),
    ];
    for (apps, status) in table {
        let judged = judge(
            |settings| {
                settings.restricted_apps = vec![AppListItem {
                    name: "Game".into(),
                    app_id: Some("com.example.game".into()),
                    ..AppListItem::default()
                }];
            },
            |device| device.apps = apps.clone(),
        );
        assert_eq!((judged.0, judged.1), ("restrictedApps", status), "{apps:?}");
        if status == NonCompliant {
            assert_eq!(judged.3.as_deref(), Some("Remove the app \"Game\"."));
        }
    }
}

type Set = fn(&mut IosComplianceSettings);
type Bend = fn(&mut PasscodeFacts);

/// Setting, how to configure it, a passcode that just meets it, one that just does not, one that does not tell.
const PASSCODE: &[(&str, Set, Bend, Bend, Bend)] = &[
    (
        "passcodeBlockSimple",
        |s| s.passcode_block_simple = true,
        |p| p.allows_simple = Some(false),
        |p| p.allows_simple = Some(true),
        |p| p.allows_simple = None,
    ),
    (
        "passcodeMinimumLength",
        |s| s.passcode_minimum_length = Some(6),
        |p| p.length = Some(6),
        |p| p.length = Some(5),
        |p| p.length = None,
    ),
    (
        "passcodeRequiredType",
        |s| s.passcode_required_type = PasscodeType::Alphanumeric,
        |p| p.is_alphanumeric = Some(true),
        |p| p.is_alphanumeric = Some(false),
        |p| p.is_alphanumeric = None,
    ),
    (
        "passcodeMinimumCharacterSetCount",
        |s| s.passcode_minimum_character_set_count = Some(2),
        |p| p.complex_characters = Some(2),
        |p| p.complex_characters = Some(1),
        |p| p.complex_characters = None,
    ),
    (
        "passcodeExpirationDays",
        |s| s.passcode_expiration_days = Some(10),
        |p| p.changed_at = Some(at(NOW - 10 * DAY + 1)),
        |p| p.changed_at = Some(at(NOW - 10 * DAY)),
        |p| p.changed_at = None,
    ),
    (
        "passcodePreviousPasscodeBlockCount",
        |s| s.passcode_previous_passcode_block_count = Some(5),
        |p| p.history = Some(5),
        |p| p.history = Some(4),
        |p| p.history = None,
    ),
    (
        "passcodeMinutesOfInactivityBeforeLock",
        |s| s.passcode_minutes_of_inactivity_before_lock = Some(0),
        |p| p.minutes_before_lock = Some(0),
        |p| p.minutes_before_lock = Some(1),
        |p| p.minutes_before_lock = None,
    ),
    (
        "passcodeMinutesOfInactivityBeforeScreenTimeout",
        |s| s.passcode_minutes_of_inactivity_before_screen_timeout = Some(5),
        |p| p.minutes_before_screen_timeout = Some(5),
        |p| p.minutes_before_screen_timeout = Some(6),
        |p| p.minutes_before_screen_timeout = None,
    ),
];

#[test]
fn passcode_rules() {
    for (name, set, meets, misses, silent) in PASSCODE {
        let with = |bend: Bend| judge(set, |device| bend(device.passcode.as_mut().unwrap()));
        let (setting, status, _, remedy) = with(*meets);
        assert_eq!((setting, status, remedy), (*name, Compliant, None));
        let (_, status, _, remedy) = with(*misses);
        assert!(status == NonCompliant && remedy.is_some(), "{name}");
        assert_eq!(with(*silent).1, Error, "{name}");
        assert_eq!(with(|p| p.is_set = false).1, NonCompliant, "{name} without a passcode");
        assert_eq!(
            judge(set, |device| device.passcode = None).1,
            Error,
            "{name} never reported"
        );
        assert_eq!(
            judge(set, |device| device.platform = "Linux".into()).1,
            NotApplicable,
            "{name} elsewhere"
        );
        assert_eq!(judge(set, |device| device.platform = "iPadOS".into()).1, with(|_| {}).1);
    }
}

#[test]
fn passcode_required() {
    let set: Set = |settings| settings.passcode_required = true;
    let numeric: Set = |settings| settings.passcode_required_type = PasscodeType::Numeric;
    for (name, set) in [("passcodeRequired", set), ("passcodeRequiredType", numeric)] {
        assert_eq!(judge(set, |_| {}).1, Compliant);
        let (setting, status, text, _) = judge(set, |device| device.passcode.as_mut().unwrap().is_set = false);
        assert_eq!(
            (setting, status, text.as_str()),
            (name, NonCompliant, "The device has no passcode.")
        );
        assert_eq!(judge(set, |device| device.passcode = None).1, Error);
    }
}

#[test]
fn a_passcode_expires_by_time_alone() {
    let world = world(|settings| settings.passcode_expiration_days = Some(12), |_| {});
    let decision = world.decide();
    let ends = at(NOW + 2 * DAY);
    assert_eq!(
        (decision.state, decision.next_change),
        (ComplianceState::Compliant, Some(ends))
    );
    assert_eq!(
        world.later(&decision, ends).decide().state,
        ComplianceState::Noncompliant
    );
}
