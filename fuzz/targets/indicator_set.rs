#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::IndicatorSet;
use moat_model::Timestamp;

// Arbitrary bytes never panic, and neither does a look-up in whatever they open as.
fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = IndicatorSet::open(bytes.to_vec()) {
        let now = Timestamp::from_micros(1);
        let _ = set.lookup_host("www.evil.example", now);
        let _ = set.lookup_url("evil.example", "/a/b?c", now);
        let _ = set.lookup_ip([192, 0, 2, 1].into(), now);
        let _ = set.lookup_ip([0u16; 8].into(), now);
        let _ = set.has_paths_below("evil.example");
    }
});
