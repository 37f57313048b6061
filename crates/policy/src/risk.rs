//! Device risk: the highest severity among a device's active alerts.

use moat_model::{Risk, Severity};

/// An alert that is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveAlert {
    pub id: String,
    pub title: String,
    pub severity: Severity,
}

/// Risk of a device, and the alert that makes it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskDecision {
    pub risk: Risk,
    pub because: Option<ActiveAlert>,
}

/// The first of the most severe alerts decides; give the alerts oldest first.
#[must_use]
pub fn evaluate(active: &[ActiveAlert]) -> RiskDecision {
    let worst = active.iter().rev().max_by_key(|alert| alert.severity);
    RiskDecision {
        risk: worst.map_or(Risk::None, |alert| alert.severity.into()),
        because: worst.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_model::ThreatLevel;

    fn alert(id: &str, severity: Severity) -> ActiveAlert {
        ActiveAlert {
            id: id.into(),
            title: id.into(),
            severity,
        }
    }

    #[test]
    fn the_worst_alert_decides_and_is_named() {
        assert_eq!(
            evaluate(&[]),
            RiskDecision {
                risk: Risk::None,
                because: None
            }
        );
        let decision = evaluate(&[
            alert("a", Severity::Low),
            alert("b", Severity::High),
            alert("c", Severity::High),
        ]);
        assert_eq!(
            (decision.risk, decision.because.unwrap().id.as_str()),
            (Risk::High, "b")
        );
    }

    #[test]
    fn informational_leaves_the_device_secured() {
        let decision = evaluate(&[alert("a", Severity::Informational)]);
        assert_eq!(
            (decision.risk, ThreatLevel::from(decision.risk)),
            (Risk::Informational, ThreatLevel::Secured)
        );
    }
}
