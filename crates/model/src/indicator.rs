use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words;

/// Number of an indicator, given by the server; text of digits in the Defender API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IndicatorId(pub u64);

impl fmt::Display for IndicatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

words! {
    /// What an indicator names. Devices enforce `IpAddress`, `DomainName` and `Url`; the others are stored and returned.
    IndicatorType {
        FileSha1 => "FileSha1",
        FileSha256 => "FileSha256",
        FileMd5 => "FileMd5",
        CertificateThumbprint => "CertificateThumbprint",
        IpAddress => "IpAddress",
        DomainName => "DomainName",
        Url => "Url",
    }
}

impl IndicatorType {
    /// Whether a protected device can act on this type.
    #[must_use]
    pub const fn is_enforced(self) -> bool {
        matches!(self, Self::IpAddress | Self::DomainName | Self::Url)
    }
}

words! {
    /// What happens to a flow that an indicator matches, in the words of the Defender API.
    /// `Alert`, `AlertAndBlock` and `BlockAndRemediate` are its legacy and file actions: see [`Action::enforced_as`].
    Action {
        Allowed => "Allowed",
        Audit => "Audit",
        Warn => "Warn",
        Block => "Block",
        Alert => "Alert",
        AlertAndBlock => "AlertAndBlock",
        BlockAndRemediate => "BlockAndRemediate",
    }
}

impl Action {
    /// The one of Allowed, Audit, Warn and Block that a device carries out.
    #[must_use]
    pub const fn enforced_as(self) -> Self {
        match self {
            Self::Alert => Self::Audit,
            Self::AlertAndBlock | Self::BlockAndRemediate => Self::Block,
            other => other,
        }
    }
}

words! {
    /// How bad an alert is, from least to most.
    Severity {
        Informational => "Informational",
        Low => "Low",
        Medium => "Medium",
        High => "High",
    }
}
