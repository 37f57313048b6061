use std::fmt;

use moat_model::{
    Period,
    app_protection::{
        AppGroup, AppIdentifier, BrowserType, DataTransferLevel, DeviceThreatLimit, DialerRestriction,
        IosAppProtectionSettings as Settings, MessagingRedirect, RemediationAction,
    },
};

use super::{fields::models, versions};
use crate::{Message, Sentence, jailbreak::OsVersion, say};

/// Most entries of a list, and most characters of a text.
const MAX_LIST: usize = 1000;
const MAX_TEXT: usize = 2048;

/// Something said about one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldNote {
    /// As Graph spells it.
    pub field: &'static str,
    pub text: Sentence,
}

impl fmt::Display for FieldNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

/// The rules that settings break, at least one: fields as Graph spells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSettings(pub Vec<FieldNote>);

impl std::error::Error for InvalidSettings {}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, note) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{note}")?;
        }
        Ok(())
    }
}

/// Refuses settings that cannot be. Those that can be but hardly mean what they say come back as notes, for the console
/// to show: a required version below the one that wipes, a filter that has no effect.
///
/// # Errors
/// Every rule that is broken, in the order of Graph's tables.
pub fn validate(settings: &Settings) -> Result<Vec<FieldNote>, InvalidSettings> {
    let mut broken = Vec::new();
    check_numbers(settings, &mut broken);
    check_versions(settings, &mut broken);
    check_actions(settings, &mut broken);
    check_dependencies(settings, &mut broken);
    check_texts(settings, &mut broken);
    if !broken.is_empty() {
        return Err(InvalidSettings(broken));
    }
    let mut notes = Vec::new();
    remark_on_versions(settings, &mut notes);
    remark_on_transfer(settings, &mut notes);
    remark_on_launch(settings, &mut notes);
    Ok(notes)
}

/// Refuses a list of apps that cannot be: bundle ids that are none, or an empty list where the policy is for listed apps only.
///
/// # Errors
/// Every rule that is broken.
pub fn validate_apps(group: AppGroup, apps: &[AppIdentifier]) -> Result<Vec<FieldNote>, InvalidSettings> {
    let mut broken = Vec::new();
    if apps.len() > MAX_LIST {
        broken.push(note(
            "apps",
            say("rule-most-entries")
                .with("found", apps.len())
                .with("most", MAX_LIST),
        ));
    }
    for app in apps.iter().filter(|app| !is_bundle_id(&app.bundle_id)) {
        let shown: String = app.bundle_id.chars().take(80).collect();
        broken.push(note(
            "bundleId",
            say("rule-no-bundle-id").with("found", format!("{shown:?}")),
        ));
    }
    if !broken.is_empty() {
        return Err(InvalidSettings(broken));
    }
    let mut notes = Vec::new();
    if group == AppGroup::SelectedPublicApps && apps.is_empty() {
        notes.push(note("apps", say("note-no-app")));
    }
    Ok(notes)
}

/// Letters, digits, hyphens and dots between parts (Apple's `CFBundleIdentifier`), at most 155 characters.
fn is_bundle_id(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.len() <= 155 && text.split('.').all(part)
}

fn note(field: &'static str, text: Message) -> FieldNote {
    FieldNote {
        field,
        text: text.into(),
    }
}

fn check_numbers(settings: &Settings, broken: &mut Vec<FieldNote>) {
    let ranges = [
        (
            "allowedOutboundClipboardSharingExceptionLength",
            settings.allowed_outbound_clipboard_sharing_exception_length,
            0..=65535,
        ),
        ("minimumPinLength", settings.minimum_pin_length, 0..=64),
        ("previousPinBlockCount", settings.previous_pin_block_count, 0..=24),
        ("maximumPinRetries", settings.maximum_pin_retries, 1..=65535),
    ];
    for (field, value, range) in ranges {
        if !range.contains(&value) {
            let (start, end) = (range.start(), range.end());
            broken.push(note(
                field,
                say("rule-not-from-to")
                    .with("found", value)
                    .with("least", *start)
                    .with("most", *end),
            ));
        }
    }
}

fn check_versions(settings: &Settings, broken: &mut Vec<FieldNote>) {
    for (field, version) in versions::fields(settings) {
        if let Some(text) = version.as_deref().filter(|text| !is_version(text)) {
            let shown: String = text.chars().take(80).collect();
            broken.push(note(field, say("rule-no-version").with("found", format!("{shown:?}"))));
        }
    }
}

/// One to four numbers with dots between them.
fn is_version(text: &str) -> bool {
    let number = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() <= 4 && text.split('.').all(number)
}

fn check_actions(settings: &Settings, broken: &mut Vec<FieldNote>) {
    let no_warn = [
        (
            "mobileThreatDefenseRemediationAction",
            Some(settings.mobile_threat_defense_remediation_action),
        ),
        (
            "appActionIfDeviceComplianceRequired",
            Some(settings.app_action_if_device_compliance_required),
        ),
        (
            "appActionIfIosDeviceModelNotAllowed",
            Some(settings.app_action_if_ios_device_model_not_allowed),
        ),
        (
            "appActionIfMaximumPinRetriesExceeded",
            Some(settings.app_action_if_maximum_pin_retries_exceeded),
        ),
        (
            "appActionIfUnableToAuthenticateUser",
            settings.app_action_if_unable_to_authenticate_user,
        ),
    ];
    for (field, action) in no_warn {
        if action == Some(RemediationAction::Warn) {
            broken.push(note(field, say("rule-no-warn")));
        }
    }
    if settings.app_action_if_account_is_clocked_out == Some(RemediationAction::Wipe) {
        broken.push(note("appActionIfAccountIsClockedOut", say("rule-no-wipe")));
    }
}

fn check_dependencies(settings: &Settings, broken: &mut Vec<FieldNote>) {
    let sends_to = settings.allowed_outbound_data_transfer_destinations;
    let rules = [
        (
            "disableProtectionOfManagedOutboundOpenInData",
            settings.disable_protection_of_managed_outbound_open_in_data && sends_to != DataTransferLevel::ManagedApps,
            say("rule-only-when")
                .with("other", "allowedOutboundDataTransferDestinations")
                .with("value", "managedApps"),
        ),
        (
            "protectInboundDataFromUnknownSources",
            settings.protect_inbound_data_from_unknown_sources
                && settings.allowed_inbound_data_transfer_sources != DataTransferLevel::AllApps,
            say("rule-only-when")
                .with("other", "allowedInboundDataTransferSources")
                .with("value", "allApps"),
        ),
        (
            "customDialerAppProtocol",
            settings.dialer_restriction_level == DialerRestriction::CustomApp
                && names_nothing(settings.custom_dialer_app_protocol.as_deref()),
            say("rule-needed-such-as")
                .with("other", "dialerRestrictionLevel")
                .with("value", "customApp")
                .with("example", "skype:"),
        ),
        (
            "messagingRedirectAppUrlScheme",
            settings.protected_messaging_redirect_app_type == MessagingRedirect::SpecificApps
                && names_nothing(settings.messaging_redirect_app_url_scheme.as_deref()),
            say("rule-needed")
                .with("other", "protectedMessagingRedirectAppType")
                .with("value", "specificApps"),
        ),
        (
            "allowedIosDeviceModels",
            settings.allowed_ios_device_models.is_some()
                && names_nothing(settings.allowed_ios_device_models.as_deref()),
            say("rule-no-model"),
        ),
    ];
    remark(broken, rules);
}

fn names_nothing(list: Option<&str>) -> bool {
    models(list.unwrap_or_default()).next().is_none()
}

fn check_texts(settings: &Settings, broken: &mut Vec<FieldNote>) {
    let texts = [
        ("customDialerAppProtocol", &settings.custom_dialer_app_protocol),
        (
            "messagingRedirectAppUrlScheme",
            &settings.messaging_redirect_app_url_scheme,
        ),
        ("customBrowserProtocol", &settings.custom_browser_protocol),
        ("allowedIosDeviceModels", &settings.allowed_ios_device_models),
    ];
    for (field, text) in texts {
        check_text(field, text.as_deref().unwrap_or_default(), broken);
    }
    let lists = [
        ("exemptedUniversalLinks", &settings.exempted_universal_links),
        ("managedUniversalLinks", &settings.managed_universal_links),
    ];
    for (field, list) in lists {
        check_length(field, list.len(), broken);
        list.iter().for_each(|text| check_text(field, text, broken));
    }
    check_length("exemptedAppProtocols", settings.exempted_app_protocols.len(), broken);
    for pair in &settings.exempted_app_protocols {
        check_text("exemptedAppProtocols", &pair.name, broken);
        check_text(
            "exemptedAppProtocols",
            pair.value.as_deref().unwrap_or_default(),
            broken,
        );
    }
    let locations = settings.allowed_data_storage_locations.len();
    check_length("allowedDataStorageLocations", locations, broken);
    let sources = settings.allowed_data_ingestion_locations.len();
    check_length("allowedDataIngestionLocations", sources, broken);
}

fn check_length(field: &'static str, length: usize, broken: &mut Vec<FieldNote>) {
    if length > MAX_LIST {
        broken.push(note(
            field,
            say("rule-most-entries").with("found", length).with("most", MAX_LIST),
        ));
    }
}

fn check_text(field: &'static str, text: &str, broken: &mut Vec<FieldNote>) {
    if text.chars().count() > MAX_TEXT {
        broken.push(note(field, say("rule-is-too-long").with("most", MAX_TEXT)));
    } else if text.chars().any(char::is_control) {
        broken.push(note(field, say("rule-control-character")));
    }
}

/// A limit that a harsher one of the same kind already covers is never reached.
fn remark_on_versions(settings: &Settings, notes: &mut Vec<FieldNote>) {
    for kinds in versions::fields(settings).chunks_exact(3) {
        for (milder, harsher) in [(0, 1), (0, 2), (1, 2)] {
            let (Some((field, milder)), Some((over, harsher))) = (kinds.get(milder), kinds.get(harsher)) else {
                continue;
            };
            let parse = |version: &Option<String>| version.as_deref().and_then(OsVersion::parse);
            let (Some(milder), Some(harsher)) = (parse(milder), parse(harsher)) else {
                continue;
            };
            let covered = if field.starts_with("minimum") {
                milder <= harsher
            } else {
                milder >= harsher
            };
            if covered {
                notes.push(note(
                    field,
                    say("note-comes-first")
                        .with("other", *over)
                        .with("limit", harsher.to_string()),
                ));
            }
        }
    }
}

fn remark_on_transfer(settings: &Settings, notes: &mut Vec<FieldNote>) {
    let browser = settings.managed_browser_to_open_links_required;
    let remarks = [
        (
            "filterOpenInToOnlyManagedApps",
            settings.filter_open_in_to_only_managed_apps
                && (settings.allowed_outbound_data_transfer_destinations != DataTransferLevel::ManagedApps
                    || settings.disable_protection_of_managed_outbound_open_in_data),
            say("note-open-in"),
        ),
        (
            "managedBrowser",
            settings.managed_browser != BrowserType::NotConfigured && !browser,
            say("note-needs").with("other", "managedBrowserToOpenLinksRequired"),
        ),
        (
            "customBrowserProtocol",
            settings.custom_browser_protocol.is_some()
                && (!browser || settings.managed_browser != BrowserType::NotConfigured),
            say("note-browser"),
        ),
    ];
    remark(notes, remarks);
}

fn remark_on_launch(settings: &Settings, notes: &mut Vec<FieldNote>) {
    let grace = settings.period_offline_before_access_check;
    let wipe = settings.period_offline_before_wipe_is_enforced;
    let limits_threat = settings.maximum_allowed_device_threat_level != DeviceThreatLimit::NotConfigured;
    let remarks = [
        (
            "minimumPinLength",
            settings.pin_required && settings.minimum_pin_length < 4,
            say("note-short-pin"),
        ),
        (
            "periodOfflineBeforeAccessCheck",
            grace < Period::from_minutes(30),
            say("note-short-grace"),
        ),
        (
            "periodOfflineBeforeWipeIsEnforced",
            !wipe.is_zero() && wipe <= grace,
            say("note-wipe-first"),
        ),
        (
            "mobileThreatDefensePartnerPriority",
            settings.mobile_threat_defense_partner_priority.is_some() && !limits_threat,
            say("note-needs").with("other", "maximumAllowedDeviceThreatLevel"),
        ),
    ];
    remark(notes, remarks);
}

fn remark<const N: usize>(notes: &mut Vec<FieldNote>, remarks: [(&'static str, bool, Message); N]) {
    let found = remarks.into_iter().filter(|(_, applies, _)| *applies);
    notes.extend(found.map(|(field, _, text)| note(field, text)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_model::app_protection::{KeyValue, PartnerPriority};

    fn refused(settings: &Settings) -> Vec<&'static str> {
        validate(settings)
            .err()
            .map_or_else(Vec::new, |error| error.0.iter().map(|note| note.field).collect())
    }

    fn noted(settings: &Settings) -> Vec<&'static str> {
        validate(settings).unwrap().iter().map(|note| note.field).collect()
    }

    #[test]
    fn the_defaults_pass_without_a_note() {
        assert_eq!(validate(&Settings::default()), Ok(Vec::new()));
        assert_eq!(validate(&Settings::recommended()), Ok(Vec::new()));
    }

    #[test]
    fn numbers_have_ranges() {
        let mut settings = Settings::default();
        for value in [-1, 65536] {
            settings.allowed_outbound_clipboard_sharing_exception_length = value;
            assert_eq!(refused(&settings), ["allowedOutboundClipboardSharingExceptionLength"]);
        }
        let mut settings = Settings::default();
        for (retries, passes) in [(0, false), (1, true), (65535, true), (65536, false)] {
            settings.maximum_pin_retries = retries;
            assert_eq!(refused(&settings).is_empty(), passes, "{retries}");
        }
        assert_eq!(
            validate(&settings).unwrap_err().to_string(),
            "maximumPinRetries: 65536 is not from 1 to 65535"
        );
        let settings = Settings {
            previous_pin_block_count: 25,
            minimum_pin_length: 65,
            ..Settings::default()
        };
        assert_eq!(refused(&settings), ["minimumPinLength", "previousPinBlockCount"]);
    }

    #[test]
    fn versions_are_numbers_with_dots() {
        for (version, passes) in [
            ("17", true),
            ("17.4.1", true),
            ("1.2.3.4", true),
            ("1.2.3.4.5", false),
            ("v17", false),
            ("17.", false),
            ("17.4 beta", false),
            ("12345678901", false),
        ] {
            let settings = Settings {
                minimum_wipe_sdk_version: Some(version.into()),
                ..Settings::default()
            };
            let expected: &[&str] = if passes { &[] } else { &["minimumWipeSdkVersion"] };
            assert_eq!(refused(&settings), expected, "{version}");
        }
    }

    #[test]
    fn actions_that_a_condition_does_not_have_are_refused() {
        let warn = RemediationAction::Warn;
        let settings = Settings {
            mobile_threat_defense_remediation_action: warn,
            app_action_if_device_compliance_required: warn,
            app_action_if_ios_device_model_not_allowed: warn,
            app_action_if_maximum_pin_retries_exceeded: warn,
            app_action_if_unable_to_authenticate_user: Some(warn),
            app_action_if_account_is_clocked_out: Some(RemediationAction::Wipe),
            ..Settings::default()
        };
        assert_eq!(refused(&settings).len(), 6);
        assert!(validate(&settings).unwrap_err().to_string().starts_with(
            "mobileThreatDefenseRemediationAction: warn is not supported here, only block and wipe; appAction"
        ));
        let allowed = Settings {
            app_action_if_account_is_clocked_out: Some(warn),
            app_action_if_unable_to_authenticate_user: Some(RemediationAction::Wipe),
            ..Settings::default()
        };
        assert_eq!(refused(&allowed), [""; 0]);
    }

    #[test]
    fn what_one_field_needs_of_another_is_checked() {
        let settings = Settings {
            disable_protection_of_managed_outbound_open_in_data: true,
            protect_inbound_data_from_unknown_sources: true,
            allowed_inbound_data_transfer_sources: DataTransferLevel::None,
            dialer_restriction_level: DialerRestriction::CustomApp,
            protected_messaging_redirect_app_type: MessagingRedirect::SpecificApps,
            messaging_redirect_app_url_scheme: Some(" ; ".into()),
            allowed_ios_device_models: Some(";".into()),
            ..Settings::default()
        };
        assert_eq!(
            refused(&settings),
            [
                "disableProtectionOfManagedOutboundOpenInData",
                "protectInboundDataFromUnknownSources",
                "customDialerAppProtocol",
                "messagingRedirectAppUrlScheme",
                "allowedIosDeviceModels",
            ]
        );
    }

    #[test]
    fn texts_and_lists_are_bounded() {
        let settings = Settings {
            custom_browser_protocol: Some("x".repeat(MAX_TEXT + 1)),
            exempted_universal_links: vec!["https://example.org/\u{0}".into()],
            managed_universal_links: vec![String::new(); MAX_LIST + 1],
            exempted_app_protocols: vec![KeyValue {
                name: "x".repeat(MAX_TEXT + 1),
                value: None,
            }],
            ..Settings::default()
        };
        assert_eq!(
            refused(&settings),
            [
                "customBrowserProtocol",
                "exemptedUniversalLinks",
                "managedUniversalLinks",
                "exemptedAppProtocols"
            ]
        );
    }

    #[test]
    fn what_is_odd_but_possible_is_noted() {
        let some = |text: &str| Some(text.to_owned());
        let settings = Settings {
            minimum_warning_os_version: some("16"),
            minimum_required_os_version: some("17"),
            minimum_wipe_os_version: some("15"),
            maximum_warning_os_version: some("19"),
            maximum_required_os_version: some("18"),
            minimum_warning_app_version: some("2.0"),
            minimum_required_app_version: some("2"),
            filter_open_in_to_only_managed_apps: true,
            pin_required: true,
            minimum_pin_length: 3,
            mobile_threat_defense_partner_priority: Some(PartnerPriority::DefenderOverThirdPartyPartner),
            managed_browser: BrowserType::MicrosoftEdge,
            custom_browser_protocol: some("firefox-focus"),
            period_offline_before_access_check: Period::from_minutes(10),
            period_offline_before_wipe_is_enforced: Period::from_minutes(10),
            ..Settings::default()
        };
        assert_eq!(
            noted(&settings),
            [
                "minimumWarningAppVersion",
                "minimumWarningOsVersion",
                "maximumWarningOsVersion",
                "filterOpenInToOnlyManagedApps",
                "managedBrowser",
                "customBrowserProtocol",
                "minimumPinLength",
                "periodOfflineBeforeAccessCheck",
                "periodOfflineBeforeWipeIsEnforced",
                "mobileThreatDefensePartnerPriority",
            ]
        );
        let sensible = Settings {
            minimum_warning_os_version: some("18"),
            minimum_required_os_version: some("17"),
            minimum_wipe_os_version: some("15"),
            ..Settings::default()
        };
        assert_eq!(noted(&sensible), [""; 0]);
    }

    #[test]
    fn apps_are_bundle_ids() {
        let app = |bundle_id: &str| AppIdentifier {
            bundle_id: bundle_id.into(),
        };
        let check = |names: &[&str]| {
            let apps: Vec<_> = names.iter().map(|name| app(name)).collect();
            validate_apps(AppGroup::SelectedPublicApps, &apps)
        };
        assert_eq!(
            check(&["org.example.Mail-2", "com.microsoft.Office.Outlook"]),
            Ok(Vec::new())
        );
        assert_eq!(check(&[]).unwrap().len(), 1);
        for name in ["", "org..example", "org.example/Mail", "org.example.", &"x".repeat(156)] {
            assert!(check(&[name]).unwrap_err().to_string().contains("bundleId"), "{name}");
        }
    }
}
