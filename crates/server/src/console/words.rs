//! Words and marks that templates use.

use moat_model::Timestamp;

use super::Frame;
use crate::{app::now, caller::Role};

/// Times in one unit, in the reader's language.
impl Frame {
    /// How long ago: `5 min ago`.
    pub fn ago(&self, micros: &i64) -> String {
        let (message, count) = ago(now().since(Timestamp::from_micros(*micros)).as_secs());
        self.n(message, count)
    }

    pub fn ago_at(&self, at: &Timestamp) -> String {
        self.ago(&at.as_micros())
    }

    /// When something ends: `in 3 d`, or `ended 2 h ago`.
    pub fn end(&self, micros: &i64) -> String {
        match Timestamp::from_micros(*micros).since(now()).as_secs() {
            0 => self.with("ended", [("ago", &self.ago(micros))]),
            seconds => {
                let (message, count) = within(seconds);
                self.n(message, count)
            }
        }
    }

    pub fn end_at(&self, at: &Timestamp) -> String {
        self.end(&at.as_micros())
    }
}

/// The message for so many seconds ago, and its count.
fn ago(seconds: u64) -> (&'static str, i64) {
    let (message, unit) = match seconds {
        ..=4 => ("just-now", 1),
        5..60 => ("seconds-ago", 1),
        60..3_600 => ("minutes-ago", 60),
        3_600..86_400 => ("hours-ago", 3_600),
        _ => ("days-ago", 86_400),
    };
    (message, whole(seconds / unit))
}

/// The message for in so many seconds, and its count, rounded.
fn within(seconds: u64) -> (&'static str, i64) {
    let (message, unit) = match seconds {
        ..90 => ("in-seconds", 1),
        90..5_400 => ("in-minutes", 60),
        5_400..172_800 => ("in-hours", 3_600),
        _ => ("in-days", 86_400),
    };
    (message, whole((seconds + unit / 2) / unit))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub fn exact_at(at: &Timestamp) -> String {
    exact(&at.as_micros())
}

pub fn roles(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// The exact time, for people: `2026-11-24 10:00:00 UTC`.
pub fn exact(micros: &i64) -> String {
    let iso = Timestamp::from_micros(*micros).to_string();
    format!(
        "{} {} UTC",
        iso.get(..10).unwrap_or_default(),
        iso.get(11..19).unwrap_or_default()
    )
}

/// A shape for a severity or risk: never told by colour alone.
pub fn shape(severity: &str) -> &'static str {
    match severity {
        "High" => "▲",
        "Medium" => "◆",
        "Low" => "●",
        "Informational" => "○",
        _ => "–",
    }
}

/// The message that names a severity or risk.
pub fn severity(severity: &str) -> &'static str {
    match severity {
        "High" => "severity-high",
        "Medium" => "severity-medium",
        "Low" => "severity-low",
        "Informational" => "severity-informational",
        _ => "severity-none",
    }
}

/// A state as people see it: the class of its colour, a shape and the message that names it.
pub struct Mark {
    pub class: &'static str,
    pub shape: &'static str,
    pub word: &'static str,
}

const fn mark(class: &'static str, shape: &'static str, word: &'static str) -> Mark {
    Mark { class, shape, word }
}

pub fn protection(state: &str) -> Mark {
    match state {
        "on" => mark("good", "✓", "protection-on"),
        "off" => mark("medium", "◆", "protection-off"),
        "otherVpn" => mark("medium", "◆", "protection-other-vpn"),
        _ => mark("medium", "◆", "protection-stopped"),
    }
}

pub fn compliance(state: &str) -> Mark {
    match state {
        "compliant" => mark("good", "✓", "compliance-compliant"),
        "inGracePeriod" => mark("medium", "◆", "compliance-grace"),
        "unknown" => mark("quiet", "○", "compliance-unknown"),
        _ => mark("high", "▲", "compliance-noncompliant"),
    }
}

/// What a policy or one of its settings says of a device.
pub fn policy_status(status: &str) -> Mark {
    match status {
        "compliant" | "remediated" => mark("good", "✓", "compliance-compliant"),
        "nonCompliant" => mark("high", "▲", "compliance-noncompliant"),
        "error" => mark("high", "▲", "compliance-error"),
        "conflict" => mark("high", "▲", "compliance-conflict"),
        "notApplicable" | "notAssigned" => mark("quiet", "–", "compliance-not-applicable"),
        _ => mark("quiet", "○", "compliance-unknown"),
    }
}

pub fn jailbreak(level: &str) -> Mark {
    match level {
        "confirmed" => mark("high", "▲", "jailbreak-confirmed"),
        "suspected" => mark("medium", "◆", "jailbreak-suspected"),
        _ => mark("none", "–", "jailbreak-none"),
    }
}

/// What came of an order.
pub fn order_state(state: &str) -> Mark {
    match state {
        "pending" => mark("medium", "◆", "order-pending"),
        "done" => mark("good", "✓", "order-done"),
        "notSupported" => mark("high", "▲", "order-not-supported"),
        "canceled" => mark("quiet", "–", "order-canceled"),
        _ => mark("high", "▲", "order-failed"),
    }
}

/// The message that names an order.
pub fn order_name(action: &str) -> &'static str {
    match action {
        "remoteLock" => "order-lock",
        "retire" => "order-retire",
        "wipe" => "order-wipe",
        _ => "order-notify",
    }
}

/// How far somebody is with an alert.
pub fn alert_status(status: &str) -> &'static str {
    match status {
        "New" => "alert-new",
        "InProgress" => "alert-in-progress",
        "Resolved" => "alert-resolved",
        _ => "alert-unknown",
    }
}

/// The message that names a kind of alerts.
pub fn alert_kind(kind: &str) -> &'static str {
    match kind {
        "Jailbreak" => "kind-jailbreak",
        "WebThreat" => "kind-web-threat",
        "WarningBypassed" => "kind-warning-bypassed",
        "WebProtectionOff" => "kind-web-protection-off",
        "DeviceSilent" => "kind-device-silent",
        "BundleRefused" => "kind-bundle-refused",
        _ => "kind-manual",
    }
}

/// The state of a suppression rule.
pub fn suppression(state: &str) -> Mark {
    match state {
        "on" => mark("good", "✓", "suppression-on"),
        "ended" => mark("quiet", "○", "suppression-ended"),
        _ => mark("quiet", "–", "suppression-off"),
    }
}

/// The state of a connector.
pub fn connector(state: &str) -> Mark {
    match state {
        "enabled" => mark("good", "✓", "health-enabled"),
        "available" => mark("quiet", "○", "health-available"),
        "notSetUp" => mark("quiet", "○", "health-not-set-up"),
        "unresponsive" => mark("high", "▲", "health-unresponsive"),
        "error" => mark("high", "▲", "health-error"),
        _ => mark("medium", "◆", "health-unavailable"),
    }
}

/// A fingerprint as `openssl x509 -fingerprint` prints it: `AB:01:…`.
pub fn fingerprint(hex: &str) -> String {
    let pairs: Vec<_> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    pairs.join(":")
}

/// `1.4 GB`, as disks are sold.
pub fn bytes(count: &u64) -> String {
    let units = [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
    ];
    match units.iter().find(|(_, unit)| count >= unit) {
        Some((name, unit)) => format!("{}.{} {name}", count / unit, count % unit * 10 / unit),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (4_194_304, "4.1 MB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(bytes(&count), text);
        }
    }

    #[test]
    fn times_in_one_unit() {
        for (seconds, expected) in [
            (0, ("just-now", 0)),
            (30, ("seconds-ago", 30)),
            (120, ("minutes-ago", 2)),
            (7_200, ("hours-ago", 2)),
            (200_000, ("days-ago", 2)),
        ] {
            assert_eq!(ago(seconds), expected);
        }
        for (seconds, expected) in [
            (80, ("in-seconds", 80)),
            (100, ("in-minutes", 2)),
            (7_230, ("in-hours", 2)),
            (260_000, ("in-days", 3)),
        ] {
            assert_eq!(within(seconds), expected);
        }
        assert_eq!(fingerprint("ab01ff"), "AB:01:FF");
        assert_eq!(exact(&0), "1970-01-01 00:00:00 UTC");
    }
}
