//! Settings about what partners report: an active agent, the threat level, the partner's oldest system.
//!
//! The ladder: each level asks for an active agent and for no threat above it; `high` asks for the agent alone.
//! With several partners each of them must be content.

use moat_model::{
    ThreatLevel, Timestamp,
    compliance::{ComplianceStatus as Status, IosComplianceSettings, PartnerUnresponsive},
};

use super::{
    AgentState, Partner, ThreatReport, rollup,
    settings::{Judged, NAMED, Situation},
};
use crate::{
    Reason,
    connector::{ConnectorView, DataUse},
    jailbreak::OsVersion,
    risk::ActiveAlert,
};

pub(super) fn enabled(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.device_threat_protection_enabled.then(|| {
        let ask = Ask {
            demand: Demand::Active,
            unresponsive: settings.moat_partner_unresponsive,
        };
        ask.judge("deviceThreatProtectionEnabled", situation, |_| true)
    })
}

pub(super) fn level_of_all(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let ask = Ask {
        demand: Demand::AtMost(settings.device_threat_protection_required_security_level.allowed()?),
        unresponsive: settings.moat_partner_unresponsive,
    };
    Some(ask.judge("deviceThreatProtectionRequiredSecurityLevel", situation, |_| true))
}

pub(super) fn level_of_own(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let ask = Ask {
        demand: Demand::AtMost(settings.advanced_threat_protection_required_security_level.allowed()?),
        unresponsive: settings.moat_partner_unresponsive,
    };
    Some(
        ask.judge("advancedThreatProtectionRequiredSecurityLevel", situation, |partner| {
            partner.own
        }),
    )
}

/// The connector's own rule: no iOS older than the partner supports. None where no connector asks for it.
pub(super) fn unsupported_os(situation: &Situation<'_>) -> Option<Judged> {
    let asking = situation
        .partners
        .iter()
        .filter(|(_, view)| view.unsupported_os_blocked);
    let judged = asking.filter_map(|(partner, _)| {
        let limit = OsVersion::parse(partner.minimum_os_version?)?;
        let Some(found) = situation.device.os_version.as_deref().and_then(OsVersion::parse) else {
            return Some((
                Status::Unknown,
                Reason::new("The device has not reported its system's version."),
                None,
            ));
        };
        let fact = Reason::new(format!(
            "The system's version is {found}; {} supports {limit} and later.",
            partner.name
        ));
        Some(if found < limit {
            (
                Status::NonCompliant,
                fact.remedy(format!("Update to {limit} or later.")),
                None,
            )
        } else {
            (Status::Compliant, fact, None)
        })
    });
    if !situation.is_ios() {
        return None;
    }
    let demand = "blocks systems that a partner does not support";
    worst(judged.collect())
        .map(|(status, fact, _)| Judged::new("partnerUnsupportedOsVersionBlocked", demand, status, fact))
}

/// Data that never came: refused where the connector says so, unknown elsewhere.
pub(super) const fn missing(blocked: bool) -> Status {
    if blocked { Status::NonCompliant } else { Status::Unknown }
}

#[derive(Clone, Copy)]
enum Demand {
    Active,
    AtMost(ThreatLevel),
}

struct Ask {
    demand: Demand,
    unresponsive: PartnerUnresponsive,
}

/// A status, why, and when time alone may change it.
type Outcome = (Status, Reason, Option<Timestamp>);

impl Ask {
    fn judge(&self, setting: &'static str, situation: &Situation<'_>, counts: fn(&Partner<'_>) -> bool) -> Judged {
        let demand = match self.demand {
            Demand::Active | Demand::AtMost(ThreatLevel::High) => "requires an active threat agent".to_string(),
            Demand::AtMost(ThreatLevel::Secured) => "allows no threat".to_string(),
            Demand::AtMost(level) => format!("allows threats up to the level {level}"),
        };
        let outcomes: Vec<Outcome> = situation
            .partners
            .iter()
            .filter(|(partner, view)| counts(partner) && view.compliance != DataUse::SwitchedOff)
            .map(|(partner, view)| self.of(partner, view, situation))
            .collect();
        match worst(outcomes) {
            Some((status, fact, until)) => Judged::new(setting, demand, status, fact).until(until),
            None => {
                let fact = Reason::new("No connector is switched on for compliance on iOS.")
                    .remedy("Ask your administrator to switch a connector on.");
                Judged::new(setting, demand, Status::Unknown, fact)
            }
        }
    }

    fn of(&self, partner: &Partner<'_>, view: &ConnectorView, situation: &Situation<'_>) -> Outcome {
        let missing = |fact: Reason| (missing(view.blocked_on_missing_data), fact, None);
        let name = partner.name;
        match (view.compliance, self.unresponsive, partner.report) {
            (DataUse::SwitchedOff | DataUse::NotSetUp, _, _) => {
                let fact = Reason::new(format!(
                    "{name} is not set up, so the device's threat level is not known."
                ));
                missing(fact.remedy("Ask your administrator to finish the connector's set-up."))
            }
            (DataUse::Current, _, _) => {
                let (status, fact) = self.reported(partner, view);
                (status, fact, view.next_change)
            }
            (DataUse::Unresponsive, PartnerUnresponsive::Block, _) => {
                let fact = Reason::new(format!("{name} does not respond.")).remedy(WAIT);
                (Status::NonCompliant, fact, None)
            }
            (DataUse::Unresponsive, PartnerUnresponsive::KeepLastKnown, Some(report)) => {
                self.last_known(partner, view, report, situation)
            }
            (DataUse::Unresponsive, PartnerUnresponsive::Ignore | PartnerUnresponsive::KeepLastKnown, _) => {
                let text = format!("{name} does not respond, so the device's threat level is not known.");
                missing(Reason::new(text).remedy(WAIT))
            }
        }
    }

    /// The last report stands until it is older than the validity period.
    fn last_known(
        &self,
        partner: &Partner<'_>,
        view: &ConnectorView,
        report: ThreatReport,
        situation: &Situation<'_>,
    ) -> Outcome {
        let name = partner.name;
        let ends = report.at.saturating_add(situation.validity);
        if situation.now >= ends {
            let text = format!(
                "{name} does not respond, and its last report of {} is too old.",
                report.at
            );
            return (Status::NonCompliant, Reason::new(text).remedy(WAIT), None);
        }
        let (status, fact) = self.reported(partner, view);
        let text = format!(
            "{name} does not respond; its last report of {} stands until {ends}.",
            report.at
        );
        (status, Reason::new(text).because([fact]), Some(ends))
    }

    fn reported(&self, partner: &Partner<'_>, view: &ConnectorView) -> (Status, Reason) {
        let active = partner.agent == AgentState::Active;
        let agent_alone = matches!(self.demand, Demand::Active | Demand::AtMost(ThreatLevel::High));
        if active && agent_alone {
            return (Status::Compliant, agent(partner));
        }
        let must_be_active = matches!(self.demand, Demand::AtMost(ThreatLevel::High));
        match (partner.report, self.demand) {
            (None, _) if !must_be_active => {
                let name = partner.name;
                let fact = Reason::new(format!("{name} has never reported on the device."))
                    .remedy(format!("Open {name}'s app on the device and sign in."));
                (missing(view.blocked_on_missing_data), fact)
            }
            (Some(report), Demand::AtMost(allowed)) if active => level(partner, report.level, allowed),
            _ => (Status::NonCompliant, agent(partner)),
        }
    }
}

const WAIT: &str = "Ask your administrator to get the partner's service running again.";

fn agent(partner: &Partner<'_>) -> Reason {
    let name = partner.name;
    match partner.agent {
        AgentState::Active => Reason::new(format!("{name}'s agent is active on the device.")),
        AgentState::Inactive => Reason::new(format!("{name}'s agent is not active on the device."))
            .remedy(format!("Open {name}'s app on the device and switch its protection on.")),
        AgentState::Missing => Reason::new(format!("{name}'s agent is not on the device."))
            .remedy(format!("Install {name}'s app and sign in.")),
    }
}

fn level(partner: &Partner<'_>, found: ThreatLevel, allowed: ThreatLevel) -> (Status, Reason) {
    let fact = Reason::new(format!("The device's threat level is {found} ({}).", partner.name));
    if found <= allowed {
        return (Status::Compliant, fact);
    }
    let mut alerts: Vec<&ActiveAlert> = partner
        .alerts
        .iter()
        .filter(|alert| ThreatLevel::from(moat_model::Risk::from(alert.severity)) > allowed)
        .collect();
    alerts.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| (&a.title, &a.id).cmp(&(&b.title, &b.id)))
    });
    let because = alerts.iter().take(NAMED).map(|alert| {
        Reason::new(format!("The alert \"{}\" ({}) is open.", alert.title, alert.severity))
            .remedy(format!("Resolve the alert \"{}\".", alert.title))
    });
    let unnamed = alerts.len().saturating_sub(NAMED);
    let more = (unnamed > 0)
        .then(|| Reason::new(format!("{unnamed} more alerts are open.")).remedy("Resolve the other alerts."));
    let fact = if alerts.is_empty() {
        fact.remedy(format!("Resolve the threat that {}'s app shows.", partner.name))
    } else {
        fact
    };
    (Status::NonCompliant, fact.because(because.chain(more)))
}

/// The worst status with the reasons of all who have it, and the earliest moment of change. None without outcomes.
fn worst(outcomes: Vec<Outcome>) -> Option<Outcome> {
    let until = outcomes.iter().filter_map(|(_, _, until)| *until).min();
    let status = outcomes
        .iter()
        .map(|(status, _, _)| *status)
        .max_by_key(|status| rollup::severity(*status))?;
    let mut facts: Vec<Reason> = outcomes
        .into_iter()
        .filter(|(found, _, _)| *found == status)
        .map(|(_, fact, _)| fact)
        .collect();
    let fact = if facts.len() == 1 {
        facts.pop()?
    } else {
        Reason::new("Several partners report on the device.").because(facts)
    };
    Some((status, fact, until))
}
