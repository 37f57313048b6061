use serde::{Deserialize, Serialize};

/// What the administrator sets for devices; travels inside the signed bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Shown to the user on block pages.
    pub organisation: String,
    /// False: the device makes no tunnel at all.
    pub web_protection: bool,
    /// False (the default): what cannot be parsed is forwarded and counted. True: it is blocked.
    pub fail_closed: bool,
    /// True: site names and URLs stay out of alerts (`DefenderExcludeURLInReport`).
    pub exclude_url_in_report: bool,
    /// Seconds between posture runs.
    pub posture_interval_seconds: u32,
    /// Seconds between check-ins when nothing happens.
    pub check_in_seconds: u32,
    /// Hours that a bypassed warning lasts when its indicator does not say.
    pub bypass_duration_hours: u32,
    /// Link on the block page where a user asks for help; empty for none.
    pub help_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            organisation: "your organisation".into(),
            web_protection: true,
            fail_closed: false,
            exclude_url_in_report: false,
            posture_interval_seconds: 30,
            check_in_seconds: 60,
            bypass_duration_hours: 24,
            help_url: String::new(),
        }
    }
}
