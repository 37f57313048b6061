#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::Domain;

fuzz_target!(|text: &str| {
    if let Ok(domain) = Domain::parse(text) {
        assert_eq!(Domain::parse(domain.as_str()), Ok(domain), "a canonical form stays as it is");
    }
});
