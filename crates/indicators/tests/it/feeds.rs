//! The two tiers against a plain reading of the rules.

use moat_indicators::{Entry, Feed, FeedCompiler, FeedEntry, IndicatorSet, Match, Tier, entry_ids, explain, feed_of};
use moat_model::{Action, IndicatorType, Severity};
use proptest::prelude::*;

use crate::{NOW, address, entries, entry, host, oracle, path, set};

const SALT: [u8; 16] = [9; 16];

/// A feed with its entries: kind, canonical value, whether it is an exception.
type Listed = (Action, Vec<(IndicatorType, String, bool)>);

fn compiled(feeds: &[Listed]) -> Vec<u8> {
    let mut compiler = FeedCompiler::new(SALT);
    for ((action, entries), number) in feeds.iter().zip(1..) {
        let feed = Feed {
            number,
            name: format!("feed {number}"),
            action: *action,
            severity: Severity::High,
            generate_alert: number % 2 == 1,
        };
        compiler.begin(&feed).unwrap();
        for (kind, value, exception) in entries {
            compiler.add(FeedEntry {
                kind: *kind,
                value,
                exception: *exception,
            });
        }
    }
    compiler.finish().unwrap()
}

fn tiers(own: Vec<Entry>, feeds: &[Listed]) -> IndicatorSet {
    set(own).with_feeds(compiled(feeds)).unwrap()
}

fn domain(value: &str) -> (IndicatorType, String, bool) {
    (IndicatorType::DomainName, value.into(), false)
}

#[test]
fn an_indicator_decides_before_a_feed_however_closely_the_feed_names_the_site() {
    use IndicatorType::{DomainName as D, IpAddress as I, Url as U};
    let feeds = [(
        Action::Block,
        vec![
            domain("a.b.evil.example"),
            domain("bad.example"),
            (U, "shop.example/phish".into(), false),
            (I, "192.0.2.0/24".into(), false),
        ],
    )];
    let set = tiers(
        vec![
            entry(1, D, "evil.example", Action::Allowed),
            entry(2, I, "192.0.2.7", Action::Allowed),
        ],
        &feeds,
    );
    let said = |found: Option<Match>| found.map(|m| (m.tier, m.action, m.title, m.value));
    let feed = |value: &str| Some((Tier::Feed, Action::Block, "feed 1".into(), value.into()));
    let allowed = set.lookup_host("a.b.evil.example", NOW).unwrap();
    assert_eq!((allowed.id.0, allowed.action), (1, Action::Allowed));
    assert_eq!(said(set.lookup_host("www.bad.example", NOW)), feed("bad.example"));
    assert_eq!(said(set.lookup_host("shop.example", NOW)), None);
    assert_eq!(
        said(set.lookup_url("shop.example", "/x/../phish/1?q", NOW)),
        feed("shop.example/phish")
    );
    assert_eq!(
        said(set.lookup_ip("192.0.2.8".parse().unwrap(), NOW)),
        feed("192.0.2.0/24")
    );
    assert_eq!(set.lookup_ip("192.0.2.7".parse().unwrap(), NOW).unwrap().id.0, 2);
    // The address of the flow is an indicator's: a feed that names its host is not asked.
    let both = set.lookup(Some("bad.example"), None, "192.0.2.7".parse().ok(), NOW);
    assert_eq!(both.unwrap().action, Action::Allowed);
}

#[test]
fn an_exception_holds_for_its_own_feed_only() {
    let exception = (IndicatorType::DomainName, "good.evil.example".to_string(), true);
    let first = (Action::Block, vec![domain("evil.example"), exception]);
    let second = (Action::Warn, vec![domain("evil.example")]);
    let alone = tiers(vec![], std::slice::from_ref(&first));
    assert!(alone.lookup_host("x.good.evil.example", NOW).is_none());
    assert_eq!(alone.lookup_host("evil.example", NOW).unwrap().action, Action::Block);
    let both = tiers(vec![], &[first, second]);
    let found = both.lookup_host("x.good.evil.example", NOW).unwrap();
    assert_eq!((found.action, feed_of(found.id)), (Action::Warn, Some(2)));
}

#[test]
fn an_entry_keeps_its_number_whatever_else_the_feed_holds() {
    let number = |entries| {
        let set = tiers(vec![], &[(Action::Block, entries)]);
        set.lookup_host("www.evil.example", NOW).unwrap().id
    };
    let id = number(vec![domain("evil.example")]);
    assert_eq!(id, number(vec![domain("another.example"), domain("evil.example")]));
    let (first, last) = entry_ids(1);
    assert!(first <= id && id <= last && last < entry_ids(2).0);
    assert!(i64::try_from(entry_ids(u16::MAX).1.0).is_ok());
    assert_eq!(feed_of(moat_model::IndicatorId(12)), None);
}

#[test]
fn paths_that_a_feed_does_not_block_keep_their_host_reachable() {
    let url = |value: &str| (IndicatorType::Url, value.to_string(), false);
    let blocks = (Action::Block, vec![domain("evil.example"), url("evil.example/x")]);
    let warns = (Action::Warn, vec![url("evil.example/y")]);
    assert!(!tiers(vec![], std::slice::from_ref(&blocks)).spares_paths_below("evil.example", NOW));
    let set = tiers(vec![], &[blocks.clone(), warns.clone()]);
    assert!(set.has_paths_below("evil.example") && set.spares_paths_below("Evil.example.", NOW));
    let own = |action| vec![entry(1, IndicatorType::DomainName, "evil.example", action)];
    let set = tiers(own(Action::Block), &[blocks.clone(), warns]);
    assert!(
        !set.spares_paths_below("evil.example", NOW),
        "the indicator's block is the whole truth"
    );
    let allowed = vec![entry(1, IndicatorType::Url, "evil.example/ok", Action::Allowed)];
    assert!(tiers(allowed, &[blocks]).spares_paths_below("evil.example", NOW));
}

#[test]
fn explain_lists_indicators_before_feeds() {
    let own = vec![entry(1, IndicatorType::DomainName, "example.org", Action::Warn)];
    let set = tiers(
        own,
        &[(Action::Block, vec![domain("www.example.org"), domain("evil.example")])],
    );
    let explained = explain(&set, "https://www.example.org/", NOW).unwrap();
    let tiers: Vec<Tier> = explained.candidates.iter().map(|c| c.indicator.tier).collect();
    assert_eq!((explained.action, tiers), (Action::Warn, vec![Tier::Own, Tier::Feed]));
    let explained = explain(&set, "evil.example", NOW).unwrap();
    assert!(
        explained.reason.starts_with("Feed feed 1 (evil.example) decides"),
        "{}",
        explained.reason
    );
}

#[test]
fn every_entry_of_a_large_feed_is_found() {
    let entries: Vec<_> = (0..20_000).map(|n| domain(&format!("h{n}.example"))).collect();
    let set = tiers(vec![], &[(Action::Block, entries)]);
    assert_eq!(set.feed_entries(), 20_000);
    for n in 0..20_000 {
        assert!(set.lookup_host(&format!("h{n}.example"), NOW).is_some(), "{n}");
        assert!(set.lookup_host(&format!("g{n}.example"), NOW).is_none(), "{n}");
    }
}

/// What feeds say: each feed that has no exception for the site, with its closest entry.
fn second_tier(feeds: &[Listed], host: &str, path: &str) -> Option<(Action, u16)> {
    let below = |path: &str, listed: &str| path == listed || path.starts_with(&format!("{listed}/"));
    let closeness = |(kind, value, _): &(IndicatorType, String, bool)| match kind {
        IndicatorType::DomainName => {
            let exact = host == value;
            (exact || host.ends_with(&format!(".{value}"))).then(|| (usize::from(exact), value.split('.').count()))
        }
        _ => {
            let (name, listed) = value.split_at(value.find('/').unwrap());
            match listed {
                "/" => (host == name).then(|| (1, name.split('.').count())),
                _ => (host == name && below(path, listed)).then_some((2, listed.len())),
            }
        }
    };
    let order = |a: Action| {
        [Action::Audit, Action::Block, Action::Warn]
            .iter()
            .position(|x| *x == a)
    };
    let speaking = feeds
        .iter()
        .zip(1u16..)
        .filter(|((_, entries), _)| !entries.iter().any(|entry| entry.2 && closeness(entry).is_some()));
    let closest = speaking.filter_map(|((action, entries), number)| {
        let closest = entries.iter().filter_map(closeness).max()?;
        Some((closest, order(*action), std::cmp::Reverse(number), *action))
    });
    closest
        .max_by_key(|(closest, order, number, _)| (*closest, *order, *number))
        .map(|(.., n, action)| (action, n.0))
}

fn listed() -> impl Strategy<Value = Vec<Listed>> {
    let actions = prop::sample::select(vec![Action::Warn, Action::Block, Action::Audit]);
    let one = (host(), path(), any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |(host, path, is_domain, exception)| match (is_domain, path.is_empty()) {
            (true, _) => (IndicatorType::DomainName, host, exception),
            (false, true) => (IndicatorType::Url, format!("{host}/"), exception),
            (false, false) => (IndicatorType::Url, format!("{host}{path}"), exception),
        },
    );
    prop::collection::vec((actions, prop::collection::vec(one, 0..12)), 0..4)
}

proptest! {
    #[test]
    fn the_first_tier_that_says_anything_decides(own in entries(), feeds in listed(), host in host(), path in path()) {
        let found = tiers(own.clone(), &feeds).lookup_url(&host, &path, NOW);
        match oracle(&own, &host, &path) {
            Some(id) => prop_assert_eq!(found.map(|m| (m.tier, m.id.0)), Some((Tier::Own, id))),
            None => {
                let said = found.map(|m| (m.action, feed_of(m.id).unwrap()));
                prop_assert_eq!(said, second_tier(&feeds, &host, &path));
            }
        }
    }

    #[test]
    fn addresses_of_feeds_agree_with_containment(list in prop::collection::vec(address(), 0..30), ip in address()) {
        let entries = list.iter().map(|ip| (IndicatorType::IpAddress, ip.to_string(), false)).collect();
        let found = tiers(vec![], &[(Action::Block, entries)]).lookup_ip(ip, NOW);
        prop_assert_eq!(found.map(|m| m.value), list.contains(&ip).then(|| ip.to_string()));
    }

    #[test]
    fn damage_of_feeds_never_panics(cut in 0usize..2000, at in 0usize..2000, value: u8) {
        let entries = (1..20).map(|n| (IndicatorType::Url, format!("h{n}.example/p"), n % 5 == 0)).collect();
        let mut bytes = compiled(&[(Action::Block, entries), (Action::Warn, vec![domain("h3.example")])]);
        if let Some(byte) = bytes.get_mut(at) { *byte = value; }
        bytes.truncate(cut.max(200));
        if let Ok(set) = set(vec![]).with_feeds(bytes) {
            for n in 0..20 { let _ = set.lookup_url(&format!("h{n}.example"), "/p/q", NOW); }
            let _ = (set.lookup_ip("192.0.2.1".parse().unwrap(), NOW), set.feed_entries());
        }
    }
}
