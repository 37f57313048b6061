use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Severity, words};

/// Identity of a device, given at enrolment; also the common name of its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub Uuid);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeviceId {
    type Err = uuid::Error;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

/// What a device says of itself at enrolment and at each check-in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    pub name: String,
    /// `Linux` today, `iOS` later: the text that the Defender API shows as `osPlatform`.
    pub os_platform: String,
    pub os_version: String,
    /// Such as `22F76`, where it is known.
    #[serde(default)]
    pub os_build: Option<String>,
    pub model: String,
    pub agent_version: String,
}

words! {
    Management {
        Managed => "managed",
        Unmanaged => "unmanaged",
    }
}

words! {
    /// State of web protection on a device.
    WebProtection {
        /// The tunnel is up and enforcing.
        On => "on",
        /// The user switched it off.
        Off => "off",
        /// Another device-wide VPN is active; ours stands aside.
        OtherVpn => "otherVpn",
        /// The agent is not running or the tunnel could not be made.
        Stopped => "stopped",
    }
}

words! {
    /// Health in the Defender API's words.
    HealthStatus {
        Active => "Active",
        Inactive => "Inactive",
        ImpairedCommunication => "ImpairedCommunication",
        NoSensorData => "NoSensorData",
        NoSensorDataImpairedCommunication => "NoSensorDataImpairedCommunication",
        Unknown => "Unknown",
    }
}

words! {
    /// Device risk: the highest severity among its active alerts (Defender's `riskScore`).
    Risk {
        None => "None",
        Informational => "Informational",
        Low => "Low",
        Medium => "Medium",
        High => "High",
    }
}

impl From<Severity> for Risk {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Informational => Self::Informational,
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
        }
    }
}

words! {
    /// The scale that compliance policies compare with. Informational alerts leave a device secured.
    ThreatLevel {
        Secured => "secured",
        Low => "low",
        Medium => "medium",
        High => "high",
    }
}

impl From<Risk> for ThreatLevel {
    fn from(risk: Risk) -> Self {
        match risk {
            Risk::None | Risk::Informational => Self::Secured,
            Risk::Low => Self::Low,
            Risk::Medium => Self::Medium,
            Risk::High => Self::High,
        }
    }
}
