use std::{fs, path::Path};

use ed25519_dalek::{Signer as _, SigningKey};
use moat_model::{
    DeviceId, Severity, ThreatLevel, Timestamp, UserId,
    app_protection::{
        AgentState, AlertRef, AppCheckInReply, DeviceThreatLimit, IosAppProtectionSettings, LEASE_VERSION, Lease,
        RegistrationId, RemediationAction, SignedLease, ThreatReports, ThreatSource, WipeOrderId,
    },
};
use uuid::Uuid;

type Settings = IosAppProtectionSettings;

/// 2026-11-24 12:00 UTC, the `NOW` of the scripts.
const NOW: i64 = 1_795_521_600;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Signs the answers to check-ins that `app_protection_test.py` hands in.
pub fn write(folder: &Path) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let stranger = SigningKey::from_bytes(&[8; 32]);
    for (name, lease) in threats().into_iter().chain(pins()).chain(holders()) {
        keep(folder, name, &reply(Some(signed(&lease, &key))));
    }
    keep(folder, "stranger", &reply(Some(signed(&lease(), &stranger))));
    let mut altered = signed(&high(RemediationAction::Block), &key);
    altered.lease = altered.lease.replace("\"high\"", "\"secured\"");
    keep(folder, "altered", &reply(Some(altered)));
    let mut odd = reply(Some(signed(&lease(), &key)));
    odd.access_proof = Some("a\r\nX-Client-Mfa: true".into());
    keep(folder, "odd-proof", &odd);
    let mut without = reply(Some(signed(&lease(), &key)));
    without.access_proof = None;
    keep(folder, "without-proof", &without);
    let text = b"moat app lease\nnot JSON";
    let no_lease = SignedLease {
        lease: String::from_utf8(text.to_vec()).unwrap(),
        signature: hex::encode(key.sign(text).to_bytes()),
    };
    keep(folder, "no-lease", &reply(Some(no_lease)));
    let mut none = reply(None);
    none.reason = Some("No app protection policy is for this user and app.".into());
    keep(folder, "none", &none);
}

fn threats() -> Vec<(&'static str, Lease)> {
    let agent = |state| {
        let mut lease = lease();
        (lease.threats.own.agent, lease.threats.own.level) = (state, None);
        lease
    };
    let wiping = Settings {
        device_compliance_required: true,
        app_action_if_device_compliance_required: RemediationAction::Wipe,
        ..settings()
    };
    vec![
        ("allowed", lease()),
        ("hour-later", at(lease(), NOW + HOUR)),
        ("weeks-later", at(lease(), NOW + 100 * DAY)),
        ("high", high(RemediationAction::Block)),
        ("high-wipe", high(RemediationAction::Wipe)),
        ("high-wipe-later", at(high(RemediationAction::Wipe), NOW + 2 * HOUR)),
        ("missing-agent", agent(AgentState::Missing)),
        ("inactive-agent", agent(AgentState::Inactive)),
        ("jailbreak-wipes", with(wiping)),
        (
            "order",
            Lease {
                wipe_order: Some(WipeOrderId(Uuid::from_u128(5))),
                ..at(lease(), NOW + 60)
            },
        ),
    ]
}

fn pins() -> Vec<(&'static str, Lease)> {
    let pin = Settings {
        pin_required: true,
        simple_pin_blocked: true,
        previous_pin_block_count: 2,
        maximum_pin_retries: 3,
        pin_required_instead_of_biometric_timeout: Some(moat_model::Period::from_minutes(60)),
        ..settings()
    };
    let wiping = Settings {
        app_action_if_maximum_pin_retries_exceeded: RemediationAction::Wipe,
        ..pin.clone()
    };
    let sign_in = Settings {
        organizational_credentials_required: true,
        ..settings()
    };
    let passcode = Settings {
        disable_app_pin_if_device_pin_is_set: true,
        ..pin.clone()
    };
    vec![
        ("pin", with(pin.clone())),
        ("pin-hour-later", at(with(pin), NOW + HOUR)),
        ("pin-wipes", with(wiping)),
        ("sign-in", with(sign_in)),
        (
            "passcode",
            Lease {
                device_managed: true,
                ..with(passcode)
            },
        ),
    ]
}

fn holders() -> Vec<(&'static str, Lease)> {
    vec![
        (
            "other-device",
            Lease {
                device_id: DeviceId(Uuid::from_u128(9)),
                ..lease()
            },
        ),
        (
            "other-app",
            Lease {
                bundle_id: "org.example.chat".into(),
                ..lease()
            },
        ),
        ("future", at(lease(), NOW + 2 * DAY)),
    ]
}

/// Secured, by an active agent; threats above Low block.
fn lease() -> Lease {
    at(
        Lease {
            version: LEASE_VERSION,
            tenant: "example".into(),
            registration_id: RegistrationId(Uuid::from_u128(1)),
            device_id: DeviceId(Uuid::from_u128(2)),
            user_id: UserId(Uuid::from_u128(3)),
            bundle_id: "org.example.Mail".into(),
            issued_at: Timestamp::from_micros(0),
            valid_until: Timestamp::from_micros(0),
            policies: Vec::new(),
            settings: settings(),
            threats: ThreatReports {
                own: ThreatSource {
                    name: "Moat".into(),
                    used_for_app_protection: true,
                    agent: AgentState::Active,
                    level: Some(ThreatLevel::Secured),
                    alerts: Vec::new(),
                },
                third_party: None,
            },
            jailbroken: false,
            device_managed: false,
            account_disabled: false,
            clocked_out_since: None,
            wipe_order: None,
        },
        NOW,
    )
}

fn settings() -> Settings {
    Settings {
        maximum_allowed_device_threat_level: DeviceThreatLimit::Low,
        ..Settings::default()
    }
}

fn with(settings: Settings) -> Lease {
    Lease { settings, ..lease() }
}

/// A minute later the device is at High.
fn high(action: RemediationAction) -> Lease {
    let mut lease = at(
        with(Settings {
            mobile_threat_defense_remediation_action: action,
            ..settings()
        }),
        NOW + 60,
    );
    lease.threats.own.level = Some(ThreatLevel::High);
    lease.threats.own.alerts = vec![AlertRef {
        id: "7".into(),
        title: "Device is jailbroken".into(),
        severity: Severity::High,
    }];
    lease
}

fn at(lease: Lease, seconds: i64) -> Lease {
    let issued_at = Timestamp::from_micros(seconds * 1_000_000);
    Lease {
        issued_at,
        valid_until: issued_at.saturating_add(std::time::Duration::from_secs(15 * 60)),
        ..lease
    }
}

fn signed(lease: &Lease, key: &SigningKey) -> SignedLease {
    let bytes = lease.encode().unwrap();
    SignedLease {
        signature: hex::encode(key.sign(&bytes).to_bytes()),
        lease: String::from_utf8(bytes).unwrap(),
    }
}

fn reply(lease: Option<SignedLease>) -> AppCheckInReply {
    AppCheckInReply {
        registration_id: RegistrationId(Uuid::from_u128(1)),
        access_proof: lease.is_some().then(|| "a-proof_1".into()),
        lease,
        reason: None,
    }
}

fn keep(folder: &Path, name: &str, reply: &AppCheckInReply) {
    fs::write(folder.join(format!("{name}.reply")), serde_json::to_vec(reply).unwrap()).unwrap();
}
