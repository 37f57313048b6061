#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::{Entry, IndicatorSet, Prefix, compile};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1);

fn set(value: &str) -> IndicatorSet {
    let entry = Entry {
        id: IndicatorId(1),
        kind: IndicatorType::IpAddress,
        value: value.into(),
        action: Action::Block,
        severity: Severity::High,
        title: "t".into(),
        generate_alert: true,
        expires: None,
        bypass_hours: None,
        educate_url: None,
    };
    IndicatorSet::open(compile([entry], [1; 16]).unwrap()).unwrap()
}

fuzz_target!(|text: &str| {
    if let Ok(prefix) = Prefix::parse(text) {
        assert!(prefix.contains(prefix.addr()));
        assert_eq!(
            Prefix::parse(&prefix.to_string()),
            Ok(prefix),
            "a canonical form stays as it is"
        );
        assert!(set(text).lookup_ip(prefix.addr(), NOW).is_some(), "it covers itself");
        let _ = prefix.is_internal();
    }
});
