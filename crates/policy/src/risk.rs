//! Device risk: the highest severity among a device's active alerts.

use moat_model::{Risk, Severity};

/// An alert that is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveAlert {
    pub id: String,
    pub title: String,
    pub severity: Severity,
}

/// Risk of a device, and the alerts that make it so: while one of them is active, it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskDecision {
    pub risk: Risk,
    pub because: Vec<ActiveAlert>,
}

/// The most severe alerts decide; they stay in the order in which they are given.
#[must_use]
pub fn evaluate(active: &[ActiveAlert]) -> RiskDecision {
    let worst = active.iter().map(|alert| alert.severity).max();
    RiskDecision {
        risk: worst.map_or(Risk::None, Into::into),
        because: active
            .iter()
            .filter(|alert| Some(alert.severity) == worst)
            .cloned()
            .collect(),
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
    fn the_worst_alerts_decide_and_are_named() {
        assert_eq!(
            evaluate(&[]),
            RiskDecision {
                risk: Risk::None,
                because: Vec::new()
            }
        );
        let decision = evaluate(&[
            alert("a", Severity::Low),
            alert("b", Severity::High),
            alert("c", Severity::High),
        ]);
        let because: Vec<_> = decision.because.iter().map(|alert| alert.id.as_str()).collect();
        assert_eq!((decision.risk, because), (Risk::High, vec!["b", "c"]));
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
