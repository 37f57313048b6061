//! The verdict: what an observation means under the policy.

use std::{collections::HashMap, net::IpAddr};

use moat_indicators::Match;
use moat_model::{Action, IndicatorId, Timestamp};

use crate::engine::Policy;

/// What was seen on a flow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observation<'a> {
    pub host: Option<&'a str>,
    /// Path with query, of plain HTTP.
    pub path: Option<&'a str>,
    pub ip: Option<IpAddr>,
}

/// The match that decides, if any. A bypassed warning decides as Allowed.
///
/// Indicators decide before feeds. Names are more specific than addresses: among indicators, as among feeds, one on the name
/// decides before one on the address.
pub fn decide(
    policy: &Policy,
    bypasses: &HashMap<IndicatorId, Timestamp>,
    seen: Observation<'_>,
    now: Timestamp,
) -> Option<Match> {
    if seen.host.is_some_and(|host| {
        policy
            .allowed_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }) {
        return None;
    }
    let mut matched = policy.indicators.lookup(seen.host, seen.path, seen.ip, now)?;
    if matched.action == Action::Warn && bypasses.get(&matched.id).is_some_and(|until| *until > now) {
        matched.action = Action::Allowed;
    }
    Some(matched)
}

/// Whether a match keeps a flow from its destination.
pub fn forbids(matched: &Match) -> bool {
    matches!(matched.action, Action::Block | Action::Warn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_indicators::{Entry, IndicatorSet, compile};
    use moat_model::{IndicatorType, Settings, Severity};

    fn policy(list: &[(u64, IndicatorType, &str, Action)]) -> Policy {
        let entries = list.iter().map(|(id, kind, value, action)| Entry {
            id: IndicatorId(*id),
            kind: *kind,
            value: (*value).into(),
            action: *action,
            severity: Severity::Low,
            title: String::new(),
            generate_alert: false,
            expires: None,
            bypass_hours: None,
            educate_url: None,
        });
        let indicators = IndicatorSet::open(compile(entries, [0; 16]).unwrap()).unwrap();
        Policy {
            indicators,
            settings: Settings::default(),
            allowed_hosts: vec!["moat.example".into()],
        }
    }

    #[test]
    fn a_name_decides_before_an_address() {
        use IndicatorType::{DomainName as D, IpAddress as I};
        let policy = policy(&[
            (1, D, "good.example", Action::Allowed),
            (2, I, "192.0.2.1", Action::Block),
            (3, D, "moat.example", Action::Block),
            (4, D, "warn.example", Action::Warn),
        ]);
        let now = Timestamp::from_micros(10);
        let ip = Some("192.0.2.1".parse().unwrap());
        let none = HashMap::new();
        let action =
            |host, ip, bypasses| decide(&policy, bypasses, Observation { host, path: None, ip }, now).map(|m| m.action);
        assert_eq!(action(Some("good.example"), ip, &none), Some(Action::Allowed));
        assert_eq!(action(Some("other.example"), ip, &none), Some(Action::Block));
        assert_eq!(
            action(Some("moat.example"), None, &none),
            None,
            "our own server is never blocked"
        );
        assert_eq!(action(Some("warn.example"), None, &none), Some(Action::Warn));
        let bypassed = HashMap::from([(IndicatorId(4), Timestamp::from_micros(11))]);
        assert_eq!(action(Some("warn.example"), None, &bypassed), Some(Action::Allowed));
        let over = HashMap::from([(IndicatorId(4), Timestamp::from_micros(10))]);
        assert_eq!(action(Some("warn.example"), None, &over), Some(Action::Warn));
    }
}
