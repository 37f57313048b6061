//! Messages between a device and the server: JSON over TLS, mutual after enrolment. `docs/sync-protocol.md` tells the story.
//!
//! | call | listener | body → answer |
//! |---|---|---|
//! | `POST /device/v1/enroll` | main | [`Enroll`] → [`Enrolled`] |
//! | `POST /device/v1/renew` | device | [`Renew`] → [`Renewed`] |
//! | `POST /device/v1/check-in` | device | [`CheckIn`] → [`CheckInReply`] |
//! | `GET /device/v1/bundle` | device | – → the bundle's bytes, `ETag: "<version>"`, 304 on a matching `If-None-Match` |
//! | `GET /device/v1/push` | device | – → server-sent events, each `data:` one [`Push`] |
//!
//! Errors are [`Problem`] with a 4xx or 5xx status.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    Action, AppInventory, Assessment, DeviceConfiguration, DeviceId, DeviceInfo, IndicatorId, JailbreakLevel,
    Management, Order, OrderId, OrderOutcome, Timestamp, WebProtection,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Enroll {
    pub token: String,
    /// PKCS #10 request, PEM. Its subject is ignored: the server names the device.
    pub csr: String,
    pub device: DeviceInfo,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolled {
    pub device_id: DeviceId,
    pub tenant: String,
    pub management: Management,
    /// Client certificate, PEM.
    pub certificate: String,
    /// The authority behind `device_url`, PEM. Not always the one behind the enrolment: that may have a public certificate.
    pub ca: String,
    /// Where to check in from now on, such as `https://moat.example:8444`.
    pub device_url: String,
    /// Ed25519 public key that signs bundles, 64 hexadecimal digits.
    pub bundle_key: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renew {
    pub csr: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewed {
    pub certificate: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckIn {
    pub device: DeviceInfo,
    pub state: DeviceState,
    /// Outbox entries not yet acknowledged, oldest first, at most [`MAX_EVENTS`].
    pub events: Vec<OutboxEntry>,
    /// Audit entries that the bounded outbox dropped since enrolment.
    pub dropped: u64,
}

/// Most entries in one check-in.
pub const MAX_EVENTS: usize = 500;

/// Most orders in one answer; the others come when these are answered.
pub const MAX_ORDERS: usize = 10;

/// The device as it is now; the server keeps the newest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceState {
    pub time: Timestamp,
    pub web_protection: WebProtection,
    /// Name of the other VPN's interface when `web_protection` is `otherVpn`.
    pub other_vpn: Option<String>,
    pub bundle_version: u64,
    /// Outcome of the last posture run; none before the first.
    pub posture: Option<Assessment>,
    pub addresses: Vec<IpAddr>,
    /// What keeps the device from being protected as it should be, in words.
    #[serde(default)]
    pub problems: Vec<String>,
    /// As far as [`CheckInReply::app_inventory`] lets it leave the device.
    #[serde(default)]
    pub configuration: Option<DeviceConfiguration>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxEntry {
    /// Grows by at least one with each entry, never reused: the server takes each number once.
    pub seq: u64,
    pub time: Timestamp,
    pub event: DeviceEvent,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum DeviceEvent {
    /// A flow matched an indicator with generateAlert. `count` repeats were folded into this entry.
    #[serde(rename_all = "camelCase")]
    WebThreat {
        indicator: IndicatorId,
        action: Action,
        site: Option<Site>,
        count: u32,
    },
    /// The user went on past a warning.
    #[serde(rename_all = "camelCase")]
    WarningBypassed {
        indicator: IndicatorId,
        site: Option<Site>,
        until: Timestamp,
    },
    /// A posture run found the device suspected or confirmed, or found more than before.
    #[serde(rename_all = "camelCase")]
    Jailbreak {
        level: JailbreakLevel,
        assessment: Assessment,
    },
    /// A posture run found the device clean again.
    #[serde(rename_all = "camelCase")]
    JailbreakCleared { assessment: Assessment },
    /// Web protection changed: switched off or on by the user, or another VPN came or went.
    #[serde(rename_all = "camelCase")]
    WebProtectionChanged {
        state: WebProtection,
        other_vpn: Option<String>,
    },
    /// The user reported a site as unsafe, or as blocked by mistake.
    #[serde(rename_all = "camelCase")]
    SiteReported {
        url: String,
        comment: String,
        report: ReportKind,
    },
    /// A bundle was refused and the old one kept.
    #[serde(rename_all = "camelCase")]
    BundleRefused { reason: String },
    /// What came of an order; `detail` says why it could not be carried out.
    #[serde(rename_all = "camelCase")]
    OrderDone {
        id: OrderId,
        outcome: OrderOutcome,
        detail: String,
    },
}

impl DeviceEvent {
    /// Audit hits are the first to go when the outbox is full.
    #[must_use]
    pub fn is_audit(&self) -> bool {
        matches!(self, Self::WebThreat { action, .. } if action.enforced_as() == Action::Audit)
    }
}

/// What was seen on the flow. Left out when policy keeps names out of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// Name, URL or address.
    pub value: String,
    /// `dns`, `tls`, `http` or `ip`.
    pub seen_in: String,
    pub remote_ip: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReportKind {
    /// The user thinks the site is dangerous.
    Unsafe,
    /// The user thinks the site was blocked by mistake.
    Mistake,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckInReply {
    /// Everything up to this number is stored; the device forgets it.
    pub acknowledged: u64,
    /// Newest bundle for this device.
    pub bundle_version: u64,
    pub commands: Vec<Command>,
    /// Orders that the device has not answered yet, oldest first, at most [`MAX_ORDERS`].
    #[serde(default)]
    pub orders: Vec<Order>,
    /// Which of its apps the device may tell.
    #[serde(default)]
    pub app_inventory: AppInventory,
    /// The server's answer to "may this device reach corporate applications, and if not, why?"
    pub access: Access,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    pub allowed: bool,
    /// For people: why not, and what would change it. Empty when allowed.
    pub reasons: Vec<String>,
    /// The same with its two parts apart. Beside `reasons` and not in their place, since agents that know only those check in too.
    #[serde(default)]
    pub explained: Vec<AccessReason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessReason {
    pub text: String,
    /// What would change it; empty when nothing does.
    pub remedy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// Run the posture rules now and check in.
    RunPosture,
    /// Check in now.
    CheckIn,
}

/// One event on the push connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "push", rename_all = "camelCase")]
pub enum Push {
    /// A bundle with this version can be fetched.
    #[serde(rename_all = "camelCase")]
    Bundle { version: u64 },
    #[serde(rename_all = "camelCase")]
    Command { command: Command },
}

/// Every error of the device calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Stable word: `tokenUnknown`, `tokenExpired`, `tokenUsedUp`, `csrInvalid`, `deviceRevoked`, `bodyInvalid`, `storageFull`, `internal`.
    pub code: String,
    pub message: String,
}
