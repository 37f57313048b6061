//! The known-good report: what a feed would do, before it is switched on.

use std::collections::{HashMap, HashSet};

use moat_indicators::{FeedEntry, Prefix};
use moat_model::{Action, IndicatorType, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    content::Content,
    known_good,
    parse::{Found, Noted, parents},
};
use crate::indicators::Protected;

/// What a list holds, and how it stands to what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub found: Found,
    pub check: Check,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Check {
    pub at: Timestamp,
    /// Entries that no other feed has, nor an indicator.
    pub new: u64,
    /// Other feeds, with how many entries they share.
    pub shared: Vec<(String, u64)>,
    pub indicators: u64,
    /// Entries that an indicator allows, in part or as a whole.
    pub allowed: Noted,
    /// Entries that would keep devices from what belongs to the organisation: they are left out.
    pub protected: Noted,
    pub known_good: Noted,
}

/// What a feed is checked against.
pub struct Against {
    pub at: Timestamp,
    pub protected: Protected,
    pub known_good: HashSet<String>,
    /// Type, canonical value and action of indicators.
    pub indicators: Vec<(IndicatorType, String, Action)>,
    /// Other feeds, by name.
    pub feeds: Vec<(String, Content)>,
}

pub fn check(content: &Content, against: &Against) -> Check {
    let lines: Vec<&str> = content.lines().filter(|line| is_listed(line)).collect();
    let mut check = Check {
        at: against.at,
        ..Check::default()
    };
    let mut known = vec![false; lines.len()];
    let mut mark = |line: &str| match lines.binary_search(&line) {
        Ok(at) => {
            known.get_mut(at).into_iter().for_each(|known| *known = true);
            1
        }
        Err(_) => 0,
    };
    for (name, other) in &against.feeds {
        let shared = other.lines().map(&mut mark).sum();
        if shared > 0 {
            check.shared.push((name.clone(), shared));
        }
    }
    let of_indicators = against
        .indicators
        .iter()
        .filter_map(|(kind, value, _)| super::content::line(*kind, value, false));
    check.indicators = of_indicators.map(|line| mark(&line)).sum();
    check.new = known.iter().filter(|known| !**known).count() as u64;
    let allowed = Allowed::of(&against.indicators);
    let above = known_good::above(&against.known_good);
    for entry in lines.iter().filter_map(|line| super::content::entry(line)) {
        let value = || entry.value.to_string();
        if let Some(name) = against.protected.touched_by(entry.kind, entry.value) {
            check.protected.note(|| format!("{} ({name})", entry.value));
        }
        if known_good::covered(&against.known_good, &above, entry.kind, entry.value) {
            check.known_good.note(value);
        }
        if allowed.concerns(entry) {
            check.allowed.note(value);
        }
    }
    check
}

fn is_listed(line: &str) -> bool {
    super::content::entry(line).is_some_and(|entry| !entry.exception)
}

/// What indicators allow, to be found by name.
struct Allowed<'a> {
    /// Names, each with whether what is below is allowed too.
    names: HashMap<&'a str, bool>,
    /// Names that something allowed is below of.
    above: HashSet<&'a str>,
    ranges: Vec<Prefix>,
}

impl<'a> Allowed<'a> {
    fn of(indicators: &'a [(IndicatorType, String, Action)]) -> Self {
        let mut allowed = Self {
            names: HashMap::new(),
            above: HashSet::new(),
            ranges: Vec::new(),
        };
        for (kind, value, _) in indicators.iter().filter(|(.., action)| *action == Action::Allowed) {
            let host = value.split(['/', '?']).next().unwrap_or_default();
            match kind {
                IndicatorType::DomainName => {
                    allowed.names.insert(host, true);
                }
                IndicatorType::Url => {
                    allowed.names.entry(host).or_insert(false);
                }
                _ => allowed.ranges.extend(Prefix::parse(value).ok()),
            }
            allowed.above.extend(parents(host).skip(1));
        }
        allowed
    }

    fn concerns(&self, entry: FeedEntry<'_>) -> bool {
        if entry.kind == IndicatorType::IpAddress {
            let shares = |prefix: Prefix| {
                let shared = |range: &Prefix| range.contains(prefix.addr()) || prefix.contains(range.addr());
                self.ranges.iter().any(shared)
            };
            return Prefix::parse(entry.value).is_ok_and(shares);
        }
        let host = entry.value.split(['/', '?']).next().unwrap_or_default();
        let lies_below = || parents(host).skip(1).any(|name| self.names.get(name) == Some(&true));
        self.names.contains_key(host)
            || lies_below()
            || entry.kind == IndicatorType::DomainName && self.above.contains(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(lines: &[&str]) -> Content {
        Content::of_lines(&lines.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_report_says_what_would_happen() {
        use IndicatorType::{DomainName as D, IpAddress as I, Url as U};
        let feed = content(&[
            "Dok.evil.example",
            "dads.partner.example",
            "dcorp.example",
            "devil.example",
            "dgoogle.com",
            "dknown.example",
            "i192.0.2.0/24",
            "ushared.example/x",
        ]);
        let against = Against {
            at: Timestamp::from_micros(1),
            protected: Protected::parse(&["portal.corp.example".into()]).unwrap(),
            known_good: HashSet::from(["google.com".to_string(), "www.known.example".to_string()]),
            indicators: vec![
                (D, "evil.example".into(), Action::Block),
                (D, "partner.example".into(), Action::Allowed),
                (I, "192.0.2.9".into(), Action::Allowed),
                (U, "elsewhere.example/x".into(), Action::Allowed),
            ],
            feeds: vec![
                (
                    "a".into(),
                    content(&["devil.example", "ushared.example/x", "dother.example"]),
                ),
                ("b".into(), content(&["dother.example"])),
            ],
        };
        let check = check(&feed, &against);
        assert_eq!(
            (check.new, check.shared, check.indicators),
            (5, vec![("a".into(), 2)], 1)
        );
        assert_eq!(check.protected.first, ["corp.example (portal.corp.example)"]);
        assert_eq!(check.known_good.first, ["google.com", "known.example"]);
        assert_eq!(check.allowed.first, ["ads.partner.example", "192.0.2.0/24"]);
    }
}
