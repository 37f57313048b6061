#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use moat_indicators::Bundle;

fuzz_target!(|bytes: &[u8]| {
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let _ = Bundle::open(bytes.to_vec(), &key);
});
