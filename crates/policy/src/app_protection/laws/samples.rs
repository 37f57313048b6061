use moat_model::{
    DeviceId, Severity, ThreatLevel, Timestamp, UserId,
    app_protection::{
        AgentState, AlertRef, IosAppProtectionSettings as Settings, LEASE_VERSION, Lease, RegistrationId,
        ThreatReports, ThreatSource,
    },
};
use serde_json::{Value, json};

use crate::app_protection::{AppFacts, Jailbreak, access::AccessFacts, offline::LocalFacts};

/// Settings as JSON in which every field differs from its default.
pub(in crate::app_protection) fn unlike_the_default() -> Value {
    let mut changed = json!({
        "allowedOutboundDataTransferDestinations": "none",
        "exemptedAppProtocols": [{"name": "a", "value": "skype"}],
        "exemptedUniversalLinks": ["https://a.example"],
        "managedUniversalLinks": ["https://b.example"],
        "allowedDataStorageLocations": ["box"],
        "dialerRestrictionLevel": "blocked",
        "protectedMessagingRedirectAppType": "blocked",
        "allowedInboundDataTransferSources": "none",
        "allowedDataIngestionLocations": ["camera"],
        "allowedOutboundClipboardSharingLevel": "blocked",
        "appDataEncryptionType": "whenDeviceLocked",
        "managedBrowser": "microsoftEdge",
        "notificationRestriction": "block",
        "genmojiConfigurationState": "blocked",
        "screenCaptureConfigurationState": "blocked",
        "writingToolsConfigurationState": "blocked",
        "pinCharacterSet": "alphanumericAndSymbol",
        "pinRequiredInsteadOfBiometricTimeout": "PT7M",
        "gracePeriodToBlockAppsDuringOffClockHours": "PT7M",
        "maximumAllowedDeviceThreatLevel": "low",
        "mobileThreatDefensePartnerPriority": "thirdPartyPartnerOverDefender",
        "appActionIfUnableToAuthenticateUser": "wipe",
        "appActionIfAccountIsClockedOut": "block",
    });
    let default = serde_json::to_value(Settings::default()).unwrap();
    for (name, value) in default.as_object().unwrap() {
        let other = match value {
            Value::Bool(value) => json!(!value),
            Value::Number(value) => json!(value.as_i64().unwrap() + 1),
            Value::String(value) if value.starts_with('P') => json!("PT7M"),
            Value::String(value) if value == "block" => json!("wipe"),
            Value::Null => json!("7"),
            _ => continue,
        };
        changed.as_object_mut().unwrap().entry(name).or_insert(other);
    }
    changed
}

pub(super) fn number(number: u32) -> String {
    format!("{number:032x}")
}

pub(in crate::app_protection) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(in crate::app_protection) fn alert(title: &str) -> AlertRef {
    AlertRef {
        id: title.into(),
        title: title.into(),
        severity: Severity::High,
    }
}

pub(in crate::app_protection) fn source(name: &str, level: ThreatLevel) -> ThreatSource {
    ThreatSource {
        name: name.into(),
        used_for_app_protection: true,
        agent: AgentState::Active,
        level: Some(level),
        alerts: Vec::new(),
    }
}

/// A healthy app on a healthy device, checked in at time 0.
pub(in crate::app_protection) fn healthy() -> AppFacts {
    AppFacts {
        app_version: "4.2".into(),
        sdk_version: "20.1".into(),
        os_version: "18.7.1".into(),
        device_model: "iPhone15,3".into(),
        jailbreak: Jailbreak::default(),
        failed_pins: 0,
        last_check_in: at(0),
        account_disabled: false,
        clocked_out_since: None,
        threats: ThreatReports {
            own: source("Moat", ThreatLevel::Secured),
            third_party: None,
        },
        wipe_order: None,
    }
}

pub(in crate::app_protection) fn lease(settings: Settings) -> Lease {
    Lease {
        version: LEASE_VERSION,
        tenant: "example".into(),
        registration_id: RegistrationId("00000000-0000-0000-0000-000000000001".parse().unwrap()),
        device_id: number(2).parse::<DeviceId>().unwrap(),
        user_id: number(3).parse::<UserId>().unwrap(),
        bundle_id: "org.example.Mail".into(),
        issued_at: at(0),
        valid_until: at(900),
        policies: Vec::new(),
        settings,
        threats: healthy().threats,
        jailbroken: false,
        device_managed: false,
        account_disabled: false,
        clocked_out_since: None,
        wipe_order: None,
    }
}

pub(in crate::app_protection) fn local() -> LocalFacts {
    let facts = healthy();
    LocalFacts {
        device_id: number(2).parse().unwrap(),
        bundle_id: "org.example.mail".into(),
        app_version: facts.app_version,
        sdk_version: facts.sdk_version,
        os_version: facts.os_version,
        device_model: facts.device_model,
        jailbreak: facts.jailbreak,
        failed_pins: 0,
        latest_time_seen: at(0),
        access: AccessFacts {
            pin_set_at: Some(at(0)),
            last_pin: Some(at(0)),
            last_passed: Some(at(0)),
            last_sign_in: Some(at(0)),
            ..AccessFacts::default()
        },
    }
}
