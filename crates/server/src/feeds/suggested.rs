//! Openly licensed lists that are offered. Nothing is fetched before somebody adds one.

use moat_model::{Action, Severity};

use super::Draft;

/// A list that is offered.
pub struct Suggestion {
    /// Its name in addresses.
    pub id: &'static str,
    pub name: &'static str,
    pub licence: &'static str,
    pub url: &'static str,
    /// The message that says what it holds.
    pub about: &'static str,
    action: Action,
    severity: Severity,
    generate_alert: bool,
    interval_hours: u32,
}

const PHISHING: &str = "suggested-phishing";
const SCAM: &str = "suggested-scam";
const MALWARE: &str = "suggested-malware";
const NEW_LINKS: &str = "suggested-links";
const TRACKING: &str = "suggested-tracking";

pub const SUGGESTIONS: &[Suggestion] = &[
    Suggestion {
        id: "phishing-database",
        name: "Phishing.Database domains",
        licence: "MIT",
        url: "https://raw.githubusercontent.com/Phishing-Database/Phishing.Database/master/phishing-domains-ACTIVE.txt",
        about: PHISHING,
        action: Action::Block,
        severity: Severity::High,
        generate_alert: true,
        interval_hours: 6,
    },
    Suggestion {
        id: "phishing-links",
        name: "Phishing.Database new links",
        licence: "MIT",
        url: "https://raw.githubusercontent.com/Phishing-Database/Phishing.Database/master/phishing-links-NEW-today.txt",
        about: NEW_LINKS,
        action: Action::Block,
        severity: Severity::High,
        generate_alert: true,
        interval_hours: 1,
    },
    Suggestion {
        id: "blocklist-phishing",
        name: "Block List Project phishing",
        licence: "Unlicense",
        url: "https://raw.githubusercontent.com/blocklistproject/Lists/master/alt-version/phishing-nl.txt",
        about: PHISHING,
        action: Action::Block,
        severity: Severity::High,
        generate_alert: true,
        interval_hours: 24,
    },
    Suggestion {
        id: "blocklist-malware",
        name: "Block List Project malware",
        licence: "Unlicense",
        url: "https://raw.githubusercontent.com/blocklistproject/Lists/master/alt-version/malware-nl.txt",
        about: MALWARE,
        action: Action::Block,
        severity: Severity::High,
        generate_alert: true,
        interval_hours: 24,
    },
    Suggestion {
        id: "blocklist-scam",
        name: "Block List Project scam",
        licence: "Unlicense",
        url: "https://raw.githubusercontent.com/blocklistproject/Lists/master/alt-version/scam-nl.txt",
        about: SCAM,
        action: Action::Warn,
        severity: Severity::Medium,
        generate_alert: true,
        interval_hours: 24,
    },
    Suggestion {
        id: "blocklist-tracking",
        name: "Block List Project tracking",
        licence: "Unlicense",
        url: "https://raw.githubusercontent.com/blocklistproject/Lists/master/alt-version/tracking-nl.txt",
        about: TRACKING,
        action: Action::Block,
        severity: Severity::Informational,
        generate_alert: false,
        interval_hours: 24,
    },
];

impl Suggestion {
    pub fn draft(&self) -> Draft {
        Draft {
            name: self.name.into(),
            url: Some(self.url.into()),
            action: self.action,
            severity: self.severity,
            generate_alert: self.generate_alert,
            interval_hours: self.interval_hours,
        }
    }
}
