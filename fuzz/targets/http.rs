//! HTTP/1 streams: the same requests are seen in whatever pieces they come.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_engine::inspect::http::{Request, Requests, Step, looks_like};

/// The requests, and whether the rest passes unseen.
fn requests(stream: &[u8], size: usize) -> (Vec<Request>, bool) {
    let (mut state, mut found, mut passed, mut seen) = (Requests::default(), Vec::new(), 0, 0);
    loop {
        match state.next(&stream[passed..seen]) {
            Step::More if seen == stream.len() => return (found, false),
            Step::More => seen = (seen + size).min(stream.len()),
            Step::Request(request, length) => {
                assert!(length > 0 && length <= seen - passed);
                passed += length;
                found.push(request);
            }
            Step::Body(n) => {
                assert!(n > 0 && n <= seen - passed, "no progress");
                passed += n;
            }
            Step::Malformed => {}
            Step::Opaque => return (found, true),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    // Larger lines are given up, at a point that depends on the pieces.
    let bytes = &bytes[..bytes.len().min(8_000)];
    let _ = (looks_like(bytes, true), looks_like(bytes, false));
    let whole = requests(bytes, usize::MAX >> 1);
    for size in [1, 7] {
        assert_eq!(requests(bytes, size), whole, "pieces of {size}");
    }
});
