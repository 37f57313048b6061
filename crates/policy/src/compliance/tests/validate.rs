use moat_model::compliance::{
    AppListItem, ComplianceTenantSettings, IosComplianceSettings, NoncomplianceAction, NoncomplianceActionType,
};

use super::world::block;
use crate::compliance::{validate, validate_tenant_settings};

type Set = fn(&mut IosComplianceSettings, i32);

const RANGES: &[(&str, Set, i32, i32)] = &[
    (
        "passcodeMinimumLength",
        |s, n| s.passcode_minimum_length = Some(n),
        4,
        14,
    ),
    (
        "passcodeMinimumCharacterSetCount",
        |s, n| s.passcode_minimum_character_set_count = Some(n),
        0,
        4,
    ),
    (
        "passcodeExpirationDays",
        |s, n| s.passcode_expiration_days = Some(n),
        1,
        65_535,
    ),
    (
        "passcodePreviousPasscodeBlockCount",
        |s, n| s.passcode_previous_passcode_block_count = Some(n),
        1,
        24,
    ),
    (
        "passcodeMinutesOfInactivityBeforeLock",
        |s, n| s.passcode_minutes_of_inactivity_before_lock = Some(n),
        0,
        240,
    ),
    (
        "passcodeMinutesOfInactivityBeforeScreenTimeout",
        |s, n| s.passcode_minutes_of_inactivity_before_screen_timeout = Some(n),
        0,
        15,
    ),
];

fn field(settings: &IosComplianceSettings, actions: &[NoncomplianceAction]) -> Option<String> {
    validate(settings, actions).err().map(|invalid| invalid.field)
}

#[test]
fn numbers_have_ranges() {
    for (name, set, least, most) in RANGES {
        for (value, fine) in [(least - 1, false), (*least, true), (*most, true), (most + 1, false)] {
            let mut settings = IosComplianceSettings::default();
            set(&mut settings, value);
            let expected = (!fine).then(|| (*name).to_string());
            assert_eq!(field(&settings, &[block(0)]), expected, "{value}");
        }
    }
}

#[test]
fn versions_and_builds_must_be_readable_and_in_order() {
    let with = |set: &dyn Fn(&mut IosComplianceSettings)| {
        let mut settings = IosComplianceSettings::default();
        set(&mut settings);
        field(&settings, &[block(0)])
    };
    for fine in ["17", "17.0", "18.7.2"] {
        assert_eq!(with(&|s| s.os_minimum_version = Some(fine.into())), None, "{fine}");
    }
    for wrong in ["", "latest", "17.x", "17.4 (21E219)", "1..2", "-1"] {
        assert_eq!(
            with(&|s| s.os_maximum_version = Some(wrong.into())),
            Some("osMaximumVersion".into()),
            "{wrong}"
        );
    }
    let crossed = with(&|s| {
        s.os_minimum_version = Some("18".into());
        s.os_maximum_version = Some("17.9".into());
    });
    assert_eq!(crossed, Some("osMinimumVersion".into()));
    let equal = with(&|s| {
        s.os_minimum_version = Some("18".into());
        s.os_maximum_version = Some("18.0".into());
    });
    assert_eq!(equal, None);
    assert_eq!(with(&|s| s.os_minimum_build_version = Some("20E772520a".into())), None);
    let wrong = with(&|s| s.os_minimum_build_version = Some("18.7.2".into()));
    assert_eq!(wrong, Some("osMinimumBuildVersion".into()));
    let crossed = with(&|s| {
        s.os_minimum_build_version = Some("22H124".into());
        s.os_maximum_build_version = Some("20E252".into());
    });
    assert_eq!(crossed, Some("osMinimumBuildVersion".into()));
}

#[test]
fn apps_have_a_bundle_id_and_are_at_most_a_hundred() {
    let app = |id: Option<&str>| AppListItem {
        name: "App".into(),
        app_id: id.map(Into::into),
        ..AppListItem::default()
    };
    let mut settings = IosComplianceSettings {
        restricted_apps: vec![app(Some("com.example.app")); 100],
        ..IosComplianceSettings::default()
    };
    assert_eq!(field(&settings, &[block(0)]), None);
    settings.restricted_apps[7] = app(Some(" "));
    assert_eq!(field(&settings, &[block(0)]), Some("restrictedApps[7].appId".into()));
    settings.restricted_apps[7] = app(None);
    assert_eq!(field(&settings, &[block(0)]), Some("restrictedApps[7].appId".into()));
    settings.restricted_apps.push(app(Some("com.example.app")));
    assert_eq!(field(&settings, &[block(0)]), Some("restrictedApps".into()));
}

#[test]
fn a_policy_has_one_block_action() {
    let settings = IosComplianceSettings::default();
    let list = Some("scheduledActionConfigurations".to_string());
    assert_eq!(field(&settings, &[]), list);
    assert_eq!(field(&settings, &[block(0)]), None);
    let second = NoncomplianceAction {
        id: "other".into(),
        ..block(9)
    };
    assert_eq!(field(&settings, &[block(0), second]), list);
    let message = validate(&settings, &[]).unwrap_err().to_string();
    assert_eq!(
        message,
        "scheduledActionConfigurations: must hold exactly one \"block\" action, not 0"
    );
}

#[test]
fn actions_have_their_hours_template_and_own_id() {
    let settings = IosComplianceSettings::default();
    let mail = |template: &str| NoncomplianceAction {
        id: "mail".into(),
        action_type: NoncomplianceActionType::Notification,
        notification_template_id: template.into(),
        ..block(0)
    };
    for (hours, fine) in [(-1, false), (0, true), (8_760, true), (8_761, false)] {
        let expected = (!fine).then(|| "scheduledActionConfigurations[0].gracePeriodHours".to_string());
        assert_eq!(field(&settings, &[block(hours)]), expected, "{hours}");
    }
    let template = Some("scheduledActionConfigurations[1].notificationTemplateId".to_string());
    for none in ["", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(field(&settings, &[block(0), mail(none)]), template, "{none}");
    }
    assert_eq!(field(&settings, &[block(0), mail("welcome")]), None);
    let twice = [block(0), mail("welcome"), mail("welcome")];
    assert_eq!(
        field(&settings, &twice),
        Some("scheduledActionConfigurations[2].id".into())
    );
    let unnamed = |action: NoncomplianceAction| NoncomplianceAction {
        id: String::new(),
        ..action
    };
    assert_eq!(
        field(&settings, &twice.map(unnamed)),
        None,
        "the server will give them ids"
    );
}

#[test]
fn the_validity_period_is_1_to_120_days() {
    for (days, fine) in [(0, false), (1, true), (120, true), (121, false)] {
        let settings = ComplianceTenantSettings {
            device_compliance_checkin_threshold_days: days,
            ..ComplianceTenantSettings::default()
        };
        let field = validate_tenant_settings(&settings).err().map(|invalid| invalid.field);
        assert_eq!(
            field,
            (!fine).then(|| "deviceComplianceCheckinThresholdDays".to_string()),
            "{days}"
        );
    }
}
