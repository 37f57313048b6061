//! What "more restrictive" means, field by field: the table that [`merge`](super::merge) goes by.

use std::{cmp::Ordering, collections::BTreeMap};

use moat_model::{
    Period,
    app_protection::{
        BrowserType, DataTransferLevel, DeviceThreatLimit, DialerRestriction, IosAppProtectionSettings as Settings,
        KeyValue, MessagingRedirect,
    },
};

use crate::jailbreak::OsVersion;

/// One field and how two values of it become one. Each rule is commutative, associative and idempotent.
pub(super) struct Field {
    /// As Graph spells it.
    pub name: &'static str,
    /// A numeric entry field, which takes the recommended default where policies differ.
    pub numeric: bool,
    /// Whether the policy says anything by this field: it is not null, and the setting that it belongs to is switched on.
    pub counts: fn(&Settings) -> bool,
    pub same: fn(&Settings, &Settings) -> bool,
    pub copy: fn(&mut Settings, &Settings),
    pub join: fn(&mut Settings, &Settings),
}

macro_rules! field {
    ($name:literal, $field:ident, numeric) => {
        field!($name, $field, numeric, |_| true)
    };
    ($name:literal, $field:ident, numeric, $counts:expr) => {
        Field {
            name: $name,
            numeric: true,
            counts: $counts,
            same: |a, b| a.$field == b.$field,
            copy: |to, from| to.$field = from.$field,
            join: |to, from| {
                if to.$field != from.$field {
                    to.$field = Settings::default().$field;
                }
            },
        }
    };
    ($name:literal, $field:ident, $rule:expr) => {
        field!($name, $field, $rule, |_| true)
    };
    ($name:literal, $field:ident, $rule:expr, $counts:expr) => {
        Field {
            name: $name,
            numeric: false,
            counts: $counts,
            same: |a, b| a.$field == b.$field,
            copy: |to, from| to.$field = from.$field.clone(),
            join: |to, from| to.$field = $rule(to.$field.clone(), from.$field.clone()),
        }
    };
}

/// Every field, with its rule and, in the last column, when it counts.
///
/// | rule | the stricter of two values is |
/// |---|---|
/// | `Ord::max` | true, where true blocks or requires; for words, the later in their list, which goes from loosest to strictest |
/// | `Ord::min` | false, where true allows; of periods, the shorter |
/// | `numeric` | neither: where they differ, the recommended default stands |
/// | `shorter_but_zero_is_never` | the shorter; zero is the loosest |
/// | `shorter_and_null_is_zero` | the shorter; null is the strictest |
/// | `shorter` | the shorter; a policy with null does not count |
/// | `higher`, `lower` | the higher, the lower version |
/// | `both` | what both lists name; of none, nothing |
/// | `both_protocols`, `both_schemes`, `both_models` | the same for lists inside a text |
/// | `first_by_name` | neither is stricter: the first in the alphabet, so that the order of policies does not matter |
///
/// `mobileThreatDefensePartnerPriority` has no stricter value either; `max` takes Defender before a third party.
pub(super) const FIELDS: &[Field] = &[
    // Data protection
    field!("dataBackupBlocked", data_backup_blocked, Ord::max),
    field!(
        "allowedOutboundDataTransferDestinations",
        allowed_outbound_data_transfer_destinations,
        Ord::max
    ),
    field!(
        "filterOpenInToOnlyManagedApps",
        filter_open_in_to_only_managed_apps,
        Ord::max,
        |s| sends_to_managed_apps(s) && !s.disable_protection_of_managed_outbound_open_in_data
    ),
    field!(
        "disableProtectionOfManagedOutboundOpenInData",
        disable_protection_of_managed_outbound_open_in_data,
        Ord::min,
        sends_to_managed_apps
    ),
    field!(
        "exemptedAppProtocols",
        exempted_app_protocols,
        both_protocols,
        restricts_sending
    ),
    field!(
        "exemptedUniversalLinks",
        exempted_universal_links,
        both,
        restricts_sending
    ),
    field!(
        "managedUniversalLinks",
        managed_universal_links,
        both,
        restricts_sending
    ),
    field!("saveAsBlocked", save_as_blocked, Ord::max),
    field!(
        "allowedDataStorageLocations",
        allowed_data_storage_locations,
        both,
        |s| s.save_as_blocked
    ),
    field!("dialerRestrictionLevel", dialer_restriction_level, Ord::max),
    field!(
        "customDialerAppProtocol",
        custom_dialer_app_protocol,
        both_schemes,
        |s| { s.dialer_restriction_level == DialerRestriction::CustomApp }
    ),
    field!(
        "protectedMessagingRedirectAppType",
        protected_messaging_redirect_app_type,
        Ord::max
    ),
    field!(
        "messagingRedirectAppUrlScheme",
        messaging_redirect_app_url_scheme,
        both_schemes,
        |s| { s.protected_messaging_redirect_app_type == MessagingRedirect::SpecificApps }
    ),
    field!(
        "allowedInboundDataTransferSources",
        allowed_inbound_data_transfer_sources,
        Ord::max
    ),
    field!(
        "protectInboundDataFromUnknownSources",
        protect_inbound_data_from_unknown_sources,
        Ord::max,
        |s| s.allowed_inbound_data_transfer_sources == DataTransferLevel::AllApps
    ),
    field!(
        "blockDataIngestionIntoOrganizationDocuments",
        block_data_ingestion_into_organization_documents,
        Ord::max
    ),
    field!(
        "allowedDataIngestionLocations",
        allowed_data_ingestion_locations,
        both,
        |s| { s.block_data_ingestion_into_organization_documents }
    ),
    field!(
        "allowedOutboundClipboardSharingLevel",
        allowed_outbound_clipboard_sharing_level,
        Ord::max
    ),
    field!(
        "allowedOutboundClipboardSharingExceptionLength",
        allowed_outbound_clipboard_sharing_exception_length,
        numeric
    ),
    field!("thirdPartyKeyboardsBlocked", third_party_keyboards_blocked, Ord::max),
    field!("appDataEncryptionType", app_data_encryption_type, Ord::max),
    field!("contactSyncBlocked", contact_sync_blocked, Ord::max),
    field!("allowWidgetContentSync", allow_widget_content_sync, Ord::min),
    field!("printBlocked", print_blocked, Ord::max),
    field!(
        "managedBrowserToOpenLinksRequired",
        managed_browser_to_open_links_required,
        Ord::max
    ),
    field!("managedBrowser", managed_browser, Ord::max, |s| s
        .managed_browser_to_open_links_required),
    field!("customBrowserProtocol", custom_browser_protocol, first_by_name, |s| {
        s.managed_browser_to_open_links_required
            && s.managed_browser == BrowserType::NotConfigured
            && s.custom_browser_protocol.is_some()
    }),
    field!("notificationRestriction", notification_restriction, Ord::max),
    field!(
        "genmojiConfigurationState",
        genmoji_configuration_state,
        Ord::max,
        |s| { s.genmoji_configuration_state.is_some() }
    ),
    field!(
        "screenCaptureConfigurationState",
        screen_capture_configuration_state,
        Ord::max,
        |s| { s.screen_capture_configuration_state.is_some() }
    ),
    field!(
        "writingToolsConfigurationState",
        writing_tools_configuration_state,
        Ord::max,
        |s| { s.writing_tools_configuration_state.is_some() }
    ),
    // Access requirements
    field!("pinRequired", pin_required, Ord::max),
    field!("pinCharacterSet", pin_character_set, Ord::max, |s| s.pin_required),
    field!("simplePinBlocked", simple_pin_blocked, Ord::max, |s| s.pin_required),
    field!("minimumPinLength", minimum_pin_length, numeric, |s| s.pin_required),
    field!("fingerprintBlocked", fingerprint_blocked, Ord::max, |s| s.pin_required),
    field!("faceIdBlocked", face_id_blocked, Ord::max, |s| s.pin_required),
    field!(
        "pinRequiredInsteadOfBiometricTimeout",
        pin_required_instead_of_biometric_timeout,
        shorter,
        |s| s.pin_required && s.pin_required_instead_of_biometric_timeout.is_some()
    ),
    field!(
        "periodBeforePinReset",
        period_before_pin_reset,
        shorter_but_zero_is_never,
        |s| s.pin_required
    ),
    field!("previousPinBlockCount", previous_pin_block_count, numeric, |s| s
        .pin_required),
    field!(
        "disableAppPinIfDevicePinIsSet",
        disable_app_pin_if_device_pin_is_set,
        Ord::min,
        |s| s.pin_required
    ),
    field!(
        "organizationalCredentialsRequired",
        organizational_credentials_required,
        Ord::max
    ),
    field!(
        "periodOnlineBeforeAccessCheck",
        period_online_before_access_check,
        Ord::min
    ),
    // Conditional launch
    field!("maximumPinRetries", maximum_pin_retries, numeric, |s| s.pin_required),
    field!(
        "appActionIfMaximumPinRetriesExceeded",
        app_action_if_maximum_pin_retries_exceeded,
        Ord::max,
        |s| s.pin_required
    ),
    field!(
        "periodOfflineBeforeAccessCheck",
        period_offline_before_access_check,
        Ord::min
    ),
    field!(
        "periodOfflineBeforeWipeIsEnforced",
        period_offline_before_wipe_is_enforced,
        shorter_but_zero_is_never
    ),
    field!(
        "appActionIfUnableToAuthenticateUser",
        app_action_if_unable_to_authenticate_user,
        Ord::max,
        |s| { s.app_action_if_unable_to_authenticate_user.is_some() }
    ),
    field!("minimumWarningAppVersion", minimum_warning_app_version, higher, |s| {
        s.minimum_warning_app_version.is_some()
    }),
    field!("minimumRequiredAppVersion", minimum_required_app_version, higher, |s| {
        s.minimum_required_app_version.is_some()
    }),
    field!("minimumWipeAppVersion", minimum_wipe_app_version, higher, |s| s
        .minimum_wipe_app_version
        .is_some()),
    field!("minimumWarningSdkVersion", minimum_warning_sdk_version, higher, |s| {
        s.minimum_warning_sdk_version.is_some()
    }),
    field!("minimumRequiredSdkVersion", minimum_required_sdk_version, higher, |s| {
        s.minimum_required_sdk_version.is_some()
    }),
    field!("minimumWipeSdkVersion", minimum_wipe_sdk_version, higher, |s| s
        .minimum_wipe_sdk_version
        .is_some()),
    field!(
        "appActionIfAccountIsClockedOut",
        app_action_if_account_is_clocked_out,
        Ord::max,
        |s| { s.app_action_if_account_is_clocked_out.is_some() }
    ),
    field!(
        "gracePeriodToBlockAppsDuringOffClockHours",
        grace_period_to_block_apps_during_off_clock_hours,
        shorter_and_null_is_zero,
        |s| s.app_action_if_account_is_clocked_out.is_some()
    ),
    field!("deviceComplianceRequired", device_compliance_required, Ord::max),
    field!(
        "appActionIfDeviceComplianceRequired",
        app_action_if_device_compliance_required,
        Ord::max,
        |s| { s.device_compliance_required }
    ),
    field!("minimumWarningOsVersion", minimum_warning_os_version, higher, |s| s
        .minimum_warning_os_version
        .is_some()),
    field!("minimumRequiredOsVersion", minimum_required_os_version, higher, |s| {
        s.minimum_required_os_version.is_some()
    }),
    field!("minimumWipeOsVersion", minimum_wipe_os_version, higher, |s| s
        .minimum_wipe_os_version
        .is_some()),
    field!("maximumWarningOsVersion", maximum_warning_os_version, lower, |s| s
        .maximum_warning_os_version
        .is_some()),
    field!("maximumRequiredOsVersion", maximum_required_os_version, lower, |s| {
        s.maximum_required_os_version.is_some()
    }),
    field!("maximumWipeOsVersion", maximum_wipe_os_version, lower, |s| s
        .maximum_wipe_os_version
        .is_some()),
    field!("allowedIosDeviceModels", allowed_ios_device_models, both_models, |s| {
        s.allowed_ios_device_models.is_some()
    }),
    field!(
        "appActionIfIosDeviceModelNotAllowed",
        app_action_if_ios_device_model_not_allowed,
        Ord::max,
        |s| { s.allowed_ios_device_models.is_some() }
    ),
    field!(
        "maximumAllowedDeviceThreatLevel",
        maximum_allowed_device_threat_level,
        Ord::max
    ),
    field!(
        "mobileThreatDefenseRemediationAction",
        mobile_threat_defense_remediation_action,
        Ord::max,
        limits_threat
    ),
    field!(
        "mobileThreatDefensePartnerPriority",
        mobile_threat_defense_partner_priority,
        Ord::max,
        |s| { limits_threat(s) && s.mobile_threat_defense_partner_priority.is_some() }
    ),
];

fn sends_to_managed_apps(settings: &Settings) -> bool {
    settings.allowed_outbound_data_transfer_destinations == DataTransferLevel::ManagedApps
}

fn restricts_sending(settings: &Settings) -> bool {
    settings.allowed_outbound_data_transfer_destinations != DataTransferLevel::AllApps
}

fn limits_threat(settings: &Settings) -> bool {
    settings.maximum_allowed_device_threat_level != DeviceThreatLimit::NotConfigured
}

/// The models that a list in `allowedIosDeviceModels` names, in lower case.
pub(super) fn models(list: &str) -> impl Iterator<Item = String> + '_ {
    list.split(';')
        .map(|model| model.trim().to_ascii_lowercase())
        .filter(|model| !model.is_empty())
}

fn shorter_but_zero_is_never(a: Period, b: Period) -> Period {
    match (a.is_zero(), b.is_zero()) {
        (true, _) => b,
        (_, true) => a,
        _ => a.min(b),
    }
}

/// None sorts before every period, which is just what is wanted here.
fn shorter_and_null_is_zero(a: Option<Period>, b: Option<Period>) -> Option<Period> {
    a.min(b)
}

fn shorter(a: Option<Period>, b: Option<Period>) -> Option<Period> {
    either(a, b, Ord::min)
}

fn higher(a: Option<String>, b: Option<String>) -> Option<String> {
    either(a, b, |a, b| if by_version(&a, &b).is_lt() { b } else { a })
}

fn lower(a: Option<String>, b: Option<String>) -> Option<String> {
    // What is no version loses here too.
    let low = |a: &str, b: &str| match (OsVersion::parse(a), OsVersion::parse(b)) {
        (Some(a), Some(b)) if a != b => a < b,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        _ => a < b,
    };
    either(a, b, |a, b| if low(&a, &b) { a } else { b })
}

/// What is no version comes first; versions that are equal (`15`, `15.0`) are ordered by their text.
fn by_version(a: &str, b: &str) -> Ordering {
    OsVersion::parse(a).cmp(&OsVersion::parse(b)).then_with(|| a.cmp(b))
}

fn first_by_name(a: Option<String>, b: Option<String>) -> Option<String> {
    either(a, b, Ord::min)
}

fn either<T>(a: Option<T>, b: Option<T>, choose: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(choose(a, b)),
        (a, b) => a.or(b),
    }
}

fn both<T: Ord>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
    let mut common: Vec<T> = a.into_iter().filter(|value| b.contains(value)).collect();
    common.sort();
    common.dedup();
    common
}

/// One pair for each protocol that both name; of its names, the first in the alphabet.
fn both_protocols(a: Vec<KeyValue>, b: Vec<KeyValue>) -> Vec<KeyValue> {
    let (a, b) = (protocols(a), protocols(b));
    a.into_iter()
        .filter_map(|(protocol, name)| {
            let other = b.get(&protocol)?;
            Some(KeyValue {
                name: name.min(other.clone()),
                value: Some(protocol),
            })
        })
        .collect()
}

fn protocols(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for pair in pairs {
        for protocol in models(pair.value.as_deref().unwrap_or_default()) {
            let name = names.entry(protocol).or_insert_with(|| pair.name.clone());
            if pair.name < *name {
                name.clone_from(&pair.name);
            }
        }
    }
    names
}

/// Null where nothing is common: the setting that names the scheme then blocks.
fn both_schemes(a: Option<String>, b: Option<String>) -> Option<String> {
    let list = |text: Option<String>| models(&text.unwrap_or_default()).collect::<Vec<_>>();
    let common = both(list(a), list(b));
    (!common.is_empty()).then(|| common.join(";"))
}

/// Where nothing is common, `;`: a list that allows no model. Never null, which would allow all.
fn both_models(a: Option<String>, b: Option<String>) -> Option<String> {
    either(a, b, |a, b| {
        // Models keep the spelling of the first in the alphabet: upper case before lower.
        let spelled = |list: &str| -> BTreeMap<String, String> {
            let mut found: BTreeMap<String, String> = BTreeMap::new();
            for model in list.split(';').map(str::trim).filter(|model| !model.is_empty()) {
                let entry = found.entry(model.to_ascii_lowercase()).or_insert_with(|| model.into());
                if model < entry.as_str() {
                    *entry = model.into();
                }
            }
            found
        };
        let (a, b) = (spelled(&a), spelled(&b));
        let common: Vec<_> = a
            .into_iter()
            .filter_map(|(key, model)| Some(model.min(b.get(&key)?.clone())))
            .collect();
        if common.is_empty() {
            ";".into()
        } else {
            common.join(";")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_field_once_and_no_other() {
        let value = serde_json::to_value(Settings::default()).unwrap();
        let mut expected: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
        expected.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn each_row_touches_the_field_that_it_names() {
        // Copying from settings that differ everywhere must change the named field alone.
        let other: Settings = serde_json::from_value(super::super::laws::unlike_the_default()).unwrap();
        for field in FIELDS {
            let (mut changed, before) = (Settings::default(), serde_json::to_value(Settings::default()).unwrap());
            assert!(!(field.same)(&changed, &other), "{}", field.name);
            (field.copy)(&mut changed, &other);
            assert!((field.same)(&changed, &other), "{}", field.name);
            let after = serde_json::to_value(&changed).unwrap();
            for (name, value) in after.as_object().unwrap() {
                assert_eq!(*value != before[name], name == field.name, "{name} by {}", field.name);
            }
        }
    }

    #[test]
    fn versions_compare_as_numbers_and_what_is_no_version_loses() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(higher(some("9.3"), some("15.0")), some("15.0"));
        assert_eq!(lower(some("9.3"), some("15.0")), some("9.3"));
        assert_eq!(higher(some("latest"), some("1")), some("1"));
        assert_eq!(lower(some("1"), some("latest")), some("1"));
        assert_eq!(higher(some("15"), some("15.0")), higher(some("15.0"), some("15")));
        assert_eq!(lower(some("15"), some("15.0")), lower(some("15.0"), some("15")));
    }

    #[test]
    fn lists_inside_a_text_intersect() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            both_models(some("iPhone5,2;iPhone5,3"), some(" IPHONE5,3 ;")),
            some("IPHONE5,3")
        );
        assert_eq!(both_models(some("iPhone5,2"), some("iPad4,1")), some(";"));
        for twice in ["iphone5,3;iPhone5,3", "iPhone5,3;iphone5,3"] {
            assert_eq!(both_models(some(twice), some(twice)), some("iPhone5,3"));
        }
        assert_eq!(both_schemes(some("skype:;zoom:"), some("Zoom:")), some("zoom:"));
        assert_eq!(both_schemes(some("skype:"), some("zoom:")), None);
        let pair = |name: &str, value: &str| KeyValue {
            name: name.into(),
            value: some(value),
        };
        assert_eq!(
            both_protocols(
                vec![pair("Default", "skype;itms;calshow")],
                vec![pair("B", "itms"), pair("A", "skype;itms")]
            ),
            [pair("A", "itms"), pair("A", "skype")]
        );
    }

    #[test]
    fn zero_means_what_the_field_says() {
        let minutes = Period::from_minutes;
        assert_eq!(shorter_but_zero_is_never(Period::ZERO, minutes(5)), minutes(5));
        assert_eq!(shorter_but_zero_is_never(minutes(9), minutes(5)), minutes(5));
        assert_eq!(shorter_and_null_is_zero(None, Some(minutes(5))), None);
        assert_eq!(shorter(None, Some(minutes(5))), Some(minutes(5)));
    }
}
