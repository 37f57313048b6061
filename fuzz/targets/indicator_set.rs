//! Compiled indicators and feeds that are damaged or made by somebody else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_indicators::{IndicatorSet, explain};
use moat_model::Timestamp;

fn look(set: &IndicatorSet) {
    let now = Timestamp::from_micros(1_000);
    let _ = (set.len(), set.feed_entries(), format!("{set:?}"));
    for host in ["evil.example", "a.b.evil.example", "[2001:db8::1]", "192.0.2.1", "x"] {
        let _ = set.lookup_host(host, now);
        let _ = set.lookup_url(host, "/login/x?y=z", now);
        let _ = set.has_paths_below(host);
        let _ = set.spares_paths_below(host, now);
        let _ = explain(set, host, now);
    }
    for ip in ["192.0.2.1", "2001:db8::1", "::ffff:198.51.100.1", "0.0.0.0", "::"] {
        let _ = set.lookup_ip(ip.parse().unwrap(), now);
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = IndicatorSet::open(bytes.to_vec()) {
        look(&set);
    }
    if let Ok(set) = IndicatorSet::empty().with_feeds(bytes.to_vec()) {
        look(&set);
    }
});
