use std::net::IpAddr;

use moat_model::{Action, Timestamp};

use crate::{
    matching::{Match, Tier},
    set::IndicatorSet,
    url::{InvalidUrl, UrlPattern, is_https},
};

/// "Would this be blocked, and why?"
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What would happen: Allowed when nothing matches.
    pub action: Action,
    /// The reason in words.
    pub reason: String,
    /// Every live indicator that matches, the one that decides first.
    pub candidates: Vec<Candidate>,
    /// The path was not looked at: over HTTPS only the host is seen.
    pub path_unseen: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub indicator: Match,
    /// How it matched, in words.
    pub because: String,
}

/// Judges a host name, URL or IP address as a device would: of an `https` URL it sees only the host, and the reason says so
/// when that matters.
pub fn explain(set: &IndicatorSet, input: &str, now: Timestamp) -> Result<Explanation, InvalidUrl> {
    let input = input.trim();
    let (mut matches, path_unseen) = match input.parse::<IpAddr>() {
        Ok(ip) => (set.matches(None, None, Some(ip), now), false),
        Err(_) => matches_of_url(set, &UrlPattern::parse(input)?, is_https(input), now),
    };
    matches.sort_by(|a, b| {
        if a.beats(b) {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        }
    });
    let candidates: Vec<Candidate> = matches
        .into_iter()
        .map(|indicator| Candidate {
            because: because(&indicator),
            indicator,
        })
        .collect();
    let note = if path_unseen {
        " Over HTTPS only the host is seen, so the path was not looked at."
    } else {
        ""
    };
    Ok(match candidates.first() {
        None => Explanation {
            action: Action::Allowed,
            reason: format!("No indicator matches, so it is allowed.{note}"),
            candidates,
            path_unseen,
        },
        Some(first) => {
            let m = &first.indicator;
            let who = match m.tier {
                Tier::Own => format!("Indicator {}", m.id),
                Tier::Feed => format!("Feed {}", m.title),
            };
            let reason = format!("{who} ({}) decides: {}.{note}", m.value, first.because);
            Explanation {
                action: m.action,
                reason,
                candidates,
                path_unseen,
            }
        }
    })
}

/// What matches a URL, and whether its path could not be looked at.
fn matches_of_url(set: &IndicatorSet, url: &UrlPattern, https: bool, now: Timestamp) -> (Vec<Match>, bool) {
    let path = Some(url.path()).filter(|path| !path.is_empty());
    let seen = path.filter(|_| !https);
    let ip = url.host().parse().ok();
    (set.matches(Some(url.host()), seen, ip, now), https && path.is_some())
}

fn because(m: &Match) -> String {
    use crate::Specificity as S;
    match m.specificity {
        S::Path(_) => "it names the path or one above it, which is seen over plain HTTP only".into(),
        S::ExactHost => "it names exactly this host".into(),
        S::ParentDomain(_) => format!("it names the parent domain {}", m.value),
        S::IpPrefix(_) => format!("its range {} contains the address", m.value),
    }
}
