use serde::{Deserialize, Serialize};

use super::{RegistrationId, WipeOrderId};
use crate::Timestamp;

/// `POST /device/v1/apps/check-in` on the device listener: an app says what it is, and gets its lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppCheckIn {
    pub bundle_id: String,
    pub app_version: String,
    pub sdk_version: String,
    pub os_version: String,
    pub device_model: String,
    /// Names the device across the apps of one user: a wipe order goes to all of them.
    pub device_tag: String,
    /// What the app itself sees.
    pub jailbroken: bool,
    /// Work data that was wiped since the last check-in.
    #[serde(default)]
    pub wiped: Option<WipeReceipt>,
}

/// The app's word that its work data is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WipeReceipt {
    /// The order that asked for it; none when a condition of the policy did.
    pub order: Option<WipeOrderId>,
    /// The condition, in words.
    pub reason: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppCheckInReply {
    pub registration_id: RegistrationId,
    /// None where no app protection policy is for this user and app: `reason` says why.
    pub lease: Option<SignedLease>,
    pub reason: Option<String>,
    /// With a lease: what the app shows at a gateway, in the header [`ACCESS_HEADER`], to be known as this app. Opaque to the
    /// app, base64url, and good for as long as the lease's `valid_until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_proof: Option<String>,
}

/// The request header in which an app shows its access proof.
pub const ACCESS_HEADER: &str = "X-Moat-App";

/// Longest access proof, in bytes.
pub const MAX_ACCESS_PROOF: usize = 512;

/// A lease's bytes and the server's signature over them (Ed25519, by the key that signs bundles).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedLease {
    /// The text of [`super::Lease::encode`], which is UTF-8.
    pub lease: String,
    /// 128 hexadecimal digits.
    pub signature: String,
}
