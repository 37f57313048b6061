//! What the app keeps of its user's PINs: hashes, and how many wrong ones were entered.

use argon2::Argon2;
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// As many as a policy can ask for.
const MOST_KEPT: usize = 24;
const SALT: usize = 16;
const HASH: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum PinError {
    #[error("no lease: check in first")]
    NoLease,
    #[error("the policy asks for no PIN")]
    NotRequired,
    #[error("no PIN is set yet: set one")]
    NotSet,
    #[error("enter the PIN: a fingerprint or face does not do now")]
    PinNeeded,
    #[error("enter the old PIN or sign in first")]
    ProofNeeded,
    /// A sentence for the user who chose the PIN.
    #[error("{reason}")]
    Refused { reason: String },
    #[error("the system gives no random numbers or not enough memory: {reason}")]
    System { reason: String },
}

/// What came of an entered PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PinResult {
    Right,
    Wrong {
        attempts_left: u32,
    },
    /// Too many wrong ones: sign in with the work account, then set a new PIN. The old one is not taken any more.
    ResetNeeded,
    /// Too many wrong ones, and the policy wipes.
    Wiped,
}

/// The newest PIN and those before it, newest first, as Argon2id hashes under one salt: one hash tells whether a PIN is any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Pins {
    #[serde(with = "hex")]
    salt: [u8; SALT],
    hashes: Vec<PinHash>,
    /// Wrong PINs since the last right one.
    pub failed: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct PinHash(#[serde(with = "hex")] [u8; HASH]);

impl Pins {
    pub fn is_set(&self) -> bool {
        !self.hashes.is_empty()
    }

    /// Makes this the newest PIN and forgets failed attempts.
    pub fn set(&mut self, pin: &str) -> Result<(), PinError> {
        if !self.is_set() {
            getrandom::fill(&mut self.salt).map_err(system)?;
        }
        let hash = self.hash(pin)?;
        self.hashes.insert(0, hash);
        self.hashes.truncate(MOST_KEPT);
        self.failed = 0;
        Ok(())
    }

    /// Which of the kept PINs this is, 1 being the newest. Takes as long for every PIN.
    pub fn position(&self, pin: &str) -> Result<Option<u32>, PinError> {
        if !self.is_set() {
            return Ok(None);
        }
        let hash = self.hash(pin)?;
        let (mut found, mut position) = (Choice::from(0), 0_u32);
        for (kept, number) in self.hashes.iter().zip(1_u32..) {
            let same = kept.0.ct_eq(&hash.0) & !found;
            position.conditional_assign(&number, same);
            found |= same;
        }
        Ok(bool::from(found).then_some(position))
    }

    /// Argon2id with 19 MiB in two passes, as OWASP advises: some ten milliseconds. Four digits are found by trying all the same,
    /// by whoever has the state.
    fn hash(&self, pin: &str) -> Result<PinHash, PinError> {
        let mut hash = [0; HASH];
        let hashed = Argon2::default().hash_password_into(pin.as_bytes(), &self.salt, &mut hash);
        hashed.map_err(system)?;
        Ok(PinHash(hash))
    }
}

fn system(error: impl std::fmt::Display) -> PinError {
    PinError::System {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_known_again_newest_first() {
        let mut pins = Pins::default();
        assert_eq!(pins.position("2580"), Ok(None));
        for pin in ["2580", "1379", "2580"] {
            pins.failed = 3;
            pins.set(pin).unwrap();
        }
        assert_eq!((pins.is_set(), pins.failed), (true, 0));
        assert_eq!(pins.position("2580"), Ok(Some(1)));
        assert_eq!(pins.position("1379"), Ok(Some(2)));
        assert_eq!(pins.position("2581"), Ok(None));
        assert_eq!(pins.position(""), Ok(None));
    }

    #[test]
    fn no_more_are_kept_than_a_policy_can_ask_for() {
        let mut pins = Pins::default();
        for number in 0..=MOST_KEPT {
            pins.set(&number.to_string()).unwrap();
        }
        assert_eq!(pins.position("0"), Ok(None));
        assert_eq!(pins.position("1"), Ok(Some(24)));
    }

    #[test]
    fn the_kept_form_holds_no_pin() {
        let mut pins = Pins::default();
        pins.set("258013").unwrap();
        let text = serde_json::to_string(&pins).unwrap();
        assert!(!text.contains("258013"));
        assert_eq!(serde_json::from_str::<Pins>(&text).unwrap(), pins);
        let mut other = Pins::default();
        other.set("258013").unwrap();
        assert_ne!(other, pins, "salted");
    }
}
