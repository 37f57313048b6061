#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_policy::jailbreak::{Facts, Rules, evaluate};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rules) = Rules::parse(bytes) {
        let facts = Facts { platform: "ios".into(), ..Facts::default() };
        let score = evaluate(&rules, &facts).score;
        assert!((0.0..=1.0).contains(&score));
    }
});
