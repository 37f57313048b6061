//! Domains, URLs and addresses as people write them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::{Domain, Entry, IndicatorSet, Prefix, UrlPattern, compile, explain};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1);

fn set(kind: IndicatorType, value: &str) -> IndicatorSet {
    let entry = Entry {
        id: IndicatorId(1),
        kind,
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
        assert_eq!(Domain::parse(domain.as_str()).as_ref(), Ok(&domain));
        let set = set(IndicatorType::DomainName, text);
        assert!(set.lookup_host(domain.as_str(), NOW).is_some());
        assert!(set.lookup_host(&format!("x.{domain}"), NOW).is_some() || domain.as_str().len() > 251);
    }
    if let Ok(prefix) = Prefix::parse(text) {
        assert_eq!(Prefix::parse(&prefix.to_string()), Ok(prefix));
        assert!(prefix.contains(prefix.addr()));
        assert!(
            set(IndicatorType::IpAddress, text)
                .lookup_ip(prefix.addr(), NOW)
                .is_some()
        );
        let _ = prefix.is_internal();
    }
    if let Ok(url) = UrlPattern::parse(text) {
        assert_eq!(UrlPattern::parse(&url.to_string()).as_ref(), Ok(&url));
        let set = set(IndicatorType::Url, text);
        assert!(set.lookup_url(url.host(), url.path(), NOW).is_some(), "{url}");
        let _ = explain(&set, text, NOW);
    }
    let set = set(IndicatorType::Url, "http://evil.example/a?b");
    let (host, path) = text.split_once(' ').unwrap_or(("evil.example", text));
    let _ = set.lookup_url(host, path, NOW);
    let _ = set.has_paths_below(host);
});
