//! The nouns and wire types of Moat.
//!
//! Every other crate speaks in these types. Nothing here does anything: no clock, no sockets, no files.
//! Names are those of `ARCHITECTURE.md`; the faces of the server (Defender, console) translate them, the core does not.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable
    )
)]

mod alert;
pub mod app_protection;
pub mod compliance;
pub mod conditional_access;
mod configuration;
mod connector;
mod device;
mod directory;
mod indicator;
mod order;
mod period;
mod posture;
mod settings;
pub mod sync;
mod time;

pub use alert::{AlertKind, AlertStatus, Classification, Determination, Evidence};
pub use configuration::{AppInventory, DeviceConfiguration, InstalledApp, InvalidConfiguration, Passcode};
pub use connector::{Connector, ConnectorId, PartnerState};
pub use device::{DeviceId, DeviceInfo, HealthStatus, Management, Risk, ThreatLevel, WebProtection};
pub use directory::{GroupId, PolicyId, Target, UserId};
pub use indicator::{Action, IndicatorId, IndicatorType, Severity};
pub use order::{Order, OrderAction, OrderId, OrderOutcome};
pub use period::{InvalidPeriod, Period};
pub use posture::{Assessment, Finding, JailbreakLevel};
pub use settings::Settings;
pub use time::{InvalidTimestamp, Timestamp};

/// A word that is not one of an enum's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not one of {allowed}")]
pub struct UnknownWord {
    pub value: String,
    pub allowed: &'static str,
}

/// Declares an enum whose values have one fixed spelling on the wire, in the database and on screen.
/// Parsing ignores ASCII case, as the APIs that we speak do.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::UnknownWord;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                $(if s.eq_ignore_ascii_case($word) { return Ok(Self::$variant); })+
                Err(crate::UnknownWord { value: s.chars().take(80).collect(), allowed: concat!($($word, " "),+) })
            }
        }
    };
}
pub(crate) use words;
