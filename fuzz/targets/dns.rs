//! DNS messages, framed and not.
#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use moat_engine::inspect::dns;

fuzz_target!(|bytes: &[u8]| {
    let _ = (dns::framed(bytes), dns::is_response(bytes), dns::is_no_question(bytes));
    let Some(question) = dns::question(bytes) else { return };
    assert!(question.name.len() <= 253 && question.name.is_ascii());
    let _ = dns::records(bytes, &question);
    let reason = String::from_utf8_lossy(bytes);
    let answer = dns::blocked_answer(bytes, &question, (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST), &reason);
    assert!(
        dns::is_response(&answer) && answer.len() <= 2_000,
        "{} bytes",
        answer.len()
    );
    let again = dns::question(&answer).expect("our own answer can be read");
    assert_eq!(
        (again.id, &again.name, again.kind),
        (question.id, &question.name, question.kind)
    );
    assert_eq!(again.has_opt, question.has_opt);
    let expected = usize::from(question.kind == dns::A || question.kind == dns::AAAA);
    assert_eq!(dns::records(&answer, &again).len(), expected);
});
