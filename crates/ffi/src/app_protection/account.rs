//! The work account inside an app: its lease, its key, its user's proofs. No clock of its own.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use moat_model::{
    DeviceId, Timestamp,
    app_protection::{AppCheckIn, IosAppProtectionSettings, Lease, RemediationAction, WipeReceipt},
};
use moat_policy::{
    Reason,
    app_protection::{
        Jailbreak, LaunchAction,
        access::{self, AccessFacts, AccessRequirement, PinStep},
        check_pin,
        offline::{self, LocalFacts, OfflineDecision},
    },
};

use super::{
    AppIdentity, LocalState, StoreError,
    kept::Kept,
    pin::{PinError, PinResult},
    reply::{self, Reply, ReplyError},
    store::{DataKey, Unreadable},
};

/// How long an entered PIN or a sign-in lets its user set a new PIN.
const PROOF_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// What the server takes as a receipt's reason, in bytes.
const MAX_REASON: usize = 2_000;

pub(super) struct Account {
    key: VerifyingKey,
    identity: AppIdentity,
    device_id: DeviceId,
    kept: Kept,
    lease: Option<Lease>,
    gate: Gate,
    /// A check-in is under way, with the receipt, if any: a wipe ends it.
    asked: bool,
    /// When the user last proved that a new PIN would be theirs.
    proof: Option<Timestamp>,
    device_has_passcode: bool,
}

/// What the last evaluation lets happen to work data until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gate {
    Closed,
    /// Mail may come in while the PIN is due.
    Write,
    ReadAndWrite,
}

impl Account {
    /// A lease that is not signed, or is another app's, is not restored.
    pub fn new(key: VerifyingKey, identity: AppIdentity, device_id: DeviceId, mut kept: Kept) -> Self {
        let lease = kept
            .lease
            .as_ref()
            .and_then(|signed| reply::verified(signed, &key).ok());
        let lease = lease.filter(|lease| lease.check_holder(device_id, &identity.bundle_id).is_ok());
        if lease.is_none() {
            (kept.lease, kept.access_proof) = (None, None);
        }
        Self {
            key,
            identity,
            device_id,
            kept,
            lease,
            gate: Gate::Closed,
            asked: false,
            proof: None,
            device_has_passcode: false,
        }
    }

    pub fn keep(&self) -> Vec<u8> {
        self.kept.encode()
    }

    pub fn settings(&self) -> Option<&IosAppProtectionSettings> {
        self.lease.as_ref().map(|lease| &lease.settings)
    }

    pub fn wiped(&self) -> Option<&WipeReceipt> {
        self.kept.wiped.as_ref()
    }

    pub fn request(&mut self, jailbroken: bool) -> AppCheckIn {
        let identity = self.identity.clone();
        self.asked = true;
        AppCheckIn {
            bundle_id: identity.bundle_id,
            app_version: identity.app_version,
            sdk_version: identity.sdk_version,
            os_version: identity.os_version,
            device_model: identity.device_model,
            device_tag: identity.device_tag,
            jailbroken,
            wiped: self.kept.receipt.clone(),
        }
    }

    /// Takes the answer to [`Account::request`]. Refused, it changes nothing.
    pub fn answer(&mut self, bytes: &[u8], now: Timestamp) -> Result<Reply, ReplyError> {
        if !self.asked {
            return Err(ReplyError::NotAsked);
        }
        let reply = Reply::read(bytes, &self.key)?;
        if let Reply::Lease { lease, .. } = &reply {
            lease.check(self.device_id, &self.identity.bundle_id, self.time(now))?;
            if lease.issued_at < self.kept.newest_lease {
                return Err(ReplyError::Older);
            }
        }
        self.asked = false;
        self.kept.receipt = None;
        if let Reply::Lease {
            signed,
            lease,
            access_proof,
        } = &reply
        {
            self.gate = Gate::Closed;
            self.kept.lease = Some(signed.clone());
            self.kept.access_proof.clone_from(access_proof);
            self.kept.newest_lease = lease.issued_at;
            self.kept.latest_time_seen = lease.issued_at;
            self.forget_after(lease.issued_at.max(now));
            self.lease = Some((**lease).clone());
        }
        Ok(reply)
    }

    /// Decides, and wipes where the decision is to wipe.
    pub fn evaluate(&mut self, local: LocalState, now: Timestamp) -> OfflineDecision {
        self.device_has_passcode = local.device_has_passcode;
        let decision = offline::evaluate(self.lease.as_ref(), &self.local_facts(local), now);
        self.kept.latest_time_seen = decision.time;
        self.gate = match decision.launch.action {
            LaunchAction::Allow | LaunchAction::Warn if is_passed(decision.access) => Gate::ReadAndWrite,
            LaunchAction::Allow | LaunchAction::Warn => Gate::Write,
            LaunchAction::ResetPin | LaunchAction::Block | LaunchAction::Wipe => Gate::Closed,
        };
        if decision.launch.action == LaunchAction::Wipe {
            let why = decision
                .launch
                .findings
                .first()
                .map(|finding| finding.reason.english().story());
            self.wipe(why.unwrap_or_default(), decision.time);
        }
        decision
    }

    /// Destroys the key of the work data, and with it the PIN and the lease. False where there was nothing to destroy.
    pub fn wipe(&mut self, reason: String, now: Timestamp) -> bool {
        let order = self.lease.as_ref().and_then(|lease| lease.wipe_order);
        if self.kept.data_key.is_none() && !self.kept.pins.is_set() && order.is_none() {
            return false;
        }
        let at = self.touch(now);
        // No other receipt waits: what could be wiped came with a lease, and the lease's answer took that.
        let receipt = WipeReceipt {
            order,
            reason: shortened(reason),
            at,
        };
        self.kept = Kept {
            newest_lease: self.kept.newest_lease,
            latest_time_seen: at,
            receipt: Some(receipt.clone()),
            wiped: Some(receipt),
            ..Kept::new(self.device_id, &self.identity.bundle_id)
        };
        (self.lease, self.gate, self.asked, self.proof) = (None, Gate::Closed, false, None);
        true
    }

    pub fn set_pin(&mut self, pin: &str, now: Timestamp) -> Result<(), PinError> {
        let settings = self.settings().ok_or(PinError::NoLease)?.clone();
        let time = self.touch(now);
        let proved = self.proof.is_some_and(|proof| time.since(proof) <= PROOF_LIFETIME);
        if self.kept.pins.is_set() && !proved {
            return Err(PinError::ProofNeeded);
        }
        let same = self.kept.pins.position(pin)?;
        check_pin(pin, &settings, same).map_err(|refused| PinError::Refused {
            reason: refused.to_string(),
        })?;
        self.kept.pins.set(pin)?;
        self.proof = None;
        let access = &mut self.kept.access;
        (access.pin_set_at, access.last_pin, access.last_passed) = (Some(time), Some(time), Some(time));
        Ok(())
    }

    pub fn enter_pin(&mut self, pin: &str, now: Timestamp) -> Result<PinResult, PinError> {
        let settings = self.settings().ok_or(PinError::NoLease)?;
        if !settings.pin_required {
            return Err(PinError::NotRequired);
        }
        let most = most_attempts(settings);
        let wipes = settings.app_action_if_maximum_pin_retries_exceeded == RemediationAction::Wipe;
        if !self.kept.pins.is_set() {
            return Err(PinError::NotSet);
        }
        let time = self.touch(now);
        if self.kept.pins.failed < most {
            if self.kept.pins.position(pin)? == Some(1) {
                self.kept.pins.failed = 0;
                self.proof = Some(time);
                (self.kept.access.last_pin, self.kept.access.last_passed) = (Some(time), Some(time));
                return Ok(PinResult::Right);
            }
            self.kept.pins.failed += 1;
        }
        let failed = self.kept.pins.failed;
        if failed < most {
            return Ok(PinResult::Wrong {
                attempts_left: most - failed,
            });
        }
        (self.gate, self.proof) = (Gate::Closed, None);
        if wipes {
            self.wipe(format!("A wrong PIN was entered {failed} times in a row."), now);
            return Ok(PinResult::Wiped);
        }
        Ok(PinResult::ResetNeeded)
    }

    /// The platform recognised a finger or face.
    pub fn pass_biometric(&mut self, now: Timestamp) -> Result<(), PinError> {
        let most = most_attempts(self.settings().ok_or(PinError::NoLease)?);
        let time = self.touch(now);
        if self.kept.pins.failed >= most || self.due(time).is_none_or(|due| due.pin > PinStep::PinOrBiometric) {
            return Err(PinError::PinNeeded);
        }
        self.kept.access.last_passed = Some(time);
        Ok(())
    }

    pub fn signed_in(&mut self, now: Timestamp) {
        let time = self.touch(now);
        self.proof = Some(time);
        self.kept.access.last_sign_in = Some(time);
    }

    /// The user did something. Counts only while nothing is due: otherwise the touch that opens the app would be its key.
    pub fn active(&mut self, now: Timestamp) {
        let time = self.touch(now);
        if self.due(time).is_some_and(is_passed) {
            self.kept.access.last_active = Some(time);
        }
    }

    /// What the app shows a gateway, and until when; none while its work data is closed, or without a fresh lease.
    pub fn access_proof(&self, now: Timestamp) -> Option<(String, Timestamp)> {
        let lease = self.lease.as_ref()?;
        lease.check_expiry(self.time(now)).ok()?;
        let proof = self.kept.access_proof.clone().filter(|_| self.gate >= Gate::Write)?;
        Some((proof, lease.valid_until))
    }

    pub fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        if self.gate < Gate::Write {
            return Err(self.closed());
        }
        let key = match self.kept.data_key.take() {
            Some(key) => key,
            None => DataKey::random().map_err(StoreError::system)?,
        };
        let key = self.kept.data_key.insert(key);
        self.kept.wiped = None;
        key.seal(plain).map_err(StoreError::system)
    }

    pub fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        if self.gate < Gate::ReadAndWrite || self.kept.wiped.is_some() {
            return Err(self.closed());
        }
        let key = self.kept.data_key.as_ref().ok_or(StoreError::OtherKey)?;
        key.unseal(sealed).map_err(|unreadable| match unreadable {
            Unreadable::OtherKey => StoreError::OtherKey,
            Unreadable::Damaged => StoreError::Damaged,
        })
    }

    fn closed(&self) -> StoreError {
        match self.wiped() {
            Some(receipt) => StoreError::Wiped {
                reason: receipt.reason.clone(),
            },
            None => StoreError::Closed,
        }
    }

    fn local_facts(&self, local: LocalState) -> LocalFacts {
        LocalFacts {
            device_id: self.device_id,
            bundle_id: self.identity.bundle_id.clone(),
            app_version: self.identity.app_version.clone(),
            sdk_version: self.identity.sdk_version.clone(),
            os_version: self.identity.os_version.clone(),
            device_model: self.identity.device_model.clone(),
            jailbreak: Jailbreak {
                jailbroken: local.jailbroken,
                evidence: local.evidence.into_iter().map(Reason::plain).collect(),
            },
            failed_pins: self.kept.pins.failed,
            latest_time_seen: self.kept.latest_time_seen,
            access: self.access_facts(),
        }
    }

    /// What the user has to show now; none without a lease.
    fn due(&self, time: Timestamp) -> Option<AccessRequirement> {
        let lease = self.lease.as_ref()?;
        let facts = AccessFacts {
            device_managed: lease.device_managed,
            ..self.access_facts()
        };
        Some(access::evaluate(&lease.settings, &facts, time))
    }

    fn access_facts(&self) -> AccessFacts {
        AccessFacts {
            device_has_passcode: self.device_has_passcode,
            ..self.kept.access
        }
    }

    /// Time as decisions know it: it never goes back.
    fn time(&self, now: Timestamp) -> Timestamp {
        let issued = self.lease.as_ref().map_or(now, |lease| lease.issued_at);
        now.max(self.kept.latest_time_seen).max(issued)
    }

    fn touch(&mut self, now: Timestamp) -> Timestamp {
        self.kept.latest_time_seen = self.time(now);
        self.kept.latest_time_seen
    }

    /// A lease starts time afresh. Proofs from a time that has not come yet would never lapse.
    fn forget_after(&mut self, time: Timestamp) {
        let access = &mut self.kept.access;
        for proof in [
            &mut access.last_pin,
            &mut access.last_passed,
            &mut access.last_sign_in,
            &mut access.last_active,
        ] {
            *proof = proof.filter(|proof| *proof <= time);
        }
        access.pin_set_at = access.pin_set_at.map(|set_at| set_at.min(time));
        self.proof = self.proof.filter(|proof| *proof <= time);
    }
}

fn is_passed(due: AccessRequirement) -> bool {
    due.pin == PinStep::None && !due.sign_in
}

fn most_attempts(settings: &IosAppProtectionSettings) -> u32 {
    u32::try_from(settings.maximum_pin_retries).unwrap_or(0).max(1)
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_REASON));
    text
}
