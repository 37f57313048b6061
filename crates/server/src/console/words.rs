//! Words and marks that templates use.

use moat_model::Timestamp;

use crate::{app::now, caller::Role};

/// How long ago, in one unit: `5 min ago`.
pub fn ago(micros: &i64) -> String {
    let seconds = now().since(Timestamp::from_micros(*micros)).as_secs();
    match seconds {
        0..=4 => "just now".into(),
        5..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

pub fn ago_at(at: &Timestamp) -> String {
    ago(&at.as_micros())
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

/// State of web protection in words.
pub fn protection(state: &str) -> &'static str {
    match state {
        "on" => "on",
        "off" => "off",
        "otherVpn" => "other VPN",
        _ => "not running",
    }
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
        assert_eq!(exact(&0), "1970-01-01 00:00:00 UTC");
    }
}
