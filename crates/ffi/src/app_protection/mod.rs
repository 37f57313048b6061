//! The app's side of app protection: check in, decide by the last lease, keep work data sealed, wipe it. `docs/app-protection.md`
//! tells an app's life.

mod account;
mod kept;
mod launch;
mod pin;
mod reply;
mod store;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use moat_model::{DeviceId, app_protection::ACCESS_HEADER};

pub use launch::{LaunchAction, LaunchCondition, LaunchFinding, LaunchState, OpenAlert, PinStep, Remediation, Wiped};
pub use pin::{PinError, PinResult};
pub use reply::ReplyError;

use self::{account::Account, kept::Kept, reply::Reply};
use crate::{
    key::verifying_key,
    time::{system_time, timestamp},
};

/// A work account in an app: what the server told last, what its user has shown, and the key of the work data.
///
/// It does no I/O and has no clock. After every call that changes something, keep [`AppProtection::state`] before the user
/// sees the outcome: a wrong PIN that is not kept was never entered, a wipe that is not kept comes again.
#[derive(uniffi::Object)]
pub struct AppProtection {
    account: Mutex<Account>,
    damage: Option<String>,
}

/// The app and the device that it runs on.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AppIdentity {
    /// As the server named it at enrolment, a UUID.
    pub device_id: String,
    pub bundle_id: String,
    pub app_version: String,
    /// Version of the app protection library inside the app.
    pub sdk_version: String,
    pub os_version: String,
    /// Such as `iPhone15,3`; empty where it is not known.
    pub device_model: String,
    /// The same for all apps of a user on this device: an order to wipe goes to all of them.
    pub device_tag: String,
}

/// What the app sees by itself, now.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LocalState {
    pub jailbroken: bool,
    /// What was seen, a sentence each.
    pub evidence: Vec<String>,
    pub device_has_passcode: bool,
}

/// What the server answered to a check-in.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum CheckInAnswer {
    /// A lease, which is in force now.
    Lease {
        issued_at: SystemTime,
        valid_until: SystemTime,
    },
    /// No policy is for this user and app. The old lease, if any, runs on: this word is not signed.
    NoLease { reason: String },
}

/// A header for the app's requests to corporate applications.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AccessHeader {
    pub name: String,
    pub value: String,
    /// Check in before; afterwards gateways take the app for a browser.
    pub valid_until: SystemTime,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum OpenError {
    #[error("the bundle key must be 64 hexadecimal digits of an Ed25519 public key")]
    Key,
    #[error("the device id must be a UUID")]
    DeviceId,
}

/// Why work data is not written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum StoreError {
    /// Ask [`AppProtection::evaluate`]; it says what would open it.
    #[error(
        "work data is closed: the last evaluation does not allow this, or there was none since the start or the check-in"
    )]
    Closed,
    #[error("work data was wiped: {reason}")]
    Wiped { reason: String },
    #[error("this was sealed with a key that is gone")]
    OtherKey,
    #[error("this is damaged, or was never sealed")]
    Damaged,
    #[error("the system gives no random numbers: {reason}")]
    System { reason: String },
}

impl StoreError {
    fn system(error: impl std::fmt::Display) -> Self {
        Self::System {
            reason: error.to_string(),
        }
    }
}

#[uniffi::export]
impl AppProtection {
    /// Restores what [`AppProtection::state`] gave; none the first time. Damaged bytes, and those of another app or device,
    /// leave the app closed and its old data unreadable until a check-in: [`AppProtection::damage`] tells.
    /// `key` is the server's Ed25519 public key as 64 hexadecimal digits, pinned at enrolment.
    #[uniffi::constructor]
    pub fn open(state: Option<Vec<u8>>, identity: AppIdentity, key: String) -> Result<Arc<Self>, OpenError> {
        let key = verifying_key(&key).ok_or(OpenError::Key)?;
        let device_id: DeviceId = identity.device_id.parse().map_err(|_| OpenError::DeviceId)?;
        let kept = state.map(|bytes| Kept::decode(&bytes, device_id, &identity.bundle_id));
        let (kept, damage) = match kept.transpose() {
            Ok(kept) => (kept, None),
            Err(reason) => (None, Some(reason)),
        };
        let kept = kept.unwrap_or_else(|| Kept::new(device_id, &identity.bundle_id));
        Ok(Arc::new(Self {
            account: Mutex::new(Account::new(key, identity, device_id, kept)),
            damage,
        }))
    }

    /// Everything to keep, in the platform's keychain, on this device only and out of backups: it holds the key of the work data.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        self.account().keep()
    }

    /// Why the state given to [`AppProtection::open`] could not be used.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        self.damage.clone()
    }

    /// The policy's settings as JSON in Graph's names, for what the app enforces itself: clipboard, sharing, printing, …
    #[must_use]
    pub fn settings(&self) -> Option<String> {
        let account = self.account();
        serde_json::to_string(account.settings()?).ok()
    }

    /// The body of `POST /device/v1/apps/check-in`, JSON. It carries the receipt of a wipe until an answer comes.
    /// One check-in at a time: an answer belongs to the last request.
    #[must_use]
    pub fn check_in_request(&self, jailbroken: bool) -> Vec<u8> {
        let request = self.account().request(jailbroken);
        serde_json::to_vec(&request).expect("a check-in is texts and numbers")
    }

    /// The body of the server's answer, with status 200. Its signature is checked before the lease is read; whatever is wrong with it,
    /// the old lease stays. Ask [`AppProtection::evaluate`] afterwards.
    pub fn handle_reply(&self, bytes: Vec<u8>, now: SystemTime) -> Result<CheckInAnswer, ReplyError> {
        Ok(match self.account().answer(&bytes, timestamp(now))? {
            Reply::Lease { lease, .. } => CheckInAnswer::Lease {
                issued_at: system_time(lease.issued_at),
                valid_until: system_time(lease.valid_until),
            },
            Reply::NoLease { reason } => CheckInAnswer::NoLease { reason },
        })
    }

    /// What the app sends along with each request to a corporate application, besides its device's certificate, so that policies
    /// which require an app protection policy let it in. None while the last evaluation closes work data, and without a
    /// fresh lease: check in. The gateway's server decides anew each time; this says only which app it is.
    #[must_use]
    pub fn access_header(&self, now: SystemTime) -> Option<AccessHeader> {
        let (value, valid_until) = self.account().access_proof(timestamp(now))?;
        Some(AccessHeader {
            name: ACCESS_HEADER.into(),
            value,
            valid_until: system_time(valid_until),
        })
    }

    /// Decides by the last lease and what the app sees; where the decision is to wipe, the key is gone when this returns.
    #[must_use]
    pub fn evaluate(&self, now: SystemTime, local: LocalState) -> LaunchState {
        let (mut account, now) = (self.account(), timestamp(now));
        let decision = account.evaluate(local, now);
        LaunchState::new(decision, now, account.wiped())
    }

    /// Sets a PIN: the first one, or another one within five minutes after the old one or a sign-in.
    pub fn set_pin(&self, pin: String, now: SystemTime) -> Result<(), PinError> {
        self.account().set_pin(&pin, timestamp(now))
    }

    pub fn enter_pin(&self, pin: String, now: SystemTime) -> Result<PinResult, PinError> {
        self.account().enter_pin(&pin, timestamp(now))
    }

    /// The platform recognised the user by finger or face.
    pub fn pass_biometric(&self, now: SystemTime) -> Result<(), PinError> {
        self.account().pass_biometric(timestamp(now))
    }

    /// The user signed in with the work account.
    pub fn signed_in(&self, now: SystemTime) {
        self.account().signed_in(timestamp(now));
    }

    /// The user did something in the app: inactivity counts from here.
    pub fn active(&self, now: SystemTime) {
        self.account().active(timestamp(now));
    }

    /// Encrypts work data, where the last evaluation allows or warns. The first text after a wipe makes a new key.
    pub fn seal(&self, plain: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.account().seal(&plain)
    }

    /// Decrypts work data, where the last evaluation allows or warns and asks for neither PIN nor sign-in.
    pub fn unseal(&self, sealed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.account().unseal(&sealed)
    }

    /// Wipes because the app says so, such as when the account is removed from it, or when the device has left the organisation.
    /// False where there was nothing to wipe.
    pub fn wipe(&self, reason: String, now: SystemTime) -> bool {
        self.account().wipe(reason, timestamp(now))
    }
}

impl AppProtection {
    /// Nothing that holds the lock calls foreign code or can panic half-way, so a poisoned account is a whole one.
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
