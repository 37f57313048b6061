//! Words and marks that templates use.

use moat_model::Timestamp;

use crate::{app::now, caller::Role};

/// How long ago, in one unit: `5 min ago`.
pub fn ago(micros: &i64) -> String {
    match now().since(Timestamp::from_micros(*micros)).as_secs() {
        ..=4 => "just now".into(),
        seconds @ ..60 => format!("{seconds} s ago"),
        seconds @ ..3_600 => format!("{} min ago", seconds / 60),
        seconds @ ..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// When something ends, in one unit: `in 3 d`, or `ended 2 h ago`.
pub fn end(micros: &i64) -> String {
    let rounded = |seconds: u64, unit: u64| (seconds + unit / 2) / unit;
    match Timestamp::from_micros(*micros).since(now()).as_secs() {
        0 => format!("ended {}", ago(micros)),
        seconds @ ..90 => format!("in {seconds} s"),
        seconds @ ..5_400 => format!("in {} min", rounded(seconds, 60)),
        seconds @ ..172_800 => format!("in {} h", rounded(seconds, 3_600)),
        seconds => format!("in {} d", rounded(seconds, 86_400)),
    }
}

pub fn end_at(at: &Timestamp) -> String {
    end(&at.as_micros())
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

/// A state as people see it: the class of its colour, a shape and a word.
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
        "on" => mark("good", "✓", "on"),
        "off" => mark("medium", "◆", "off"),
        "otherVpn" => mark("medium", "◆", "another VPN is active"),
        _ => mark("medium", "◆", "not running"),
    }
}

pub fn compliance(state: &str) -> Mark {
    match state {
        "compliant" => mark("good", "✓", "compliant"),
        "inGracePeriod" => mark("medium", "◆", "not compliant, in its grace period"),
        "unknown" => mark("quiet", "○", "not judged yet"),
        _ => mark("high", "▲", "not compliant"),
    }
}

pub fn jailbreak(level: &str) -> Mark {
    match level {
        "confirmed" => mark("high", "▲", "confirmed"),
        "suspected" => mark("medium", "◆", "suspected"),
        _ => mark("none", "–", "none"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_words() {
        let before = |seconds: i64| now().as_micros() - seconds * 1_000_000;
        for (seconds, text) in [
            (0, "just now"),
            (30, "30 s ago"),
            (120, "2 min ago"),
            (7_200, "2 h ago"),
            (200_000, "2 d ago"),
        ] {
            assert_eq!(ago(&before(seconds)), text);
        }
        assert_eq!(end(&before(-7_230)), "in 2 h");
        assert_eq!(end(&before(120)), "ended 2 min ago");
        assert_eq!(fingerprint("ab01ff"), "AB:01:FF");
        assert_eq!(exact(&0), "1970-01-01 00:00:00 UTC");
    }
}
