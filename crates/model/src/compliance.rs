//! Compliance policies for iOS, their actions, their states and the settings of the tenant, in Graph's spelling.
//!
//! Words are read in their exact case: a client that writes `Low` for `low` is told so.

use serde::{Deserialize, Serialize};

use crate::{GroupId, ThreatLevel, words};

/// The settings of Graph's `iosCompliancePolicy`, v1.0 and beta, and Moat's own. What is unset is not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IosComplianceSettings {
    pub security_block_jailbroken_devices: bool,
    /// A threat agent must be active on the device.
    pub device_threat_protection_enabled: bool,
    /// The highest threat level allowed, of all partners that are switched on.
    pub device_threat_protection_required_security_level: RequiredSecurityLevel,
    /// The same for what Moat itself reports (in Graph: Defender).
    pub advanced_threat_protection_required_security_level: RequiredSecurityLevel,
    /// Numbers with dots, such as `17` or `18.7.2`; the bounds themselves are allowed.
    pub os_minimum_version: Option<String>,
    pub os_maximum_version: Option<String>,
    /// Apple's build numbers, such as `22H123` or `20E772520a`.
    pub os_minimum_build_version: Option<String>,
    pub os_maximum_build_version: Option<String>,
    pub managed_email_profile_required: bool,
    pub passcode_required: bool,
    pub passcode_block_simple: bool,
    /// 4 to 14.
    pub passcode_minimum_length: Option<i32>,
    pub passcode_required_type: PasscodeType,
    /// Characters that are neither letter nor digit, 0 to 4.
    pub passcode_minimum_character_set_count: Option<i32>,
    /// 1 to 65535.
    pub passcode_expiration_days: Option<i32>,
    /// Last passcodes that may not be used again, 1 to 24.
    pub passcode_previous_passcode_block_count: Option<i32>,
    /// Longest time after the screen locks until the passcode is asked for, 0 (at once) to 240.
    pub passcode_minutes_of_inactivity_before_lock: Option<i32>,
    /// Longest time without a touch until the screen locks, 0 (at once) to 15.
    pub passcode_minutes_of_inactivity_before_screen_timeout: Option<i32>,
    /// At most 100. A device with one of them, installed outside management, is not compliant.
    pub restricted_apps: Vec<AppListItem>,
    /// Moat's own: what holds while a partner is unresponsive.
    pub moat_partner_unresponsive: PartnerUnresponsive,
}

impl IosComplianceSettings {
    /// Settings that v1.0 of Graph does not have, in the order above; the last one is Moat's.
    pub const BETA_ONLY: &[&str] = &[
        "advancedThreatProtectionRequiredSecurityLevel",
        "osMinimumBuildVersion",
        "osMaximumBuildVersion",
        "passcodeMinutesOfInactivityBeforeScreenTimeout",
        "restrictedApps",
        "moatPartnerUnresponsive",
    ];
}

/// An app of a list: Graph's `appListItem`. iOS apps are told apart by `app_id`, the bundle id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppListItem {
    pub name: String,
    pub publisher: Option<String>,
    pub app_store_url: Option<String>,
    pub app_id: Option<String>,
}

words! {
    /// Graph's `deviceThreatProtectionLevel`.
    #[derive(Default)]
    RequiredSecurityLevel {
        #[default]
        Unavailable => "unavailable",
        /// No threat of any level.
        Secured => "secured",
        Low => "low",
        Medium => "medium",
        /// Any threat, but the agent must be active.
        High => "high",
        NotSet => "notSet",
    }
}

impl RequiredSecurityLevel {
    /// The highest level allowed; none where the setting is not evaluated.
    #[must_use]
    pub const fn allowed(self) -> Option<ThreatLevel> {
        match self {
            Self::Unavailable | Self::NotSet => None,
            Self::Secured => Some(ThreatLevel::Secured),
            Self::Low => Some(ThreatLevel::Low),
            Self::Medium => Some(ThreatLevel::Medium),
            Self::High => Some(ThreatLevel::High),
        }
    }
}

words! {
    /// Graph's `requiredPasswordType`.
    #[derive(Default)]
    PasscodeType {
        /// Whatever the device asks for: not evaluated.
        #[default]
        DeviceDefault => "deviceDefault",
        Alphanumeric => "alphanumeric",
        Numeric => "numeric",
    }
}

words! {
    /// What holds while a partner does not answer.
    #[derive(Default)]
    PartnerUnresponsive {
        /// Its last report, until that is older than the validity period of the tenant; then not compliant.
        #[default]
        KeepLastKnown => "keepLastKnown",
        /// As if it had never reported.
        Ignore => "ignore",
        /// Not compliant.
        Block => "block",
    }
}

/// What happens some time after a device stopped being compliant: Graph's `deviceComplianceActionItem`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoncomplianceAction {
    /// Given by the server.
    #[serde(default)]
    pub id: String,
    /// Hours after the device stopped being compliant, 0 to 8760. For `block` this is the grace period.
    #[serde(default)]
    pub grace_period_hours: i32,
    pub action_type: NoncomplianceActionType,
    /// Empty or all zeros where there is none.
    #[serde(default)]
    pub notification_template_id: String,
    #[serde(default, rename = "notificationMessageCCList")]
    pub notification_message_cc_list: Vec<GroupId>,
}

words! {
    /// Graph's `deviceComplianceActionType`; `remoteLock` is beta.
    NoncomplianceActionType {
        NoAction => "noAction",
        Notification => "notification",
        /// The mark: from here on the device counts as noncompliant. Each policy has exactly one.
        Block => "block",
        Retire => "retire",
        Wipe => "wipe",
        RemoveResourceAccessProfiles => "removeResourceAccessProfiles",
        PushNotification => "pushNotification",
        RemoteLock => "remoteLock",
    }
}

words! {
    /// State of a device: Graph's `complianceState`.
    ComplianceState {
        Unknown => "unknown",
        Compliant => "compliant",
        Noncompliant => "noncompliant",
        Conflict => "conflict",
        Error => "error",
        InGracePeriod => "inGracePeriod",
        ConfigManager => "configManager",
    }
}

words! {
    /// State of a policy or of a setting on a device: Graph's `complianceStatus`, which writes `nonCompliant` where
    /// [`ComplianceState`] writes `noncompliant`.
    ComplianceStatus {
        Unknown => "unknown",
        NotApplicable => "notApplicable",
        Compliant => "compliant",
        Remediated => "remediated",
        NonCompliant => "nonCompliant",
        Error => "error",
        Conflict => "conflict",
        NotAssigned => "notAssigned",
    }
}

/// Settings that hold for every device: the part of Graph's `deviceManagementSettings` that is about compliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComplianceTenantSettings {
    /// A device without a policy is not compliant. Intune's default is false, Moat's true.
    pub secure_by_default: bool,
    /// Days without a check-in until a device is not compliant, 1 to 120.
    pub device_compliance_checkin_threshold_days: i32,
    pub is_scheduled_action_enabled: bool,
    /// Beta.
    pub enhanced_jail_break: bool,
}

impl Default for ComplianceTenantSettings {
    fn default() -> Self {
        Self {
            secure_by_default: true,
            device_compliance_checkin_threshold_days: 30,
            is_scheduled_action_enabled: true,
            enhanced_jail_break: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_graphs_names_and_an_empty_policy_evaluates_nothing() {
        let json = serde_json::to_value(IosComplianceSettings::default()).unwrap();
        let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut expected = vec![
            "deviceThreatProtectionEnabled",
            "deviceThreatProtectionRequiredSecurityLevel",
            "managedEmailProfileRequired",
            "osMaximumVersion",
            "osMinimumVersion",
            "passcodeBlockSimple",
            "passcodeExpirationDays",
            "passcodeMinimumCharacterSetCount",
            "passcodeMinimumLength",
            "passcodeMinutesOfInactivityBeforeLock",
            "passcodePreviousPasscodeBlockCount",
            "passcodeRequired",
            "passcodeRequiredType",
            "securityBlockJailbrokenDevices",
        ];
        expected.extend(IosComplianceSettings::BETA_ONLY);
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(
            serde_json::from_str::<IosComplianceSettings>("{}").unwrap(),
            IosComplianceSettings::default()
        );
        assert_eq!(json["moatPartnerUnresponsive"], "keepLastKnown");
    }

    #[test]
    fn what_the_sdk_sends_is_read() {
        let settings: IosComplianceSettings = serde_json::from_str(
            r##"{"@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"Phones",
                "deviceThreatProtectionEnabled":true,"deviceThreatProtectionRequiredSecurityLevel":"low",
                "securityBlockJailbrokenDevices":true,"osMinimumVersion":null,
                "restrictedApps":[{"@odata.type":"#microsoft.graph.appListItem","name":"Game","appId":"com.example.game"}]}"##,
        )
        .unwrap();
        assert!(settings.security_block_jailbroken_devices && settings.device_threat_protection_enabled);
        assert_eq!(
            settings.device_threat_protection_required_security_level.allowed(),
            Some(ThreatLevel::Low)
        );
        assert_eq!(settings.restricted_apps[0].app_id.as_deref(), Some("com.example.game"));

        let action: NoncomplianceAction = serde_json::from_str(
            r#"{"actionType":"block","gracePeriodHours":6,"notificationMessageCCList":[],"notificationTemplateId":""}"#,
        )
        .unwrap();
        assert_eq!(
            (action.action_type, action.grace_period_hours),
            (NoncomplianceActionType::Block, 6)
        );
    }

    #[test]
    fn words_in_another_case_are_refused() {
        for wrong in [
            r#"{"deviceThreatProtectionRequiredSecurityLevel":"Low"}"#,
            r#"{"advancedThreatProtectionRequiredSecurityLevel":"notset"}"#,
            r#"{"passcodeRequiredType":"Numeric"}"#,
            r#"{"moatPartnerUnresponsive":"keeplastknown"}"#,
        ] {
            assert!(serde_json::from_str::<IosComplianceSettings>(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<NoncomplianceActionType>(r#""Block""#).is_err());
    }

    #[test]
    fn a_device_is_noncompliant_and_a_policy_is_non_compliant() {
        assert_eq!(
            serde_json::to_string(&ComplianceState::Noncompliant).unwrap(),
            r#""noncompliant""#
        );
        assert_eq!(
            serde_json::to_string(&ComplianceStatus::NonCompliant).unwrap(),
            r#""nonCompliant""#
        );
    }

    #[test]
    fn devices_without_a_policy_are_not_compliant_unless_said_otherwise() {
        let settings: ComplianceTenantSettings = serde_json::from_str("{}").unwrap();
        assert!(settings.secure_by_default);
        assert_eq!(settings.device_compliance_checkin_threshold_days, 30);
        let settings: ComplianceTenantSettings = serde_json::from_str(r#"{"secureByDefault":false}"#).unwrap();
        assert!(!settings.secure_by_default);
    }
}
