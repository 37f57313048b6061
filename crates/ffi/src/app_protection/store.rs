//! The key of the app's work data. Whoever destroys it has destroyed the data, wherever its copies lie.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY: usize = 32;
const ID: usize = 8;
/// Version and id of the key: bound to the data, not hidden.
const HEADER: usize = 1 + ID;
const NONCE: usize = 12;

/// A random key for AES-256-GCM. Nonces are random: one key is good for four thousand million texts.
pub(super) struct DataKey {
    /// Tells data of a destroyed key from damaged data.
    id: [u8; ID],
    key: Zeroizing<[u8; KEY]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    OtherKey,
    Damaged,
}

impl DataKey {
    pub fn random() -> Result<Self, getrandom::Error> {
        let (mut id, mut key) = ([0; ID], Zeroizing::new([0; KEY]));
        getrandom::fill(&mut id)?;
        getrandom::fill(key.as_mut())?;
        Ok(Self { id, key })
    }

    /// Version (one byte), id of the key (8), nonce (12), ciphertext with its tag (16 more than the text).
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let mut sealed = vec![VERSION];
        sealed.extend(self.id);
        let payload = Payload {
            msg: plain,
            aad: &sealed,
        };
        // Only a text of more than 64 GiB fails.
        let secret = self.cipher().encrypt(&Nonce::from(nonce), payload);
        let secret = secret.expect("a text in memory is short enough for AES-GCM");
        sealed.extend(nonce);
        sealed.extend(secret);
        Ok(sealed)
    }

    pub fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let (header, rest) = sealed.split_first_chunk::<HEADER>().ok_or(Unreadable::Damaged)?;
        let (nonce, secret) = rest.split_first_chunk::<NONCE>().ok_or(Unreadable::Damaged)?;
        match header.split_first() {
            Some((&VERSION, id)) if id == self.id => {}
            Some((&VERSION, _)) => return Err(Unreadable::OtherKey),
            _ => return Err(Unreadable::Damaged),
        }
        let payload = Payload {
            msg: secret,
            aad: header,
        };
        let plain = self.cipher().decrypt(&Nonce::from(*nonce), payload);
        plain.map_err(|_| Unreadable::Damaged)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.key).into())
    }
}

/// Never the key.
impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", hex::encode(self.id))
    }
}

/// Hexadecimal digits: the id, then the key.
impl Serialize for DataKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Zeroizing::new(self.id.to_vec());
        bytes.extend(self.key.iter());
        Zeroizing::new(hex::encode(&bytes)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DataKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = Zeroizing::new(hex::decode(&digits).map_err(D::Error::custom)?);
        let wrong = || D::Error::custom("a data key has 80 hexadecimal digits");
        let (id, key) = bytes.split_first_chunk::<ID>().ok_or_else(wrong)?;
        let key: &[u8; KEY] = key.try_into().map_err(|_| wrong())?;
        Ok(Self {
            id: *id,
            key: Zeroizing::new(*key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_back_by_the_same_key_only() {
        let (key, other) = (DataKey::random().unwrap(), DataKey::random().unwrap());
        for plain in [&b""[..], b"x", &[7; 100_000]] {
            let sealed = key.seal(plain).unwrap();
            assert_eq!(sealed.len(), plain.len() + HEADER + NONCE + 16);
            assert_ne!(sealed, key.seal(plain).unwrap(), "each time another nonce");
            assert_eq!(key.unseal(&sealed).as_deref(), Ok(plain));
            assert_eq!(other.unseal(&sealed), Err(Unreadable::OtherKey));
        }
    }

    #[test]
    fn each_flipped_bit_and_each_cut_is_noticed() {
        let key = DataKey::random().unwrap();
        let sealed = key.seal(b"quarterly figures").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(key.unseal(&other).is_err(), "bit {bit}");
        }
        for end in 0..sealed.len() {
            assert_eq!(key.unseal(&sealed[..end]), Err(Unreadable::Damaged), "{end} bytes");
        }
    }

    #[test]
    fn a_key_is_kept_and_never_printed() {
        let key = DataKey::random().unwrap();
        let text = serde_json::to_string(&key).unwrap();
        let again: DataKey = serde_json::from_str(&text).unwrap();
        assert_eq!(again.unseal(&key.seal(b"mail").unwrap()).as_deref(), Ok(&b"mail"[..]));
        assert!(!format!("{key:?}").contains(&hex::encode(*key.key)));
        for wrong in ["\"\"", "\"00\"", "\"zz\"", &text.replacen('"', "\"00", 1), "7"] {
            assert!(serde_json::from_str::<DataKey>(wrong).is_err(), "{wrong}");
        }
    }
}
