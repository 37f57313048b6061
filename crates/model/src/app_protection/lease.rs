use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::IosAppProtectionSettings;
use crate::{DeviceId, PolicyId, Severity, ThreatLevel, Timestamp, UserId, words};

/// What a lease's bytes begin with: a signature over a lease is good for nothing else, and nothing else's for a lease.
const PREFIX: &[u8] = b"moat app lease\n";

/// The `version` of leases that this code writes and reads.
pub const LEASE_VERSION: u16 = 1;

/// Longest lease that is read, in bytes.
pub const MAX_LEASE: usize = 256 * 1024;

/// How far a device's clock may run behind the server's.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// One app of one user on one device: Graph's `managedAppRegistration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistrationId(pub Uuid);

/// An administrator's order to wipe an app's work data; the app's receipt names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WipeOrderId(pub Uuid);

impl std::str::FromStr for RegistrationId {
    type Err = uuid::Error;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for WipeOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

words! {
    /// The threat defense agent on the device, as its partner's server knows it.
    AgentState {
        /// Not installed, or never signed in on this device.
        Missing => "missing",
        /// Installed, but signed out, switched off, or silent for so long that its last word has expired.
        Inactive => "inactive",
        Active => "active",
    }
}

/// An open alert behind a threat level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRef {
    pub id: String,
    pub title: String,
    pub severity: Severity,
}

/// What one threat defense partner says of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatSource {
    /// Name of the partner's agent, for people.
    pub name: String,
    /// The connector's switch for app protection (`iosMobileApplicationManagementEnabled`). Off: this source is not asked.
    pub used_for_app_protection: bool,
    pub agent: AgentState,
    /// None before the first report.
    pub level: Option<ThreatLevel>,
    /// The alerts that make the level, where the partner names them.
    pub alerts: Vec<AlertRef>,
}

/// What is known of a device's threats: by Moat itself, and by a third party where one is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatReports {
    pub own: ThreatSource,
    pub third_party: Option<ThreatSource>,
}

/// What the server tells one app of one user on one device, so that the app decides rightly without the server.
///
/// The server signs the bytes of [`Lease::encode`]. An app checks the signature over the bytes that it received, then reads
/// them with [`Lease::decode`], then asks [`Lease::check`]: bytes that are not signed are never parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    pub version: u16,
    pub tenant: String,
    pub registration_id: RegistrationId,
    pub device_id: DeviceId,
    pub user_id: UserId,
    pub bundle_id: String,
    /// The check-in that this lease answers: offline time counts from here.
    pub issued_at: Timestamp,
    /// Until here nothing that the server knows needs asking again. Minutes, not days.
    pub valid_until: Timestamp,
    /// The policies that `settings` come from.
    pub policies: Vec<PolicyId>,
    /// The effective settings: several policies already merged.
    pub settings: IosAppProtectionSettings,
    pub threats: ThreatReports,
    /// The server holds the device for jailbroken, whatever the app itself sees.
    pub jailbroken: bool,
    pub device_managed: bool,
    pub account_disabled: bool,
    /// Since when the user is off work; none while working, or where nobody keeps the time.
    pub clocked_out_since: Option<Timestamp>,
    pub wipe_order: Option<WipeOrderId>,
}

/// Why bytes are not a lease, or a lease is not for whoever holds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("these bytes are not a lease")]
    NotALease,
    #[error("the lease has more than {MAX_LEASE} bytes")]
    TooLong,
    #[error("the lease cannot be read: {0}")]
    Malformed(String),
    #[error("the lease has version {0}; this app reads version {LEASE_VERSION}: update the app")]
    UnknownVersion(u16),
    #[error("the lease is for another device: check in from this one")]
    OtherDevice,
    #[error("the lease is for another app: check in from this one")]
    OtherApp,
    #[error("the lease was issued at {issued_at}, later than this device's clock: set the clock")]
    FromTheFuture { issued_at: Timestamp },
    #[error("the lease ended at {valid_until}: check in for a new one")]
    Expired { valid_until: Timestamp },
}

impl Lease {
    /// The bytes to sign and send: the line `moat app lease`, then the lease as JSON, fields in the order of this type and
    /// no spaces. The same lease always gives the same bytes.
    ///
    /// # Errors
    /// [`LeaseError::TooLong`] where [`Lease::decode`] would refuse the result; [`LeaseError::Malformed`] never for a value of this type.
    pub fn encode(&self) -> Result<Vec<u8>, LeaseError> {
        let mut bytes = PREFIX.to_vec();
        serde_json::to_writer(&mut bytes, self).map_err(|error| LeaseError::Malformed(error.to_string()))?;
        if bytes.len() > MAX_LEASE {
            return Err(LeaseError::TooLong);
        }
        Ok(bytes)
    }

    /// Reads bytes whose signature has been checked. Fields from a newer server are ignored.
    ///
    /// # Errors
    /// Bytes that are no lease, or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeaseError> {
        #[derive(Deserialize)]
        struct Version {
            version: u16,
        }
        if bytes.len() > MAX_LEASE {
            return Err(LeaseError::TooLong);
        }
        let json = bytes.strip_prefix(PREFIX).ok_or(LeaseError::NotALease)?;
        let malformed = |error: serde_json::Error| LeaseError::Malformed(error.to_string());
        let Version { version } = serde_json::from_slice(json).map_err(malformed)?;
        if version != LEASE_VERSION {
            return Err(LeaseError::UnknownVersion(version));
        }
        serde_json::from_slice(json).map_err(malformed)
    }

    /// Whether this app on this device may go by the lease, now. An expired one still tells what holds offline:
    /// [`Lease::check_expiry`].
    ///
    /// # Errors
    /// The lease is for another device or app, or from more than five minutes in the future.
    pub fn check(&self, device_id: DeviceId, bundle_id: &str, now: Timestamp) -> Result<(), LeaseError> {
        self.check_holder(device_id, bundle_id)?;
        if self.issued_at > now.saturating_add(CLOCK_TOLERANCE) {
            return Err(LeaseError::FromTheFuture {
                issued_at: self.issued_at,
            });
        }
        Ok(())
    }

    /// # Errors
    /// The lease is for another device or app.
    pub fn check_holder(&self, device_id: DeviceId, bundle_id: &str) -> Result<(), LeaseError> {
        if self.device_id != device_id {
            return Err(LeaseError::OtherDevice);
        }
        if !self.bundle_id.eq_ignore_ascii_case(bundle_id) {
            return Err(LeaseError::OtherApp);
        }
        Ok(())
    }

    /// # Errors
    /// The lease's time is over.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), LeaseError> {
        if now >= self.valid_until {
            return Err(LeaseError::Expired {
                valid_until: self.valid_until,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn lease() -> Lease {
        Lease {
            version: LEASE_VERSION,
            tenant: "example".into(),
            registration_id: RegistrationId(Uuid::from_u128(1)),
            device_id: DeviceId(Uuid::from_u128(2)),
            user_id: UserId(Uuid::from_u128(3)),
            bundle_id: "org.example.Mail".into(),
            issued_at: Timestamp::from_micros(60 * MINUTE),
            valid_until: Timestamp::from_micros(75 * MINUTE),
            policies: vec![PolicyId(Uuid::from_u128(4))],
            settings: IosAppProtectionSettings::recommended(),
            threats: ThreatReports {
                own: ThreatSource {
                    name: "Moat".into(),
                    used_for_app_protection: true,
                    agent: AgentState::Active,
                    level: Some(ThreatLevel::High),
                    alerts: vec![AlertRef {
                        id: "7".into(),
                        title: "Device is jailbroken".into(),
                        severity: Severity::High,
                    }],
                },
                third_party: None,
            },
            jailbroken: true,
            device_managed: false,
            account_disabled: false,
            clocked_out_since: None,
            wipe_order: Some(WipeOrderId(Uuid::from_u128(5))),
        }
    }

    #[test]
    fn bytes_are_the_same_for_the_same_lease_and_are_read_back() {
        let bytes = lease().encode().unwrap();
        assert!(bytes.starts_with(b"moat app lease\n{\"version\":1,\"tenant\":\"example\","));
        assert_eq!(bytes, lease().encode().unwrap());
        assert_eq!(Lease::decode(&bytes), Ok(lease()));
    }

    #[test]
    fn fields_of_a_newer_server_are_ignored_and_newer_versions_refused() {
        let text = String::from_utf8(lease().encode().unwrap()).unwrap();
        let more = text.replace("{\"version\":1,", "{\"version\":1,\"more\":[1,2],");
        assert_eq!(Lease::decode(more.as_bytes()), Ok(lease()));
        let newer = text.replace("{\"version\":1,\"tenant\":\"example\",", "{\"version\":2,");
        assert_eq!(Lease::decode(newer.as_bytes()), Err(LeaseError::UnknownVersion(2)));
    }

    #[test]
    fn what_is_no_lease_is_refused() {
        let bytes = lease().encode().unwrap();
        assert_eq!(Lease::decode(b""), Err(LeaseError::NotALease));
        assert_eq!(Lease::decode(&bytes[1..]), Err(LeaseError::NotALease));
        assert_eq!(Lease::decode(&vec![b'm'; MAX_LEASE + 1]), Err(LeaseError::TooLong));
        for end in PREFIX.len()..bytes.len() {
            assert!(
                matches!(Lease::decode(&bytes[..end]), Err(LeaseError::Malformed(_))),
                "{end}"
            );
        }
        let long = Lease {
            tenant: "x".repeat(MAX_LEASE),
            ..lease()
        };
        assert_eq!(long.encode(), Err(LeaseError::TooLong));
    }

    #[test]
    fn a_lease_is_for_one_app_on_one_device_from_its_time_on() {
        let (lease, at) = (lease(), |minutes: i64| Timestamp::from_micros(minutes * MINUTE));
        let check = |device: u128, app, now| lease.check(DeviceId(Uuid::from_u128(device)), app, at(now));
        assert_eq!(check(2, "org.example.mail", 60), Ok(()));
        assert_eq!(
            check(2, "org.example.Mail", 1_000_000),
            Ok(()),
            "expiry is another question"
        );
        assert_eq!(check(9, "org.example.Mail", 60), Err(LeaseError::OtherDevice));
        assert_eq!(check(2, "org.example.Chat", 60), Err(LeaseError::OtherApp));
        assert_eq!(check(2, "org.example.Mail", 55), Ok(()), "clocks differ a little");
        assert!(matches!(
            check(2, "org.example.Mail", 54),
            Err(LeaseError::FromTheFuture { .. })
        ));
        assert_eq!(lease.check_expiry(at(74)), Ok(()));
        assert!(matches!(lease.check_expiry(at(75)), Err(LeaseError::Expired { .. })));
    }
}
