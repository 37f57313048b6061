#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_policy::jailbreak::{Facts, OsVersion, Rules, evaluate};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rules) = Rules::parse(bytes) {
        let facts = Facts {
            platform: "ios".into(),
            ..Facts::default()
        };
        let score = evaluate(&rules, &facts).score;
        assert!((0.0..=1.0).contains(&score));
        let _ = (rules.version(), rules.checks().count(), rules.skipped_in("simulator"));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = OsVersion::parse(text);
    }
});
