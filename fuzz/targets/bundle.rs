//! Bundles: any bytes, and any bytes with a signature that fits.
#![no_main]

use std::sync::LazyLock;

use ed25519_dalek::{Signer as _, SigningKey};
use libfuzzer_sys::fuzz_target;
use moat_indicators::Bundle;
use moat_model::Timestamp;
use sha2::{Digest as _, Sha512};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[7; 32]));

/// What a bundle's signature covers, as docs/indicator-format.md says.
fn message(body: &[u8]) -> Vec<u8> {
    [&b"moat bundle 1\0"[..], &Sha512::digest(body)].concat()
}

fn look(bundle: &Bundle) {
    let _ = (bundle.version(), bundle.created(), bundle.tenant(), bundle.settings());
    let _ = bundle.jailbreak_rules().len();
    let _ = bundle
        .indicators()
        .lookup_url("evil.example", "/a/b", Timestamp::from_micros(1));
}

fuzz_target!(|bytes: &[u8]| {
    assert!(
        Bundle::open(bytes.to_vec(), &KEY.verifying_key()).is_err(),
        "nobody guesses a signature"
    );
    let mut signed = bytes.to_vec();
    signed.extend(KEY.sign(&message(bytes)).to_bytes());
    if let Ok(bundle) = Bundle::open(signed, &KEY.verifying_key()) {
        look(&bundle);
    }
});
