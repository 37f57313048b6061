//! Random settings and facts.

use std::collections::BTreeMap;

use moat_model::{
    ThreatLevel, Timestamp,
    app_protection::{AgentState, IosAppProtectionSettings as Settings, ThreatReports, ThreatSource, WipeOrderId},
};
use proptest::{option, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{alert, at};
use crate::app_protection::{AppFacts, Jailbreak};

const DAY: i64 = 24 * 3600;

/// Each field takes its default or one of a few values, so that policies meet.
pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let values = choices();
    let picks: Vec<_> = values
        .values()
        .map(|values| option::of(select(values.clone())))
        .collect();
    let names: Vec<_> = values.into_keys().collect();
    picks.prop_map(move |picks| {
        let body: serde_json::Map<_, _> = names
            .iter()
            .zip(picks)
            .filter_map(|(name, value)| Some((name.clone(), value?)))
            .collect();
        serde_json::from_value(Value::Object(body)).unwrap()
    })
}

/// Per field the values to choose from: those of its type that the table's rules tell apart.
fn choices() -> BTreeMap<String, Vec<Value>> {
    let versions = ["9.3", "15", "15.0", "17.9", "17.10", "18.7.1", "20"];
    let periods = ["PT0S", "PT10M", "PT12H", "P1D", "P90D"];
    let words: &[(&str, &[&str])] = &[
        ("allowedOutboundDataTransferDestinations", &["managedApps", "none"]),
        ("dialerRestrictionLevel", &["managedApps", "customApp", "blocked"]),
        ("customDialerAppProtocol", &["skype:", "zoom:"]),
        (
            "protectedMessagingRedirectAppType",
            &["anyManagedApp", "specificApps", "blocked"],
        ),
        ("messagingRedirectAppUrlScheme", &["a:;b:", "B:", "c:"]),
        ("allowedInboundDataTransferSources", &["managedApps", "none"]),
        (
            "allowedOutboundClipboardSharingLevel",
            &["managedAppsWithPasteIn", "blocked"],
        ),
        ("appDataEncryptionType", &["afterDeviceRestart", "whenDeviceLocked"]),
        ("managedBrowser", &["microsoftEdge"]),
        ("customBrowserProtocol", &["firefox-focus", "brave"]),
        ("notificationRestriction", &["blockOrganizationalData", "block"]),
        ("genmojiConfigurationState", &["blocked", "notBlocked"]),
        ("screenCaptureConfigurationState", &["blocked", "notBlocked"]),
        ("writingToolsConfigurationState", &["blocked", "notBlocked"]),
        ("pinCharacterSet", &["alphanumericAndSymbol"]),
        ("maximumAllowedDeviceThreatLevel", &["secured", "low", "medium", "high"]),
        (
            "mobileThreatDefenseRemediationAction",
            &["block", "wipe", "blockWhenSettingIsSupported"],
        ),
        (
            "mobileThreatDefensePartnerPriority",
            &["defenderOverThirdPartyPartner", "thirdPartyPartnerOverDefender"],
        ),
        (
            "allowedIosDeviceModels",
            &["iPhone15,3", "iphone15,3;iPhone14,2", "iPad4,1;iPhone15,3", "iPad4,1"],
        ),
        ("appActionIfUnableToAuthenticateUser", &["block", "wipe"]),
        ("appActionIfAccountIsClockedOut", &["block", "warn"]),
    ];
    let mut result: BTreeMap<String, Vec<Value>> = words
        .iter()
        .map(|(name, values)| ((*name).into(), values.iter().map(|word| json!(word)).collect()))
        .collect();
    let lists = [
        (
            "exemptedAppProtocols",
            json!([[], [{"name": "B", "value": "skype;itms"}], [{"name": "A", "value": "itms"}]]),
        ),
        ("exemptedUniversalLinks", json!([["a", "b"], ["b"]])),
        ("managedUniversalLinks", json!([["b", "a"], ["a"]])),
        (
            "allowedDataStorageLocations",
            json!([["box", "sharePoint"], ["sharePoint"], ["egnyte"]]),
        ),
        (
            "allowedDataIngestionLocations",
            json!([["camera"], ["sharePoint", "camera"]]),
        ),
    ];
    for (name, values) in lists {
        result.insert(name.into(), values.as_array().unwrap().clone());
    }
    for (name, value) in serde_json::to_value(Settings::default()).unwrap().as_object().unwrap() {
        let values: Vec<Value> = match value {
            Value::Bool(_) => vec![json!(true)],
            Value::Number(_) => [3, 4, 5, 6].map(|number| json!(number)).into(),
            Value::String(text) if text.starts_with('P') => periods.map(|period| json!(period)).into(),
            Value::String(text) if text == "block" => vec![json!("wipe")],
            Value::Null if name.ends_with("Version") => versions.map(|version| json!(version)).into(),
            Value::Null => periods.map(|period| json!(period)).into(),
            _ => continue,
        };
        result.entry(name.clone()).or_insert(values);
    }
    result
}

fn threat_source() -> impl Strategy<Value = ThreatSource> {
    let agents =
        prop_oneof![1 => Just(AgentState::Missing), 1 => Just(AgentState::Inactive), 4 => Just(AgentState::Active)];
    let level = option::weighted(0.9, select(ThreatLevel::ALL));
    (any::<bool>(), agents, level).prop_map(|(used_for_app_protection, agent, level)| ThreatSource {
        name: "Moat".into(),
        used_for_app_protection,
        agent,
        level,
        alerts: level.map(|level| alert(level.as_str())).into_iter().collect(),
    })
}

pub(super) fn facts() -> impl Strategy<Value = AppFacts> {
    let version = || select(vec!["", "9", "15", "17.9.2", "17.10", "18.7.1", "21"]);
    let versions = (version(), version(), version());
    let device = (
        select(vec!["", "iPhone15,3", "IPHONE14,2", "iPad4,1"]),
        prop::bool::weighted(0.2),
    );
    let user = (0..8_u32, prop::bool::weighted(0.2), option::weighted(0.3, 0..DAY));
    let threats = (threat_source(), option::of(threat_source()));
    (versions, device, user, threats, prop::bool::weighted(0.05)).prop_map(
        |((app, sdk, os), (model, jailbroken), (failed_pins, account_disabled, off), (own, third_party), wipe)| {
            AppFacts {
                app_version: app.into(),
                sdk_version: sdk.into(),
                os_version: os.into(),
                device_model: model.into(),
                jailbreak: Jailbreak {
                    jailbroken,
                    evidence: Vec::new(),
                },
                failed_pins,
                last_check_in: at(0),
                account_disabled,
                clocked_out_since: off.map(at),
                threats: ThreatReports { own, third_party },
                wipe_order: wipe.then(|| WipeOrderId("00000000-0000-0000-0000-000000000005".parse().unwrap())),
            }
        },
    )
}

/// Around the edges of the periods above.
pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    let edges = vec![0, 600, DAY / 2, DAY, 90 * DAY];
    (select(edges), -2_i64..=2).prop_map(|(edge, off)| at((edge + off).max(0)))
}
