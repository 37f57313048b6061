#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_engine::inspect::http::{Requests, Step};

// However a stream is cut, the framer moves on or asks for more.
fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let (mut requests, mut passed, mut seen) = (Requests::default(), 0, 0);
    loop {
        match requests.next(&bytes[passed..seen]) {
            Step::More if seen == bytes.len() => break,
            Step::More => seen = (seen + 1 + usize::from(size)).min(bytes.len()),
            Step::Request(_, n) | Step::Body(n) => {
                assert!(n > 0 && passed + n <= seen);
                passed += n;
            }
            Step::Opaque => break,
        }
    }
});
