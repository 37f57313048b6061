//! App protection (MAM) in Graph's words: the settings of a policy, the apps it names, and the [`Lease`] that an app holds.
//!
//! Field and value names are those of Graph's `iosManagedAppProtection`. The values of each ordered enum stand from the
//! loosest to the strictest, so that the stricter of two is the greater: `moat_policy::app_protection` merges by that order.

mod apps;
mod check_in;
mod lease;
mod settings;
mod words;

pub use apps::{AppGroup, AppIdentifier, AppManagementLevels, InvalidAppManagementLevels};
pub use check_in::{ACCESS_HEADER, AppCheckIn, AppCheckInReply, MAX_ACCESS_PROOF, SignedLease, WipeReceipt};
pub use lease::{
    AgentState, AlertRef, LEASE_VERSION, Lease, LeaseError, MAX_LEASE, RegistrationId, ThreatReports, ThreatSource,
    WipeOrderId,
};
pub use settings::{BETA_ONLY, IosAppProtectionSettings, KeyValue};
pub use words::{
    AppFeature, BrowserType, ClipboardLevel, DataTransferLevel, DeviceThreatLimit, DialerRestriction, EncryptionType,
    IngestionLocation, MessagingRedirect, NotificationRestriction, PartnerPriority, PinCharacterSet, RemediationAction,
    StorageLocation,
};
