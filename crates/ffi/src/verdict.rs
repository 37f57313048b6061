use moat_indicators::Match;

/// What happens to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Action {
    Allowed,
    Audit,
    Warn,
    Block,
}

impl From<moat_model::Action> for Action {
    fn from(action: moat_model::Action) -> Self {
        use moat_model::Action as A;
        match action {
            A::Allowed => Self::Allowed,
            A::Audit | A::Alert => Self::Audit,
            A::Warn => Self::Warn,
            A::Block | A::AlertAndBlock | A::BlockAndRemediate => Self::Block,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
}

impl From<moat_model::Severity> for Severity {
    fn from(severity: moat_model::Severity) -> Self {
        use moat_model::Severity as S;
        match severity {
            S::Informational => Self::Informational,
            S::Low => Self::Low,
            S::Medium => Self::Medium,
            S::High => Self::High,
        }
    }
}

/// Where a name or address was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SeenIn {
    Dns,
    Tls,
    Http,
    Ip,
}

/// The indicator that decided.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DecidingIndicator {
    pub id: u64,
    /// Canonical value, such as `phish.example/login`.
    pub value: String,
    pub title: String,
    pub severity: Severity,
    pub generate_alert: bool,
    /// How long a bypassed warning lasts; the bundle's settings say when this is none.
    pub bypass_hours: Option<u32>,
    pub educate_url: Option<String>,
}

/// The action, and the indicator it comes from: none when nothing matched.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Verdict {
    pub action: Action,
    pub because: Option<DecidingIndicator>,
}

impl From<Option<Match>> for Verdict {
    fn from(found: Option<Match>) -> Self {
        let Some(found) = found else {
            return Self {
                action: Action::Allowed,
                because: None,
            };
        };
        Self {
            action: found.action.into(),
            because: Some(DecidingIndicator {
                id: found.id.0,
                value: found.value,
                title: found.title,
                severity: found.severity.into(),
                generate_alert: found.generate_alert,
                bypass_hours: found.bypass_hours,
                educate_url: found.educate_url,
            }),
        }
    }
}
