use serde::{Deserialize, Serialize};

use crate::words;

words! {
    /// What raised an alert. One alert of a kind is open per device and subject; repeats add to its count.
    AlertKind {
        /// A flow matched an indicator.
        WebThreat => "WebThreat",
        /// The user went on past a warning.
        WarningBypassed => "WarningBypassed",
        /// Jailbreak rules matched.
        Jailbreak => "Jailbreak",
        /// The device stopped reporting.
        DeviceSilent => "DeviceSilent",
        /// The user switched web protection off, or another VPN replaced it.
        WebProtectionOff => "WebProtectionOff",
        /// The device refused a bundle: bad signature, damaged, or older than the one it holds.
        BundleRefused => "BundleRefused",
        /// Made by an analyst or an API client.
        Manual => "Manual",
    }
}

words! {
    AlertStatus {
        New => "New",
        InProgress => "InProgress",
        Resolved => "Resolved",
    }
}

words! {
    Classification {
        TruePositive => "TruePositive",
        InformationalExpectedActivity => "InformationalExpectedActivity",
        FalsePositive => "FalsePositive",
    }
}

words! {
    Determination {
        MultiStagedAttack => "MultiStagedAttack",
        MaliciousUserActivity => "MaliciousUserActivity",
        CompromisedUser => "CompromisedUser",
        Malware => "Malware",
        Phishing => "Phishing",
        UnwantedSoftware => "UnwantedSoftware",
        SecurityTesting => "SecurityTesting",
        LineOfBusinessApplication => "LineOfBusinessApplication",
        ConfirmedActivity => "ConfirmedActivity",
        ConfirmedUserActivity => "ConfirmedUserActivity",
        NotMalicious => "NotMalicious",
        Clean => "Clean",
        InsufficientData => "InsufficientData",
        Other => "Other",
    }
}

/// One piece of evidence behind an alert, as the device saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Evidence {
    /// A name or URL seen on a flow. `seen_in` is one of dns, tls, http, ip.
    #[serde(rename_all = "camelCase")]
    Site {
        value: String,
        seen_in: String,
        remote_ip: Option<String>,
    },
    /// A jailbreak rule that matched.
    #[serde(rename_all = "camelCase")]
    Rule {
        rule: String,
        group: String,
        detail: String,
        weight: f64,
    },
    /// Anything said in words.
    #[serde(rename_all = "camelCase")]
    Note { text: String },
}
