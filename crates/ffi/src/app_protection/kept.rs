//! What an app keeps between its starts, as bytes for the platform's keychain.

use moat_model::{
    DeviceId, Timestamp,
    app_protection::{SignedLease, WipeReceipt},
};
use moat_policy::app_protection::access::AccessFacts;
use serde::{Deserialize, Serialize};

use super::{pin::Pins, store::DataKey};

const PREFIX: &[u8] = b"moat app state 1\n";
const CHECKSUM: usize = 8;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Kept {
    pub device_id: DeviceId,
    pub bundle_id: String,
    /// As the server signed it: it is verified again at each start.
    pub lease: Option<SignedLease>,
    /// What gateways are shown while the lease is fresh.
    #[serde(default)]
    pub access_proof: Option<String>,
    /// `issued_at` of the newest lease ever accepted; an older one is a replay.
    pub newest_lease: Timestamp,
    pub latest_time_seen: Timestamp,
    pub data_key: Option<DataKey>,
    pub pins: Pins,
    pub access: AccessFacts,
    /// What the server has not acknowledged yet.
    pub receipt: Option<WipeReceipt>,
    /// The last wipe, until there is a new key.
    pub wiped: Option<WipeReceipt>,
}

impl Kept {
    pub fn new(device_id: DeviceId, bundle_id: &str) -> Self {
        let never = Timestamp::from_micros(0);
        Self {
            device_id,
            bundle_id: bundle_id.into(),
            lease: None,
            access_proof: None,
            newest_lease: never,
            latest_time_seen: never,
            data_key: None,
            pins: Pins::default(),
            access: AccessFacts::default(),
            receipt: None,
            wiped: None,
        }
    }

    /// A line that names the form, the CRC-32 of the rest in hexadecimal on a line, JSON.
    /// The checksum finds damage, not forgery: whoever can write into the keychain has the key anyway.
    pub fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("this type has no map and no float");
        let mut bytes = PREFIX.to_vec();
        bytes.extend(format!("{:08x}\n", crc32fast::hash(&json)).into_bytes());
        bytes.extend(json);
        bytes
    }

    /// # Errors
    /// Why this is not what this app on this device kept.
    pub fn decode(bytes: &[u8], device_id: DeviceId, bundle_id: &str) -> Result<Self, String> {
        let rest = bytes.strip_prefix(PREFIX).ok_or("it is not an app's state")?;
        let (checksum, json) = rest.split_at_checked(CHECKSUM + 1).ok_or("it is cut short")?;
        if checksum != format!("{:08x}\n", crc32fast::hash(json)).as_bytes() {
            return Err("its checksum is wrong".into());
        }
        let kept: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if kept.device_id != device_id || !kept.bundle_id.eq_ignore_ascii_case(bundle_id) {
            return Err("another app or device kept it".into());
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "org.example.mail";

    fn device(number: u128) -> DeviceId {
        DeviceId(uuid::Uuid::from_u128(number))
    }

    fn kept() -> Kept {
        let mut kept = Kept::new(device(1), MAIL);
        kept.data_key = Some(DataKey::random().unwrap());
        kept.pins.set("2580").unwrap();
        kept.wiped = Some(WipeReceipt {
            order: None,
            reason: "The device is jailbroken.".into(),
            at: Timestamp::from_micros(7),
        });
        kept
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let bytes = kept().encode();
        let again = Kept::decode(&bytes, device(1), "org.example.Mail").unwrap();
        assert_eq!(again.encode(), bytes);
    }

    #[test]
    fn what_an_older_version_kept_is_read() {
        let json = String::from_utf8(serde_json::to_vec(&kept()).unwrap()).unwrap();
        let older = json.replace("\"accessProof\":null,", "");
        assert_ne!(older, json);
        let checksum = format!("{:08x}\n", crc32fast::hash(older.as_bytes()));
        let bytes = [PREFIX, checksum.as_bytes(), older.as_bytes()].concat();
        assert!(Kept::decode(&bytes, device(1), MAIL).unwrap().access_proof.is_none());
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let bytes = kept().encode();
        for end in 0..bytes.len() {
            assert!(Kept::decode(&bytes[..end], device(1), MAIL).is_err(), "{end} bytes");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(Kept::decode(&other, device(1), MAIL).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_app_or_device_cannot_use_it() {
        let bytes = kept().encode();
        for (id, app) in [(device(2), MAIL), (device(1), "org.example.chat")] {
            assert!(Kept::decode(&bytes, id, app).unwrap_err().contains("another app"));
        }
    }
}
