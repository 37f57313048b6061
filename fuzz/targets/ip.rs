#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::Prefix;

fuzz_target!(|text: &str| {
    if let Ok(prefix) = Prefix::parse(text) {
        assert!(prefix.contains(prefix.addr()));
        assert_eq!(Prefix::parse(&prefix.to_string()), Ok(prefix));
    }
});
