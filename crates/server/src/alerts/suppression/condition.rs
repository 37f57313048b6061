//! What a rule asks of an alert, apart from whose device it is.

use std::net::IpAddr;

use moat_indicators::{InvalidUrl, Prefix, UrlPattern};
use moat_model::AlertKind;

/// Kinds that rules may name. What people raise by hand is never suppressed.
pub const KINDS: [AlertKind; 6] = [
    AlertKind::WebThreat,
    AlertKind::WarningBypassed,
    AlertKind::Jailbreak,
    AlertKind::WebProtectionOff,
    AlertKind::DeviceSilent,
    AlertKind::BundleRefused,
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// None is every kind but jailbreaks, which only a rule for them suppresses.
    pub kind: Option<AlertKind>,
    /// Empty is every category.
    pub category: String,
    pub value: Option<Pattern>,
}

/// What a rule sees of an alert.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    pub kind: AlertKind,
    pub category: &'a str,
    /// The canonical value of its indicator, when it has one that is still there.
    pub indicator: Option<&'a str>,
    /// The sites in its evidence; none when they stay on the device.
    pub sites: Vec<&'a str>,
}

impl Condition {
    pub fn is_empty(&self) -> bool {
        self.kind.is_none() && self.category.is_empty() && self.value.is_none()
    }

    pub fn matches(&self, alert: &Subject<'_>) -> bool {
        self.names(alert.kind)
            && (self.category.is_empty() || self.category == alert.category)
            && self.value.as_ref().is_none_or(|value| value.is_behind(alert))
    }

    fn names(&self, kind: AlertKind) -> bool {
        match self.kind {
            Some(named) => named == kind,
            None => !matches!(kind, AlertKind::Jailbreak | AlertKind::Manual),
        }
    }
}

/// The value of indicators and sites that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Host {
        name: String,
        subdomains: bool,
    },
    /// One page; never a host alone.
    Page(UrlPattern),
    Addresses(Prefix),
}

impl Pattern {
    /// Reads an address or range, a URL, or a host name; with its subdomains where that is said.
    pub fn parse(text: &str, subdomains: bool) -> Result<Self, InvalidUrl> {
        if let Ok(prefix) = Prefix::parse(text) {
            return Ok(Self::Addresses(prefix));
        }
        let url = UrlPattern::parse(text)?;
        if !url.path().is_empty() {
            return Ok(Self::Page(url));
        }
        Ok(match Prefix::parse(url.host()) {
            Ok(prefix) => Self::Addresses(prefix),
            Err(_) => Self::Host {
                name: url.host().to_string(),
                subdomains,
            },
        })
    }

    /// As it is stored; [`Pattern::parse`] reads it again.
    pub fn text(&self) -> String {
        match self {
            Self::Host { name, .. } => name.clone(),
            Self::Page(url) => url.to_string(),
            Self::Addresses(prefix) => prefix.to_string(),
        }
    }

    pub const fn has_subdomains(&self) -> bool {
        matches!(self, Self::Host { subdomains: true, .. })
    }

    /// What stands in every text that it covers; none for addresses, which are written in many ways.
    pub fn needle(&self) -> Option<&str> {
        match self {
            Self::Host { name, .. } => Some(name),
            Self::Page(url) => Some(url.host()),
            Self::Addresses(_) => None,
        }
    }

    /// An alert is about the value when its indicator is, or every site that it names.
    fn is_behind(&self, alert: &Subject<'_>) -> bool {
        let sites = &alert.sites;
        alert.indicator.is_some_and(|value| self.covers(value))
            || (!sites.is_empty() && sites.iter().all(|site| self.covers(site)))
    }

    fn covers(&self, text: &str) -> bool {
        match self {
            Self::Addresses(range) => address(text)
                .is_some_and(|found| range.contains(found.addr()) && found.prefix_len() >= range.prefix_len()),
            Self::Page(page) => UrlPattern::parse(text).is_ok_and(|url| url == *page),
            Self::Host { name, subdomains } => {
                let host = UrlPattern::parse(text).map(|url| url.host().to_string());
                host.is_ok_and(|host| {
                    let before = host.strip_suffix(name.as_str());
                    before.is_some_and(|rest| rest.is_empty() || (*subdomains && rest.ends_with('.')))
                })
            }
        }
    }
}

/// An address or range, also where it is the host of a URL.
fn address(text: &str) -> Option<Prefix> {
    Prefix::parse(text).ok().or_else(|| {
        let url = UrlPattern::parse(text).ok()?;
        let ip: IpAddr = url.host().parse().ok()?;
        Prefix::parse(&ip.to_string()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert<'a>(kind: AlertKind, indicator: Option<&'a str>, sites: &[&'a str]) -> Subject<'a> {
        Subject {
            kind,
            category: "SuspiciousActivity",
            indicator,
            sites: sites.to_vec(),
        }
    }

    fn value(text: &str, subdomains: bool) -> Condition {
        Condition {
            value: Some(Pattern::parse(text, subdomains).unwrap()),
            ..Condition::default()
        }
    }

    #[test]
    fn a_value_is_that_of_the_indicator_or_of_every_site() {
        let web = |indicator, sites: &[&'static str]| alert(AlertKind::WebThreat, indicator, sites);
        for (rule, subdomains, indicator, sites, expected) in [
            ("Ads.Example", false, Some("ads.example"), &["x.ads.example"][..], true),
            ("ads.example", false, Some("example"), &["ads.example"], true),
            ("ads.example", false, Some("x.ads.example"), &["x.ads.example"], false),
            ("ads.example", true, Some("x.ads.example"), &[], true),
            ("ads.example", true, Some("badads.example"), &["badads.example"], false),
            ("ads.example", true, None, &["a.ads.example", "other.example"], false),
            (
                "ads.example",
                true,
                None,
                &["a.ads.example", "http://ads.example/x"],
                true,
            ),
            ("ads.example", true, None, &[], false),
            ("http://a.example/x", false, Some("a.example/x"), &[], true),
            (
                "http://a.example/x",
                false,
                Some("a.example"),
                &["http://a.example/y"],
                false,
            ),
            ("192.0.2.7", false, Some("192.0.2.7"), &[], true),
            ("192.0.2.0/24", false, None, &["192.0.2.9", "http://192.0.2.8/x"], true),
            ("192.0.2.0/24", false, Some("192.0.0.0/16"), &[], false),
        ] {
            let found = value(rule, subdomains).matches(&web(indicator, sites));
            assert_eq!(found, expected, "{rule} {subdomains} {indicator:?} {sites:?}");
        }
    }

    #[test]
    fn only_a_rule_for_jailbreaks_suppresses_them_and_none_what_people_raised() {
        let all = Condition {
            category: "SuspiciousActivity".into(),
            ..Condition::default()
        };
        for kind in KINDS {
            assert_eq!(all.matches(&alert(kind, None, &[])), kind != AlertKind::Jailbreak);
            let own = Condition {
                kind: Some(kind),
                ..Condition::default()
            };
            assert!(own.matches(&alert(kind, None, &[])));
            assert!(!own.matches(&alert(AlertKind::Manual, None, &[])));
        }
        assert!(!all.matches(&alert(AlertKind::Manual, None, &[])));
        let other = Condition {
            category: "DefenseEvasion".into(),
            ..Condition::default()
        };
        assert!(!other.matches(&alert(AlertKind::WebThreat, None, &[])));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        for text in [
            "ads.example",
            "http://a.example/x?y=1",
            "2001:db8::/32",
            "192.0.2.7",
            "intranet",
        ] {
            let pattern = Pattern::parse(text, true).unwrap();
            assert_eq!(Pattern::parse(&pattern.text(), true).unwrap(), pattern);
        }
        for wrong in ["", "*.example.com", "ftp://a.example", "a b"] {
            assert!(Pattern::parse(wrong, false).is_err(), "{wrong}");
        }
    }
}
