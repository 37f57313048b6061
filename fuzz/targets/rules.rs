//! Jailbreak rules, and facts scored by them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_policy::jailbreak::{OsVersion, Rules};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rules) = Rules::parse(bytes) {
        let _ = (
            rules.version(),
            rules.checks().count(),
            rules.apply_to("ios"),
            rules.skipped_in("simulator"),
        );
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = OsVersion::parse(text);
    }
});
