#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::{Entry, IndicatorSet, UrlPattern, compile, explain};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1);

fn set(value: &str) -> IndicatorSet {
    let entry = Entry {
        id: IndicatorId(1),
        kind: IndicatorType::Url,
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
    if let Ok(url) = UrlPattern::parse(text) {
        assert_eq!(
            UrlPattern::parse(&url.to_string()).as_ref(),
            Ok(&url),
            "a canonical form stays as it is"
        );
        let set = set(text);
        assert!(
            set.lookup_url(url.host(), url.path(), NOW).is_some(),
            "{url} covers itself"
        );
        let _ = explain(&set, text, NOW);
    }
    // As the host and path of a request.
    let set = set("http://evil.example/a?b");
    let (host, path) = text.split_once(' ').unwrap_or(("evil.example", text));
    let _ = set.lookup_url(host, path, NOW);
    let _ = set.has_paths_below(host);
});
