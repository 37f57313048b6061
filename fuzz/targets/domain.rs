#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::{Domain, Entry, IndicatorSet, compile};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1);

fn set(value: &str) -> IndicatorSet {
    let entry = Entry {
        id: IndicatorId(1),
        kind: IndicatorType::DomainName,
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
    if let Ok(domain) = Domain::parse(text) {
        assert_eq!(
            Domain::parse(domain.as_str()).as_ref(),
            Ok(&domain),
            "a canonical form stays as it is"
        );
        let set = set(text);
        assert!(set.lookup_host(domain.as_str(), NOW).is_some(), "it covers itself");
        assert!(set.lookup_host(&format!("x.{domain}"), NOW).is_some() || domain.as_str().len() > 251);
        let _ = set.lookup_url(text, text, NOW);
    }
});
