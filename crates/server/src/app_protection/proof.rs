//! What an app shows at a gateway to be known as one with app protection. Only this server reads it, so it is sealed with a key
//! that only this server has; it says who the app is and since when, never what it may do.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use moat_model::{
    DeviceId, Timestamp,
    app_protection::{Lease, MAX_ACCESS_PROOF, RegistrationId},
};
use ring::hmac;
use uuid::Uuid;

/// Stands before what is sealed: a tag over anything else is no tag over a proof.
const PREFIX: &[u8] = b"moat app access 1\n";
const BODY: usize = 16 + 16 + 8 + 8;

/// An app on a device, as it was when its lease was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub registration: RegistrationId,
    pub device: DeviceId,
    pub issued_at: Timestamp,
    pub valid_until: Timestamp,
}

impl Proof {
    pub fn of(lease: &Lease) -> Self {
        Self {
            registration: lease.registration_id,
            device: lease.device_id,
            issued_at: lease.issued_at,
            valid_until: lease.valid_until,
        }
    }

    /// As the app carries it: base64url of registration, device, both times in big-endian microseconds, tag.
    pub fn seal(&self, secret: &[u8; 32]) -> String {
        let mut bytes = self.body();
        bytes.extend(hmac::sign(&key(secret), &tagged(&bytes)).as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// None for whatever this server did not seal.
    pub fn open(text: &str, secret: &[u8; 32]) -> Option<Self> {
        if text.len() > MAX_ACCESS_PROOF {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY)?;
        hmac::verify(&key(secret), &tagged(body), tag).ok()?;
        let (registration, rest) = body.split_first_chunk()?;
        let (device, rest) = rest.split_first_chunk()?;
        let (issued_at, rest) = rest.split_first_chunk()?;
        let (valid_until, _) = rest.split_first_chunk()?;
        Some(Self {
            registration: RegistrationId(Uuid::from_bytes(*registration)),
            device: DeviceId(Uuid::from_bytes(*device)),
            issued_at: Timestamp::from_micros(i64::from_be_bytes(*issued_at)),
            valid_until: Timestamp::from_micros(i64::from_be_bytes(*valid_until)),
        })
    }

    fn body(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BODY + 32);
        bytes.extend(self.registration.0.as_bytes());
        bytes.extend(self.device.0.as_bytes());
        bytes.extend(self.issued_at.as_micros().to_be_bytes());
        bytes.extend(self.valid_until.as_micros().to_be_bytes());
        bytes
    }
}

fn tagged(body: &[u8]) -> Vec<u8> {
    [PREFIX, body].concat()
}

fn key(secret: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    fn proof() -> Proof {
        Proof {
            registration: RegistrationId(Uuid::from_u128(1)),
            device: DeviceId(Uuid::from_u128(2)),
            issued_at: Timestamp::from_micros(3),
            valid_until: Timestamp::from_micros(4),
        }
    }

    #[test]
    fn what_was_sealed_is_opened_again() {
        let text = proof().seal(&SECRET);
        assert!(text.len() <= MAX_ACCESS_PROOF);
        assert_eq!(Proof::open(&text, &SECRET), Some(proof()));
        assert_eq!(Proof::open(&text, &[8; 32]), None);
    }

    #[test]
    fn no_bit_can_be_changed_and_nothing_cut_or_added() {
        let text = proof().seal(&SECRET);
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Proof::open(&URL_SAFE_NO_PAD.encode(other), &SECRET), None, "bit {bit}");
        }
        for end in 0..text.len() {
            assert_eq!(Proof::open(&text[..end], &SECRET), None, "{end} characters");
        }
        assert_eq!(Proof::open(&format!("{text}AAAA"), &SECRET), None);
        assert_eq!(Proof::open(&"A".repeat(MAX_ACCESS_PROOF + 1), &SECRET), None);
    }
}
