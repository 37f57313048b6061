//! ClientHellos in any pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_engine::inspect::{
    First, first_bytes,
    tls::{Hello, client_hello},
};

fuzz_target!(|bytes: &[u8]| {
    let whole = client_hello(bytes);
    let _ = first_bytes(bytes, true);
    let step = (bytes.len() / 32).max(1);
    for cut in (0..bytes.len()).step_by(step) {
        // What is known of the beginning stays true of the whole.
        match client_hello(&bytes[..cut]) {
            Hello::More => {}
            early => assert_eq!(early, whole),
        }
        if let First::Tls(name) = first_bytes(&bytes[..cut], true) {
            assert_eq!(Hello::Name(name), whole);
        }
    }
    if let Hello::Name(Some(name)) = whole {
        assert!(!name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_graphic()));
    }
});
