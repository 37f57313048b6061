use moat_model::{Action, IndicatorId, IndicatorType, Severity};

/// Whose word a match is. The organisation's own comes first, however closely a feed names the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Feed,
    Own,
}

/// How closely an indicator names what it matched. The closest wins; see [`Match::beats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Specificity {
    /// An address range; longer prefixes are closer. IPv4 lengths count from 96.
    IpPrefix(u8),
    /// A parent domain with this many labels.
    ParentDomain(u8),
    ExactHost,
    /// A URL path of this length.
    Path(u16),
}

/// An indicator, or an entry of a feed, that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub id: IndicatorId,
    pub tier: Tier,
    /// One of Allowed, Audit, Warn and Block.
    pub action: Action,
    pub severity: Severity,
    pub generate_alert: bool,
    pub kind: IndicatorType,
    /// Canonical value of the indicator.
    pub value: String,
    /// An indicator's title, or a feed's name.
    pub title: String,
    pub bypass_hours: Option<u32>,
    pub educate_url: Option<String>,
    pub specificity: Specificity,
}

impl Match {
    /// Where it comes from, for people: `indicator 12`, `feed Phishing`.
    #[must_use]
    pub fn origin(&self) -> String {
        match self.tier {
            Tier::Own => format!("indicator {}", self.id),
            Tier::Feed => format!("feed {}", self.title),
        }
    }

    /// The order of decision: indicators before feeds; then the more specific wins; at the same specificity Allow > Warn > Block > Audit,
    /// and then the older indicator, so that the outcome never depends on the order in a file.
    #[must_use]
    pub fn beats(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    fn rank(&self) -> (Tier, Specificity, u8, std::cmp::Reverse<IndicatorId>) {
        let closeness = (self.specificity, precedence(self.action));
        (self.tier, closeness.0, closeness.1, std::cmp::Reverse(self.id))
    }
}

/// Precedence among indicators of the same specificity.
fn precedence(action: Action) -> u8 {
    match action.enforced_as() {
        Action::Allowed => 3,
        Action::Warn => 2,
        Action::Block => 1,
        _ => 0,
    }
}
