//! What a compliance policy and the tenant's settings may hold.

use std::ops::RangeInclusive;

use moat_model::compliance::{
    AppListItem, ComplianceTenantSettings, IosComplianceSettings, NoncomplianceAction, NoncomplianceActionType,
};

use super::OsBuild;
use crate::{InvalidField, Message, jailbreak::OsVersion, say};

const MOST_RESTRICTED_APPS: usize = 100;
const NO_TEMPLATE: &str = "00000000-0000-0000-0000-000000000000";

/// # Errors
/// The first property that breaks a rule, as Graph spells it.
pub fn validate(settings: &IosComplianceSettings, actions: &[NoncomplianceAction]) -> Result<(), InvalidField> {
    validate_ranges(settings)?;
    let parse = |text: &str| OsVersion::parse(text).filter(|_| text.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let (least, most) = (&settings.os_minimum_version, &settings.os_maximum_version);
    pair(
        ("osMinimumVersion", least),
        ("osMaximumVersion", most),
        parse,
        say("rule-version-such-as").with("example", "18.7.2"),
    )?;
    let (least, most) = (&settings.os_minimum_build_version, &settings.os_maximum_build_version);
    let names = ("osMinimumBuildVersion", "osMaximumBuildVersion");
    pair(
        (names.0, least),
        (names.1, most),
        OsBuild::parse,
        say("rule-build-such-as")
            .with("example", "22H123")
            .with("other", "20E772520a"),
    )?;
    validate_apps(&settings.restricted_apps)?;
    validate_actions(actions)
}

/// # Errors
/// The first property that breaks a rule, as Graph spells it.
pub fn validate_tenant_settings(settings: &ComplianceTenantSettings) -> Result<(), InvalidField> {
    let days = settings.device_compliance_checkin_threshold_days;
    within("deviceComplianceCheckinThresholdDays", Some(days), 1..=120)
}

fn validate_ranges(settings: &IosComplianceSettings) -> Result<(), InvalidField> {
    within("passcodeMinimumLength", settings.passcode_minimum_length, 4..=14)?;
    within(
        "passcodeMinimumCharacterSetCount",
        settings.passcode_minimum_character_set_count,
        0..=4,
    )?;
    within("passcodeExpirationDays", settings.passcode_expiration_days, 1..=65_535)?;
    within(
        "passcodePreviousPasscodeBlockCount",
        settings.passcode_previous_passcode_block_count,
        1..=24,
    )?;
    within(
        "passcodeMinutesOfInactivityBeforeLock",
        settings.passcode_minutes_of_inactivity_before_lock,
        0..=240,
    )?;
    within(
        "passcodeMinutesOfInactivityBeforeScreenTimeout",
        settings.passcode_minutes_of_inactivity_before_screen_timeout,
        0..=15,
    )
}

fn within(field: &str, value: Option<i32>, range: RangeInclusive<i32>) -> Result<(), InvalidField> {
    match value {
        Some(value) if !range.contains(&value) => {
            let rule = say("rule-range-not")
                .with("least", *range.start())
                .with("most", *range.end())
                .with("found", value);
            Err(InvalidField::new(field, rule))
        }
        _ => Ok(()),
    }
}

/// Both bounds must be readable, and the lower one not above the upper.
fn pair<V: Ord>(
    (least_name, least): (&str, &Option<String>),
    (most_name, most): (&str, &Option<String>),
    parse: impl Fn(&str) -> Option<V>,
    rule: Message,
) -> Result<(), InvalidField> {
    let read = |name: &str, text: &Option<String>| match text.as_deref() {
        None => Ok(None),
        Some(text) => match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(InvalidField::new(name, rule.clone())),
        },
    };
    match (read(least_name, least)?, read(most_name, most)?) {
        (Some(least), Some(most)) if least > most => Err(InvalidField::new(
            least_name,
            say("rule-not-above").with("other", most_name),
        )),
        _ => Ok(()),
    }
}

fn validate_apps(apps: &[AppListItem]) -> Result<(), InvalidField> {
    if apps.len() > MOST_RESTRICTED_APPS {
        let rule = say("rule-most-apps")
            .with("most", MOST_RESTRICTED_APPS)
            .with("found", apps.len());
        return Err(InvalidField::new("restrictedApps", rule));
    }
    let unnamed = apps
        .iter()
        .position(|app| app.app_id.as_deref().is_none_or(|id| id.trim().is_empty()));
    match unnamed {
        Some(n) => Err(InvalidField::new(
            format!("restrictedApps[{n}].appId"),
            say("rule-bundle-id"),
        )),
        None => Ok(()),
    }
}

fn validate_actions(actions: &[NoncomplianceAction]) -> Result<(), InvalidField> {
    let list = "scheduledActionConfigurations";
    for (n, action) in actions.iter().enumerate() {
        within(
            &format!("{list}[{n}].gracePeriodHours"),
            Some(action.grace_period_hours),
            0..=8_760,
        )?;
        let template = action.notification_template_id.trim();
        let none = template.is_empty() || template == NO_TEMPLATE;
        if action.action_type == NoncomplianceActionType::Notification && none {
            let field = format!("{list}[{n}].notificationTemplateId");
            return Err(InvalidField::new(field, say("rule-needs-template")));
        }
        if let Some(m) = actions
            .iter()
            .take(n)
            .position(|other| !action.id.is_empty() && other.id == action.id)
        {
            let rule = say("rule-differs").with("other", format!("{list}[{m}]"));
            return Err(InvalidField::new(format!("{list}[{n}].id"), rule));
        }
    }
    match actions
        .iter()
        .filter(|action| action.action_type == NoncomplianceActionType::Block)
        .count()
    {
        1 => Ok(()),
        count => Err(InvalidField::new(list, say("rule-one-block").with("found", count))),
    }
}
