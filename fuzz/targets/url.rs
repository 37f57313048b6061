#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::UrlPattern;

fuzz_target!(|text: &str| {
    if let Ok(url) = UrlPattern::parse(text) {
        let _ = (url.host(), url.path());
    }
});
