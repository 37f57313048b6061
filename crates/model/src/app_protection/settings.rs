use serde::{Deserialize, Deserializer, Serialize};

use super::words::{
    AppFeature, BrowserType, ClipboardLevel, DataTransferLevel, DeviceThreatLimit, DialerRestriction, EncryptionType,
    IngestionLocation, MessagingRedirect, NotificationRestriction, PartnerPriority, PinCharacterSet, RemediationAction,
    StorageLocation,
};
use crate::Period;

/// The fields of `iosManagedAppProtection` that only `/beta` knows, sorted; `/v1.0` leaves them out. Three of
/// them are fields of a policy that are no settings: `appGroupType`, `roleScopeTagIds` and `targetedAppManagementLevels`.
pub const BETA_ONLY: &[&str] = &[
    "allowWidgetContentSync",
    "allowedDataIngestionLocations",
    "allowedIosDeviceModels",
    "allowedOutboundClipboardSharingExceptionLength",
    "appActionIfAccountIsClockedOut",
    "appActionIfDeviceComplianceRequired",
    "appActionIfIosDeviceModelNotAllowed",
    "appActionIfMaximumPinRetriesExceeded",
    "appActionIfUnableToAuthenticateUser",
    "appGroupType",
    "blockDataIngestionIntoOrganizationDocuments",
    "customDialerAppProtocol",
    "dialerRestrictionLevel",
    "disableProtectionOfManagedOutboundOpenInData",
    "exemptedAppProtocols",
    "exemptedUniversalLinks",
    "filterOpenInToOnlyManagedApps",
    "genmojiConfigurationState",
    "gracePeriodToBlockAppsDuringOffClockHours",
    "managedUniversalLinks",
    "maximumAllowedDeviceThreatLevel",
    "maximumRequiredOsVersion",
    "maximumWarningOsVersion",
    "maximumWipeOsVersion",
    "messagingRedirectAppUrlScheme",
    "minimumWarningSdkVersion",
    "minimumWipeAppVersion",
    "minimumWipeOsVersion",
    "minimumWipeSdkVersion",
    "mobileThreatDefensePartnerPriority",
    "mobileThreatDefenseRemediationAction",
    "notificationRestriction",
    "pinRequiredInsteadOfBiometricTimeout",
    "previousPinBlockCount",
    "protectInboundDataFromUnknownSources",
    "protectedMessagingRedirectAppType",
    "roleScopeTagIds",
    "screenCaptureConfigurationState",
    "targetedAppManagementLevels",
    "thirdPartyKeyboardsBlocked",
    "writingToolsConfigurationState",
];

/// A name and a value: Graph's `keyValuePair`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyValue {
    pub name: String,
    #[serde(default)]
    pub value: Option<String>,
}

/// Everything that an app protection policy sets: the fields of Graph's `iosManagedAppProtection` that are settings.
///
/// A field that a request leaves out takes the value of [`Default`]: nothing is restricted, no condition is configured,
/// and numbers are those of the admin centre. The admin centre itself offers [`IosAppProtectionSettings::recommended`] for
/// a new policy; the docs of a field say its value there as "Portal". Graph does not document what it fills in itself.
///
/// Fields that are unknown here are ignored. An empty text is read as null, since clients send it to switch a setting off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IosAppProtectionSettings {
    // Data protection
    /// iTunes and iCloud backups of work data. Portal: allow.
    pub data_backup_blocked: bool,
    /// Apps that work data may be sent to. Portal: `allApps`.
    pub allowed_outbound_data_transfer_destinations: DataTransferLevel,
    /// The open-in and share menus show managed apps only. Counts with `managedApps` alone.
    pub filter_open_in_to_only_managed_apps: bool,
    /// What goes out by open-in stays unprotected ("with OS sharing"). Allowed with `managedApps` alone.
    pub disable_protection_of_managed_outbound_open_in_data: bool,
    /// Protocols of apps that may receive work data all the same; several in one value with semicolons between.
    /// Portal: `skype;app-settings;calshow;itms;itmss;itms-apps;itms-appss;itms-services`.
    #[serde(deserialize_with = "list")]
    pub exempted_app_protocols: Vec<KeyValue>,
    /// Universal links that may open an unmanaged app.
    #[serde(deserialize_with = "list")]
    pub exempted_universal_links: Vec<String>,
    /// Universal links that open a managed app.
    #[serde(deserialize_with = "list")]
    pub managed_universal_links: Vec<String>,
    /// Saving copies of work data. Portal: allow.
    pub save_as_blocked: bool,
    /// Where copies may be saved although `saveAsBlocked`.
    pub allowed_data_storage_locations: Vec<StorageLocation>,
    /// Portal: any dialer app.
    pub dialer_restriction_level: DialerRestriction,
    /// The dialer of `customApp`, such as `skype:`.
    #[serde(deserialize_with = "text")]
    pub custom_dialer_app_protocol: Option<String>,
    /// Portal: any messaging app.
    pub protected_messaging_redirect_app_type: MessagingRedirect,
    /// The apps of `specificApps`; several with semicolons between.
    #[serde(deserialize_with = "text")]
    pub messaging_redirect_app_url_scheme: Option<String>,
    /// Apps that the app takes data from. Portal: `allApps`.
    pub allowed_inbound_data_transfer_sources: DataTransferLevel,
    /// What comes in from an unknown app becomes work data. Allowed with `allApps` alone.
    pub protect_inbound_data_from_unknown_sources: bool,
    /// Opening data into work documents. Portal: allow.
    pub block_data_ingestion_into_organization_documents: bool,
    /// Where it may come from although `blockDataIngestionIntoOrganizationDocuments`.
    pub allowed_data_ingestion_locations: Vec<IngestionLocation>,
    /// Cut, copy and paste. Portal: any app.
    pub allowed_outbound_clipboard_sharing_level: ClipboardLevel,
    /// Characters that may be copied to any app all the same, 0 to 65535. Portal: 0.
    pub allowed_outbound_clipboard_sharing_exception_length: i32,
    /// Portal: allow.
    pub third_party_keyboards_blocked: bool,
    /// Portal: `whenDeviceLocked`.
    pub app_data_encryption_type: EncryptionType,
    /// Portal: allow.
    pub contact_sync_blocked: bool,
    /// Work data in widgets.
    pub allow_widget_content_sync: bool,
    /// Portal: allow.
    pub print_blocked: bool,
    /// Links open in the managed browser. Portal: not configured.
    pub managed_browser_to_open_links_required: bool,
    /// Which one; counts with `managedBrowserToOpenLinksRequired`.
    pub managed_browser: BrowserType,
    /// Another browser, by its protocol; counts with `managedBrowserToOpenLinksRequired`.
    #[serde(deserialize_with = "text")]
    pub custom_browser_protocol: Option<String>,
    /// Portal: `allow`.
    pub notification_restriction: NotificationRestriction,
    /// Portal: allow.
    pub genmoji_configuration_state: Option<AppFeature>,
    /// Portal: allow.
    pub screen_capture_configuration_state: Option<AppFeature>,
    /// Portal: allow.
    pub writing_tools_configuration_state: Option<AppFeature>,
    // Access requirements
    /// A PIN for the app. Portal: require.
    pub pin_required: bool,
    /// Portal: `numeric`.
    pub pin_character_set: PinCharacterSet,
    /// PINs such as 1234, 1111 or abcd. Portal: allow.
    pub simple_pin_blocked: bool,
    /// 0 to 64. Portal: 4.
    pub minimum_pin_length: i32,
    /// Touch ID in place of the PIN. Portal: allow.
    pub fingerprint_blocked: bool,
    /// Face ID in place of the PIN. Portal: allow.
    pub face_id_blocked: bool,
    /// Time after the last PIN from which a fingerprint or face does not do. Null: it always does. Portal: 30 minutes.
    pub pin_required_instead_of_biometric_timeout: Option<Period>,
    /// Age at which a PIN has to be changed. Zero: never. Portal: never (90 days are offered).
    pub period_before_pin_reset: Period,
    /// Previous PINs that may not be used again, 0 to 24.
    pub previous_pin_block_count: i32,
    /// No PIN for the app on a managed device that has a passcode. Portal: the app's PIN is asked all the same.
    pub disable_app_pin_if_device_pin_is_set: bool,
    /// Sign-in with the work account, besides the PIN. Portal: not required.
    pub organizational_credentials_required: bool,
    /// Inactivity after which these requirements are checked again. Portal: 30 minutes.
    pub period_online_before_access_check: Period,
    // Conditional launch
    /// Wrong PINs in a row, 1 to 65535. Portal: 5.
    pub maximum_pin_retries: i32,
    /// `block` is: set a new PIN after signing in. Portal: `block`.
    pub app_action_if_maximum_pin_retries_exceeded: RemediationAction,
    /// Time without a check-in after which work data is closed. Zero: closed whenever offline. Portal: 1440 minutes.
    pub period_offline_before_access_check: Period,
    /// Time without a check-in after which work data is wiped. Zero: never. Portal: 90 days.
    pub period_offline_before_wipe_is_enforced: Period,
    /// When the account is disabled or deleted. Null: nothing.
    pub app_action_if_unable_to_authenticate_user: Option<RemediationAction>,
    #[serde(deserialize_with = "text")]
    pub minimum_warning_app_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub minimum_required_app_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub minimum_wipe_app_version: Option<String>,
    /// Version of the app protection library inside the app.
    #[serde(deserialize_with = "text")]
    pub minimum_warning_sdk_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub minimum_required_sdk_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub minimum_wipe_sdk_version: Option<String>,
    /// In non-working time: `block` or `warn`. Null: nothing.
    pub app_action_if_account_is_clocked_out: Option<RemediationAction>,
    /// How long after clocking out that begins. Null: at once.
    pub grace_period_to_block_apps_during_off_clock_hours: Option<Period>,
    /// The device may not be jailbroken.
    pub device_compliance_required: bool,
    /// When it is, and `deviceComplianceRequired`.
    pub app_action_if_device_compliance_required: RemediationAction,
    #[serde(deserialize_with = "text")]
    pub minimum_warning_os_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub minimum_required_os_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub minimum_wipe_os_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub maximum_warning_os_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub maximum_required_os_version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub maximum_wipe_os_version: Option<String>,
    /// Device models with semicolons between (`iPhone14,2;iPhone15,3`), letter case aside. Null: every model. A list
    /// without a model in it (`;`) allows none: so disjoint lists merge.
    #[serde(deserialize_with = "text")]
    pub allowed_ios_device_models: Option<String>,
    /// `block` or `wipe`.
    pub app_action_if_ios_device_model_not_allowed: RemediationAction,
    /// Portal: `notConfigured`.
    pub maximum_allowed_device_threat_level: DeviceThreatLimit,
    /// When the device is above it: `block` or `wipe`, never `warn`.
    pub mobile_threat_defense_remediation_action: RemediationAction,
    /// Whose level counts. Null: Moat's own before a third party's.
    pub mobile_threat_defense_partner_priority: Option<PartnerPriority>,
}

impl Default for IosAppProtectionSettings {
    fn default() -> Self {
        Self {
            data_backup_blocked: false,
            allowed_outbound_data_transfer_destinations: DataTransferLevel::AllApps,
            filter_open_in_to_only_managed_apps: false,
            disable_protection_of_managed_outbound_open_in_data: false,
            exempted_app_protocols: Vec::new(),
            exempted_universal_links: Vec::new(),
            managed_universal_links: Vec::new(),
            save_as_blocked: false,
            allowed_data_storage_locations: Vec::new(),
            dialer_restriction_level: DialerRestriction::AllApps,
            custom_dialer_app_protocol: None,
            protected_messaging_redirect_app_type: MessagingRedirect::AnyApp,
            messaging_redirect_app_url_scheme: None,
            allowed_inbound_data_transfer_sources: DataTransferLevel::AllApps,
            protect_inbound_data_from_unknown_sources: false,
            block_data_ingestion_into_organization_documents: false,
            allowed_data_ingestion_locations: Vec::new(),
            allowed_outbound_clipboard_sharing_level: ClipboardLevel::AllApps,
            allowed_outbound_clipboard_sharing_exception_length: 0,
            third_party_keyboards_blocked: false,
            app_data_encryption_type: EncryptionType::UseDeviceSettings,
            contact_sync_blocked: false,
            allow_widget_content_sync: false,
            print_blocked: false,
            managed_browser_to_open_links_required: false,
            managed_browser: BrowserType::NotConfigured,
            custom_browser_protocol: None,
            notification_restriction: NotificationRestriction::Allow,
            genmoji_configuration_state: None,
            screen_capture_configuration_state: None,
            writing_tools_configuration_state: None,
            pin_required: false,
            pin_character_set: PinCharacterSet::Numeric,
            simple_pin_blocked: false,
            minimum_pin_length: 4,
            fingerprint_blocked: false,
            face_id_blocked: false,
            pin_required_instead_of_biometric_timeout: None,
            period_before_pin_reset: Period::ZERO,
            previous_pin_block_count: 0,
            disable_app_pin_if_device_pin_is_set: false,
            organizational_credentials_required: false,
            period_online_before_access_check: Period::from_minutes(30),
            maximum_pin_retries: 5,
            app_action_if_maximum_pin_retries_exceeded: RemediationAction::Block,
            period_offline_before_access_check: Period::from_minutes(1440),
            period_offline_before_wipe_is_enforced: Period::from_days(90),
            app_action_if_unable_to_authenticate_user: None,
            minimum_warning_app_version: None,
            minimum_required_app_version: None,
            minimum_wipe_app_version: None,
            minimum_warning_sdk_version: None,
            minimum_required_sdk_version: None,
            minimum_wipe_sdk_version: None,
            app_action_if_account_is_clocked_out: None,
            grace_period_to_block_apps_during_off_clock_hours: None,
            device_compliance_required: false,
            app_action_if_device_compliance_required: RemediationAction::Block,
            minimum_warning_os_version: None,
            minimum_required_os_version: None,
            minimum_wipe_os_version: None,
            maximum_warning_os_version: None,
            maximum_required_os_version: None,
            maximum_wipe_os_version: None,
            allowed_ios_device_models: None,
            app_action_if_ios_device_model_not_allowed: RemediationAction::Block,
            maximum_allowed_device_threat_level: DeviceThreatLimit::NotConfigured,
            mobile_threat_defense_remediation_action: RemediationAction::Block,
            mobile_threat_defense_partner_priority: None,
        }
    }
}

impl IosAppProtectionSettings {
    /// The values that the admin centre offers for a new policy.
    #[must_use]
    pub fn recommended() -> Self {
        Self {
            exempted_app_protocols: vec![KeyValue {
                name: "Default".into(),
                value: Some("skype;app-settings;calshow;itms;itmss;itms-apps;itms-appss;itms-services".into()),
            }],
            app_data_encryption_type: EncryptionType::WhenDeviceLocked,
            pin_required: true,
            pin_required_instead_of_biometric_timeout: Some(Period::from_minutes(30)),
            ..Self::default()
        }
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.trim().is_empty()))
}

/// Graph's nullable lists: null is the empty one.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fields(settings: &IosAppProtectionSettings) -> serde_json::Map<String, Value> {
        serde_json::to_value(settings).unwrap().as_object().unwrap().clone()
    }

    #[test]
    fn every_field_is_spelled_as_graph_spells_it() {
        let names: Vec<_> = fields(&IosAppProtectionSettings::default())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let mut expected = vec![
            "dataBackupBlocked",
            "allowedOutboundDataTransferDestinations",
            "filterOpenInToOnlyManagedApps",
            "disableProtectionOfManagedOutboundOpenInData",
            "exemptedAppProtocols",
            "exemptedUniversalLinks",
            "managedUniversalLinks",
            "saveAsBlocked",
            "allowedDataStorageLocations",
            "dialerRestrictionLevel",
            "customDialerAppProtocol",
            "protectedMessagingRedirectAppType",
            "messagingRedirectAppUrlScheme",
            "allowedInboundDataTransferSources",
            "protectInboundDataFromUnknownSources",
            "blockDataIngestionIntoOrganizationDocuments",
            "allowedDataIngestionLocations",
            "allowedOutboundClipboardSharingLevel",
            "allowedOutboundClipboardSharingExceptionLength",
            "thirdPartyKeyboardsBlocked",
            "appDataEncryptionType",
            "contactSyncBlocked",
            "allowWidgetContentSync",
            "printBlocked",
            "managedBrowserToOpenLinksRequired",
            "managedBrowser",
            "customBrowserProtocol",
            "notificationRestriction",
            "genmojiConfigurationState",
            "screenCaptureConfigurationState",
            "writingToolsConfigurationState",
            "pinRequired",
            "pinCharacterSet",
            "simplePinBlocked",
            "minimumPinLength",
            "fingerprintBlocked",
            "faceIdBlocked",
            "pinRequiredInsteadOfBiometricTimeout",
            "periodBeforePinReset",
            "previousPinBlockCount",
            "disableAppPinIfDevicePinIsSet",
            "organizationalCredentialsRequired",
            "periodOnlineBeforeAccessCheck",
            "maximumPinRetries",
            "appActionIfMaximumPinRetriesExceeded",
            "periodOfflineBeforeAccessCheck",
            "periodOfflineBeforeWipeIsEnforced",
            "appActionIfUnableToAuthenticateUser",
            "minimumWarningAppVersion",
            "minimumRequiredAppVersion",
            "minimumWipeAppVersion",
            "minimumWarningSdkVersion",
            "minimumRequiredSdkVersion",
            "minimumWipeSdkVersion",
            "appActionIfAccountIsClockedOut",
            "gracePeriodToBlockAppsDuringOffClockHours",
            "deviceComplianceRequired",
            "appActionIfDeviceComplianceRequired",
            "minimumWarningOsVersion",
            "minimumRequiredOsVersion",
            "minimumWipeOsVersion",
            "maximumWarningOsVersion",
            "maximumRequiredOsVersion",
            "maximumWipeOsVersion",
            "allowedIosDeviceModels",
            "appActionIfIosDeviceModelNotAllowed",
            "maximumAllowedDeviceThreatLevel",
            "mobileThreatDefenseRemediationAction",
            "mobileThreatDefensePartnerPriority",
        ];
        expected.sort_unstable();
        let mut names: Vec<_> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn beta_fields_are_sorted_and_real() {
        assert!(BETA_ONLY.windows(2).all(|pair| pair[0] < pair[1]));
        let fields = fields(&IosAppProtectionSettings::default());
        let others: Vec<_> = BETA_ONLY.iter().filter(|name| !fields.contains_key(**name)).collect();
        assert_eq!(
            others,
            [&"appGroupType", &"roleScopeTagIds", &"targetedAppManagementLevels"]
        );
        assert_eq!(fields.len() - (BETA_ONLY.len() - others.len()), 31, "what /v1.0 knows");
    }

    #[test]
    fn what_a_request_leaves_out_takes_its_default() {
        let settings: IosAppProtectionSettings = serde_json::from_value(json!({
            "maximumAllowedDeviceThreatLevel": "low",
            "mobileThreatDefenseRemediationAction": "wipe",
            "periodOfflineBeforeAccessCheck": "12:00:00",
            "minimumRequiredOsVersion": "",
            "exemptedAppProtocols": null,
        }))
        .unwrap();
        let expected = IosAppProtectionSettings {
            maximum_allowed_device_threat_level: DeviceThreatLimit::Low,
            mobile_threat_defense_remediation_action: RemediationAction::Wipe,
            period_offline_before_access_check: Period::from_minutes(720),
            ..Default::default()
        };
        assert_eq!(settings, expected);
        assert_eq!(fields(&settings)["periodOfflineBeforeAccessCheck"], "PT12H");
        assert_eq!(fields(&settings)["minimumRequiredOsVersion"], Value::Null);
    }

    #[test]
    fn all_of_it_is_read_back() {
        for settings in [
            IosAppProtectionSettings::default(),
            IosAppProtectionSettings::recommended(),
        ] {
            let value = serde_json::to_value(&settings).unwrap();
            assert_eq!(
                serde_json::from_value::<IosAppProtectionSettings>(value).unwrap(),
                settings
            );
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for (field, value) in [
            ("maximumAllowedDeviceThreatLevel", json!("Low")),
            ("pinRequired", json!("true")),
            ("pinRequired", json!(null)),
            ("maximumPinRetries", json!("5")),
            ("allowedDataStorageLocations", json!(["oneDriveForBusiness,box"])),
            ("periodBeforePinReset", json!("P3M")),
        ] {
            let body = json!({ field: value });
            assert!(
                serde_json::from_value::<IosAppProtectionSettings>(body).is_err(),
                "{field}"
            );
        }
    }
}
