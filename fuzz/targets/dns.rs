#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use moat_engine::inspect::dns;

fuzz_target!(|message: &[u8]| {
    let _ = dns::framed(message);
    if let Some(question) = dns::question(message) {
        let _ = dns::records(message, &question);
        let answer = dns::blocked_answer(message, &question, (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST), "reason");
        assert!(dns::is_response(&answer));
    }
});
