use std::{fs, path::Path};

use ed25519_dalek::SigningKey;
use moat_indicators::{BundleContent, Entry, compile, seal};
use moat_model::{Action, IndicatorId, IndicatorType, Settings, Severity, Timestamp};
use moat_policy::jailbreak;

/// Signs the bundles that `session_test.py` opens and returns the public key in hexadecimal.
pub fn write(folder: &Path) -> String {
    let key = SigningKey::from_bytes(&[7; 32]);
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let settings = Settings {
        organisation: "Example Ltd".into(),
        ..Settings::default()
    };
    let hidden = Settings {
        exclude_url_in_report: true,
        ..settings.clone()
    };
    let rules = jailbreak::BUILT_IN;
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    write("first.bundle", seal(&content(1, &settings, rules), &key));
    write("second.bundle", seal(&content(2, &hidden, rules), &key));
    write(
        "rules-of-tomorrow.bundle",
        seal(&content(3, &settings, br#"{"schema":2}"#), &key),
    );
    write("stranger.bundle", seal(&content(9, &settings, rules), &stranger));
    hex::encode(key.verifying_key().to_bytes())
}

fn content(version: u64, settings: &Settings, rules: &[u8]) -> BundleContent {
    BundleContent {
        version,
        created: Timestamp::from_micros(1_764_000_000_000_000),
        tenant: "example".into(),
        settings: settings.clone(),
        jailbreak_rules: rules.to_vec(),
        indicators: compile(entries(), [1; 16]).unwrap(),
        feeds: Vec::new().into(),
    }
}

fn entries() -> Vec<Entry> {
    use IndicatorType::{DomainName, IpAddress, Url};
    let entry = |id, kind, value: &str, action, severity, generate_alert| Entry {
        id: IndicatorId(id),
        kind,
        value: value.into(),
        action,
        severity,
        title: format!("Indicator of {value}"),
        generate_alert,
        expires: None,
        bypass_hours: None,
        educate_url: None,
    };
    vec![
        entry(1, DomainName, "phish.example", Action::Block, Severity::High, true),
        entry(
            2,
            DomainName,
            "good.phish.example",
            Action::Allowed,
            Severity::Informational,
            false,
        ),
        entry(
            3,
            Url,
            "http://shop.example/fake/",
            Action::Block,
            Severity::Medium,
            true,
        ),
        Entry {
            bypass_hours: Some(2),
            educate_url: Some("https://help.example/why".into()),
            ..entry(4, DomainName, "casino.example", Action::Warn, Severity::Low, true)
        },
        entry(
            5,
            IpAddress,
            "203.0.113.0/24",
            Action::AlertAndBlock,
            Severity::High,
            true,
        ),
        entry(6, IpAddress, "2001:db8:bad::/48", Action::Audit, Severity::Low, true),
        Entry {
            expires: Some(Timestamp::from_micros(1_800_000_000_000_000)),
            ..entry(7, DomainName, "soon.example", Action::Block, Severity::Low, false)
        },
    ]
}
