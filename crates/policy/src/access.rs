//! What holds for access before any policy: strangers, removed devices and High risk stay outside.

use moat_model::{Risk, Timestamp};

use crate::{Reason, risk::ActiveAlert, say};

/// Who asks for access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// No certificate, or one that is not of a known device.
    Unknown,
    /// The certificate's time is over.
    CertificateExpired {
        at: Timestamp,
    },
    /// An administrator took the device's certificate away.
    Revoked,
    Known(Device),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub risk: Risk,
    /// The alerts behind the risk, oldest first.
    pub because: Vec<ActiveAlert>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDecision {
    pub allowed: bool,
    /// Empty when allowed.
    pub reasons: Vec<Reason>,
}

/// High risk, unknown and revoked devices stay outside; everyone else comes in.
#[must_use]
pub fn evaluate(subject: &Subject) -> AccessDecision {
    let reason = match subject {
        Subject::Unknown => Some(Reason::new(say("because-stranger")).remedy(say("do-enrol"))),
        Subject::CertificateExpired { at } => {
            Some(Reason::new(say("because-certificate-expired").with("at", *at)).remedy(say("do-enrol-again")))
        }
        Subject::Revoked => Some(Reason::new(say("because-removed")).remedy(say("do-ask-and-enrol"))),
        Subject::Known(device) if device.risk >= Risk::High => Some(high_risk(device)),
        Subject::Known(_) => None,
    };
    AccessDecision {
        allowed: reason.is_none(),
        reasons: reason.into_iter().collect(),
    }
}

fn high_risk(device: &Device) -> Reason {
    let (text, remedy) = match device.because.as_slice() {
        [] => (say("because-high-risk"), say("do-ask-which-alert")),
        [alert] => (
            say("because-high-risk-alert").with("alert", &alert.title),
            say("do-wait-for-alert"),
        ),
        [first, others @ ..] => (
            say("because-high-risk-alerts")
                .with("alert", &first.title)
                .with("count", others.len()),
            say("do-wait-for-alerts"),
        ),
    };
    Reason::new(text).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_model::Severity;

    #[test]
    fn only_high_risk_and_strangers_stay_outside() {
        let because = vec![ActiveAlert {
            id: "1".into(),
            title: "Device is jailbroken".into(),
            severity: Severity::High,
        }];
        for risk in Risk::ALL {
            let decision = evaluate(&Subject::Known(Device {
                risk: *risk,
                because: because.clone(),
            }));
            assert_eq!(decision.allowed, *risk != Risk::High, "{risk}");
            assert_eq!(decision.reasons.is_empty(), decision.allowed);
        }
        for subject in [
            Subject::Unknown,
            Subject::Revoked,
            Subject::CertificateExpired {
                at: Timestamp::from_micros(0),
            },
        ] {
            assert!(!evaluate(&subject).allowed, "{subject:?}");
        }
        let decision = evaluate(&Subject::Known(Device {
            risk: Risk::High,
            because,
        }));
        assert!(decision.reasons[0].english().text.contains("jailbroken"));
        assert!(decision.reasons[0].english().remedies()[0].contains("the alert is resolved"));
    }

    #[test]
    fn with_several_alerts_all_must_be_resolved() {
        let alert = |title: &str| ActiveAlert {
            id: title.into(),
            title: title.into(),
            severity: Severity::High,
        };
        let decision = evaluate(&Subject::Known(Device {
            risk: Risk::High,
            because: vec![alert("first"), alert("second"), alert("third")],
        }));
        assert!(decision.reasons[0].english().text.contains("\"first\" and 2 more"));
        assert!(decision.reasons[0].english().remedies()[0].contains("all of them"));
    }
}
