//! The compiled set against a plain reading of the rules, and against damage.

mod feeds;
mod safebrowsing;

use std::net::IpAddr;

use moat_indicators::{Domain, Entry, IndicatorSet, Prefix, UrlPattern, compile, explain};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn entry(id: u64, kind: IndicatorType, value: &str, action: Action) -> Entry {
    Entry {
        id: IndicatorId(id),
        kind,
        value: value.into(),
        action,
        severity: Severity::Medium,
        title: format!("title {}", id % 3),
        generate_alert: true,
        expires: None,
        bypass_hours: None,
        educate_url: None,
    }
}

fn set(entries: Vec<Entry>) -> IndicatorSet {
    IndicatorSet::open(compile(entries, [3; 16]).unwrap()).unwrap()
}

fn action_of(found: Option<moat_indicators::Match>) -> Option<Action> {
    found.map(|m| m.action)
}

#[test]
fn a_domain_covers_its_subdomains_and_the_closer_wins() {
    use IndicatorType::DomainName as D;
    let set = set(vec![
        entry(1, D, "evil.example", Action::Block),
        entry(2, D, "good.evil.example", Action::Allowed),
        entry(3, D, "bad.good.evil.example", Action::Warn),
    ]);
    for (host, action) in [
        ("evil.example", Some(Action::Block)),
        ("WWW.Evil.Example.", Some(Action::Block)),
        ("good.evil.example", Some(Action::Allowed)),
        ("a.good.evil.example", Some(Action::Allowed)),
        ("x.bad.good.evil.example", Some(Action::Warn)),
        ("notevil.example", None),
        ("example", None),
        ("", None),
    ] {
        assert_eq!(action_of(set.lookup_host(host, NOW)), action, "{host}");
    }
}

#[test]
fn at_the_same_closeness_allow_beats_warn_beats_block_beats_audit() {
    let actions = [Action::Audit, Action::Block, Action::Warn, Action::Allowed];
    for count in 1..=actions.len() {
        let entries = actions.iter().take(count).zip(1..);
        let set = set(entries
            .map(|(a, id)| entry(id, IndicatorType::DomainName, "x.example", *a))
            .collect());
        assert_eq!(action_of(set.lookup_host("x.example", NOW)), Some(actions[count - 1]));
    }
}

#[test]
fn paths_match_on_segments_and_beat_the_host() {
    use IndicatorType::{DomainName as D, Url as U};
    let set = set(vec![
        entry(1, D, "site.example", Action::Allowed),
        entry(2, U, "https://site.example/login", Action::Block),
        entry(3, U, "http://site.example/login/help/", Action::Allowed),
        entry(4, U, "site.example/q?a=1", Action::Warn),
        entry(5, U, "https://whole.example", Action::Block),
    ]);
    for (host, path, action) in [
        ("site.example", "/", Action::Allowed),
        ("site.example", "/login", Action::Block),
        ("site.example", "/login/", Action::Block),
        ("site.example", "/login/x/y?z", Action::Block),
        ("site.example", "/%6cogin?next=/", Action::Block),
        ("site.example", "/a/../login", Action::Block),
        ("site.example", "/loginX", Action::Allowed),
        ("site.example", "/Login", Action::Allowed),
        ("site.example", "/login/help/me", Action::Allowed),
        ("site.example", "/q?a=1", Action::Warn),
        ("site.example", "/q/?a=1", Action::Warn),
        ("site.example", "/q?a=2", Action::Allowed),
        ("whole.example", "/anything", Action::Block),
    ] {
        assert_eq!(action_of(set.lookup_url(host, path, NOW)), Some(action), "{host}{path}");
    }
    assert_eq!(
        action_of(set.lookup_url("sub.whole.example", "/", NOW)),
        None,
        "a URL names one host"
    );
    assert!(set.has_paths_below("Site.example") && !set.has_paths_below("whole.example"));
}

#[test]
fn a_blocked_host_may_have_paths_that_are_not() {
    use IndicatorType::{DomainName as D, Url as U};
    let mut over = entry(5, U, "over.example/a", Action::Allowed);
    over.expires = Some(NOW);
    let set = set(vec![
        entry(1, D, "open.example", Action::Block),
        entry(2, U, "open.example/login", Action::Warn),
        entry(3, U, "closed.example/login", Action::Block),
        entry(4, U, "open.example.org/login", Action::Allowed),
        over,
    ]);
    assert!(set.spares_paths_below("Open.example", NOW) && set.spares_paths_below("open.example.org", NOW));
    for host in [
        "closed.example",
        "sub.open.example",
        "over.example",
        "other.example",
        "",
    ] {
        assert!(!set.spares_paths_below(host, NOW), "{host}");
    }
}

#[test]
fn a_long_path_does_not_hide_from_a_short_indicator() {
    let set = set(vec![entry(
        1,
        IndicatorType::Url,
        "https://site.example/login",
        Action::Block,
    )]);
    for depth in [63, 64, 65, 5_000] {
        let path = format!("/login{}", "/a".repeat(depth));
        assert_eq!(
            action_of(set.lookup_url("site.example", &path, NOW)),
            Some(Action::Block),
            "{depth} segments"
        );
    }
}

#[test]
fn urls_may_name_addresses() {
    use IndicatorType::Url as U;
    let set = set(vec![
        entry(1, U, "http://[2001:DB8::1]:8080/login", Action::Block),
        entry(2, U, "http://[2001:db8::2]/", Action::Block),
        entry(3, U, "http://192.0.2.1/login", Action::Block),
    ]);
    for (host, path, found) in [
        ("2001:db8::1", "/login/x", true),
        ("2001:db8:0:0::1", "/login", true),
        ("[2001:db8::1]", "/login", true),
        ("2001:db8::1", "/", false),
        ("2001:db8::2", "/any", true),
        ("::ffff:192.0.2.1", "/login", true),
        ("192.0.2.1", "/login", true),
        ("2001:db8::3", "/login", false),
    ] {
        assert_eq!(set.lookup_url(host, path, NOW).is_some(), found, "{host} {path}");
    }
    assert!(set.has_paths_below("2001:db8::1") && !set.has_paths_below("2001:db8::2"));
    let explained = explain(&set, "http://[2001:db8::1]/login", NOW).unwrap();
    assert_eq!(explained.candidates[0].indicator.value, "[2001:db8::1]/login");
}

#[test]
fn the_longest_prefix_wins() {
    use IndicatorType::IpAddress as I;
    let set = set(vec![
        entry(1, I, "198.51.100.0/24", Action::Block),
        entry(2, I, "198.51.100.7", Action::Allowed),
        entry(3, I, "2001:db8::/32", Action::Block),
        entry(4, I, "2001:db8:1::/48", Action::Warn),
    ]);
    for (ip, action) in [
        ("198.51.100.1", Some(Action::Block)),
        ("198.51.100.7", Some(Action::Allowed)),
        ("::ffff:198.51.100.1", Some(Action::Block)),
        ("198.51.101.1", None),
        ("2001:db8::1", Some(Action::Block)),
        ("2001:db8:1::1", Some(Action::Warn)),
        ("2001:db9::1", None),
    ] {
        assert_eq!(action_of(set.lookup_ip(ip.parse().unwrap(), NOW)), action, "{ip}");
    }
}

#[test]
fn expired_indicators_do_not_match() {
    let mut short = entry(1, IndicatorType::DomainName, "x.example", Action::Block);
    short.expires = Some(Timestamp::from_micros(2_000));
    let set = set(vec![short]);
    assert!(set.lookup_host("x.example", Timestamp::from_micros(1_999)).is_some());
    assert!(set.lookup_host("x.example", Timestamp::from_micros(2_000)).is_none());
}

#[test]
fn types_that_devices_cannot_enforce_are_left_out() {
    let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    assert!(set(vec![entry(1, IndicatorType::FileSha1, sha1, Action::Block)]).is_empty());
}

#[test]
fn explain_lists_every_match_with_the_deciding_one_first() {
    use IndicatorType::{DomainName as D, Url as U};
    let set = set(vec![
        entry(1, D, "evil.example", Action::Block),
        entry(2, D, "www.evil.example", Action::Allowed),
        entry(3, U, "https://www.evil.example/x", Action::Warn),
    ]);
    let ids = |url: &str| {
        let explanation = explain(&set, url, NOW).unwrap();
        let ids: Vec<u64> = explanation.candidates.iter().map(|c| c.indicator.id.0).collect();
        (explanation.action, ids, explanation.reason)
    };
    let (action, candidates, _) = ids("http://www.evil.example/x/y");
    assert_eq!((action, candidates), (Action::Warn, vec![3, 2, 1]));
    for https in ["https://www.evil.example/x/y", " HTTPS://www.evil.example:8443/x"] {
        let (action, candidates, reason) = ids(https);
        assert_eq!((action, candidates), (Action::Allowed, vec![2, 1]), "{https}");
        assert!(reason.contains("only the host is seen"), "{reason}");
    }
    assert!(!ids("https://www.evil.example/").2.contains("only the host"));
    assert_eq!(explain(&set, "good.example", NOW).unwrap().action, Action::Allowed);
    assert!(explain(&set, "not a host", NOW).is_err());
}

/// The rules of the design, read plainly: every indicator against every observation.
fn oracle(entries: &[Entry], host: &str, path: &str) -> Option<u64> {
    let covers = |e: &Entry| match e.kind {
        IndicatorType::DomainName => {
            let domain = Domain::parse(&e.value).unwrap();
            let exact = host == domain.as_str();
            (exact || host.ends_with(&format!(".{domain}")))
                .then(|| (if exact { 1 } else { 0 }, domain.as_str().split('.').count()))
        }
        _ => {
            let url = UrlPattern::parse(&e.value).unwrap();
            let below = path == url.path() || path.starts_with(&format!("{}/", url.path()));
            (host == url.host() && below).then(|| {
                if url.path().is_empty() {
                    (1, host.split('.').count())
                } else {
                    (2, url.path().len())
                }
            })
        }
    };
    let order = |a: Action| {
        [Action::Audit, Action::Block, Action::Warn, Action::Allowed]
            .iter()
            .position(|x| *x == a)
    };
    entries
        .iter()
        .filter(|e| e.expires.is_none_or(|at| at > NOW))
        .filter_map(|e| covers(e).map(|closeness| (closeness, order(e.action), std::cmp::Reverse(e.id.0))))
        .max()
        .map(|(_, _, id)| id.0)
}

fn host() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]", 1..4).prop_map(|labels| format!("{}.example", labels.join(".")))
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec("[xy]{1,2}", 0..4).prop_map(|segments| segments.iter().map(|s| format!("/{s}")).collect())
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let actions = prop::sample::select(vec![Action::Allowed, Action::Warn, Action::Block, Action::Audit]);
    let expiry = prop::option::weighted(0.3, 999i64..1_002);
    prop::collection::vec((host(), path(), any::<bool>(), actions, expiry), 0..40).prop_map(|list| {
        let each = list.into_iter().zip(1..);
        each.map(|((host, path, is_domain, action, expires), id)| {
            let entry = match is_domain {
                true => entry(id, IndicatorType::DomainName, &host, action),
                false => entry(id, IndicatorType::Url, &format!("https://{host}{path}"), action),
            };
            Entry {
                expires: expires.map(Timestamp::from_micros),
                ..entry
            }
        })
        .collect()
    })
}

/// Addresses that often lie near one another.
fn address() -> impl Strategy<Value = IpAddr> {
    let near = |bits: u32| move |low: u8| bits | u32::from(low) << 4;
    let v4 = any::<u8>()
        .prop_map(near(0xc000_0200))
        .prop_map(|ip| IpAddr::V4(ip.into()));
    let v6 = any::<u8>()
        .prop_map(near(0x10))
        .prop_map(|low| IpAddr::V6((0x2001_0db8 << 96 | u128::from(low) << 60).into()));
    prop_oneof![v4, any::<u32>().prop_map(|ip| IpAddr::V4(ip.into())), v6]
}

/// Text that is nearly a URL.
fn url_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "B", "é", "/", "//", ".", "..", "?", "=", "%3F", "%2f", "%25", "%", "2e", "%5C", "\\", "%23", " ", "%00",
        ";", "@", ":80", "[::1]", "1", "0x7f", "-", "_",
    ]);
    let host = prop::sample::select(vec!["", "evil.example", "[2001:db8::1]", "192.0.2.1", "bücher.example"]);
    (host, prop::collection::vec(piece, 0..12)).prop_map(|(host, pieces)| format!("{host}{}", pieces.concat()))
}

proptest! {
    #[test]
    fn lookup_agrees_with_the_oracle(entries in entries(), host in host(), path in path()) {
        let found = set(entries.clone()).lookup_url(&host, &path, NOW).map(|m| m.id.0);
        prop_assert_eq!(found, oracle(&entries, &host, &path));
    }

    #[test]
    fn prefixes_agree_with_containment(list in prop::collection::vec((address(), 1u8..=128), 0..30), ip in address()) {
        let entries: Vec<Entry> = list.iter().zip(1..).map(|((addr, len), id)| {
            let written = match addr {
                IpAddr::V4(ip) => {
                    let len = len.min(&32);
                    let masked = u32::from(*ip) & u32::MAX.checked_shl(32 - u32::from(*len)).unwrap_or(0);
                    format!("{}/{len}", std::net::Ipv4Addr::from(masked))
                }
                IpAddr::V6(ip) => {
                    let masked = u128::from(*ip) & u128::MAX.checked_shl(128 - u32::from(*len)).unwrap_or(0);
                    format!("{}/{len}", std::net::Ipv6Addr::from(masked))
                }
            };
            entry(id, IndicatorType::IpAddress, &written, Action::Block)
        }).collect();
        let expected = entries.iter().filter_map(|e| {
            let prefix = Prefix::parse(&e.value).unwrap();
            prefix.contains(ip).then(|| (prefix.prefix_len(), std::cmp::Reverse(e.id.0)))
        }).max().map(|(_, id)| id.0);
        prop_assert_eq!(set(entries).lookup_ip(ip, NOW).map(|m| m.id.0), expected);
    }

    #[test]
    fn damage_never_panics(cut in 0usize..2000, at in 0usize..2000, value: u8) {
        let entries = (1..20).map(|id| entry(id, IndicatorType::Url, &format!("h{id}.example/p"), Action::Block)).collect::<Vec<_>>();
        let mut bytes = compile(entries, [3; 16]).unwrap();
        if let Some(byte) = bytes.get_mut(at) { *byte = value; }
        bytes.truncate(cut.max(200));
        if let Ok(set) = IndicatorSet::open(bytes) {
            for id in 0..20 { let _ = set.lookup_url(&format!("h{id}.example"), "/p/q", NOW); }
            let _ = set.lookup_ip("192.0.2.1".parse().unwrap(), NOW);
        }
    }

    #[test]
    fn canonical_forms_stay_as_they_are(text in prop_oneof![".*", url_text()]) {
        if let Ok(domain) = Domain::parse(&text) {
            prop_assert_eq!(Domain::parse(domain.as_str()), Ok(domain));
        }
        if let Ok(prefix) = Prefix::parse(&text) {
            prop_assert_eq!(Prefix::parse(&prefix.to_string()), Ok(prefix));
        }
        if let Ok(url) = UrlPattern::parse(&text) {
            prop_assert_eq!(UrlPattern::parse(&url.to_string()), Ok(url));
        }
    }

    #[test]
    fn a_url_indicator_matches_its_own_url(text in url_text()) {
        if let Ok(url) = UrlPattern::parse(&text) {
            let set = set(vec![entry(1, IndicatorType::Url, &text, Action::Block)]);
            prop_assert_eq!(action_of(set.lookup_url(url.host(), url.path(), NOW)), Some(Action::Block), "{}", url);
        }
    }
}
