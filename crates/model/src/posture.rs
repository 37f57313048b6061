use serde::{Deserialize, Serialize};

use crate::words;

words! {
    JailbreakLevel {
        None => "none",
        Suspected => "suspected",
        Confirmed => "confirmed",
    }
}

/// A jailbreak rule that matched, with what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub rule: String,
    pub group: String,
    /// What the probe saw, in words: `/var/jb is a symlink`.
    pub detail: String,
    pub weight: f64,
    pub families: Vec<String>,
}

/// Outcome of one posture run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    pub level: JailbreakLevel,
    /// 0 to 1, noisy-or of the strongest finding of each group.
    pub score: f64,
    pub findings: Vec<Finding>,
    pub rules_version: String,
    /// Rules that could be answered; the rest could not (no such fact on this platform, or access denied).
    pub answered: u32,
    pub unanswered: u32,
    /// Rules with an operation this agent does not know: ignored and counted.
    pub unknown: u32,
}
