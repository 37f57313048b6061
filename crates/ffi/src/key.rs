use ed25519_dalek::VerifyingKey;

/// The server's public key from its 64 hexadecimal digits.
pub(crate) fn verifying_key(digits: &str) -> Option<VerifyingKey> {
    let bytes = hex::decode(digits.trim()).ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
}
