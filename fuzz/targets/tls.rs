#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_engine::inspect::{first_bytes, tls};

fuzz_target!(|bytes: &[u8]| {
    let _ = tls::client_hello(bytes);
    let _ = first_bytes(bytes);
});
