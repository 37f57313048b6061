//! The connection to a partner that judges devices: Graph's `mobileThreatDefenseConnector`.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, directory::id, words};

id! {
    /// The partner's own number; it is also the connector's.
    ConnectorId
}

words! {
    /// State of a connector. Stored are `unavailable`, `notSetUp`, `available` and `error`, what set-up and the partner said;
    /// `enabled` and `unresponsive` follow from the switches and from time (`moat_policy::connector`).
    /// v1.0 of Graph has neither `notSetUp` nor `error`.
    #[derive(Default)]
    PartnerState {
        /// The partner was taken away and must be set up anew.
        Unavailable => "unavailable",
        /// Set up, and no platform is switched on.
        Available => "available",
        /// Set up, and at least one platform is switched on.
        Enabled => "enabled",
        /// No heartbeat for as many days as are allowed.
        Unresponsive => "unresponsive",
        /// Set-up is not finished.
        #[default]
        NotSetUp => "notSetUp",
        /// The partner sent an error.
        Error => "error",
    }
}

/// Every property of Graph's `mobileThreatDefenseConnector`, v1.0 and beta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connector {
    pub id: ConnectorId,
    /// None before the first heartbeat; Graph writes year 1 then.
    #[serde(with = "never_is_year_one")]
    pub last_heartbeat_date_time: Option<Timestamp>,
    pub partner_state: PartnerState,
    pub ios_enabled: bool,
    pub android_enabled: bool,
    pub windows_enabled: bool,
    pub mac_enabled: bool,
    /// No device counts as compliant before the partner has reported on it.
    pub ios_device_blocked_on_missing_partner_data: bool,
    pub android_device_blocked_on_missing_partner_data: bool,
    pub windows_device_blocked_on_missing_partner_data: bool,
    pub mac_device_blocked_on_missing_partner_data: bool,
    /// App protection uses the partner's data. At most one partner of a platform has this on.
    pub ios_mobile_application_management_enabled: bool,
    pub android_mobile_application_management_enabled: bool,
    pub windows_mobile_application_management_enabled: bool,
    /// Devices below the partner's oldest supported system are not compliant.
    pub partner_unsupported_os_version_blocked: bool,
    /// Days without a heartbeat until the partner counts as unresponsive.
    pub partner_unresponsiveness_threshold_in_days: i32,
    #[serde(rename = "allowPartnerToCollectIOSApplicationMetadata")]
    pub allow_partner_to_collect_ios_application_metadata: bool,
    #[serde(rename = "allowPartnerToCollectIOSPersonalApplicationMetadata")]
    pub allow_partner_to_collect_ios_personal_application_metadata: bool,
    pub allow_partner_to_collect_ios_certificate_metadata: bool,
    pub allow_partner_to_collect_ios_personal_certificate_metadata: bool,
    pub microsoft_defender_for_endpoint_attach_enabled: bool,
}

impl Connector {
    /// Properties that v1.0 of Graph does not have.
    pub const BETA_ONLY: &[&str] = &[
        "macEnabled",
        "macDeviceBlockedOnMissingPartnerData",
        "windowsMobileApplicationManagementEnabled",
        "allowPartnerToCollectIosCertificateMetadata",
        "allowPartnerToCollectIosPersonalCertificateMetadata",
    ];
}

impl Default for Connector {
    /// Not set up, everything off, a week until it counts as unresponsive.
    fn default() -> Self {
        Self {
            id: ConnectorId(uuid::Uuid::nil()),
            last_heartbeat_date_time: None,
            partner_state: PartnerState::NotSetUp,
            ios_enabled: false,
            android_enabled: false,
            windows_enabled: false,
            mac_enabled: false,
            ios_device_blocked_on_missing_partner_data: false,
            android_device_blocked_on_missing_partner_data: false,
            windows_device_blocked_on_missing_partner_data: false,
            mac_device_blocked_on_missing_partner_data: false,
            ios_mobile_application_management_enabled: false,
            android_mobile_application_management_enabled: false,
            windows_mobile_application_management_enabled: false,
            partner_unsupported_os_version_blocked: false,
            partner_unresponsiveness_threshold_in_days: 7,
            allow_partner_to_collect_ios_application_metadata: false,
            allow_partner_to_collect_ios_personal_application_metadata: false,
            allow_partner_to_collect_ios_certificate_metadata: false,
            allow_partner_to_collect_ios_personal_certificate_metadata: false,
            microsoft_defender_for_endpoint_attach_enabled: false,
        }
    }
}

/// Graph has no null for a moment that must be there: never is `0001-01-01T00:00:00Z`.
mod never_is_year_one {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Timestamp;

    const NEVER: &str = "0001-01-01T00:00:00Z";

    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_str(NEVER),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok((Ok(at) != NEVER.parse()).then_some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_spelled_as_graph_spells_them() {
        let json = serde_json::to_value(Connector::default()).unwrap();
        let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut expected = vec![
            "allowPartnerToCollectIOSApplicationMetadata",
            "allowPartnerToCollectIOSPersonalApplicationMetadata",
            "androidDeviceBlockedOnMissingPartnerData",
            "androidEnabled",
            "androidMobileApplicationManagementEnabled",
            "id",
            "iosDeviceBlockedOnMissingPartnerData",
            "iosEnabled",
            "iosMobileApplicationManagementEnabled",
            "lastHeartbeatDateTime",
            "microsoftDefenderForEndpointAttachEnabled",
            "partnerState",
            "partnerUnresponsivenessThresholdInDays",
            "partnerUnsupportedOsVersionBlocked",
            "windowsDeviceBlockedOnMissingPartnerData",
            "windowsEnabled",
        ];
        expected.extend(Connector::BETA_ONLY);
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(json["partnerState"], "notSetUp");
        assert_eq!(json["partnerUnresponsivenessThresholdInDays"], 7);
    }

    #[test]
    fn a_heartbeat_is_iso_8601_and_none_is_year_one() {
        let mut connector = Connector::default();
        let json = serde_json::to_value(&connector).unwrap();
        assert_eq!(json["lastHeartbeatDateTime"], "0001-01-01T00:00:00Z");
        assert_eq!(serde_json::from_value::<Connector>(json).unwrap(), connector);

        connector.last_heartbeat_date_time = Some(Timestamp::from_micros(1_764_000_000_123_456));
        let json = serde_json::to_value(&connector).unwrap();
        assert_eq!(json["lastHeartbeatDateTime"], "2025-11-24T16:00:00.1234560Z");
        assert_eq!(serde_json::from_value::<Connector>(json).unwrap(), connector);
        assert!(serde_json::from_str::<Connector>(r#"{"lastHeartbeatDateTime":"soon"}"#).is_err());
    }

    #[test]
    fn what_is_not_sent_keeps_its_default_and_a_wrong_word_is_refused() {
        let connector: Connector =
            serde_json::from_str(r#"{"iosEnabled":true,"partnerUnresponsivenessThresholdInDays":3}"#).unwrap();
        assert!(connector.ios_enabled && !connector.android_enabled);
        assert_eq!(connector.partner_unresponsiveness_threshold_in_days, 3);
        assert!(serde_json::from_str::<Connector>(r#"{"partnerState":"NotSetUp"}"#).is_err());
    }
}
